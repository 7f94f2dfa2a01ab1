import { defineConfig } from "vitest/config";

export default defineConfig({
  base: "/_headwater/console/",
  build: {
    outDir: "../src/headwater/console",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    // `npm run dev` shows the sources against a server that runs beside it; it must allow this origin.
    proxy: Object.fromEntries(["/_headwater/", "/2015-03-31/"].map((path) => [path, {
      target: "http://127.0.0.1:4566",
      bypass: (request: { url?: string }) =>
        request.url?.startsWith("/_headwater/console/") ? request.url : undefined,
    }])),
  },
  // The limit is against hanging only: the machine may be busy.
  test: { environment: "node", include: ["src/**/*.test.ts"], testTimeout: 60_000 },
});
