import { beforeEach, expect, test, vi } from "vitest";
import { call } from "../../ipc/client.js";
import type { ListTimeline, Timeline, TimelineKind, TimelineRow } from "../../ipc/wire.js";
import { m } from "../../paraglide/messages.js";
import { MemberTimeline } from "./timeline.svelte.js";
import { reasonText, whatText } from "./timeline-text.js";

vi.mock("../../ipc/client.js", () => ({ call: vi.fn() }));
const asked = vi.mocked(call as (command: string, request: ListTimeline) => Promise<Timeline>);

let ids = 9;
const row = (at: string, kind: TimelineKind, what: string): TimelineRow => ({
  id: `id-${ids--}`, at, kind, what, title: null, from_on: null, until_on: null, days: null, reason: null, amount: null,
  receipt_id: null, by: null, branch: null, desk: null,
});

/** A server with these rows, newest first, some to a page. */
function server(rows: TimelineRow[], page: number) {
  asked.mockImplementation(async (_, { before, kind }) => {
    const left = rows.filter(
      (one) => (kind === null || one.kind === kind) && (!before || one.at + one.id < before.at + before.id),
    );
    return { rows: left.slice(0, page), more: left.length > page };
  });
}

beforeEach(() => {
  asked.mockReset();
  ids = 9;
});

test("a sale and its receipt of the same instant are both shown, once, where a page ends between them", async () => {
  const rows = [
    row("2026-03-03T10:00:00.500000Z", "entries", "entry"),
    row("2026-03-03T09:30:00.000000Z", "entries", "entry"),
    row("2026-03-03T09:00:00.123456Z", "subscriptions", "sold"),
    row("2026-03-03T09:00:00.123456Z", "receipts", "receipt_sale"),
    row("2026-03-01T09:00:00.000000Z", "edits", "member.registered"),
  ];
  server(rows, 3);
  const timeline = new MemberTimeline("mona");
  await timeline.load();
  expect(timeline.rows).toHaveLength(3);
  await timeline.older();
  expect(timeline.rows).toEqual(rows);
  expect(timeline.more).toBe(false);
});

test("a kind that lies far back is asked for by name", async () => {
  const visits = Array.from({ length: 7 }, (_, day) => row(`2026-03-2${9 - day}T09:00:00.000000Z`, "entries", "entry"));
  server([...visits, row("2026-03-01T09:00:00.000000Z", "freezes", "frozen")], 3);
  const timeline = new MemberTimeline("mona");
  await timeline.load();
  await timeline.choose("freezes");
  expect(timeline.rows?.map(({ what }) => what)).toEqual(["frozen"]);
  expect(asked).toHaveBeenCalledTimes(2);
  await timeline.choose("receipts");
  expect(timeline.rows).toEqual([]);
});

test("the answer to a question that is no longer asked is not shown", async () => {
  const timeline = new MemberTimeline("mona");
  let late = (_: Timeline) => {};
  asked.mockImplementationOnce(() => new Promise((answer) => (late = answer)));
  const first = timeline.load();
  asked.mockResolvedValueOnce({ rows: [], more: false });
  await timeline.choose("passes");
  late({ rows: [row("2026-03-03T10:00:00Z", "entries", "entry")], more: true });
  await first;
  expect([timeline.rows, timeline.more]).toEqual([[], false]);
});

test("passes and households are told in words", () => {
  const told = ["pass.issued", "pass.phone_added", "pass.revoked", "pass.alias_added", "household.joined", "household.left"];
  expect(told.map(whatText)).not.toContain(m.timeline_other());
  const revoked = { ...row("2026-03-03T10:00:00Z", "passes", "pass.revoked"), reason: "replaced" };
  expect(reasonText(revoked)).toBe(m.timeline_card_replaced());
  expect(reasonText({ ...revoked, reason: "lost in the sauna" })).toBe("lost in the sauna");
});
