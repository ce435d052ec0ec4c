-- A branch is let in by a code that is used once. It gives the branch a login role of its own, or, where the server forbids
-- making roles, a token for the one role that all branches share. Either may run the `hq_` functions and nothing else.

-- At headquarters: how branches reach this database.
create table sync_reach (
    one boolean not null default true constraint sync_reach_pkey primary key constraint sync_reach_only_one check (one),
    host text not null constraint sync_reach_host_length check (length(host) between 1 and 253),
    port int not null constraint sync_reach_port_range check (port between 1 and 65535),
    -- Where only the server's administrator makes roles: the one that branches share.
    shared_role name
);

-- At headquarters: what lets a branch in once.
create table sync_codes (
    -- SHA-256; the code itself is only with whoever was given it.
    secret_hash bytea constraint sync_codes_pkey primary key,
    branch_id uuid not null,
    made_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null,
    used_at timestamptz
);
create index sync_codes_branch_idx on sync_codes (branch_id);

alter table sync_branches
    -- What it is called until its own row has come.
    add column label text,
    -- It logs in as the shared role, and its session carries a token.
    add column by_token boolean not null default false,
    -- SHA-256 of the token.
    add column token_hash bytea constraint sync_branches_token_key unique,
    drop constraint sync_branches_role_key;
create unique index sync_branches_role_key on sync_branches (role) where not by_token;

-- At a branch: the way to its headquarters.
create table sync_link (
    one boolean not null default true constraint sync_link_pkey primary key constraint sync_link_only_one check (one),
    -- SHA-256 of the code: the same one, given again after a cut, goes on where it was.
    code_hash bytea not null,
    host text not null,
    port int not null,
    database text not null,
    login text not null,
    -- Encrypted: the login's password, and the token where it is shared.
    secret bytea not null,
    -- What the server's certificate is checked against.
    ca_pem text not null,
    made_at timestamptz not null,
    -- Null while headquarters has perhaps not answered yet.
    joined_at timestamptz
);

-- At headquarters: the branch that an account came from. Of an account that is not here headquarters itself takes care.
create table sync_staff (
    account_id uuid constraint sync_staff_pkey primary key,
    branch_id uuid not null
);
insert into sync_staff
select distinct on (row ->> 'id') (row ->> 'id')::uuid, branch_id from sync_inbox
where tbl = 'accounts' and op = 'insert' and answer = 'ok' order by row ->> 'id', id;

insert into sync_tables (name, owner) values
    ('sync_reach', 'local'), ('sync_codes', 'local'), ('sync_link', 'local'), ('sync_staff', 'local');

-- ---------------------------------------------------------------- who calls

-- The branch of this session; null when there is none, which is written down. A shared login counts only with a branch's
-- token, which the session brings along as a setting: whoever has it is the branch, whatever was in that session before.
create or replace function hq_session() returns sync_branches
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    me sync_branches;
begin
    select * into me from sync_branches
    where role = session_user
      and (not by_token or token_hash = sha256(convert_to(current_setting('gatehouse.token', true), 'UTF8')))
    for update;
    if me.branch_id is null or me.revoked_at is not null then
        insert into sync_refusals (branch_id, reason) values (me.branch_id, case when me.branch_id is null then 'unknown' else 'revoked' end);
        return null;
    end if;
    return me;
end $$;

-- Uses a code up. `new_secret` is from now on the password of the branch's role, or its token; `gym` and `branch` are what the
-- installation that joins is already, null for an empty one.
create function hq_redeem(secret text, new_secret text, gym uuid, branch uuid) returns jsonb
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    code sync_codes;
    me sync_branches;
    here uuid := (select id from gyms);
    why text;
begin
    select * into code from sync_codes where secret_hash = sha256(convert_to(secret, 'UTF8')) for update;
    select * into me from sync_branches b where b.branch_id = code.branch_id and b.role = session_user for update;
    why := case
        when me.branch_id is null or coalesce(length(new_secret), 0) not between 32 and 200 then 'code_unknown'
        when me.revoked_at is not null then 'revoked'
        when code.used_at is not null then 'code_used'
        when code.expires_at <= clock_timestamp() then 'code_expired'
        -- Nothing is used up by a mistake that can be put right.
        when gym is not null and here is not null and gym <> here then 'another_gym'
        when gym is not null and here is null and not me.founds then 'not_founded'
        when gym is null and here is null then 'nothing_to_found'
        when gym is not null and here is not null and branch <> me.branch_id then 'another_branch'
    end;
    if why is not null then
        insert into sync_refusals (branch_id, reason) values (me.branch_id, why);
        return jsonb_build_object('refused', why);
    end if;
    if me.founds and here is null then
        -- Only now is it known which branch founds.
        update sync_branches b set branch_id = hq_redeem.branch where b.branch_id = me.branch_id;
        update sync_codes c set branch_id = hq_redeem.branch where c.branch_id = me.branch_id;
        me.branch_id := branch;
    end if;
    update sync_codes c set used_at = clock_timestamp() where c.secret_hash = code.secret_hash;
    if me.by_token then
        update sync_branches b set token_hash = sha256(convert_to(new_secret, 'UTF8')) where b.branch_id = me.branch_id;
    else
        execute format('alter role %I password %L valid until %L', me.role, new_secret, 'infinity');
    end if;
    return jsonb_build_object('branch_id', me.branch_id, 'founds', me.founds and here is null);
end $$;

-- A batch as it comes over the wire. What is too large is not read, only written down.
create function hq_send(batch text) returns jsonb
language plpgsql security definer set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
    me sync_branches := hq_session();
    events jsonb;
begin
    if me.branch_id is null then
        return '{"refused": "not_enrolled"}';
    elsif octet_length(batch) > 32 * 1024 * 1024 then
        insert into sync_refusals (branch_id, reason, detail)
        values (me.branch_id, 'too_much', jsonb_build_object('bytes', octet_length(batch)));
        return '{"refused": "too_much"}';
    end if;
    begin
        events := batch::jsonb;
    exception when others then
        insert into sync_refusals (branch_id, reason) values (me.branch_id, 'malformed');
        return '{"refused": "malformed"}';
    end;
    return hq_push(events);
end $$;

-- ---------------------------------------------------------------- who may become what

-- What a branch may not do to accounts and profiles, although they are shared: else whoever holds one branch's database holds
-- the gym. Each rule is a named refusal, which sets the event aside until headquarters decides.
create function branch_of_session() returns sync_branches
language sql stable security definer set search_path = public, pg_temp as $$
    select b from sync_branches b
    where b.branch_id = nullif(current_setting('gatehouse.origin', true), '')::uuid and not b.founds
$$;

-- Settings, staff and roles: who may do these can give himself everything else.
create function rules_the_gym(kind text) returns boolean
language sql stable security definer set search_path = public, pg_temp as $$
    select kind = 'owner' or exists (
        select from role_permissions where role = kind and permission in ('edit_settings', 'manage_staff', 'manage_roles'))
$$;

create function is_staff_of(account uuid, branch uuid) returns boolean
language sql stable security definer set search_path = public, pg_temp as $$
    select exists (select from sync_staff where account_id = account and branch_id = branch)
$$;

create function guard_profiles() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
declare
    me sync_branches := branch_of_session();
    touched profiles := case when tg_op = 'DELETE' then old else new end;
begin
    if me.branch_id is not null then
        if rules_the_gym(touched.kind) or (tg_op = 'UPDATE' and rules_the_gym(old.kind)) then
            raise exception 'a branch makes nobody %', touched.kind
                using errcode = 'check_violation', constraint = 'branch_grants_no_rule';
        elsif not is_staff_of(touched.account_id, me.branch_id) then
            raise exception 'an account of another branch'
                using errcode = 'check_violation', constraint = 'branch_keeps_to_its_staff';
        end if;
    end if;
    return touched;
end $$;
create trigger profiles_guarded before insert or update or delete on profiles
    for each row execute function guard_profiles();

create function guard_credentials() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
declare
    me sync_branches := branch_of_session();
begin
    if me.branch_id is null then
        null;
    elsif not is_staff_of(old.id, me.branch_id) then
        raise exception 'an account of another branch'
            using errcode = 'check_violation', constraint = 'branch_keeps_to_its_staff';
    elsif exists (select from profiles where account_id = old.id and rules_the_gym(kind)) then
        raise exception 'an account that rules the gym'
            using errcode = 'check_violation', constraint = 'branch_takes_no_rule';
    end if;
    return coalesce(new, old);
end $$;
create trigger accounts_guarded before update on accounts for each row
    when ((old.id, old.username, old.email, old.phone, old.password_hash, old.pin_hash, old.suspended_at, old.deleted_at)
        is distinct from (new.id, new.username, new.email, new.phone, new.password_hash, new.pin_hash, new.suspended_at, new.deleted_at))
    execute function guard_credentials();
create trigger accounts_stay before delete on accounts for each row execute function guard_credentials();

create function note_staff() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
declare
    origin uuid := nullif(current_setting('gatehouse.origin', true), '')::uuid;
begin
    if origin is not null then
        insert into sync_staff (account_id, branch_id) values (new.id, origin) on conflict do nothing;
    end if;
    return null;
end $$;
create trigger accounts_noted after insert on accounts for each row execute function note_staff();

-- ---------------------------------------------------------------- letting in

-- What a branch's role may run here.
create function sync_grant(login name) returns void language plpgsql set search_path = public, pg_temp as $$
begin
    execute format('grant execute on function hq_hello(bigint, uuid, jsonb), hq_send(text), hq_pull(text, int), hq_own(uuid, int), '
        || 'hq_audit(date, jsonb), hq_redeem(text, text, uuid, uuid) to %I', login);
    -- Who was let in by the release before keeps `hq_push`, which that release calls.
end $$;

create or replace function sync_enrol(branch uuid, login name, founds boolean) returns void
language plpgsql set search_path = public, pg_temp as $$
begin
    insert into sync_branches (branch_id, role, founds) values (branch, login, founds);
    perform sync_grant(login);
end $$;
do $$ begin perform sync_grant(role) from sync_branches; end $$;

-- Headquarters' own act: a new code for a branch. What let it in before is void from now on. Gives the role to log in as.
create function office_enrol(branch uuid, called text, secret text, expires timestamptz) returns name
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    shared name := (select shared_role from sync_reach);
    login name;
    former name;
begin
    if (select mode from sync_node) <> 'headquarters' then
        raise exception 'this database is no headquarters' using errcode = 'check_violation', constraint = 'sync_no_headquarters';
    end if;
    if shared is not null then
        login := shared;
        if not exists (select from pg_roles where rolname = shared and rolcanlogin and not rolsuper) then
            raise exception 'the shared role is not there' using errcode = 'check_violation', constraint = 'sync_shared_role';
        end if;
    else
        -- The code names the branch, and by that the role.
        login := 'gatehouse_' || replace(branch::text, '-', '');
        -- The one that founded had another, before anybody knew which branch it was.
        select role into former from sync_branches where branch_id = branch and not by_token and role <> login and role like 'gatehouse\_%';
        if former is not null then
            execute format('alter role %I nologin', former);
        end if;
        if not exists (select from pg_roles where rolname = login) then
            execute format('create role %I login noinherit nosuperuser nocreatedb nocreaterole connection limit 8', login);
        end if;
        execute format('alter role %I password %L valid until %L', login, secret, expires);
    end if;
    execute format('grant connect on database %I to %I', current_database(), login);
    perform sync_grant(login);
    insert into sync_branches (branch_id, role, founds, label, by_token)
    values (branch, login, not exists (select from gyms), called, shared is not null)
    on conflict (branch_id) do update set role = excluded.role, by_token = excluded.by_token, label = excluded.label, token_hash = null,
        revoked_at = null, enrolled_at = clock_timestamp();
    delete from sync_codes where branch_id = branch and used_at is null;
    insert into sync_codes (secret_hash, branch_id, expires_at) values (sha256(convert_to(secret, 'UTF8')), branch, expires);
    return login;
end $$;

-- Its next call is refused, whatever it has open. False when there is no such branch.
create function office_revoke(branch uuid) returns boolean
language plpgsql security definer set search_path = public, pg_temp as $$
begin
    update sync_branches set revoked_at = coalesce(revoked_at, clock_timestamp()), token_hash = null where branch_id = branch;
    delete from sync_codes where branch_id = branch and used_at is null;
    return exists (select from sync_branches where branch_id = branch);
end $$;

-- ---------------------------------------------------------------- joining

-- Why this database cannot become that branch; null when it can.
create function sync_hindrance(branch uuid) returns text language sql stable set search_path = public, pg_temp as $$
    select case
        when (select mode from sync_node) <> 'alone' then 'sync_joined'
        when exists (
            select from (select branch_id from ledger_transactions union select branch_id from entries union select branch_id from subscriptions) b
            where branch_id <> branch) then 'sync_one_branch'
    end
$$;

-- As `sync_join`, for the app's role.
create function relay_join(branch uuid, incarnation uuid, founds boolean) returns void
language sql security definer set search_path = public, pg_temp set timezone = 'UTC' as $$
    select sync_join(branch, incarnation, founds)
$$;

revoke execute on function hq_redeem, hq_send, branch_of_session, is_staff_of, rules_the_gym, sync_grant, sync_enrol, office_enrol, office_revoke,
    sync_hindrance, relay_join from public;
