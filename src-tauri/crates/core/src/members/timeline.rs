//! Everything that happened to a member, in one list: who, when, where.
use crate::actor::Actor;
use crate::auth::model::Permission;
use crate::error::Error;
use crate::ids::ReceiptId;
use crate::members::wire::{ListTimeline, Timeline, TimelineRow};
use crate::money::Money;
use crate::services::Services;

/// Rows of one page at most.
const PAGE: i64 = 50;

/// A page of the list, newest first. Amounts are for those who may see money.
pub async fn timeline(services: &Services, actor: &Actor, request: ListTimeline) -> Result<Timeline, Error> {
    actor.require(Permission::ViewMembers)?;
    let limit = request.limit.unwrap_or(PAGE).clamp(1, 200);
    let with_amounts = actor.require(Permission::SeeMoney).is_ok();
    // One more than is shown tells whether there is another page.
    let rows = sqlx::query!(
        r#"select x.at as "at!", x.what as "what!", x.title, x.from_on, x.until_on, x.days, x.reason, x.amount, x.currency,
               x.receipt as "receipt: ReceiptId", a.full_name as "by?", b.name as "branch?", d.name as "desk?"
           from (
               select e.at, case when v.entry_id is null then 'entry' else 'entry_undone' end as what, s.plan_name as title,
                   null::date as from_on, null::date as until_on, null::int as days, e.override_reason as reason,
                   null::bigint as amount, null::text as currency, null::uuid as receipt, e.account_id, e.branch_id, e.desk_id, e.id
               from entries e
               left join subscriptions s on s.id = e.subscription_id
               left join entry_voids v on v.entry_id = e.id
               where e.member_id = $1
               union all
               select e.at, e.kind, s.plan_name, e.starts_on, e.ends_on, e.days, e.reason,
                   null, null, null, e.account_id, e.branch_id, null, e.id
               from subscription_events e join subscriptions s on s.id = e.subscription_id
               where s.member_id = $1
               union all
               select r.at, 'receipt_' || r.kind, br.code || '-' || t.number || '-' || lpad(r.number::text, 6, '0'), null, null, null, l.reason,
                   (r.document::jsonb #>> '{totals,gross}')::bigint, r.document::jsonb ->> 'currency', r.id, l.account_id, r.branch_id,
                   l.desk_id, r.id
               from receipts r
               join ledger_transactions l on l.id = r.transaction_id
               join tills t on t.id = r.till_id
               join branches br on br.id = r.branch_id
               where r.member_id = $1
               union all
               select g.at, g.act, null, null, null, null, g.after ->> 'reason', null, null, null, g.account_id, g.branch_id, g.desk_id, g.id
               from audit_log g
               -- A payment has its receipt above.
               where g.subject_id = $1 and g.act <> 'payment.taken'
           ) as x
           left join accounts a on a.id = x.account_id
           left join branches b on b.id = x.branch_id
           left join desks d on d.id = x.desk_id
           where $2::timestamptz is null or x.at < $2
           order by x.at desc, x.id desc
           limit $3"#,
        request.member_id.0,
        request.before,
        limit + 1
    )
    .fetch_all(&services.db)
    .await?;
    let more = i64::try_from(rows.len()).unwrap_or(0) > limit;
    let rows = rows.into_iter().take(usize::try_from(limit).unwrap_or(0)).map(|row| TimelineRow {
        at: row.at,
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
