//! Everything that happened to a member, in one list: who, when, where.
use crate::actor::Actor;
use crate::auth::model::Permission;
use crate::error::Error;
use crate::ids::ReceiptId;
use crate::members::wire::{ListTimeline, Timeline, TimelineKind, TimelineRow};
use crate::money::Money;
use crate::services::Services;

/// Rows of one page at most.
const PAGE: i64 = 50;

/// A page of the list, newest first. Amounts are for those who may see money.
#[expect(clippy::too_many_lines, reason = "one question, a part for each kind of row")]
pub async fn timeline(services: &Services, actor: &Actor, request: ListTimeline) -> Result<Timeline, Error> {
    actor.require(Permission::ViewMembers)?;
    let limit = request.limit.unwrap_or(PAGE).clamp(1, 200);
    let with_amounts = actor.require(Permission::SeeMoney).is_ok();
    // One more than is shown tells whether there is another page.
    let (at, id) = request.before.map(|before| (before.at, before.id)).unzip();
    // Every act of the money and of the door has its own table; the log has what is nowhere else.
    let rows = sqlx::query!(
        r#"select x.id as "id!", x.at as "at!", x.kind as "kind!: TimelineKind", x.what as "what!", x.title, x.from_on, x.until_on,
               x.days, x.reason, x.amount, x.currency, x.receipt as "receipt: ReceiptId", a.full_name as "by?", b.name as "branch?",
               d.name as "desk?"
           from (
               select e.id, e.at, 'entries' as kind, case when v.entry_id is null then 'entry' else 'entry_undone' end as what,
                   s.plan_name as title, null::date as from_on, null::date as until_on, null::int as days, e.override_reason as reason,
                   null::bigint as amount, null::text as currency, null::uuid as receipt, e.account_id, e.branch_id, e.desk_id
               from entries e
               left join subscriptions s on s.id = e.subscription_id
               left join entry_voids v on v.entry_id = e.id
               where e.member_id = $1
               union all
               select e.id, e.at, case when e.kind in ('frozen', 'thawed') then 'freezes' else 'subscriptions' end, e.kind, s.plan_name,
                   e.starts_on, e.ends_on, e.days, e.reason, null, null, null, e.account_id, e.branch_id, null
               from subscription_events e join subscriptions s on s.id = e.subscription_id
               where s.member_id = $1
               union all
               select r.id, r.at, 'receipts', 'receipt_' || r.kind, br.code || '-' || t.number || '-' || lpad(r.number::text, 6, '0'),
                   null, null, null, l.reason, (r.document::jsonb #>> '{totals,gross}')::bigint, r.document::jsonb ->> 'currency', r.id,
                   l.account_id, r.branch_id, l.desk_id
               from receipts r
               join ledger_transactions l on l.id = r.transaction_id
               join tills t on t.id = r.till_id
               join branches br on br.id = r.branch_id
               where r.id in (
                   select id from receipts where member_id = $1
                   union
                   -- What somebody else paid for the member and got back.
                   select back.id
                   from subscriptions s
                   join charges c on c.subscription_id = s.id
                   join charge_credits k on k.charge_id = c.id and k.kind in ('void', 'credit_note')
                   join receipts back on back.transaction_id = k.transaction_id and back.kind in ('refund', 'void')
                   where s.member_id = $1)
               union all
               select p.id, p.issued_at, 'passes', case p.kind when 'card' then 'pass.issued' else 'pass.phone_added' end, p.device, null,
                   null, null, null, null, null, null, p.issued_by, g.branch_id, g.desk_id
               from passes p
               left join audit_log g on g.subject_id = p.id and g.act = 'pass.issued'
               where p.member_id = $1
               union all
               select g.id, g.at, 'passes', g.act, g.after ->> 'code', null, null, null, g.after ->> 'reason', null, null, null,
                   g.account_id, g.branch_id, g.desk_id
               from passes p join audit_log g on g.subject_id = p.id and g.act in ('pass.revoked', 'pass.alias_added')
               where p.member_id = $1
               union all
               -- Every change of a household ends all belongings and begins them anew: who stayed neither left nor joined.
               select hm.id, hm.joined_at, 'edits', 'household.joined', h.name, null, null, null, null, null, null, null,
                   g.account_id, g.branch_id, g.desk_id
               from household_members hm
               join households h on h.id = hm.household_id
               left join lateral (select account_id, branch_id, desk_id from audit_log
                   where subject_id = h.id and at = hm.joined_at order by id limit 1) g on true
               where hm.member_id = $1 and not exists (select from household_members before
                   where before.household_id = hm.household_id and before.member_id = hm.member_id and before.left_at = hm.joined_at)
               union all
               select coalesce(g.id, h.id), hm.left_at, 'edits', 'household.left', h.name, null, null, null, null, null, null, null,
                   g.account_id, g.branch_id, g.desk_id
               from household_members hm
               join households h on h.id = hm.household_id
               left join lateral (select id, account_id, branch_id, desk_id from audit_log
                   where subject_id = h.id and at = hm.left_at order by id limit 1) g on true
               where hm.member_id = $1 and hm.left_at is not null and not exists (select from household_members later
                   where later.household_id = hm.household_id and later.member_id = hm.member_id and later.joined_at = hm.left_at)
               union all
               select g.id, g.at, case when g.act like 'pass.%' then 'passes' else 'edits' end, g.act,
                   case when g.act like 'pass.%' then g.before ->> 'code' end, null, null, null, g.after ->> 'reason', null, null, null,
                   g.account_id, g.branch_id, g.desk_id
               from audit_log g
               -- A payment has its receipt above, and who was let in an entry with the reason.
               where g.subject_id = $1 and g.act not in ('payment.taken', 'entry.let_in')
           ) as x
           left join accounts a on a.id = x.account_id
           left join branches b on b.id = x.branch_id
           left join desks d on d.id = x.desk_id
           where ($2::timestamptz is null or (x.at, x.id) < ($2, $3::uuid)) and ($4::text is null or x.kind = $4)
           order by x.at desc, x.id desc
           limit $5"#,
        request.member_id.0,
        at,
        id,
        request.kind as Option<TimelineKind>,
        limit + 1
    )
    .fetch_all(&services.db)
    .await?;
    let more = i64::try_from(rows.len()).unwrap_or(0) > limit;
    let rows = rows.into_iter().take(usize::try_from(limit).unwrap_or(0)).map(|row| TimelineRow {
        id: row.id,
        at: row.at,
        kind: row.kind,
        what: row.what,
        title: row.title,
        from_on: row.from_on,
        until_on: row.until_on,
        days: row.days,
        reason: row.reason,
        amount: row
            .amount
            .zip(row.currency)
            .filter(|_| with_amounts)
            .map(|(minor, currency)| Money::new(minor, currency)),
        receipt_id: row.receipt,
        by: row.by,
        branch: row.branch,
        desk: row.desk,
    });
    Ok(Timeline { rows: rows.collect(), more })
}
