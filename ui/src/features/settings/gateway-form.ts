import type { GatewaySettings, GatewayView, RemoteMethod, SetGateway } from "../../ipc/wire.js";
import { m } from "../../paraglide/messages.js";
import type { FieldErrors } from "../../shared/form/form.svelte.js";
import { latinDigits } from "../../shared/text/digits.js";

/** Names of the keys of each way; they are written and never read again. */
export const keysOf: Record<RemoteMethod, readonly string[]> = {
  upi: [],
  bank_transfer: [],
  paymob: ["secret_key", "api_key", "hmac_secret"],
  paypal: ["client_secret"],
};

/** Where a gateway is, and whether money there is real; null where the keys tell. */
export const places: Partial<Record<RemoteMethod, readonly { url: string; text: () => string }[]>> = {
  paymob: [
    { url: "https://accept.paymob.com", text: m.gateway_paymob_egypt },
    { url: "https://ksa.paymob.com", text: m.gateway_paymob_saudi },
    { url: "https://uae.paymob.com", text: m.gateway_paymob_emirates },
    { url: "https://oman.paymob.com", text: m.gateway_paymob_oman },
    { url: "https://pakistan.paymob.com", text: m.gateway_paymob_pakistan },
  ],
  paypal: [
    { url: "https://api-m.paypal.com", text: m.gateway_paypal_live },
    { url: "https://api-m.sandbox.paypal.com", text: m.gateway_paypal_sandbox },
  ],
};

/** No real money moves: Paymob says so in its keys, PayPal by its address. */
export function isTest(settings: GatewaySettings): boolean {
  if (settings.kind === "paymob") return /(^|_)test(_|$)/.test(settings.public_key);
  return settings.kind === "paypal" && settings.base_url.includes("sandbox");
}

/** Every field of every way; the errors of the server name them so. */
export interface GatewayValues extends Record<string, unknown> {
  enabled: boolean;
  upi_address: string;
  upi_name: string;
  merchant_code: string;
  instructions: string;
  base_url: string;
  public_key: string;
  integrations: string;
  /** Of charges without the payer; empty where there is none. */
  moto_integration: string;
  notify_url: string;
  client_id: string;
  webhook_id: string;
  /** New ones by their names; an empty one stays as it is. */
  keys: Record<string, string>;
}

export function valuesOf(method: RemoteMethod, view: GatewayView | undefined): GatewayValues {
  const settings = view?.settings;
  return {
    enabled: view?.enabled ?? true,
    upi_address: settings?.kind === "upi" ? settings.address : "",
    upi_name: settings?.kind === "upi" ? settings.name : "",
    merchant_code: settings?.kind === "upi" ? (settings.merchant_code ?? "") : "",
    instructions: settings?.kind === "bank_transfer" ? settings.instructions : "",
    base_url: settings && "base_url" in settings ? settings.base_url : (places[method]?.[0]?.url ?? ""),
    public_key: settings?.kind === "paymob" ? settings.public_key : "",
    integrations: settings?.kind === "paymob" ? settings.integrations.join(", ") : "",
    moto_integration: settings?.kind === "paymob" ? String(settings.moto_integration ?? "") : "",
    notify_url: settings?.kind === "paymob" ? (settings.notify_url ?? "") : "",
    client_id: settings?.kind === "paypal" ? settings.client_id : "",
    webhook_id: settings?.kind === "paypal" ? settings.webhook_id : "",
    keys: Object.fromEntries(keysOf[method].map((name) => [name, ""])),
  };
}

/** "4097568, 4097570"; null where it is something else. */
function integrationsIn(text: string): number[] | null {
  const words = latinDigits(text).split(/[\s,،;]+/).filter((word) => word !== "");
  return words.every((word) => /^\d{1,15}$/.test(word)) ? words.map(Number) : null;
}

function settingsOf(method: RemoteMethod, values: GatewayValues): GatewaySettings {
  const text = (key: keyof GatewayValues & string) => String(values[key]).trim();
  const orNone = (key: keyof GatewayValues & string) => text(key) || null;
  const base_url = text("base_url").replace(/\/+$/, "");
  switch (method) {
    case "upi":
      return { kind: "upi", address: text("upi_address"), name: text("upi_name"), merchant_code: orNone("merchant_code") };
    case "bank_transfer":
      return { kind: "bank_transfer", instructions: text("instructions") };
    case "paymob":
      return {
        kind: "paymob",
        base_url,
        public_key: text("public_key"),
        integrations: integrationsIn(values.integrations) ?? [],
        moto_integration: integrationsIn(values.moto_integration)?.[0] ?? null,
        notify_url: orNone("notify_url"),
      };
    case "paypal":
      return { kind: "paypal", base_url, client_id: text("client_id"), webhook_id: text("webhook_id") };
  }
}

export function requestOf(method: RemoteMethod, values: GatewayValues): SetGateway {
  const keys = Object.fromEntries(Object.entries(values.keys).filter(([, key]) => key.trim() !== ""));
  return { enabled: values.enabled, settings: settingsOf(method, values), keys };
}

/** What the server could only refuse for all the keys together, and what it could not read at all. */
export function wrongIn(method: RemoteMethod, values: GatewayValues, stored: Record<string, string>): FieldErrors {
  const missing = keysOf[method].filter((name) => values.enabled && !stored[name] && values.keys[name]?.trim() === "");
  return {
    ...Object.fromEntries(missing.map((name) => [name, m.error_required()])),
    integrations:
      method === "paymob" && integrationsIn(values.integrations) === null ? m.gateway_integrations_wrong() : undefined,
    moto_integration:
      method === "paymob" && (integrationsIn(values.moto_integration)?.length ?? 2) > 1 ? m.gateway_moto_wrong() : undefined,
  };
}

/** Dots before a key's last characters stay before them in every language. */
export function leftToRight(text: string): string {
  return `\u2066${text}\u2069`;
}
