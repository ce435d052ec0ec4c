import { call } from "../../ipc/client.js";
import { CallError, explain, Unreachable } from "../../ipc/errors.js";
import { newId } from "../../ipc/ids.js";
import type { CameraView, DeskEvent, DeskNews, Feed, FeedRow, Source, Verdict } from "../../ipc/wire.js";
import { m } from "../../paraglide/messages.js";
import { toasts } from "../../shared/toasts.svelte.js";
import { link } from "../link/link.svelte.js";
import { session } from "../session/session.svelte.js";
import { syncDesk } from "../sync/sync.svelte.js";
import { earconOf, earcons } from "./earcons.svelte.js";
import { base64 } from "./picture.js";

/** A verdict makes room for the camera by itself after this time. */
const SHOWN_MS = 8000;
const FEED_LENGTH = 30;
const RETRY_MS = 1000;
const TRIES = 4;

const pause = (ms: number) => new Promise<void>((done) => setTimeout(done, ms));

/** What happens at this desk: the verdict on the stage, the feed beside it, the camera's state. */
class Desk {
  /** On the stage now. */
  verdict: Verdict | null = $state.raw(null);
  /** The newest one, also after it made room: what F8 and F4 speak of. */
  newest: Verdict | null = $state.raw(null);
  feed: Feed = $state.raw({ rows: [], inside: 0, capacity: null });
  camera: CameraView = $state.raw({ state: "starting", detail: null, source: null });
  /** False while the server does not answer; the desk says so and goes on trying. */
  reachable = $state(true);

  #timer: ReturnType<typeof setTimeout> | undefined;
  #held = false;

  /** Follows the desk's events until the returned function is called. */
  run(): () => void {
    const stop = new AbortController();
    void this.#follow(stop.signal);
    return () => {
      stop.abort();
      this.clear();
    };
  }

  /** Shows a verdict. The same scan can arrive twice: as the answer to a call and as an event. */
  show(verdict: Verdict): void {
    if (this.newest?.scan_id !== verdict.scan_id) {
      this.#held = false;
      earcons.play(earconOf(verdict));
    }
    this.newest = verdict;
    this.verdict = verdict;
    this.#startTimer();
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.verdict = null;
    this.#held = false;
  }

  /** Keeps the verdict while somebody works with it: a dialog is open, a button has the focus. */
  hold(held: boolean): void {
    this.#held = held;
    if (this.verdict) this.#startTimer();
  }

  checkInCode(code: string, source: Source): Promise<void> {
    return this.#checkIn({ code }, source);
  }

  checkInMember(member: string): Promise<void> {
    return this.#checkIn({ member }, "search");
  }

  /** Reads the code on a picture file as if it had been held to the camera. */
  async readPicture(file: File): Promise<void> {
    try {
      this.show(await call("desk_read_picture", { scan_id: newId(), picture_base64: await base64(file) }));
    } catch (error) {
      toasts.problem(explain(error));
    }
    await this.refresh();
  }

  async letIn(member_id: string, reason: string): Promise<void> {
    this.show(await call("let_in", { scan_id: newId(), member_id, reason }));
    await this.refresh();
  }

  async checkOut(member_id: string): Promise<void> {
    this.show(await call("check_out", { member_id }));
    await this.refresh();
  }

  /** The entry that F9 takes back. */
  get undoable(): FeedRow | undefined {
    return this.feed.rows.find((row) => row.can_undo && row.entry_id !== null);
  }

  async undo(row: FeedRow): Promise<void> {
    if (row.entry_id === null) return;
    try {
      await call("entry_undo", { entry_id: row.entry_id, reason: null });
      earcons.play("done");
      toasts.done(m.undone({ name: row.member?.full_name ?? "" }));
      if (this.verdict?.entry_id === row.entry_id) this.clear();
    } catch (error) {
      toasts.problem(explain(error));
    }
    await this.refresh();
  }

  async refresh(): Promise<void> {
    try {
      this.feed = await call("feed", { limit: FEED_LENGTH });
    } catch (error) {
      this.#noteFailure(error);
    }
  }

  async #checkIn(who: { code: string } | { member: string }, source: Source): Promise<void> {
    const scan_id = newId();
    for (let attempt = 1; ; attempt++) {
      try {
        this.show(await call("check_in", { ...who, scan_id, source }));
        break;
      } catch (error) {
        // The nonce makes a second try harmless: it gets the verdict of the first.
        if (error instanceof Unreachable && attempt < TRIES) {
          await pause(RETRY_MS * attempt);
          continue;
        }
        toasts.problem(explain(error));
        break;
      }
    }
    await this.refresh();
  }

  async #follow(stop: AbortSignal): Promise<void> {
    let after: number | null = null;
    while (!stop.aborted) {
      try {
        const news: DeskNews = await call("desk_wait", { after });
        if (stop.aborted) return;
        this.reachable = true;
        after = news.seq;
        for (const event of news.events) this.#take(event);
        if (news.missed) await this.#reload();
      } catch (error) {
        if (stop.aborted) return;
        this.#noteFailure(error);
        await pause(RETRY_MS);
      }
    }
  }

  #take(event: DeskEvent): void {
    switch (event.kind) {
      case "verdict":
        this.show(event.verdict);
        void this.refresh();
        break;
      case "camera":
        this.camera = event.camera;
        break;
      case "link":
        link.take(event.link);
        break;
      case "feed_changed":
        void this.refresh();
        break;
      case "sync_changed":
        void syncDesk.load();
        break;
    }
  }

  /** Events were lost, or there were none yet: asks how things stand. */
  async #reload(): Promise<void> {
    await link.load();
    await this.refresh();
    this.camera = (await call("desk_frame")).camera;
  }

  #noteFailure(error: unknown): void {
    if (error instanceof Unreachable) this.reachable = false;
    else if (error instanceof CallError && error.code === "not_logged_in") void session.recheck();
  }

  #startTimer(): void {
    clearTimeout(this.#timer);
    if (!this.#held) this.#timer = setTimeout(() => this.clear(), SHOWN_MS);
  }
}

export const desk = new Desk();
