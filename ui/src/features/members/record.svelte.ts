import { call } from "../../ipc/client.js";
import { explain } from "../../ipc/errors.js";
import type { Member, Subscription } from "../../ipc/wire.js";

/** One member's page: the record and the subscriptions that its head speaks of. */
export class MemberRecord {
  member: Member | null = $state.raw(null);
  subscriptions: Subscription[] = $state.raw([]);
  problem: string | null = $state(null);

  constructor(readonly id: string) {}

  async load(): Promise<void> {
    try {
      const [member, subscriptions] = await Promise.all([
        call("member_get", { member_id: this.id }),
        call("member_subscriptions", { member_id: this.id }),
      ]);
      this.member = member;
      this.subscriptions = subscriptions.rows;
      this.problem = null;
    } catch (error) {
      this.problem = explain(error);
    }
  }

  /** The subscription that opens the door now, else the one that did last. */
  get current(): Subscription | undefined {
    return this.subscriptions.find((one) => one.opens_door) ?? this.subscriptions[0];
  }
}
