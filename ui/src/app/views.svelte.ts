import DoorOpen from "@lucide/svelte/icons/door-open";
import type { Component } from "svelte";
import type { Permission } from "../ipc/wire.js";
import { m } from "../paraglide/messages.js";
import Reception from "../views/Reception.svelte";

export interface View {
  id: string;
  title: () => string;
  icon: Component<{ size?: number | string }>;
  component: Component;
  permission: Permission;
}

/** The screens in the order of Ctrl+1, Ctrl+2 … */
export const views: readonly View[] = [
  { id: "reception", title: m.view_reception, icon: DoorOpen, component: Reception, permission: "check_in" },
];

/** Which screen is open. */
class Navigation {
  current = $state("reception");

  open(id: string): void {
    this.current = id;
  }
}

export const navigation = new Navigation();
