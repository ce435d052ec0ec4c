-- A receipt's document with its number in place.
create function numbered_document(document text, number bigint) returns text language sql immutable as $$
    select overlay(document placing lpad(number::text, greatest(6, length(number::text)), '0') from position('{number}' in document) for 8)
$$;

-- As before; the till's next number, the receipt, the answer and the audit row are one statement.
create or replace function write_money(w jsonb, document text) returns bigint language plpgsql as $$
declare
    given bigint;
begin
    if w ? 'shift' then
        perform from till_shifts where id = (w ->> 'shift')::uuid and closed_at is null for share;
        if not found then
            raise exception 'the shift is closed' using errcode = 'check_violation', constraint = 'till_shifts_open';
        end if;
    end if;
    -- A plain sale settles what it brings, and nobody else has seen that.
    if w ? 'settles_others' then
        perform hold_what_is_settled(w);
    end if;
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
    with numbered as (
        update receipt_chains set last_number = last_number + 1,
            last_hash = sha256(last_hash || int8send(last_number + 1) || (w #>> '{receipt,digest}')::bytea
                || sha256(convert_to(numbered_document(write_money.document, last_number + 1), 'UTF8')))
        where till_id = (w #>> '{receipt,till_id}')::uuid
        returning last_number as number, last_hash as hash
    ), receipted as (
        insert into receipts (id, branch_id, till_id, number, kind, transaction_id, shift_id, member_id, at, business_day,
            document, hash)
        select r.id, r.branch_id, r.till_id, n.number, r.kind, r.transaction_id, r.shift_id, r.member_id, r.at, r.business_day,
            numbered_document(write_money.document, n.number), n.hash
        from numbered n, jsonb_populate_record(null::receipts, w -> 'receipt') r
    ), answered as (
        insert into idempotency_keys (key, command, request_digest, response, at)
        select a.key, a.command, a.request_digest,
            case when n.number is null then a.response else jsonb_set(a.response, '{receipt_number}', to_jsonb(n.number)) end, a.at
        from jsonb_populate_record(null::idempotency_keys, w -> 'answer') a left join numbered n on true where w ? 'answer'
    ), audited as (
        insert into audit_log (id, at, branch_id, account_id, desk_id, act, subject_kind, subject_id, before, after)
        select a.id, a.at, a.branch_id, a.account_id, a.desk_id, a.act, a.subject_kind, a.subject_id, a.before,
            case when n.number is null then a.after else jsonb_set(a.after, '{receipt_number}', to_jsonb(n.number), false) end
        from jsonb_populate_record(null::audit_log, w -> 'audit') a left join numbered n on true where w ? 'audit'
    )
    select number into given from numbered;
    if given is null and w ? 'receipt' then
        raise exception 'a receipt of a till without a chain' using errcode = 'foreign_key_violation';
    end if;
    return given;
end $$;

-- As before, but of the events only the columns that a subscription is folded from, in the order of the index (whoever folds them
-- sorts them), and nothing of a subscription that is not named: a renewal carries all its events to the counter.
create or replace function offered_line(named_plan uuid, named_subscription uuid)
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
        case when s.id is not null then (
            select coalesce(json_agg(e), '[]')
            from (select id, branch_id, seq, kind::text, at, business_day, starts_on, ends_on, visits, days, about_event_id,
                      voids_event_id, successor_id, ledger_transaction_id
                  from subscription_events e where e.subscription_id = s.id) as e) end,
        case when s.id is not null then (
            select coalesce(array_agg(u.business_day), '{}') from visit_uses u
            where u.subscription_id = s.id and not exists (select from entry_voids v where v.entry_id = u.entry_id)) end
    from (select) as one
    left join subscriptions s on s.id = named_subscription
    left join plans p on p.id = coalesce(named_plan, s.plan_id)
$$;
