// The real window: first run, a member, a sale, a card; then the window again, scanning a picture of that very card.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import net from "node:net";
import path from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Builder, By, error as driverError, Key, until } from "selenium-webdriver";

const binary = process.env.GATEHOUSE_WINDOW;
const pictures = process.env.GATEHOUSE_PICTURES;
const patience = 30_000;
let home;
let driverProcess;
let port;
let window;

function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const found = server.address().port;
      server.close(() => resolve(found));
    });
  });
}

async function listening(at) {
  for (const started = Date.now(); Date.now() - started < patience; ) {
    const there = await new Promise((resolve) => {
      const socket = net.connect(at, "127.0.0.1");
      socket.once("connect", () => socket.end(() => resolve(true)));
      socket.once("error", () => resolve(false));
    });
    if (there) return;
  }
  throw new Error(`nothing listens on ${at}`);
}

async function openWindow(...args) {
  const capabilities = {
    browserName: "wry",
    "webkitgtk:browserOptions": { binary, args: ["--data-dir", home, ...args] },
  };
  window = await new Builder().usingServer(`http://127.0.0.1:${port}`).withCapabilities(capabilities).build();
  // What the page throws belongs into the report of a test that gets stuck.
  await window.executeScript(`
    window.thrown = [];
    addEventListener("error", (event) => window.thrown.push(String(event.error?.stack ?? event.message)));
    addEventListener("unhandledrejection", (event) => window.thrown.push(String(event.reason?.stack ?? event.reason)));
  `);
}

async function closeWindow() {
  const closing = window;
  window = undefined;
  await closing?.quit();
  // The driver kills what it started, but not always: a window left behind would hold this test's output open for ever.
  for (const started = Date.now(); ; await pause(100)) {
    const left = await windows();
    if (left.length === 0) return;
    if (Date.now() - started > 5_000) for (const pid of left) process.kill(pid, "SIGKILL");
  }
}

/** Processes of this test's window that still run. */
async function windows() {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")));
  return pids.filter((_, n) => lines[n].startsWith(binary) && lines[n].includes(home)).map(Number);
}

/** Does it again when the page drew the element anew between finding it and using it. */
async function steadily(act) {
  for (const started = Date.now(); ; ) {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof driverError.StaleElementReferenceError) || Date.now() - started > patience) throw error;
    }
  }
}

async function seen(xpath) {
  try {
    return await window.wait(until.elementLocated(By.xpath(xpath)), patience, `waited for ${xpath}`);
  } catch (error) {
    await picture("stuck");
    error.message += `\nthe page threw: ${JSON.stringify(await window.executeScript("return window.thrown"))}`;
    throw error;
  }
}

async function gone(xpath) {
  await window.wait(async () => (await window.findElements(By.xpath(xpath))).length === 0, patience, `waited for the end of ${xpath}`);
}

const withText = (text) => `//*[self::h1 or self::h2 or self::h3 or self::p or self::strong or self::span][normalize-space()="${text}"]`;
const heading = (text) => seen(withText(text));

/** The input, list or button that carries this label. */
async function field(label) {
  const text = await seen(`//label[starts-with(normalize-space(), "${label}")]`);
  const id = await text.getAttribute("for");
  return id ? window.findElement(By.id(id)) : text.findElement(By.css("input, select, textarea"));
}

const fill = (label, text) =>
  steadily(async () => {
    const input = await field(label);
    await window.wait(until.elementIsVisible(input), patience);
    await input.clear();
    await input.sendKeys(text);
    // The driver types as fast as a scanner, and digits that end with Enter at that pace are a scan.
    await pause(150);
  });

const choose = (label, value) =>
  steadily(async () => {
    const list = await field(label);
    await list.findElement(By.css(`option[value="${value}"]`)).click();
  });

const press = (name) =>
  steadily(async () => {
    const button = await seen(`//button[not(@disabled)][starts-with(normalize-space(), "${name}") or @aria-label="${name}"]`);
    await window.wait(until.elementIsVisible(button), patience);
    await button.click();
  });

async function keys(...sequence) {
  await window.actions().sendKeys(...sequence).perform();
}

async function picture(name) {
  if (!pictures) return;
  // Two frames, so that what was asked for is on the screen.
  await window.executeAsyncScript("const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done()))");
  await writeFile(path.join(pictures, `${name}.png`), await window.takeScreenshot(), "base64");
}

before(async () => {
  assert.ok(binary, "GATEHOUSE_WINDOW names the window's binary");
  if (pictures) await mkdir(pictures, { recursive: true });
  // Below a folder that the database's unprivileged account can pass through.
  home = await mkdtemp("/var/tmp/gatehouse-desktop-");
  await chmod(home, 0o755);
  port = await freePort();
  // The person's folder for downloads, as the desktop environment would write it down.
  const downloads = path.join(home, "Downloads");
  const config = path.join(home, "config");
  await mkdir(downloads);
  await mkdir(config);
  await writeFile(path.join(config, "user-dirs.dirs"), `XDG_DOWNLOAD_DIR="${downloads}"\n`);
  driverProcess = spawn("WebKitWebDriver", [`--port=${port}`, "--host=127.0.0.1"], {
    env: { ...process.env, TAURI_WEBVIEW_AUTOMATION: "true", LANG: "C.UTF-8", XDG_CONFIG_HOME: config },
    stdio: "inherit",
  });
  await listening(port);
});

after(async () => {
  await closeWindow();
  driverProcess?.kill();
  await rm(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 500 });
});

test("the wizard creates the gym, a member is sold a plan, and the window admits a picture of the card it issued", async () => {
  await openWindow();

  await fill("Name of the gym", "Iron Oak");
  await choose("Country", "EG");
  await press("Next");
  await fill("Name of the branch", "Maadi");
  await choose("Time zone", "Africa/Cairo");
  await choose("Currency", "EGP");
  await press("Next");
  await fill("Your name", "Test Owner");
  await fill("E-mail", "owner@example.com");
  await fill("Password", "Abcdefg1");
  await press("Next");
  await press("Create the gym");
  await fill("Name", "Month");
  await fill("Price", "600");
  await press("Add the plan");
  // That page has a "Later" of its own, which waits while the plan is being saved.
  await gone('//button[starts-with(normalize-space(), "Add the plan")]');
  await picture("wizard");
  await press("Later");
  await press("Open Reception");

  await seen('//input[@role="combobox"]');
  await picture("reception");
  await keys(Key.F6);
  await fill("Full name", "Test Member");
  await fill("Phone", "01001234567");
  await keys(Key.ENTER);
  await press("Sell a plan");
  await press("Take");
  // Sold means that the dialog is gone; until then it has the keyboard.
  await gone('//*[@role="dialog"]');
  await picture("sold");

  const file = await savedCardOfTheOnlyMember();
  assert.equal(path.dirname(file), path.join(home, "Downloads"));
  await closeWindow();

  await openWindow("--source", file);
  await fill("E-mail or username", "owner@example.com");
  await fill("Password", "Abcdefg1");
  await keys(Key.ENTER);
  await seen('//*[normalize-space()="Welcome"]');
  await seen('//*[normalize-space()="Test Member"]');
  await picture("verdict");
});

/** Issues the card in the member's page, saves its picture, and reads where it was saved. */
async function savedCardOfTheOnlyMember() {
  await window.actions().keyDown(Key.CONTROL).sendKeys("2").keyUp(Key.CONTROL).perform();
  // The only member of the list is open already.
  await heading("Test Member");
  await press("Passes");
  await press("Issue a card");
  await seen('//img[starts-with(@src, "data:image/png")]');
  await press("Save picture");
  const told = await steadily(async () =>
    (await seen('//*[starts-with(normalize-space(text()), "Saved as ")]')).getText(),
  );
  return told.slice("Saved as ".length).trim();
}
