// node e2e/shot.mjs BASE OUTDIR path[:name] ... : screenshots of pages, light and dark, 360 and 1280 wide.
import { chromium } from "playwright-core";
const [base, out, ...paths] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run", "--disable-component-update", "--disable-sync", "--disable-quic"] });
const sizes = (process.env.SIZES || "1360").split(",").map(Number), themes = (process.env.THEMES || "light").split(",");
for (const width of sizes) for (const theme of themes) {
  const page = await browser.newPage({ viewport: { width, height: Number(process.env.HEIGHT || (width < 500 ? 800 : 960)) }, colorScheme: theme, reducedMotion: "reduce" });
  page.on("console", (m) => ["error", "warning"].includes(m.type()) && console.log(m.type(), m.text().slice(0, 300)));
  page.on("pageerror", (e) => console.log("pageerror", e.message));
  for (const p of paths) {
    const [to, name] = p.split("::");
    await page.goto(base + to);
    await page.waitForTimeout(Number(process.env.WAIT || 1500));
    await page.screenshot({ path: `${out}/${name || to.replace(/\W+/g, "-") || "root"}-${theme}-${width}.png`, fullPage: !!process.env.FULL });
  }
  await page.close();
}
await browser.close();
