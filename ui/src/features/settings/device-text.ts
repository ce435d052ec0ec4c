// First match wins: every browser also claims to be the ones before it.
const BROWSERS: readonly [RegExp, string][] = [
  [/Edg\//, "Edge"],
  [/OPR\//, "Opera"],
  [/Firefox\//, "Firefox"],
  [/Chrome\/|CriOS\//, "Chrome"],
  [/Safari\//, "Safari"],
];
const SYSTEMS: readonly [RegExp, string][] = [
  [/Android/, "Android"],
  [/iPhone|iPad/, "iOS"],
  [/Windows/, "Windows"],
  [/Mac OS X/, "macOS"],
  [/Linux/, "Linux"],
];

/** "Chrome · Linux" for what a browser calls itself; the name of a desk as it is. */
export function deviceText(device: string): string {
  if (!device.startsWith("Mozilla/")) return device;
  const named = [BROWSERS, SYSTEMS].map((list) => list.find(([sign]) => sign.test(device))?.[1]);
  return named.filter((name) => name !== undefined).join(" · ") || device;
}
