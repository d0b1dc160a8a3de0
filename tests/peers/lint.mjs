// What other people's linters say of the template and of every page, as JSON.
// usage: node lint.mjs TEMPLATE.mjml PAGE.html...
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { auditEmail } from "@emailens/engine";
import { caniemail } from "caniemail";
import { HtmlValidate } from "html-validate";
import mjml2html from "mjml";

const [template, ...files] = process.argv.slice(2);
const validate = new HtmlValidate({ extends: ["html-validate:standard", "html-validate:a11y"] });
const read = (file) => readFileSync(file, "utf8");

let mjml = [];
try {
  mjml = (await mjml2html(read(template), { validationLevel: "strict" })).errors.map((e) => e.formattedMessage);
} catch (error) {
  mjml = [String(error.message)];
}
const pages = {};
for (const file of files) {
  const html = read(file);
  const report = await validate.validateString(html);
  const rules = {};
  for (const result of report.results) for (const m of result.messages) rules[m.ruleId] = (rules[m.ruleId] ?? 0) + 1;
  const { errors } = caniemail({ clients: ["gmail.*", "apple-mail.*", "outlook.*", "thunderbird.*"], html }).issues;
  const unsupported = {};
  for (const [client, issues] of errors) unsupported[client] = [...new Set(issues.map((i) => i.title))].sort();
  const audit = auditEmail(html);
  pages[basename(file, ".html")] = {
    htmlValidate: rules,
    unsupported,
    compatibility: Object.fromEntries(Object.entries(audit.compatibility.scores).map(([c, s]) => [c, s.score])),
    accessibility: audit.accessibility.score,
    spam: audit.spam.score,
  };
}
console.log(JSON.stringify({ mjml, pages }));
