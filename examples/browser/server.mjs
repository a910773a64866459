// The backend: serves the page, starts checks of users who are logged in, and decides by
// the result. The page learns only whether the user passed.
import { join } from 'node:path';

import grpc from '@grpc/grpc-js';
import express from 'express';
import helmet from 'helmet';

import { deviceCredentials } from './device_credentials.mjs';
import { createCheck, passed } from './livegate.mjs';
import { logIn, requireLogin } from './login.mjs';
import { options } from './options.mjs';

const CHECKS_PER_VISIT = 5;
const aws = `wss://streaming-rekognition.${options.region}.amazonaws.com`;
const streaming = options.simulator?.replace(/^http/, 'ws') ?? aws;

const page = `<!doctype html>
<html lang="en">
  <meta charset="utf-8" />
  <meta name="viewport" content="width=device-width" />
  <title>Face Liveness check</title>
  <link rel="icon" href="data:," />
  <link rel="stylesheet" href="/page.css" />
  <main id="root"></main>
  ${options.simulator ? `<script src="/simulator.js" data-address="${streaming}"></script>` : ''}
  <script src="/page.js"></script>
</html>
`;

const contentSecurityPolicy = {
  useDefaults: false,
  directives: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'", "'wasm-unsafe-eval'"],
    styleSrc: ["'self'"],
    imgSrc: ["'self'", 'data:'],
    connectSrc: ["'self'", streaming, 'https://cdn.liveness.rekognition.amazonaws.com'],
    baseUri: ["'none'"],
    formAction: ["'none'"],
    frameAncestors: ["'none'"],
  },
};

const app = express();
app.use(helmet({ contentSecurityPolicy }));
app.use((_, response, next) => {
  response.set({ 'Permissions-Policy': 'camera=(self), microphone=()', 'Cache-Control': 'no-store' });
  next();
});

app.get('/', logIn, (_, response) => response.send(page));
app.use(express.static(join(import.meta.dirname, 'site'), { index: false, cacheControl: false }));

// The requests of the page have no body.
app.use('/checks', express.raw({ type: () => true, limit: 0 }), requireLogin);

app.post('/checks', async ({ visit }, response) => {
  if (visit.checks >= CHECKS_PER_VISIT) return response.status(429).json({ error: 'too many checks' });
  visit.checks += 1;
  visit.check = await createCheck(visit.user);
  const { sessionId, region } = visit.check;
  response.status(201).json({ sessionId, region, credentials: await deviceCredentials(visit.user) });
});

app.post('/checks/result', async ({ visit }, response) => {
  const { check } = visit;
  visit.check = undefined;
  if (!check) return response.status(409).json({ error: 'no check was started' });
  response.json({ passed: await passed(check) });
});

app.use((error, _request, response, _next) => {
  if (error.expose) return response.status(error.status).json({ error: error.message });
  console.error('request failed:', grpc.status[error.code] ?? error.name, error.details ?? error.message);
  response.status(503).json({ error: 'the check is unavailable, try again later' });
});

const server = app.listen(options.port, '127.0.0.1', (error) => {
  if (error) throw error;
  console.log(`${options.origin}: sessions from ${options.livegate}, devices stream to ${streaming}`);
});
server.requestTimeout = 10_000;
