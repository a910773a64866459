// A caller that uses grpc-js, which shares no code with Livegate or with the gRPC core
// of the Python tests.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const binary = process.env.LIVEGATE_BIN ?? join(repository, 'target/debug/livegate');
const serviceConfig = readFileSync(join(repository, 'deploy/service-config.json'), 'utf8');
const contract = protoLoader.loadSync('livegate/v1/session.proto', { includeDirs: [join(repository, 'proto')] });
const { SessionService } = grpc.loadPackageDefinition(contract).livegate.v1;

const scratch = mkdtempSync(join(tmpdir(), 'livegate-node-'));
const running = [];
let address;

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}

function start(...args) {
  const inherited = Object.entries(process.env).filter(([key]) => !/^(AWS|LIVEGATE)_/.test(key));
  const credentials = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test', AWS_EC2_METADATA_DISABLED: 'true' };
  const env = { ...Object.fromEntries(inherited), ...credentials, LIVEGATE_LOG: 'warn', NO_COLOR: '1' };
  const child = spawn(binary, args, { env, stdio: ['ignore', 'ignore', 'inherit'] });
  running.push(child);
  return child;
}

async function untilAnswers(url, child) {
  const until = Date.now() + 20_000;
  while (Date.now() < until) {
    assert.equal(child.exitCode, null, `it exited before ${url} responded`);
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok) return;
    await sleep(20);
  }
  assert.fail(`${url} did not respond`);
}

function connect(options = {}) {
  return new SessionService(address, grpc.credentials.createInsecure(), options);
}

// The session and the seconds it took, or the error.
function create(client, request, seconds = 10) {
  const started = performance.now();
  const deadline = new Date(Date.now() + seconds * 1000);
  return new Promise((resolve, reject) => {
    client.CreateSession(request, { deadline }, (error, answer) => {
      if (error) reject(error);
      else resolve({ session: answer.session, seconds: (performance.now() - started) / 1000 });
    });
  });
}

// A quota of one call per second whose bucket starts empty. Calls before the next token
// are refused, because max_wait is shorter.
before(async () => {
  const simulator = `127.0.0.1:${await freePort()}`;
  const admin = `127.0.0.1:${await freePort()}`;
  address = `127.0.0.1:${await freePort()}`;
  await untilAnswers(`http://${simulator}/_simulator/stats`, start('simulate', '--listen', simulator));
  const config = join(scratch, 'livegate.toml');
  writeFileSync(
    config,
    `grpc.listen = "${address}"
     admin.listen = "${admin}"
     upstream.endpoint_url = "http://${simulator}"
     results.enabled = true
     quota.create = { rate_per_second = 1.0, burst = 1, target_utilization = 1.0, max_wait = "100ms" }
     shutdown = { lameduck = "0s", grace = "5s" }
    `,
  );
  await untilAnswers(`http://${admin}/readyz`, start('serve', '--config', config));
});

after(async () => {
  const codes = [];
  for (const child of running.reverse()) {
    if (child.exitCode === null) {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await once(child, 'exit');
      clearTimeout(timer);
    }
    codes.push(child.exitCode);
  }
  rmSync(scratch, { recursive: true });
  assert.deepEqual(codes, codes.map(() => 0), 'each process exits with 0 on SIGTERM');
});

test('a refusal has a retry delay, and the documented service config retries after it', async () => {
  const plain = connect({ 'grpc.enable_retries': 0 });
  const refusal = await create(plain, {}).then(() => assert.fail('the call is over the quota'), (error) => error);
  assert.equal(refusal.code, grpc.status.RESOURCE_EXHAUSTED);
  const pushback = Number(refusal.metadata.get('grpc-retry-pushback-ms')[0]);
  assert.ok(pushback > 0 && pushback <= 1000, `a wait of ${pushback} ms`);
  plain.close();

  const retrying = connect({ 'grpc.service_config': serviceConfig });
  const { session, seconds } = await create(retrying, { requestId: randomUUID() });
  assert.match(session.sessionId, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  assert.equal(session.region, 'us-east-1');
  assert.ok(seconds < 3, `${seconds} s`);
  retrying.close();
});

test('with a deadline before the retry delay, the documented service config fails at once', async () => {
  const client = connect({ 'grpc.service_config': serviceConfig });
  await create(client, { requestId: randomUUID() });
  const started = performance.now();
  const refusal = await create(client, {}, 0.6).then(() => assert.fail('the call is over the quota'), (error) => error);

  assert.equal(refusal.code, grpc.status.RESOURCE_EXHAUSTED);
  assert.ok(performance.now() - started < 400);
  client.close();
});

test('a watch receives the states up to the verdict', async () => {
  const client = connect({ 'grpc.service_config': serviceConfig });
  const { session } = await create(client, { requestId: randomUUID() });
  const request = {
    sessionId: session.sessionId,
    resultToken: session.resultToken,
    minimumConfidence: 0,
  };
  const results = [];
  for await (const { result } of client.WatchSession(request)) results.push(result);
  const [pending, passed, failed] = [1, 2, 3];
  assert.equal(results[0].verdict, pending);
  assert.equal(results[0].verdictReason, 'CHECK_NOT_FINISHED');
  const last = results.at(-1);
  assert.ok([passed, failed].includes(last.verdict), `verdict ${last.verdict}`);
  client.close();
});
