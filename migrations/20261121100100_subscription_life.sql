-- What can happen to a subscription after its sale.
alter table subscriptions
    add column auto_renew boolean not null default false,
    -- The one it replaces: another plan, or another member.
    add column predecessor_id uuid constraint subscriptions_predecessor_fkey references subscriptions (id);

-- Days the gym was shut; running subscriptions get them back.
create table closures (
    id uuid constraint closures_pkey primary key,
    branch_id uuid not null constraint closures_branch_fkey references branches (id),
    from_on date not null,
    until_on date not null,
    reason text not null,
    at timestamptz not null,
    account_id uuid,
    constraint closures_days_in_order check (from_on <= until_on),
    -- Two closures of a branch cannot give the same day back twice.
    constraint closures_no_overlap exclude using gist (branch_id with =, daterange(from_on, until_on, '[]') with &&)
);

alter table subscription_events
    drop constraint subscription_events_kind_known,
    add constraint subscription_events_kind_known check (kind in (
        'sold', 'renewed', 'taken_over', 'voided', 'frozen', 'thawed', 'gifted', 'extended', 'cancelled', 'reinstated',
        'changed', 'transferred', 'auto_renew_on', 'auto_renew_off')),
    -- Days given; of a frozen one they are starts_on to ends_on.
    add column days int constraint subscription_events_days_range check (days between 1 and 3660),
    -- The freeze that a thaw ends, the cancellation that is taken back.
    add column about_event_id uuid constraint subscription_events_about_key unique constraint subscription_events_about_fkey references subscription_events (id),
    -- The subscription that goes on in its place.
    add column successor_id uuid constraint subscription_events_successor_fkey references subscriptions (id),
    add column closure_id uuid constraint subscription_events_closure_fkey references closures (id);
-- A closure extends a subscription once.
create unique index subscription_events_closure_key on subscription_events (closure_id, subscription_id) where closure_id is not null;
create index subscription_events_transaction_idx on subscription_events (ledger_transaction_id);
