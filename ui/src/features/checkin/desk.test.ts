import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { call } from "../../ipc/client.js";
import { CallError, Unreachable } from "../../ipc/errors.js";
import type { FeedRow, Verdict } from "../../ipc/wire.js";
import { toasts } from "../../shared/toasts.svelte.js";
import { session } from "../session/session.svelte.js";
import { desk } from "./desk.svelte.js";
import { earconOf, earcons } from "./earcons.svelte.js";

vi.mock("../../ipc/client.js", () => ({ call: vi.fn() }));

const asked = vi.mocked(call as (command: string, request?: unknown) => Promise<unknown>);
const emptyFeed = { rows: [], inside: 0, capacity: null };

function verdict(scan_id: string, more: Partial<Verdict> = {}): Verdict {
  return {
    scan_id, at: "2026-11-21T16:04:00Z", source: "webcam", outcome: "admitted", reasons: [], member: null,
    subscription: null, notes: [], next_action: null, can_let_in: false, entry_id: null, repeated: false, ...more,
  };
}

/** Answers calls by name; what is not named fails like a server that is gone. */
function server(answers: Record<string, (request: unknown) => unknown>) {
  asked.mockImplementation(async (command, request) => {
    const answer = answers[command];
    if (!answer) throw new Unreachable(new Error(command));
    return answer(request);
  });
}

const requests = (name: string) => asked.mock.calls.filter(([command]) => command === name).map(([, request]) => request);

beforeEach(() => {
  vi.useFakeTimers();
  asked.mockReset();
  vi.spyOn(earcons, "play").mockImplementation(() => {});
  server({ feed: () => emptyFeed });
});

afterEach(() => {
  desk.clear();
  desk.newest = null;
  toasts.list = [];
  vi.useRealTimers();
});

describe("a verdict", () => {
  test("makes room for the camera after eight seconds", () => {
    desk.show(verdict("a"));
    vi.advanceTimersByTime(7999);
    expect(desk.verdict?.scan_id).toBe("a");
    vi.advanceTimersByTime(1);
    expect(desk.verdict).toBeNull();
  });

  test("gives way to the next scan and then has its own eight seconds", () => {
    desk.show(verdict("a"));
    vi.advanceTimersByTime(7000);
    desk.show(verdict("b"));
    vi.advanceTimersByTime(7000);
    expect(desk.verdict?.scan_id).toBe("b");
  });

  test("stays while somebody works with it", () => {
    desk.show(verdict("a"));
    desk.hold(true);
    vi.advanceTimersByTime(60_000);
    expect(desk.verdict?.scan_id).toBe("a");
    desk.hold(false);
    vi.advanceTimersByTime(8000);
    expect(desk.verdict).toBeNull();
  });

  test("that somebody works with gives way to the next scan all the same", () => {
    desk.show(verdict("a"));
    desk.hold(true);
    desk.show(verdict("b"));
    vi.advanceTimersByTime(8000);
    expect(desk.verdict).toBeNull();
  });

  test("sounds once, though it comes as the answer and as an event", () => {
    desk.show(verdict("a"));
    desk.show(verdict("a"));
    expect(earcons.play).toHaveBeenCalledExactlyOnceWith("welcome");
  });

  test.each([
    [verdict("a"), "welcome"],
    [verdict("a", { outcome: "attention", reasons: [{ kind: "ends_soon", days_left: 2 }] }), "look"],
    [verdict("a", { outcome: "refused", reasons: [{ kind: "expired", ended_on: "2026-03-03" }] }), "stop"],
    [verdict("a", { outcome: "refused", reasons: [{ kind: "unknown_pass" }] }), "unknown"],
    [verdict("a", { reasons: [{ kind: "checked_out", minutes: 80 }] }), "done"],
  ])("%# sounds like its reason", (given, earcon) => {
    expect(earconOf(given)).toBe(earcon);
  });
});

describe("a check-in from the desk", () => {
  test("is tried again with the same nonce when the server was away", async () => {
    let tries = 0;
    server({
      feed: () => emptyFeed,
      check_in: (request) => {
        if (++tries < 3) throw new Unreachable(new Error("gone"));
        return verdict((request as { scan_id: string }).scan_id);
      },
    });
    const done = desk.checkInCode("GYM-123", "wedge");
    await vi.runAllTimersAsync();
    await done;
    const ids = requests("check_in").map((request) => (request as { scan_id: string }).scan_id);
    expect(ids).toHaveLength(3);
    expect(new Set(ids).size).toBe(1);
    expect(desk.newest?.scan_id).toBe(ids[0]);
  });

  test("says so when the server refuses the call", async () => {
    server({
      feed: () => emptyFeed,
      check_in: () => {
        throw new CallError({ code: "no_such_text", message: "The desk is closed." });
      },
    });
    await desk.checkInMember("m");
    expect(toasts.list.map(({ text }) => text)).toEqual(["The desk is closed."]);
    expect(requests("check_in")).toHaveLength(1);
  });
});

describe("taking back", () => {
  const row: FeedRow = {
    scan_id: "a", at: "2026-11-21T16:04:00Z", source: "webcam", outcome: "admitted", reasons: [], member: null,
    entry_id: "e", undone: false, can_undo: true, by: null,
  };

  test("the newest entry clears its verdict from the stage", async () => {
    server({ feed: () => emptyFeed, entry_undo: () => null });
    desk.feed = { ...emptyFeed, rows: [row] };
    desk.show(verdict("a", { entry_id: "e" }));
    expect(desk.undoable).toBe(row);
    await desk.undo(row);
    expect(requests("entry_undo")).toEqual([{ entry_id: "e", reason: null }]);
    expect(desk.verdict).toBeNull();
    expect(desk.undoable).toBeUndefined();
  });
});

describe("the desk's events", () => {
  test("are followed from where the last answer ended, also after the server was away", async () => {
    let turn = 0;
    const reading = { state: "reading", detail: null, source: "camera:0" };
    const unplugged = { ...reading, state: "unplugged" };
    server({
      feed: () => ({ ...emptyFeed, inside: 37 }),
      desk_link: () => ({ link: null }),
      desk_frame: () => ({ jpeg_base64: null, camera: reading }),
      desk_wait: async () => {
        turn += 1;
        if (turn === 1) return { seq: 6, events: [], missed: true };
        if (turn === 2) return { seq: 7, events: [{ kind: "verdict", verdict: verdict("a") }], missed: false };
        if (turn === 3) throw new Unreachable(new Error("restart"));
        if (turn === 4) return { seq: 8, events: [{ kind: "camera", camera: unplugged }], missed: false };
        return new Promise(() => {});
      },
    });
    const stop = desk.run();
    await vi.advanceTimersByTimeAsync(10);
    expect(desk.feed.inside).toBe(37);
    expect(desk.camera).toEqual(reading);
    expect(desk.newest?.scan_id).toBe("a");
    expect(desk.reachable).toBe(false);
    await vi.advanceTimersByTimeAsync(1000);
    expect(desk.reachable).toBe(true);
    expect(desk.camera).toEqual(unplugged);
    expect(requests("desk_wait")).toEqual([null, 6, 7, 7, 8].map((after) => ({ after })));
    stop();
  });

  const loggedOut = () => {
    throw new CallError({ code: "not_logged_in", message: "" });
  };

  test("end at the log-in when the session was revoked", async () => {
    server({ feed: () => emptyFeed, desk_wait: loggedOut, me: loggedOut });
    session.stage = "open";
    const stop = desk.run();
    await vi.advanceTimersByTimeAsync(10);
    expect(session.stage).toBe("log_in");
    stop();
  });

  test("go on after a switch of person ended the session of a call under way", async () => {
    let turn = 0;
    const me = {
      account_id: "b", full_name: "Karim", roles: [], permissions: [], branch_id: "b", desk_id: "d", has_pin: true,
      locked: false, csrf_token: "new",
    };
    server({
      feed: () => emptyFeed,
      desk_wait: () => (++turn === 1 ? loggedOut() : new Promise(() => {})),
      me: () => me,
    });
    session.stage = "open";
    const stop = desk.run();
    await vi.advanceTimersByTimeAsync(1100);
    expect(session.stage).toBe("open");
    expect(requests("desk_wait")).toHaveLength(2);
    stop();
  });
});
