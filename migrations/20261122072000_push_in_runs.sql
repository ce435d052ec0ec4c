-- What a branch sends is taken table by table instead of row by row, and an event knows its transaction.

-- ---------------------------------------------------------------- at a branch

alter table sync_outbox
    -- The transaction that wrote it: headquarters gets a sale whole or not at all, also from a branch whose database is put
    -- back between two batches. Null: known only from headquarters that did not know it either; an event by itself.
    add column xid xid8 default pg_current_xact_id();

-- ---------------------------------------------------------------- at headquarters

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

revoke execute on function sync_owner_of, hq_put_run from public;
