import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const ZIPPED = /\.(js|css|svg)$/;

const FRAME = /node_modules.preact|src.(ui.(?!virtual)|api|format|router)/;

/** Beside each file the same one compressed, so that the server has nothing to do when it is asked for. */
function zipped(): Plugin {
  return {
    name: "zipped",
    apply: "build",
    writeBundle({ dir }, bundle) {
      for (const name of Object.keys(bundle).filter((each) => ZIPPED.test(each))) {
        const file = join(dir!, name);
        writeFileSync(`${file}.gz`, gzipSync(readFileSync(file), { level: 9 }));
      }
    },
  };
}

export default defineConfig({
  plugins: [zipped()],
  base: "/_headwater/console/",
  build: {
    outDir: "../src/headwater/console",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // What every view needs is one file; each view beside the first is another, and comes later (app.tsx).
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: "frame", test: FRAME }] } } },
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
