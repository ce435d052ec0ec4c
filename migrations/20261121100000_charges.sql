-- What is owed and by whom: tax, payers, and what of each charge and payment is still open.
create table tax_rates (
    id uuid constraint tax_rates_pkey primary key,
    name text not null constraint tax_rates_name_length check (char_length(name) between 1 and 40),
    -- Hundredths of a per cent: 1400 is 14 %.
    rate_bp int not null constraint tax_rates_rate_range check (rate_bp between 0 and 10000),
    created_at timestamptz not null,
    archived_at timestamptz
);
create unique index tax_rates_name_key on tax_rates (lower(name)) where archived_at is null;

alter table plans
    add column tax_rate_id uuid constraint plans_tax_rate_fkey references tax_rates (id),
    add column auto_renew boolean not null default false;

alter table branches
    add column prices_include_tax boolean not null default true,
    -- Cash is rounded to a multiple of this many minor units; 1 is not at all.
    add column cash_rounding_minor int not null default 1
        constraint branches_cash_rounding_range check (cash_rounding_minor between 1 and 100000),
    -- Debt older than the grace blocks the door from this amount on; null never.
    add column debt_blocks_from bigint constraint branches_debt_blocks_range check (debt_blocks_from between 1 and 9007199254740991),
    add column debt_grace_days int not null default 7 constraint branches_debt_grace_range check (debt_grace_days between 0 and 366),
    -- Days after the due day on which a failed automatic payment is tried again; its length is the cap.
    add column dunning_days int[] not null default '{1,3,7}'
        constraint branches_dunning_days_range check (cardinality(dunning_days) <= 10 and 0 < all (dunning_days) and 366 >= all (dunning_days)),
    add column tax_number text,
    add column address text,
    add column receipt_footer text;

-- One bill for several people.
create table households (
    id uuid constraint households_pkey primary key,
    name text not null constraint households_name_length check (char_length(name) between 1 and 100),
    payer_id uuid not null constraint households_payer_fkey references members (id),
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create table household_members (
    id uuid constraint household_members_pkey primary key,
    household_id uuid not null constraint household_members_household_fkey references households (id),
    member_id uuid not null constraint household_members_member_fkey references members (id),
    relation text not null constraint household_members_relation_known check (relation in ('payer', 'adult', 'dependent')),
    -- Of a dependent who is a minor.
    guardian_id uuid constraint household_members_guardian_fkey references members (id),
    joined_at timestamptz not null,
    left_at timestamptz
);
-- A member belongs to one household at a time.
create unique index household_members_one_key on household_members (member_id) where left_at is null;
create index household_members_household_idx on household_members (household_id);

-- A line of a sale. Walk-ins have no member; whoever owes is the payer.
alter table charges
    alter column member_id drop not null,
    add column payer_id uuid constraint charges_payer_fkey references members (id),
    add column product_id uuid,
    add column quantity int not null default 1 constraint charges_quantity_positive check (quantity between 1 and 100000),
    add column unit_amount bigint,
    add column tax_name text,
    add column tax_bp int not null default 0 constraint charges_tax_bp_range check (tax_bp between 0 and 10000),
    -- Part of the amount that is tax.
    add column tax_amount bigint not null default 0 constraint charges_tax_within check (tax_amount between 0 and amount),
    -- The account that earns it: a voucher is earned when it is spent.
    add column earned text not null default 'revenue' constraint charges_earned_known check (earned in ('revenue', 'voucher', 'rounding'));
update charges set payer_id = member_id, unit_amount = amount;
alter table charges alter column unit_amount set not null;
create index charges_payer_idx on charges (payer_id);

-- Takes a charge back, in part or whole, without money: voided, credited for unused days, written off.
create table charge_credits (
    id uuid constraint charge_credits_pkey primary key,
    transaction_id uuid not null constraint charge_credits_transaction_fkey references ledger_transactions (id),
    charge_id uuid not null constraint charge_credits_charge_fkey references charges (id),
    kind text not null constraint charge_credits_kind_known check (kind in ('void', 'credit_note', 'write_off', 'rounding')),
    amount bigint not null constraint charge_credits_amount_positive check (amount > 0),
    -- Part of the amount that is tax.
    tax_amount bigint not null constraint charge_credits_tax_within check (tax_amount between 0 and amount)
);
create index charge_credits_charge_idx on charge_credits (charge_id);

create table refunds (
    id uuid constraint refunds_pkey primary key,
    transaction_id uuid not null constraint refunds_transaction_fkey references ledger_transactions (id),
    payment_id uuid not null constraint refunds_payment_fkey references payments (id),
    -- How it went back; not always how it came.
    method text not null constraint refunds_method_known
        check (method in ('cash', 'card_terminal', 'upi', 'bank_transfer', 'voucher', 'paymob', 'paypal')),
    amount bigint not null constraint refunds_amount_positive check (amount > 0),
    currency text not null,
    reference text,
    shift_id uuid,
    -- The request at the gateway that paid it out: once.
    request_id uuid constraint refunds_request_key unique
);
create index refunds_payment_idx on refunds (payment_id);
create index refunds_transaction_idx on refunds (transaction_id);

alter table payments
    alter column member_id drop not null,
    drop constraint payments_method_known,
    add constraint payments_method_known check (method in ('cash', 'card_terminal', 'upi', 'bank_transfer', 'voucher', 'paymob', 'paypal')),
    -- The drawer it went into, for money taken at a desk.
    add column shift_id uuid,
    -- The request it settles: a webhook that comes twice finds it settled.
    add column request_id uuid constraint payments_request_key unique,
    add column voucher_id uuid;

-- An allocation may be taken back: a row with the opposite sign.
alter table allocations
    add column id uuid not null default gen_random_uuid(),
    add column transaction_id uuid constraint allocations_transaction_fkey references ledger_transactions (id);
alter table allocations
    alter column id drop default,
    drop constraint allocations_pkey,
    add constraint allocations_pkey primary key (id),
    drop constraint allocations_amount_positive,
    add constraint allocations_amount_not_zero check (amount <> 0);
create index allocations_payment_idx on allocations (payment_id);

alter table ledger_transactions
    drop constraint ledger_transactions_kind_known,
    add constraint ledger_transactions_kind_known check (kind in (
        'sale', 'renewal', 'take_over', 'void', 'change', 'transfer', 'cancellation', 'payment', 'refund', 'credit_note', 'write_off', 'allocation',
        'cash_in', 'cash_out', 'shift_opened', 'shift_closed', 'expense', 'voucher', 'import')),
    -- SHA-256 over header and entries in the order of their ids; `verify` computes it anew.
    add column digest bytea;

alter table ledger_entries add constraint ledger_entries_account_known check (account in (
    'receivable', 'revenue', 'tax', 'rounding', 'write_off', 'voucher', 'cash', 'card_terminal', 'upi', 'bank_transfer', 'paymob', 'paypal',
    'safe', 'cash_difference', 'expense', 'opening'));

-- The canonical text of a transaction: `id|kind|microseconds|business day|reversed id`, then a line
-- `account|member|amount|currency` per entry in the order of their ids.
update ledger_transactions t set digest = sha256(convert_to(
    t.id || '|' || t.kind || '|' || (extract(epoch from t.at) * 1000000)::bigint || '|' || t.business_day || '|' || coalesce(t.reverses_id::text, '') || E'\n'
    || coalesce((select string_agg(e.account || '|' || coalesce(e.member_id::text, '') || '|' || e.amount || '|' || e.currency || E'\n', '' order by e.id)
                 from ledger_entries e where e.transaction_id = t.id), ''), 'UTF8'));
alter table ledger_transactions alter column digest set not null;

-- What is still owed on a charge; kept by triggers, so that the door and the receivables need not add up the past.
create table open_charges (
    charge_id uuid constraint open_charges_pkey primary key constraint open_charges_charge_fkey references charges (id),
    member_id uuid,
    payer_id uuid,
    due_on date not null,
    -- No charge is paid or credited beyond its amount.
    owed bigint not null constraint open_charges_not_overpaid check (owed >= 0),
    currency text not null
);
create index open_charges_member_idx on open_charges (member_id);
create index open_charges_payer_idx on open_charges (payer_id);
create index open_charges_due_idx on open_charges (due_on);

-- What of a payment is not yet used, and what can still be given back.
create table payment_balances (
    payment_id uuid constraint payment_balances_pkey primary key constraint payment_balances_payment_fkey references payments (id),
    payer_id uuid,
    -- Nothing is paid with the same money twice.
    unallocated bigint not null constraint payment_balances_not_overused check (unallocated >= 0),
    -- Never more goes back than was paid.
    refundable bigint not null constraint payment_balances_not_overrefunded check (refundable >= 0),
    currency text not null
);
create index payment_balances_credit_idx on payment_balances (payer_id) where unallocated > 0;

create function charge_opened() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
begin
    insert into open_charges (charge_id, member_id, payer_id, due_on, owed, currency)
    values (new.id, new.member_id, new.payer_id, new.due_on, new.amount, new.currency);
    return null;
end $$;
create trigger charges_opened after insert on charges for each row execute function charge_opened();

create function settle_charge(charge uuid, paid bigint) returns void language plpgsql security definer set search_path = public, pg_temp as $$
begin
    delete from open_charges where charge_id = charge and owed = paid;
    if found then return; end if;
    update open_charges set owed = owed - paid where charge_id = charge;
    if found then return; end if;
    insert into open_charges (charge_id, member_id, payer_id, due_on, owed, currency)
    select id, member_id, payer_id, due_on, -paid, currency from charges where id = charge;
end $$;
revoke execute on function settle_charge from public;

create function charge_credited() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
begin
    perform settle_charge(new.charge_id, new.amount);
    return null;
end $$;
create trigger charge_credits_settle after insert on charge_credits for each row execute function charge_credited();

create function payment_taken() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
begin
    insert into payment_balances (payment_id, payer_id, unallocated, refundable, currency)
    values (new.id, new.member_id, new.amount, new.amount, new.currency);
    return null;
end $$;
create trigger payments_taken after insert on payments for each row execute function payment_taken();

create function payment_allocated() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
begin
    perform settle_charge(new.charge_id, new.amount);
    update payment_balances set unallocated = unallocated - new.amount where payment_id = new.payment_id;
    return null;
end $$;
create trigger allocations_settle after insert on allocations for each row execute function payment_allocated();

-- Money goes back from what is not allocated: a refund takes its allocation back first.
create function payment_refunded() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
begin
    update payment_balances set unallocated = unallocated - new.amount, refundable = refundable - new.amount
    where payment_id = new.payment_id and currency = new.currency;
    if not found then
        raise exception 'refund in another currency' using errcode = 'check_violation', constraint = 'refunds_currency';
    end if;
    return null;
end $$;
create trigger refunds_settle after insert on refunds for each row execute function payment_refunded();

insert into open_charges (charge_id, member_id, payer_id, due_on, owed, currency)
select c.id, c.member_id, c.payer_id, c.due_on, c.amount - coalesce(a.paid, 0), c.currency
from charges c
left join (select charge_id, sum(amount)::bigint as paid from allocations group by charge_id) a on a.charge_id = c.id
where c.amount > coalesce(a.paid, 0)
  and not exists (select from ledger_transactions t where t.reverses_id = c.transaction_id);
insert into payment_balances (payment_id, payer_id, unallocated, refundable, currency)
select p.id, p.member_id, 0, case when t.id is null then p.amount else 0 end, p.currency
from payments p left join ledger_transactions t on t.reverses_id = p.transaction_id;
