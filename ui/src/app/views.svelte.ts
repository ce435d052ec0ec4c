import DoorOpen from "@lucide/svelte/icons/door-open";
import SettingsIcon from "@lucide/svelte/icons/settings";
import Users from "@lucide/svelte/icons/users";
import type { Component } from "svelte";
import type { Permission } from "../ipc/wire.js";
import { m } from "../paraglide/messages.js";
import Members from "../views/Members.svelte";
import Reception from "../views/Reception.svelte";
import Settings from "../views/Settings.svelte";

export interface View {
  id: string;
  title: () => string;
  icon: Component<{ size?: number | string }>;
  component: Component;
  /** Null where everybody may look; what it holds differs. */
  permission: Permission | null;
}

/** The screens in the order of Ctrl+1, Ctrl+2 … */
export const views: readonly View[] = [
  { id: "reception", title: m.view_reception, icon: DoorOpen, component: Reception, permission: "check_in" },
  { id: "members", title: m.view_members, icon: Users, component: Members, permission: "view_members" },
  { id: "settings", title: m.view_settings, icon: SettingsIcon, component: Settings, permission: null },
];

/** Which screen is open. */
class Navigation {
  current = $state("reception");

  open(id: string): void {
    this.current = id;
  }
}

export const navigation = new Navigation();
