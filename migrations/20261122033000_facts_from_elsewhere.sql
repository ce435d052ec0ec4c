-- Numbers that are counted up in one database meet when databases meet: two branches without a network give the same visit
-- number, or the same sequence number to what happens to one subscription. `made_here` is true for rows made in this
-- database and null for rows that a relay brought; nulls never collide. Of two desks in one database, still only one can
-- take a number.
alter table subscription_events
    add column made_here boolean default true constraint subscription_events_made_here check (made_here),
    drop constraint subscription_events_seq_key,
    add constraint subscription_events_seq_key unique (subscription_id, seq, made_here);
drop index subscription_events_about_key;
create unique index subscription_events_about_key on subscription_events (about_event_id, made_here) where about_event_id is not null;
alter table visit_uses
    add column made_here boolean default true constraint visit_uses_made_here check (made_here),
    drop constraint visit_uses_visit_no_key,
    add constraint visit_uses_visit_no_key unique (subscription_id, visit_no, made_here) include (business_day, entry_id);
