import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// Two pages, built into the folder that the Go package embeds. Paths are relative to the page's <base>, which the server writes.
export default defineConfig({
  base: "./",
  plugins: [react()],
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
