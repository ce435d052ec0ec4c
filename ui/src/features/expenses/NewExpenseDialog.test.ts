import { cleanup, fireEvent, render, screen } from "@testing-library/svelte";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { call } from "../../ipc/client.js";
import { CallError, Unreachable } from "../../ipc/errors.js";
import { language } from "../../shared/language.svelte.js";
import { place } from "../../shared/place.svelte.js";
import NewExpenseDialog from "./NewExpenseDialog.svelte";

vi.mock("../../ipc/client.js", () => ({ call: vi.fn() }));
const asked = vi.mocked(call as (command: string, request: Record<string, unknown>) => Promise<unknown>);
const onentered = vi.fn();
const onclose = vi.fn();

beforeEach(() => {
  language.current = "en";
  place.currency = "EGP";
  asked.mockReset();
  onentered.mockReset();
});
afterEach(cleanup);

async function fill(values: Record<string, string>) {
  render(NewExpenseDialog, { categories: ["Rent"], onentered, onclose });
  for (const [label, value] of Object.entries(values)) {
    await fireEvent.input(screen.getByLabelText(new RegExp(`^${label}`)), { target: { value } });
  }
}
const send = () => fireEvent.keyDown(screen.getByLabelText(/^Amount/), { key: "Enter", ctrlKey: true });
const choose = (file: File) =>
  fireEvent.change(document.querySelector<HTMLInputElement>("input[type='file']")!, { target: { files: [file] } });

describe("a new bill", () => {
  test("is entered under one id, however often it has to be sent", async () => {
    asked.mockRejectedValueOnce(new Unreachable(new Error())).mockResolvedValueOnce({ id: "bill" });
    await fill({ Amount: "114.5", Category: "Repairs", "What it is for": "Belt", "Tax in it": "١٤" });
    await send();
    expect(await screen.findByText(/The server does not answer/)).toBeInTheDocument();
    await send();
    await vi.waitFor(() => expect(onentered).toHaveBeenCalledWith({ id: "bill" }));
    const [first, second] = asked.mock.calls.map(([, request]) => request);
    expect(first).toMatchObject({ amount_minor: 11_450, tax_minor: 1_400, category: "Repairs", supplier: null, due_on: null });
    expect(second).toEqual(first);
  });

  test("without what it needs is not sent, and says so", async () => {
    await fill({ Amount: "1.234" });
    await send();
    expect(await screen.findByText("Type an amount, such as 600.")).toBeInTheDocument();
    expect(screen.getAllByText("This is needed.")).toHaveLength(2);
    expect(asked).not.toHaveBeenCalled();
  });

  test("shows what the server says about the tax and the paper under themselves", async () => {
    asked.mockRejectedValueOnce(new CallError({ code: "tax_above_amount", message: "", field: "tax_minor" }));
    await fill({ Amount: "1", Category: "Rent", "What it is for": "March", "Tax in it": "2" });
    await send();
    expect(await screen.findByText(/The tax is part of the amount/)).toBeInTheDocument();
    asked.mockRejectedValueOnce(new CallError({ code: "file_unreadable", message: "", field: "file_base64" }));
    await send();
    expect(await screen.findByText(/This file is damaged/)).toBeInTheDocument();
  });

  test("takes photos and PDF files, keeps the last good one, and lets go of it", async () => {
    await fill({});
    await choose(new File(["%PDF-1.4 %%EOF"], "rent.pdf", { type: "application/pdf" }));
    expect(await screen.findByText("rent.pdf")).toBeInTheDocument();
    await choose(new File(["words"], "rent.doc", { type: "application/msword" }));
    expect(await screen.findByText("Use a photo (JPEG, PNG, WebP) or a PDF.")).toBeInTheDocument();
    expect(screen.getByText("rent.pdf")).toBeInTheDocument();
    await fireEvent.click(screen.getByRole("button", { name: "Remove the file" }));
    expect(screen.queryByText("rent.pdf")).not.toBeInTheDocument();
  });
});
