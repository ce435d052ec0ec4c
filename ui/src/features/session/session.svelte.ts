import { call } from "../../ipc/client.js";
import { CallError, explain, Unreachable } from "../../ipc/errors.js";
import { useCsrfToken } from "../../ipc/host.http.js";
import type { DeskPerson, Me, Permission, SetupStatus } from "../../ipc/wire.js";
import { place } from "../../shared/place.svelte.js";

const RETRY_MS = 1500;

/** What stands before the work: the server, the gym's set-up, a person at the desk. */
export type Stage = "starting" | "unreachable" | "set_up" | "log_in" | "open";

/** Who is on this desk, and where it stands. */
class Session {
  stage: Stage = $state("starting");
  gym: SetupStatus | null = $state(null);
  me: Me | null = $state(null);
  /** Why the server cannot be used, where it says so itself. */
  problem: string | null = $state(null);

  get locked(): boolean {
    return this.me?.locked ?? false;
  }

  may(permission: Permission): boolean {
    return !this.locked && (this.me?.permissions.includes(permission) ?? false);
  }

  /** Finds out where things stand; asks again until the server answers. */
  async start(): Promise<void> {
    try {
      await this.learnGym();
      if (this.gym?.is_set_up !== true) {
        this.stage = "set_up";
        return;
      }
      this.enter(await call("me"));
    } catch (error) {
      if (error instanceof CallError && error.code === "not_logged_in") {
        this.stage = "log_in";
        return;
      }
      this.stage = "unreachable";
      this.problem = error instanceof Unreachable ? null : explain(error);
      setTimeout(() => void this.start(), RETRY_MS);
    }
  }

  /** Reads name, zone and currency of the branch; also after Settings changed them. */
  async learnGym(): Promise<void> {
    this.gym = await call("setup_status");
    const branch = this.gym.branch;
    if (!branch) return;
    place.zone = branch.time_zone;
    place.currency = branch.currency;
    place.country = branch.default_country;
  }

  /** Takes over who the server says is on the desk: after log-in, unlock, or the end of the wizard. */
  enter(me: Me): void {
    this.me = me;
    useCsrfToken(me.csrf_token);
    this.stage = "open";
  }

  async logIn(identifier: string, password: string): Promise<void> {
    this.enter(await call("login", { identifier, password }));
  }

  async logOut(): Promise<void> {
    await call("logout");
    this.leave();
  }

  /**
   * A call was answered "not logged in". A switch of person ends the old session while a call of it may still be
   * under way, so the server is asked before anybody is sent to the log-in.
   */
  async recheck(): Promise<void> {
    try {
      this.enter(await call("me"));
    } catch (error) {
      if (error instanceof CallError && error.code === "not_logged_in") this.leave();
    }
  }

  /** The session ended: by log-out here, or revoked elsewhere. */
  leave(): void {
    this.me = null;
    this.stage = "log_in";
  }

  async lock(): Promise<void> {
    this.enter(await call("lock"));
  }

  /** Opens a locked desk, or hands it to somebody else. */
  async unlock(account_id: string, secret: { pin: string } | { password: string }): Promise<void> {
    this.enter(await call("unlock", { account_id, pin: null, password: null, ...secret }));
  }

  /** Who may open or take over this desk. */
  async people(): Promise<DeskPerson[]> {
    return (await call("desk_people")).rows;
  }
}

export const session = new Session();
