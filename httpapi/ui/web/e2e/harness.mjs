// The real binary, a real browser, and what all tests ask of a page: no error in its console, nothing wider than the screen.

import { AxeBuilder } from "@axe-core/playwright";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const binary = process.env.BINARY;
if (!binary) throw new Error("BINARY must name the binary under test");

// Server is a `weir serve` process over a directory of its own; it can be stopped and started again on the same port.
export class Server {
  constructor(...flags) {
    this.flags = flags;
    this.dir = mkdtempSync(join(tmpdir(), "weir-ui-"));
    this.port = 0;
  }
  async start() {
    this.process = spawn(binary, ["serve", "--data", this.dir, "--listen", "127.0.0.1:" + this.port, ...this.flags], { stdio: ["ignore", "pipe", "pipe"] });
    let text = "";
    this.process.stdout.on("data", (b) => (text += b));
    this.process.stderr.on("data", (b) => (text += b));
    const began = Date.now();
    for (;;) {
      const m = /weir listens on (http:\/\/\S+:(\d+))/.exec(text);
      if (m) {
        [this.base, this.port] = [m[1], Number(m[2])];
        if (await fetch(this.base + "/readyz").then((r) => r.ok, () => false)) break;
      }
      if (this.process.exitCode !== null || Date.now() - began > 30_000) throw new Error("weir does not start: " + text);
      await new Promise((done) => setTimeout(done, 20));
    }
    this.key = readFileSync(join(this.dir, "admin.key"), "utf8").trim();
    return this;
  }
  async stop() {
    const gone = new Promise((done) => this.process.once("exit", done));
    this.process.kill("SIGTERM");
    await gone;
  }
  async end() {
    if (this.process && this.process.exitCode === null) await this.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }
  // ask sends one request and wants it to succeed, unless status says otherwise.
  async ask(method, path, body, status) {
    const res = await fetch(this.base + path, {
      method,
      headers: { Authorization: "Bearer " + this.key, ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await res.text();
    assert.ok(status ? res.status === status : res.ok, `${method} ${path}: ${res.status} ${text.slice(0, 300)}`);
    return text && res.headers.get("Content-Type")?.includes("json") ? JSON.parse(text) : text;
  }
}

const flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run", "--disable-component-update", "--disable-sync", "--disable-quic"];

export const launch = () => chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", headless: true, args: flags });

// A request that the page is meant to lose (404, 422, a server that is away) is logged by the browser as an error; everything else that
// it logs, a policy that was broken above all, is a fault of the page.
const expected = /Failed to load resource|net::ERR_|ERR_CONNECTION/;

// open makes a page with the key in its session, as after signing in.
export async function open(browser, server, path, { width = 1280, height = 800, theme = "light", key = server.key, init } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme, reducedMotion: "reduce" });
  if (key) await context.addInitScript((k) => { if (!sessionStorage.getItem("seen")) { sessionStorage.setItem("weir-key", k); sessionStorage.setItem("seen", "1"); } }, key);
  if (init) await context.addInitScript(init);
  await context.grantPermissions(["clipboard-read", "clipboard-write"]).catch(() => {});
  const page = await context.newPage();
  page.faults = [];
  page.on("console", (m) => { if (["error", "warning"].includes(m.type()) && !expected.test(m.text())) page.faults.push(m.text()); });
  page.on("pageerror", (e) => page.faults.push(String(e)));
  page.setDefaultTimeout(20_000);
  await page.goto(server.base + path);
  return page;
}

export async function close(page) {
  assert.deepEqual(page.faults, [], "what the browser complained about");
  await page.context().close();
}

// settled waits until nothing is loading and every answer has been drawn.
export async function settled(page) {
  await page.waitForFunction(() => document.querySelector("#root")?.childElementCount && !document.querySelector("[aria-busy=true]"));
  await page.waitForTimeout(150);
}

export async function accessible(page, what) {
  const { violations } = await new AxeBuilder({ page }).withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]).analyze();
  const found = violations.flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.target.join(" ")}: ${n.failureSummary?.split("\n")[1]?.trim()}`));
  assert.deepEqual(found, [], "axe on " + what);
}

export async function fits(page, what) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(wide <= 0, `${what} is ${wide} px wider than the screen`);
  const inside = await page.evaluate(() => Math.max(0, ...[...document.querySelectorAll("dialog[open]")].map((d) => d.scrollWidth - d.clientWidth)));
  assert.ok(inside <= 0, `the dialog of ${what} is ${inside} px wider than itself`);
}
