import { cleanup, fireEvent, render, screen, within } from "@testing-library/svelte";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { CallError } from "../../ipc/errors.js";
import type { Tills as Answer } from "../../ipc/wire.js";
import { language } from "../../shared/language.svelte.js";
import Tills from "./Tills.svelte";

const answers = new Map<string, (request: unknown) => unknown>();
const asked: [string, unknown][] = [];
vi.mock("../../ipc/client.js", () => ({
  call: async (command: string, request: unknown) => {
    asked.push([command, request]);
    return answers.get(command)?.(request);
  },
}));

const row = (number: number, name: string) => ({ id: `t${number}`, number, name, shift_id: number === 1 ? "s" : null });
const before: Answer = {
  rows: [row(1, "1"), row(2, "2")],
  desks: [
    { desk_id: "d1", desk_name: "1", till_id: "t1" },
    { desk_id: "d2", desk_name: "2", till_id: "t2" },
  ],
};

beforeEach(() => {
  language.current = "en";
  asked.length = 0;
  answers.set("till_list", () => before);
});
afterEach(cleanup);

test("a drawer gets a name, and every line of it says so", async () => {
  answers.set("till_rename", () => ({ ...before, rows: [row(1, "Bar"), row(2, "2")] }));
  render(Tills);
  await fireEvent.click(await screen.findByText("Till 1", { selector: "bdi" }));
  const dialog = within(await screen.findByRole("dialog"));
  await fireEvent.input(dialog.getByLabelText(/Name/), { target: { value: " Bar " } });
  await fireEvent.click(dialog.getByRole("button", { name: /Save/ }));
  await screen.findByText("Bar", { selector: "bdi" });
  expect(asked).toContainEqual(["till_rename", { till_id: "t1", name: "Bar" }]);
  expect(screen.queryByRole("dialog")).toBeNull();
});

test("a name that another drawer has is refused under the field, and a second try makes no second drawer", async () => {
  answers.set("till_create", () => {
    throw new CallError({ code: "taken", message: "taken", field: "name" });
  });
  render(Tills);
  await fireEvent.click(await screen.findByRole("button", { name: /New till/ }));
  const dialog = within(await screen.findByRole("dialog"));
  await fireEvent.input(dialog.getByLabelText(/Name/), { target: { value: "Bar" } });
  await fireEvent.click(dialog.getByRole("button", { name: /Save/ }));
  expect(await dialog.findByText("Somebody else has this already. Choose another one.")).toBeTruthy();
  answers.set("till_create", () => ({ ...before, rows: [...before.rows, row(3, "Bar")] }));
  await fireEvent.click(dialog.getByRole("button", { name: /Save/ }));
  await screen.findByText("Bar", { selector: "bdi" });
  const tries = asked.filter(([command]) => command === "till_create").map(([, request]) => request);
  expect(tries).toHaveLength(2);
  expect(tries[0]).toEqual(tries[1]);
});

test("a desk is given another drawer", async () => {
  answers.set("desk_till_set", () => ({ ...before, desks: before.desks.map((desk) => ({ ...desk, till_id: "t1" })) }));
  render(Tills);
  await fireEvent.change(await screen.findByLabelText("Desk 2"), { target: { value: "t1" } });
  expect(asked).toContainEqual(["desk_till_set", { desk_id: "d2", till_id: "t1" }]);
  await screen.findByText("Desk 1 · Desk 2");
});
