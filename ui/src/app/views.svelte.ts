import Banknote from "@lucide/svelte/icons/banknote";
import Cloud from "@lucide/svelte/icons/cloud";
import Coins from "@lucide/svelte/icons/coins";
import DoorOpen from "@lucide/svelte/icons/door-open";
import SettingsIcon from "@lucide/svelte/icons/settings";
import Tags from "@lucide/svelte/icons/tags";
import Users from "@lucide/svelte/icons/users";
import type { Component } from "svelte";
import { syncDesk } from "../features/sync/sync.svelte.js";
import type { Permission } from "../ipc/wire.js";
import { m } from "../paraglide/messages.js";
import Catalogue from "../views/Catalogue.svelte";
import Headquarters from "../views/Headquarters.svelte";
import Members from "../views/Members.svelte";
import Money from "../views/Money.svelte";
import Reception from "../views/Reception.svelte";
import Settings from "../views/Settings.svelte";
import Till from "../views/Till.svelte";

export interface View {
  id: string;
  title: () => string;
  icon: Component<{ size?: number | string }>;
  component: Component;
  /** One of these opens it; none where everybody may look. What it holds differs. */
  permissions: readonly Permission[];
  /** Not in the row of screens: something else on the frame leads there, and its key. */
  aside?: boolean;
  /** There at all; it is where nothing is said. */
  there?: () => boolean;
}

/** The screens in the order of Ctrl+1, Ctrl+2 … */
export const views: readonly View[] = [
  { id: "reception", title: m.view_reception, icon: DoorOpen, component: Reception, permissions: ["check_in"] },
  { id: "members", title: m.view_members, icon: Users, component: Members, permissions: ["view_members"] },
  {
    id: "till",
    title: m.view_till,
    icon: Banknote,
    component: Till,
    permissions: ["open_till", "close_till", "see_money", "sell"],
  },
  {
    id: "money",
    title: m.view_money,
    icon: Coins,
    component: Money,
    permissions: ["sell", "see_money", "enter_expenses", "approve_expenses"],
  },
  {
    id: "catalogue",
    title: m.view_catalogue,
    icon: Tags,
    component: Catalogue,
    permissions: ["edit_products", "move_stock", "edit_plans", "edit_settings", "see_money"],
  },
  { id: "settings", title: m.view_settings, icon: SettingsIcon, component: Settings, permissions: [] },
  {
    id: "sync",
    title: m.view_sync,
    icon: Cloud,
    component: Headquarters,
    permissions: ["view_members"],
    aside: true,
    there: () => syncDesk.joined,
  },
];

/** Whether somebody who may do that may open the screen. */
export function opensFor({ permissions, there }: View, may: (permission: Permission) => boolean): boolean {
  if (there && !there()) return false;
  return permissions.length === 0 || permissions.some((one) => may(one));
}

/** Which screen is open. */
class Navigation {
  current = $state("reception");

  open(id: string): void {
    this.current = id;
  }
}

export const navigation = new Navigation();
