import { CallError, explain, Unreachable } from "../../ipc/errors.js";
import { newId } from "../../ipc/ids.js";

const TRIES = 4;
const RETRY_MS = 1000;
const pause = (ms: number) => new Promise<void>((done) => setTimeout(done, ms));

/** Money that moves once, whatever the network does: a lost answer is asked for again with the very same request. */
export class Once<Asked, Answer> {
  /** Goes into the request. */
  readonly key = newId();
  busy = $state(false);
  problem: string | null = $state(null);
  /** Sent without an answer: whether it was stored is unknown, so only this very request may be sent again. */
  unanswered: Asked | null = $state.raw(null);
  answer: Answer | null = $state.raw(null);
  #send: (asked: Asked) => Promise<Answer>;
  #refused: () => Promise<void>;

  /** `refused` looks again at what was shown: a price changed, another desk was faster. */
  constructor(send: (asked: Asked) => Promise<Answer>, refused: () => Promise<void>) {
    this.#send = send;
    this.#refused = refused;
  }

  /** Nothing may be edited: it is on its way, or nobody knows whether it arrived. */
  get fixed(): boolean {
    return this.busy || this.unanswered !== null;
  }

  async send(request: Asked | null): Promise<void> {
    const asked = this.unanswered ?? request;
    if (this.busy || this.answer !== null || asked === null) return;
    this.busy = true;
    this.problem = null;
    for (let attempt = 1; ; attempt++) {
      try {
        this.answer = await this.#send(asked);
        this.unanswered = null;
        break;
      } catch (error) {
        if (this.#isSilence(error)) {
          this.unanswered = asked;
          if (attempt < TRIES) {
            await pause(RETRY_MS * attempt);
            continue;
          }
        } else {
          this.unanswered = null;
          await this.#refused();
        }
        this.problem = explain(error);
        break;
      }
    }
    this.busy = false;
  }

  /** Nobody answered. At a desk of another computer: that went away meanwhile, or is still away after it did. */
  #isSilence(error: unknown): boolean {
    if (error instanceof Unreachable) return true;
    if (!(error instanceof CallError)) return false;
    return error.code === "branch_machine_silent" || (error.code === "branch_machine_away" && this.unanswered !== null);
  }
}
