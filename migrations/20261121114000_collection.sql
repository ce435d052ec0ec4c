-- Collecting by itself what is due, never beside somebody who takes it at a desk.

-- What is still owed on a charge, held until the transaction ends; null where nothing is. Of somebody who pays and the job
-- that is about to charge, the second waits for the first and sees what it did.
create function hold_open_charge(charge uuid) returns bigint language sql security definer set search_path = public, pg_temp as $$
    select owed from open_charges where charge_id = charge for update
$$;
revoke execute on function hold_open_charge from public;

-- Part of every sale: without a `search_path` of its own, which would be set and put back at each call; so all names are
-- whole.
create or replace function settle_charge(charge uuid, paid bigint) returns void language plpgsql security definer as $$
begin
    delete from public.open_charges where charge_id = charge and owed = paid;
    if not found then
        update public.open_charges set owed = owed - paid where charge_id = charge;
        if not found then
            -- Two who take back what settled a charge at the same time: the second adds to the row that the first made.
            insert into public.open_charges (charge_id, member_id, payer_id, due_on, owed, currency)
            select id, member_id, payer_id, due_on, -paid, currency from public.charges where id = charge
            on conflict (charge_id) do update set owed = open_charges.owed + excluded.owed;
        end if;
    end if;
    -- While a gateway is charging for it, nobody else pays a charge or takes it back. Asked after the row was held, so that
    -- what the job did is seen.
    if paid > 0 and exists (
        select from public.payment_request_charges c join public.payment_requests r on r.id = c.request_id
        where c.charge_id = charge and r.is_automatic
          and (select kind from public.payment_request_events e where e.request_id = r.id order by seq desc limit 1) = 'sent')
    then
        raise exception 'a gateway is charging for it' using errcode = 'check_violation', constraint = 'collection_under_way';
    end if;
end $$;
create or replace function charge_opened() returns trigger language plpgsql security definer as $$
begin
    insert into public.open_charges (charge_id, member_id, payer_id, due_on, owed, currency)
    values (new.id, new.member_id, new.payer_id, new.due_on, new.amount, new.currency);
    return null;
end $$;
create or replace function payment_taken() returns trigger language plpgsql security definer as $$
begin
    insert into public.payment_balances (payment_id, payer_id, unallocated, refundable, currency)
    values (new.id, new.member_id, new.amount, new.amount, new.currency);
    return null;
end $$;
create or replace function payment_allocated() returns trigger language plpgsql security definer as $$
begin
    perform public.settle_charge(new.charge_id, new.amount);
    update public.payment_balances set unallocated = unallocated - new.amount where payment_id = new.payment_id;
    return null;
end $$;

-- Their rows are made by triggers of the row they name, which is never deleted.
alter table open_charges drop constraint open_charges_charge_fkey;
alter table payment_balances drop constraint payment_balances_payment_fkey;

-- Nothing looks these up; each cost a sale a page of its own. What is open is in small tables.
drop index ledger_entries_member_idx, charges_member_idx, charges_payer_idx, open_charges_due_idx;

-- Whoever left a method with a gateway left one; a newer one takes its place.
create unique index payment_mandates_one_key on payment_mandates (member_id, kind) where revoked_at is null;
alter table payment_mandates
    add column branch_id uuid constraint payment_mandates_branch_fkey references branches (id),
    -- The request with which it was left.
    add column request_id uuid constraint payment_mandates_request_fkey references payment_requests (id),
    add column revoked_by uuid;
alter table payment_mandates alter column branch_id set not null;

-- The payer agreed that the method be kept.
alter table payment_requests add column keep_method boolean not null default false;
