import type { Browser } from "@playwright/test";
import { randomUUID } from "node:crypto";
import { dayFromToday, Office } from "./desk.js";
import type { Gym } from "./gym.js";

export const SHAKE = "6221033200019";
export const BAR = "5449000000996";
/** Runs, and comes in. */
export const MONA = "6221033100021";
/** Has ended. */
export const SARA = "6221033100022";

/** A gym with plans, a shelf of which one thing runs low, prices to come and a tax rate. */
export async function fillShelf(browser: Browser, gym: Gym): Promise<void> {
  const page = await browser.newPage();
  const office = await Office.setUp(page, gym);
  const vat = (await office.call("tax_rate_create", { id: randomUUID(), name: "VAT", rate_bp: 1400 })).id;
  const month = await office.plan("One month", 60_000);
  await office.plan("Three months, any time of the day", 150_050, { duration_count: 3 });
  await office.call("plan_price_set", { plan_id: month.id, from: dayFromToday(75), price_minor: 70_000, only_this_branch: false });
  const shelf = (name: string, price_minor: number, some: object) =>
    office.call("product_create", {
      id: randomUUID(), name, native_name: null, category: null, tax_rate_id: null, low_stock_at: null, barcodes: [], price_minor, ...some,
    });
  const stocked = async (id: string, quantity: number, note: string) =>
    office.call("stock_move", { idempotency_key: randomUUID(), product_id: id, kind: "delivery", quantity, note });
  const shake = await shelf("Vanilla shake", 4_500, {
    native_name: "مخفوق الفانيليا", category: "Drinks", low_stock_at: 3, barcodes: [SHAKE], tax_rate_id: vat,
  });
  await stocked(shake.id, 5, "Nile Dairy, note 4411");
  const bar = await shelf("Protein bar", 3_000, { category: "Snacks", low_stock_at: 6, barcodes: [BAR, "5449000000997"] });
  await stocked(bar.id, 4, "Opening stock");
  const towel = await shelf("Towel", 12_000, { category: "Gear" });
  await stocked(towel.id, 40, "Opening stock");
  await office.call("product_price_set", { product_id: bar.id, from: dayFromToday(20), price_minor: 3_500, only_this_branch: false });
  const mona = await office.member("Mona Adel", { native_name: "منى عادل", language: "ar" });
  await office.sold(mona.id, month.id, dayFromToday(0));
  await office.call("alias_add", { member_id: mona.id, code: MONA });
  const sara = await office.member("Sara Naguib");
  await office.sold(sara.id, month.id, dayFromToday(-45));
  await office.call("alias_add", { member_id: sara.id, code: SARA });
  await page.close();
}
