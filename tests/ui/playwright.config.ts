import { existsSync } from "node:fs";
import { defineConfig } from "@playwright/test";

// Debian's Chromium; elsewhere Playwright's own, where somebody installed it.
const debian = "/usr/bin/chromium";

export default defineConfig({
  testDir: ".",
  outputDir: "../../test-results/ui",
  // Each file has a gym of its own and tells one story in order.
  fullyParallel: false,
  workers: 1,
  retries: 0,
  forbidOnly: true,
  timeout: 120_000,
  expect: { timeout: 15_000 },
  reporter: [["list"]],
  use: {
    locale: "en-GB",
    timezoneId: "Africa/Cairo",
    viewport: { width: 1280, height: 720 },
    reducedMotion: "reduce",
    actionTimeout: 15_000,
    screenshot: "only-on-failure",
    trace: "retain-on-failure",
    launchOptions: {
      executablePath: existsSync(debian) ? debian : undefined,
      // Root in a container has no user namespace for the sandbox.
      args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
    },
  },
});
