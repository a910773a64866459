// A user in front of Chromium: a film as the camera, the example's page, and a record of
// what the page logs, requests and streams.
import { join } from 'node:path';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { chromium } from 'playwright-core';

// The films and the face detector, which tests/run makes.
export const made = process.env.BROWSER_MADE;

// The recipe in docs/simulator.md, as its readers copy it.
const simulatorPage = readFileSync(fileURLToPath(new URL('../../docs/simulator.md', import.meta.url)), 'utf8');
const recipe = join(made, 'simulator.mjs');
writeFileSync(recipe, simulatorPage.match(/^```js\n(.*?)^```$/ms)[1]);
const { serveModels, streamToSimulator } = await import(pathToFileURL(recipe));

const ARGUMENTS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--use-fake-ui-for-media-stream',
  '--use-fake-device-for-media-stream',
];

// Starts a browser with an empty profile, which Playwright deletes when the browser closes.
export function launch(film) {
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    chromiumSandbox: false,
    args: [...ARGUMENTS, `--use-file-for-fake-video-capture=${join(made, film)}`],
  });
}

export class Visit {
  errors = []; // what the page and its scripts log as errors
  requests = []; // the addresses of all requests
  frames = []; // the messages of the streams
  answers = []; // the answers of the backend, as text

  // Opens a page. With `simulator`, a page that was made for AWS streams to the simulator.
  static async open(browser, url, { simulator } = {}) {
    const context = await browser.newContext({ bypassCSP: Boolean(simulator), viewport: { width: 480, height: 720 } });
    await serveModels(context, join(made, 'models'));
    if (simulator) await streamToSimulator(context, simulator);
    const visit = new Visit();
    visit.context = context;
    visit.page = await context.newPage();
    visit.#record();
    await visit.page.goto(url);
    return visit;
  }

  #record() {
    this.page.on('console', (message) => message.type() === 'error' && this.errors.push(message.text()));
    this.page.on('pageerror', (error) => this.errors.push(String(error)));
    this.page.on('request', (request) => this.requests.push(request.url()));
    this.page.on('response', async (response) => {
      if (response.url().includes('/checks')) this.answers.push(await response.text().catch(String));
    });
    this.page.on('websocket', (socket) => {
      this.requests.push(socket.url());
      socket.on('framesent', ({ payload }) => this.frames.push(['client', payload.toString('base64')]));
      socket.on('framereceived', ({ payload }) => this.frames.push(['server', payload.toString('base64')]));
    });
  }

  async begin() {
    await this.page.getByRole('button', { name: 'Begin a check' }).click();
  }

  // Presses the button of the component, which it shows when the stream is open.
  async startVideo() {
    await this.page.getByRole('button', { name: 'Start video check' }).click({ timeout: 60_000 });
  }

  // Waits for the verdict of the page or the error of the component, and returns its text.
  async end() {
    const error = this.page.getByRole('button', { name: 'Try again' });
    await this.page.getByRole('status').or(error).waitFor({ timeout: 60_000 });
    return (await this.page.locator('main').innerText()).replace(/\s+/g, ' ');
  }

  get sessionId() {
    return new URL(this.requests.findLast((url) => url.startsWith('ws'))).searchParams.get('session-id');
  }

  async close() {
    await this.context.close();
  }
}
