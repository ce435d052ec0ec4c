-- Run by the owner after the migrations, with the app role's name in place of :app.
grant usage on schema public to :app;
grant select on all tables in schema public to :app;
-- Append-only: rows are added and never changed.
grant insert on
    scans, entries, exits, entry_voids, visit_uses, pass_steps,
    subscriptions, subscription_events,
    ledger_transactions, ledger_entries, charges, payments, allocations,
    idempotency_keys, audit_log,
    charge_credits, refunds, closures, receipts, cash_movements, payment_requests, payment_request_charges,
    payment_request_events, collection_attempts, vouchers, stock_movements, expenses, expense_decisions, expense_payments
    to :app;
grant insert, update on
    gyms, branches, desks, accounts, sessions, members, member_notes, plans, passes,
    tax_rates, households, household_members, tills, gateways, payment_mandates, products, mail_outbox,
    desk_codes, paired_desks
    to :app;
grant insert, update, delete on
    profiles, role_permissions, files, measurements, plan_branches, pass_aliases, member_search_keys, name_prefixes,
    product_barcodes, plan_prices, product_prices
    to :app;
-- The end of a till's chain moves with each receipt; a shift is only ever closed.
grant update (last_number, last_hash) on receipt_chains to :app;
grant insert on till_shifts to :app;
grant update (closed_at, closed_by, counted, counted_amount, expected_amount, left_in_drawer, variance_reason, report) on till_shifts to :app;
grant execute on function hold_open_charge(uuid), hold_what_is_settled(jsonb) to :app;
-- The relay. What it may do at headquarters, a branch's role is given there by `sync_enrol`.
grant execute on function relay_met(uuid), relay_takes_back(boolean), relay_audit(date), relay_audited(date, boolean), relay_take(int, bigint, uuid[]), relay_take_back(jsonb, jsonb, uuid), relay_answered(uuid[], jsonb), relay_resend(uuid), relay_apply(jsonb, text), relay_copies(), relay_copy(text, jsonb), relay_copied() to :app;
grant update (in_step_at) on sync_node to :app;
grant update (seen_at, seen_by) on sync_conflicts to :app;
grant delete on sync_unfound to :app;
-- Joining a headquarters; and at one, letting branches in.
grant insert, update, delete on sync_link to :app;
grant execute on function sync_hindrance(uuid), relay_join(uuid, uuid, boolean), office_enrol(uuid, text, text, timestamptz), office_revoke(uuid), office_lost(), office_take_lost(), office_forget_lost() to :app;
grant update on sync_contact to :app;
grant insert on sync_outages to :app;
grant update (signed_at, signed_by, note) on sync_outages to :app;
grant update (resolved_at) on sync_quarantine to :app;
grant insert, update on member_pairs to :app;
-- A table that a migration has added takes part from now on.
do $$ begin perform sync_refresh(); end $$;
