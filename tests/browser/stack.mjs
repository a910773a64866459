// Livegate in front of the simulator, and the backends of examples/browser in front of both.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { freeAddress, start, stopAll } from './processes.mjs';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const binary = process.env.LIVEGATE_BIN ?? join(repository, 'target/debug/livegate');
export const scratch = mkdtempSync(join(tmpdir(), 'livegate-browser-'));

// Starts a simulator with these arguments, and Livegate with these further settings.
export async function startLivegate({ simulate = [], settings = '' } = {}) {
  const [simulator, grpc, admin] = [await freeAddress(), await freeAddress(), await freeAddress()];
  await start(binary, ['simulate', '--listen', simulator, '--require-streams', '--outcome', 'live:97.5', ...simulate], {
    url: `http://${simulator}/_simulator/stats`,
  });
  const config = join(scratch, `${admin}.toml`);
  writeFileSync(
    config,
    `grpc.listen = "${grpc}"
     admin.listen = "${admin}"
     upstream.endpoint_url = "http://${simulator}"
     results.enabled = true
     shutdown = { lameduck = "0s", grace = "1s" }
     ${settings}
    `,
  );
  await start(binary, ['serve', '--config', config], { url: `http://${admin}/readyz` });
  return { grpc, admin, simulator: `http://${simulator}` };
}

// Starts a backend of the example, and returns the address of its page.
export async function startBackend(livegate, args, env) {
  const url = `http://${await freeAddress()}`;
  const server = join(repository, 'examples/browser/server.mjs');
  const common = ['--port', new URL(url).port, '--livegate', livegate.grpc];
  await start(process.execPath, [server, ...common, ...args], { url, env });
  return url;
}

// Sends a control request to a simulator.
export async function control({ simulator }, path, init) {
  const response = await fetch(`${simulator}/_simulator/${path}`, init);
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.headers.get('content-type')?.includes('json') ? response.json() : undefined;
}

export async function stop() {
  await stopAll();
  rmSync(scratch, { recursive: true });
}
