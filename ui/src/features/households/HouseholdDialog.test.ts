import { cleanup, fireEvent, render, screen, within } from "@testing-library/svelte";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { call } from "../../ipc/client.js";
import type { Household, SetHousehold } from "../../ipc/wire.js";
import { language } from "../../shared/language.svelte.js";
import HouseholdDialog from "./HouseholdDialog.svelte";

vi.mock("../../ipc/client.js", () => ({ call: vi.fn() }));
const asked = vi.mocked(call as (command: string, request: unknown) => Promise<unknown>);

const household: Household = {
  id: "h", name: "Lotfy",
  members: [
    { member_id: "hany", full_name: "Hany Lotfy", number: "1", relation: "payer", guardian_id: null, guardian_name: null },
    { member_id: "rania", full_name: "Rania Lotfy", number: "2", relation: "adult", guardian_id: null, guardian_name: null },
    { member_id: "laila", full_name: "Laila Lotfy", number: "3", relation: "dependent", guardian_id: "rania", guardian_name: "Rania Lotfy" },
  ],
};
const sent = () => asked.mock.calls.filter(([command]) => command === "household_set").map(([, request]) => request as SetHousehold);
const ondone = vi.fn();
const onclose = vi.fn();

beforeEach(() => {
  language.current = "en";
  asked.mockReset();
  ondone.mockReset();
  asked.mockImplementation(async (command) => (command === "member_search" ? { rows: [{ id: "nour", full_name: "Nour Lotfy", number: "4" }] } : household));
});
afterEach(cleanup);

const hany = { id: "hany", full_name: "Hany Lotfy", age: 41 };
const show = (stored: Household | null, member = hany) =>
  render(HouseholdDialog, { member, household: stored, ondone, onclose });
const row = (name: string) => screen.getByText(name, { selector: "bdi" }).closest("li")!;

async function save() {
  await fireEvent.click(screen.getByRole("button", { name: /Save/ }));
}

describe("a household", () => {
  test("begins with the member as the one who pays, and takes who is found", async () => {
    show(null);
    await fireEvent.input(screen.getByLabelText(/^Name of the household/), { target: { value: " Lotfy " } });
    await fireEvent.input(screen.getByRole("combobox", { name: "Add a member" }), { target: { value: "nour" } });
    await vi.waitFor(() => expect(screen.getByRole("option", { name: /Nour Lotfy/ })).toBeInTheDocument());
    await fireEvent.keyDown(screen.getByRole("combobox", { name: "Add a member" }), { key: "Enter" });
    await save();
    await vi.waitFor(() => expect(ondone).toHaveBeenCalled());
    expect(sent()).toMatchObject([
      { name: "Lotfy", members: [{ member_id: "hany", relation: "payer" }, { member_id: "nour", relation: "dependent", guardian_id: null }] },
    ]);
  });

  test("of a minor wants the adult who pays, who is the guardian then", async () => {
    show(null, { id: "laila", full_name: "Laila Lotfy", age: 9 });
    await fireEvent.input(screen.getByLabelText(/^Name of the household/), { target: { value: "Lotfy" } });
    await save();
    expect(await screen.findByText(/Exactly one member of a household pays/)).toBeInTheDocument();
    await fireEvent.input(screen.getByRole("combobox", { name: "Add a member" }), { target: { value: "nour" } });
    await vi.waitFor(() => expect(screen.getByRole("option", { name: /Nour Lotfy/ })).toBeInTheDocument());
    await fireEvent.keyDown(screen.getByRole("combobox", { name: "Add a member" }), { key: "Enter" });
    await save();
    await vi.waitFor(() => expect(ondone).toHaveBeenCalled());
    expect(sent()[0]?.members).toEqual([
      { member_id: "laila", relation: "dependent", guardian_id: null },
      { member_id: "nour", relation: "payer", guardian_id: null },
    ]);
  });

  test("keeps its guardians, and makes the former payer an adult when somebody else pays", async () => {
    show(household);
    await fireEvent.change(within(row("Rania Lotfy")).getByLabelText("Belongs as"), { target: { value: "payer" } });
    await save();
    await vi.waitFor(() => expect(ondone).toHaveBeenCalled());
    expect(sent()[0]?.members.map(({ member_id, relation }) => [member_id, relation])).toEqual([
      ["hany", "adult"], ["rania", "payer"], ["laila", "dependent"],
    ]);
    expect(sent()[0]?.members[2]?.guardian_id).toBe("rania");
  });

  test("without anybody who pays is not sent", async () => {
    show(household);
    await fireEvent.click(screen.getByRole("button", { name: "Hany Lotfy leaves the household" }));
    await save();
    expect(await screen.findByText(/Exactly one member of a household pays/)).toBeInTheDocument();
    expect(sent()).toEqual([]);
  });
});
