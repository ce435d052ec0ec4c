-- Headquarters takes a branch's transaction whole or puts off the whole of it: a branch that is put back from a backup meanwhile
-- gets back whole sales. And what a row of another branch is needed for waits for a day, not for three rounds: after a restore of
-- headquarters the other branch may still have to send it again.

-- ---------------------------------------------------------------- at a branch

alter table sync_outbox
    -- When headquarters has first put it off.
    add column put_off_at timestamptz;

-- The next events to send, money first. A transaction that would be cut in two goes with the next batch; one that is larger than
-- a batch makes a larger batch. Only one that is much larger (what a database had when it joined is queued in one) is cut: its
-- events go each for itself, without `xid`.
create or replace function relay_take(up_to int, max_bytes bigint) returns jsonb
language plpgsql volatile security definer set search_path = public, pg_temp set timezone = 'UTC' as $$
begin
    -- What came later to a row that waits, waits behind it, with all of its transaction: of two changes of a row the later one
    -- arrives later.
    while exists (select from sync_outbox where answer is null and waits > 0) loop
        with next as (
            select * from sync_outbox where answer is null order by waits, money desc, seq limit up_to + 200
        ), behind as (
            select n.seq, n.xid, n.money, max(w.waits) as waits
            from next n join sync_outbox w on w.tbl = n.tbl and w.key = n.key and w.answer is null and w.seq < n.seq and w.waits > n.waits
            group by 1, 2, 3
        )
        update sync_outbox o set waits = b.waits from behind b
        where o.answer is null and o.waits < b.waits and (o.seq = b.seq or (o.xid = b.xid and o.money = b.money));
        exit when not found;
    end loop;
    return (
        with next as (
            select o.*, row_number() over queue as n, sum(octet_length(row::text)) over queue - octet_length(row::text) as before
            from (select * from sync_outbox where answer is null order by waits, money desc, seq limit up_to + 200) as o
            window queue as (order by waits, money desc, seq)
        ), batch as (
            select * from next where n <= up_to and before < max_bytes
        ), cut as (
            select distinct xid, money from next where not (n <= up_to and before < max_bytes)
        ), whole as (
            select * from batch b where not exists (select from cut c where c.xid = b.xid and c.money = b.money)
        ), first as (
            select x.* from next f join next x on x.xid = f.xid and x.money = f.money
            where f.n = 1 and not exists (select from whole)
        ), first_whole as (
            select * from first
            where (select max(n) < up_to + 200 and sum(octet_length(row::text)) <= greatest(max_bytes, 16 * 1024 * 1024) from first)
        ), taken as (
            select *, xid as sent_as from whole
            union all
            select *, xid from first_whole
            union all
            select *, null from batch where not exists (select from whole) and not exists (select from first_whole)
        )
        select coalesce(jsonb_agg(jsonb_build_object('id', id, 'seq', seq, 'tbl', tbl, 'op', op, 'row', row, 'base', base, 'at', at,
                'waits', waits, 'waited', coalesce(greatest(extract(epoch from now() - put_off_at), 0)::bigint, 0))
            || case when sent_as is null then '{}' else jsonb_build_object('xid', sent_as) end order by n), '[]')
        from taken);
end $$;

create or replace function relay_answered(answers jsonb) returns void
language sql security definer set search_path = public, pg_temp as $$
    update sync_outbox o set
        sent_at = now(), waits = o.waits + (a.answer = 'wait')::int, answer = nullif(a.answer, 'wait'), reason = a.reason, conflicts = a.conflicts,
        put_off_at = case when a.answer = 'wait' then coalesce(o.put_off_at, now()) end
    from jsonb_to_recordset(answers) as a (id uuid, answer text, reason text, conflicts jsonb)
    where o.id = a.id
$$;

create or replace function relay_resend(event uuid) returns void
language sql security definer set search_path = public, pg_temp as $$
    update sync_outbox set answer = null, waits = 0, put_off_at = null where id = event and answer = 'quarantine'
$$;

create or replace function relay_audited(day date, agreed boolean) returns void
language sql security definer set search_path = public, pg_temp set timezone = 'UTC' as $$
    update sync_node set audited_on = day;
    update sync_outbox set answer = null, waits = 0, put_off_at = null
    where not agreed and answer is not null and at >= day and at < day + 1;
$$;

-- ---------------------------------------------------------------- at headquarters

alter table sync_inbox
    -- The branch's transaction, for a branch that takes back what it has sent.
    add column xid xid8;

-- As before: field by field, what the edit changed. Only that is looked at.
create or replace function sync_merge(base jsonb, here jsonb, edit jsonb) returns jsonb language plpgsql immutable as $$
declare
    merged jsonb := here;
    conflicts jsonb := '{}';
    f text;
    b jsonb;
    h jsonb;
    e jsonb;
    inner_merge jsonb;
begin
    base := case when jsonb_typeof(base) = 'object' then base else '{}' end;
    for f in
        select key from jsonb_each(edit) where value is distinct from base -> key
        union select key from jsonb_each(base) where (edit ? key) is not true
    loop
        b := base -> f;
        h := here -> f;
        e := edit -> f;
        if e is not distinct from h then
            continue;
        elsif f = 'updated_at' and jsonb_typeof(e) = 'string' and jsonb_typeof(h) = 'string' then
            if (e #>> '{}') collate "C" > (h #>> '{}') collate "C" then
                merged := jsonb_set(merged, array[f], e);
            end if;
        elsif jsonb_typeof(e) = 'object' and jsonb_typeof(h) = 'object' then
            inner_merge := public.sync_merge(b, h, e);
            merged := jsonb_set(merged, array[f], inner_merge -> 'row');
            if inner_merge -> 'conflicts' <> '{}' then
                conflicts := conflicts || jsonb_build_object(f, jsonb_build_object('base', b, 'kept', e, 'lost', h));
            end if;
        else
            if h is distinct from b then
                conflicts := conflicts || jsonb_build_object(f, jsonb_build_object('base', b, 'kept', e, 'lost', h));
            end if;
            merged := case when e is null then merged - f else jsonb_set(merged, array[f], e) end;
        end if;
    end loop;
    return jsonb_build_object('row', merged, 'conflicts', conflicts);
end $$;

-- Nobody else changes the row before this transaction ends: what is merged is the row as it is when it is written.
create function sync_hold(t sync_tables, r jsonb) returns void language plpgsql as $$
begin
    execute format('select from %I x where (%s) = (select %s from jsonb_populate_record(null::%I, $1) y) for no key update', t.name,
        (select string_agg(format('x.%I', c), ', ') from unnest(t.key_columns) c),
        (select string_agg(format('y.%I', c), ', ') from unnest(t.key_columns) c), t.name)
    using r;
end $$;

-- Takes one event of a branch, in a subtransaction of its own: null when it is taken, or else why it is not.
create or replace function hq_apply(me sync_branches, t sync_tables, event_id uuid, op text, given jsonb, base jsonb, out refused text, out conflicts jsonb)
language plpgsql set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
    r jsonb := sync_canonical(t, given);
    stored jsonb;
    merged jsonb;
begin
    if t.owner = 'local' or (t.owner = 'headquarters' and not me.founds) then
        refused := 'not_yours';
        return;
    end if;
    stored := sync_find(t, r);
    if t.owner = 'branch' then
        declare
            claimed uuid := sync_branch_of(t, r);
            owner uuid := case when stored is not null then sync_branch_of(t, stored) end;
        begin
            if t.parent is not null and claimed is null then
                raise foreign_key_violation using message = 'its parent is not here', constraint = 'sync_parent';
            elsif claimed is distinct from me.branch_id and not (claimed is null and t.name = 'audit_log')
                or (stored is not null and owner is distinct from claimed) then
                refused := 'not_yours';
                return;
            end if;
        end;
    end if;
    if op = 'delete' then
        if stored is not null then
            if t.owner = 'shared' and stored <> sync_canonical(t, base) then
                conflicts := jsonb_build_object('*', jsonb_build_object('base', base, 'kept', null, 'lost', stored));
            end if;
            perform sync_drop(t, r);
        end if;
    elsif stored is null then
        if t.name = 'accounts' and op = 'update' then
            -- Of a headquarters that was put back: the branch that it came from sends it again, and is the one that it came from.
            raise foreign_key_violation using message = 'the account is not here', constraint = 'sync_account';
        end if;
        perform sync_put(t, jsonb_build_array(r), false);
    elsif stored - array(select k from jsonb_object_keys(stored) as k where not r ? k) = r then
        return;
    elsif t.owner = 'shared' then
        if op = 'insert' and t.key_columns = '{id}' then
            -- An id is made once: what is here has come of this very row, by way of a branch that was quicker to send again what it
            -- had made of it.
            return;
        end if;
        -- Another branch may be sending its edit of it.
        perform sync_hold(t, r);
        stored := coalesce(sync_find(t, r), stored);
        merged := sync_merge(sync_canonical(t, base), stored, r);
        if merged -> 'row' <> stored then
            perform sync_put(t, jsonb_build_array(merged -> 'row'), true);
        end if;
        conflicts := nullif(merged -> 'conflicts', '{}');
    elsif op = 'insert' then
        refused := 'another_row';
    else
        perform sync_put(t, jsonb_build_array(r), true);
    end if;
    insert into sync_conflicts (id, event_id, branch_id, tbl, key, field, base, kept, lost)
    select sync_event_id(), event_id, me.branch_id, t.name, sync_key(r, t.key_columns), f, v -> 'base', v -> 'kept', v -> 'lost'
    from jsonb_each(conflicts) as c (f, v);
end $$;

-- One event: its answer is ok, wait (what it refers to has not arrived) or quarantine.
create or replace function hq_take(me sync_branches, e jsonb) returns jsonb
language plpgsql set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
    -- As long as another branch may take to come back.
    patience constant int := 86400;
    event_id uuid;
    known sync_inbox;
    t sync_tables;
    answer text := 'ok';
    why text;
    clashes jsonb;
    whole xid8;
    waited bigint;
    waits int;
begin
    begin
        event_id := (e ->> 'id')::uuid;
        whole := (e ->> 'xid')::xid8;
        waited := (e ->> 'waited')::bigint;
        waits := coalesce((e ->> 'waits')::int, 0);
        select * into t from sync_tables where name = e ->> 'tbl';
        if event_id is null or t.name is null or coalesce(e ->> 'op', '') not in ('insert', 'update', 'delete')
            or coalesce(jsonb_typeof(e -> 'row'), '') <> 'object' or not (e -> 'row') ?& t.key_columns then
            raise exception 'malformed';
        end if;
    exception when others then
        insert into sync_refusals (branch_id, reason, detail) values (me.branch_id, 'malformed', jsonb_build_object('id', e -> 'id', 'tbl', e -> 'tbl'));
        return jsonb_build_object('id', e -> 'id', 'answer', 'quarantine', 'reason', 'malformed');
    end;
    select * into known from sync_inbox i where i.id = event_id;
    if known.branch_id <> me.branch_id then
        insert into sync_refusals (branch_id, reason, detail) values (me.branch_id, 'forged_id', e - 'row' - 'base');
        return jsonb_build_object('id', event_id, 'answer', 'quarantine', 'reason', 'forged_id');
    elsif known.answer = 'ok' then
        return jsonb_build_object('id', event_id, 'answer', 'ok');
    end if;
    begin
        select refused, conflicts into why, clashes from hq_apply(me, t, event_id, e ->> 'op', e -> 'row', nullif(e -> 'base', 'null'));
        if why is not null then
            answer := 'quarantine';
        end if;
    exception
        when foreign_key_violation then
            get stacked diagnostics why = constraint_name;
            -- The release before does not say how long.
            if coalesce(waited < patience, waits < 3) then
                return jsonb_build_object('id', event_id, 'answer', 'wait', 'reason', why);
            end if;
            answer := 'quarantine';
        when deadlock_detected or serialization_failure or lock_not_available then
            -- In the way of another branch; nothing is wrong with it.
            return jsonb_build_object('id', event_id, 'answer', 'wait', 'reason', sqlerrm);
        when others then
            get stacked diagnostics why = constraint_name;
            why := coalesce(nullif(why, ''), sqlerrm);
            answer := 'quarantine';
    end;
    insert into sync_inbox (id, branch_id, incarnation, seq, tbl, op, row, base, at, answer, reason, xid)
    values (event_id, me.branch_id, me.incarnation, (e ->> 'seq')::bigint, t.name, e ->> 'op', e -> 'row', nullif(e -> 'base', 'null'),
        (e ->> 'at')::timestamptz, answer, why, whole)
    on conflict (id) do update set answer = excluded.answer, reason = excluded.reason;
    if why = 'not_yours' then
        insert into sync_refusals (branch_id, reason, detail) values (me.branch_id, why, e - 'row' - 'base');
    end if;
    if answer = 'quarantine' then
        insert into sync_quarantine (id, branch_id, tbl, key, event, reason)
        values (event_id, me.branch_id, t.name, sync_key(e -> 'row', t.key_columns), e, why)
        on conflict (id) do update set reason = excluded.reason;
    elsif known.id is not null then
        update sync_quarantine set resolved_at = now() where id = event_id;
    end if;
    return jsonb_build_object('id', event_id, 'answer', answer, 'reason', why, 'conflicts', clashes);
end $$;

-- Merges edits of shared rows of one table, one of each row, as `hq_apply` does one; gives the conflicts by event. A row that is
-- not here, or one that cannot be written, raises, and each of them is looked at by itself.
create function hq_edit_run(me sync_branches, t sync_tables, es jsonb[]) returns jsonb
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
            select e, %2$s as base, %3$s as edit from unnest($1) e
        ), met as (
            select e, edit, to_jsonb(x) - $2 as stored, base
            from given cross join jsonb_populate_record(null::%1$I, edit) y join %1$I x on (%4$s) = (%5$s)
            -- Held already, unless there was something in the batch that could not be read.
            order by %4$s for no key update of x
        ), merged as (
            select e, edit, stored, sync_merge(base, stored, edit) as m from met
        )
        select count(*), jsonb_agg(m -> ''row'') filter (where m -> ''row'' <> stored),
            coalesce(jsonb_object_agg(e ->> ''id'', m -> ''conflicts'') filter (where m -> ''conflicts'' <> ''{}''), ''{}'')
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

-- The events themselves, which were taken.
create function hq_keep(me sync_branches, table_name text, es jsonb[]) returns void
language sql set search_path = public, pg_temp set timezone = 'UTC' as $$
    insert into sync_inbox (id, branch_id, incarnation, seq, tbl, op, row, base, at, answer, xid)
    select (e ->> 'id')::uuid, me.branch_id, me.incarnation, (e ->> 'seq')::bigint, table_name, e ->> 'op', e -> 'row',
        nullif(e -> 'base', 'null'), (e ->> 'at')::timestamptz, 'ok', (e ->> 'xid')::xid8
    from unnest(es) e
$$;

-- Takes events; an answer for each of them.
--   Facts, and shared rows that are new, are taken a table at a time, in an order in which what a row refers to comes first;
--   of a fact that the batch changes several times, the last state. Then come edits of shared rows: the first of each row, the
--   second of each, and so on. What is left over (deletes, what one statement refused) is taken event by event, in the order in
--   which it came.
create function hq_take_all(me sync_branches, all_events jsonb[]) returns jsonb[]
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
    for run in
        with edits as (
            select n::int, e, t.name, t.place, e ->> 'id' as id, row_number() over whole as layer, bool_and(e ->> 'op' = 'update') over row as is_plain
            from unnest(all_events, taken) with ordinality as given (e, is_taken, n)
            join sync_tables t on t.name = e ->> 'tbl' and t.owner = 'shared'
            where not is_taken
                and case when e ->> 'id' ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' and jsonb_typeof(e -> 'row') = 'object'
                    then (e -> 'row') ?& t.key_columns end
            window row as (partition by t.name, sync_key(e -> 'row', t.key_columns)), whole as (row order by n)
        )
        select layer, place, name, array_agg(n order by n) as ns, array_agg(e order by n) as es
        from edits where is_plain and not exists (select from sync_inbox i where i.id = edits.id::uuid)
        group by 1, 2, 3 order by 1, 2
    loop
        begin
            select hq_edit_run(me, t, run.es) into clashes from sync_tables t where t.name = run.name;
            perform hq_keep(me, run.name, run.es);
            foreach i in array run.ns loop
                taken[i] := true;
                answers[i] := jsonb_build_object('id', all_events[i] -> 'id', 'answer', 'ok', 'conflicts', clashes -> (all_events[i] ->> 'id'));
            end loop;
        exception when others then
            -- What was edited again afterwards has to wait for its first edit.
            exit;
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
    for n in 1 .. many loop
        answers[n] := coalesce(answers[n], jsonb_build_object('id', all_events[n] -> 'id', 'answer', 'ok'));
    end loop;
    return answers;
end $$;

-- Takes events as one, or, when some of a transaction would have to wait, not at all: then `why` says for what. Nor several
-- transactions of which something does not fit.
create function hq_take_whole(me sync_branches, es jsonb[], out answers jsonb[], out why text)
language plpgsql set search_path = public, pg_temp set timezone = 'UTC' as $$
begin
    answers := hq_take_all(me, es);
    select a ->> 'reason' into why from unnest(answers, es) as given (a, e) where a ->> 'answer' = 'wait' and e ? 'xid' limit 1;
    if found then
        raise exception 'put off' using errcode = 'GH001';
    end if;
exception when sqlstate 'GH001' then
    answers := null;
end $$;

-- Shared rows that a batch changes, in one order for all: two branches that change the same members at one moment wait for each
-- other once, and never in a circle. What cannot be read is nobody's row, and is found out event by event.
create function hq_hold(es jsonb[]) returns void
language plpgsql set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
    held record;
begin
    for held in
        select t.name, (select string_agg(format('%I', c), ', ') from unnest(t.key_columns) c) as keys, jsonb_agg(e -> 'row') as rows
        from unnest(es) e join sync_tables t on t.name = e ->> 'tbl' and t.owner = 'shared'
        where e ->> 'op' in ('update', 'delete') and jsonb_typeof(e -> 'row') = 'object' and (e -> 'row') ?& t.key_columns
        group by t.name, t.key_columns order by 1
    loop
        begin
            execute format('select from %1$I where (%2$s) in (select %2$s from jsonb_populate_recordset(null::%1$I, $1)) order by %2$s for no key update',
                held.name, held.keys)
            using held.rows;
        exception when data_exception then
            null;
        end;
    end loop;
end $$;

-- Takes a batch; an answer per event. Sent twice, it is taken once.
create or replace function hq_push(events jsonb) returns jsonb
language plpgsql security definer set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
    me sync_branches := hq_session();
    many int;
    all_events jsonb[];
    answers jsonb[];
    given jsonb[];
    why text;
    part record;
    held text[] := '{}';
begin
    if me.branch_id is null then
        return '{"refused": "not_enrolled"}';
    elsif jsonb_typeof(events) <> 'array' or pg_column_size(events) > 32 * 1024 * 1024 or jsonb_array_length(events) > 5000 then
        insert into sync_refusals (branch_id, reason, detail)
        values (me.branch_id, 'too_much', jsonb_build_object('bytes', pg_column_size(events)));
        return '{"refused": "too_much"}';
    elsif coalesce(me.version > sync_version(), false) then
        return '{"refused": "headquarters_older"}';
    elsif me.coming_back is not null or coalesce(nullif(current_setting('gatehouse.incarnation', true), '')::uuid <> me.incarnation, false) then
        -- On its way since before the branch was put back, and overtaken by the one that takes everything back.
        return '{"refused": "overtaken"}';
    end if;
    many := jsonb_array_length(events);
    if many = 0 then
        return '{"answers": []}';
    end if;
    perform set_config('gatehouse.relay', 'on', true), set_config('gatehouse.origin', me.branch_id::text, true);
    all_events := array(select jsonb_array_elements(events));
    perform hq_hold(all_events);
    select w.answers into answers from hq_take_whole(me, all_events) w;
    if answers is null then
        -- Transaction by transaction, in the order of the branch; behind one that is put off, what touches a row of it.
        answers := array_fill(null::jsonb, array[many]);
        for part in
            select array_agg(n order by n) as ns, array_agg(e order by n) as es, array_agg(touched) as touches
            from (
                select n::int, e, e ->> 'tbl' || ' ' || sync_key(e -> 'row', t.key_columns) as touched,
                    case when e ? 'xid' then 't' || (e ->> 'xid') || coalesce(t.money, false) else 'n' || n end as whole
                from unnest(all_events) with ordinality as x (e, n) left join sync_tables t on t.name = e ->> 'tbl'
            ) as read
            group by whole order by 1
        loop
            given := null;
            why := 'sync_earlier';
            if not part.touches && held then
                select w.answers, w.why into given, why from hq_take_whole(me, part.es) w;
            end if;
            if given is null or exists (select from unnest(given) a where a ->> 'answer' = 'wait') then
                held := held || part.touches;
            end if;
            for i in 1 .. cardinality(part.ns) loop
                answers[part.ns[i]] := coalesce(given[i], jsonb_build_object('id', part.es[i] -> 'id', 'answer', 'wait', 'reason', why));
            end loop;
        end loop;
    end if;
    return jsonb_build_object('answers', to_jsonb(answers));
end $$;

revoke execute on function sync_hold, hq_take_all, hq_take_whole, hq_hold, hq_edit_run, hq_keep from public;
