'use strict';

// An ordinary small function: looks at its event, answers with JSON.
exports.handler = async (event) => ({
  statusCode: 200,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ message: 'hello', path: event.rawPath, name: event.queryStringParameters?.name }),
});
