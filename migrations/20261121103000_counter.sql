-- What tills, products and bills are read by, and who may use them in a gym that runs already.
create index receipts_shift_idx on receipts (shift_id, number) include (transaction_id);
create index charges_transaction_idx on charges (transaction_id);
create index charge_credits_transaction_idx on charge_credits (transaction_id);
create index till_shifts_day_idx on till_shifts (branch_id, business_day);

-- Everything that moved money in a shift, whatever table it is in.
create view shift_movements as
select shift_id, id, transaction_id, 'payment'::text as kind, method, amount, currency, member_id, reference as text
from payments where shift_id is not null
union all
select r.shift_id, r.id, r.transaction_id, 'refund', r.method, r.amount, r.currency, p.member_id, r.reference
from refunds r join payments p on p.id = r.payment_id where r.shift_id is not null
union all
select shift_id, id, transaction_id, kind, 'cash', amount, currency, null, reason
from cash_movements
union all
select x.shift_id, x.expense_id, x.transaction_id, 'expense', x.method, e.amount, e.currency, null,
    case when e.supplier is null then e.description else e.supplier || ': ' || e.description end
from expense_payments x join expenses e on e.id = x.expense_id where x.shift_id is not null;

-- A gym that was set up before gets the new acts as a new one does.
insert into role_permissions (role, permission)
select role, unnest(permissions)
from (values
    ('owner', array['approve_expenses', 'cancel_subscriptions', 'cash_movement', 'close_till', 'edit_households', 'edit_products', 'enter_expenses', 'freeze_subscriptions', 'gift_days', 'move_stock', 'open_till', 'refund', 'sell_on_credit', 'transfer_subscriptions', 'waive_terms', 'write_off']),
    ('manager', array['approve_expenses', 'cancel_subscriptions', 'cash_movement', 'close_till', 'edit_households', 'edit_products', 'enter_expenses', 'freeze_subscriptions', 'gift_days', 'move_stock', 'open_till', 'refund', 'sell_on_credit', 'transfer_subscriptions', 'waive_terms', 'write_off']),
    ('reception', array['cancel_subscriptions', 'cash_movement', 'close_till', 'edit_households', 'enter_expenses', 'freeze_subscriptions', 'open_till']),
    ('accountant', array['approve_expenses', 'enter_expenses', 'refund', 'write_off']),
    ('store_keeper', array['edit_products', 'enter_expenses', 'move_stock'])
) as granted (role, permissions)
where exists (select from gyms)
on conflict do nothing;

-- A bill with its decision and its payment, and the state that follows from them.
create view expense_states as
select e.*, d.decision, d.reason as decision_reason, d.at as decided_at, d.account_id as decided_by,
    p.transaction_id, p.method, p.shift_id, p.reference,
    case when p.expense_id is not null then 'paid' when d.decision is null then 'waiting' else d.decision end as state
from expenses e
left join expense_decisions d on d.expense_id = e.id
left join expense_payments p on p.expense_id = e.id;
