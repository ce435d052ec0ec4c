-- What a desk tells about its headquarters, and what an outage leaves to be looked through. The relay's own tables stay as
-- they are; a decision about an event is a row of the audit log, which goes to whoever has the event by itself.

-- At a branch: how the relay fares.
create table sync_contact (
    one boolean not null default true constraint sync_contact_pkey primary key constraint sync_contact_only_one check (one),
    -- When a round began that headquarters has answered at all.
    reached_at timestamptz,
    -- When the last round was done.
    at timestamptz,
    -- The clock here less that of headquarters.
    clock_skew_ms bigint,
    -- The end of the queue when the last round that was done began: what comes after it was written since.
    mark bigint not null default 0,
    rounds bigint not null default 0,
    failures bigint not null default 0,
    -- Since the last round that was done, rounds were tried and failed.
    failing_since timestamptz,
    failure text
);
insert into sync_contact default values;

-- At a branch: a time without headquarters in which something was queued, and who has looked it through afterwards.
create table sync_outages (
    id uuid constraint sync_outages_pkey primary key,
    began_at timestamptz not null,
    ended_at timestamptz not null,
    -- What was queued meanwhile.
    first_seq bigint not null,
    last_seq bigint not null,
    signed_at timestamptz,
    signed_by uuid,
    note text,
    constraint sync_outages_in_order check (began_at < ended_at and first_seq <= last_seq),
    constraint sync_outages_signed_by_somebody check ((signed_at is null) = (signed_by is null))
);
create index sync_outages_ended_idx on sync_outages (ended_at desc);

-- Two records that look like one person, once somebody has said whether they are. The smaller id comes first.
create table member_pairs (
    member_id uuid not null constraint member_pairs_member_fkey references members (id),
    other_id uuid not null constraint member_pairs_other_fkey references members (id),
    verdict text not null constraint member_pairs_verdict_known check (verdict in ('different', 'same')),
    -- Of the same person: the record that was taken out of use.
    duplicate_id uuid constraint member_pairs_duplicate_fkey references members (id),
    at timestamptz not null,
    account_id uuid,
    constraint member_pairs_pkey primary key (member_id, other_id),
    constraint member_pairs_in_order check (member_id < other_id),
    constraint member_pairs_duplicate_is_one check (
        (verdict = 'same') = (duplicate_id is not null) and (duplicate_id is null or duplicate_id in (member_id, other_id)))
);

insert into sync_tables (name, owner) values
    ('member_pairs', 'shared'), ('sync_contact', 'local'), ('sync_outages', 'local');

-- Small, whatever has been sent: the pages that count them are open all day.
create index sync_outbox_aside_idx on sync_outbox (seq) where answer = 'quarantine';
create index sync_outbox_conflicts_idx on sync_outbox (seq) where conflicts is not null;
create index sync_conflicts_event_idx on sync_conflicts (event_id);
-- Which events somebody has decided about.
create index audit_log_sync_idx on audit_log (subject_id) where subject_kind = 'sync_event';
