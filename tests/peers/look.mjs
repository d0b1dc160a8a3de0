// Looks at every page in one browser: light and dark, phone and desktop. Prints what axe-core and the network say.
// usage: node look.mjs CHROMIUM OUT_FOLDER PAGE.html...
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { chromium } from "playwright-core";

const [executablePath, out, ...files] = process.argv.slice(2);
const axe = readFileSync(new URL("node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
const quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
  "--disable-background-networking", "--disable-component-update"];
const browser = await chromium.launch({ executablePath, args: quiet });
const found = [];
for (const colorScheme of ["light", "dark"]) {
  for (const width of [375, 700]) {
    const context = await browser.newContext({ colorScheme, viewport: { width, height: 900 } });
    const page = await context.newPage();
    const remote = [];
    page.on("request", (request) => request.url().startsWith("file:") || remote.push(request.url()));
    for (const file of files) {
      remote.length = 0;
      const name = basename(file, ".html");
      await page.goto(`file://${file}`);
      await page.screenshot({ path: `${out}/${name}-${colorScheme}-${width}.png`, fullPage: true });
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
      const seen = { name, colorScheme, width, overflow, remote: [...remote], violations: [] };
      found.push(seen);
      if (width > 375) continue; // a wider page has the same colours, headings and language
      await page.evaluate(axe);
      // An email is an article within the mail program's own page: it brings no landmarks of a page.
      const rules = { region: { enabled: false }, "landmark-one-main": { enabled: false } };
      const { violations } = await page.evaluate((options) => window.axe.run(document, options), { rules });
      seen.violations = violations.map((v) => `${v.id}: ${v.nodes[0].html.slice(0, 120)} ${v.nodes[0].failureSummary}`);
    }
    await context.close();
  }
}
await browser.close();
console.log(JSON.stringify(found));
