import { beforeEach, expect, test, vi } from "vitest";
import * as client from "../../ipc/client.js";
import type { SyncStatus } from "../../ipc/wire.js";
import { syncDesk } from "./sync.svelte.js";

const status = (sheets: number): SyncStatus => ({ mode: "branch", standing: null, sheets }) as SyncStatus;

beforeEach(() => syncDesk.forget());

test("what the page was told the chip shows at once, and an answer under way is heard all the same and is news", async () => {
  let answer: (status: SyncStatus) => void = () => undefined;
  vi.spyOn(client, "call").mockImplementation(() => new Promise((resolve) => (answer = resolve as typeof answer)));
  const asked = syncDesk.load();
  const news = syncDesk.news;
  syncDesk.hear(status(2));
  expect(syncDesk.status?.sheets).toBe(2);
  // The page looks again at news; its own answer is none.
  expect(syncDesk.news).toBe(news);
  // Asked because of something that happened after the page had asked.
  answer(status(3));
  await asked;
  expect(syncDesk.status?.sheets).toBe(3);
  expect(syncDesk.news).toBe(news + 1);
});
