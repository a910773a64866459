// Amplify's component in Chromium completes checks through the page of examples/browser,
// Livegate and the simulator, and shows the errors of the stream. Each message of a stream
// passes the simulator's verification of signatures, or the check would not complete.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { control, startBackend, startLivegate, stop } from './stack.mjs';
import { startSts } from './sts.mjs';
import { made, launch, Visit } from './visit.mjs';

// BROWSER_CHECKS=10 repeats the light challenge.
const repeats = Number(process.env.BROWSER_CHECKS ?? 1);
const PASSED = /You passed the check\./;
const FAILED = /You did not pass the check\./;

// Faults of the stream that act before the check, with what the component shows and reports.
const FAULTS = [
  ['start:ServiceQuotaExceededException/402', 'Server issue', 'SERVER_ERROR: ServiceQuotaExceededException: Too many'],
  ['start:InternalServerException/500', 'Server issue', 'SERVER_ERROR: InternalServerException: An internal'],
  ['start:wrong-region', 'Server issue', 'SERVER_ERROR: Error: Invalid region in FaceLivenessDetector'],
  ['start:close/4003', 'Server issue', 'SERVER_ERROR: Error: Server ended the connection unexpectedly (code 4003)'],
  ['start:no-config', 'Server issue', 'SERVER_ERROR: Error: Challenge config not returned'],
  ['start:unknown-challenge', 'Server issue', 'SERVER_ERROR: Error: Unsupported challenge type'],
  ['start:wrong-crc', 'Server issue', 'SERVER_ERROR: Error: The message checksum'],
  ['start:status/403', 'Connection time out', 'CONNECTION_TIMEOUT: Error: Websocket connection timeout'],
];

let livegate, browser, sts;
let simulated; // a backend whose devices stream to the simulator
let withRole; // a backend whose devices stream to AWS, with credentials from STS

before(async () => {
  livegate = await startLivegate();
  sts = await startSts();
  simulated = await startBackend(livegate, ['--simulator', livegate.simulator]);
  withRole = await startBackend(
    livegate,
    ['--device-role', 'arn:aws:iam::111122223333:role/liveness-device', '--challenge', 'movement'],
    { AWS_ENDPOINT_URL_STS: sts.url },
  );
  browser = await launch('face.mjpeg');
});

after(async () => {
  await browser?.close();
  sts?.stop();
  await stop();
});

// Opens a page for the body of a test, and prints what it recorded if the test fails.
async function visit(url, options, body) {
  const user = await Visit.open(browser, url, options);
  try {
    await body(user);
  } catch (error) {
    await user.page.screenshot({ path: join(made, 'failure.png') });
    console.error({ errors: user.errors, answers: user.answers.length, frames: user.frames.length });
    throw error;
  } finally {
    await user.close();
  }
}

describe('a check completes', () => {
  for (let number = 1; number <= repeats; number++) {
    test(`light challenge, ${number} of ${repeats}`, async () => {
      const earlier = await control(livegate, 'stats');
      await visit(simulated, {}, async (user) => {
        await user.begin();
        await user.startVideo();
        assert.match(await user.end(), PASSED);
        assert.deepEqual(user.errors, []);
        assert.equal(user.answers.length, 2);
        assert.doesNotMatch(user.answers.join(), /token/i, 'the page receives no result token');
        const again = () => fetch('/checks/result', { method: 'POST' }).then((response) => response.status);
        assert.equal(await user.page.evaluate(again), 409, 'a result is read once');
        const file = join(made, 'frames.json');
        writeFileSync(file, JSON.stringify(user.frames));
        const decoder = fileURLToPath(new URL('frames.py', import.meta.url));
        console.log(execFileSync(process.env.BROWSER_PYTHON, [decoder, file], { timeout: 30_000 }).toString().trim());
      });
      const later = await control(livegate, 'stats');
      assert.equal(later.checks_completed, earlier.checks_completed + 1);
      assert.equal(later.refused_signatures, 0);
    });
  }

  test('movement challenge, with temporary credentials, by an unmodified page', async () => {
    await visit(withRole, { simulator: livegate.simulator }, async (user) => {
      await user.begin();
      await user.startVideo();
      assert.match(await user.end(), PASSED);
      assert.deepEqual(user.errors, []);
      const stream = new URL(user.requests.findLast((url) => url.startsWith('ws')));
      assert.equal(stream.searchParams.get('X-Amz-Security-Token'), 'session+token/=');
    });
    const response = await fetch(withRole);
    const policy = response.headers.get('content-security-policy');
    assert.match(policy, /connect-src 'self' wss:\/\/streaming-rekognition\.us-east-1\.amazonaws\.com /);
    assert.doesNotMatch(await response.text(), /simulator/);
    const [request] = sts.requests;
    assert.equal(request.Action, 'AssumeRole');
    assert.equal(request.DurationSeconds, '900');
    const [statement, ...others] = JSON.parse(request.Policy).Statement;
    assert.deepEqual([statement.Effect, others], ['Allow', []]);
    assert.equal(statement.Action, 'rekognition:StartFaceLivenessSession');
  });

  test('a spoof does not pass', async () => {
    await visit(withRole, { simulator: livegate.simulator }, async (user) => {
      await user.begin();
      await user.page.getByRole('button', { name: 'Start video check' }).waitFor({ timeout: 60_000 });
      await control(livegate, `sessions/${user.sessionId}/outcome`, { method: 'POST', body: 'spoof:12' });
      await user.startVideo();
      assert.match(await user.end(), FAILED);
      assert.deepEqual(user.errors, []);
    });
  });
});

describe('an error of the stream', () => {
  test('expired session', async () => {
    const expiring = await startLivegate({ simulate: ['--expired-after', '1ms'] });
    const url = await startBackend(expiring, ['--simulator', expiring.simulator]);
    await visit(url, {}, async (user) => {
      await user.begin();
      assert.match(await user.end(), /Server issue/);
      assert.match(user.errors.join(), /^check failed: SERVER_ERROR: SessionNotFoundException: /);
      assert.match(user.errors.join(), /Requested session does not exist/);
    });
  });

  test('throttled stream, and then another attempt', async () => {
    await control(livegate, 'faults', { method: 'POST', body: 'start:ThrottlingException/400' });
    await visit(simulated, {}, async (user) => {
      await user.begin();
      assert.match(await user.end(), /Server issue/);
      assert.deepEqual(user.errors, ['check failed: SERVER_ERROR: ThrottlingException: Rate exceeded']);
      const { sessionId } = user;
      await user.page.getByRole('button', { name: 'Try again' }).click();
      await user.begin();
      await user.page.getByRole('button', { name: 'Start video check' }).waitFor({ timeout: 60_000 });
      assert.notEqual(user.sessionId, sessionId);
    });
  });

  for (const [fault, dialog, error] of FAULTS) {
    test(fault, async () => {
      await control(livegate, 'faults', { method: 'POST', body: fault });
      await visit(simulated, {}, async (user) => {
        await user.begin();
        assert.ok((await user.end()).startsWith(dialog));
        assert.ok(user.errors.at(-1).startsWith(`check failed: ${error}`), user.errors.at(-1));
      });
    });
  }

  test('refused signature', async () => {
    const earlier = await control(livegate, 'stats');
    sts.secretKey = 'wrong';
    await visit(withRole, { simulator: livegate.simulator }, async (user) => {
      await user.begin();
      assert.match(await user.end(), /Server issue/);
      assert.match(user.errors.join(), /^check failed: SERVER_ERROR: InvalidSignatureException: /);
      assert.match(user.errors.join(), /signature we calculated does not match/);
    });
    sts.secretKey = 'test';
    const { refused_signatures: refused } = await control(livegate, 'stats');
    assert.equal(refused, earlier.refused_signatures + 1);
  });

  test('a face that does not fit the oval', async () => {
    await browser.close();
    browser = await launch('far.mjpeg');
    await visit(simulated, {}, async (user) => {
      await user.begin();
      await user.startVideo();
      assert.match(await user.end(), /Time out/);
      const timeout = 'Client timed out waiting for face to match oval.';
      assert.deepEqual(user.errors, [`check failed: TIMEOUT: TIMEOUT: ${timeout}`]);
    });
  });
});
