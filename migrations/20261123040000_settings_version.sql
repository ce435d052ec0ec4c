-- What a sale needs that only the settings change is kept in memory by those who sell. This says which version of the
-- settings the database answers from: another one with each transaction that changed something of what is kept. Random, so
-- that a database put back from a backup does not repeat one.
create table settings_version (
    only_one boolean primary key default true constraint settings_version_only_one check (only_one),
    version uuid not null,
    -- The transaction that made it.
    made_by xid8 not null
);
insert into settings_version (version, made_by) values (gen_random_uuid(), pg_current_xact_id());
insert into sync_tables (name, owner) values ('settings_version', 'local');

-- At the end of the transaction, where nobody holds anything that another would wait for with this row in hand.
create function settings_changed() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
begin
    update settings_version set version = gen_random_uuid(), made_by = pg_current_xact_id()
    where made_by <> pg_current_xact_id();
    return null;
end $$;

create constraint trigger gyms_settings after insert or update or delete on gyms
    deferrable initially deferred for each row execute function settings_changed();
-- Not `next_member_seq`, which each new member takes further.
create constraint trigger branches_settings after insert or delete or update of gym_id, code, name, time_zone, currency, day_starts_at,
    prices_include_tax, cash_rounding_minor, tax_number, address, receipt_footer on branches
    deferrable initially deferred for each row execute function settings_changed();
create constraint trigger desks_settings after insert or delete or update of branch_id, till_id on desks
    deferrable initially deferred for each row execute function settings_changed();
create constraint trigger tills_settings after insert or update or delete on tills
    deferrable initially deferred for each row execute function settings_changed();
create constraint trigger tax_rates_settings after insert or update or delete on tax_rates
    deferrable initially deferred for each row execute function settings_changed();
create constraint trigger plans_settings after insert or update or delete on plans
    deferrable initially deferred for each row execute function settings_changed();
create constraint trigger plan_branches_settings after insert or update or delete on plan_branches
    deferrable initially deferred for each row execute function settings_changed();
create constraint trigger plan_prices_settings after insert or update or delete on plan_prices
    deferrable initially deferred for each row execute function settings_changed();
