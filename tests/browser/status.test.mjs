// The page of the admin port in Chromium, while callers want more than the quota.
// STATUS_PICTURES=DIR also takes pictures.
import assert from 'node:assert/strict';
import { connect } from 'node:http2';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { chromium } from 'playwright-core';

import { startLivegate, stop } from './stack.mjs';

const HOSTILE = '<img/src=x/onerror=document.title="run">';
const CALLERS = ['payments', 'payments', 'payments', 'onboarding', 'system:serviceaccount:shop:checkout', HOSTILE];
const WIDE = { width: 1600, height: 1100 };
const NARROW = { width: 360, height: 800 };
const CALLS_PER_SECOND = 40;
const warmUp = Number(process.env.STATUS_SECONDS ?? 5);
const pictures = process.env.STATUS_PICTURES;

let livegate, browser, load;

// Sends empty requests for sessions until it is stopped, and waits for no answer.
function overload(address) {
  const connection = connect(`http://${address}`);
  let number = 0;
  const timer = setInterval(() => {
    const call = connection.request({
      ':method': 'POST',
      ':path': '/livegate.v1.SessionService/CreateSession',
      'content-type': 'application/grpc',
      te: 'trailers',
      'grpc-timeout': '3S',
      'livegate-caller': CALLERS[number++ % CALLERS.length],
    });
    call.on('error', () => {});
    call.resume();
    call.end(Buffer.alloc(5));
  }, 1000 / CALLS_PER_SECOND);
  return () => {
    clearInterval(timer);
    connection.destroy();
  };
}

// Opens the page, and returns what it logs, requests and violates, too.
async function visit(options) {
  const context = await browser.newContext({ viewport: WIDE, ...options });
  const page = await context.newPage();
  const seen = { errors: [], requests: [] };
  page.on('console', (message) => message.type() === 'error' && seen.errors.push(message.text()));
  page.on('pageerror', (error) => seen.errors.push(String(error)));
  page.on('request', (request) => seen.requests.push(new URL(request.url()).pathname));
  await page.goto(`http://${livegate.admin}/`);
  await page.getByRole('status').filter({ hasText: /^Ready$/ }).waitFor();
  return { page, seen, close: () => context.close() };
}

// Waits until the text of an element matches.
async function until(read, expected) {
  for (const end = Date.now() + 20_000; Date.now() < end; await sleep(100)) {
    if (expected.test(await read())) return;
  }
  assert.match(await read(), expected);
}

async function picture(page, name) {
  if (pictures) await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
}

before(async () => {
  const settings = `
    auth.mode = "trusted-header"
    [quota.create]
    rate_per_second = 15
    [callers.payments]
    weight = 3
  `;
  livegate = await startLivegate({ settings, simulate: ['--create-rate', '12', '--create-burst', '4'] });
  load = overload(livegate.grpc);
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', chromiumSandbox: false, args: ['--disable-gpu'] });
  await sleep(1000);
});

after(async () => {
  load?.();
  await browser?.close();
  await stop();
});

describe('the status page', () => {
  test('shows waiting callers, refusals and errors, with one connection and no violation', async () => {
    const { page, seen, close } = await visit({ colorScheme: 'light' });
    await sleep(warmUp * 1000);
    const table = page.getByRole('table', { name: 'Callers: Create sessions' });
    const row = table.getByRole('row').filter({ hasText: 'payments' });
    await until(() => row.getByRole('cell').first().innerText(), /^[1-9]/);
    await until(() => page.locator('#operations').innerText(), /Refusals\s.*quota \d+/);
    await until(() => page.locator('#errors').innerText(), /QUOTA_EXHAUSTED/);
    const charts = page.getByRole('img');
    assert.equal(await charts.count(), 5);
    await until(() => charts.nth(0).getAttribute('aria-label'), /^Calls per second: now [1-9]/);
    await until(() => charts.nth(2).getAttribute('aria-label'), /^Refusals per second: now [1-9]/);
    assert.deepEqual(seen.errors, []);
    assert.deepEqual([...new Set(seen.requests)], ['/', '/status']);
    const opened = await page.evaluate(() =>
      performance.getEntriesByType('resource').map(({ connectStart, connectEnd }) => connectEnd > connectStart),
    );
    assert.ok(opened.length >= 3 && !opened.slice(1).includes(true), `connections opened: ${opened}`);
    await picture(page, 'wide-light');
    await close();
  });

  test('shows the name of a caller as text', async () => {
    const { page, seen, close } = await visit({});
    await page.getByRole('rowheader', { name: HOSTILE, exact: true }).waitFor();
    await page.locator('#errors').getByText(HOSTILE).first().waitFor();
    assert.equal(await page.locator('main img').count(), 0);
    assert.equal(await page.title(), 'Livegate: ready');
    assert.deepEqual(seen.errors, []);
    await close();
  });

  test('fits 360 pixels, and is dark if the reader prefers it', async () => {
    const { page, seen, close } = await visit({ viewport: NARROW, colorScheme: 'dark' });
    await sleep(warmUp * 1000);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= NARROW.width, `${width} pixels`);
    const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    assert.ok(background.match(/\d+/g).every((part) => Number(part) < 60), background);
    assert.deepEqual(seen.errors, []);
    await picture(page, 'narrow-dark');
    await close();
  });

  test('pauses by keyboard, and reports a lost connection', async () => {
    const { page, close } = await visit({});
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    const button = page.getByRole('button', { name: 'Pause', pressed: true });
    await button.waitFor();
    const build = await page.locator('#build').innerText();
    await sleep(2500);
    assert.equal(await page.locator('#build').innerText(), build);
    await page.keyboard.press('Enter');
    await page.context().setOffline(true);
    await page.getByRole('status').filter({ hasText: /^Connection lost, last response at \d/ }).waitFor({ timeout: 15_000 });
    await picture(page, 'lost');
    await page.context().setOffline(false);
    await page.getByRole('status').filter({ hasText: /^Ready$/ }).waitFor({ timeout: 15_000 });
    await close();
  });
});
