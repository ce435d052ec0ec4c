import { beforeEach, describe, expect, test, vi } from "vitest";
import { CallError } from "../../ipc/errors.js";
import type { PaymentRequest, RemoteMethod, RequestState } from "../../ipc/wire.js";
import { language } from "../../shared/language.svelte.js";
import { remoteMethods, ask } from "./methods.svelte.js";
import { RequestDesk, transferNumber } from "./request.svelte.js";
import { ageText, lastText, stateText } from "./request-text.js";

const answers = new Map<string, (request: unknown) => unknown>();
const called: string[] = [];
vi.mock("../../ipc/client.js", () => ({
  call: async (command: string, request: unknown) => {
    called.push(command);
    return answers.get(command)?.(request);
  },
}));

const request = (some: Omit<Partial<PaymentRequest>, "direction"> & { direction?: "payment" | "refund" } = {}) =>
  ({
    id: "r", direction: "payment", method: "paymob", state: "ordered", payer_id: "m", payer_name: "Mona Adel",
    amount: { minor: 60000, currency: "EGP" }, reference: "GH0123456789", at: "2026-03-04T10:00:00Z", pay_url: null,
    pay_qr: null, instructions: null, transfer: null, reason: null, refused: null, found: null, ...some,
  }) as unknown as PaymentRequest;

beforeEach(() => {
  answers.clear();
  called.length = 0;
  language.current = "en";
});

describe("the number of a transfer", () => {
  test.each(["", "1234", "1234567890123", "12345678901x", "000000000000"])("UPI has no UTR %s", (typed) => {
    expect(transferNumber("upi", typed)).toBeNull();
  });

  test("spaces between its groups are dropped, a bank's own stays as it is", () => {
    expect(transferNumber("upi", " 1234 5678 9012 ")).toBe("123456789012");
    expect(transferNumber("bank_transfer", " FT 26/0042 ")).toBe("FT 26/0042");
    expect(transferNumber("bank_transfer", "  ")).toBeNull();
  });
});

describe("a payment on its way", () => {
  test("a gateway is asked, a transfer is only read again", async () => {
    answers.set("payment_request_check", () => request({ state: "confirmed", transfer: "192036465" }));
    answers.set("payment_request_get", () => request({ method: "upi", state: "claimed" }));
    const link = new RequestDesk(request());
    await link.look();
    expect(link.request.state).toBe("confirmed");
    // What is over is left alone.
    await link.look();
    const transfer = new RequestDesk(request({ method: "upi", state: "created" }));
    await transfer.look();
    expect(called).toEqual(["payment_request_check", "payment_request_get"]);
  });

  test("looking by itself fails silently; asking says why", async () => {
    answers.set("payment_request_check", () => {
      throw new CallError({ code: "gateway_keys_refused", message: "keys" });
    });
    const desk = new RequestDesk(request());
    await desk.look();
    expect(desk.problem).toBeNull();
    expect(await desk.check()).toBe(false);
    expect(desk.problem).toContain("refuses our keys");
    expect(desk.request.state).toBe("ordered");
  });

  test("confirming twice at once asks once", async () => {
    answers.set("payment_request_confirm", () => request({ method: "upi", state: "confirmed" }));
    const desk = new RequestDesk(request({ method: "upi", state: "created" }));
    await Promise.all([desk.confirm("123456789012"), desk.confirm("123456789012")]);
    expect(called).toEqual(["payment_request_confirm"]);
  });
});

describe("in words", () => {
  const said = (some: Parameters<typeof request>[0]) => lastText(request(some)).replace(/\u00a0/g, " ");

  test.each<[RequestState, RemoteMethod, string]>([
    ["created", "upi", "Waiting for the transfer."],
    ["ordered", "paypal", "PayPal waits for the payer"],
    ["expired", "paymob", "Nobody paid in time."],
  ])("%s of %s", (state, method, text) => {
    expect(said({ state, method })).toContain(text);
  });

  test("how long ago it was asked for", () => {
    const after = (minutes: number) => ageText("2026-03-04T10:00:00Z", new Date(Date.parse("2026-03-04T10:00:00Z") + minutes * 60_000));
    expect([0, 59, 2 * 24 * 60].map(after)).toEqual(["just now", expect.stringMatching(/^59 min/), "2 days ago"]);
  });

  test("another amount is named beside what was asked for", () => {
    expect(said({ state: "mismatch", found: { minor: 1, currency: "EGP" } })).toContain("EGP 0.01 came instead of EGP 600.");
  });

  test("a refund that the gateway refused says why, in our words where we know them", () => {
    expect(said({ direction: "refund", state: "failed", refused: "keys_refused" })).toContain("may have expired");
    expect(said({ direction: "refund", state: "failed", refused: "CAPTURE_FULLY_REFUNDED" })).toContain("CAPTURE_FULLY_REFUNDED");
    expect(stateText(request({ direction: "refund", state: "confirmed" })).text).toBe("Paid back");
  });
});

describe("which ways are offered", () => {
  const asked = { idempotency_key: "k", method: "paymob" as const, payer_id: "m", charge_ids: [], amount: { minor: 1, currency: "EGP" }, keep_method: false };

  test("those that are set up and move the currency, and what was known where nobody answers", async () => {
    expect(remoteMethods.offered("EGP")).toEqual([]);
    answers.set("payment_methods", () => ({ rows: ["upi", "bank_transfer", "paymob", "paypal"] }));
    await remoteMethods.load();
    answers.set("payment_methods", () => {
      throw new CallError({ code: "internal", message: "away" });
    });
    await remoteMethods.load();
    expect(remoteMethods.offered("EGP")).toEqual(["bank_transfer", "paymob"]);
    expect(remoteMethods.offered("INR")).toEqual(["upi", "bank_transfer"]);
    expect(remoteMethods.offered("EUR")).toEqual(["bank_transfer", "paypal"]);
  });

  test("one that is not set up is not offered again until it is", async () => {
    answers.set("payment_request", () => {
      throw new CallError({ code: "method_not_set_up", message: "not set up" });
    });
    await expect(ask(asked)).rejects.toThrow();
    expect(remoteMethods.offered("EGP")).toEqual(["bank_transfer"]);
    remoteMethods.learn("paymob", true);
    expect(remoteMethods.offered("EGP")).toContain("paymob");
  });
});
