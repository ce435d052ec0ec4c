import { cleanup, fireEvent, render, screen, within } from "@testing-library/svelte";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Plan, Product, SalePreview, Sell, Subscription } from "../../ipc/wire.js";
import { language } from "../../shared/language.svelte.js";
import { scans } from "../scanning/scans.js";
import type { Wish } from "./sale.svelte.js";
import SellDialog from "./SellDialog.svelte";

const answers = new Map<string, (request: unknown) => unknown>();
vi.mock("../../ipc/client.js", () => ({
  call: async (command: string, request: unknown) => answers.get(command)?.(request),
}));

const egp = (minor: number) => ({ minor, currency: "EGP" });
const sent: Sell[] = [];
const onsold = vi.fn();
const onclose = vi.fn();
const atDoor = vi.fn();
const offered = (some: Partial<SalePreview> = {}): SalePreview => ({
  member_id: "m", payer_name: "Mona Adel", total: egp(60000), tax: egp(0), cash_total: egp(60000), credit: egp(0),
  owed: egp(0), warnings: [], short: [],
  lines: [{
    description: "Monthly", quantity: 1, unit: egp(60000), amount: egp(60000), tax: egp(0), tax_name: null,
    starts_on: "2026-03-04", ends_on: "2026-04-03", visits: null, alternative_start: null,
  }],
  ...some,
});

beforeEach(() => {
  vi.useFakeTimers({ now: new Date("2026-03-04T10:00:00Z"), toFake: ["Date"] });
  language.current = "en";
  sent.length = 0;
  onsold.mockReset();
  onclose.mockReset();
  atDoor.mockReset();
  Element.prototype.scrollIntoView = () => {};
  const monthly = { id: "month", name: "Monthly", price: egp(60000), archived_at: null, duration_unit: "months", duration_count: 1 };
  const lapsed = { id: "s", plan_id: "month", plan_name: "Monthly", status: "expired", kind: "gym", ends_on: "2026-03-01" };
  answers.set("member_get", () => ({ id: "m", full_name: "Mona Adel" }));
  answers.set("member_subscriptions", () => ({ rows: [lapsed as Subscription] }));
  const shake = { id: "shake", name: "Vanilla shake", price: egp(4500), stock: 2, is_low: true, low_stock_at: 3, barcodes: [] };
  answers.set("product_list", () => ({ rows: [shake as unknown as Product] }));
  answers.set("product_by_code", (request) => {
    if ((request as { code: string }).code !== "6221033200019") throw new Error("not found");
    return shake;
  });
  answers.set("plan_list", () => ({ rows: [monthly as Plan] }));
  answers.set("money_settings_get", () => ({ cash_rounding_minor: 1 }));
  answers.set("sale_preview", () => offered());
  answers.set("sell", (request) => {
    sent.push(request as Sell);
    const change = egp((sent[0]?.payments ?? []).reduce((sum, { tendered, amount }) => sum + (tendered?.minor ?? amount.minor) - amount.minor, 0));
    return {
      transaction_id: "t", receipt_id: "r", receipt_number: 12, voucher_codes: [], total: egp(60000), change, owed: egp(0),
      subscriptions: [{ subscription_id: "s", event_id: "e", starts_on: "2026-03-04", ends_on: "2026-04-03" }],
    };
  });
});

afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

async function open(may_owe = false, wish: Wish = { subscription_id: "s" }) {
  render(SellDialog, { wish, may_owe, atDoor, onsold, onclose });
  await vi.waitFor(() => expect(screen.getByRole("listbox")).toHaveFocus());
  return screen.getByRole("dialog");
}

/** Presses a key where the focus is; counted, so that a shortest path stays one. */
async function press(key: string, code = key.length === 1 ? `Key${key.toUpperCase()}` : key) {
  await fireEvent.keyDown(document.activeElement!, { key, code });
}

const text = () => document.body.textContent?.replace(/\u00a0/g, " ").replace(/\s+/g, " ") ?? "";

describe("selling at the desk", () => {
  test("a renewal in cash is one key once the dialog is open", async () => {
    await open();
    await press("Enter");
    await vi.waitFor(() => expect(onclose).toHaveBeenCalled());
    expect(sent).toMatchObject([
      { member_id: "m", lines: [{ kind: "renew", subscription_id: "s" }], payments: [{ method: "cash", amount: egp(60000) }] },
    ]);
    expect(onsold).toHaveBeenCalledExactlyOnceWith("m", expect.objectContaining({ receipt_number: 12 }));
  });

  test("the change stands large until somebody has counted it", async () => {
    const dialog = await open();
    await fireEvent.input(within(dialog).getByLabelText("Cash received"), { target: { value: "1000" } });
    await fireEvent.submit(dialog.querySelector("form")!);
    await vi.waitFor(() => expect(screen.getByText("Hand back")).toBeInTheDocument());
    expect(text()).toContain("EGP 400");
    expect(text()).toContain("Receipt 12");
    expect(screen.getByRole("button", { name: /Done/ })).toHaveFocus();
    expect(onclose).not.toHaveBeenCalled();
  });

  test("by card the key T goes to the slip's number, and Enter without it says what is missing", async () => {
    await open();
    await press("t");
    await vi.waitFor(() => expect(screen.getByLabelText("Slip number")).toHaveFocus());
    await fireEvent.submit(document.querySelector("form")!);
    await vi.waitFor(() => expect(text()).toContain("This is needed."));
    expect(sent).toEqual([]);
  });

  test("the credit is one key, a debt of before and who pays are said, tax is shown", async () => {
    answers.set("sale_preview", () =>
      offered({
        payer_name: "Hassan Adel", credit: egp(60000), owed: egp(20000), tax: egp(7368),
        lines: [{ ...offered().lines[0]!, tax: egp(7368), tax_name: "VAT 14 %" }],
      }),
    );
    await open();
    expect(text()).toContain("Hassan Adel pays for the household.");
    expect(text()).toContain("Already owes EGP 200.");
    expect(text()).toContain("including VAT 14 % EGP 73.68");
    await press("k");
    expect(screen.getByRole("button", { name: /Pay EGP.600 from the credit/ })).toBeEnabled();
    await press("Enter");
    await vi.waitFor(() => expect(sent).toMatchObject([{ credit_minor: 60000, payments: [] }]));
  });

  test("only whoever may sell on credit can leave it owed", async () => {
    await open(false);
    await press("o");
    expect(screen.queryByLabelText(/owed until/)).toBeNull();
    cleanup();
    await open(true);
    await press("o");
    expect(screen.getByRole("button", { name: /EGP.600 stays owed/ })).toBeEnabled();
    await press("Enter");
    await vi.waitFor(() => expect(sent).toMatchObject([{ payments: [], owe_until: "2026-03-11" }]));
  });

  test("cash is rounded where the branch rounds, and says so", async () => {
    answers.set("money_settings_get", () => ({ cash_rounding_minor: 25 }));
    answers.set("sale_preview", () => offered({ total: egp(60012), cash_total: egp(60000) }));
    await open();
    expect(text()).toContain("Rounded by EGP 0.12");
    await press("Enter");
    await vi.waitFor(() => expect(sent).toMatchObject([{ expected_total: egp(60012), payments: [{ amount: egp(60000) }] }]));
  });

  describe("from the shelf", () => {
    const walk_in = () => {
      answers.set("sale_preview", () => offered({ member_id: null, payer_name: null, total: egp(4500), cash_total: egp(4500) }));
      render(SellDialog, { wish: { member_id: null }, may_owe: true, atDoor, onsold, onclose });
      return vi.waitFor(() => expect(screen.getByRole("searchbox")).toHaveFocus());
    };

    test("a scan and Enter sell, to nobody in particular and only for money", async () => {
      await walk_in();
      expect(text()).toContain("2 left");
      expect(await scans.take("6221033200019")).toBe(true);
      await vi.waitFor(() => expect(screen.getByRole("button", { name: /Take EGP.45 in cash/ })).toBeEnabled());
      expect(screen.getByRole("listbox")).toHaveFocus();
      expect(screen.queryByRole("checkbox", { name: /owed/ })).toBeNull();
      await press("Enter");
      await vi.waitFor(() => expect(onclose).toHaveBeenCalled());
      expect(sent).toMatchObject([{ member_id: null, lines: [{ product_id: "shake", quantity: 1 }] }]);
      expect(onsold).toHaveBeenCalledExactlyOnceWith(null, expect.objectContaining({ receipt_number: 12 }));
      expect(atDoor).not.toHaveBeenCalled();
    });

    test("by name it is the name, Enter, Enter; + and - say how many", async () => {
      await walk_in();
      await fireEvent.input(screen.getByRole("searchbox"), { target: { value: "sha" } });
      await press("Enter");
      await vi.waitFor(() => expect(screen.getByRole("listbox")).toHaveFocus());
      await press("+", "Equal");
      await press("+", "Equal");
      await press("-", "Minus");
      await vi.waitFor(() => expect(screen.getByRole("button", { name: /Take EGP/ })).toBeEnabled());
      expect(text()).toContain("2 × Vanilla shake");
      await press("Enter");
      await vi.waitFor(() => expect(sent).toMatchObject([{ lines: [{ product_id: "shake", quantity: 2 }] }]));
    });

    test("a member's card goes to the door, and the sale stays as it was", async () => {
      atDoor.mockResolvedValue("Mona Adel came to the door: Welcome.");
      await open();
      expect(await scans.take("GH1-not-a-product")).toBe(true);
      expect(atDoor).toHaveBeenCalledExactlyOnceWith("GH1-not-a-product");
      await vi.waitFor(() => expect(text()).toContain("came to the door"));
      await press("Enter");
      await vi.waitFor(() => expect(sent).toMatchObject([{ lines: [{ kind: "renew" }] }]));
    });

    test("looking for the member takes no money", async () => {
      answers.set("member_search", () => ({ rows: [{ id: "m", full_name: "Mona Adel", number: "1" }] }));
      await walk_in();
      await scans.take("6221033200019");
      await vi.waitFor(() => expect(screen.getByRole("listbox")).toHaveFocus());
      await press("w");
      await vi.waitFor(() => expect(screen.getByLabelText("Who buys", { selector: "input" })).toHaveFocus());
      await press("Enter");
      expect(sent).toEqual([]);
      await fireEvent.input(document.activeElement!, { target: { value: "mona" } });
      await vi.waitFor(() => expect(screen.getByRole("option", { name: /Mona/ })).toBeInTheDocument());
      await press("Enter");
      await vi.waitFor(() => expect(screen.getByRole("heading", { name: "Sell to Mona Adel" })).toBeInTheDocument());
      expect(text()).toContain("Vanilla shake");
    });
  });
});
