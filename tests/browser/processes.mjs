// Starts programs for a test, and ends them after it by process id.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const inherited = Object.entries(process.env).filter(([key]) => !/^(AWS|LIVEGATE)_/.test(key));
const environment = {
  ...Object.fromEntries(inherited),
  AWS_ACCESS_KEY_ID: 'test',
  AWS_SECRET_ACCESS_KEY: 'test',
  AWS_EC2_METADATA_DISABLED: 'true',
  LIVEGATE_LOG: 'error',
  NO_COLOR: '1',
};
const running = [];

export async function freeAddress() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return `127.0.0.1:${port}`;
}

// Starts a program, and waits until the URL responds with success.
export async function start(program, args, { url, env = {} }) {
  const child = spawn(program, args, { env: { ...environment, ...env }, stdio: ['ignore', 'ignore', 'inherit'] });
  running.push(child);
  const until = Date.now() + 60_000;
  while (Date.now() < until) {
    assert.equal(child.exitCode, null, `${program} exited`);
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok) return child;
    await sleep(50);
  }
  assert.fail(`${url} did not respond`);
}

// Ends all programs, the last one first.
export async function stopAll() {
  for (const child of running.splice(0).reverse()) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await once(child, 'exit');
    clearTimeout(timer);
  }
}
