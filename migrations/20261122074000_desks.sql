-- Other desks of the branch: machines without a database of their own, which use this one through the app.

-- One-time codes that make a machine a desk. A code is short-lived; what is stored of it proves nothing afterwards.
create table desk_codes (
    id uuid constraint desk_codes_pkey primary key,
    -- SHA-256 of the code: what both ends prove to each other that they know.
    key bytea not null constraint desk_codes_key_length check (length(key) = 32),
    created_by uuid constraint desk_codes_created_by_fkey references accounts (id),
    created_at timestamptz not null,
    expires_at timestamptz not null constraint desk_codes_expire check (expires_at > created_at),
    -- Wrong proofs; after a few the code is void, so that nobody can try them all.
    wrong int not null default 0,
    -- A code makes one desk, or is replaced by a newer one.
    ended_at timestamptz
);
-- One code at a time.
create unique index desk_codes_only_one on desk_codes ((true)) where ended_at is null;

create table paired_desks (
    id uuid constraint paired_desks_pkey primary key,
    desk_id uuid not null constraint paired_desks_desk_fkey references desks (id),
    -- SHA-256 of the token; the token itself is only with the desk.
    token_hash bytea not null constraint paired_desks_token_key unique,
    -- A code makes one desk, even when it is sent twice.
    code_id uuid not null constraint paired_desks_code_key unique constraint paired_desks_code_fkey references desk_codes (id),
    ip text,
    paired_at timestamptz not null,
    last_seen_at timestamptz not null,
    revoked_at timestamptz,
    revoked_by uuid constraint paired_desks_revoked_by_fkey references accounts (id)
);
-- A desk is one machine: pairing another under its name takes the name from the first.
create unique index paired_desks_one_machine on paired_desks (desk_id) where revoked_at is null;

insert into sync_tables (name, owner) values ('desk_codes', 'local'), ('paired_desks', 'local');
