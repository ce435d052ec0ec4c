-- Run by the owner after the migrations, with the app role's name in place of :app.
grant usage on schema public to :app;
grant select on all tables in schema public to :app;
-- Append-only: rows are added and never changed.
grant insert on
    scans, entries, exits, entry_voids, visit_uses, pass_steps,
    subscriptions, subscription_events,
    ledger_transactions, ledger_entries, charges, payments, allocations,
    idempotency_keys, audit_log
    to :app;
grant insert, update on
    gyms, branches, desks, accounts, sessions, members, member_notes, plans, plan_prices, passes
    to :app;
grant insert, update, delete on
    profiles, role_permissions, files, measurements, plan_branches, pass_aliases, member_search_keys, name_prefixes
    to :app;
