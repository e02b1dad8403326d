// Node's runtime loop: asks the Runtime API for an event, calls the handler, posts its result.
//
// Behaves to the handler and to the Runtime API as the official client (`aws-lambda-ric`) does; the
// same conformance tests (tests/runtimes) run over both. It needs no native module, and costs less: one
// socket that is kept, and two writes per invocation.
//
// Started as `node bootstrap.mjs`, with the function's folder as working directory.
//
//     _HANDLER               `file.export`, `folder/file.export.of.it`
//     AWS_LAMBDA_RUNTIME_API `host:port`, and behind a slash whatever else comes before the API's paths
//
// The socket keeps the process alive only while an answer is waited for. So Node's `beforeExit` says
// when a handler has nothing left to do, which is what `callbackWaitsForEmptyEventLoop` is about.

import fs from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import path from 'node:path';
import { Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import util from 'node:util';

const require = createRequire(import.meta.url);

const JSON_TYPE = 'application/json';
const HTTP_STREAM_TYPE = 'application/vnd.awslambda.http-integration-response';

// Between the prelude of a streamed HTTP response and its body.
const DELIMITER = new Uint8Array(8);

// An error's details for tracing travel in a header; beyond this the header is left out.
const XRAY_BYTES_MAX = 1024 * 1024;

// --- errors -------------------------------------------------------------------------------------

class ImportModuleError extends Error {}
class HandlerNotFound extends Error {}
class MalformedHandlerName extends Error {}
class UserCodeSyntaxError extends Error {}
class MalformedStreamingHandler extends Error {}
class InvalidStreamingOperation extends Error {}
class UnhandledPromiseRejection extends Error {
  constructor(reason, promise) {
    super(reason);
    this.reason = reason;
    this.promise = promise;
  }
}
for (const kind of [
  ImportModuleError,
  HandlerNotFound,
  MalformedHandlerName,
  UserCodeSyntaxError,
  MalformedStreamingHandler,
  InvalidStreamingOperation,
  UnhandledPromiseRejection,
]) {
  kind.prototype.name = `Runtime.${kind.name}`;
}

const isText = (value) => typeof value === 'string' && value !== '';
const isError = (value) =>
  util.types.isNativeError(value) ||
  (value && isText(value.name) && isText(value.message) && isText(value.stack));

// What is posted of an error. DEL would end a header early in some servers.
function payloadOf(error) {
  const safe = (text) => text?.replaceAll('\x7F', '%7F');
  try {
    if (isError(error)) {
      return {
        errorType: safe(error.name),
        errorMessage: safe(error.message),
        trace: safe(error.stack).split('\n'),
      };
    }
    return { errorType: typeof error, errorMessage: error.toString(), trace: [] };
  } catch {
    return {
      errorType: 'handled',
      errorMessage:
        'callback called with Error argument, but there was a problem while retrieving one or more of its message, name, and stack',
    };
  }
}

// What tracing is told of an error.
function causeOf(error) {
  try {
    const stack = (error.stack ?? '').replaceAll('\x7F', '%7F').split('\n').slice(1).map((line) => {
      const text = line.trim().replace(/[()]/g, '');
      const place = text.slice(text.indexOf(' ') + 1);
      const blank = place.lastIndexOf(' ');
      const label = blank >= 0 ? place.slice(0, blank) : '';
      const [file, number] = (label === '' ? place : place.slice(blank + 1)).split(':');
      return { path: file, line: parseInt(number, 10), label: label || 'anonymous' };
    });
    const { errorType: type, errorMessage: message } = payloadOf(error);
    return JSON.stringify({
      working_directory: process.cwd(),
      exceptions: [{ type, message, stack }],
      paths: [...new Set(stack.map((entry) => entry.path))],
    });
  } catch {
    return '';
  }
}

// --- logs ---------------------------------------------------------------------------------------

const LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];
const isJsonLog = process.env.AWS_LAMBDA_LOG_FORMAT?.toUpperCase() === 'JSON';

// Other copies of the runtime's code (layers, tests) look for the ids under these names.
const REQUEST_ID = Symbol.for('aws.lambda.runtime.requestId');
const TENANT_ID = Symbol.for('aws.lambda.runtime.tenantId');

// One line per message: a line break inside of it becomes a carriage return.
const writeLine = (line) => process.stdout.write(`${line.replaceAll('\n', '\r')}\n`);

function logText(level, ...parameters) {
  const time = new Date().toISOString();
  writeLine(`${time}\t${globalThis[REQUEST_ID]}\t${level}\t${util.format(...parameters)}`);
}

const stackOf = (error) => (typeof error.stack === 'string' ? error.stack.split('\n') : error.stack);
const describe = (error) => ({
  errorType: error.constructor?.name ?? 'UnknownError',
  errorMessage: error.message,
  stackTrace: stackOf(error),
});

function logJson(level, ...parameters) {
  const line = { timestamp: new Date().toISOString(), level, requestId: globalThis[REQUEST_ID] };
  if (globalThis[TENANT_ID] !== undefined) line.tenantId = globalThis[TENANT_ID];
  if (parameters.length === 1) {
    line.message = parameters[0];
    const withErrors = (_, value) =>
      value instanceof Error ? { ...describe(value), ...value } : value;
    try {
      return writeLine(JSON.stringify(line, withErrors));
    } catch {
      line.message = util.format(parameters[0]);
      return writeLine(JSON.stringify(line));
    }
  }
  line.message = util.format(...parameters);
  const error = parameters.find((parameter) => parameter instanceof Error);
  if (error) Object.assign(line, describe(error));
  return writeLine(JSON.stringify(line));
}

function patchConsole() {
  const write = isJsonLog ? logJson : logText;
  const least = Math.max(LEVELS.indexOf(process.env.AWS_LAMBDA_LOG_LEVEL?.toUpperCase()), 0);
  LEVELS.forEach((level, index) => {
    const isLogged = index >= least || level === 'FATAL';
    console[level.toLowerCase()] = isLogged
      ? (...parameters) => write(level, ...parameters)
      : () => {};
  });
  console.log = console.info;
}

function logError(title, thrown) {
  const error = thrown instanceof Error ? thrown : new Error(thrown);
  if (isJsonLog) return console.error(error);
  const withDetails = (_, value) => {
    if (!(value instanceof Error)) return value;
    const { name: errorType, message: errorMessage, code } = value;
    const details = { errorType, errorMessage, code, ...value };
    if (typeof value.stack === 'string') details.stack = value.stack.split('\n');
    return details;
  };
  let text;
  try {
    text = JSON.stringify(error, withDetails);
  } catch {
    text = JSON.stringify(payloadOf(error));
  }
  return console.error(title, `\t${text}`);
}

// --- the Runtime API ----------------------------------------------------------------------------

// Reads HTTP/1.1 answers from whatever pieces they come in.
class Answers {
  constructor() {
    this.received = Buffer.alloc(0);
    this.head = null;
    // Pieces are joined when there are enough of them: joining each would copy a large event often.
    this.pieces = [];
    this.missing = 0;
  }

  // A whole answer, or `null` when more bytes are needed.
  push(data) {
    this.pieces.push(data);
    this.missing -= data.length;
    if (this.missing > 0) return null;
    this.received = Buffer.concat([this.received, ...this.pieces]);
    this.pieces = [];
    for (;;) {
      if (this.head === null && !this.readHead()) return null;
      const content = this.head.isChunked ? this.chunks() : this.sized();
      if (content === null) return null;
      const { status, fields } = this.head;
      this.head = null;
      if (status >= 200) return { status, fields, content };
    }
  }

  readHead() {
    const end = this.received.indexOf('\r\n\r\n');
    if (end < 0) return false;
    const [first, ...lines] = this.received.toString('latin1', 0, end).split('\r\n');
    this.received = this.received.subarray(end + 4);
    const fields = {};
    for (const line of lines) {
      const colon = line.indexOf(':');
      fields[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    const isChunked = fields['transfer-encoding']?.toLowerCase() === 'chunked';
    const left = Number(fields['content-length'] ?? 0);
    this.head = { status: Number(first.split(' ')[1]), fields, isChunked, left, parts: [] };
    return true;
  }

  sized() {
    const { left } = this.head;
    this.missing = left - this.received.length;
    if (this.missing > 0) return null;
    const content = this.received.subarray(0, left);
    this.received = this.received.subarray(left);
    return content;
  }

  chunks() {
    for (;;) {
      const end = this.received.indexOf('\r\n');
      if (end < 0) return null;
      const size = parseInt(this.received.toString('latin1', 0, end), 16);
      const whole = end + 2 + size + 2;
      if (this.received.length < whole) return null;
      this.head.parts.push(this.received.subarray(end + 2, end + 2 + size));
      this.received = this.received.subarray(whole);
      // Nobody sends trailers here, so the last chunk is followed by one empty line.
      if (size === 0) return Buffer.concat(this.head.parts);
    }
  }
}

// One kept connection to the Runtime API. One request at a time, in the order of calls.
class RuntimeApi {
  constructor(address) {
    const slash = address.indexOf('/');
    this.host = slash < 0 ? address : address.slice(0, slash);
    const prefix = slash < 0 ? '' : address.slice(slash).replace(/\/+$/, '');
    this.base = `${prefix}/2018-06-01/runtime`;
    this.agent = `User-Agent: ringgate-node/${process.versions.node}\r\n`;
    this.socket = null;
    this.waiting = null;
    this.last = Promise.resolve();
  }

  async next() {
    const answer = await this.call('GET', '/invocation/next');
    if (answer.status < 200 || answer.status > 299) {
      throw new Error(`Failed to get next invocation: the Runtime API answered ${answer.status}`);
    }
    return answer;
  }

  result(requestId, value) {
    return this.post(`/invocation/${encodeURIComponent(requestId)}/response`, toJson(value));
  }

  error(requestId, error) {
    const payload = payloadOf(error);
    const cause = oneLine(causeOf(error));
    let fields = `Lambda-Runtime-Function-Error-Type: ${oneLine(payload.errorType)}\r\n`;
    if (cause.length < XRAY_BYTES_MAX) {
      fields += `Lambda-Runtime-Function-XRay-Error-Cause: ${cause}\r\n`;
    }
    const place = `/invocation/${encodeURIComponent(requestId)}/error`;
    return this.post(place, toJson(payload), fields);
  }

  initError(error) {
    const payload = payloadOf(error);
    const fields = `Lambda-Runtime-Function-Error-Type: ${oneLine(payload.errorType)}\r\n`;
    return this.post('/init/error', toJson(payload), fields);
  }

  async post(place, content, fields = '') {
    const answer = await this.call('POST', place, content, `Content-Type: ${JSON_TYPE}\r\n${fields}`);
    // 413: the caller has been told that the result is too large; the next event may do better.
    if ((answer.status < 200 || answer.status > 299) && answer.status !== 413) {
      throw new Error(`The Runtime API answered ${answer.status} to ${place}`);
    }
  }

  call(method, place, content, fields = '') {
    const answered = this.last.then(() => {
      const length =
        content === undefined ? '' : `Content-Length: ${Buffer.byteLength(content)}\r\n`;
      const answer = this.begin();
      this.socket.write(this.head(method, place, length + fields) + (content ?? ''));
      return answer;
    });
    this.last = answered.catch(() => {});
    return answered;
  }

  head(method, place, fields) {
    return `${method} ${this.base}${place} HTTP/1.1\r\nHost: ${this.host}\r\n${this.agent}${fields}\r\n`;
  }

  // Keeps the process alive until the answer to what is about to be written is there.
  begin() {
    if (this.socket === null) this.connect();
    this.socket.ref();
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject };
    });
  }

  connect() {
    const colon = this.host.lastIndexOf(':');
    const host = this.host.slice(0, colon).replace(/[[\]]/g, '');
    const socket = net.connect({ host, port: Number(this.host.slice(colon + 1)), noDelay: true });
    const answers = new Answers();
    this.socket = socket;
    const end = (error) => {
      if (this.socket === socket) this.socket = null;
      this.settle('reject', error);
    };
    socket.on('data', (data) => {
      const answer = answers.push(data);
      if (answer === null) return;
      if (answer.fields.connection?.toLowerCase() === 'close') {
        this.socket = null;
        socket.destroy();
      }
      this.settle('resolve', answer);
    });
    socket.on('error', end);
    socket.on('close', () => end(new Error('The Runtime API closed the connection')));
  }

  settle(how, value) {
    const waiting = this.waiting;
    this.waiting = null;
    this.socket?.unref();
    waiting?.[how](value);
  }
}

function toJson(value) {
  try {
    return JSON.stringify(value === undefined ? null : value) ?? 'null';
  } catch {
    throw new Error('Unable to stringify response body');
  }
}

// A header's value: what is not printable ASCII is escaped as in JSON, where it comes from.
const oneLine = (text) =>
  String(text).replace(
    /[^ -~]/g,
    (it) => `\\u${it.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

// --- streamed responses -------------------------------------------------------------------------

// What a streaming handler writes to: the content of a POST, in chunks. The request begins with the
// first byte, because until then the content's type may be set.
class ResponseStream extends Writable {
  constructor(api, requestId, highWaterMark) {
    super(highWaterMark === undefined ? {} : { highWaterMark });
    this.api = api;
    this.place = `/invocation/${encodeURIComponent(requestId)}/response`;
    this.contentType = 'application/octet-stream';
    this.hasBegun = false;
    this.failure = null;
    this.answered = new Promise((resolve, reject) => {
      this.settleAnswered = { resolve, reject };
    });
    // Whoever does not wait for the answer must not be ended by it.
    this.answered.catch(() => {});
  }

  setContentType(contentType) {
    if (this.hasBegun) throw new InvalidStreamingOperation('Cannot set content-type, too late.');
    this.contentType = contentType;
  }

  // As the official client: what is no text and no bytes is written as JSON.
  write(chunk, encoding, callback) {
    const isBytes = Buffer.isBuffer(chunk) || chunk?.constructor === Uint8Array;
    const written = typeof chunk === 'string' || isBytes ? chunk : JSON.stringify(chunk);
    if (!this.hasBegun) {
      this.hasBegun = true;
      this._onBeforeFirstWrite?.((first) => super.write(first));
    }
    return super.write(written, encoding, callback);
  }

  end(chunk, encoding, callback) {
    // `Writable` would write a last chunk past `write`.
    if (chunk !== undefined && chunk !== null && typeof chunk !== 'function') {
      this.write(chunk, typeof encoding === 'string' ? encoding : undefined);
      return super.end(typeof encoding === 'function' ? encoding : callback);
    }
    return super.end(chunk, encoding, callback);
  }

  open() {
    if (this.answer !== undefined) return;
    const fields =
      `Content-Type: ${oneLine(this.contentType)}\r\n` +
      'Lambda-Runtime-Function-Response-Mode: streaming\r\n' +
      'Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n' +
      'Transfer-Encoding: chunked\r\n';
    this.answer = this.api.begin();
    this.answer.then(this.settleAnswered.resolve, this.settleAnswered.reject);
    this.api.socket.write(this.api.head('POST', this.place, fields));
  }

  _write(chunk, encoding, callback) {
    this.open();
    // A chunk of no bytes would end the content.
    if (chunk.length === 0) return callback();
    const socket = this.api.socket;
    if (socket === null) return callback(new Error('The Runtime API closed the connection'));
    socket.cork();
    socket.write(`${chunk.length.toString(16)}\r\n`);
    socket.write(chunk);
    socket.write('\r\n', callback);
    return socket.uncork();
  }

  _final(callback) {
    this.open();
    let trailers = '';
    if (this.failure !== null) {
      const body = Buffer.from(JSON.stringify(this.failure)).toString('base64');
      trailers =
        `Lambda-Runtime-Function-Error-Type: ${oneLine(this.failure.errorType)}\r\n` +
        `Lambda-Runtime-Function-Error-Body: ${body}\r\n`;
    }
    const socket = this.api.socket;
    if (socket === null) return callback(new Error('The Runtime API closed the connection'));
    return socket.write(`0\r\n${trailers}\r\n`, callback);
  }

  // Ends the content with an error behind it. Nothing to do when it has ended already.
  fail(error) {
    if (this.writableEnded) return;
    this.failure = payloadOf(error);
    super.end();
  }
}

// What the handler sees of it.
class HttpResponseStream {
  static from(stream, prelude) {
    stream.setContentType(HTTP_STREAM_TYPE);
    const text = JSON.stringify(prelude);
    stream._onBeforeFirstWrite = (write) => {
      write(text);
      write(DELIMITER);
    };
    return stream;
  }
}

const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming');
const HIGH_WATER_MARK = Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark');

function streamifyResponse(handler, options) {
  handler[STREAMING] = 'response';
  if (typeof options?.highWaterMark === 'number') {
    handler[HIGH_WATER_MARK] = Math.trunc(options.highWaterMark);
  }
  return handler;
}

// --- the handler --------------------------------------------------------------------------------

async function handlerOf(root, name) {
  if (name.includes('..')) {
    throw new MalformedHandlerName(
      `'${name}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`,
    );
  }
  const last = path.basename(name);
  const folder = name.slice(0, name.indexOf(last));
  const match = /^([^.]*)\.(.*)$/.exec(last);
  if (match === null) throw new MalformedHandlerName('Bad handler');
  const app = await load(root, folder, match[1]);
  const handler = match[2].split('.').reduce((nested, key) => nested && nested[key], app);
  if (!handler) throw new HandlerNotFound(`${name} is undefined or not exported`);
  if (typeof handler !== 'function') throw new HandlerNotFound(`${name} is not a function`);
  return handler;
}

async function load(root, folder, name) {
  try {
    return await loadModule(root, folder, name);
  } catch (error) {
    if (error instanceof SyntaxError) throw new UserCodeSyntaxError(error);
    if (error?.code === 'MODULE_NOT_FOUND') throw new ImportModuleError(error);
    throw error;
  }
}

// `file`, `file.js` (which kind says the nearest package.json), `file.mjs`, `file.cjs`, and at last
// whatever `require` finds under that name.
async function loadModule(root, folder, name) {
  const file = path.resolve(root, folder, name);
  const required = (at) => (fs.existsSync(at) ? require(at) : undefined);
  const imported = async (at) =>
    fs.existsSync(at) ? import(pathToFileURL(at).href) : undefined;
  const isModule = fs.existsSync(`${file}.js`) && isInModule(path.dirname(file));
  const loaded =
    required(file) ||
    (isModule ? await imported(`${file}.js`) : required(`${file}.js`)) ||
    (await imported(`${file}.mjs`)) ||
    required(`${file}.cjs`);
  return loaded || require(require.resolve(name, { paths: [root, folder] }));
}

function isInModule(folder) {
  if (folder.endsWith('/node_modules')) return false;
  const description = path.join(folder, 'package.json');
  if (fs.existsSync(description)) {
    try {
      const parsed = JSON.parse(fs.readFileSync(description));
      if (parsed) return parsed.type === 'module';
    } catch (error) {
      console.warn(
        `${description} cannot be read, it will be ignored for ES module detection purposes.`,
        error,
      );
      return false;
    }
  }
  return folder !== '/' && isInModule(path.dirname(folder));
}

// --- the loop -----------------------------------------------------------------------------------

// What is done when the handler has nothing left to do.
let whenIdle = () => {};
// What is done with an error that nobody catches.
let whenUncaught;

const isPromise = (value) => value && typeof value.then === 'function';

function environmentOf() {
  return {
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
  };
}

function parsed(text, name) {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`Cannot parse ${name} as json: ${error.toString()}`);
  }
}

// Fills the context object. Fails where a header is no JSON.
function describeInvocation(context, fields) {
  const trace = fields['lambda-runtime-trace-id'];
  if (trace) process.env._X_AMZN_TRACE_ID = trace;
  else delete process.env._X_AMZN_TRACE_ID;
  const deadline = Number(fields['lambda-runtime-deadline-ms']);
  return Object.assign(context, environmentOf(), {
    clientContext: parsed(fields['lambda-runtime-client-context'], 'ClientContext'),
    identity: parsed(fields['lambda-runtime-cognito-identity'], 'CognitoIdentity'),
    invokedFunctionArn: fields['lambda-runtime-invoked-function-arn'],
    awsRequestId: fields['lambda-runtime-aws-request-id'],
    tenantId: fields['lambda-runtime-aws-tenant-id'],
    getRemainingTimeInMillis: () => deadline - Date.now(),
  });
}

class Loop {
  constructor(api, handler) {
    this.api = api;
    this.handler = handler;
    if (handler[STREAMING] && handler[STREAMING] !== 'response') {
      throw new MalformedStreamingHandler('Only response streaming is supported.');
    }
    this.invoke = handler[STREAMING] ? this.invokeStreaming : this.invokeOnce;
  }

  // The next event is asked for behind whatever the handler has left in this turn of the event loop.
  schedule() {
    setImmediate(() => {
      this.once().catch((error) => {
        console.log(`Unexpected Top Level Error: ${error}`);
        whenUncaught(error, 129);
      });
    });
  }

  async once() {
    const { fields, content } = await this.api.next();
    const id = fields['lambda-runtime-aws-request-id'];
    if (!id) throw new Error('invocation id is missing or invalid');
    globalThis[REQUEST_ID] = id;
    globalThis[TENANT_ID] = fields['lambda-runtime-aws-tenant-id'];
    whenUncaught = (error, status) => this.api.error(id, error).finally(() => process.exit(status));
    await this.invoke(id, fields, content.toString());
  }

  invokeOnce(id, fields, content) {
    let isAnswered = false;
    // The first answer counts. A failed post is a fault of the Runtime API: nothing more to be done.
    const post = (posting) => {
      posting.then(() => this.schedule(), (error) => whenUncaught(error, 129));
    };
    const succeed = (value) => {
      if (isAnswered) return;
      isAnswered = true;
      let posting;
      try {
        posting = this.api.result(id, value);
      } catch (error) {
        logError('Invoke Error', error);
        posting = this.api.error(id, error);
      }
      post(posting);
    };
    const fail = (error) => {
      if (isAnswered) return;
      isAnswered = true;
      logError('Invoke Error', error);
      post(this.api.error(id, error));
    };
    let isCalledBack = false;
    let waitsForEmptyEventLoop = true;
    const callback = (error, value) => {
      if (isCalledBack) return;
      isCalledBack = true;
      whenIdle = () => {};
      if (error !== undefined && error !== null) fail(error);
      else if (waitsForEmptyEventLoop) whenIdle = () => setImmediate(() => succeed(value));
      else succeed(value);
    };
    const done = (error, value) => {
      whenIdle = () => {};
      if (error !== undefined && error !== null) fail(error);
      else succeed(value);
    };
    const context = {
      get callbackWaitsForEmptyEventLoop() {
        return waitsForEmptyEventLoop;
      },
      set callbackWaitsForEmptyEventLoop(value) {
        waitsForEmptyEventLoop = value;
      },
      succeed: (value) => done(null, value),
      fail: (error) => done(error ?? 'handled'),
      done,
    };
    // Neither an answer nor anything that could bring one.
    whenIdle = () => succeed(null);
    try {
      const event = JSON.parse(content);
      const value = this.handler(event, describeInvocation(context, fields), callback);
      if (isPromise(value)) value.then(context.succeed, context.fail).catch(context.fail);
    } catch (error) {
      callback(error);
    }
  }

  async invokeStreaming(id, fields, content) {
    const stream = new ResponseStream(this.api, id, this.handler[HIGH_WATER_MARK]);
    let waitsForEmptyEventLoop = true;
    let isOver = false;
    const over = () => {
      if (isOver) return;
      isOver = true;
      whenIdle = () => {};
      if (waitsForEmptyEventLoop) whenIdle = () => setImmediate(() => this.schedule());
      else this.schedule();
    };
    const fail = (error) => {
      logError('Invoke Error', error);
      stream.fail(error);
      stream.answered.then(over, (fault) => whenUncaught(fault, 129));
    };
    const context = {
      get callbackWaitsForEmptyEventLoop() {
        return waitsForEmptyEventLoop;
      },
      set callbackWaitsForEmptyEventLoop(value) {
        waitsForEmptyEventLoop = value;
      },
    };
    // The content's end never came, and nothing is left that could bring it.
    whenIdle = () => fail(new Error('Response stream is not finished.'));
    try {
      const event = JSON.parse(content);
      const value = this.handler(event, stream, describeInvocation(context, fields));
      if (!isPromise(value)) {
        fail('Streaming does not support non-async handlers.');
        return;
      }
      if ((await value) !== undefined) console.warn('Streaming handlers ignore return values.');
      await stream.answered;
      over();
    } catch (error) {
      fail(error);
    }
  }
}

const api = new RuntimeApi(process.env.AWS_LAMBDA_RUNTIME_API);
whenUncaught = (error, status) => api.initError(error).finally(() => process.exit(status));

patchConsole();
process.on('uncaughtException', (error) => {
  logError('Uncaught Exception', error);
  whenUncaught(error, 129);
});
process.on('unhandledRejection', (reason, promise) => {
  const error = new UnhandledPromiseRejection(reason, promise);
  logError('Unhandled Promise Rejection', error);
  whenUncaught(error, 128);
});
process.on('beforeExit', () => whenIdle());

if (!['1', 'true'].includes(process.env.AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA)) {
  globalThis.awslambda = { streamifyResponse, HttpResponseStream };
}

try {
  new Loop(api, await handlerOf(process.cwd(), process.env._HANDLER)).schedule();
} catch (error) {
  logError('Uncaught Exception', error);
  await api.initError(error);
  process.exit(129);
}
