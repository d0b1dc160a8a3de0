// Walks through the web as a reader does, in a real browser, from nothing to leaving and coming back.
// usage: node walk.mjs CHROMIUM OUT_FOLDER LOCAL_URL OUTBOX TOPICS_FILE
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [executablePath, out, base, outbox, topicsFile] = process.argv.slice(2);
const axe = readFileSync(new URL("node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
const quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
  "--disable-background-networking", "--disable-component-update"];
const found = [];

// The newest file of the outbox that has this text in it, once it is there.
async function mailed(text, ending) {
  for (let tries = 0; tries < 200; tries++) {
    for (const folder of readdirSync(outbox, { withFileTypes: true }).filter((each) => each.isDirectory())) {
      for (const name of readdirSync(join(outbox, folder.name)).filter((each) => each.endsWith(ending))) {
        const content = readFileSync(join(outbox, folder.name, name), "utf8").replaceAll("=\r\n", "");
        if (content.includes(text)) return { content, name };
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`no mail with ${text} came`);
}

const local = (url) => url.replaceAll("&amp;", "&").replace(/^https:\/\/news\.example\.org/, base);
const link = (content, path) => local(content.match(new RegExp(`https://news\\.example\\.org/${path}/[^"<>\\s]+`))[0]);

async function walk(browser, way) {
  const context = await browser.newContext({
    colorScheme: way.scheme, viewport: { width: way.width, height: 900 }, javaScriptEnabled: way.scripts,
    timezoneId: "Europe/Berlin", locale: "en-GB",
  });
  const page = await context.newPage();
  const remote = [];
  page.on("request", (request) => request.url().startsWith(base) || remote.push(request.url()));
  const errors = [];
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  const look = async (name, expected) => {
    const text = await page.textContent("body");
    const seen = { way: way.name, name, missing: text.includes(expected) ? "" : `${expected} :: ${text.replace(/\s+/g, " ").slice(0, 300)}`, violations: [] };
    await page.screenshot({ path: `${out}/web-${name}-${way.name}.png`, fullPage: true });
    // Without scripts the page cannot be asked; its markup is the same in the other way.
    if (way.scripts) {
      seen.overflow = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => window.axe.run(document));
      seen.violations = violations.map((v) => `${v.id}: ${v.nodes[0].html.slice(0, 160)} ${v.nodes[0].failureSummary}`);
    }
    found.push(seen);
  };
  const press = async (label) => {
    await page.getByRole("button", { name: label, exact: true }).click();
    await page.waitForLoadState();
  };

  await page.goto(`${base}/`);
  await look("try", "See the mail you would get");
  await page.getByLabel("Your topics").fill("Sparse and efficient neural networks, language models, calibration");
  await press("Show my mail");
  await look("tried", "Your mail of");
  await press("Get this every morning");
  await page.getByLabel("Your address").fill(way.address);
  await page.getByLabel("Your topics").fill("");
  await page.getByLabel("A topics file").setInputFiles(topicsFile);
  await page.getByLabel("arXiv categories").fill("cs.LG, stat.ML");
  await look("subscribe", "What you want".slice(0, 0));
  if (way.scripts) {
    const zone = await page.getByLabel("Time zone").inputValue();
    found.push({ way: way.name, name: "zone", missing: zone === "Europe/Berlin" ? "" : `zone is ${zone}`, violations: [] });
  }
  await press("Subscribe");
  await look("asked", "Look into your mail");
  await page.goto(link((await mailed(way.address, ".html")).content, "confirm"));
  await look("confirm", "Do you want this newsletter?");
  await press("Yes, I want it");
  await look("confirmed", "You are subscribed");

  const welcome = await mailed(`To: ${way.address}\r\nSubject: Welcome`.split("\r\n")[0], ".eml");
  const first = await (async () => {
    for (let tries = 0; tries < 200; tries++) {
      for (const folder of readdirSync(outbox).filter((each) => each !== "service")) {
        for (const name of readdirSync(join(outbox, folder)).filter((each) => each.endsWith(".eml"))) {
          const eml = readFileSync(join(outbox, folder, name), "utf8");
          if (eml.includes(way.address)) return { eml, html: readFileSync(join(outbox, folder, name.replace(".eml", ".html")), "utf8") };
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error("no welcome came");
  })();
  found.push({ way: way.name, name: "welcome", missing: welcome && first.html.includes("/u/") ? "" : "no welcome", violations: [] });

  await page.goto(link(first.html, "f"));
  await look("marks", "");
  const more = page.getByRole("link", { name: "more like this" });
  if (await more.count()) await more.first().click();
  await press("More like this");
  await look("marked", "Done");
  await press("Undo");

  await page.goto(`${base}/preferences`);
  await page.getByLabel("Your address").fill(way.address);
  await press("Mail me the link");
  await look("door", "Look into your mail");
  await page.goto(link((await (async () => {
    for (let tries = 0; tries < 200; tries++) {
      for (const name of readdirSync(join(outbox, "service")).filter((each) => each.startsWith("preferences") && each.endsWith(".eml"))) {
        if (readFileSync(join(outbox, "service", name), "utf8").includes(way.address))
          return { content: readFileSync(join(outbox, "service", name.replace(".eml", ".html")), "utf8") };
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error("no link came");
  })()).content, "preferences"));
  await look("preferences", "Your preferences");
  await page.getByLabel("Your topics").fill("1. Robots\n   - Relevant: robots that walk, grasp or drive");
  await press("See what would change");
  await look("preview", "On the newest mailing");
  await press("Save");
  await look("saved", "Saved. Your next mail follows it.");
  await page.getByLabel("Until").fill("2099-01-01");
  await press("Pause my mail");
  await look("paused", "paused until 2099-01-01");
  await press("Go on now");

  const leaving = local(first.eml.replaceAll("\r\n ", "").match(/List-Unsubscribe: <([^>]+)>/)[1]);
  const answer = await fetch(leaving, { method: "POST", body: new URLSearchParams({ "List-Unsubscribe": "One-Click" }), redirect: "error" });
  found.push({ way: way.name, name: "one click", missing: answer.status === 200 ? "" : `status ${answer.status}`, violations: [] });
  await page.goto(leaving);
  await look("left", "You are unsubscribed");
  await press("Keep me subscribed");
  await look("back", "You are subscribed again");
  await press("Unsubscribe");
  await page.getByRole("button", { name: "Keep me subscribed" }).click();
  await page.waitForLoadState();
  found.push({ way: way.name, name: "network", missing: "", violations: [], remote, errors });
  await context.close();
}

const browser = await chromium.launch({ executablePath, args: quiet });
try {
  await walk(browser, { name: "phone-dark", width: 375, scheme: "dark", scripts: true, address: "ada@example.org" });
  await walk(browser, { name: "desktop-light", width: 1280, scheme: "light", scripts: true, address: "bo@example.org" });
  await walk(browser, { name: "phone-light-no-script", width: 375, scheme: "light", scripts: false, address: "cy@example.org" });
} finally {
  console.log(JSON.stringify(found));
  await browser.close();
}
