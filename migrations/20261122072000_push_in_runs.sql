-- What a branch sends is taken table by table instead of row by row, and a batch ends where a transaction does.

-- ---------------------------------------------------------------- at a branch

alter table sync_outbox
    -- The transaction that wrote it: headquarters gets a sale whole or not at all, also from a branch whose database is put
    -- back between two batches.
    add column xid xid8 not null default pg_current_xact_id();

-- The next events to send, money first. A transaction that would be cut in two goes with the next batch, unless it is larger
-- than a batch: what a database had when it joined is queued in one.
create or replace function relay_take(up_to int, max_bytes bigint) returns jsonb
language sql stable security definer set search_path = public, pg_temp set timezone = 'UTC' as $$
    with next as (
        select o.*, row_number() over queue as n, sum(octet_length(row::text)) over queue - octet_length(row::text) as before
        from (select * from sync_outbox where answer is null order by waits, money desc, seq limit up_to + 200) as o
        window queue as (order by waits, money desc, seq)
    ), batch as (
        select * from next where n <= up_to and before < max_bytes
    ), cut as (
        select xid, money from next where not (n <= up_to and before < max_bytes)
    ), whole as (
        select * from batch b where not exists (select from cut c where c.xid = b.xid and c.money = b.money)
    )
    select coalesce(jsonb_agg(jsonb_build_object('id', id, 'seq', seq, 'tbl', tbl, 'op', op, 'row', row, 'base', base, 'at', at, 'waits', waits)
        order by n), '[]')
    from (select * from whole union all select * from batch where not exists (select from whole)) as taken
$$;

-- What a restored branch had sent is in its queue again, as sent: it is audited, and sent once more when headquarters is
-- put back to before it had come.
create function relay_took_back(events jsonb) returns void
language sql security definer set search_path = public, pg_temp set timezone = 'UTC' as $$
    insert into sync_outbox (id, tbl, key, op, row, base, money, at, sent_at, answer)
    select (e ->> 'id')::uuid, t.name, sync_key(e -> 'row', t.key_columns), e ->> 'op', e -> 'row', nullif(e -> 'base', 'null'), t.money,
        (e ->> 'at')::timestamptz, now(), 'ok'
    from jsonb_array_elements(events) with ordinality as given (e, n) join sync_tables t on t.name = e ->> 'tbl'
    order by n
    on conflict (id) do update set sent_at = now(), answer = 'ok'
$$;

-- ---------------------------------------------------------------- at headquarters

create or replace function hq_own(since uuid, up_to int) returns jsonb
language plpgsql security definer set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
    me sync_branches := hq_session();
    given jsonb;
    sent jsonb;
    n int;
    last_id uuid;
begin
    if me.branch_id is null then
        return '{"refused": "not_enrolled"}';
    end if;
    up_to := least(greatest(up_to, 1), 5000);
    select count(*), (array_agg(id order by id desc))[1],
        coalesce(jsonb_agg(jsonb_build_object('tbl', tbl, 'op', 'put', 'row', r) order by place, id) filter (where r is not null), '[]'),
        -- Ids are ordered by the millisecond; within one, the branch's own order holds.
        coalesce(jsonb_agg(event order by substr(id::text, 1, 13), seq, id), '[]')
    into n, last_id, given, sent
    from (
        select i.id, i.seq, i.tbl, t.place, sync_find(t, i.row) as r,
            jsonb_build_object('id', i.id, 'tbl', i.tbl, 'op', i.op, 'row', i.row, 'base', i.base, 'at', i.at) as event
        from (select * from sync_inbox where branch_id = me.branch_id and id > since and answer = 'ok' order by id limit up_to) i
        join sync_tables t on t.name = i.tbl
    ) as page;
    return jsonb_build_object('rows', given, 'sent', sent, 'more', n = up_to, 'cursor', coalesce(last_id, since));
end $$;

-- The first call of a round. `report` says what the branch says about itself: its clock and how much is waiting.
create or replace function hq_hello(version bigint, incarnation uuid, report jsonb) returns jsonb
language plpgsql security definer set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
    me sync_branches := hq_session();
begin
    if me.branch_id is null then
        return '{"refused": "not_enrolled"}';
    end if;
    update sync_branches b set
        last_seen_at = clock_timestamp(), version = hq_hello.version, waiting = (report ->> 'waiting')::bigint,
        -- A new one is believed when the branch has taken back what the one before had sent.
        incarnation = case when b.incarnation is null or (report ->> 'took_back')::boolean then hq_hello.incarnation else b.incarnation end,
        -- Once everything has come, the plans and prices are the headquarters'.
        founds = b.founds and coalesce((report ->> 'waiting')::bigint, 1) > 0,
        clock_skew_ms = round(extract(epoch from (report ->> 'at')::timestamptz - clock_timestamp()) * 1000)
    where b.branch_id = me.branch_id;
    -- What this session pushes is of this incarnation.
    perform set_config('gatehouse.incarnation', hq_hello.incarnation::text, false);
    return jsonb_build_object('branch_id', me.branch_id, 'epoch', (select epoch from sync_node), 'version', sync_version(),
        'gym_id', (select id from gyms), 'founds', me.founds,
        -- What it has sent under another incarnation is gone there: it takes its own rows back first.
        'restored', coalesce(me.incarnation <> hq_hello.incarnation, false) and (report ->> 'took_back')::boolean is not true);
end $$;

-- Whose a fact is, as an expression over a row `x`; null for a table whose rows do not say.
create function sync_owner_of(t sync_tables, x text) returns text language plpgsql stable as $$
declare
    parent sync_tables;
begin
    if exists (select from pg_attribute where attrelid = t.name::regclass and attname = 'branch_id' and not attisdropped) then
        return x || '.branch_id';
    elsif t.parent is null then
        return 'null::uuid';
    end if;
    select * into parent from sync_tables where name = t.parent;
    return format('(select %s from %I %s where %s.id = %s.%I)', sync_owner_of(parent, x || '_'), parent.name, x || '_', x || '_', x,
        t.parent_column);
end $$;

-- Takes rows of one table in one statement, as they are: new ones, or such that the branch has and changed. Whatever is not
-- that plain raises, and each of them is looked at by itself.
create function hq_put_run(me sync_branches, t sync_tables, es jsonb[], is_new boolean) returns void
language plpgsql set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
    named text[] := array(select jsonb_object_keys(es[1] -> 'row'));
    parent sync_tables;
    cols text;
    odd boolean;
    own int;
    given jsonb;
begin
    if exists (select from unnest(es) e where not (e -> 'row') ?& named or (e -> 'row') - named <> '{}') then
        raise exception 'rows of several shapes';
    elsif t.owner = 'branch' then
        -- Read off the events themselves, which are not made into rows of the table for it.
        select * into parent from sync_tables where name = t.parent;
        execute format('select exists (select from unnest($1) e where %s is distinct from $2)',
            case when t.name = 'audit_log' then $s$coalesce((e -> 'row' ->> 'branch_id')::uuid, $2)$s$
                 when 'branch_id' = any (named) or parent.name is null then $s$(e -> 'row' ->> 'branch_id')::uuid$s$
                 else format('(select %s from %I x where x.id = (e -> ''row'' ->> %L)::uuid)', sync_owner_of(parent, 'x'), parent.name, t.parent_column) end)
        into odd using es, me.branch_id;
        if odd then
            raise exception 'not its own, or of a parent that is not here';
        end if;
    end if;
    if is_new and t.name not in ('receipts', 'members', 'pass_aliases') then
        select string_agg(format('%I', attname), ', ' order by attnum) into cols
        from pg_attribute
        where attrelid = t.name::regclass and attnum > 0 and not attisdropped and attgenerated = '' and attname = any (named)
          and attname <> all (t.own_columns);
        execute format('insert into %1$I (%2$s %3$s) select %2$s %4$s from unnest($1) e, jsonb_populate_record(null::%1$I, e -> ''row'')', t.name, cols,
            case when 'made_here' = any (t.own_columns) then ', made_here' else '' end,
            case when 'made_here' = any (t.own_columns) then ', null' else '' end)
        using es;
        return;
    end if;
    -- Tables that have something follow a row, and rows that change.
    given := (select jsonb_agg((e -> 'row') - t.own_columns order by n) from unnest(es) with ordinality as x (e, n));
    if not is_new then
        execute format('select count(*) from jsonb_populate_recordset(null::%1$I, $1) y join %1$I x on (%2$s) = (%3$s) where %4$s = $2', t.name,
            (select string_agg(format('x.%I', c), ', ') from unnest(t.key_columns) c),
            (select string_agg(format('y.%I', c), ', ') from unnest(t.key_columns) c), sync_owner_of(t, 'x'))
        into own using given, me.branch_id;
        if own <> jsonb_array_length(given) then
            raise exception 'not here, or not its own';
        end if;
    end if;
    perform sync_put(t, given, not is_new);
end $$;

-- Takes a batch; an answer per event. Sent twice, it is taken once.
--   Facts, and shared rows that are new, are taken a table at a time, in an order in which what a row refers to comes first;
--   of a fact that the batch changes several times, the last state. What is left over (edits of shared rows, what one
--   statement refused) is taken event by event, in the order in which it came.
create or replace function hq_push(events jsonb) returns jsonb
language plpgsql security definer set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
    me sync_branches := hq_session();
    many int;
    taken boolean[];
    all_events jsonb[];
    answers jsonb[];
    run record;
    i int;
begin
    if me.branch_id is null then
        return '{"refused": "not_enrolled"}';
    elsif jsonb_typeof(events) <> 'array' or pg_column_size(events) > 32 * 1024 * 1024 or jsonb_array_length(events) > 5000 then
        insert into sync_refusals (branch_id, reason, detail)
        values (me.branch_id, 'too_much', jsonb_build_object('bytes', pg_column_size(events)));
        return '{"refused": "too_much"}';
    elsif coalesce(me.version > sync_version(), false) then
        return '{"refused": "headquarters_older"}';
    elsif coalesce(nullif(current_setting('gatehouse.incarnation', true), '')::uuid <> me.incarnation, false) then
        -- On its way since before the branch was put back, and overtaken by the one that took everything back.
        return '{"refused": "overtaken"}';
    end if;
    perform set_config('gatehouse.relay', 'on', true), set_config('gatehouse.origin', me.branch_id::text, true);
    many := jsonb_array_length(events);
    all_events := array(select jsonb_array_elements(events));
    taken := array_fill(false, array[many]);
    answers := array_fill(null::jsonb, array[many]);
    for run in
        with read as (
            select n::int, e, t.name, t.place, t.owner, e ->> 'op' as op, (e ->> 'id')::uuid as id,
                case when cardinality(t.key_columns) = 1 then e -> 'row' ->> t.key_columns[1] else sync_key(e -> 'row', t.key_columns) end
                    collate "C" as key
            from unnest(all_events) with ordinality as given (e, n)
            join sync_tables t on t.name = e ->> 'tbl' and t.owner in ('branch', 'shared')
            where case when e ->> 'id' ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'
                    and e ->> 'op' in ('insert', 'update', 'delete') and jsonb_typeof(e -> 'row') = 'object'
                then (e -> 'row') ?& t.key_columns end
        ), met as materialized (
            select read.*, i.id is not null as is_known, coalesce(i.answer = 'ok' and i.branch_id = me.branch_id, false) as is_taken
            from read left join sync_inbox i on i.id = read.id
        ), rows as (
            select met.*, first_value(op) over whole as first, last_value(n) over whole as last, count(*) over whole as times,
                bool_or(op = 'delete' or is_known) over whole as is_odd
            from met
            window whole as (partition by name, key order by n rows between unbounded preceding and unbounded following)
        )
        select place, name, first = 'insert' as is_new, false as are_taken, array_agg(n order by n) as ns, array_agg(e order by n) as es,
            array_agg(e order by n) filter (where n = last) as lasts
        from rows where not is_odd and (owner = 'branch' or (times = 1 and op = 'insert')) group by 1, 2, 3
        union all
        select 0, null, false, true, array_agg(n), null, null from met where is_taken having count(*) > 0
        order by 1, 3
    loop
        begin
            if not run.are_taken then
                perform hq_put_run(me, t, run.lasts, run.is_new) from sync_tables t where t.name = run.name;
                insert into sync_inbox (id, branch_id, incarnation, seq, tbl, op, row, base, at, answer)
                select (e ->> 'id')::uuid, me.branch_id, me.incarnation, (e ->> 'seq')::bigint, run.name, e ->> 'op', e -> 'row',
                    nullif(e -> 'base', 'null'), (e ->> 'at')::timestamptz, 'ok'
                from unnest(run.es) e;
            end if;
            foreach i in array run.ns loop
                taken[i] := true;
            end loop;
        exception when others then
            null;
        end;
    end loop;
    -- Twice: some wait for something further on in the batch.
    for turn in 1 .. 2 loop
        for n in 1 .. many loop
            if not taken[n] and (turn = 1 or answers[n] ->> 'answer' = 'wait') then
                answers[n] := hq_take(me, all_events[n]);
            end if;
        end loop;
    end loop;
    return jsonb_build_object('answers', (
        select coalesce(jsonb_agg(coalesce(answers[n], jsonb_build_object('id', all_events[n] -> 'id', 'answer', 'ok')) order by n), '[]')
        from generate_series(1, many) n));
end $$;

revoke execute on function relay_took_back, sync_owner_of, hq_put_run from public;
