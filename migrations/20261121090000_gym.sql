-- The gym, its branches and their desks.
create extension if not exists btree_gist;
create extension if not exists pg_trgm;

create table gyms (
    id uuid constraint gyms_pkey primary key,
    name text not null,
    default_country text not null constraint gyms_country_iso3166 check (default_country ~ '^[A-Z]{2}$'),
    created_at timestamptz not null
);
-- One database serves one gym.
create unique index gyms_only_one on gyms ((true));

create table branches (
    id uuid constraint branches_pkey primary key,
    gym_id uuid not null constraint branches_gym_fkey references gyms (id),
    -- First part of a member number: digits only, so the check digit covers it.
    code text not null constraint branches_code_key unique constraint branches_code_digits check (code ~ '^[0-9]{1,3}$'),
    name text not null,
    time_zone text not null,
    currency text not null constraint branches_currency_iso4217 check (currency ~ '^[A-Z]{3}$'),
    -- A business day starts at this local hour; before it, the clock still belongs to the day before.
    day_starts_at smallint not null default 0 constraint branches_day_starts_at_hour check (day_starts_at between 0 and 12),
    anti_passback_minutes int not null default 120 constraint branches_anti_passback_range check (anti_passback_minutes between 0 and 1440),
    auto_checkout_hours int not null default 4 constraint branches_auto_checkout_range check (auto_checkout_hours between 1 and 24),
    undo_minutes int not null default 10 constraint branches_undo_range check (undo_minutes between 0 and 240),
    capacity int constraint branches_capacity_positive check (capacity > 0),
    -- Visit caps: entries allowed per business day for one member; null is no cap.
    daily_entries int constraint branches_daily_entries_positive check (daily_entries > 0),
    next_member_seq bigint not null default 1,
    created_at timestamptz not null
);

create table desks (
    id uuid constraint desks_pkey primary key,
    branch_id uuid not null constraint desks_branch_fkey references branches (id),
    name text not null,
    direction text not null default 'in' constraint desks_direction_known check (direction in ('in', 'out', 'both')),
    created_at timestamptz not null,
    constraint desks_name_key unique (branch_id, name)
);
