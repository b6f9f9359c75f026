// Takes the documentation's pictures of the scenes that `go run ./test/pictures` sets:
//   npm install --no-save playwright-core && node test/pictures/take.mjs http://127.0.0.1:PORT docs/images
// It needs Chromium (CHROMIUM names another place than /usr/bin/chromium).
import { chromium } from 'playwright-core';

const [base, out] = process.argv.slice(2);
const environment = name => `/namespaces/default/workflows/${encodeURIComponent(`environment:acme/churn:${name}`)}`;
const metadata = { tab: 'user-metadata' };
const pictures = [
  ['project', '/namespaces/default/workflows/project%3Aacme%2Fchurn', 640, metadata],
  ['initializing', environment('staging:initialize:1'), 1150, {}],
  ['environment', environment('staging'), 900, metadata],
  ['failed', environment('develop'), 1200, metadata],
  ['refused', environment('production'), 1050, metadata],
  ['deletion', environment('qa'), 900, metadata],
  ['list', `/namespaces/default/workflows?query=${encodeURIComponent('AinekoProject="acme/churn" AND WorkflowType="environment" AND AinekoStatus!="ready"')}`, 480, {}],
];

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
for (const [name, path, height, { tab }] of pictures) {
  const page = await browser.newPage({ viewport: { width: 1300, height }, timezoneId: 'UTC' });
  await page.goto(base + path, { waitUntil: 'domcontentloaded' });
  await page.waitForTimeout(4000); // the page asks for the newest run, and goes there
  if (tab) {
    await page.goto(page.url().replace(/\/[^/]*$/, `/${tab}`), { waitUntil: 'domcontentloaded' });
    await page.waitForTimeout(4000);
  }
  await page.screenshot({ path: `${out}/${name}.png` });
  await page.close();
}
await browser.close();
