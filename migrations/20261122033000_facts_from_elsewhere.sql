-- Numbers that are counted up in one database meet when databases meet: two branches without a network give the same visit
-- number, or the same sequence number to what happens to one subscription. `made_here` is true for rows made in this
-- database and null for rows that a relay brought; nulls never collide. Of two desks in one database, still only one can
-- take a number.
alter table subscription_events
    add column made_here boolean default true constraint subscription_events_made_here check (made_here),
    drop constraint subscription_events_seq_key,
    add constraint subscription_events_seq_key unique (subscription_id, seq, made_here);
drop index subscription_events_about_key;
create unique index subscription_events_about_key on subscription_events (about_event_id, made_here) where about_event_id is not null;
alter table visit_uses
    add column made_here boolean default true constraint visit_uses_made_here check (made_here),
    drop constraint visit_uses_visit_no_key,
    add constraint visit_uses_visit_no_key unique (subscription_id, visit_no, made_here) include (business_day, entry_id);

-- What happened twice under one number is in one order everywhere: by number, time and id.
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
        (select coalesce(json_agg(e order by e.seq, e.at, e.id), '[]') from subscription_events e where e.subscription_id = s.id),
        (select coalesce(array_agg(u.business_day), '{}') from visit_uses u
            where u.subscription_id = s.id and not exists (select from entry_voids v where v.entry_id = u.entry_id))
    from (select) as one
    left join subscriptions s on s.id = named_subscription
    left join plans p on p.id = coalesce(named_plan, s.plan_id)
$$;
