import { call } from "../../ipc/client.js";
import type { DeskLink } from "../../ipc/wire.js";

/** How this desk stands to the branch computer; nothing at the branch computer itself. */
class Link {
  now: DeskLink | null = $state.raw(null);

  /** This desk goes on by itself: it judges at the door, and nothing else can be done. */
  get alone(): boolean {
    return this.now !== null && this.now.standing !== "up";
  }

  take(link: DeskLink): void {
    this.now = link;
  }

  async load(): Promise<void> {
    this.now = (await call("desk_link")).link;
  }
}

export const link = new Link();
