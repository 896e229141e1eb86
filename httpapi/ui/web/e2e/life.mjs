// What happens while a page is open: events, a server that goes away, a key that ends; and the keyboard.

import assert from "node:assert/strict";
import { createServer, request } from "node:http";
import { test } from "node:test";
import { Server, close, open, settled } from "./harness.mjs";

export function lifeTests(env) {
  const { server } = env;

  test("signing in: a wrong key says so, a right one opens the page that was asked for", async () => {
    const page = await open(env.browser, server, "/tenants/globex?range=30d", { key: "" });
    await page.getByRole("heading", { name: "Sign in to weir" }).waitFor();
    await page.getByLabel("API key").fill("weir_nobody_0123456789abcdef");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("alert").getByText("not known").waitFor();
    await page.getByLabel("API key").fill(server.key);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { level: 1, name: "Globex" }).waitFor();
    assert.ok(await page.getByRole("radio", { name: "30 d" }).isChecked(), "the deep link restores the range");
    assert.equal(await page.evaluate(() => localStorage.length + document.cookie.length), 0, "the key is in the tab only");
    await close(page);
  });

  test("a key that ends: the page says so, and goes on where it was", async () => {
    const page = await open(env.browser, server, "/tenants/globex?quota=transfer-monthly");
    await page.getByRole("heading", { level: 1, name: "Globex" }).waitFor();
    await page.evaluate(() => sessionStorage.setItem("weir-key", "weir_gone_0123456789abcdef"));
    await page.reload();
    await page.getByRole("heading", { name: "Your session has ended" }).waitFor();
    await page.getByLabel("API key").fill(server.key);
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: /transfer-monthly/, pressed: true }).waitFor();
    await close(page);
  });

  test("an event is on the page within a second, unless it is paused", async () => {
    const page = await open(env.browser, server, "/tenants/stark");
    await settled(page);
    const card = page.getByRole("button", { name: /^api-monthly/ });
    await card.waitFor();
    const streaming = (await page.getByRole("button", { name: "Live updates: pause" }).innerText()).includes("Live");
    const record = (id, quantity) => server.ask("POST", "/v1/events", { id, tenant_id: "stark", feature_type: "api_calls", quantity });
    const began = Date.now();
    await record("live-1", 123);
    await card.getByText("123", { exact: true }).waitFor({ timeout: streaming ? 3000 : 8000 });
    const took = Date.now() - began;
    console.log(`# an event was on the page after ${took} ms (${streaming ? "stream" : "asking every 5 s"})`);
    if (streaming) assert.ok(took < 1000, took + " ms");
    await page.getByRole("button", { name: "Live updates: pause" }).click();
    await record("live-2", 1);
    await page.waitForTimeout(1200);
    assert.equal(await card.getByText("123", { exact: true }).count(), 1, "a paused page stands still");
    await page.getByRole("button", { name: "Live updates: resume" }).click();
    await card.getByText("124", { exact: true }).waitFor();
    await close(page);
  });

  test("a server that goes away and comes back", async () => {
    const own = await new Server().start();
    try {
      await own.ask("PUT", "/v1/tenants/acme", { name: "Acme Inc" });
      await own.ask("POST", "/v1/events", { id: "e", tenant_id: "acme", feature_type: "api_calls" });
      const page = await open(env.browser, own, "/system");
      await settled(page);
      await own.stop();
      await page.getByText("Not the newest: the server does not answer").first().waitFor({ timeout: 15_000 });
      await own.start();
      await page.getByText("Not the newest").first().waitFor({ state: "detached", timeout: 15_000 });
      await close(page);
    } finally {
      await own.end();
    }
  });

  test("an empty store shows the line that fills it, and turns live with the first event", async () => {
    const own = await new Server().start();
    try {
      const page = await open(env.browser, own, "/");
      await page.getByRole("heading", { name: "Waiting for the first event" }).waitFor();
      await settled(page);
      assert.match(await page.locator("pre").innerText(), /curl -s .*\/v1\/events/);
      await own.ask("POST", "/v1/events", { id: "first-event", tenant_id: "acme", user_id: "alice", feature_type: "api_calls" });
      await page.getByRole("heading", { name: "Usage by meter" }).waitFor();
      await close(page);
    } finally {
      await own.end();
    }
  });

  test("everything with the keyboard alone", async () => {
    const page = await open(env.browser, server, "/");
    await settled(page);
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the page");
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox", { name: "Search tenants" }).pressSequentially("acme");
    await page.getByRole("option", { name: /Acme Inc/ }).waitFor();
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { level: 1, name: "Acme Inc" }).waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.tagName), "MAIN", "the focus is at the top of the new page");
    await page.keyboard.press("g");
    await page.keyboard.press("p");
    await page.getByRole("heading", { level: 1, name: "Plans" }).waitFor();
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keys" }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    // A dialog keeps the focus inside and gives it back.
    await page.getByRole("button", { name: "New plan" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    for (let i = 0; i < 40; i++) {
      await page.keyboard.press("Tab");
      const outside = await page.evaluate(() => document.activeElement !== document.body && !document.activeElement.closest("dialog"));
      assert.ok(!outside, "the focus left the dialog");
    }
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await close(page);
  });

  test("below another path, behind a proxy that cuts it off", async () => {
    const proxy = createServer((req, res) => {
      if (!req.url.startsWith("/usage/weir/")) return res.writeHead(404).end();
      const out = request(server.base + req.url.slice("/usage/weir".length), { method: req.method, headers: { ...req.headers, host: new URL(server.base).host } }, (back) => {
        res.writeHead(back.statusCode, back.headers);
        back.pipe(res);
      });
      out.on("error", () => res.destroy());
      req.pipe(out);
    }).listen(0, "127.0.0.1");
    await new Promise((done) => proxy.once("listening", done));
    try {
      const through = { base: `http://127.0.0.1:${proxy.address().port}/usage/weir`, key: server.key };
      const page = await open(env.browser, through, "/tenants/globex");
      await page.getByRole("heading", { level: 1, name: "Globex" }).waitFor();
      await page.getByRole("link", { name: "System" }).first().click();
      await page.getByRole("heading", { level: 1, name: "System" }).waitFor();
      await settled(page);
      assert.equal(new URL(page.url()).pathname, "/usage/weir/system");
      await close(page);
    } finally {
      proxy.close();
      proxy.closeAllConnections();
    }
  });
}
