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
        (select coalesce(json_agg(e order by e.seq), '[]') from subscription_events e where e.subscription_id = s.id),
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
