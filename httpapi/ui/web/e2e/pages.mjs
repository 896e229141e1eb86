// Every page in both themes: no violation of axe, nothing wider than a phone, nothing in the console. With ARTIFACTS set, a picture of each.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { test } from "node:test";
import { Server, accessible, close, fits, open, settled } from "./harness.mjs";
import { hostile } from "./seed.mjs";

export const pages = [
  ["overview", "/"],
  ["tenants", "/tenants"],
  ["tenant", "/tenants/acme"],
  ["tenant-calm", "/tenants/globex?compare=previous&chart=windows"],
  ["meters", "/meters"],
  ["plans", "/plans"],
  ["events", "/events?tenant=acme&user=user-1&range=30d"],
  ["alerts", "/alerts"],
  ["settings", "/settings"],
  ["keys", "/settings?tab=keys"],
  ["audit", "/settings?tab=audit"],
  ["config", "/settings?tab=config"],
  ["system", "/system"],
];

const panels = [
  ["new-tenant", "/tenants?new=1"],
  ["override", "/tenants/acme?override=api-monthly"],
  ["meter", "/meters?meter=llm_tokens_ui"],
  ["new-meter", "/meters?new=1"],
  ["plan", "/plans?plan=pro"],
  ["edit-plan", "/plans?edit=pro"],
  ["event-by-id", "/events?tenant=acme&id=seed-3-2"],
  ["denial", "/tenants/acme?explain=decision:denied-1"],
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
            if (width === 1280 && !process.env.PICTURES_ONLY) await accessible(page, `${name}, ${theme}, ${width}`);
          });
        }
        await close(page);
      }
    });
  }
  // How pages look while they have nothing: an empty store, answers on their way, a server that fails.
  if (out) {
    test("pictures of every state", { timeout: 1_800_000 }, async () => {
      const empty = await new Server().start();
      const problem = JSON.stringify({ type: "about:blank", title: "The server is overloaded", status: 503, detail: "Too many queries are under way; retry later.", code: "overloaded", request_id: "01a2-example" });
      const states = {
        empty: [empty, () => {}],
        loading: [env.server, () => {}], // never answered
        error: [env.server, (route) => route.fulfill({ status: 503, contentType: "application/problem+json", body: problem })],
      };
      for (const theme of ["light", "dark"]) {
        for (const width of [1280, 360]) {
          for (const [state, [server, answer]] of Object.entries(states)) {
            const page = await open(env.browser, server, "/docs", { width, theme });
            if (state !== "empty") await page.route("**/v1/**", answer);
            for (const [name, path] of pages) {
              if (state === "empty" && name.startsWith("tenant-")) continue;
              await page.goto(server.base + path);
              if (state === "error") await page.getByRole("alert").first().waitFor();
              await page.waitForTimeout(300);
              await fits(page, name + ", " + state);
              await picture(page, `${name}-${state}-${theme}-${width}`);
            }
            await page.context().close();
          }
        }
      }
      await empty.end();
    });
  }
  test("names that are meant to break pages", async () => {
    const { server } = env;
    const page = await open(env.browser, server, "/tenants", { width: 360 });
    page.on("dialog", () => page.faults.push("a script ran"));
    const whole = () => page.evaluate(() => document.querySelectorAll("#root script, #root img, #root b b").length);
    // Names stand in lists, in options, in titles, in explanations; each page shows them as text and stays as wide as the screen.
    for (const path of ["/", "/tenants", "/events", "/alerts", "/settings?tab=audit"]) {
      await page.goto(server.base + path);
      await settled(page);
      await fits(page, path);
      assert.equal(await whole(), 0, "a name became an element on " + path);
    }
    for (const [i, t] of hostile.entries()) {
      const explain = "usage:api_calls:" + Math.floor((Date.now() - 2 * 86_400_000) / 86_400_000) * 86_400_000 + ":" + Math.ceil(Date.now() / 86_400_000) * 86_400_000;
      await page.goto(server.base + "/tenants/" + encodeURIComponent(t.id) + (i % 2 ? "" : "?explain=" + explain));
      await page.getByRole("heading", { level: 1, name: t.name }).waitFor();
      await settled(page);
      await fits(page, t.id.slice(0, 20));
      assert.equal(await whole(), 0, "a name became an element");
    }
    await picture(page, "hostile-light-360");
    // The longest names that there are, and figures of 18 digits, in every panel and form.
    const { id } = hostile[3];
    const [slug, quota, long] = ["p".repeat(64), "q".repeat(64), "900719925474099313"];
    await server.ask("PUT", "/v1/plans/" + slug, { name: "Plan".repeat(30), quotas: [{ slug: quota, meter: "llm_tokens", period: "month", limit: "900719925474099312", overage: long, grace_period: "3d", throttle_at: 0.9 }] });
    await server.ask("PUT", "/v1/tenants/" + id, { name: hostile[3].name, plan: slug });
    await server.ask("PUT", `/v1/tenants/${id}/quotas/${quota}`, { limit: "900719925474099312" });
    const event = { id: "I".repeat(128), source: "S".repeat(128), tenant_id: id, user_id: "U".repeat(128), feature_type: "llm_tokens", quantity: long, metadata: { n: 1 } };
    await server.ask("POST", "/v1/events", event);
    const { token: own } = await server.ask("POST", "/v1/portal/sessions", { tenant_id: id });
    const named = new URLSearchParams({ event: [id, event.source, event.id].join("\n") });
    for (const width of [360, 1280]) {
      await page.setViewportSize({ width, height: 800 });
      for (const path of ["/", "/tenants", "/tenants/" + id, `/tenants/${id}?override=${quota}`, "/plans", "/plans?plan=" + slug, "/plans?edit=" + slug, "/events?" + named, "/alerts", "/settings?tab=audit", "/portal#token=" + own]) {
        await page.goto(server.base + path);
        await settled(page);
        await fits(page, path.slice(0, 30) + " at " + width);
        await picture(page, `long-${path.replace(/\W+/g, "-").slice(0, 24)}-${width}`);
      }
      await page.goto(server.base + "/tenants/" + id);
      for (const name of ["Edit", "View as customer", "Change plan"]) {
        await page.getByRole("button", { name, exact: true }).first().click();
        await settled(page);
        await fits(page, name + " at " + width);
        await page.keyboard.press("Escape");
      }
      await page.getByRole("button", { name: /^q+/ }).getByText("over by 1").waitFor();
    }
    await page.setViewportSize({ width: 360, height: 800 });
    const { token } = await server.ask("POST", "/v1/portal/sessions", { tenant_id: hostile[0].id });
    await page.goto(server.base + "/portal#token=" + token);
    await page.getByRole("heading", { level: 1, name: hostile[0].name }).waitFor();
    await settled(page);
    await fits(page, "the portal");
    await close(page);
  });
}
