create table passes (
    id uuid constraint passes_pkey primary key,
    -- The 8 random bytes inside the code.
    pass_id bytea not null constraint passes_pass_id_key unique constraint passes_pass_id_length check (length(pass_id) = 8),
    member_id uuid not null constraint passes_member_fkey references members (id),
    kind text not null constraint passes_kind_known check (kind in ('card', 'live')),
    secret bytea not null constraint passes_secret_length check (length(secret) = 32),
    device text,
    issued_at timestamptz not null,
    issued_by uuid,
    revoked_at timestamptz,
    revoked_reason text
);
create index passes_member_idx on passes (member_id);

-- Codes of an older system, and plain barcodes, that stand for a pass.
create table pass_aliases (
    code text constraint pass_aliases_pkey primary key constraint pass_aliases_code_length check (char_length(code) between 3 and 128),
    pass_id uuid not null constraint pass_aliases_pass_fkey references passes (id),
    created_at timestamptz not null,
    created_by uuid
);
create index pass_aliases_pass_idx on pass_aliases (pass_id);

-- Every scan, refused ones too. The id is the caller's nonce: a retry finds its own row.
create table scans (
    id uuid constraint scans_pkey primary key,
    branch_id uuid not null,
    desk_id uuid not null,
    account_id uuid,
    source text not null constraint scans_source_known
        check (source in ('webcam', 'wedge', 'serial', 'typed', 'search', 'picture', 'cli')),
    at timestamptz not null,
    business_day date not null,
    pass_id uuid,
    member_id uuid,
    -- First characters of what was read, when it led to no member.
    code_hint text,
    outcome text not null constraint scans_outcome_known check (outcome in ('admitted', 'refused', 'attention')),
    -- Typed reasons as the verdict gave them.
    reasons jsonb not null,
    entry_id uuid,
    -- Why somebody let the member in all the same.
    override_reason text
);
create index scans_feed_idx on scans (branch_id, at desc);
create index scans_member_idx on scans (member_id, at desc) where member_id is not null;

create table entries (
    id uuid constraint entries_pkey primary key,
    branch_id uuid not null,
    member_id uuid not null,
    -- Running number of the member's entries at the branch: of two simultaneous admissions one takes it,
    -- the other finds it taken and decides again.
    seq int not null,
    scan_id uuid not null constraint entries_scan_key unique,
    desk_id uuid not null,
    account_id uuid,
    at timestamptz not null,
    business_day date not null,
    subscription_id uuid,
    override_reason text,
    constraint entries_seq_key unique (branch_id, member_id, seq)
);
create index entries_member_idx on entries (member_id, at desc);
create index entries_branch_idx on entries (branch_id, at desc);

create table exits (
    entry_id uuid constraint exits_pkey primary key constraint exits_entry_fkey references entries (id),
    branch_id uuid not null,
    at timestamptz not null,
    desk_id uuid,
    account_id uuid
);

-- An undone entry stays; this row takes it back, and the visit with it.
create table entry_voids (
    entry_id uuid constraint entry_voids_pkey primary key constraint entry_voids_entry_fkey references entries (id),
    branch_id uuid not null,
    at timestamptz not null,
    account_id uuid,
    reason text
);

create table visit_uses (
    id uuid constraint visit_uses_pkey primary key,
    branch_id uuid not null,
    subscription_id uuid not null,
    -- Counts up over all uses in this database, undone ones too: of two simultaneous scans, at whatever desk or
    -- branch, only one can take it.
    visit_no int not null,
    entry_id uuid not null constraint visit_uses_entry_key unique constraint visit_uses_entry_fkey references entries (id),
    business_day date not null,
    -- The door lists the days a subscription's visits were used on from this index alone: with years of visits, each
    -- of their rows is on a page of its own.
    constraint visit_uses_visit_no_key unique (subscription_id, visit_no) include (business_day, entry_id)
);

-- Visits already used in an older system before a subscription was taken over are in its 'taken_over' event.

-- A live pass's step is used up by an admission, once per branch.
create table pass_steps (
    branch_id uuid not null,
    pass_id uuid not null constraint pass_steps_pass_fkey references passes (id),
    step bigint not null,
    entry_id uuid not null,
    constraint pass_steps_pkey primary key (branch_id, pass_id, step)
);
