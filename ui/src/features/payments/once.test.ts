import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { CallError } from "../../ipc/errors.js";
import { Once } from "./once.svelte.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const refused = (code: string) => new CallError({ code, message: code });

test("a branch computer that went silent leaves a sale unanswered, also while it is known to be away", async () => {
  const answers = [refused("branch_machine_silent"), ...Array<CallError>(3).fill(refused("branch_machine_away"))];
  const send = vi.fn(async (_asked: string) => {
    const error = answers.shift();
    if (error) throw error;
    return "sold";
  });
  const again = vi.fn(async () => {});
  const once = new Once(send, again);
  const sending = once.send("this sale");
  await vi.runAllTimersAsync();
  await sending;
  expect([once.unanswered, once.answer]).toEqual(["this sale", null]);
  await once.send("another one");
  expect([once.unanswered, once.answer]).toEqual([null, "sold"]);
  expect(send.mock.calls.map(([asked]) => asked)).toEqual(Array(5).fill("this sale"));
  expect(again).not.toHaveBeenCalled();
});

test("what was never sent to a branch computer that is away is no open question", async () => {
  const again = vi.fn(async () => {});
  const once = new Once(async (_asked: string) => Promise.reject(refused("branch_machine_away")), again);
  await once.send("this sale");
  expect([once.unanswered, once.fixed]).toEqual([null, false]);
  expect(again).toHaveBeenCalledOnce();
});
