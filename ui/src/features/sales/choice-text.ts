import { m } from "../../paraglide/messages.js";
import type { Choice } from "./sale.svelte.js";

/** What is sold, in a word or two. */
export function choiceText(choice: Choice): string {
  switch (choice.kind) {
    case "renew":
      return m.sell_renew({ plan: choice.subscription.plan_name });
    case "new":
      return choice.plan.name;
    case "product":
      return choice.product.name;
    case "voucher":
      return m.sell_voucher();
  }
}
