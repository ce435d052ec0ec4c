-- A branch that was put back from a backup takes no money before headquarters has given back what the branch had sent since: it
-- would give out numbers of receipts, shifts and members again, and settle what is settled. Everything else goes on: the door
-- does not wait.

-- ---------------------------------------------------------------- at a branch

alter table sync_node
    -- Of a branch that was put back: it has not got back yet what it had sent.
    add column own_rows_missing boolean not null default false,
    -- How far it has taken its own rows back: the last event of them.
    add column own_since uuid;

create function own_rows_missing() returns trigger language plpgsql as $$
begin
    if not public.sync_relaying() and exists (select from public.sync_node where own_rows_missing) then
        raise exception 'put back from a backup, and without what was sent since'
            using errcode = 'check_violation', constraint = 'own_rows_missing';
    end if;
    return null;
end $$;

-- After a restore, before anything else is done with the database: a branch is another one than its headquarters knows, a
-- headquarters another one than its branches know. Transactions of the new server may be numbered from the beginning.
create or replace function sync_restored(anew uuid) returns void language plpgsql set search_path = public, pg_temp as $$
declare
    is_branch boolean := (select mode = 'branch' from sync_node);
    waits text;
begin
    update sync_node set incarnation = case mode when 'branch' then anew end, epoch = case mode when 'headquarters' then anew else epoch end,
        own_rows_missing = is_branch, own_since = null;
    update sync_feed set xid = '0';
    if is_branch then
        -- Where money, numbers of shifts and members, and requests for money begin. In a database that was never put back no sale looks.
        foreach waits in array array['ledger_transactions', 'tills', 'till_shifts', 'members', 'payment_requests'] loop
            execute format('create or replace trigger own_rows_missing before insert on %I for each statement execute function own_rows_missing()', waits);
        end loop;
    end if;
end $$;

-- Begins to take this branch's own rows back: a transaction's entries come perhaps in two pages. Where it ends, money is taken
-- again.
create or replace function relay_takes_back(begins boolean) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    late bigint;
    aside bigint;
    was_aside bigint;
begin
    -- What came before what it refers to.
    while not begins loop
        select count(*) into aside from sync_quarantine where resolved_at is null and branch_id is null;
        exit when aside = 0 or aside = was_aside;
        was_aside := aside;
        perform relay_apply('[]', null);
    end loop;
    if not begins and (select own_rows_missing from sync_node) then
        -- What was written since the restore comes after what was sent before it, also when all of it is sent again one day.
        for late in select seq from sync_outbox where answer is null order by seq loop
            update sync_outbox set seq = default where seq = late;
        end loop;
    end if;
    update sync_node set takes_back = begins, own_rows_missing = own_rows_missing and begins, own_since = case when begins then own_since end
    where mode = 'branch';
end $$;

-- A page of what this branch has sent, with the events that it came by: these are in its queue again as sent, for the audit and
-- for a headquarters that is itself put back to before they had come.
create function relay_take_back(rows jsonb, events jsonb, since uuid) returns void
language plpgsql security definer set search_path = public, pg_temp set timezone = 'UTC' as $$
begin
    -- The events first: what is changed here and not sent stands over what comes.
    insert into sync_outbox (id, tbl, key, op, row, base, money, at, xid, sent_at, answer, reason)
    select (e ->> 'id')::uuid, t.name, sync_key(e -> 'row', t.key_columns), e ->> 'op', e -> 'row', nullif(e -> 'base', 'null'), t.money,
        (e ->> 'at')::timestamptz, (e ->> 'xid')::xid8, now(), coalesce(e ->> 'answer', 'ok'), e ->> 'reason'
    from jsonb_array_elements(events) with ordinality as given (e, n) join sync_tables t on t.name = e ->> 'tbl'
    order by n
    on conflict (id) do update set sent_at = now(), answer = excluded.answer, reason = excluded.reason, put_off_at = null;
    perform relay_apply(rows, null);
    update sync_node set own_since = since;
end $$;

-- Remembers the headquarters. One that was restored has lost what came later: the feed is read anew, and everything that
-- was sent is sent again; what it still has, it knows by its id.
create or replace function relay_met(met uuid) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    before uuid := (select epoch from sync_node);
begin
    if before is distinct from met then
        update sync_node set epoch = met, cursor = '0:0', own_since = null;
        if before is not null then
            update sync_outbox set answer = null, waits = 0, put_off_at = null where answer is not null;
        end if;
    end if;
end $$;

create or replace function relay_apply_one(e jsonb) returns void
language plpgsql set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
    t sync_tables;
    r jsonb;
    edit record;
begin
    select * into strict t from sync_tables where name = e ->> 'tbl' and owner <> 'local';
    r := sync_canonical(t, e -> 'row');
    if e ->> 'op' <> 'delete' and sync_find(t, r) = r then
        return;
    end if;
    if t.owner = 'shared' then
        -- An edit that is being made here is waited for: it is queued then.
        perform sync_hold(t, r);
        -- What was edited here and not sent yet stays visible: it is done again on top of what came.
        for edit in
            select op, row, base from sync_outbox where tbl = t.name and key = sync_key(r, t.key_columns) and answer is null order by seq
        loop
            if e ->> 'op' = 'delete' then
                return;
            elsif edit.op = 'delete' then
                perform sync_drop(t, r);
                return;
            end if;
            -- An id is made once: what came has come of this very row, which is sent again to a headquarters that was put back.
            continue when edit.op = 'insert' and t.key_columns = '{id}';
            r := sync_merge(sync_canonical(t, edit.base), r, sync_canonical(t, edit.row)) -> 'row';
        end loop;
    elsif sync_find(t, r) is not null
        and exists (select from sync_outbox where tbl = t.name and key = sync_key(r, t.key_columns) and answer is null) then
        -- A fact of this branch's own: it knows better, and has not said so yet.
        return;
    end if;
    if e ->> 'op' = 'delete' then
        perform sync_drop(t, r);
    elsif sync_find(t, r) is distinct from r then
        perform sync_put(t, jsonb_build_array(r), true);
    end if;
end $$;

-- ---------------------------------------------------------------- at headquarters

alter table sync_branches
    -- The incarnation that is taking back what the one before has sent: meanwhile nobody sends.
    add column coming_back uuid;

-- What a branch has sent itself, as it stands here: for one that was restored. What is set aside here comes back as it was
-- sent, and is set aside there. A database that was put back counts its transactions from an earlier number, so the ones that
-- come back get numbers that it will not reach.
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
        select i.id, i.seq, i.tbl, t.place,
            coalesce(sync_find(t, i.row), case when i.answer = 'quarantine' and t.owner = 'branch' and i.op <> 'delete' then i.row end) as r,
            jsonb_build_object('id', i.id, 'tbl', i.tbl, 'op', i.op, 'row', i.row, 'base', i.base, 'at', i.at,
                'xid', case when i.xid is not null then
                    (('x' || substr(md5(concat(i.incarnation, i.xid)), 1, 15))::bit(60)::bigint | (1::bigint << 61))::text end,
                'answer', i.answer, 'reason', i.reason) as event
        from (select * from sync_inbox where branch_id = me.branch_id and id > since order by id limit up_to) i
        join sync_tables t on t.name = i.tbl
    ) as page;
    return jsonb_build_object('rows', given, 'sent', sent, 'more', n = up_to, 'cursor', coalesce(last_id, since));
end $$;

-- The first call of a round. `report` says what the branch says about itself: its clock and how much is waiting.
create or replace function hq_hello(version bigint, incarnation uuid, report jsonb) returns jsonb
language plpgsql security definer set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
    me sync_branches := hq_session();
    took_back boolean := coalesce((report ->> 'took_back')::boolean, false);
begin
    if me.branch_id is null then
        return '{"refused": "not_enrolled"}';
    elsif pg_column_size(report) > 64 * 1024 then
        insert into sync_refusals (branch_id, reason, detail)
        values (me.branch_id, 'too_much', jsonb_build_object('bytes', pg_column_size(report)));
        return '{"refused": "too_much"}';
    end if;
    update sync_branches b set
        last_seen_at = clock_timestamp(), version = hq_hello.version, waiting = (report ->> 'waiting')::bigint,
        -- A new one is believed when the branch has taken back what the one before had sent; from its first call on, what the one
        -- before still has on its way comes too late.
        incarnation = case when b.incarnation is null or took_back then hq_hello.incarnation else b.incarnation end,
        coming_back = case when b.incarnation <> hq_hello.incarnation and not took_back then hq_hello.incarnation
                         when b.incarnation = hq_hello.incarnation then b.coming_back end,
        -- Once everything has come, the plans and prices are the headquarters'.
        founds = b.founds and coalesce((report ->> 'waiting')::bigint, 1) > 0,
        clock_skew_ms = round(extract(epoch from (report ->> 'at')::timestamptz - clock_timestamp()) * 1000)
    where b.branch_id = me.branch_id;
    -- What this session pushes is of this incarnation.
    perform set_config('gatehouse.incarnation', hq_hello.incarnation::text, false);
    return jsonb_build_object('branch_id', me.branch_id, 'epoch', (select epoch from sync_node), 'version', sync_version(),
        'gym_id', (select id from gyms), 'founds', me.founds,
        -- What it has sent under another incarnation is gone there: it takes its own rows back first.
        'restored', coalesce(me.incarnation <> hq_hello.incarnation, false) and not took_back);
end $$;

-- As before; a sum is small.
create or replace function hq_audit(day date, told jsonb) returns jsonb
language plpgsql security definer set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
    me sync_branches := hq_session();
    mine jsonb;
begin
    if me.branch_id is null then
        return '{"refused": "not_enrolled"}';
    elsif pg_column_size(told) > 64 * 1024 then
        insert into sync_refusals (branch_id, reason, detail)
        values (me.branch_id, 'too_much', jsonb_build_object('bytes', pg_column_size(told)));
        return '{"refused": "too_much"}';
    end if;
    select sync_sums(array_agg(id order by id), sum((row ->> 'amount')::numeric) filter (where tbl = 'ledger_entries' and (row ->> 'amount')::numeric > 0))
    into mine from sync_inbox where branch_id = me.branch_id and at >= day and at < day + 1;
    update sync_branches set audited_on = day, audit_agreed = (mine = told) where branch_id = me.branch_id;
    return jsonb_build_object('agreed', mine = told, 'sums', mine);
end $$;

revoke execute on function own_rows_missing, relay_take_back from public;
