// Creates checks through Livegate, and reads their results.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';
import { v7 as uuid7 } from 'uuid';

import { options } from './options.mjs';

const repository = join(import.meta.dirname, '../..');
const contract = protoLoader.loadSync('livegate/v1/session.proto', {
  includeDirs: [join(repository, 'proto')],
  enums: String,
  longs: String,
  defaults: true,
});
const { SessionService } = grpc.loadPackageDefinition(contract).livegate.v1;

const { ca, cert, key } = options.tls;
const credentials = ca
  ? grpc.credentials.createSsl(readFileSync(ca), key && readFileSync(key), cert && readFileSync(cert))
  : grpc.credentials.createInsecure();
const client = new SessionService(options.livegate, credentials, {
  // Retries as Livegate asks for.
  'grpc.service_config': readFileSync(join(repository, 'deploy/service-config.json'), 'utf8'),
});

const metadata = new grpc.Metadata();
metadata.set('livegate-caller', 'browser-example');

function call(method, request) {
  return promisify(client[method]).call(client, request, metadata, { deadline: Date.now() + 10_000 });
}

// A new check of a user. The result token in it must stay on the server.
export async function createCheck(subject) {
  const { session } = await call('CreateSession', {
    requestId: uuid7(), // one for each check, the same in all retries of it
    subject,
    settings: { challengePreferences: options.challenge ? [{ type: options.challenge }] : [] },
  });
  return { subject, sessionId: session.sessionId, region: session.region, resultToken: session.resultToken };
}

// Waits until the result of a check is final, and returns whether a live person was
// detected. It usually is final when the page asks for it.
export async function passed({ subject, sessionId, resultToken }) {
  for (let read = 1; read <= 20; read++) {
    const { status, confidence } = await call('GetSessionResult', { subject, sessionId, resultToken });
    if (status === 'SESSION_STATUS_SUCCEEDED') return confidence >= options.minimumConfidence;
    if (status !== 'SESSION_STATUS_CREATED' && status !== 'SESSION_STATUS_IN_PROGRESS') return false;
    await sleep(1000);
  }
  return false;
}
