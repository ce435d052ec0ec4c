-- Who may log in, as what, and from where.
create table accounts (
    id uuid constraint accounts_pkey primary key,
    full_name text not null,
    -- Normalised: lower case.
    username text constraint accounts_username_key unique,
    email text constraint accounts_email_key unique,
    -- Normalised: E.164.
    phone text constraint accounts_phone_key unique,
    password_hash text,
    pin_hash text,
    locale text not null default 'en',
    failed_pins smallint not null default 0,
    pin_blocked_until timestamptz,
    failed_logins smallint not null default 0,
    login_blocked_until timestamptz,
    created_at timestamptz not null,
    suspended_at timestamptz,
    deleted_at timestamptz,
    constraint accounts_some_login check (deleted_at is not null or username is not null or email is not null or phone is not null)
);

-- One account can be trainer and member at once.
create table profiles (
    account_id uuid not null constraint profiles_account_fkey references accounts (id),
    kind text not null constraint profiles_kind_known
        check (kind in ('owner', 'manager', 'reception', 'accountant', 'trainer', 'store_keeper', 'member')),
    created_at timestamptz not null,
    constraint profiles_pkey primary key (account_id, kind)
);

create table sessions (
    id uuid constraint sessions_pkey primary key,
    account_id uuid not null constraint sessions_account_fkey references accounts (id),
    -- SHA-256 of the token; the token itself is only with its holder.
    token_hash bytea not null constraint sessions_token_key unique,
    csrf_token text not null,
    device text not null,
    ip text,
    desk_id uuid constraint sessions_desk_fkey references desks (id),
    created_at timestamptz not null,
    last_seen_at timestamptz not null,
    second_factor_at timestamptz,
    locked_at timestamptz,
    revoked_at timestamptz
);
create index sessions_account_idx on sessions (account_id) where revoked_at is null;

-- The permission matrix: a row is a permission granted.
create table role_permissions (
    role text not null,
    permission text not null,
    constraint role_permissions_pkey primary key (role, permission)
);

create table audit_log (
    id uuid constraint audit_log_pkey primary key,
    at timestamptz not null,
    branch_id uuid,
    account_id uuid,
    desk_id uuid,
    act text not null,
    subject_kind text not null,
    subject_id uuid,
    before jsonb,
    after jsonb
);
create index audit_log_subject_idx on audit_log (subject_id, at);

-- The first answer of every money write, by the caller's key: a retry gets it again.
create table idempotency_keys (
    key uuid constraint idempotency_keys_pkey primary key,
    command text not null,
    -- SHA-256 of the request: the same key with other content is an error.
    request_digest bytea not null,
    response jsonb not null,
    at timestamptz not null
);
