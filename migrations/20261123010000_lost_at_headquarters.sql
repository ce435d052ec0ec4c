-- A headquarters that is put back from a backup has lost what was made there since. Branches have copies of it, and have sold by it:
-- a plan, a price, a member who was registered at headquarters. What anybody may make, they send as their own. What headquarters alone
-- may make, and who may log in, they offer: it is taken when somebody at headquarters says so, and until then it does nothing.

alter table sync_node
    -- Of a headquarters: when it was put back, until somebody has said that nothing is missing any more.
    add column put_back_at timestamptz,
    -- Of a branch: its headquarters was put back, and it has not looked yet which of its copies are lost there.
    add column copies_owed boolean not null default false;

-- At headquarters: what branches have of it, by the branch that says so.
create table sync_offers (
    tbl text not null,
    key text not null,
    branch_id uuid not null,
    row jsonb not null,
    at timestamptz not null default now(),
    -- Why it could not be taken.
    reason text,
    constraint sync_offers_pkey primary key (tbl, key, branch_id)
);
insert into sync_tables (name, owner) values ('sync_offers', 'local');

-- ---------------------------------------------------------------- either end

-- As before; a headquarters remembers it.
create or replace function sync_restored(anew uuid) returns void language plpgsql set search_path = public, pg_temp as $$
declare
    is_branch boolean := (select mode = 'branch' from sync_node);
    waits text;
begin
    update sync_node set incarnation = case mode when 'branch' then anew end, epoch = case mode when 'headquarters' then anew else epoch end,
        own_rows_missing = is_branch, own_since = null, put_back_at = case mode when 'headquarters' then now() end;
    update sync_feed set xid = '0';
    if is_branch then
        foreach waits in array array['ledger_transactions', 'tills', 'till_shifts', 'members', 'payment_requests'] loop
            execute format('create or replace trigger own_rows_missing before insert on %I for each statement execute function own_rows_missing()', waits);
        end loop;
    end if;
end $$;

-- What is offered, and not sent: whoever may write these has the gym.
create function sync_is_offered(t sync_tables) returns boolean language sql immutable as $$
    select t.owner = 'headquarters' or t.name in ('accounts', 'profiles')
$$;

-- ---------------------------------------------------------------- at headquarters

-- Which of these keys are lost here: not there, and never heard of. What was deleted here is in the feed.
create function hq_lacks(tbl text, keys jsonb) returns jsonb
language plpgsql security definer set search_path = public, pg_temp set timezone = 'UTC' as $$
#variable_conflict use_variable
declare
    me sync_branches := hq_session();
    t sync_tables;
    lacking jsonb;
    refused text := hq_refusal(me, pg_column_size(keys), case when jsonb_typeof(keys) = 'array' then jsonb_array_length(keys) else 5001 end);
begin
    if refused is not null then
        return jsonb_build_object('refused', refused);
    end if;
    select * into t from sync_tables s where s.name = tbl and s.owner in ('headquarters', 'shared');
    begin
        execute format('select jsonb_agg(k order by n)
                from jsonb_array_elements($1) with ordinality as given (k, n) cross join jsonb_populate_record(null::%1$I, k) y
                where not exists (select from %1$I x where (%2$s) = (%3$s))
                  and not exists (select from sync_feed f where f.tbl = $2 and f.key = k)', t.name,
            (select string_agg(format('x.%I', c), ', ') from unnest(t.key_columns) c),
            (select string_agg(format('y.%I', c), ', ') from unnest(t.key_columns) c))
        into lacking using keys, tbl;
    exception when others then
        insert into sync_refusals (branch_id, reason, detail) values (me.branch_id, 'malformed', jsonb_build_object('tbl', tbl));
        return '{"refused": "malformed"}';
    end;
    return jsonb_build_object('keys', coalesce(lacking, '[]'));
end $$;

-- Copies of what is lost here. A headquarters that was not put back has lost nothing.
create function hq_offer(tbl text, "rows" jsonb) returns jsonb
language plpgsql security definer set search_path = public, pg_temp set timezone = 'UTC' as $$
#variable_conflict use_variable
declare
    me sync_branches := hq_session();
    t sync_tables;
    refused text := hq_refusal(me, pg_column_size("rows"), case when jsonb_typeof("rows") = 'array' then jsonb_array_length("rows") else 5001 end);
begin
    if refused is not null then
        return jsonb_build_object('refused', refused);
    end if;
    select * into t from sync_tables s where s.name = tbl and sync_is_offered(s);
    if t.name is null or (select put_back_at from sync_node) is null then
        insert into sync_refusals (branch_id, reason, detail) values (me.branch_id, 'nothing_lost', jsonb_build_object('tbl', tbl));
        return '{"refused": "nothing_lost"}';
    end if;
    begin
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

-- What is lost here and offered by branches. `differs`: they do not agree what it was.
create function office_lost() returns table (tbl text, key text, "row" jsonb, branches bigint, differs boolean, reason text)
language sql stable security definer set search_path = public, pg_temp as $$
    select o.tbl, o.key, (array_agg(o.row order by o.at, o.branch_id))[1], count(*), count(distinct o.row) > 1, max(o.reason)
    from sync_offers o join sync_tables t on t.name = o.tbl
    where sync_find(t, o.row) is null
    group by t.place, o.tbl, o.key order by t.place, o.key
$$;

-- Headquarters' own act: what is lost is here again. What branches do not agree about stays as it is, and so does what does not fit, with
-- the reason. Gives how many rows were taken.
create function office_take_lost() returns int
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    lost record;
    why text;
    taken int := 0;
begin
    for lost in select * from office_lost() where not differs loop
        begin
            perform sync_put(t, jsonb_build_array(lost.row), false) from sync_tables t where t.name = lost.tbl;
            taken := taken + 1;
        exception when others then
            get stacked diagnostics why = constraint_name;
            update sync_offers o set reason = coalesce(nullif(why, ''), sqlerrm) where o.tbl = lost.tbl and o.key = lost.key;
        end;
    end loop;
    delete from sync_offers o using sync_tables t where t.name = o.tbl and sync_find(t, o.row) is not null;
    return taken;
end $$;

-- Headquarters' own act: nothing is missing any more.
create function office_forget_lost() returns void
language sql security definer set search_path = public, pg_temp as $$
    delete from sync_offers;
    update sync_node set put_back_at = null;
$$;

-- What a branch's role may run here. Who was let in by the release before keeps `hq_push`, which that release calls.
create or replace function sync_grant(login name) returns void language plpgsql set search_path = public, pg_temp as $$
begin
    execute format('grant execute on function hq_hello(bigint, uuid, jsonb), hq_pull(text, int), hq_own(uuid, int), '
        || 'hq_send(uuid[], bigint[], text[], text[], text[], text[], timestamptz[], text[], int[], bigint[]), '
        || 'hq_audit(date, jsonb), hq_redeem(text, text, uuid, uuid), hq_lacks(text, jsonb), hq_offer(text, jsonb) to %I', login);
end $$;
do $$ begin perform sync_grant(role) from sync_branches; end $$;

-- ---------------------------------------------------------------- at a branch

-- As before; its copies may be all that is left of what was made there.
create or replace function relay_met(met uuid) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    before uuid := (select epoch from sync_node);
begin
    if before is distinct from met then
        update sync_node set epoch = met, cursor = '0:0', own_since = null, copies_owed = before is not null;
        if before is not null then
            update sync_outbox set answer = null, waits = 0, put_off_at = null where answer is not null;
        end if;
    end if;
end $$;

-- The keys of what this branch has and others may have made, a thousand at a time, in the order in which rows refer to each other; without
-- what it sends anyway.
create function relay_copies() returns table (tbl text, keys jsonb)
language plpgsql security definer set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
    t sync_tables;
begin
    for t in select * from sync_tables s where s.owner in ('headquarters', 'shared') order by place loop
        return query execute format('select %1$L::text, jsonb_agg(k order by n) from (
                select jsonb_build_object(%2$s) as k, row_number() over () as n from %1$I x
                where not exists (select from sync_outbox o where o.tbl = %1$L and o.answer is null
                    and o.key = sync_key(jsonb_build_object(%2$s), $1))) as keyed
            group by n / 1000 order by n / 1000', t.name,
            (select string_agg(format('%1$L, x.%1$I', c), ', ') from unnest(t.key_columns) c))
        using t.key_columns;
    end loop;
end $$;

-- What anybody may make is queued, as if it were made here; what is to be offered is given.
create function relay_copy(tbl text, keys jsonb) returns jsonb
language plpgsql security definer set search_path = public, pg_temp set timezone = 'UTC' as $$
#variable_conflict use_variable
declare
    t sync_tables;
    copies jsonb;
begin
    select * into t from sync_tables s where s.name = tbl;
    select coalesce(jsonb_agg(r order by n), '[]') into copies
    from (select sync_find(t, k) as r, n from jsonb_array_elements(keys) with ordinality as given (k, n)) as found where r is not null;
    if sync_is_offered(t) then
        return copies;
    end if;
    -- Each for itself: they are of no transaction.
    insert into sync_outbox (id, tbl, key, op, row, money, xid)
    select sync_event_id(), t.name, sync_key(r, t.key_columns), 'insert', r, t.money, null
    from jsonb_array_elements(copies) with ordinality as found (r, n) order by n;
    return '[]';
end $$;

create function relay_copied() returns void
language sql security definer set search_path = public, pg_temp as $$
    update sync_node set copies_owed = false
$$;

revoke execute on function sync_is_offered, hq_lacks, hq_offer, office_lost, office_take_lost, office_forget_lost, relay_copies, relay_copy, relay_copied from public;
