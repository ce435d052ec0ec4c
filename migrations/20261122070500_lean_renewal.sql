-- As before, but only for a write that says that it settles what was there before it: a plain sale settles what it brings, and
-- nobody else has seen that.
create or replace function hold_what_is_settled(w jsonb) returns void language plpgsql security definer as $$
begin
    if not w ? 'settles_others' then
        return;
    end if;
    perform from public.payment_balances where payment_id in (
        select payment_id from jsonb_to_recordset(coalesce(w -> 'allocations', '[]')) a (payment_id uuid)
        union all select payment_id from jsonb_to_recordset(coalesce(w -> 'refunds', '[]')) r (payment_id uuid))
    order by payment_id for update;
    perform from public.charges where id in (
        select charge_id from jsonb_to_recordset(coalesce(w -> 'allocations', '[]')) a (charge_id uuid)
        union all select charge_id from jsonb_to_recordset(coalesce(w -> 'charge_credits', '[]')) k (charge_id uuid))
    order by id for no key update;
end $$;

-- As before, but of the events only the columns that a subscription is folded from, and nothing of a subscription that is not
-- named: a renewal carries all its events to the counter.
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
            select coalesce(json_agg(e order by e.seq, e.at, e.id), '[]')
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
