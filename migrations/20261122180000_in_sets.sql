-- What is owed and what is left of payments is counted once per statement instead of once per row: a sale has one row of each, but
-- a batch that headquarters takes has hundreds.

-- ---------------------------------------------------------------- what is owed, and what payments have left

create function settle_charges(settled uuid[]) returns void language plpgsql security definer set search_path = public, pg_temp as $$
begin
    -- Of two who settle the same charge the second waits here, and then sees what the first did.
    perform from charges where id = any (settled) order by id for no key update;
    with counted as (
        select c.id, c.member_id, c.payer_id, c.due_on, c.currency,
            c.amount - coalesce((select sum(amount) from allocations where charge_id = c.id), 0)
                     - coalesce((select sum(amount) from charge_credits where charge_id = c.id), 0) as open
        from charges c where c.id = any (settled)
    ), paid as (
        delete from open_charges o using counted c where o.charge_id = c.id and c.open = 0
    )
    insert into open_charges (charge_id, member_id, payer_id, due_on, owed, currency)
    select id, member_id, payer_id, due_on, open, currency from counted where open <> 0
    on conflict (charge_id) do update set owed = excluded.owed;
end $$;

-- While a gateway is charging for it, nobody else pays a charge or takes it back. Asked after the charge was held, so that what the
-- job did is seen.
create function leave_to_gateway(settled uuid[]) returns void language plpgsql security definer set search_path = public, pg_temp as $$
begin
    if exists (
        select from payment_request_charges c join payment_requests r on r.id = c.request_id
        where c.charge_id = any (settled) and r.is_automatic
          and (select kind from payment_request_events e where e.request_id = r.id order by seq desc limit 1) = 'sent')
    then
        raise exception 'a gateway is charging for it' using errcode = 'check_violation', constraint = 'collection_under_way';
    end if;
end $$;

create function settle_payments(settled uuid[]) returns void language plpgsql security definer set search_path = public, pg_temp as $$
begin
    perform from payment_balances where payment_id = any (settled) order by payment_id for update;
    update payment_balances b set unallocated = s.unallocated, refundable = s.refundable
    from (
        select p.id, p.amount - r.gone as refundable, p.amount - r.gone - coalesce(
            (select sum(amount) from allocations where payment_id = p.id), 0)::bigint as unallocated
        from payments p cross join lateral (select coalesce(sum(amount), 0)::bigint as gone from refunds where payment_id = p.id) r
        where p.id = any (settled)) s
    where b.payment_id = s.id and (b.unallocated, b.refundable) <> (s.unallocated, s.refundable);
end $$;
revoke execute on function settle_charges, leave_to_gateway(uuid[]), settle_payments from public;

create or replace function charge_opened() returns trigger language plpgsql security definer as $$
begin
    insert into public.open_charges (charge_id, member_id, payer_id, due_on, owed, currency)
    select id, member_id, payer_id, due_on, open, currency
    from (select n.id, n.member_id, n.payer_id, n.due_on, n.currency,
              n.amount - coalesce((select sum(amount) from public.allocations where charge_id = n.id), 0)
                       - coalesce((select sum(amount) from public.charge_credits where charge_id = n.id), 0) as open
          from n) s
    where open <> 0
    on conflict (charge_id) do nothing;
    return null;
end $$;
drop trigger charges_opened on charges;
create trigger charges_opened after insert on charges referencing new table as n for each statement execute function charge_opened();

create or replace function charge_credited() returns trigger language plpgsql security definer as $$
declare
    credited uuid[] := array(select distinct charge_id from n);
begin
    perform public.settle_charges(credited);
    perform public.leave_to_gateway(credited);
    return null;
end $$;
drop trigger charge_credits_settle on charge_credits;
create trigger charge_credits_settle after insert on charge_credits referencing new table as n for each statement execute function charge_credited();

create or replace function payment_taken() returns trigger language plpgsql security definer as $$
begin
    insert into public.payment_balances (payment_id, payer_id, unallocated, refundable, currency)
    select n.id, n.member_id, n.amount - coalesce((select sum(amount) from public.allocations where payment_id = n.id), 0), n.amount, n.currency
    from n;
    return null;
end $$;
drop trigger payments_taken on payments;
create trigger payments_taken after insert on payments referencing new table as n for each statement execute function payment_taken();

create or replace function payment_allocated() returns trigger language plpgsql security definer as $$
declare
    paid uuid[];
    paying uuid[];
    settled uuid[];
begin
    -- Where charge and payment came in the same statement, their own triggers have added it up, and nobody else has seen them.
    select array_agg(distinct s.payment_id), array_agg(distinct s.charge_id), array_agg(distinct s.charge_id) filter (where s.amount > 0)
    into paying, settled, paid
    from n s
    where not exists (
        select from public.allocations a
        join public.charges c on c.id = a.charge_id and c.xmin = a.xmin and c.cmin = a.cmin
        join public.payments p on p.id = a.payment_id and p.xmin = a.xmin and p.cmin = a.cmin
        where a.id = s.id);
    if settled is null then
        return null;
    end if;
    perform public.settle_payments(paying);
    perform public.settle_charges(settled);
    if paid is not null then
        perform public.leave_to_gateway(paid);
    end if;
    return null;
end $$;
drop trigger allocations_settle on allocations;
create trigger allocations_settle after insert on allocations referencing new table as n for each statement execute function payment_allocated();

create or replace function payment_refunded() returns trigger language plpgsql security definer as $$
begin
    if exists (select from n join public.payments p on p.id = n.payment_id where p.currency <> n.currency) then
        raise exception 'refund in another currency' using errcode = 'check_violation', constraint = 'refunds_currency';
    end if;
    perform public.settle_payments(array(select distinct payment_id from n));
    return null;
end $$;
drop trigger refunds_settle on refunds;
create trigger refunds_settle after insert on refunds referencing new table as n for each statement execute function payment_refunded();

drop function settle_charge(uuid);
drop function leave_to_gateway(uuid);
drop function settle_payment(uuid);
