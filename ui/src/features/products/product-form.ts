import type { Product, ProductForm } from "../../ipc/wire.js";
import { latinDigits } from "../../shared/text/digits.js";
import { fold } from "../finder/commands.js";

/** The same as `ProductForm`, as fields hold it. */
export interface ProductFields extends Record<string, unknown> {
  name: string;
  native_name: string;
  category: string;
  tax_rate_id: string | null;
  low_stock_at: number | null;
  /** One in a line. */
  barcodes: string;
  /** Only of a new product; later prices have days of their own. */
  price_minor: number | null;
}

export function fieldsOf(product: Product | null): ProductFields {
  return {
    name: product?.name ?? "",
    native_name: product?.native_name ?? "",
    category: product?.category ?? "",
    tax_rate_id: product?.tax_rate_id ?? null,
    low_stock_at: product?.low_stock_at ?? null,
    barcodes: product?.barcodes.join("\n") ?? "",
    price_minor: null,
  };
}

const orNull = (text: string) => (text.trim() === "" ? null : text.trim());

export function formOf(fields: ProductFields): ProductForm {
  return {
    name: fields.name.trim(),
    native_name: orNull(fields.native_name),
    category: orNull(fields.category),
    tax_rate_id: fields.tax_rate_id,
    low_stock_at: fields.low_stock_at,
    barcodes: codesIn(fields.barcodes),
  };
}

/** Each code once, however they were typed: in lines, with commas, in Arabic digits. */
export function codesIn(text: string): string[] {
  const codes = latinDigits(text).split(/[\n,،;]+/).map((code) => code.trim());
  return [...new Set(codes)].filter((code) => code !== "");
}

/** The product is what somebody looks for: each word is in one of its names or its category, or begins a barcode. */
export function isMeant(product: Product, text: string): boolean {
  const words = fold([product.name, product.native_name ?? "", product.category ?? ""].join(" "));
  const typed = fold(text).split(/\s+/).filter(Boolean);
  return typed.every((part) => words.includes(part) || product.barcodes.some((code) => code.startsWith(part)));
}

/** What runs low comes first; otherwise by name in the reader's language. */
export function lowFirst(products: readonly Product[], locale: string): Product[] {
  const order = new Intl.Collator(locale, { numeric: true });
  return products.toSorted((a, b) => Number(b.is_low) - Number(a.is_low) || order.compare(a.name, b.name));
}
