import { beforeEach, expect, test, vi } from "vitest";
import { call } from "../../ipc/client.js";
import type { ListTimeline, Timeline, TimelineRow } from "../../ipc/wire.js";
import { MemberTimeline } from "./timeline.svelte.js";

vi.mock("../../ipc/client.js", () => ({ call: vi.fn() }));
const asked = vi.mocked(call as (command: string, request: ListTimeline) => Promise<Timeline>);

const row = (at: string, what: string): TimelineRow => ({
  at, what, title: null, from_on: null, until_on: null, days: null, reason: null, amount: null, receipt_id: null, by: null,
  branch: null, desk: null,
});

/** A server with these rows, newest first, some to a page. */
function server(rows: TimelineRow[], page: number) {
  asked.mockImplementation(async (_, { before }) => {
    const left = rows.filter((one) => before === null || Date.parse(one.at) < Date.parse(before));
    return { rows: left.slice(0, page), more: left.length > page };
  });
}

beforeEach(() => {
  asked.mockReset();
});

test("a sale and its receipt of the same instant are both shown, once, where a page ends between them", async () => {
  const rows = [
    row("2026-03-03T10:00:00.500Z", "entry"),
    row("2026-03-03T09:30:00Z", "entry"),
    row("2026-03-03T09:00:00.123456Z", "sold"),
    row("2026-03-03T09:00:00.123456Z", "receipt_sale"),
    row("2026-03-01T09:00:00Z", "member.registered"),
  ];
  server(rows, 3);
  const timeline = new MemberTimeline("mona");
  await timeline.load();
  expect(timeline.rows).toHaveLength(3);
  await timeline.older();
  await timeline.older();
  expect(timeline.rows).toEqual(rows);
  expect(timeline.more).toBe(false);
});

test("a kind that lies far back is looked for", async () => {
  const visits = Array.from({ length: 9 }, (_, day) => row(`2026-03-2${9 - day}T09:00:00Z`, "entry"));
  server([...visits, row("2026-03-01T09:00:00Z", "frozen")], 3);
  const timeline = new MemberTimeline("mona");
  await timeline.load();
  await timeline.choose("freezes");
  expect(timeline.rows.map(({ what }) => what)).toEqual(["frozen"]);
  await timeline.choose("receipts");
  expect(timeline.rows).toEqual([]);
});
