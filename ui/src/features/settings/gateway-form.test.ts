import { expect, test } from "vitest";
import type { GatewayView } from "../../ipc/wire.js";
import { isTest, requestOf, valuesOf, wrongIn } from "./gateway-form.js";

const paymob = (some: object = {}): GatewayView => ({
  enabled: true,
  settings: { kind: "paymob", base_url: "https://accept.paymob.com", public_key: "egy_pk_test_1", integrations: [4097558], moto_integration: 4097571, notify_url: null },
  keys: { secret_key: "••••abcd", api_key: "••••efgh", hmac_secret: "" },
  keys_unreadable: false,
  updated_at: "2026-03-04T10:00:00Z",
  ...some,
});

test("a key that is not typed anew stays as it is, and the masked one is never sent", () => {
  const values = valuesOf("paymob", paymob());
  values.keys["api_key"] = " new-key ";
  expect(requestOf("paymob", values).keys).toEqual({ api_key: " new-key " });
});

test("each missing key is named by itself, unless the way is switched off", () => {
  const values = valuesOf("paymob", paymob());
  expect(Object.keys(wrongIn("paymob", values, paymob().keys)).toSorted()).toEqual(["hmac_secret", "integrations", "moto_integration"]);
  values.enabled = false;
  expect(wrongIn("paymob", values, {})).toEqual({ integrations: undefined, moto_integration: undefined });
});

test("integration numbers are numbers, in any digits", () => {
  const values = valuesOf("paymob", undefined);
  values.integrations = "٤٠٩٧٥٥٨، 4097560";
  expect(requestOf("paymob", values).settings).toMatchObject({ integrations: [4097558, 4097560] });
  values.integrations = "card";
  expect(wrongIn("paymob", values, {})["integrations"]).toContain("numbers with commas");
});

test("whether money is real is said by Paymob's keys and by PayPal's address", () => {
  expect(isTest(paymob().settings)).toBe(true);
  expect(isTest({ ...paymob().settings, public_key: "egy_pk_live_1" } as never)).toBe(false);
  const paypal = { kind: "paypal", client_id: "a", webhook_id: "" } as const;
  expect(isTest({ ...paypal, base_url: "https://api-m.sandbox.paypal.com" })).toBe(true);
  expect(isTest({ ...paypal, base_url: "https://api-m.paypal.com" })).toBe(false);
});

test("a new PayPal begins with real money, its slash is dropped", () => {
  const values = valuesOf("paypal", undefined);
  expect(values.base_url).toBe("https://api-m.paypal.com");
  values.base_url = "http://127.0.0.1:9/";
  expect(requestOf("paypal", values).settings).toMatchObject({ base_url: "http://127.0.0.1:9" });
});
