-- What headquarters lost and takes back, and what it does not want back.

alter table sync_node
    -- Of a headquarters: when somebody there has said that nothing is missing any more.
    add column lost_forgotten_at timestamptz;

-- A price that was set after the backup ended the one before; in the backup that one runs on. It is set again as it was: from its day
-- on, until one that has been set for later. `owner` is the column of what it is the price of.
create function office_make_room(tbl text, owner text, price jsonb) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
#variable_conflict use_variable
declare
    valid daterange := price ->> 'valid';
    later date;
begin
    execute format('update %1$I x set valid = daterange(lower(x.valid), lower($1))
            where x.%2$I = ($2 ->> %2$L)::uuid and x.branch_id is not distinct from ($2 ->> ''branch_id'')::uuid
              and x.valid && $1 and lower(x.valid) < lower($1)', tbl, owner)
        using valid, price;
    execute format('select min(lower(x.valid)) from %1$I x
            where x.%2$I = ($2 ->> %2$L)::uuid and x.branch_id is not distinct from ($2 ->> ''branch_id'')::uuid
              and x.valid && $1 and lower(x.valid) > lower($1)', tbl, owner)
        into later using valid, price;
    return case when later is null then price else price || jsonb_build_object('valid', daterange(lower(valid), later)) end;
end $$;

-- As before; a price makes room for itself.
create or replace function office_take_lost() returns int
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    lost record;
    again jsonb;
    why text;
    taken int := 0;
begin
    for lost in select * from office_lost() where not differs loop
        begin
            again := case lost.tbl
                when 'plan_prices' then office_make_room(lost.tbl, 'plan_id', lost.row)
                when 'product_prices' then office_make_room(lost.tbl, 'product_id', lost.row)
                else lost.row end;
            perform sync_put(t, jsonb_build_array(again), false) from sync_tables t where t.name = lost.tbl;
            taken := taken + 1;
        exception when others then
            get stacked diagnostics why = constraint_name;
            update sync_offers o set reason = coalesce(nullif(why, ''), sqlerrm) where o.tbl = lost.tbl and o.key = lost.key;
        end;
    end loop;
    delete from sync_offers o using sync_tables t where t.name = o.tbl and sync_find(t, o.row) is not null;
    return taken;
end $$;

-- Headquarters' own act: nothing is missing any more. What is not here branches are not to have either: they read that it is gone, and
-- with it goes what kept a row of the backup out.
create or replace function office_forget_lost() returns void
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    t sync_tables;
begin
    -- What refers to something goes before it.
    for t in select * from sync_tables s where s.name in (select tbl from office_lost()) order by place desc loop
        perform sync_feed_rows(t, jsonb_agg(o.row order by o.key), null) from office_lost() o where o.tbl = t.name;
    end loop;
    notify gatehouse_feed;
    delete from sync_offers;
    update sync_node set put_back_at = null, lost_forgotten_at = now();
end $$;

-- As before; a branch that comes when all that was lost is forgotten reads that what it offers is gone.
create or replace function hq_offer(tbl text, "rows" jsonb) returns jsonb
language plpgsql security definer set search_path = public, pg_temp set timezone = 'UTC' as $$
#variable_conflict use_variable
declare
    me sync_branches := hq_session();
    t sync_tables;
    here sync_node := (select n from sync_node n);
    refused text := hq_refusal(me, pg_column_size("rows"), case when jsonb_typeof("rows") = 'array' then jsonb_array_length("rows") else 5001 end);
begin
    if refused is not null then
        return jsonb_build_object('refused', refused);
    end if;
    select * into t from sync_tables s where s.name = tbl and sync_is_offered(s);
    if t.name is null or here.put_back_at is null and here.lost_forgotten_at is null then
        insert into sync_refusals (branch_id, reason, detail) values (me.branch_id, 'nothing_lost', jsonb_build_object('tbl', tbl));
        return '{"refused": "nothing_lost"}';
    end if;
    begin
        if here.put_back_at is null then
            insert into sync_feed (tbl, key, reader)
            select t.name, (select jsonb_object_agg(c, r -> c) from unnest(t.key_columns) c), me.branch_id
            from (select sync_canonical(t, given) as r from jsonb_array_elements("rows") given) as canonical
            where sync_find(t, r) is null;
            return '{}';
        end if;
        insert into sync_offers (tbl, key, branch_id, row)
        select t.name, sync_key(r, t.key_columns), me.branch_id, r
        from (select sync_canonical(t, given) as r from jsonb_array_elements("rows") given) as canonical
        on conflict on constraint sync_offers_pkey do update set row = excluded.row, at = now(), reason = null;
    exception when others then
        insert into sync_refusals (branch_id, reason, detail) values (me.branch_id, 'malformed', jsonb_build_object('tbl', tbl));
        return '{"refused": "malformed"}';
    end;
    return '{}';
end $$;

-- ---------------------------------------------------------------- at a branch

-- As before; what did not fit is tried once more when the whole page has come, and of a row only what came last is kept aside: an older
-- one that finds room later would take the newer one back.
create or replace function relay_apply(rows jsonb, new_cursor text) returns int
language plpgsql security definer set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
    e record;
    why text;
    set_aside int := 0;
    fresh uuid[] := '{}';
    known int[];
begin
    perform set_config('gatehouse.relay', 'on', true), set_config('gatehouse.origin', '', true);
    if not exists (select from sync_quarantine where resolved_at is null and branch_id is null) then
        known := relay_known(rows);
        rows := (select jsonb_agg(given.value order by given.n) from jsonb_array_elements(rows) with ordinality as given (value, n)
                 where not exists (select from unnest(known) k where k = given.n));
    end if;
    -- What was set aside before, the page, and what was set aside again: of prices that end each other, each may keep out the others
    -- until all have come.
    for pass in 1..3 loop
        for e in
            select q.id, q.event, q.at, 0::bigint as n from sync_quarantine q where pass <> 2 and resolved_at is null and branch_id is null
            union all
            select null, value, null, ordinality from jsonb_array_elements(rows) with ordinality where pass = 2
            order by 3, 4
        loop
            if e.id is not null and exists (select from sync_quarantine where id = e.id and resolved_at is not null) then
                continue;
            end if;
            -- A newer row in the place of one that was set aside: that one is never put over it.
            if e.id is null and exists (select from sync_quarantine where resolved_at is null and branch_id is null) then
                update sync_quarantine q set resolved_at = now()
                from sync_tables t
                where t.name = q.tbl and q.tbl = e.event ->> 'tbl' and q.key = sync_key(e.event -> 'row', t.key_columns)
                  and q.resolved_at is null and q.branch_id is null;
            end if;
            begin
                perform relay_apply_one(e.event);
                if e.id is not null then
                    update sync_quarantine set resolved_at = now() where id = e.id;
                    set_aside := set_aside - (e.id = any (fresh))::int;
                end if;
            exception when others then
                get stacked diagnostics why = constraint_name;
                why := coalesce(nullif(why, ''), sqlerrm);
                if e.id is null then
                    fresh := sync_event_id() || fresh;
                    insert into sync_quarantine (id, tbl, key, event, reason)
                    select fresh[1], coalesce(e.event ->> 'tbl', '?'),
                        (select sync_key(e.event -> 'row', key_columns) from sync_tables where name = e.event ->> 'tbl'), e.event, why;
                    set_aside := set_aside + 1;
                end if;
            end;
        end loop;
    end loop;
    update sync_node set cursor = new_cursor where new_cursor is not null;
    perform set_config('gatehouse.relay', '', true);
    return set_aside;
end $$;

revoke execute on function office_make_room from public;
