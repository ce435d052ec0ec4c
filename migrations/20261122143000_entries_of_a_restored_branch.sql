-- A branch that was put back from a backup lets people in before it has its own rows back, and counts their entries from where
-- the backup left off: as with visits, the running number holds among the rows that a database has made itself.
alter table entries
    add column made_here boolean default true constraint entries_made_here check (made_here),
    drop constraint entries_seq_key,
    add constraint entries_seq_key unique (branch_id, member_id, seq, made_here);
update sync_tables set own_columns = '{made_here}' where name = 'entries';
select sync_refresh();
