-- Money that is on its way: transfers to be confirmed, orders at a gateway, automatic collection.
create table gateways (
    id uuid constraint gateways_pkey primary key,
    branch_id uuid not null constraint gateways_branch_fkey references branches (id),
    kind text not null constraint gateways_kind_known check (kind in ('upi', 'bank_transfer', 'paymob', 'paypal')),
    enabled boolean not null,
    -- What is no secret: base URL, ids, the payee's address.
    settings jsonb not null,
    -- Keys, encrypted; never in a log or an answer.
    secrets bytea,
    updated_at timestamptz not null,
    updated_by uuid,
    constraint gateways_kind_key unique (branch_id, kind)
);

-- A card or account that a member left with a gateway for automatic payments.
create table payment_mandates (
    id uuid constraint payment_mandates_pkey primary key,
    member_id uuid not null constraint payment_mandates_member_fkey references members (id),
    kind text not null constraint payment_mandates_kind_known check (kind in ('paymob', 'paypal')),
    token bytea not null,
    label text not null,
    created_at timestamptz not null,
    revoked_at timestamptz
);
create index payment_mandates_member_idx on payment_mandates (member_id) where revoked_at is null;

-- A payment or refund asked for and not yet done. Its state is its last event.
create table payment_requests (
    id uuid constraint payment_requests_pkey primary key,
    branch_id uuid not null constraint payment_requests_branch_fkey references branches (id),
    direction text not null constraint payment_requests_direction_known check (direction in ('payment', 'refund')),
    kind text not null constraint payment_requests_kind_known check (kind in ('upi', 'bank_transfer', 'paymob', 'paypal')),
    payer_id uuid constraint payment_requests_payer_fkey references members (id),
    -- Of a refund.
    payment_id uuid constraint payment_requests_payment_fkey references payments (id),
    amount bigint not null constraint payment_requests_amount_positive check (amount > 0 and amount <= 9007199254740991),
    currency text not null,
    -- Made by us, told to the payer and the gateway.
    reference text not null constraint payment_requests_reference_key unique,
    at timestamptz not null,
    business_day date not null,
    account_id uuid,
    desk_id uuid,
    idempotency_key uuid not null constraint payment_requests_idempotency_key unique,
    -- Attempt at a charge by itself, without anybody at the desk.
    is_automatic boolean not null default false
);
create index payment_requests_payer_idx on payment_requests (payer_id);

create table payment_request_charges (
    request_id uuid not null constraint payment_request_charges_request_fkey references payment_requests (id),
    charge_id uuid not null constraint payment_request_charges_charge_fkey references charges (id),
    amount bigint not null constraint payment_request_charges_amount_positive check (amount > 0),
    constraint payment_request_charges_pkey primary key (request_id, charge_id)
);
create index payment_request_charges_charge_idx on payment_request_charges (charge_id);

create table payment_request_events (
    id uuid constraint payment_request_events_pkey primary key,
    request_id uuid not null constraint payment_request_events_request_fkey references payment_requests (id),
    seq int not null,
    kind text not null constraint payment_request_events_kind_known check (kind in (
        'created', 'sent', 'ordered', 'claimed', 'confirmed', 'failed', 'expired', 'cancelled', 'mismatch')),
    at timestamptz not null,
    account_id uuid,
    -- The gateway's own id of the order, given with 'ordered'.
    order_id text,
    -- The gateway's id of the message: the same is taken once.
    gateway_event_id text,
    -- UTR of a transfer, the gateway's id of the capture.
    reference text,
    detail jsonb,
    constraint payment_request_events_seq_key unique (request_id, seq),
    constraint payment_request_events_gateway_key unique (request_id, gateway_event_id)
);
create unique index payment_request_events_order_key on payment_request_events (order_id) where kind = 'ordered';
-- A transfer's number confirms one payment.
create unique index payment_request_events_reference_key on payment_request_events (reference) where kind = 'confirmed';

-- Automatic attempts at a charge.
create table collection_attempts (
    id uuid constraint collection_attempts_pkey primary key,
    branch_id uuid not null,
    charge_id uuid not null constraint collection_attempts_charge_fkey references charges (id),
    -- 0 on the due day, then one per day of the branch's schedule.
    attempt smallint not null constraint collection_attempts_range check (attempt between 0 and 10),
    request_id uuid constraint collection_attempts_request_fkey references payment_requests (id),
    at timestamptz not null,
    business_day date not null,
    -- Two runs of the job make one attempt.
    constraint collection_attempts_key unique (charge_id, attempt)
);

-- Gift cards: sold or given, used up by payments.
create table vouchers (
    id uuid constraint vouchers_pkey primary key,
    branch_id uuid not null constraint vouchers_branch_fkey references branches (id),
    code text not null constraint vouchers_code_key unique,
    amount bigint not null constraint vouchers_amount_positive check (amount > 0),
    -- What payments left of it.
    left_amount bigint not null constraint vouchers_not_overspent check (left_amount between 0 and amount),
    currency text not null,
    expires_on date,
    -- What it was sold for; none for one that was given.
    charge_id uuid constraint vouchers_charge_key unique constraint vouchers_charge_fkey references charges (id),
    created_at timestamptz not null,
    created_by uuid
);
alter table payments
    add constraint payments_voucher_fkey foreign key (voucher_id) references vouchers (id),
    add constraint payments_voucher_named check ((method = 'voucher') = (voucher_id is not null)),
    add constraint payments_request_fkey foreign key (request_id) references payment_requests (id);
alter table refunds add constraint refunds_request_fkey foreign key (request_id) references payment_requests (id);

create function voucher_spent() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
begin
    update vouchers set left_amount = left_amount - new.amount where id = new.voucher_id and currency = new.currency;
    if not found then
        raise exception 'voucher in another currency' using errcode = 'check_violation', constraint = 'payments_voucher_currency';
    end if;
    return null;
end $$;
create trigger payments_voucher_spent after insert on payments for each row when (new.voucher_id is not null) execute function voucher_spent();

-- Money given back onto a voucher can be spent again.
create function voucher_refilled() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
begin
    update vouchers set left_amount = left_amount + new.amount
    where id = (select voucher_id from payments where id = new.payment_id) and currency = new.currency;
    if not found then
        raise exception 'the payment was made with no voucher' using errcode = 'check_violation', constraint = 'refunds_voucher_named';
    end if;
    return null;
end $$;
create trigger refunds_voucher_refilled after insert on refunds for each row when (new.method = 'voucher') execute function voucher_refilled();

-- A voucher whose sale is taken back cannot be spent; one that was spent cannot be taken back.
create function voucher_taken_back() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
begin
    update vouchers set left_amount = left_amount - new.amount where charge_id = new.charge_id;
    return null;
end $$;
create trigger charge_credits_voucher after insert on charge_credits for each row when (new.kind in ('void', 'credit_note'))
    execute function voucher_taken_back();
