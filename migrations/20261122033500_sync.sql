-- A branch keeps its own database and relays to a headquarters: what is written here is queued in the same transaction,
-- pushed, merged there, and fed back to the others. Both ends have this schema; which end a database is, is one row.

-- Who owns each table, once. In the order in which rows can be inserted: what a row refers to is in a table above.
create table sync_tables (
    name text constraint sync_tables_pkey primary key,
    place int not null generated always as identity constraint sync_tables_place_key unique,
    -- headquarters: written there alone. branch: facts, each of one branch, written there alone. shared: edited anywhere,
    -- merged field by field. local: never leaves its database.
    owner text not null constraint sync_tables_owner_known check (owner in ('headquarters', 'branch', 'shared', 'local')),
    -- Facts that other branches need too.
    feeds boolean not null default false constraint sync_tables_only_facts_feed check (not feeds or owner = 'branch'),
    -- Sent before everything else: money, and what money refers to.
    money boolean not null default false,
    -- Where a fact without a branch of its own finds it.
    parent_column text,
    parent text constraint sync_tables_parent_fkey references sync_tables (name),
    -- Columns that each database keeps for itself.
    own_columns text[] not null default '{}',
    -- The primary key; filled by `sync_refresh`.
    key_columns text[] not null default '{}'
);
insert into sync_tables (name, owner, feeds, money, parent_column, parent, own_columns) values
    ('gyms', 'headquarters', false, true, null, null, '{}'),
    ('branches', 'headquarters', false, true, null, null, '{next_member_seq}'),
    ('accounts', 'shared', false, true, null, null, '{failed_pins,pin_blocked_until,failed_logins,login_blocked_until}'),
    ('profiles', 'shared', false, false, null, null, '{}'),
    ('role_permissions', 'headquarters', false, false, null, null, '{}'),
    ('tax_rates', 'headquarters', false, true, null, null, '{}'),
    ('files', 'shared', false, true, null, null, '{}'),
    ('members', 'shared', false, true, null, null, '{}'),
    ('member_notes', 'shared', false, false, null, null, '{}'),
    ('measurements', 'shared', false, false, null, null, '{}'),
    ('plans', 'headquarters', false, true, null, null, '{}'),
    ('plan_branches', 'headquarters', false, true, null, null, '{}'),
    ('plan_prices', 'headquarters', false, true, null, null, '{}'),
    ('households', 'shared', false, false, null, null, '{}'),
    ('household_members', 'shared', false, false, null, null, '{}'),
    ('products', 'headquarters', false, true, null, null, '{}'),
    ('product_barcodes', 'headquarters', false, true, null, null, '{}'),
    ('product_prices', 'headquarters', false, true, null, null, '{}'),
    ('passes', 'shared', false, false, null, null, '{}'),
    ('pass_aliases', 'shared', false, false, null, null, '{}'),
    ('tills', 'branch', false, true, null, null, '{}'),
    ('till_shifts', 'branch', false, true, null, null, '{}'),
    ('closures', 'branch', true, true, null, null, '{}'),
    ('subscriptions', 'branch', true, true, null, null, '{}'),
    ('ledger_transactions', 'branch', false, true, null, null, '{}'),
    ('ledger_entries', 'branch', false, true, 'transaction_id', 'ledger_transactions', '{}'),
    ('charges', 'branch', false, true, 'transaction_id', 'ledger_transactions', '{}'),
    ('vouchers', 'branch', false, true, null, null, '{}'),
    ('payment_requests', 'branch', false, true, null, null, '{}'),
    ('payments', 'branch', false, true, 'transaction_id', 'ledger_transactions', '{}'),
    ('allocations', 'branch', false, true, 'payment_id', 'payments', '{}'),
    ('charge_credits', 'branch', false, true, 'transaction_id', 'ledger_transactions', '{}'),
    ('refunds', 'branch', false, true, 'transaction_id', 'ledger_transactions', '{}'),
    ('cash_movements', 'branch', false, true, 'transaction_id', 'ledger_transactions', '{}'),
    ('payment_request_charges', 'branch', false, true, 'request_id', 'payment_requests', '{}'),
    ('payment_request_events', 'branch', false, true, 'request_id', 'payment_requests', '{}'),
    ('collection_attempts', 'branch', false, true, null, null, '{}'),
    ('payment_mandates', 'shared', false, true, null, null, '{}'),
    ('subscription_events', 'branch', true, true, null, null, '{made_here}'),
    ('receipts', 'branch', false, true, null, null, '{}'),
    ('stock_movements', 'branch', false, true, null, null, '{}'),
    ('expenses', 'branch', false, true, null, null, '{}'),
    ('expense_decisions', 'branch', false, true, 'expense_id', 'expenses', '{}'),
    ('expense_payments', 'branch', false, true, 'expense_id', 'expenses', '{}'),
    ('scans', 'branch', false, false, null, null, '{}'),
    -- Other branches' entries count visits and say where a member was.
    ('entries', 'branch', true, false, null, null, '{}'),
    ('exits', 'branch', true, false, null, null, '{}'),
    ('entry_voids', 'branch', true, false, null, null, '{}'),
    ('visit_uses', 'branch', true, false, null, null, '{made_here}'),
    ('pass_steps', 'branch', true, false, null, null, '{}'),
    ('audit_log', 'branch', false, false, null, null, '{}'),
    -- The first answer under a key is asked for again where it was given; the key itself is in the ledger.
    ('idempotency_keys', 'local', false, false, null, null, '{}'),
    ('sessions', 'local', false, false, null, null, '{}'),
    ('desks', 'local', false, false, null, null, '{}'),
    ('member_search_keys', 'local', false, false, null, null, '{}'),
    ('name_prefixes', 'local', false, false, null, null, '{}'),
    ('open_charges', 'local', false, false, null, null, '{}'),
    ('payment_balances', 'local', false, false, null, null, '{}'),
    ('receipt_chains', 'local', false, false, null, null, '{}'),
    ('gateways', 'local', false, false, null, null, '{}'),
    ('mail_outbox', 'local', false, false, null, null, '{}'),
    ('sync_tables', 'local', false, false, null, null, '{}'),
    ('sync_node', 'local', false, false, null, null, '{}'),
    ('sync_branches', 'local', false, false, null, null, '{}'),
    ('sync_outbox', 'local', false, false, null, null, '{}'),
    ('sync_inbox', 'local', false, false, null, null, '{}'),
    ('sync_feed', 'local', false, false, null, null, '{}'),
    ('sync_quarantine', 'local', false, false, null, null, '{}'),
    ('sync_conflicts', 'local', false, false, null, null, '{}'),
    ('sync_refusals', 'local', false, false, null, null, '{}'),
    ('sync_unfound', 'local', false, false, null, null, '{}');

-- What this database is.
create table sync_node (
    one boolean not null default true constraint sync_node_pkey primary key constraint sync_node_only_one check (one),
    mode text not null default 'alone' constraint sync_node_mode_known check (mode in ('alone', 'branch', 'headquarters')),
    branch_id uuid,
    -- Of a branch: new after a restore, so that headquarters knows that what came later is gone here.
    incarnation uuid,
    -- Of headquarters, or as a branch knows it: new after a restore there.
    epoch uuid,
    -- How far a branch has read the feed.
    cursor text not null default '0:0',
    -- When a branch last had nothing left to send or to read.
    in_step_at timestamptz,
    -- A restored branch takes its own rows back.
    takes_back boolean not null default false,
    -- The last day whose events were compared with headquarters.
    audited_on date,
    constraint sync_node_branch_named check ((mode = 'branch') = (branch_id is not null))
);
insert into sync_node default values;

-- At a branch: what is to be sent.
create table sync_outbox (
    seq bigint generated always as identity constraint sync_outbox_pkey primary key,
    -- UUID version 7.
    id uuid not null constraint sync_outbox_id_key unique,
    tbl text not null,
    key text not null,
    op text not null constraint sync_outbox_op_known check (op in ('insert', 'update', 'delete')),
    row jsonb not null,
    -- The row that was edited.
    base jsonb,
    money boolean not null,
    at timestamptz not null default now(),
    -- How often headquarters has put it off: what it refers to had not arrived.
    waits int not null default 0,
    sent_at timestamptz,
    -- ok, or quarantine: headquarters keeps it aside, with a reason.
    answer text constraint sync_outbox_answer_known check (answer in ('ok', 'quarantine')),
    reason text,
    -- Fields that somebody else had changed meanwhile, with both values.
    conflicts jsonb
);
create index sync_outbox_waiting_idx on sync_outbox (waits, money desc, seq) where answer is null;
create index sync_outbox_day_idx on sync_outbox (at);
create index sync_outbox_edits_idx on sync_outbox (tbl, key) where answer is null;

-- At headquarters: the branches.
create table sync_branches (
    branch_id uuid constraint sync_branches_pkey primary key,
    -- The database role that the branch logs in as: a branch is its session, whatever it sends.
    role name not null constraint sync_branches_role_key unique,
    -- The branch whose own plans and prices become the headquarters'; until it has joined.
    founds boolean not null default false,
    incarnation uuid,
    version bigint,
    enrolled_at timestamptz not null default now(),
    last_seen_at timestamptz,
    -- Its clock less ours.
    clock_skew_ms bigint,
    waiting bigint,
    -- The last day whose events were counted at both ends, and whether they were the same.
    audited_on date,
    audit_agreed boolean,
    revoked_at timestamptz
);

-- At headquarters: every event as it came, once.
create table sync_inbox (
    id uuid constraint sync_inbox_pkey primary key,
    branch_id uuid not null,
    incarnation uuid,
    seq bigint,
    tbl text not null,
    op text not null,
    row jsonb not null,
    base jsonb,
    at timestamptz,
    received_at timestamptz not null default now(),
    answer text not null,
    reason text
);
create index sync_inbox_branch_idx on sync_inbox (branch_id, id);
create index sync_inbox_day_idx on sync_inbox (branch_id, at);

-- At headquarters: which rows branches are to read. Not what was in them: a row is read when it is given out, so that of
-- two transactions that changed it, whichever is given out last, the branch ends with the row as it is.
create table sync_feed (
    -- Transactions end in another order than they begin: rows are given out only when nothing before them can still come.
    xid xid8 not null default pg_current_xact_id(),
    seq bigint not null generated always as identity,
    tbl text not null,
    -- The columns of its key.
    key jsonb not null,
    -- The branch that sent it.
    origin uuid,
    -- The only branch it is for.
    reader uuid,
    constraint sync_feed_pkey primary key (xid, seq)
);

-- At either end: what could not be taken, and why.
create table sync_quarantine (
    id uuid constraint sync_quarantine_pkey primary key,
    branch_id uuid,
    tbl text not null,
    key text,
    event jsonb not null,
    reason text not null,
    at timestamptz not null default now(),
    resolved_at timestamptz
);
create index sync_quarantine_open_idx on sync_quarantine (at) where resolved_at is null;

-- At headquarters: a field that two had changed. The later arrival stands; both values are kept to be shown.
create table sync_conflicts (
    id uuid constraint sync_conflicts_pkey primary key,
    event_id uuid not null,
    branch_id uuid not null,
    tbl text not null,
    key text not null,
    field text not null,
    base jsonb,
    kept jsonb,
    lost jsonb,
    at timestamptz not null default now(),
    seen_at timestamptz,
    seen_by uuid
);
create index sync_conflicts_open_idx on sync_conflicts (at) where seen_at is null;

-- At headquarters: what was asked for and not allowed.
create table sync_refusals (
    id bigint generated always as identity constraint sync_refusals_pkey primary key,
    at timestamptz not null default now(),
    role name not null default session_user,
    branch_id uuid,
    reason text not null,
    detail jsonb
);

-- Members whose row came by relay and who cannot be searched for yet: the keys are made by the members service.
create table sync_unfound (member_id uuid constraint sync_unfound_pkey primary key);

create function sync_event_id() returns uuid language sql volatile as $$
    select encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
        placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6), 52, 1), 53, 1), 'hex')::uuid
$$;

create function sync_key(r jsonb, cols text[]) returns text language sql immutable as $$
    select string_agg(r ->> c, ' ' order by place) from unnest(cols) with ordinality as k (c, place)
$$;

create function sync_sums(ids uuid[], debits numeric) returns jsonb language sql immutable as $$
    select jsonb_build_object('count', coalesce(cardinality(ids), 0), 'debits', coalesce(debits, 0),
        'hash', encode(sha256(convert_to(array_to_string(coalesce(ids, '{}'), ','), 'UTF8')), 'hex'))
$$;

-- The rule by which two edits of one row become one, and the only place that has it. `base` is what the editor saw, `edit`
-- what became of it, `here` the row as it stands now.
--   A field that the edit left alone is as it stands. A field that it changed is as the edit has it: the last arrival wins.
--   A field that both had changed, to different values, is told in `conflicts` with all three values.
--   Objects (consent, custom fields) are merged field by field themselves.
--   `updated_at` is the later of the two and never a conflict.
create function sync_merge(base jsonb, here jsonb, edit jsonb) returns jsonb language plpgsql immutable as $$
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
    for f in select jsonb_object_keys(edit) union select jsonb_object_keys(base) loop
        b := base -> f;
        h := here -> f;
        e := edit -> f;
        if e is not distinct from b or e is not distinct from h then
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

-- The row as this database would write it, without the columns that each keeps for itself.
create function sync_canonical(t sync_tables, r jsonb) returns jsonb language plpgsql stable as $$
declare
    whole jsonb;
begin
    execute format('select to_jsonb(jsonb_populate_record(null::%I, $1))', t.name) into whole using r;
    return (select coalesce(jsonb_object_agg(key, value), '{}') from jsonb_each(whole) where r ? key) - t.own_columns;
end $$;

create function sync_find(t sync_tables, r jsonb) returns jsonb language plpgsql stable as $$
declare
    found_row jsonb;
begin
    execute format('select to_jsonb(x) from %I x where (%s) = (select %s from jsonb_populate_record(null::%I, $1) y)', t.name,
        (select string_agg(format('x.%I', c), ', ') from unnest(t.key_columns) c),
        (select string_agg(format('y.%I', c), ', ') from unnest(t.key_columns) c), t.name)
    into found_row using r;
    return found_row - t.own_columns;
end $$;

create function sync_drop(t sync_tables, r jsonb) returns void language plpgsql as $$
begin
    if t.name = 'pass_aliases' then
        insert into sync_unfound select member_id from passes where id = (r ->> 'pass_id')::uuid on conflict do nothing;
    end if;
    execute format('delete from %I x where (%s) = (select %s from jsonb_populate_record(null::%I, $1) y)', t.name,
        (select string_agg(format('x.%I', c), ', ') from unnest(t.key_columns) c),
        (select string_agg(format('y.%I', c), ', ') from unnest(t.key_columns) c), t.name)
    using r;
end $$;

-- Writes rows of one table as they are. A column that a row does not name gets its default, or stays.
create function sync_put(t sync_tables, rows jsonb, replaces boolean) returns void language plpgsql as $$
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

-- The branch that a fact belongs to; null when what says so is not here.
create function sync_branch_of(t sync_tables, r jsonb) returns uuid language plpgsql stable as $$
declare
    parent_row jsonb;
    parent sync_tables;
begin
    if r ? 'branch_id' or t.parent is null then
        return (r ->> 'branch_id')::uuid;
    end if;
    execute format('select to_jsonb(x) from %I x where id = $1', t.parent) into parent_row using (r ->> t.parent_column)::uuid;
    if parent_row is null then
        return null;
    end if;
    select * into parent from sync_tables where name = t.parent;
    return sync_branch_of(parent, parent_row);
end $$;

-- ---------------------------------------------------------------- at a branch

create function sync_relaying() returns boolean language sql stable as $$
    select coalesce(current_setting('gatehouse.relay', true), '') = 'on'
$$;

-- Queues what a statement changed. Arguments: is it money, the columns kept here, the key.
create function sync_queue() returns trigger language plpgsql security definer as $$
declare
    is_money boolean := tg_argv[0]::boolean;
    own text[] := tg_argv[1]::text[];
    keys text[] := tg_argv[2]::text[];
begin
    if public.sync_relaying() then
        return null;
    elsif tg_op = 'INSERT' then
        insert into public.sync_outbox (id, tbl, key, op, row, money)
        select public.sync_event_id(), tg_table_name, public.sync_key(r, keys), 'insert', r, is_money
        from (select to_jsonb(n) - own as r from n) as made;
    elsif tg_op = 'UPDATE' then
        insert into public.sync_outbox (id, tbl, key, op, row, base, money)
        select public.sync_event_id(), tg_table_name, public.sync_key(after.r, keys), 'update', after.r, before.r, is_money
        from (select to_jsonb(n) - own as r from n) as after
        join (select to_jsonb(o) - own as r from o) as before on public.sync_key(before.r, keys) = public.sync_key(after.r, keys)
        where before.r <> after.r;
    else
        insert into public.sync_outbox (id, tbl, key, op, row, base, money)
        select public.sync_event_id(), tg_table_name, public.sync_key(r, keys), 'delete', r, r, is_money
        from (select to_jsonb(o) - own as r from o) as gone;
    end if;
    perform pg_notify('gatehouse_sync', '');
    return null;
end $$;

create function sync_refuse() returns trigger language plpgsql as $$
begin
    if not public.sync_relaying() then
        raise exception 'headquarters owns %', tg_table_name using errcode = 'check_violation', constraint = 'headquarters_owns';
    end if;
    return null;
end $$;

-- ---------------------------------------------------------------- at headquarters

-- A fact that does not feed is for its own branch alone: somebody at headquarters made it there.
create function sync_feed_rows(t sync_tables, rows jsonb, from_branch uuid) returns void
language sql set search_path = public, pg_temp as $$
    insert into sync_feed (tbl, key, origin, reader)
    select t.name, (select jsonb_object_agg(c, r -> c) from unnest(t.key_columns) c), from_branch,
        case when t.owner = 'branch' and not t.feeds then sync_branch_of(t, r) end
    from jsonb_array_elements(rows) r
$$;

-- Feeds what a statement changed to the branches. Arguments: the owner class, whether the facts feed, the columns kept here.
create function sync_publish() returns trigger language plpgsql security definer set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
    from_branch uuid := nullif(current_setting('gatehouse.origin', true), '')::uuid;
    is_fact boolean := tg_argv[0] = 'branch';
    feeds boolean := tg_argv[1]::boolean;
    own text[] := tg_argv[2]::text[];
    t sync_tables;
begin
    -- What one branch told about itself interests nobody else.
    if is_fact and not feeds and from_branch is not null then
        return null;
    end if;
    select * into t from sync_tables where name = tg_table_name;
    if tg_op = 'DELETE' then
        perform sync_feed_rows(t, coalesce(jsonb_agg(to_jsonb(o)), '[]'), from_branch) from o;
    elsif tg_op = 'INSERT' then
        perform sync_feed_rows(t, coalesce(jsonb_agg(to_jsonb(n)), '[]'), from_branch) from n;
    else
        perform sync_feed_rows(t, coalesce(jsonb_agg(r), '[]'), from_branch)
        from (select to_jsonb(n) - own as r from n except all select to_jsonb(o) - own from o) as changed;
    end if;
    notify gatehouse_feed;
    return null;
end $$;

-- The branch of this session; null when there is none, which is written down.
create function hq_session() returns sync_branches language plpgsql security definer set search_path = public, pg_temp as $$
declare
    me sync_branches;
begin
    select * into me from sync_branches where role = session_user for update;
    if me.branch_id is null or me.revoked_at is not null then
        insert into sync_refusals (branch_id, reason) values (me.branch_id, case when me.branch_id is null then 'unknown' else 'revoked' end);
        return null;
    end if;
    return me;
end $$;

create function sync_version() returns bigint language plpgsql stable as $$
declare
    newest bigint;
begin
    if to_regclass('public._sqlx_migrations') is not null then
        execute 'select max(version) from public._sqlx_migrations where success' into newest;
    end if;
    return newest;
end $$;

-- The first call of a round. `report` says what the branch says about itself: its clock and how much is waiting.
create function hq_hello(version bigint, incarnation uuid, report jsonb) returns jsonb
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
    return jsonb_build_object('branch_id', me.branch_id, 'epoch', (select epoch from sync_node), 'version', sync_version(),
        'gym_id', (select id from gyms), 'founds', me.founds,
        -- What it has sent under another incarnation is gone there: it takes its own rows back first.
        'restored', coalesce(me.incarnation <> hq_hello.incarnation, false) and (report ->> 'took_back')::boolean is not true);
end $$;

-- Takes one event of a branch, in a subtransaction of its own: null when it is taken, or else why it is not.
create function hq_apply(me sync_branches, t sync_tables, event_id uuid, op text, given jsonb, base jsonb, out refused text, out conflicts jsonb)
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
        perform sync_put(t, jsonb_build_array(r), false);
    elsif stored - array(select k from jsonb_object_keys(stored) as k where not r ? k) = r then
        return;
    elsif t.owner = 'shared' then
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
create function hq_take(me sync_branches, e jsonb) returns jsonb
language plpgsql set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
    event_id uuid;
    known sync_inbox;
    t sync_tables;
    answer text := 'ok';
    why text;
    clashes jsonb;
begin
    begin
        event_id := (e ->> 'id')::uuid;
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
            if coalesce((e ->> 'waits')::int, 0) < 3 then
                return jsonb_build_object('id', event_id, 'answer', 'wait', 'reason', why);
            end if;
            answer := 'quarantine';
        when others then
            get stacked diagnostics why = constraint_name;
            why := coalesce(nullif(why, ''), sqlerrm);
            answer := 'quarantine';
    end;
    insert into sync_inbox (id, branch_id, incarnation, seq, tbl, op, row, base, at, answer, reason)
    values (event_id, me.branch_id, me.incarnation, (e ->> 'seq')::bigint, t.name, e ->> 'op', e -> 'row', nullif(e -> 'base', 'null'),
        (e ->> 'at')::timestamptz, answer, why)
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

-- Takes a batch; an answer per event. Sent twice, it is taken once.
create function hq_push(events jsonb) returns jsonb
language plpgsql security definer set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
    me sync_branches := hq_session();
    answers jsonb[] := '{}';
    e jsonb;
    a jsonb;
begin
    if me.branch_id is null then
        return '{"refused": "not_enrolled"}';
    elsif jsonb_typeof(events) <> 'array' or pg_column_size(events) > 32 * 1024 * 1024 or jsonb_array_length(events) > 5000 then
        insert into sync_refusals (branch_id, reason, detail)
        values (me.branch_id, 'too_much', jsonb_build_object('bytes', pg_column_size(events)));
        return '{"refused": "too_much"}';
    elsif coalesce(me.version > sync_version(), false) then
        return '{"refused": "headquarters_older"}';
    end if;
    perform set_config('gatehouse.relay', 'on', true), set_config('gatehouse.origin', me.branch_id::text, true);
    for e in select jsonb_array_elements(events) loop
        answers := answers || hq_take(me, e);
    end loop;
    -- What waited for something further on in the batch.
    for i in 1 .. coalesce(array_length(answers, 1), 0) loop
        if answers[i] ->> 'answer' = 'wait' then
            answers[i] := hq_take(me, events -> (i - 1));
        end if;
    end loop;
    return jsonb_build_object('answers', to_jsonb(answers));
end $$;

-- What a branch has not read yet. Rows of a transaction are given out when no earlier one is still running.
create function hq_pull(since text, up_to int) returns jsonb
language plpgsql security definer set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
    me sync_branches := hq_session();
    horizon xid8 := pg_snapshot_xmin(pg_current_snapshot());
    given jsonb;
    n int;
    last_xid xid8;
    last_seq bigint;
begin
    if me.branch_id is null then
        return '{"refused": "not_enrolled"}';
    end if;
    up_to := least(greatest(up_to, 1), 5000);
    select count(*), (array_agg(xid order by xid desc, seq desc))[1], (array_agg(seq order by xid desc, seq desc))[1],
        -- In the order in which they were written: what a row refers to was there before it.
        coalesce(jsonb_agg(jsonb_build_object('tbl', tbl, 'key', key) order by seq), '[]')
    into n, last_xid, last_seq, given
    from (
        select * from sync_feed f
        where (xid, seq) > (split_part(since, ':', 1)::xid8, split_part(since, ':', 2)::bigint) and xid < horizon
          and (origin is distinct from me.branch_id or tbl in (select name from sync_tables where owner <> 'branch'))
          and (reader is null or reader = me.branch_id)
        order by xid, seq limit up_to
    ) as page;
    select coalesce(jsonb_agg(jsonb_build_object('tbl', t.name, 'op', case when r is null then 'delete' else 'put' end,
        'row', coalesce(r, g.key)) order by g.place), '[]')
    into given
    from (select e ->> 'tbl' as tbl, e -> 'key' as key, min(place) as place
          from jsonb_array_elements(given) with ordinality as x (e, place) group by 1, 2) g
    join sync_tables t on t.name = g.tbl cross join lateral sync_find(t, g.key) r;
    return jsonb_build_object('rows', given, 'more', n = up_to,
        'cursor', case when n = up_to then last_xid || ':' || last_seq else horizon || ':0' end);
end $$;

-- What a branch has sent itself, as it stands here: for one that was restored.
create function hq_own(since uuid, up_to int) returns jsonb
language plpgsql security definer set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
    me sync_branches := hq_session();
    given jsonb;
    n int;
    last_id uuid;
begin
    if me.branch_id is null then
        return '{"refused": "not_enrolled"}';
    end if;
    up_to := least(greatest(up_to, 1), 5000);
    select count(*), (array_agg(id order by id desc))[1], coalesce(jsonb_agg(jsonb_build_object('tbl', tbl, 'op', 'put', 'row', r) order by place, id)
        filter (where r is not null), '[]')
    into n, last_id, given
    from (
        select i.id, i.tbl, t.place, sync_find(t, i.row) as r from (
            select * from sync_inbox where branch_id = me.branch_id and id > since and answer = 'ok' order by id limit up_to) i
        join sync_tables t on t.name = i.tbl
    ) as page;
    return jsonb_build_object('rows', given, 'more', n = up_to, 'cursor', coalesce(last_id, since));
end $$;

-- Compares a day's events (by UTC) with what the branch has sent of it: how many, the ledger's debits, a hash of the ids.
create function hq_audit(day date, told jsonb) returns jsonb
language plpgsql security definer set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
    me sync_branches := hq_session();
    mine jsonb;
begin
    if me.branch_id is null then
        return '{"refused": "not_enrolled"}';
    end if;
    select sync_sums(array_agg(id order by id), sum((row ->> 'amount')::numeric) filter (where tbl = 'ledger_entries' and (row ->> 'amount')::numeric > 0))
    into mine from sync_inbox where branch_id = me.branch_id and at >= day and at < day + 1;
    update sync_branches set audited_on = day, audit_agreed = (mine = told) where branch_id = me.branch_id;
    return jsonb_build_object('agreed', mine = told, 'sums', mine);
end $$;

-- ---------------------------------------------------------------- the relay's calls at the branch

create function relay_audit(day date) returns jsonb
language sql stable security definer set search_path = public, pg_temp set timezone = 'UTC' as $$
    select sync_sums(array_agg(id order by id), sum((row ->> 'amount')::numeric) filter (where tbl = 'ledger_entries' and (row ->> 'amount')::numeric > 0))
    from sync_outbox where answer is not null and reason is distinct from 'malformed' and at >= day and at < day + 1
$$;

-- The day was compared; where it differs, all of it is sent again.
create function relay_audited(day date, agreed boolean) returns void
language sql security definer set search_path = public, pg_temp set timezone = 'UTC' as $$
    update sync_node set audited_on = day;
    update sync_outbox set answer = null, waits = 0 where not agreed and answer is not null and at >= day and at < day + 1;
$$;

-- Remembers the headquarters. One that was restored has lost what came later: the feed is read anew, and everything that
-- was sent is sent again; what it still has, it knows by its id.
create function relay_met(met uuid) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    before uuid := (select epoch from sync_node);
begin
    if before is distinct from met then
        update sync_node set epoch = met, cursor = '0:0';
        if before is not null then
            update sync_outbox set answer = null, waits = 0 where answer is not null;
        end if;
    end if;
end $$;

-- From here on rows of this branch's own come back, a transaction's entries perhaps in two pages; and its end.
create function relay_takes_back(begins boolean) returns void
language sql security definer set search_path = public, pg_temp as $$
    update sync_node set takes_back = begins where mode = 'branch'
$$;

-- The next events to send, money first.
create function relay_take(up_to int, max_bytes bigint) returns jsonb
language sql stable security definer set search_path = public, pg_temp set timezone = 'UTC' as $$
    select coalesce(jsonb_agg(jsonb_build_object('id', id, 'seq', seq, 'tbl', tbl, 'op', op, 'row', row, 'base', base, 'at', at, 'waits', waits)
        order by waits, money desc, seq), '[]')
    from (
        select *, sum(octet_length(row::text)) over (order by waits, money desc, seq) - octet_length(row::text) as before
        from (select * from sync_outbox where answer is null order by waits, money desc, seq limit up_to) as next
    ) as batch where before < max_bytes
$$;

create function relay_answered(answers jsonb) returns void
language sql security definer set search_path = public, pg_temp as $$
    update sync_outbox o set
        sent_at = now(), waits = o.waits + (a.answer = 'wait')::int, answer = nullif(a.answer, 'wait'), reason = a.reason, conflicts = a.conflicts
    from jsonb_to_recordset(answers) as a (id uuid, answer text, reason text, conflicts jsonb)
    where o.id = a.id
$$;

-- Sends what headquarters keeps aside once more.
create function relay_resend(event uuid) returns void
language sql security definer set search_path = public, pg_temp as $$
    update sync_outbox set answer = null, waits = 0 where id = event and answer = 'quarantine'
$$;

create function relay_apply_one(e jsonb) returns void
language plpgsql set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
    t sync_tables;
    r jsonb;
    edit record;
begin
    select * into strict t from sync_tables where name = e ->> 'tbl' and owner <> 'local';
    r := sync_canonical(t, e -> 'row');
    if t.owner = 'shared' then
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
            r := sync_merge(sync_canonical(t, edit.base), r, sync_canonical(t, edit.row)) -> 'row';
        end loop;
    end if;
    if e ->> 'op' = 'delete' then
        perform sync_drop(t, r);
    elsif sync_find(t, r) is distinct from r then
        perform sync_put(t, jsonb_build_array(r), true);
    end if;
end $$;

-- Applies a page of the feed and moves the cursor, in one transaction. A row that cannot be applied is set aside and
-- tried again with every page.
create function relay_apply(rows jsonb, new_cursor text) returns int
language plpgsql security definer set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
    e record;
    why text;
    set_aside int := 0;
begin
    perform set_config('gatehouse.relay', 'on', true);
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

-- ---------------------------------------------------------------- joining

-- Puts up the triggers that this database's mode asks for, on every table that has an owner class; none for one that is
-- alone. Run after the migrations too: a new table joins by being declared.
create function sync_refresh() returns void language plpgsql set search_path = public, pg_temp as $$
declare
    t sync_tables;
    node_mode text := (select mode from sync_node);
    columns text;
    what text;
    wanted text;
begin
    update sync_tables s set key_columns = k.cols
    from (
        select c.relname, array_agg(a.attname::text order by array_position(i.indkey::int2[], a.attnum)) as cols
        from pg_index i join pg_class c on c.oid = i.indrelid join pg_attribute a on a.attrelid = c.oid and a.attnum = any (i.indkey)
        where i.indisprimary and c.relnamespace = 'public'::regnamespace group by 1
    ) k
    where k.relname = s.name and s.key_columns is distinct from k.cols;
    for t in select * from sync_tables where owner <> 'local' order by place loop
        select string_agg(format('%I', attname), ', ') into columns
        from pg_attribute where attrelid = t.name::regclass and attnum > 0 and not attisdropped and attname <> all (t.own_columns);
        -- A comment says what a table's triggers were made for: as long as that is the same, no table is locked.
        wanted := case when node_mode <> 'alone' then
            md5(format('%s %s %s %s %s %s %s', node_mode, t.owner, t.feeds, t.money, t.own_columns, t.key_columns, columns)) end;
        continue when wanted is not distinct from (select max(obj_description(oid, 'pg_trigger')) from pg_trigger
            where tgrelid = t.name::regclass and tgname like 'sync\_%');
        for what in select tgname from pg_trigger where tgrelid = t.name::regclass and tgname like 'sync\_%' and not tgisinternal loop
            execute format('drop trigger %I on %I', what, t.name);
        end loop;
        continue when node_mode = 'alone';
        if node_mode = 'branch' and t.owner = 'headquarters' then
            execute format('create trigger sync_refuse before insert or delete or update of %s on %I for each statement execute function sync_refuse()',
                columns, t.name);
            execute format('comment on trigger sync_refuse on %I is %L', t.name, wanted);
            continue;
        end if;
        foreach what in array array['insert', 'update', 'delete'] loop
            execute format('create trigger %I after %s on %I referencing %s for each statement execute function %s',
                'sync_' || what, what, t.name,
                case what when 'insert' then 'new table as n' when 'update' then 'old table as o new table as n' else 'old table as o' end,
                case node_mode when 'branch' then format('sync_queue(%L, %L, %L)', t.money, t.own_columns, t.key_columns)
                    else format('sync_publish(%L, %L, %L)', t.owner, t.feeds, t.own_columns) end);
            execute format('comment on trigger %I on %I is %L', 'sync_' || what, t.name, wanted);
        end loop;
    end loop;
end $$;

-- Makes this database the headquarters. What is here already is fed to the branches.
create function sync_found(epoch uuid) returns void language plpgsql set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
    t sync_tables;
begin
    update sync_node set mode = 'headquarters', epoch = sync_found.epoch where mode = 'alone';
    if not found then
        raise exception 'this database has joined already' using errcode = 'check_violation', constraint = 'sync_joined';
    end if;
    perform sync_refresh();
    for t in select * from sync_tables where owner <> 'local' order by place loop
        execute format('select sync_feed_rows($1, coalesce(jsonb_agg(to_jsonb(x) order by %s), ''[]''), null) from %I x',
            (select string_agg(format('%I', c), ', ') from unnest(t.key_columns) c), t.name) using t;
    end loop;
    -- Members who are registered here get numbers that the branch does not reach.
    update branches set next_member_seq = next_member_seq + 500000;
end $$;

-- Makes this database a branch. What is here already is queued, as it is; where it founds the headquarters, its plans and
-- prices too.
create function sync_join(branch uuid, incarnation uuid, founds boolean) returns void
language plpgsql set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
    t sync_tables;
    others bigint;
begin
    if (select mode from sync_node) <> 'alone' then
        raise exception 'this database has joined already' using errcode = 'check_violation', constraint = 'sync_joined';
    end if;
    select count(*) into others from (
        select branch_id from ledger_transactions union select branch_id from entries union select branch_id from subscriptions) as b
    where branch_id <> branch;
    if others > 0 then
        raise exception 'this database serves several branches' using errcode = 'check_violation', constraint = 'sync_one_branch';
    end if;
    update sync_node set mode = 'branch', branch_id = branch, incarnation = sync_join.incarnation;
    perform sync_refresh();
    for t in select * from sync_tables where owner in ('branch', 'shared') or (owner = 'headquarters' and founds) order by place loop
        execute format('insert into sync_outbox (id, tbl, key, op, row, money) select sync_event_id(), %L, sync_key(r, $1), ''insert'', r, %L '
            || 'from (select to_jsonb(x) - $2 as r from %I x order by %s) as y', t.name, t.money, t.name,
            (select string_agg(format('%I', c), ', ') from unnest(t.key_columns) c))
        using t.key_columns, t.own_columns;
    end loop;
end $$;

-- After a restore, before anything else is done with the database: a branch is another one than its headquarters knows, a
-- headquarters another one than its branches know. Transactions of the new server may be numbered from the beginning.
create function sync_restored(anew uuid) returns void language plpgsql set search_path = public, pg_temp as $$
begin
    update sync_node set incarnation = case mode when 'branch' then anew end, epoch = case mode when 'headquarters' then anew else epoch end;
    update sync_feed set xid = '0';
end $$;

-- At headquarters: lets a role in as a branch.
create function sync_enrol(branch uuid, login name, founds boolean) returns void language plpgsql set search_path = public, pg_temp as $$
begin
    insert into sync_branches (branch_id, role, founds) values (branch, login, founds);
    execute format('grant execute on function hq_hello(bigint, uuid, jsonb), hq_push(jsonb), hq_pull(text, int), hq_own(uuid, int), hq_audit(date, jsonb) to %I', login);
end $$;

do $$ begin perform sync_refresh(); end $$;
revoke execute on function sync_event_id, sync_canonical, sync_find, sync_drop, sync_put, sync_branch_of, sync_feed_rows, hq_session, hq_hello,
    hq_apply, hq_take, hq_push, hq_pull, hq_own, hq_audit, relay_audit, relay_audited, relay_met, relay_takes_back, sync_restored, relay_take, relay_answered, relay_resend, relay_apply_one, relay_apply, sync_refresh,
    sync_found, sync_join, sync_enrol, sync_version from public;

-- ---------------------------------------------------------------- rules of one database that a relay need not meet again

-- A branch's ledger was balanced when it was written there; it may arrive in several batches, and `verify` reads it through.
-- Definer: at a headquarters the session may be a branch's, which reads nothing.
create or replace function ledger_balances() returns trigger language plpgsql security definer as $$
begin
    -- Per entry, in its own currency: all of them together see every currency. Part of every sale, so only one that is off is
    -- asked where it comes from.
    if (select sum(amount) from public.ledger_entries where transaction_id = new.transaction_id and currency = new.currency) <> 0 then
        if exists (select from public.sync_branches where role = session_user)
            or exists (select from public.sync_node where takes_back) then
            return null;
        end if;
        raise exception 'ledger transaction % does not balance', new.transaction_id
            using errcode = 'check_violation', constraint = 'ledger_entries_balance';
    end if;
    return null;
end $$;

-- What is left of a voucher comes with its row.
create or replace function voucher_spent() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
begin
    if sync_relaying() then
        return null;
    end if;
    update vouchers set left_amount = left_amount - new.amount where id = new.voucher_id and currency = new.currency;
    if not found then
        raise exception 'voucher in another currency' using errcode = 'check_violation', constraint = 'payments_voucher_currency';
    end if;
    return null;
end $$;
create or replace function voucher_refilled() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
begin
    if sync_relaying() then
        return null;
    end if;
    update vouchers set left_amount = left_amount + new.amount
    where id = (select voucher_id from payments where id = new.payment_id) and currency = new.currency;
    if not found then
        raise exception 'the payment was made with no voucher' using errcode = 'check_violation', constraint = 'refunds_voucher_named';
    end if;
    return null;
end $$;
create or replace function voucher_taken_back() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
begin
    if sync_relaying() then
        return null;
    end if;
    update vouchers set left_amount = left_amount - new.amount where charge_id = new.charge_id;
    return null;
end $$;
