import { paraglideVitePlugin } from "@inlang/paraglide-js";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { svelteTesting } from "@testing-library/svelte/vite";
import { defineConfig } from "vitest/config";

// `npm run dev` serves the interface with hot reload and passes calls on to a running `gatehousectl serve`.
const testing = process.env["VITEST"] !== undefined;
const server = process.env["GATEHOUSE_SERVER"] ?? "http://127.0.0.1:8470";

export default defineConfig({
  plugins: [
    // Its watcher would keep a test run from ending; `npm test` compiles the messages before.
    !testing &&
      paraglideVitePlugin({
        project: "./project.inlang",
        outdir: "./src/paraglide",
        // The interface keeps the language itself (shared/language.svelte.ts), so that a switch needs no reload.
        strategy: ["globalVariable", "baseLocale"],
        isServer: "false",
        outputStructure: "locale-modules",
        emitReadme: false,
        emitPrettierIgnore: false,
      }),
    svelte(),
    svelteTesting(),
  ],
  build: {
    // The oldest engine that shows it: WebKitGTK 2.42 of the desktop window.
    target: ["safari17", "chrome120"],
    chunkSizeWarningLimit: 1000,
    // Fonts stay files, so that only the subsets in use are loaded.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { port: 5173, strictPort: true, proxy: { "/rpc": server } },
  test: {
    environment: "jsdom",
    include: ["src/**/*.test.ts"],
    setupFiles: ["tests/setup.ts"],
    restoreMocks: true,
  },
});
