import type { Expense, ExpenseMethod, ExpenseState } from "../../ipc/wire.js";
import { m } from "../../paraglide/messages.js";

const states: Record<ExpenseState, { kind: "attention" | "info" | "refuse" | "admit"; text: () => string }> = {
  waiting: { kind: "attention", text: m.expense_waiting },
  approved: { kind: "info", text: m.expense_approved },
  paid: { kind: "admit", text: m.expense_paid },
  rejected: { kind: "refuse", text: m.expense_rejected },
};

export const allStates = Object.keys(states) as ExpenseState[];

export function stateChip(state: ExpenseState): { kind: "attention" | "info" | "refuse" | "admit"; text: string } {
  const { kind, text } = states[state];
  return { kind, text: text() };
}

const ways: Record<ExpenseMethod, () => string> = { cash: m.expense_cash, bank_transfer: m.expense_bank };

/** A way of paying as it is offered. */
export function wayText(method: ExpenseMethod): string {
  return ways[method]();
}

/** It should have been paid by now. */
export function overdue({ state, due_on }: Expense, today: string): boolean {
  return due_on !== null && due_on < today && (state === "waiting" || state === "approved");
}
