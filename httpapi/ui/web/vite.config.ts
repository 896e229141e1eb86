import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

// The module of each page that is not in the first script, by what stands first in its address; "/" after it: with something behind.
const lazy = {
  tenants: "pages/tenants.tsx",
  "tenants/": "pages/tenant/tenant.tsx",
  meters: "pages/meters.tsx",
  plans: "pages/plans.tsx",
  events: "pages/events.tsx",
  alerts: "pages/alerts.tsx",
  settings: "pages/settings.tsx",
  system: "pages/system.tsx",
};

// chunks writes into index.html which files those are, so that the page can ask for them at once.
function chunks(): Plugin {
  return {
    name: "weir-chunks",
    transformIndexHtml: {
      order: "post",
      handler(html, { bundle }) {
        if (!bundle) return html; // the server of development
        const files = Object.values(bundle).filter((f) => f.type === "chunk");
        const withImports = (name: string): string[] => [name, ...(files.find((f) => f.fileName === name)?.imports ?? []).flatMap(withImports)];
        const first = new Set(withImports(files.find((f) => f.isEntry && f.facadeModuleId?.endsWith("/index.html"))!.fileName));
        const of = Object.entries(lazy).map(([page, module]) => {
          const chunk = files.find((f) => f.facadeModuleId?.endsWith("/src/" + module));
          if (!chunk) throw new Error(module + " has no file of its own: mend the list in vite.config.ts");
          return [page, [...new Set(withImports(chunk.fileName))].filter((name) => !first.has(name))];
        });
        return html.replace("{ /* chunks */ }", JSON.stringify(Object.fromEntries(of)));
      },
    },
  };
}

// Two pages, built into the folder that the Go package embeds. Paths are relative to the page's <base>, which the server writes.
export default defineConfig({
  base: "./",
  plugins: [react(), chunks()],
  build: {
    outDir: "../dist",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0, // the policy allows no data: URLs
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: { input: ["index.html", "portal.html"] },
  },
  // `npm run dev` beside `weir dev`: pages with hot reload, the API of the real binary.
  server: { proxy: { "/v1": "http://127.0.0.1:7070", "/readyz": "http://127.0.0.1:7070" } },
});
