// The application as plain handlers, with middy around them.

import crypto from 'node:crypto';
import middy from '@middy/core';
import httpErrorHandler from '@middy/http-error-handler';
import httpHeaderNormalizer from '@middy/http-header-normalizer';
import httpJsonBodyParser from '@middy/http-json-body-parser';
import httpRouterHandler from '@middy/http-router';
import httpUrlencodeBodyParser from '@middy/http-urlencode-body-parser';

const json = (value, statusCode = 200, more = {}) => ({
  statusCode,
  headers: { 'Content-Type': 'application/json', ...more },
  body: JSON.stringify(value),
});

const text = (body) => ({
  statusCode: 200,
  headers: { 'Content-Type': 'text/plain; charset=utf-8' },
  body,
});

const query = (event, name) =>
  event.multiValueQueryStringParameters?.[name] ??
  event.queryStringParameters?.[name]?.split(',') ??
  [];

const content = (event) => Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8');

const routes = {
  'GET /pets/{id}': async (event) =>
    json({
      id: event.pathParameters.id,
      tags: query(event, 'tag'),
      agent: event.headers['x-agent'] ?? null,
    }),
  'POST /pets': middy(async (event) => {
    const { name } = event.body;
    return json({ name, length: [...name].length }, 201, { Location: '/pets/7' });
  }).use(httpJsonBodyParser()),
  'GET /headers': async (event) => {
    const values = event.multiValueHeaders?.['x-tag'] ?? event.headers['x-tag'].split(',');
    return json({ 'x-tag': values.map((value) => value.trim()) });
  },
  'GET /cookies': async (event) => {
    const pairs = event.cookies ?? (event.headers.cookie ?? '').split('; ').filter(Boolean);
    const sent = Object.fromEntries(pairs.map((pair) => pair.split('=')));
    const own = ['first=1; Path=/', 'second=2; HttpOnly'];
    const kept = event.version === '2.0' ? { cookies: own } : { multiValueHeaders: { 'Set-Cookie': own } };
    return { ...json(sent), ...kept };
  },
  'GET /image': async () => ({
    statusCode: 200,
    headers: { 'Content-Type': 'image/png' },
    body: Buffer.from(Array.from({ length: 256 }, (_, index) => index)).toString('base64'),
    isBase64Encoded: true,
  }),
  'POST /image': async (event) => {
    const bytes = content(event);
    return json({ bytes: bytes.length, sha256: crypto.createHash('sha256').update(bytes).digest('hex') });
  },
  'POST /form': middy(async (event) => {
    const all = Object.entries(event.body).map(([name, value]) => [name, [].concat(value)]);
    return json(Object.fromEntries(all));
  }).use(httpUrlencodeBodyParser()),
  'GET /old': async () => ({ statusCode: 302, headers: { Location: '/pets/1?moved=yes' } }),
  'GET /fail': async () => {
    throw new Error('on purpose');
  },
  'GET /large': async (event) => text('x'.repeat(Number(query(event, 'bytes')[0]))),
  'GET /names/{name}': async (event) => text(`Grüße, ${decodeURIComponent(event.pathParameters.name)} ✓`),
  'DELETE /pets/{id}': async () => ({ statusCode: 204 }),
};

const table = Object.entries(routes).map(([key, handler]) => {
  const [method, path] = key.split(' ');
  return { method, path, handler };
});

export const handler = middy()
  .use(httpHeaderNormalizer())
  .use(httpErrorHandler({ fallbackMessage: 'Internal Server Error', logger: false }))
  .handler(httpRouterHandler(table));
