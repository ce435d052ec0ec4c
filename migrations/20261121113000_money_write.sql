-- One money write in one round trip. A desk's sale is some thirty rows in a dozen tables; sent one statement at a time, most
-- of its time would be the way to the server and back.
--
-- `w` holds the rows of each table under its name and, under these names:
--   shift    the till's shift that takes the money; it must be open and stays so until the transaction ends
--   receipt  its row without number, document and hash, with the `digest` of its transaction
--   answer   the row of `idempotency_keys`
-- `document` is the receipt's JSON with `{number}` where the running number goes. Gives that number, null without a receipt;
-- it is put into `receipt_number` of the answer and of the audit's `after`.
create function write_money(w jsonb, document text) returns bigint language plpgsql as $$
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
    if w ? 'subscriptions' then
        insert into subscriptions (id, branch_id, member_id, plan_id, plan_name, kind, duration_unit, duration_count, visits,
            visit_rule, access_windows, branch_scope, branch_ids, freeze_days, freeze_times, minimum_term_days, notice_days,
            trainer_account_id, anchor_day, created_at, auto_renew, predecessor_id)
        select id, branch_id, member_id, plan_id, plan_name, kind, duration_unit, duration_count, visits,
            visit_rule, access_windows, branch_scope, branch_ids, freeze_days, freeze_times, minimum_term_days, notice_days,
            trainer_account_id, anchor_day, created_at, auto_renew, predecessor_id
        from jsonb_populate_recordset(null::subscriptions, w -> 'subscriptions');
    end if;
    if w ? 'ledger_transactions' then
        insert into ledger_transactions (id, branch_id, kind, at, business_day, idempotency_key, reverses_id, account_id,
            desk_id, reason, digest)
        select id, branch_id, kind, at, business_day, idempotency_key, reverses_id, account_id, desk_id, reason, digest
        from jsonb_populate_recordset(null::ledger_transactions, w -> 'ledger_transactions');
    end if;
    if w ? 'ledger_entries' then
        insert into ledger_entries (id, transaction_id, account, member_id, amount, currency)
        select id, transaction_id, account, member_id, amount, currency
        from jsonb_populate_recordset(null::ledger_entries, w -> 'ledger_entries');
    end if;
    if w ? 'charges' then
        insert into charges (id, transaction_id, member_id, payer_id, subscription_id, product_id, description, quantity,
            unit_amount, amount, tax_name, tax_bp, tax_amount, currency, due_on, earned)
        select id, transaction_id, member_id, payer_id, subscription_id, product_id, description, quantity,
            unit_amount, amount, tax_name, tax_bp, tax_amount, currency, due_on, earned
        from jsonb_populate_recordset(null::charges, w -> 'charges');
    end if;
    if w ? 'payments' then
        insert into payments (id, transaction_id, member_id, method, amount, currency, tendered, reference, shift_id,
            request_id, voucher_id)
        select id, transaction_id, member_id, method, amount, currency, tendered, reference, shift_id, request_id, voucher_id
        from jsonb_populate_recordset(null::payments, w -> 'payments');
    end if;
    if w ? 'allocations' then
        insert into allocations (id, transaction_id, payment_id, charge_id, amount)
        select id, transaction_id, payment_id, charge_id, amount
        from jsonb_populate_recordset(null::allocations, w -> 'allocations');
    end if;
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
    if w ? 'subscription_events' then
        insert into subscription_events (id, branch_id, subscription_id, seq, kind, at, business_day, starts_on, ends_on, visits,
            voids_event_id, reason, account_id, ledger_transaction_id, days, about_event_id, successor_id, closure_id)
        select id, branch_id, subscription_id, seq, kind, at, business_day, starts_on, ends_on, visits,
            voids_event_id, reason, account_id, ledger_transaction_id, days, about_event_id, successor_id, closure_id
        from jsonb_populate_recordset(null::subscription_events, w -> 'subscription_events');
    end if;
    -- The till's other receipts wait from here on until the transaction ends: a number is given out only with what it
    -- stands for.
    if w ? 'receipt' then
        select last_number + 1, last_hash into strict given, chain
        from receipt_chains where till_id = (w #>> '{receipt,till_id}')::uuid for update;
        written := overlay(document placing lpad(given::text, greatest(6, length(given::text)), '0')
            from position('{number}' in document) for 8);
        chain := sha256(chain || int8send(given) || (w #>> '{receipt,digest}')::bytea || sha256(convert_to(written, 'UTF8')));
        update receipt_chains set last_number = given, last_hash = chain where till_id = (w #>> '{receipt,till_id}')::uuid;
        insert into receipts (id, branch_id, till_id, number, kind, transaction_id, shift_id, member_id, at, business_day,
            document, hash)
        select id, branch_id, till_id, given, kind, transaction_id, shift_id, member_id, at, business_day, written, chain
        from jsonb_populate_record(null::receipts, w -> 'receipt');
    end if;
    if w ? 'answer' then
        insert into idempotency_keys (key, command, request_digest, response, at)
        select key, command, request_digest,
            case when given is null then response else jsonb_set(response, '{receipt_number}', to_jsonb(given)) end, at
        from jsonb_populate_record(null::idempotency_keys, w -> 'answer');
    end if;
    if w ? 'audit' then
        insert into audit_log (id, at, branch_id, account_id, desk_id, act, subject_kind, subject_id, before, after)
        select id, at, branch_id, account_id, desk_id, act, subject_kind, subject_id, before,
            case when given is null then after else jsonb_set(after, '{receipt_number}', to_jsonb(given), false) end
        from jsonb_populate_record(null::audit_log, w -> 'audit');
    end if;
    return given;
end $$;
