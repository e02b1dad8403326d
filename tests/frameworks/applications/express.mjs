// The application in Express, behind serverless-express.

import crypto from 'node:crypto';
import serverlessExpress from '@codegenie/serverless-express';
import express from 'express';

const app = express();
app.use(express.json({ limit: '6mb' }));
app.use(express.urlencoded({ extended: false }));
app.use(express.raw({ type: 'application/octet-stream', limit: '6mb' }));

const list = (value) => (value === undefined ? [] : [].concat(value));

app.get('/pets/:id', (request, response) => {
  response.json({
    id: request.params.id,
    tags: list(request.query.tag),
    agent: request.get('x-agent') ?? null,
  });
});

app.post('/pets', (request, response) => {
  const { name } = request.body;
  response.status(201).location('/pets/7').json({ name, length: [...name].length });
});

app.get('/headers', (request, response) => {
  response.json({ 'x-tag': request.get('x-tag').split(',').map((value) => value.trim()) });
});

app.get('/cookies', (request, response) => {
  const pairs = (request.get('cookie') ?? '').split('; ').filter(Boolean);
  response.cookie('first', '1', { path: '/' });
  response.cookie('second', '2', { httpOnly: true });
  response.json(Object.fromEntries(pairs.map((pair) => pair.split('='))));
});

app.get('/image', (request, response) => {
  response.type('image/png').send(Buffer.from(Array.from({ length: 256 }, (_, index) => index)));
});

app.post('/image', (request, response) => {
  const sha256 = crypto.createHash('sha256').update(request.body).digest('hex');
  response.json({ bytes: request.body.length, sha256 });
});

app.post('/form', (request, response) => {
  const all = Object.entries(request.body).map(([name, value]) => [name, list(value)]);
  response.json(Object.fromEntries(all));
});

app.get('/old', (request, response) => response.redirect('/pets/1?moved=yes'));

app.get('/fail', () => {
  throw new Error('on purpose');
});

app.get('/large', (request, response) => {
  response.type('text/plain').send('x'.repeat(Number(request.query.bytes)));
});

app.get('/names/:name', (request, response) => {
  response.type('text/plain').send(`Grüße, ${request.params.name} ✓`);
});

app.delete('/pets/:id', (request, response) => response.status(204).end());

// Express's own answers to these end in an error of serverless-express: its socket is no emitter.
app.use((request, response) => response.status(404).json({ error: 'not found' }));
app.use((error, request, response, next) => {
  response.status(error.status ?? 500).json({ error: error.message });
});

export const handler = serverlessExpress({
  app,
  binarySettings: { contentTypes: ['image/*', 'application/octet-stream'] },
});
