-- A branch takes its next batch while headquarters reads the one before, and headquarters reads a batch with less work.

-- ---------------------------------------------------------------- at a branch

drop function relay_take(int, bigint);

-- The next events to send, money first, none of those that are `under_way`. A transaction that would be cut in two goes with the next
-- batch; one that is larger than a batch makes a larger batch. Only one that is much larger (what a database had when it joined is
-- queued in one) is cut: its events go each for itself, without `xid`. Events are given as they go over the wire, as text.
create function relay_take(up_to int, max_bytes bigint, under_way uuid[]) returns table (id uuid, event text)
language plpgsql volatile security definer set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
    -- Beyond a batch: as much as it takes to see whether its last transaction would be cut.
    seen constant int := up_to + 200;
begin
    -- What came later to a row that waits, waits behind it, with all of its transaction: of two changes of a row the later one
    -- arrives later.
    while exists (select from sync_outbox where answer is null and waits > 0) loop
        with next as (
            select * from sync_outbox where answer is null order by waits, money desc, seq limit seen
        ), behind as (
            select n.seq, n.xid, n.money, max(w.waits) as waits
            from next n join sync_outbox w on w.tbl = n.tbl and w.key = n.key and w.answer is null and w.seq < n.seq and w.waits > n.waits
            group by 1, 2, 3
        )
        update sync_outbox o set waits = b.waits from behind b
        where o.answer is null and o.waits < b.waits and (o.seq = b.seq or (o.xid = b.xid and o.money = b.money));
        exit when not found;
    end loop;
    return query
        with queue as (
            select o.*, o.row::text as written
            from (select * from sync_outbox q where q.answer is null order by q.waits, q.money desc, q.seq
                  limit seen + cardinality(under_way)) as o
            where not exists (select from unnest(under_way) u where u = o.id)
        ), next as (
            select q.*, row_number() over line as n, sum(octet_length(written)) over line - octet_length(written) as before
            from queue q
            window line as (order by waits, money desc, seq)
        ), batch as (
            select * from next where n <= up_to and before < max_bytes
        ), cut as (
            select distinct xid, money from next where n <= seen and not (n <= up_to and before < max_bytes)
        ), whole as (
            select * from batch b where not exists (select from cut c where c.xid = b.xid and c.money = b.money)
        ), first as (
            select x.* from next f join next x on x.xid = f.xid and x.money = f.money
            where f.n = 1 and not exists (select from whole)
        ), first_whole as (
            select * from first
            where (select max(n) < seen and sum(octet_length(written)) <= greatest(max_bytes, 16 * 1024 * 1024) from first)
        ), taken as (
            select *, xid as sent_as from whole
            union all
            select *, xid from first_whole
            union all
            select *, null from batch where not exists (select from whole) and not exists (select from first_whole)
        )
        select t.id, concat('{"id":"', t.id, '","seq":', t.seq, ',"tbl":', to_json(t.tbl), ',"op":"', t.op, '","row":', t.written,
            ',"base":' || t.base::text, ',"at":', to_json(t.at), ',"waits":', t.waits,
            ',"waited":', coalesce(greatest(extract(epoch from now() - t.put_off_at), 0)::bigint, 0), ',"xid":"' || t.sent_as::text || '"', '}')
        from taken t order by t.n;
end $$;
revoke execute on function relay_take from public;

-- ---------------------------------------------------------------- at headquarters

-- As before, but whether the rows are of one shape is seen by counting. Takes rows of one table in one statement, as they are: new ones, or such that the branch has and changed. Whatever is not
-- that plain raises, and each of them is looked at by itself.
create or replace function hq_put_run(me sync_branches, t sync_tables, es jsonb[], is_new boolean) returns void
language plpgsql set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
    named text[] := array(select jsonb_object_keys(es[1] -> 'row'));
    parent sync_tables;
    cols text;
    of_row text;
    odd boolean;
    own int;
    given jsonb;
begin
    if exists (select from unnest(es) e where not (e -> 'row') ?& named)
        or (select count(*) from unnest(es) e cross join jsonb_object_keys(e -> 'row')) <> cardinality(es) * cardinality(named) then
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
        select string_agg(format('%I', attname), ', ' order by attnum), string_agg(format('(r).%I', attname), ', ' order by attnum)
        into cols, of_row
        from pg_attribute
        where attrelid = t.name::regclass and attnum > 0 and not attisdropped and attgenerated = '' and attname = any (named)
          and attname <> all (t.own_columns);
        -- Without `offset 0` each column would read the row anew.
        execute format('insert into %1$I (%2$s %4$s) select %3$s %5$s from (select jsonb_populate_record(null::%1$I, e -> ''row'') as r from unnest($1) e offset 0) x',
            t.name, cols, of_row,
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

-- One edit more of a row of headquarters: `state` has the row as it has become, and what clashed by event.
create function sync_edited(state jsonb, stored jsonb, base jsonb, edit jsonb, event text) returns jsonb language plpgsql immutable as $$
declare
    merged jsonb := public.sync_merge(base, coalesce(state -> 'row', stored), edit);
    clashes jsonb := coalesce(state -> 'conflicts', '{}');
begin
    if merged -> 'conflicts' <> '{}' then
        clashes := clashes || jsonb_build_object(event, merged -> 'conflicts');
    end if;
    return jsonb_build_object('row', merged -> 'row', 'conflicts', clashes);
end $$;
create aggregate sync_edits(stored jsonb, base jsonb, edit jsonb, event text) (sfunc = sync_edited, stype = jsonb);

-- Merges edits of shared rows of one table, as `hq_apply` does one after the other; a row that was edited several times is written
-- once. Gives the conflicts by event. A row that is not here, or one that cannot be written, raises, and each edit is looked at by
-- itself.
create or replace function hq_edit_run(me sync_branches, t sync_tables, es jsonb[]) returns jsonb
language plpgsql set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
    -- As `sync_canonical`.
    canonical constant text := '(select coalesce(jsonb_object_agg(key, value), ''{}'') - $2 '
        || 'from jsonb_each(to_jsonb(jsonb_populate_record(null::%1$I, e -> %2$L))) where e -> %2$L ? key)';
    met int;
    merged jsonb;
    clashes jsonb;
begin
    execute format('with given as (
            select n, e, %2$s as base, %3$s as edit from unnest($1) with ordinality as x (e, n)
        ), met as (
            select n, e, edit, to_jsonb(x) - $2 as stored, base
            from given cross join jsonb_populate_record(null::%1$I, edit) y join %1$I x on (%4$s) = (%5$s)
            -- Held already, unless there was something in the batch that could not be read.
            order by %4$s for no key update of x
        ), merged as (
            select stored, count(*) as times, sync_edits(stored, base, edit, e ->> ''id'' order by n) as m from met group by stored
        )
        select coalesce(sum(times), 0), jsonb_agg(m -> ''row'') filter (where m -> ''row'' <> stored),
            coalesce((select jsonb_object_agg(event, clash) from merged cross join jsonb_each(m -> ''conflicts'') as c (event, clash)), ''{}'')
        from merged', t.name,
        format('case when jsonb_typeof(e -> ''base'') = ''object'' then %s end', format(canonical, t.name, 'base')),
        format(canonical, t.name, 'row'),
        (select string_agg(format('x.%I', c), ', ') from unnest(t.key_columns) c),
        (select string_agg(format('y.%I', c), ', ') from unnest(t.key_columns) c))
    into met, merged, clashes using es, t.own_columns;
    if met <> cardinality(es) then
        raise exception 'not here';
    end if;
    if merged is not null then
        perform sync_put(t, merged, true);
    end if;
    insert into sync_conflicts (id, event_id, branch_id, tbl, key, field, base, kept, lost)
    select sync_event_id(), (e ->> 'id')::uuid, me.branch_id, t.name, sync_key(e -> 'row', t.key_columns), f, v -> 'base', v -> 'kept', v -> 'lost'
    from unnest(es) e cross join lateral jsonb_each(clashes -> (e ->> 'id')) as c (f, v);
    return clashes;
end $$;

-- As before, but what is done event by event is left out where every event was taken already.
-- Takes events; an answer for each of them.
--   Facts, and shared rows that are new, are taken a table at a time, in an order in which what a row refers to comes first;
--   of a fact that the batch changes several times, the last state. Then come edits of shared rows. What is left over (deletes,
--   what one statement refused) is taken event by event, in the order in which it came.
create or replace function hq_take_all(me sync_branches, all_events jsonb[]) returns jsonb[]
language plpgsql set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
    many int := cardinality(all_events);
    taken boolean[] := array_fill(false, array[many]);
    answers jsonb[] := array_fill(null::jsonb, array[many]);
    -- Of one transaction, and of a branch that does not say which, what is left over is taken event by event.
    several boolean := (select count(distinct e ->> 'xid') > 1 from unnest(all_events) e);
    run record;
    clashes jsonb;
    i int;
begin
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
            select met.*, first_value(op) over whole as first, last_value(n) over whole as last,
                count(*) filter (where op = 'insert') over whole as times_inserted, bool_or(op = 'delete' or is_known) over whole as is_odd
            from met
            window whole as (partition by name, key order by n rows between unbounded preceding and unbounded following)
        )
        select place, name, first = 'insert' as is_new, false as are_taken, array_agg(n order by n) as ns, array_agg(e order by n) as es,
            array_agg(e order by n) filter (where n = last or owner = 'shared') as lasts
        from rows where not is_odd and (owner = 'branch' or (op = 'insert' and first = 'insert' and times_inserted = 1)) group by 1, 2, 3
        union all
        select 0, null, false, true, array_agg(n), null, null from met where is_taken having count(*) > 0
        order by 1, 3
    loop
        begin
            if not run.are_taken then
                perform hq_put_run(me, t, run.lasts, run.is_new) from sync_tables t where t.name = run.name;
                perform hq_keep(me, run.name, run.es);
            end if;
            foreach i in array run.ns loop
                taken[i] := true;
            end loop;
        exception when others then
            -- What came later to what did not fit must not be taken before it: a credit before the payment that it gives back.
            if several then
                raise exception 'one by one' using errcode = 'GH001';
            end if;
        end;
    end loop;
    if false = any (taken) then
        for run in
            with edits as (
                select n::int, e, t.name, t.place, e ->> 'id' as id, bool_and(e ->> 'op' = 'update') over row as is_plain
                from unnest(all_events, taken) with ordinality as given (e, is_taken, n)
                join sync_tables t on t.name = e ->> 'tbl' and t.owner = 'shared'
                where not is_taken
                    and case when e ->> 'id' ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' and jsonb_typeof(e -> 'row') = 'object'
                        then (e -> 'row') ?& t.key_columns end
                window row as (partition by t.name, sync_key(e -> 'row', t.key_columns))
            )
            select place, name, array_agg(n order by n) as ns, array_agg(e order by n) as es
            from edits where is_plain and not exists (select from sync_inbox i where i.id = edits.id::uuid)
            group by 1, 2 order by 1
        loop
            begin
                select hq_edit_run(me, t, run.es) into clashes from sync_tables t where t.name = run.name;
                perform hq_keep(me, run.name, run.es);
                foreach i in array run.ns loop
                    taken[i] := true;
                    answers[i] := jsonb_build_object('id', all_events[i] -> 'id', 'answer', 'ok', 'conflicts', clashes -> (all_events[i] ->> 'id'));
                end loop;
            exception when others then
                -- Each by itself, below.
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
    end if;
    return array(
        select coalesce(answer, jsonb_build_object('id', e -> 'id', 'answer', 'ok'))
        from unnest(answers, all_events) with ordinality as x (answer, e, n) order by n);
end $$;

-- A batch is sorted in memory.
alter function hq_push(jsonb) set work_mem = '32MB';

revoke execute on function sync_edited, sync_edits from public;
