// The backend of examples/browser refuses what its page does not send.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { scratch, startBackend, startLivegate, stop } from './stack.mjs';

let url;

before(async () => {
  const livegate = await startLivegate();
  url = await startBackend(livegate, ['--simulator', livegate.simulator]);
});

after(stop);

// Logs in, and returns the headers that the page sends.
async function logIn(site = url) {
  const response = await fetch(site);
  const [cookie] = response.headers.getSetCookie();
  assert.match(cookie, /^visit=[0-9a-f-]{36}; Path=\/; HttpOnly; SameSite=Strict$/);
  return { origin: site, cookie: cookie.split(';')[0] };
}

async function post(path, headers, body, site = url) {
  const response = await fetch(`${site}${path}`, { method: 'POST', headers, body });
  return { status: response.status, answer: await response.json() };
}

test('a check needs the origin of the page and a login', async () => {
  const { origin, cookie } = await logIn();
  assert.equal((await post('/checks', { cookie })).status, 403);
  assert.equal((await post('/checks', { cookie, origin: 'https://example.com' })).status, 403);
  assert.equal((await post('/checks', { origin })).status, 401);
  assert.equal((await post('/checks', { origin, cookie: 'visit=00000000-0000-4000-8000-000000000000' })).status, 401);
  assert.equal((await post('/checks', { origin, cookie })).status, 201);
});

test('a request with a body is refused', async () => {
  const { status, answer } = await post('/checks', { ...(await logIn()), 'content-type': 'application/json' }, '{}');
  assert.deepEqual([status, answer], [413, { error: 'request entity too large' }]);
});

test('the page receives a session and credentials, and no result token', async () => {
  const { answer } = await post('/checks', await logIn());
  assert.deepEqual(Object.keys(answer), ['sessionId', 'region', 'credentials']);
  assert.match(answer.sessionId, /^[0-9a-f-]{36}$/);
  assert.equal(answer.region, 'us-east-1');
});

test('a result belongs to the visit that started the check', async () => {
  assert.equal((await post('/checks', await logIn())).status, 201);
  const { status, answer } = await post('/checks/result', await logIn());
  assert.deepEqual([status, answer], [409, { error: 'no check was started' }]);
});

test('the backend waits until the result is final', async () => {
  const livegate = await startLivegate({ simulate: ['--expired-after', '2s'] });
  const site = await startBackend(livegate, ['--simulator', livegate.simulator]);
  const headers = await logIn(site);
  assert.equal((await post('/checks', headers, undefined, site)).status, 201);
  assert.deepEqual(await post('/checks/result', headers, undefined, site), { status: 200, answer: { passed: false } });
  const { results } = await (await fetch(`${livegate.simulator}/_simulator/stats`)).json();
  assert.ok(results.calls > 1 && results.calls < 10, `${results.calls} reads`);
});

test('a visit has five checks', async () => {
  const headers = await logIn();
  for (let number = 1; number <= 5; number++) assert.equal((await post('/checks', headers)).status, 201);
  assert.equal((await post('/checks', headers)).status, 429);
});

test('with mutual TLS, the backend verifies Livegate and presents its certificate', async () => {
  const [certificate, key] = [join(scratch, 'certificate.pem'), join(scratch, 'key.pem')];
  const extensions = ['subjectAltName=DNS:localhost', 'basicConstraints=critical,CA:FALSE'];
  const files = ['-keyout', key, '-out', certificate];
  const command = 'req -x509 -newkey rsa:2048 -noenc -days 2 -subj /CN=example'.split(' ');
  const names = extensions.flatMap((extension) => ['-addext', extension]);
  execFileSync('openssl', [...command, ...names, ...files], { stdio: 'ignore', timeout: 60_000 });
  const livegate = await startLivegate({
    settings: `grpc.tls = { certificate = "${certificate}", key = "${key}", client_ca = "${certificate}" }
               auth.mode = "mtls"
               callers.localhost.allow = ["create", "results"]`,
  });
  livegate.grpc = livegate.grpc.replace('127.0.0.1', 'localhost'); // the name in the certificate
  const verifying = ['--simulator', livegate.simulator, '--tls-ca', certificate];
  const presenting = ['--tls-cert', certificate, '--tls-key', key];

  const anonymous = await startBackend(livegate, verifying);
  assert.equal((await post('/checks', await logIn(anonymous), undefined, anonymous)).status, 503);
  const known = await startBackend(livegate, [...verifying, ...presenting]);
  assert.equal((await post('/checks', await logIn(known), undefined, known)).status, 201);
});
