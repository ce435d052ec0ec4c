import type { Permission, Role } from "../../ipc/wire.js";
import { m } from "../../paraglide/messages.js";

const roles: Record<Role, () => string> = {
  owner: m.role_owner,
  manager: m.role_manager,
  reception: m.role_reception,
  accountant: m.role_accountant,
  trainer: m.role_trainer,
  store_keeper: m.role_store_keeper,
  member: m.role_member,
};

/** Roles that an account of staff can have. */
export const staffRoles: readonly Role[] = ["owner", "manager", "reception", "accountant", "trainer", "store_keeper"];

export function roleText(role: Role): string {
  return roles[role]();
}

const permissions: Record<Permission, () => string> = {
  check_in: m.may_check_in,
  override: m.may_override,
  undo_entry: m.may_undo_entry,
  view_members: m.may_view_members,
  edit_members: m.may_edit_members,
  suspend_members: m.may_suspend_members,
  issue_pass: m.may_issue_pass,
  revoke_pass: m.may_revoke_pass,
  sell: m.may_sell,
  void_sale: m.may_void_sale,
  sell_on_credit: m.may_sell_on_credit,
  freeze_subscriptions: m.may_freeze_subscriptions,
  gift_days: m.may_gift_days,
  cancel_subscriptions: m.may_cancel_subscriptions,
  waive_terms: m.may_waive_terms,
  transfer_subscriptions: m.may_transfer_subscriptions,
  refund: m.may_refund,
  write_off: m.may_write_off,
  edit_households: m.may_edit_households,
  take_over: m.may_take_over,
  open_till: m.may_open_till,
  close_till: m.may_close_till,
  cash_movement: m.may_cash_movement,
  see_money: m.may_see_money,
  edit_plans: m.may_edit_plans,
  edit_products: m.may_edit_products,
  move_stock: m.may_move_stock,
  enter_expenses: m.may_enter_expenses,
  approve_expenses: m.may_approve_expenses,
  manage_staff: m.may_manage_staff,
  manage_roles: m.may_manage_roles,
  edit_settings: m.may_edit_settings,
  import_members: m.may_import_members,
  see_audit: m.may_see_audit,
};

/** An act of the matrix in words; one that this interface does not know yet keeps its name. */
export function permissionText(permission: Permission): string {
  return permissions[permission]?.() ?? permission.replaceAll("_", " ");
}
