-- Drawers, their shifts, and the receipts they give out.
create table tills (
    id uuid constraint tills_pkey primary key,
    branch_id uuid not null constraint tills_branch_fkey references branches (id),
    number smallint not null constraint tills_number_range check (number between 1 and 9999),
    name text not null,
    created_at timestamptz not null,
    constraint tills_number_key unique (branch_id, number)
);

-- The end of each till's chain of receipts.
create table receipt_chains (
    till_id uuid constraint receipt_chains_pkey primary key constraint receipt_chains_till_fkey references tills (id),
    last_number bigint not null default 0,
    last_hash bytea not null default sha256('')
);

-- A desk begins with a drawer of its own; several desks may share one afterwards.
alter table desks add column till_id uuid constraint desks_till_fkey references tills (id);
create function desk_gets_till() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
begin
    if new.till_id is null then
        perform pg_advisory_xact_lock(hashtextextended('tills ' || new.branch_id, 0));
        insert into tills (id, branch_id, number, name, created_at)
        select new.id, new.branch_id, coalesce(max(number), 0) + 1, new.name, new.created_at from tills where branch_id = new.branch_id;
        new.till_id := new.id;
    end if;
    return new;
end $$;
create trigger desks_till before insert on desks for each row execute function desk_gets_till();
create function till_gets_chain() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
begin
    insert into receipt_chains (till_id) values (new.id);
    return null;
end $$;
create trigger tills_chain after insert on tills for each row execute function till_gets_chain();
insert into tills (id, branch_id, number, name, created_at)
select id, branch_id, row_number() over (partition by branch_id order by created_at, id), name, created_at from desks;
update desks set till_id = id;
alter table desks alter column till_id set not null;

create table till_shifts (
    id uuid constraint till_shifts_pkey primary key,
    branch_id uuid not null constraint till_shifts_branch_fkey references branches (id),
    till_id uuid not null constraint till_shifts_till_fkey references tills (id),
    number int not null,
    business_day date not null,
    opened_at timestamptz not null,
    opened_by uuid,
    currency text not null,
    float_amount bigint not null constraint till_shifts_float_range check (float_amount between 0 and 9007199254740991),
    -- False when a sale opened it: the float is what the last shift left.
    float_counted boolean not null,
    closed_at timestamptz,
    closed_by uuid,
    -- [{"minor": 20000, "count": 3}]
    counted jsonb,
    counted_amount bigint,
    expected_amount bigint,
    left_in_drawer bigint,
    variance_reason text,
    -- The Z report as it was printed.
    report jsonb,
    constraint till_shifts_number_key unique (till_id, number),
    constraint till_shifts_closed_whole check ((closed_at is null) = (counted_amount is null) and (closed_at is null) = (report is null))
);
-- One open shift per till.
create unique index till_shifts_one_open_key on till_shifts (till_id) where closed_at is null;
create function closed_shift_stays() returns trigger language plpgsql as $$
begin
    if old.closed_at is not null then
        raise exception 'shift % is closed', old.id using errcode = 'check_violation', constraint = 'till_shifts_closed_stays';
    end if;
    return new;
end $$;
-- A Z report is final.
create trigger till_shifts_closed_stays before update on till_shifts for each row execute function closed_shift_stays();

create table cash_movements (
    id uuid constraint cash_movements_pkey primary key,
    transaction_id uuid not null constraint cash_movements_transaction_fkey references ledger_transactions (id),
    shift_id uuid not null constraint cash_movements_shift_fkey references till_shifts (id),
    kind text not null constraint cash_movements_kind_known check (kind in ('cash_in', 'cash_out')),
    amount bigint not null constraint cash_movements_amount_positive check (amount > 0),
    currency text not null,
    reason text not null
);
create index cash_movements_shift_idx on cash_movements (shift_id);

alter table payments add constraint payments_shift_fkey foreign key (shift_id) references till_shifts (id);
alter table refunds add constraint refunds_shift_fkey foreign key (shift_id) references till_shifts (id);
create index payments_shift_idx on payments (shift_id);
create index refunds_shift_idx on refunds (shift_id);

create table receipts (
    id uuid constraint receipts_pkey primary key,
    branch_id uuid not null constraint receipts_branch_fkey references branches (id),
    till_id uuid not null constraint receipts_till_fkey references tills (id),
    number bigint not null constraint receipts_number_positive check (number > 0),
    kind text not null constraint receipts_kind_known check (kind in ('sale', 'payment', 'refund', 'void', 'cash_in', 'cash_out')),
    transaction_id uuid not null constraint receipts_transaction_key unique constraint receipts_transaction_fkey references ledger_transactions (id),
    shift_id uuid constraint receipts_shift_fkey references till_shifts (id),
    member_id uuid,
    at timestamptz not null,
    business_day date not null,
    -- What is printed, as JSON, byte for byte.
    document text not null,
    -- SHA-256 over the hash before, the number as 8 bytes, the transaction's digest, and the document's SHA-256.
    hash bytea not null,
    -- Numbers have no gap and come once.
    constraint receipts_number_key unique (till_id, number)
);
create index receipts_day_idx on receipts (branch_id, business_day);
create index receipts_member_idx on receipts (member_id) where member_id is not null;

-- E-mail that waits to be sent, once each.
create table mail_outbox (
    id uuid constraint mail_outbox_pkey primary key,
    -- The same reason is never sent twice.
    dedupe_key text not null constraint mail_outbox_dedupe_key unique,
    to_address text not null,
    language text not null,
    template text not null,
    params jsonb not null,
    receipt_id uuid constraint mail_outbox_receipt_fkey references receipts (id),
    created_at timestamptz not null,
    next_try_at timestamptz not null,
    tries int not null default 0,
    sent_at timestamptz,
    failed_at timestamptz,
    last_error text
);
create index mail_outbox_due_idx on mail_outbox (next_try_at) where sent_at is null and failed_at is null;
