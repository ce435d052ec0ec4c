-- What a line of a sale names: a plan, or a subscription with its plan. A function, so that the counter asks for the first
-- line in the same round trip.
create function offered_line(named_plan uuid, named_subscription uuid)
returns table (plan uuid, archived boolean, form jsonb, tax jsonb, prices jsonb, sold json, events json, used date[])
language sql stable as $$
    select p.id, p.archived_at is not null,
        case when p.id is not null then to_jsonb(p) || jsonb_build_object('branch_ids',
            (select coalesce(jsonb_agg(pb.branch_id), '[]') from plan_branches pb where pb.plan_id = p.id)) end,
        (select jsonb_build_object('name', t.name, 'bp', t.rate_bp) from tax_rates t where t.id = p.tax_rate_id),
        (select coalesce(jsonb_agg(jsonb_build_object('id', r.id, 'branch_id', r.branch_id, 'from', lower(r.valid),
                'until', upper(r.valid), 'amount', r.amount, 'currency', r.currency)), '[]')
            from plan_prices r where r.plan_id = p.id),
        to_json(s),
        (select coalesce(json_agg(e order by e.seq, e.at, e.id), '[]') from subscription_events e where e.subscription_id = s.id),
        (select coalesce(array_agg(u.business_day), '{}') from visit_uses u
            where u.subscription_id = s.id and not exists (select from entry_voids v where v.entry_id = u.entry_id))
    from (select) as one
    left join subscriptions s on s.id = named_subscription
    left join plans p on p.id = coalesce(named_plan, s.plan_id)
$$;

-- Few rows have one of these; the others need no place in the index.
alter table ledger_transactions drop constraint ledger_transactions_reverses_key;
create unique index ledger_transactions_reverses_key on ledger_transactions (reverses_id) where reverses_id is not null;
alter table payments drop constraint payments_request_key;
create unique index payments_request_key on payments (request_id) where request_id is not null;
alter table subscription_events drop constraint subscription_events_about_key;
create unique index subscription_events_about_key on subscription_events (about_event_id) where about_event_id is not null;
alter table subscription_events drop constraint subscription_events_voids_key;
create unique index subscription_events_voids_key on subscription_events (voids_event_id) where voids_event_id is not null;

-- A list of words as the check of a column is read and planned anew by every statement, as that of a domain once in a
-- session.
create domain transaction_kind as text constraint transaction_kind_known check (value in (
    'sale', 'renewal', 'take_over', 'void', 'change', 'transfer', 'cancellation', 'payment', 'refund', 'credit_note', 'write_off',
    'allocation', 'cash_in', 'cash_out', 'shift_opened', 'shift_closed', 'expense', 'voucher', 'import'));
create domain ledger_account as text constraint ledger_account_known check (value in (
    'receivable', 'revenue', 'tax', 'rounding', 'write_off', 'voucher', 'cash', 'card_terminal', 'upi', 'bank_transfer', 'paymob',
    'paypal', 'safe', 'cash_difference', 'expense', 'opening'));
create domain payment_method as text constraint payment_method_known check (value in (
    'cash', 'card_terminal', 'upi', 'bank_transfer', 'voucher', 'paymob', 'paypal'));
create domain receipt_kind as text constraint receipt_kind_known check (value in (
    'sale', 'payment', 'refund', 'void', 'cash_in', 'cash_out'));
create domain subscription_event_kind as text constraint subscription_event_kind_known check (value in (
    'sold', 'renewed', 'taken_over', 'voided', 'frozen', 'thawed', 'gifted', 'extended', 'cancelled', 'reinstated', 'changed',
    'transferred', 'auto_renew_on', 'auto_renew_off'));
alter table ledger_transactions
    drop constraint ledger_transactions_kind_known, alter column kind type transaction_kind;
alter table ledger_entries
    drop constraint ledger_entries_account_known, alter column account type ledger_account;
drop view shift_movements;
alter table payments
    drop constraint payments_method_known, alter column method type payment_method;
create view shift_movements as
select shift_id, id, transaction_id, 'payment'::text as kind, method::text, amount, currency, member_id, reference as text
from payments where shift_id is not null
union all
select r.shift_id, r.id, r.transaction_id, 'refund', r.method, r.amount, r.currency, p.member_id, r.reference
from refunds r join payments p on p.id = r.payment_id where r.shift_id is not null
union all
select shift_id, id, transaction_id, kind, 'cash', amount, currency, null, reason
from cash_movements
union all
select x.shift_id, x.expense_id, x.transaction_id, 'expense', x.method, e.amount, e.currency, null,
    case when e.supplier is null then e.description else e.supplier || ': ' || e.description end
from expense_payments x join expenses e on e.id = x.expense_id where x.shift_id is not null;
alter table receipts
    drop constraint receipts_kind_known, alter column kind type receipt_kind;
alter table subscription_events
    drop constraint subscription_events_kind_known, alter column kind type subscription_event_kind;

-- What is owed and what is left of a payment are added up anew from their rows, so that it does not matter in which order
-- those come, and a sale that is paid at once leaves nothing to take away again.
create function settle_charge(charge uuid) returns void language plpgsql security definer as $$
declare
    c public.charges;
    open bigint;
begin
    -- Of two who settle the same charge the second waits here, and then sees what the first did.
    select * into strict c from public.charges where id = charge for no key update;
    select c.amount - coalesce((select sum(amount) from public.allocations where charge_id = charge), 0)
                    - coalesce((select sum(amount) from public.charge_credits where charge_id = charge), 0) into open;
    if open = 0 then
        delete from public.open_charges where charge_id = charge;
    else
        insert into public.open_charges (charge_id, member_id, payer_id, due_on, owed, currency)
        values (charge, c.member_id, c.payer_id, c.due_on, open, c.currency)
        on conflict (charge_id) do update set owed = excluded.owed;
    end if;
end $$;
revoke execute on function settle_charge(uuid) from public;

-- While a gateway is charging for it, nobody else pays a charge or takes it back. Asked after what is open was written, which
-- waits for the job that holds it: so what the job did is seen.
create function leave_to_gateway(charge uuid) returns void language plpgsql security definer as $$
begin
    if exists (
        select from public.payment_request_charges c join public.payment_requests r on r.id = c.request_id
        where c.charge_id = charge and r.is_automatic
          and (select kind from public.payment_request_events e where e.request_id = r.id order by seq desc limit 1) = 'sent')
    then
        raise exception 'a gateway is charging for it' using errcode = 'check_violation', constraint = 'collection_under_way';
    end if;
end $$;
revoke execute on function leave_to_gateway from public;

create function settle_payment(payment uuid) returns void language plpgsql security definer as $$
begin
    perform from public.payment_balances where payment_id = payment for update;
    update public.payment_balances b set unallocated = s.unallocated, refundable = s.refundable
    from (
        select p.amount - r.gone as refundable, p.amount - r.gone - coalesce(
            (select sum(amount) from public.allocations where payment_id = payment), 0)::bigint as unallocated
        from public.payments p, (select coalesce(sum(amount), 0)::bigint as gone from public.refunds where payment_id = payment) r
        where p.id = payment) s
    where b.payment_id = payment and (b.unallocated, b.refundable) <> (s.unallocated, s.refundable);
end $$;
revoke execute on function settle_payment from public;

create or replace function charge_opened() returns trigger language plpgsql security definer as $$
begin
    insert into public.open_charges (charge_id, member_id, payer_id, due_on, owed, currency)
    select new.id, new.member_id, new.payer_id, new.due_on, open, new.currency
    from (select new.amount - coalesce((select sum(amount) from public.allocations where charge_id = new.id), 0)
                            - coalesce((select sum(amount) from public.charge_credits where charge_id = new.id), 0) as open) s
    where open <> 0
    on conflict (charge_id) do nothing;
    return null;
end $$;
create or replace function charge_credited() returns trigger language plpgsql security definer as $$
begin
    perform public.settle_charge(new.charge_id);
    perform public.leave_to_gateway(new.charge_id);
    return null;
end $$;
create or replace function payment_taken() returns trigger language plpgsql security definer as $$
begin
    insert into public.payment_balances (payment_id, payer_id, unallocated, refundable, currency)
    select new.id, new.member_id, new.amount - coalesce(sum(amount), 0), new.amount, new.currency
    from public.allocations where payment_id = new.id;
    return null;
end $$;
create or replace function payment_allocated() returns trigger language plpgsql security definer as $$
begin
    -- Charge and payment came with this row in one statement: their own triggers have added it up, and nobody else has seen
    -- them.
    if exists (
        select from public.allocations a
        join public.charges c on c.id = a.charge_id and c.xmin = a.xmin and c.cmin = a.cmin
        join public.payments p on p.id = a.payment_id and p.xmin = a.xmin and p.cmin = a.cmin
        where a.id = new.id)
    then
        return null;
    end if;
    perform public.settle_charge(new.charge_id);
    if new.amount > 0 then
        perform public.leave_to_gateway(new.charge_id);
    end if;
    perform public.settle_payment(new.payment_id);
    return null;
end $$;
create or replace function payment_refunded() returns trigger language plpgsql security definer as $$
begin
    if new.currency <> (select currency from public.payments where id = new.payment_id) then
        raise exception 'refund in another currency' using errcode = 'check_violation', constraint = 'refunds_currency';
    end if;
    perform public.settle_payment(new.payment_id);
    return null;
end $$;
drop function settle_charge(uuid, bigint);

-- Payments and charges that a money write settles and that are there already are held in one order, payments before charges:
-- two who settle the same things from two ends would wait for each other for ever. Of a plain sale nothing is there yet.
create function hold_what_is_settled(w jsonb) returns void language plpgsql security definer as $$
begin
    perform from public.payment_balances where payment_id in (
        select payment_id from jsonb_to_recordset(coalesce(w -> 'allocations', '[]')) a (payment_id uuid)
        union all select payment_id from jsonb_to_recordset(coalesce(w -> 'refunds', '[]')) r (payment_id uuid))
    order by payment_id for update;
    perform from public.charges where id in (
        select charge_id from jsonb_to_recordset(coalesce(w -> 'allocations', '[]')) a (charge_id uuid)
        union all select charge_id from jsonb_to_recordset(coalesce(w -> 'charge_credits', '[]')) k (charge_id uuid))
    order by id for no key update;
end $$;
revoke execute on function hold_what_is_settled from public;

-- As before, but what most writes consist of is one statement: one start of the executor, and triggers that run when all
-- rows are there.
create or replace function write_money(w jsonb, document text) returns bigint language plpgsql as $$
declare
    given bigint;
    chain bytea;
    written text := document;
begin
    if w ? 'shift' then
        perform from till_shifts where id = (w ->> 'shift')::uuid and closed_at is null for share;
        if not found then
            raise exception 'the shift is closed' using errcode = 'check_violation', constraint = 'till_shifts_open';
        end if;
    end if;
    perform hold_what_is_settled(w);
    -- The transaction comes first, since its key tells a retry from another write.
    with sold as (
        insert into subscriptions (id, branch_id, member_id, plan_id, plan_name, kind, duration_unit, duration_count, visits,
            visit_rule, access_windows, branch_scope, branch_ids, freeze_days, freeze_times, minimum_term_days, notice_days,
            trainer_account_id, anchor_day, created_at, auto_renew, predecessor_id)
        select id, branch_id, member_id, plan_id, plan_name, kind, duration_unit, duration_count, visits,
            visit_rule, access_windows, branch_scope, branch_ids, freeze_days, freeze_times, minimum_term_days, notice_days,
            trainer_account_id, anchor_day, created_at, auto_renew, predecessor_id
        from jsonb_populate_recordset(null::subscriptions, w -> 'subscriptions')
    ), entered as (
        insert into ledger_entries (id, transaction_id, account, member_id, amount, currency)
        select id, transaction_id, account, member_id, amount, currency
        from jsonb_populate_recordset(null::ledger_entries, w -> 'ledger_entries')
    ), charged as (
        insert into charges (id, transaction_id, member_id, payer_id, subscription_id, product_id, description, quantity,
            unit_amount, amount, tax_name, tax_bp, tax_amount, currency, due_on, earned)
        select id, transaction_id, member_id, payer_id, subscription_id, product_id, description, quantity,
            unit_amount, amount, tax_name, tax_bp, tax_amount, currency, due_on, earned
        from jsonb_populate_recordset(null::charges, w -> 'charges')
    ), paid as (
        insert into payments (id, transaction_id, member_id, method, amount, currency, tendered, reference, shift_id,
            request_id, voucher_id)
        select id, transaction_id, member_id, method, amount, currency, tendered, reference, shift_id, request_id, voucher_id
        from jsonb_populate_recordset(null::payments, w -> 'payments')
    ), allocated as (
        insert into allocations (id, transaction_id, payment_id, charge_id, amount)
        select id, transaction_id, payment_id, charge_id, amount
        from jsonb_populate_recordset(null::allocations, w -> 'allocations')
    ), happened as (
        insert into subscription_events (id, branch_id, subscription_id, seq, kind, at, business_day, starts_on, ends_on, visits,
            voids_event_id, reason, account_id, ledger_transaction_id, days, about_event_id, successor_id, closure_id)
        select id, branch_id, subscription_id, seq, kind, at, business_day, starts_on, ends_on, visits,
            voids_event_id, reason, account_id, ledger_transaction_id, days, about_event_id, successor_id, closure_id
        from jsonb_populate_recordset(null::subscription_events, w -> 'subscription_events')
    )
    insert into ledger_transactions (id, branch_id, kind, at, business_day, idempotency_key, reverses_id, account_id,
        desk_id, reason, digest)
    select id, branch_id, kind, at, business_day, idempotency_key, reverses_id, account_id, desk_id, reason, digest
    from jsonb_populate_recordset(null::ledger_transactions, w -> 'ledger_transactions');
    if w ? 'charge_credits' then
        insert into charge_credits (id, transaction_id, charge_id, kind, amount, tax_amount)
        select id, transaction_id, charge_id, kind, amount, tax_amount
        from jsonb_populate_recordset(null::charge_credits, w -> 'charge_credits');
    end if;
    if w ? 'refunds' then
        insert into refunds (id, transaction_id, payment_id, method, amount, currency, reference, shift_id, request_id)
        select id, transaction_id, payment_id, method, amount, currency, reference, shift_id, request_id
        from jsonb_populate_recordset(null::refunds, w -> 'refunds');
    end if;
    if w ? 'stock_movements' then
        insert into stock_movements (id, branch_id, product_id, kind, quantity, transaction_id, at, business_day, account_id)
        select id, branch_id, product_id, kind, quantity, transaction_id, at, business_day, account_id
        from jsonb_populate_recordset(null::stock_movements, w -> 'stock_movements');
    end if;
    if w ? 'vouchers' then
        insert into vouchers (id, branch_id, code, amount, left_amount, currency, charge_id, created_at, created_by)
        select id, branch_id, code, amount, amount, currency, charge_id, created_at, created_by
        from jsonb_populate_recordset(null::vouchers, w -> 'vouchers');
    end if;
    -- The till's other receipts wait from here on until the transaction ends: a number is given out only with what it
    -- stands for.
    if w ? 'receipt' then
        select last_number + 1, last_hash into strict given, chain
        from receipt_chains where till_id = (w #>> '{receipt,till_id}')::uuid for update;
        written := overlay(document placing lpad(given::text, greatest(6, length(given::text)), '0')
            from position('{number}' in document) for 8);
        chain := sha256(chain || int8send(given) || (w #>> '{receipt,digest}')::bytea || sha256(convert_to(written, 'UTF8')));
        with moved as (
            update receipt_chains set last_number = given, last_hash = chain where till_id = (w #>> '{receipt,till_id}')::uuid
        )
        insert into receipts (id, branch_id, till_id, number, kind, transaction_id, shift_id, member_id, at, business_day,
            document, hash)
        select id, branch_id, till_id, given, kind, transaction_id, shift_id, member_id, at, business_day, written, chain
        from jsonb_populate_record(null::receipts, w -> 'receipt');
    end if;
    with answered as (
        insert into idempotency_keys (key, command, request_digest, response, at)
        select key, command, request_digest,
            case when given is null then response else jsonb_set(response, '{receipt_number}', to_jsonb(given)) end, at
        from jsonb_populate_record(null::idempotency_keys, w -> 'answer') where w ? 'answer'
    )
    insert into audit_log (id, at, branch_id, account_id, desk_id, act, subject_kind, subject_id, before, after)
    select id, at, branch_id, account_id, desk_id, act, subject_kind, subject_id, before,
        case when given is null then after else jsonb_set(after, '{receipt_number}', to_jsonb(given), false) end
    from jsonb_populate_record(null::audit_log, w -> 'audit') where w ? 'audit';
    return given;
end $$;
