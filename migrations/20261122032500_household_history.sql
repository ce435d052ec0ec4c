-- Whoever left a household is found by their own history too.
create index household_members_member_idx on household_members (member_id);
