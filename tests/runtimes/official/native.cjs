// Stands in for the native half of `aws-lambda-ric`, which only compiles with cmake and autotools and is
// nothing but an HTTP client (`next`, `done`, `error`). What is compared is the JavaScript half.

const { execFileSync } = require('node:child_process');
const http = require('node:http');
const { _extensions: extensions } = require('node:module');

const base = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation`;

// The native calls return when they are answered, and the process may end right behind them.
function post(place, body, ...headers) {
  const fields = ['Content-Type: application/json', ...headers].flatMap((it) => ['-H', it]);
  const begin = ['-sS', '--fail', '-o', '/dev/null', '--data-binary', '@-'];
  execFileSync('curl', [...begin, ...fields, `${base}/${place}`], { input: body });
}

const client = {
  next: () =>
    new Promise((resolve, reject) => {
      http
        .get(`${base}/next`, (response) => {
          const parts = [];
          response.on('data', (part) => parts.push(part));
          response.on('end', () =>
            resolve({ bodyJson: Buffer.concat(parts).toString(), headers: response.headers }),
          );
        })
        .on('error', reject);
    }),
  done: (id, body) => post(`${id}/response`, body),
  error: (id, body, cause) =>
    post(`${id}/error`, body, `Lambda-Runtime-Function-XRay-Error-Cause: ${cause}`),
};

const original = extensions['.node'];
extensions['.node'] = (module, file) => {
  if (file.endsWith('rapid-client.node')) module.exports = client;
  else original(module, file);
};
