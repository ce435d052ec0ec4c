create table files (
    id uuid constraint files_pkey primary key,
    mime text not null,
    size_bytes bigint not null constraint files_size_positive check (size_bytes > 0),
    sha256 bytea not null,
    -- Random name below the data folder's files/.
    storage_name text not null constraint files_storage_name_key unique,
    created_at timestamptz not null,
    created_by uuid
);

create table members (
    id uuid constraint members_pkey primary key,
    home_branch_id uuid not null constraint members_branch_fkey references branches (id),
    -- Branch code + sequence + Damm check digit.
    number text not null,
    full_name text not null constraint members_name_length check (char_length(full_name) between 1 and 200),
    native_name text constraint members_native_name_length check (char_length(native_name) between 1 and 200),
    -- Normalised: E.164. Families share phones, so not unique.
    phone text,
    email text,
    birth_date date,
    sex text constraint members_sex_known check (sex in ('female', 'male')),
    photo_file_id uuid constraint members_photo_fkey references files (id),
    emergency_name text,
    emergency_phone text,
    goal text,
    fitness_level text constraint members_fitness_level_known check (fitness_level in ('beginner', 'intermediate', 'advanced')),
    health_conditions text,
    notes text,
    tags text[] not null default '{}',
    custom_fields jsonb not null default '{}',
    -- Channel to consent: {"email": true, "sms": false, "whatsapp": false}.
    consent jsonb not null default '{}',
    language text not null default 'en',
    created_at timestamptz not null,
    updated_at timestamptz not null,
    suspended_at timestamptz,
    deleted_at timestamptz,
    constraint members_number_key unique (number, home_branch_id)
);
create index members_phone_idx on members (phone);
create index members_email_idx on members (email);
create index members_created_idx on members (created_at desc, id);

create table member_notes (
    id uuid constraint member_notes_pkey primary key,
    member_id uuid not null constraint member_notes_member_fkey references members (id),
    body text not null constraint member_notes_body_length check (char_length(body) between 1 and 1000),
    -- 'remind' shows at the door, 'block' refuses entry until resolved.
    at_door text not null constraint member_notes_at_door_known check (at_door in ('none', 'remind', 'block')),
    created_at timestamptz not null,
    created_by uuid,
    resolved_at timestamptz,
    resolved_by uuid
);
create index member_notes_open_idx on member_notes (member_id) where resolved_at is null;

create table measurements (
    id uuid constraint measurements_pkey primary key,
    member_id uuid not null constraint measurements_member_fkey references members (id),
    -- weight (grams), height (millimetres), chest, waist, hips (millimetres), body_fat (hundredths of a percent), or an own kind
    kind text not null constraint measurements_kind_length check (char_length(kind) between 1 and 40),
    value bigint not null constraint measurements_value_positive check (value > 0),
    measured_on date not null,
    created_at timestamptz not null,
    created_by uuid
);
create index measurements_member_idx on measurements (member_id, kind, measured_on desc, created_at desc);

-- What a member is found by: one row for each way to start typing. Kept by the members service.
--   n  folded name, rotated so that every word stands first once
--   p  digits of the phone, reversed (the tail is what people say)
--   e  e-mail   m  member number   c  card alias
create table member_search_keys (
    member_id uuid not null constraint member_search_keys_member_fkey references members (id),
    kind "char" not null,
    key text collate "C" not null,
    constraint member_search_keys_pkey primary key (kind, key, member_id)
);
create index member_search_keys_member_idx on member_search_keys (member_id);

-- Spellings one deletion away from a name's prefix: finding a typo is an exact look-up.
create table name_prefixes (
    variant text collate "C" not null,
    prefix text collate "C" not null,
    constraint name_prefixes_pkey primary key (variant, prefix)
);
