-- Headquarters reads a batch into typed events once, keeps it in one statement, and answers only what is not plainly taken.

-- ---------------------------------------------------------------- at both ends

-- What follows from rows that a relay has written; `rows` are theirs.
create function sync_follow(t sync_tables, rows jsonb) returns void language plpgsql as $$
begin
    -- The end of a till's chain follows the receipts that came.
    if t.name = 'receipts' then
        update receipt_chains c set last_number = r.number, last_hash = r.hash
        from (select distinct on (till_id) till_id, number, hash from jsonb_populate_recordset(null::receipts, rows) order by till_id, number desc) r
        where c.till_id = r.till_id and c.last_number < r.number;
    elsif t.name = 'members' then
        insert into sync_unfound select (r ->> 'id')::uuid from jsonb_array_elements(rows) r on conflict do nothing;
        -- A number that was given out once is not given out again, even by a database that is new in its place.
        update branches b set next_member_seq = n.seq + 1
        from (select (r ->> 'home_branch_id')::uuid as branch_id,
                     max(substr(r ->> 'number', length(code) + 1, length(r ->> 'number') - length(code) - 1)::bigint) as seq
              from jsonb_array_elements(rows) r join branches on id = (r ->> 'home_branch_id')::uuid
              where r ->> 'number' ~ '^[0-9]{7,12}$' and starts_with(r ->> 'number', code) group by 1) n, sync_node
        where b.id = n.branch_id and b.next_member_seq <= n.seq and mode = 'branch' and sync_node.branch_id = b.id;
    elsif t.name = 'pass_aliases' then
        insert into sync_unfound select member_id from jsonb_array_elements(rows) r join passes p on p.id = (r ->> 'pass_id')::uuid
        on conflict do nothing;
    end if;
end $$;

-- As before; what follows is a function of its own.
create or replace function sync_put(t sync_tables, rows jsonb, replaces boolean) returns void language plpgsql as $$
declare
    cols text;
    sets text;
begin
    if t.own_columns = '{made_here}' then
        rows := (select jsonb_agg(r || '{"made_here": null}') from jsonb_array_elements(rows) r);
    end if;
    select string_agg(format('%I', attname), ', ' order by attnum),
           string_agg(format('%1$I = excluded.%1$I', attname), ', ' order by attnum)
               filter (where attname <> all (t.key_columns) and attname <> all (t.own_columns))
    into cols, sets
    from pg_attribute
    where attrelid = t.name::regclass and attnum > 0 and not attisdropped and attgenerated = '' and rows -> 0 ? attname;
    execute format('insert into %1$I (%2$s) select %2$s from jsonb_populate_recordset(null::%1$I, $1)', t.name, cols)
        || case when replaces then format(' on conflict (%s) do ', (select string_agg(format('%I', c), ', ') from unnest(t.key_columns) c))
            || coalesce('update set ' || sets, 'nothing') else '' end
    using rows;
    perform sync_follow(t, rows);
end $$;

-- ---------------------------------------------------------------- at headquarters

-- What a branch sends would be let through: it need not be asked for each entry. Nobody else gets there: an origin is set, inside of a
-- function with the owner's rights, by those alone that only a branch's role may call; `relay_apply`, which the app's role may call,
-- takes one away.
drop trigger ledger_entries_balance on ledger_entries;
create constraint trigger ledger_entries_balance after insert on ledger_entries
    deferrable initially deferred for each row
    when (current_user = session_user or coalesce(current_setting('gatehouse.origin', true), '') = '') execute function ledger_balances();

-- An event as a branch sends it. `waits` and `waited` (seconds) say how often and how long it was put off; `xid` is the branch's
-- transaction.
create type sync_event as (
    id uuid, seq bigint, tbl text, op text, row jsonb, base jsonb, at timestamptz, xid xid8, waits int, waited bigint);

-- A day of a branch is asked for once a day; its rows come in the order of time.
drop index sync_inbox_day_idx;
create index sync_inbox_at_idx on sync_inbox using brin (at);

drop function hq_take_whole(sync_branches, jsonb[]);
drop function hq_take_all(sync_branches, jsonb[]);
drop function hq_take(sync_branches, jsonb);
drop function hq_hold(jsonb[]);
drop function hq_keep(sync_branches, text, jsonb[]);
drop function hq_edit_run(sync_branches, sync_tables, jsonb[]);
drop function hq_put_run(sync_branches, sync_tables, jsonb[], boolean);

-- Takes rows of one table in one statement, as they are: new ones, or such that the branch has and changed. Whatever is not that
-- plain raises, and each of them is looked at by itself.
create function hq_put_run(me sync_branches, t sync_tables, rs jsonb[], is_new boolean) returns void
language plpgsql set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
    named text[];
    parent sync_tables;
    cols text;
    of_row text;
    defaults text;
    odd boolean;
    own int;
    given jsonb;
begin
    if t.owner = 'branch' then
        -- Read off the rows themselves, which are not made into rows of the table for it.
        select * into parent from sync_tables where name = t.parent;
        if t.name = 'audit_log' then
            odd := exists (select from unnest(rs) r where (r ->> 'branch_id')::uuid <> me.branch_id);
        elsif parent.name is null or rs[1] ? 'branch_id' then
            odd := exists (select from unnest(rs) r where (r ->> 'branch_id')::uuid is distinct from me.branch_id);
        else
            execute format('select exists (select from (select distinct (r ->> %L)::uuid as id from unnest($1) r) p left join %I x on x.id = p.id
                where %s is distinct from $2)', t.parent_column, parent.name, sync_owner_of(parent, 'x'))
            into odd using rs, me.branch_id;
        end if;
        if odd then
            raise exception 'not its own, or of a parent that is not here';
        end if;
    end if;
    if is_new then
        -- What a row does not name is as if it had been made here.
        select string_agg(format('%I', attname), ', ' order by attnum) filter (where is_relayed),
            string_agg(format('(r).%I', attname), ', ' order by attnum) filter (where is_relayed),
            string_agg(case when is_relayed then coalesce(by_default, 'null') else 'null' end, ', ' order by attnum)
        into cols, of_row, defaults
        from (
            select attname, attnum, attgenerated = '' and attname <> all (t.own_columns) as is_relayed, pg_get_expr(adbin, adrelid) as by_default
            from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum
            where attrelid = t.name::regclass and attnum > 0 and not attisdropped) as a;
        -- Without `offset 0` each column would read the row anew.
        execute format('insert into %1$I (%2$s %4$s) select %3$s %5$s
                from (select jsonb_populate_record((select row(%6$s)::%1$I), r) as r from unnest($1) r offset 0) x',
            t.name, cols, of_row,
            case when 'made_here' = any (t.own_columns) then ', made_here' else '' end,
            case when 'made_here' = any (t.own_columns) then ', null' else '' end, defaults)
        using rs;
        if t.name in ('receipts', 'members', 'pass_aliases') then
            perform sync_follow(t, to_jsonb(rs));
        end if;
        return;
    end if;
    -- Rows that change.
    named := array(select jsonb_object_keys(rs[1]));
    if exists (select from unnest(rs) r where not r ?& named)
        or (select count(*) from unnest(rs) r cross join jsonb_object_keys(r)) <> cardinality(rs) * cardinality(named) then
        raise exception 'rows of several shapes';
    end if;
    given := (select jsonb_agg(r - t.own_columns order by n) from unnest(rs) with ordinality as x (r, n));
    execute format('select count(*) from jsonb_populate_recordset(null::%1$I, $1) y join %1$I x on (%2$s) = (%3$s) where %4$s = $2', t.name,
        (select string_agg(format('x.%I', c), ', ') from unnest(t.key_columns) c),
        (select string_agg(format('y.%I', c), ', ') from unnest(t.key_columns) c), sync_owner_of(t, 'x'))
    into own using given, me.branch_id;
    if own <> jsonb_array_length(given) then
        raise exception 'not here, or not its own';
    end if;
    perform sync_put(t, given, true);
end $$;

-- Merges edits of shared rows of one table, as `hq_apply` does one after the other; a row that was edited several times is written
-- once. Gives the conflicts by event. A row that is not here, or one that cannot be written, raises, and each edit is looked at by
-- itself.
create function hq_edit_run(me sync_branches, t sync_tables, es sync_event[]) returns jsonb
language plpgsql set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
    -- As `sync_canonical`; rows of a branch with the same schema are written as they would be here.
    canonical constant text := case when me.version = sync_version() then '(%2$s - $2)' else '(select coalesce(jsonb_object_agg(key, value), ''{}'') - $2 '
        || 'from jsonb_each(to_jsonb(jsonb_populate_record(null::%1$I, %2$s))) where %2$s ? key)' end;
    met int;
    merged jsonb;
    clashes jsonb;
begin
    execute format('with given as (
            select n, id as event, %2$s as base, %3$s as edit
            from unnest($1) with ordinality as e (id, seq, tbl, op, "row", base, at, xid, waits, waited, n)
        ), met as (
            select n, event, edit, to_jsonb(x) - $2 as stored, base
            from given cross join jsonb_populate_record(null::%1$I, edit) y join %1$I x on (%4$s) = (%5$s)
            -- Held already, unless there was something in the batch that could not be read.
            order by %4$s for no key update of x
        ), merged as (
            select stored, count(*) as times, sync_edits(stored, base, edit, event::text order by n) as m from met group by stored
        )
        select coalesce(sum(times), 0), jsonb_agg(m -> ''row'') filter (where m -> ''row'' <> stored),
            coalesce((select jsonb_object_agg(event, clash) from merged cross join jsonb_each(m -> ''conflicts'') as c (event, clash)), ''{}'')
        from merged', t.name,
        format('case when jsonb_typeof(e.base) = ''object'' then %s end', format(canonical, t.name, 'e.base')),
        format(canonical, t.name, 'e."row"'),
        (select string_agg(format('x.%I', c), ', ') from unnest(t.key_columns) c),
        (select string_agg(format('y.%I', c), ', ') from unnest(t.key_columns) c))
    into met, merged, clashes using es, t.own_columns;
    if met <> cardinality(es) then
        raise exception 'not here';
    end if;
    if merged is not null then
        perform sync_put(t, merged, true);
    end if;
    if clashes <> '{}' then
        insert into sync_conflicts (id, event_id, branch_id, tbl, key, field, base, kept, lost)
        select sync_event_id(), e.id, me.branch_id, t.name, sync_key(e.row, t.key_columns), f, v -> 'base', v -> 'kept', v -> 'lost'
        from unnest(es) e cross join lateral jsonb_each(clashes -> e.id::text) as c (f, v);
    end if;
    return clashes;
end $$;

-- As before, of a typed event: takes one by itself.
create function hq_take(me sync_branches, e sync_event) returns jsonb
language plpgsql set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
    -- As long as another branch may take to come back.
    patience constant int := 86400;
    known sync_inbox;
    t sync_tables;
    answer text := 'ok';
    why text;
    clashes jsonb;
begin
    select * into t from sync_tables where name = e.tbl;
    if e.id is null or t.name is null or coalesce(e.op, '') not in ('insert', 'update', 'delete')
        or coalesce(jsonb_typeof(e.row), '') <> 'object' or not e.row ?& t.key_columns then
        insert into sync_refusals (branch_id, reason, detail) values (me.branch_id, 'malformed', jsonb_build_object('id', e.id, 'tbl', e.tbl));
        return jsonb_build_object('id', e.id, 'answer', 'quarantine', 'reason', 'malformed');
    end if;
    select * into known from sync_inbox i where i.id = e.id;
    if known.branch_id <> me.branch_id then
        insert into sync_refusals (branch_id, reason, detail) values (me.branch_id, 'forged_id', to_jsonb(e) - 'row' - 'base');
        return jsonb_build_object('id', e.id, 'answer', 'quarantine', 'reason', 'forged_id');
    elsif known.answer = 'ok' then
        return null;
    end if;
    begin
        select refused, conflicts into why, clashes from hq_apply(me, t, e.id, e.op, e.row, e.base);
        if why is not null then
            answer := 'quarantine';
        end if;
    exception
        when foreign_key_violation then
            get stacked diagnostics why = constraint_name;
            -- The release before does not say how long.
            if coalesce(e.waited < patience, coalesce(e.waits, 0) < 3) then
                return jsonb_build_object('id', e.id, 'answer', 'wait', 'reason', why);
            end if;
            answer := 'quarantine';
        when deadlock_detected or serialization_failure or lock_not_available then
            -- In the way of another branch; nothing is wrong with it.
            return jsonb_build_object('id', e.id, 'answer', 'wait', 'reason', sqlerrm);
        when others then
            get stacked diagnostics why = constraint_name;
            why := coalesce(nullif(why, ''), sqlerrm);
            answer := 'quarantine';
    end;
    insert into sync_inbox (id, branch_id, incarnation, seq, tbl, op, row, base, at, answer, reason, xid)
    values (e.id, me.branch_id, me.incarnation, e.seq, t.name, e.op, e.row, e.base, e.at, answer, why, e.xid)
    on conflict (id) do update set answer = excluded.answer, reason = excluded.reason;
    if why = 'not_yours' then
        insert into sync_refusals (branch_id, reason, detail) values (me.branch_id, why, to_jsonb(e) - 'row' - 'base');
    end if;
    if answer = 'quarantine' then
        insert into sync_quarantine (id, branch_id, tbl, key, event, reason)
        values (e.id, me.branch_id, t.name, sync_key(e.row, t.key_columns), jsonb_strip_nulls(to_jsonb(e) - 'row' - 'base')
            || jsonb_build_object('row', e.row) || case when e.base is null then '{}' else jsonb_build_object('base', e.base) end, why)
        on conflict (id) do update set reason = excluded.reason;
    elsif known.id is not null then
        update sync_quarantine set resolved_at = now() where id = e.id;
    end if;
    return case when answer <> 'ok' or clashes is not null then
        jsonb_build_object('id', e.id, 'answer', answer, 'reason', why, 'conflicts', clashes) end;
end $$;

-- Takes events; an answer for each of them, null where it is plainly taken.
--   Facts, and shared rows that are new, are taken a table at a time, in an order in which what a row refers to comes first;
--   of a fact that the batch changes several times, the last state. Then come edits of shared rows. What is left over (deletes,
--   what one statement refused) is taken event by event, in the order in which it came.
create function hq_take_all(me sync_branches, es sync_event[]) returns jsonb[]
language plpgsql set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
    many int := cardinality(es);
    taken boolean[] := array_fill(false, array[many]);
    keeps boolean[] := taken;
    answers jsonb[] := array_fill(null::jsonb, array[many]);
    -- Of one transaction, and of a branch that does not say which, what is left over is taken event by event.
    several boolean;
    twice boolean;
    -- Events that are here already, and those of them that were taken.
    known uuid[];
    done uuid[];
    run record;
    clashes jsonb;
    i int;
begin
    select count(distinct xid) > 1, count(distinct id) < count(id) into several, twice from unnest(es);
    if twice and several then
        raise exception 'one by one' using errcode = 'GH001';
    end if;
    select coalesce(array_agg(id), '{}'), coalesce(array_agg(id) filter (where answer = 'ok' and branch_id = me.branch_id), '{}')
    into known, done from sync_inbox where id = any (array(select id from unnest(es)));
    for run in
        with read as (
            select n::int, e.id, e.op, e.row, t.name, t.place, t.owner,
                case when cardinality(t.key_columns) = 1 then e.row ->> t.key_columns[1] else sync_key(e.row, t.key_columns) end collate "C" as key
            from unnest(es) with ordinality as e (id, seq, tbl, op, row, base, at, xid, waits, waited, n)
            join sync_tables t on t.name = e.tbl and t.owner in ('branch', 'shared')
            where e.id is not null and e.op in ('insert', 'update', 'delete')
                and case when jsonb_typeof(e.row) = 'object' then e.row ?& t.key_columns end and not twice
        ), met as (
            select read.*, id = any (known) as is_known, id = any (done) as is_taken from read
        ), rows as (
            select met.*, first_value(op) over whole as first, last_value(n) over whole as last,
                count(*) filter (where op = 'insert') over whole as times_inserted, bool_or(op = 'delete' or is_known) over whole as is_odd
            from met
            window whole as (partition by name, key order by n rows between unbounded preceding and unbounded following)
        )
        select place, name, first = 'insert' as is_new, false as are_taken, array_agg(n) as ns,
            array_agg(row) filter (where n = last or owner = 'shared') as rs
        from rows where not is_odd and (owner = 'branch' or (op = 'insert' and first = 'insert' and times_inserted = 1)) group by 1, 2, 3
        union all
        select 0, null, false, true, array_agg(n), null from met where is_taken having count(*) > 0
        order by 1, 3
    loop
        begin
            if not run.are_taken then
                perform hq_put_run(me, t, run.rs, run.is_new) from sync_tables t where t.name = run.name;
            end if;
            foreach i in array run.ns loop
                taken[i] := true;
                keeps[i] := not run.are_taken;
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
                select n::int, row(id, seq, tbl, op, row, base, at, xid, waits, waited)::sync_event as e, id, t.name, t.place,
                    bool_and(op = 'update') over same_row as is_plain
                from unnest(es, taken) with ordinality as e (id, seq, tbl, op, row, base, at, xid, waits, waited, is_taken, n)
                join sync_tables t on t.name = tbl and t.owner = 'shared'
                where not is_taken and id is not null and case when jsonb_typeof(row) = 'object' then row ?& t.key_columns end and not twice
                window same_row as (partition by t.name, sync_key(row, t.key_columns))
            )
            select place, name, array_agg(n order by n) as ns, array_agg(e order by n) as es
            from edits where is_plain and id <> all (known)
            group by 1, 2 order by 1
        loop
            begin
                select hq_edit_run(me, t, run.es) into clashes from sync_tables t where t.name = run.name;
                foreach i in array run.ns loop
                    taken[i] := true;
                    keeps[i] := true;
                end loop;
                if clashes <> '{}' then
                    foreach i in array run.ns loop
                        if clashes ? (es[i]).id::text then
                            answers[i] := jsonb_build_object('id', (es[i]).id, 'answer', 'ok', 'conflicts', clashes -> (es[i]).id::text);
                        end if;
                    end loop;
                end if;
            exception when others then
                -- Each by itself, below.
                null;
            end;
        end loop;
    end if;
    -- What was taken is kept as it came.
    insert into sync_inbox (id, branch_id, incarnation, seq, tbl, op, row, base, at, answer, xid)
    select id, me.branch_id, me.incarnation, seq, tbl, op, row, base, at, 'ok', xid
    from unnest(es, keeps) as e (id, seq, tbl, op, row, base, at, xid, waits, waited, is_kept)
    where is_kept;
    if false = any (taken) then
        -- Twice: some wait for something further on in the batch.
        for turn in 1 .. 2 loop
            for n in 1 .. many loop
                if not taken[n] and (turn = 1 or answers[n] ->> 'answer' = 'wait') then
                    answers[n] := hq_take(me, es[n]);
                end if;
            end loop;
        end loop;
    end if;
    return answers;
end $$;

-- As before: all of them, or none where something with a transaction would have to wait.
create function hq_take_whole(me sync_branches, es sync_event[], out answers jsonb[], out why text)
language plpgsql set search_path = public, pg_temp set timezone = 'UTC' as $$
begin
    answers := hq_take_all(me, es);
    select a ->> 'reason' into why from unnest(answers, es) as given (a, id, seq, tbl, op, row, base, at, xid)
    where a ->> 'answer' = 'wait' and xid is not null limit 1;
    if found then
        raise exception 'put off' using errcode = 'GH001';
    end if;
exception when sqlstate 'GH001' then
    answers := null;
end $$;

-- As before: the shared rows that a batch changes are held first, in one order for all branches.
create function hq_hold(es sync_event[]) returns void
language plpgsql set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
    held record;
begin
    for held in
        select t.name, (select string_agg(format('%I', c), ', ') from unnest(t.key_columns) c) as keys, jsonb_agg(e.row) as rows
        from unnest(es) e join sync_tables t on t.name = e.tbl and t.owner = 'shared'
        where e.op in ('update', 'delete') and case when jsonb_typeof(e.row) = 'object' then e.row ?& t.key_columns end
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

-- Takes a batch; an answer for each event, null where it is plainly taken.
create function hq_take_batch(me sync_branches, es sync_event[]) returns jsonb[]
language plpgsql set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
    answers jsonb[];
    given record;
    part record;
    held text[] := '{}';
begin
    perform set_config('gatehouse.relay', 'on', true), set_config('gatehouse.origin', me.branch_id::text, true);
    perform hq_hold(es);
    select w.answers into answers from hq_take_whole(me, es) w;
    if answers is not null then
        return answers;
    end if;
    -- Transaction by transaction, in the order of the branch; behind one that is put off, what touches a row of it.
    answers := array_fill(null::jsonb, array[cardinality(es)]);
    for part in
        select array_agg(n order by n) as ns, array_agg(e order by n) as es, array_agg(touched) as touches
        from (
            select n::int, row(id, seq, tbl, op, row, base, at, xid, waits, waited)::sync_event as e,
                tbl || ' ' || case when jsonb_typeof(row) = 'object' then sync_key(row, t.key_columns) end as touched,
                case when xid is not null then 't' || xid::text || coalesce(t.money, false) else 'n' || n end as whole
            from unnest(es) with ordinality as e (id, seq, tbl, op, row, base, at, xid, waits, waited, n) left join sync_tables t on t.name = tbl
        ) as read
        group by whole order by 1
    loop
        if not part.touches && held then
            select w.answers, w.why into given from hq_take_whole(me, part.es) w;
        else
            select null::jsonb[] as answers, 'sync_earlier' as why into given;
        end if;
        if given.answers is null or exists (select from unnest(given.answers) a where a ->> 'answer' = 'wait') then
            held := held || part.touches;
        end if;
        for i in 1 .. cardinality(part.ns) loop
            answers[part.ns[i]] := case when given.answers is null
                then jsonb_build_object('id', (part.es[i]).id, 'answer', 'wait', 'reason', given.why) else given.answers[i] end;
        end loop;
    end loop;
    return answers;
end $$;

-- Why a branch's batch is not read at all; null when it is.
create function hq_refusal(me sync_branches, bytes bigint, many int) returns text
language plpgsql set search_path = public, pg_temp as $$
begin
    if me.branch_id is null then
        return 'not_enrolled';
    elsif bytes > 32 * 1024 * 1024 or many > 5000 then
        insert into sync_refusals (branch_id, reason, detail) values (me.branch_id, 'too_much', jsonb_build_object('bytes', bytes));
        return 'too_much';
    elsif coalesce(me.version > sync_version(), false) then
        return 'headquarters_older';
    elsif me.coming_back is not null or coalesce(nullif(current_setting('gatehouse.incarnation', true), '')::uuid <> me.incarnation, false) then
        -- On its way since before the branch was put back, and overtaken by the one that takes everything back.
        return 'overtaken';
    end if;
    return null;
end $$;

-- As before, for branches of the release before: what is no event is refused, and the rest is taken. Every event has an answer.
create or replace function hq_push(events jsonb) returns jsonb
language plpgsql security definer set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
    me sync_branches := hq_session();
    refused text := hq_refusal(me, pg_column_size(events), case when jsonb_typeof(events) = 'array' then jsonb_array_length(events) else 5001 end);
    es sync_event[] := '{}';
    ns int[] := '{}';
    answers jsonb[];
    given jsonb[];
    event record;
begin
    if refused is not null then
        return jsonb_build_object('refused', refused);
    end if;
    for event in select e, n::int from jsonb_array_elements(events) with ordinality as x (e, n) loop
        begin
            es := es || jsonb_populate_record(null::sync_event, event.e);
            ns := ns || event.n;
        exception when others then
            insert into sync_refusals (branch_id, reason, detail)
            values (me.branch_id, 'malformed', jsonb_build_object('id', event.e -> 'id', 'tbl', event.e -> 'tbl'));
            answers[event.n] := jsonb_build_object('id', event.e -> 'id', 'answer', 'quarantine', 'reason', 'malformed');
        end;
    end loop;
    if cardinality(es) > 0 then
        given := hq_take_batch(me, es);
        for i in 1 .. cardinality(es) loop
            answers[ns[i]] := coalesce(given[i], jsonb_build_object('id', (es[i]).id, 'answer', 'ok'));
        end loop;
    end if;
    return jsonb_build_object('answers', coalesce(to_jsonb(answers), '[]'));
end $$;
alter function hq_push(jsonb) set work_mem = '32MB';

drop function hq_send(text);
-- A batch as it comes over the wire, a column for each part of its events: of what is too large, no JSON is read. `answers` are those
-- of events that are not plainly taken, `ok` is how many others there were.
create function hq_send(ids uuid[], seqs bigint[], tbls text[], ops text[], "rows" text[], bases text[], ats timestamptz[], xids text[],
    waits int[], waited bigint[]) returns jsonb
language plpgsql security definer set search_path = public, pg_temp set timezone = 'UTC' set work_mem = '32MB' as $$
declare
    me sync_branches := hq_session();
    many int := coalesce(cardinality(ids), 0);
    refused text := hq_refusal(me, (
        select coalesce(sum(pg_column_size(column_)), 0)
        from (values (tbls), (ops), ("rows"), (bases), (xids)) as sent (column_)), many);
    es sync_event[];
    answers jsonb[];
begin
    if refused is not null then
        return jsonb_build_object('refused', refused);
    elsif many = 0 then
        return '{"answers": [], "ok": 0}';
    end if;
    begin
        if (many, many, many, many, many, many, many, many, many) is distinct from (cardinality(seqs), cardinality(tbls), cardinality(ops),
            cardinality("rows"), cardinality(bases), cardinality(ats), cardinality(xids), cardinality(waits), cardinality(waited)) then
            raise exception 'columns of several lengths';
        end if;
        select array_agg(row(e.id, e.seq, e.tbl, e.op, e.r::jsonb, e.b::jsonb, e.at, e.x::xid8, e.waits, e.waited)::sync_event order by n) into es
        from unnest(ids, seqs, tbls, ops, "rows", bases, ats, xids, waits, waited) with ordinality
            as e (id, seq, tbl, op, r, b, at, x, waits, waited, n);
    exception when others then
        insert into sync_refusals (branch_id, reason) values (me.branch_id, 'malformed');
        return '{"refused": "malformed"}';
    end;
    answers := array_remove(hq_take_batch(me, es), null);
    return jsonb_build_object('answers', to_jsonb(answers), 'ok', many - cardinality(answers));
end $$;

-- What a branch's role may run here. Who was let in by the release before keeps `hq_push`, which that release calls.
create or replace function sync_grant(login name) returns void language plpgsql set search_path = public, pg_temp as $$
begin
    execute format('grant execute on function hq_hello(bigint, uuid, jsonb), hq_pull(text, int), hq_own(uuid, int), '
        || 'hq_send(uuid[], bigint[], text[], text[], text[], text[], timestamptz[], text[], int[], bigint[]), '
        || 'hq_audit(date, jsonb), hq_redeem(text, text, uuid, uuid) to %I', login);
end $$;
do $$ begin perform sync_grant(role) from sync_branches; end $$;

revoke execute on function sync_follow, hq_put_run, hq_edit_run, hq_take, hq_take_all, hq_take_whole, hq_hold, hq_take_batch, hq_refusal, hq_send from public;

-- ---------------------------------------------------------------- at a branch

drop function relay_take(int, bigint, uuid[]);
-- As before, but an event's parts are given each for itself, as they go over the wire: what is JSON as text, null for what an event
-- has not.
create function relay_take(up_to int, max_bytes bigint, under_way uuid[]) returns table (
    id uuid, seq bigint, tbl text, op text, "row" text, base text, at timestamptz, xid text, waits int, waited bigint)
language plpgsql volatile security definer set search_path = public, pg_temp set timezone = 'UTC' set work_mem = '32MB' as $$
-- The columns that it gives are called as those of the queue.
#variable_conflict use_column
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
            select o.id, o.seq, o.tbl, o.op, o.base, o.at, o.xid, o.money, o.waits, o.put_off_at, o.row::text as written
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
        select t.id, t.seq, t.tbl, t.op, t.written, t.base::text, t.at, t.sent_as::text, t.waits,
            coalesce(greatest(extract(epoch from now() - t.put_off_at), 0)::bigint, 0)
        from taken t order by t.n;
end $$;

-- Which rows of a page say nothing new: they are here as they come, with no edit that was not sent yet. After a branch has sent what it
-- had, most of what it reads is its own.
create function relay_known(rows jsonb) returns int[]
language plpgsql set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
    page record;
    ns int[];
    known int[] := '{}';
begin
    for page in
        select t.name, t.key_columns, t.own_columns, array_agg(n::int) as ns, array_agg(e -> 'row') as rs
        from jsonb_array_elements(rows) with ordinality as x (e, n) join sync_tables t on t.name = e ->> 'tbl' and t.owner <> 'local'
        where e ->> 'op' = 'put' and jsonb_typeof(e -> 'row') = 'object' group by 1, 2, 3
    loop
        execute format('select array_agg(g.n) from unnest($1, $2) as g (n, r) cross join jsonb_populate_record(null::%1$I, g.r) y
                join %1$I x on (%2$s) = (%3$s)
                where to_jsonb(x) - $3 = g.r - $3
                  and not exists (select from sync_outbox o where o.tbl = $4 and o.key = sync_key(g.r, $5) and o.answer is null)',
            page.name,
            (select string_agg(format('x.%I', c), ', ') from unnest(page.key_columns) c),
            (select string_agg(format('y.%I', c), ', ') from unnest(page.key_columns) c))
        into ns using page.ns, page.rs, page.own_columns, page.name, page.key_columns;
        known := known || ns;
    end loop;
    return known;
exception when others then
    -- Each row by itself shows what is wrong with it.
    return '{}';
end $$;

-- As before, without the rows that say nothing new.
create or replace function relay_apply(rows jsonb, new_cursor text) returns int
language plpgsql security definer set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
    e record;
    why text;
    set_aside int := 0;
    known int[];
begin
    perform set_config('gatehouse.relay', 'on', true), set_config('gatehouse.origin', '', true);
    if not exists (select from sync_quarantine where resolved_at is null and branch_id is null) then
        known := relay_known(rows);
        rows := (select jsonb_agg(given.value order by given.n) from jsonb_array_elements(rows) with ordinality as given (value, n)
                 where not exists (select from unnest(known) k where k = given.n));
    end if;
    for e in
        select q.id, q.event, 0 as first, q.at, 0::bigint as n from sync_quarantine q where resolved_at is null and branch_id is null
        union all
        select null, value, 1, null, ordinality from jsonb_array_elements(rows) with ordinality
        union all
        select q.id, q.event, 2, q.at, 0 from sync_quarantine q where resolved_at is null and branch_id is null
        order by 3, 4, 5
    loop
        if e.id is not null and exists (select from sync_quarantine where id = e.id and resolved_at is not null) then
            continue;
        end if;
        begin
            perform relay_apply_one(e.event);
            if e.id is not null then
                update sync_quarantine set resolved_at = now() where id = e.id;
            elsif exists (select from sync_quarantine where resolved_at is null and branch_id is null) then
                -- A newer row in its place.
                update sync_quarantine q set resolved_at = now()
                from sync_tables t
                where t.name = q.tbl and q.tbl = e.event ->> 'tbl' and q.key = sync_key(e.event -> 'row', t.key_columns)
                  and q.resolved_at is null and q.branch_id is null;
            end if;
        exception when others then
            get stacked diagnostics why = constraint_name;
            why := coalesce(nullif(why, ''), sqlerrm);
            if e.id is null then
                insert into sync_quarantine (id, tbl, key, event, reason)
                select sync_event_id(), coalesce(e.event ->> 'tbl', '?'),
                    (select sync_key(e.event -> 'row', key_columns) from sync_tables where name = e.event ->> 'tbl'), e.event, why;
                set_aside := set_aside + 1;
            end if;
        end;
    end loop;
    update sync_node set cursor = new_cursor where new_cursor is not null;
    perform set_config('gatehouse.relay', '', true);
    return set_aside;
end $$;

drop function relay_answered(jsonb);
-- Notes what headquarters said: `sent` was plainly taken, the others have an answer each.
create function relay_answered(sent uuid[], answers jsonb) returns void
language sql security definer set search_path = public, pg_temp as $$
    update sync_outbox set sent_at = now(), answer = 'ok', reason = null, conflicts = null, put_off_at = null where id = any (sent);
    update sync_outbox o set
        sent_at = now(), waits = o.waits + (a.answer = 'wait')::int, answer = nullif(a.answer, 'wait'), reason = a.reason, conflicts = a.conflicts,
        put_off_at = case when a.answer = 'wait' then coalesce(o.put_off_at, now()) end
    from jsonb_to_recordset(answers) as a (id uuid, answer text, reason text, conflicts jsonb)
    where o.id = a.id
$$;
revoke execute on function relay_take, relay_known, relay_answered from public;
