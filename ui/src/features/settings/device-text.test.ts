import { expect, test } from "vitest";
import { deviceText } from "./device-text.js";

test("a session names the browser and system, or the desk", () => {
  const engine = "AppleWebKit/537.36 (KHTML, like Gecko)";
  expect(deviceText(`Mozilla/5.0 (X11; Linux x86_64) ${engine} Chrome/156.0 Safari/537.36`)).toBe("Chrome · Linux");
  expect(deviceText(`Mozilla/5.0 (Windows NT 10.0) ${engine} Chrome/156.0 Safari/537.36 Edg/156.0`)).toBe("Edge · Windows");
  expect(deviceText("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) AppleWebKit/605 Version/18 Safari/605")).toBe("Safari · macOS");
  expect(deviceText("Desk 1")).toBe("Desk 1");
  expect(deviceText("Mozilla/9 unheard of")).toBe("Mozilla/9 unheard of");
});
