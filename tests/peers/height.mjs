// How high every page is on a phone, in pixels, as a JSON list. usage: node height.mjs CHROMIUM PAGE.html...
import { chromium } from "playwright-core";

const [executablePath, ...files] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
const page = await (await browser.newContext({ viewport: { width: 375, height: 667 } })).newPage();
const heights = [];
for (const file of files) {
  await page.goto(`file://${file}`);
  heights.push(await page.evaluate(() => document.documentElement.scrollHeight));
}
await browser.close();
console.log(JSON.stringify(heights));
