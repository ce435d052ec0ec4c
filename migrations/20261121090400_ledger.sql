-- Double entry, append-only: the app role may insert and read (grants.sql), nothing else.
create table ledger_transactions (
    id uuid constraint ledger_transactions_pkey primary key,
    branch_id uuid not null constraint ledger_transactions_branch_fkey references branches (id),
    kind text not null constraint ledger_transactions_kind_known check (kind in ('sale', 'renewal', 'take_over', 'void')),
    at timestamptz not null,
    business_day date not null,
    idempotency_key uuid not null constraint ledger_transactions_idempotency_key unique,
    -- A void takes back exactly one transaction, once.
    reverses_id uuid constraint ledger_transactions_reverses_key unique constraint ledger_transactions_reverses_fkey references ledger_transactions (id),
    account_id uuid,
    desk_id uuid,
    reason text
);
create index ledger_transactions_day_idx on ledger_transactions (branch_id, business_day);

create table ledger_entries (
    id uuid constraint ledger_entries_pkey primary key,
    transaction_id uuid not null constraint ledger_entries_transaction_fkey references ledger_transactions (id),
    -- receivable, revenue, cash, card_terminal
    account text not null,
    member_id uuid,
    -- Minor units: debit positive, credit negative.
    amount bigint not null constraint ledger_entries_amount_range check (amount <> 0 and amount between -9007199254740991 and 9007199254740991),
    currency text not null
);
create index ledger_entries_transaction_idx on ledger_entries (transaction_id);
create index ledger_entries_member_idx on ledger_entries (member_id) where member_id is not null;

create function ledger_balances() returns trigger language plpgsql as $$
begin
    if exists (select 1 from ledger_entries where transaction_id = new.transaction_id group by currency having sum(amount) <> 0) then
        raise exception 'ledger transaction % does not balance', new.transaction_id
            using errcode = 'check_violation', constraint = 'ledger_entries_balance';
    end if;
    return null;
end $$;
-- The entries of a transaction sum to zero in each currency.
create constraint trigger ledger_entries_balance after insert on ledger_entries
    deferrable initially deferred for each row execute function ledger_balances();

create table charges (
    id uuid constraint charges_pkey primary key,
    transaction_id uuid not null constraint charges_transaction_fkey references ledger_transactions (id),
    member_id uuid not null constraint charges_member_fkey references members (id),
    subscription_id uuid constraint charges_subscription_fkey references subscriptions (id),
    description text not null,
    amount bigint not null constraint charges_amount_positive check (amount > 0),
    currency text not null,
    due_on date not null
);
create index charges_member_idx on charges (member_id);
create index charges_subscription_idx on charges (subscription_id);

create table payments (
    id uuid constraint payments_pkey primary key,
    transaction_id uuid not null constraint payments_transaction_fkey references ledger_transactions (id),
    member_id uuid not null constraint payments_member_fkey references members (id),
    method text not null constraint payments_method_known check (method in ('cash', 'card_terminal')),
    amount bigint not null constraint payments_amount_positive check (amount > 0),
    currency text not null,
    -- What the member handed over in cash; change is tendered - amount.
    tendered bigint constraint payments_tendered_covers check (tendered >= amount),
    reference text,
    constraint payments_card_has_reference check (method <> 'card_terminal' or reference is not null)
);
create index payments_member_idx on payments (member_id);
create index payments_transaction_idx on payments (transaction_id);

create table allocations (
    payment_id uuid not null constraint allocations_payment_fkey references payments (id),
    charge_id uuid not null constraint allocations_charge_fkey references charges (id),
    amount bigint not null constraint allocations_amount_positive check (amount > 0),
    constraint allocations_pkey primary key (payment_id, charge_id)
);
create index allocations_charge_idx on allocations (charge_id);
