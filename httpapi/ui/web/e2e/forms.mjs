// Every form, filled in by its labels and checked against the API.

import assert from "node:assert/strict";
import { test } from "node:test";
import { accessible, close, fits, open, settled } from "./harness.mjs";

export function formTests(env) {
  const { server } = env;
  const visit = (path) => open(env.browser, server, path);
  const button = (page, name) => page.getByRole("button", { name, exact: true });

  test("create a meter and test it on an event", async () => {
    const page = await visit("/meters");
    await button(page, "New meter").click();
    await page.getByLabel("Slug", { exact: true }).fill("images");
    await page.getByLabel("Unit", { exact: true }).fill("image");
    await page.getByLabel("Dimensions").fill("metadata.size");
    await button(page, "Create meter").click();
    await page.getByRole("heading", { name: "images" }).waitFor();
    const meter = await server.ask("GET", "/v1/meters/images");
    assert.deepEqual([meter.aggregation, meter.unit, meter.dimensions], ["sum", "image", ["metadata.size"]]);
    await button(page, "Test an event").click();
    await button(page, "Run the test").click();
    await page.getByText("counts 1 image").waitFor();
    await close(page);
  });

  test("a wrong meter names the field", async () => {
    const page = await visit("/meters?new=1");
    await page.getByLabel("Slug", { exact: true }).fill("api_calls");
    await button(page, "Create meter").click();
    await page.getByRole("alert").waitFor(); // it exists: 412
    await close(page);
  });

  test("a plan says who would be over before it is saved", async () => {
    const page = await visit("/plans?edit=pro");
    const tokens = page.getByRole("group", { name: "tokens-monthly" });
    await tokens.getByLabel("Limit", { exact: true }).fill("500,000");
    await button(page, "See what changes").click();
    await page.getByText("1 tenant would be over now").waitFor();
    assert.equal((await server.ask("GET", "/v1/plans/pro")).version, 1, "nothing was saved yet");
    await button(page, "Save version 2").click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    const plan = await server.ask("GET", "/v1/plans/pro");
    assert.deepEqual([plan.version, plan.quotas.find((q) => q.slug === "tokens-monthly").limit, plan.quotas.length], [2, 500_000, 4]);
    assert.equal((await server.ask("GET", "/v1/tenants/acme")).plan_version, 1, "a new version moves nobody");
    await close(page);
  });

  test("create a plan with a rate", async () => {
    const page = await visit("/plans");
    await button(page, "New plan").click();
    const form = page.getByRole("dialog");
    await form.getByLabel("Slug", { exact: true }).first().fill("burst");
    const quota = form.getByRole("group");
    await quota.getByLabel("Slug", { exact: true }).fill("api-rate");
    await quota.getByLabel("Meter").selectOption("api_calls");
    await quota.getByLabel("Period").selectOption("rate");
    await quota.getByLabel("Per", { exact: true }).fill("1s");
    await quota.getByLabel("Limit", { exact: true }).fill("50");
    await button(page, "See what changes").click();
    await page.getByText("No tenant is on this plan yet.").waitFor();
    await button(page, "Create plan").click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    assert.equal((await server.ask("GET", "/v1/plans/burst")).quotas[0].rate.limit, 50);
    await close(page);
  });

  test("create a tenant, change its plan, override a limit and take it back", async () => {
    const page = await visit("/tenants");
    await button(page, "New tenant").click();
    await page.getByLabel("Id", { exact: true }).fill("wayne");
    await page.getByLabel("Name", { exact: true }).fill("Wayne Corp");
    await page.getByRole("dialog").getByLabel("Plan", { exact: true }).selectOption("free");
    await button(page, "Create tenant").click();
    await page.getByRole("heading", { level: 1, name: "Wayne Corp" }).waitFor();

    await button(page, "Change plan").click();
    const form = page.getByRole("dialog");
    await form.getByLabel("Plan", { exact: true }).selectOption("pro");
    await form.getByRole("button", { name: "Change plan" }).click();
    await form.waitFor({ state: "detached" });
    assert.equal((await server.ask("GET", "/v1/tenants/wayne")).plan, "pro");

    await settled(page);
    await page.getByRole("region", { name: "Overrides" }).getByRole("button", { name: "Add" }).click();
    await page.getByRole("dialog").getByLabel("Quota", { exact: true }).selectOption("api-monthly");
    await page.getByRole("dialog").getByLabel("Limit", { exact: true }).fill("9,007,199,254,740,993");
    await button(page, "Save override").click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    const raw = await fetch(server.base + "/v1/tenants/wayne", { headers: { Authorization: "Bearer " + server.key } }).then((r) => r.text());
    assert.match(raw, /"limit":9007199254740993/, "every digit arrives");
    await page.getByText("limit 9,007,199,254,740,993").waitFor();

    await button(page, "Remove").click();
    await button(page, "Remove override").click();
    await page.getByText("The limits are those of the plan.").waitFor();
    assert.deepEqual((await server.ask("GET", "/v1/tenants/wayne")).overrides, []);
    await close(page);
  });

  test("settings", async () => {
    const page = await visit("/settings");
    await page.getByLabel("Plan of new tenants").selectOption("free");
    await page.getByLabel("Upgrade address").fill("https://example.com/upgrade");
    await button(page, "Save settings").click();
    await page.getByText("Saved", { exact: true }).waitFor();
    const s = await server.ask("GET", "/v1/settings");
    assert.deepEqual([s.default_plan, s.upgrade_url], ["free", "https://example.com/upgrade"]);
    await page.goto(server.base + "/tenants/acme");
    await page.getByRole("link", { name: "Upgrade page" }).waitFor();
    await close(page);
  });

  test("a key is shown once, and revoked", async () => {
    const page = await visit("/settings?tab=keys");
    await button(page, "New key").click();
    await page.getByLabel("Name", { exact: true }).fill("reader");
    await page.getByRole("checkbox", { name: /^ingest/ }).uncheck();
    await page.getByRole("checkbox", { name: /^read/ }).check();
    await button(page, "Create key").click();
    const key = await page.locator("pre").innerText();
    const as = (key) => fetch(server.base + "/v1/plans", { headers: { Authorization: "Bearer " + key } }).then((r) => r.status);
    assert.equal(await as(key), 200);
    await button(page, "Done").click();
    await button(page, "Revoke reader").click();
    await button(page, "Revoke key").click();
    await button(page, "Revoke reader").waitFor({ state: "detached" });
    assert.equal(await as(key), 401);
    await close(page);
  });

  test("view as customer: the portal shows the tenant and nothing else, and ends", async () => {
    const page = await visit("/tenants/acme");
    await settled(page);
    await button(page, "View as customer").click();
    await button(page, "Make a link").click();
    const link = await page.getByRole("link", { name: "Open it" }).getAttribute("href");
    await close(page);

    const portal = await open(env.browser, server, "/portal#" + new URL(link).hash.slice(1) + "&accent=%23a04000", { key: "" });
    await portal.getByRole("heading", { level: 1, name: "Acme Inc" }).waitFor();
    await settled(portal);
    assert.equal(new URL(portal.url()).hash, "", "the token is in no history");
    await fits(portal, "portal");
    await accessible(portal, "portal");
    await portal.reload();
    await portal.getByRole("heading", { level: 1, name: "Acme Inc" }).waitFor();
    await portal.getByText("Last period").click();
    await settled(portal);
    await close(portal);

    for (const hash of ["", "#token=weirs_forged.YWNtZQ.99999999999.AAAA"]) {
      const ended = await open(env.browser, server, "/portal" + hash, { key: "", width: 360 });
      await ended.getByRole("heading", { name: hash ? "This page has ended" : "This page opens with a link" }).waitFor();
      await close(ended);
    }
  });
}
