// Every page in both themes: no violation of axe, nothing wider than a phone, nothing in the console. With ARTIFACTS set, a picture of each.

import { mkdirSync } from "node:fs";
import { test } from "node:test";
import { accessible, close, fits, open, settled } from "./harness.mjs";
import { hostile } from "./seed.mjs";

export const pages = [
  ["overview", "/"],
  ["tenants", "/tenants"],
  ["tenant", "/tenants/acme"],
  ["tenant-calm", "/tenants/globex?compare=previous&chart=windows"],
  ["meters", "/meters"],
  ["plans", "/plans"],
  ["events", "/events?tenant=acme"],
  ["alerts", "/alerts"],
  ["settings", "/settings"],
  ["keys", "/settings?tab=keys"],
  ["audit", "/settings?tab=audit"],
  ["system", "/system"],
];

const panels = [
  ["new-tenant", "/tenants?new=1"],
  ["override", "/tenants/acme?override=api-monthly"],
  ["meter", "/meters?meter=llm_tokens_ui"],
  ["new-meter", "/meters?new=1"],
  ["plan", "/plans?plan=pro"],
  ["edit-plan", "/plans?edit=pro"],
  ["not-found", "/nothing/here"],
];

const out = process.env.ARTIFACTS;

export async function picture(page, name) {
  if (!out) return;
  mkdirSync(out, { recursive: true });
  await page.screenshot({ path: `${out}/${name}.png`, fullPage: true });
}

export function pageTests(env) {
  for (const theme of ["light", "dark"]) {
    test(`every page, ${theme}`, { timeout: 1_200_000 }, async (t) => {
      for (const width of [1280, 360]) {
        const page = await open(env.browser, env.server, "/", { width, theme });
        for (const [name, path] of [...pages, ...(width === 1280 || out ? panels : [])]) {
          await t.test(`${name} at ${width}`, async () => {
            await page.goto(env.server.base + path);
            await settled(page);
            await fits(page, name);
            await picture(page, `${name}-${theme}-${width}`);
            if (width === 1280 || out) await accessible(page, `${name}, ${theme}, ${width}`);
          });
        }
        await close(page);
      }
    });
  }
  test("names that are meant to break pages", async () => {
    const page = await open(env.browser, env.server, "/tenants", { width: 360 });
    page.on("dialog", () => page.faults.push("a script ran"));
    await settled(page);
    await fits(page, "tenants");
    for (const t of hostile) {
      await page.goto(env.server.base + "/tenants/" + encodeURIComponent(t.id));
      await page.getByRole("heading", { level: 1, name: t.name }).waitFor();
      await settled(page);
      await fits(page, t.id.slice(0, 20));
    }
    await picture(page, "hostile-light-360");
    await close(page);
  });
}
