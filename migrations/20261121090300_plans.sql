create table plans (
    id uuid constraint plans_pkey primary key,
    name text not null constraint plans_name_length check (char_length(name) between 1 and 100),
    native_name text,
    kind text not null constraint plans_kind_known
        check (kind in ('gym', 'class', 'personal_training', 'day_pass', 'visit_pack', 'course')),
    training_type text,
    tier text,
    duration_unit text not null constraint plans_duration_unit_known check (duration_unit in ('days', 'months')),
    duration_count int not null constraint plans_duration_range check (duration_count between 1 and 3660),
    -- null: as many as they like.
    visits int constraint plans_visits_positive check (visits between 1 and 10000),
    -- A pack loses one visit per business day, or one per entry.
    visit_rule text not null default 'per_day' constraint plans_visit_rule_known check (visit_rule in ('per_day', 'per_entry')),
    -- [{"days": [1..7], "from": "06:00", "to": "16:00"}], ISO weekdays; empty is any time.
    access_windows jsonb not null default '[]',
    branch_scope text not null default 'home' constraint plans_branch_scope_known check (branch_scope in ('home', 'listed', 'all')),
    freeze_days int not null default 0 constraint plans_freeze_days_range check (freeze_days between 0 and 366),
    freeze_times int not null default 0 constraint plans_freeze_times_range check (freeze_times between 0 and 50),
    minimum_term_days int not null default 0 constraint plans_minimum_term_range check (minimum_term_days between 0 and 3660),
    notice_days int not null default 0 constraint plans_notice_range check (notice_days between 0 and 366),
    trainer_account_id uuid constraint plans_trainer_fkey references accounts (id),
    created_at timestamptz not null,
    archived_at timestamptz
);
create unique index plans_name_key on plans (lower(name)) where archived_at is null;

create table plan_branches (
    plan_id uuid not null constraint plan_branches_plan_fkey references plans (id),
    branch_id uuid not null constraint plan_branches_branch_fkey references branches (id),
    constraint plan_branches_pkey primary key (plan_id, branch_id)
);

create table plan_prices (
    id uuid constraint plan_prices_pkey primary key,
    plan_id uuid not null constraint plan_prices_plan_fkey references plans (id),
    -- null: every branch that has no price of its own.
    branch_id uuid constraint plan_prices_branch_fkey references branches (id),
    valid daterange not null constraint plan_prices_valid_not_empty check (not isempty(valid)),
    -- Minor units.
    amount bigint not null constraint plan_prices_amount_range check (amount between 0 and 9007199254740991),
    currency text not null,
    created_at timestamptz not null,
    -- A plan has one price per branch and day.
    constraint plan_prices_no_overlap exclude using gist
        (plan_id with =, (coalesce(branch_id, '00000000-0000-0000-0000-000000000000'::uuid)) with =, valid with &&)
);

-- What was sold keeps the terms it was sold under; status is never stored.
create table subscriptions (
    id uuid constraint subscriptions_pkey primary key,
    branch_id uuid not null constraint subscriptions_branch_fkey references branches (id),
    member_id uuid not null constraint subscriptions_member_fkey references members (id),
    plan_id uuid not null constraint subscriptions_plan_fkey references plans (id),
    plan_name text not null,
    kind text not null,
    duration_unit text not null,
    duration_count int not null,
    visits int,
    visit_rule text not null,
    access_windows jsonb not null,
    branch_scope text not null,
    branch_ids uuid[] not null default '{}',
    freeze_days int not null default 0,
    freeze_times int not null default 0,
    minimum_term_days int not null default 0,
    notice_days int not null default 0,
    -- Whom the sale assigned the member to.
    trainer_account_id uuid constraint subscriptions_trainer_fkey references accounts (id),
    -- Day of the month renewals count from: 31 January never drifts.
    anchor_day smallint not null constraint subscriptions_anchor_day_range check (anchor_day between 1 and 31),
    created_at timestamptz not null
);
create index subscriptions_member_idx on subscriptions (member_id);

-- The life of a subscription; its state is a fold of these rows in the order of seq.
create table subscription_events (
    id uuid constraint subscription_events_pkey primary key,
    branch_id uuid not null,
    subscription_id uuid not null constraint subscription_events_subscription_fkey references subscriptions (id),
    seq int not null,
    kind text not null constraint subscription_events_kind_known check (kind in ('sold', 'renewed', 'taken_over', 'voided')),
    at timestamptz not null,
    business_day date not null,
    -- The period this event grants, both days inclusive; null for an event that grants none.
    starts_on date,
    ends_on date,
    visits int,
    -- The event this one takes back.
    voids_event_id uuid constraint subscription_events_voids_key unique constraint subscription_events_voids_fkey references subscription_events (id),
    reason text,
    account_id uuid,
    ledger_transaction_id uuid,
    constraint subscription_events_seq_key unique (subscription_id, seq),
    constraint subscription_events_days_in_order check (starts_on <= ends_on),
    constraint subscription_events_void_names_event check ((kind = 'voided') = (voids_event_id is not null))
);
