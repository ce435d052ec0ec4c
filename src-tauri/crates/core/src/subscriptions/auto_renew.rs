//! Subscriptions that go on by themselves: on the last day the next period begins to be owed.
use crate::actor::Actor;
use crate::auth::model::Permission;
use crate::error::Error;
use crate::ids::{SubscriptionEventId, SubscriptionId, TransactionId};
use crate::payments::posting::{Earned, Header, Kind, NewCharge, Posting};
use crate::payments::tax::{prorated, taxed};
use crate::sales::draft::price_today;
use crate::sales::store::counter;
use crate::services::Services;
use crate::subscriptions::model::{Period, State, renewal};
use crate::subscriptions::service::audited;
use crate::subscriptions::store::{self, NewEvent, Offered, offered};
use crate::subscriptions::wire::EventKind;
use chrono::{DateTime, NaiveDate, Utc};
use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;
use uuid::Uuid;

/// Days after the end within which a missed run is made up for. What ended longer ago is for somebody to decide.
const CATCH_UP_DAYS: i64 = 30;

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Run {
    pub renewed: u64,
    /// Left alone, because something of it is not paid or the plan has no price.
    pub left: u64,
}

/// The period that renews by itself on `today`: from the day after the end, cut where the subscription was cancelled
/// for a later day. `None` where it does not.
fn due(state: &State, next: Option<Period>, today: NaiveDate) -> Option<Period> {
    let end = state.end()?;
    let days_since = (today - end).num_days();
    if !state.auto_renew || !(0..=CATCH_UP_DAYS).contains(&days_since) {
        return None;
    }
    let next = next?;
    let ends_on = state.last_day.map_or(next.ends_on, |last| next.ends_on.min(last));
    (next.starts_on <= ends_on).then_some(Period { ends_on, ..next })
}

/// Renews what ends today at the branch, or ended while nobody ran this. Each period is charged once, however often and
/// by however many this runs.
pub async fn run(services: &Services, actor: &Actor) -> Result<Run, Error> {
    actor.require(Permission::Sell)?;
    let now = services.now();
    let mut db = services.db.acquire().await?;
    let (counter, _) = counter(&mut db, actor, None, None, now).await?;
    // Freezes and gifts only move an end later, so whatever was granted beyond today does not end today.
    let ids = sqlx::query_scalar!(
        r#"select s.id as "id: SubscriptionId" from subscriptions s
           where s.branch_id = $1
             and (s.auto_renew or exists (select from subscription_events e where e.subscription_id = s.id and e.kind = 'auto_renew_on'))
             and (select max(e.ends_on) from subscription_events e
                  where e.subscription_id = s.id and e.kind in ('sold', 'renewed', 'taken_over')) <= $2
             and not exists (select from subscription_events e where e.subscription_id = s.id and e.kind in ('changed', 'transferred'))
           order by s.id"#,
        counter.branch.0,
        counter.today
    )
    .fetch_all(&mut *db)
    .await?;
    drop(db);
    let mut run = Run::default();
    for id in ids {
        match renew(services, actor, id, now).await {
            Ok(Some(true)) => run.renewed += 1,
            Ok(Some(false)) => run.left += 1,
            // It is not its turn, or somebody renews it this very moment.
            Ok(None) | Err(Error::Conflict { code: "subscription_changed", .. }) => {}
            Err(error) => {
                tracing::warn!(%error, subscription = %id, "a subscription was not renewed");
                run.left += 1;
            }
        }
    }
    Ok(run)
}

/// `None` where it is not its turn, false where it is left alone.
async fn renew(
    services: &Services,
    actor: &Actor,
    id: SubscriptionId,
    now: DateTime<Utc>,
) -> Result<Option<bool>, Error> {
    let mut tx = services.db.begin().await?;
    let Offered { record: Some(record), plan: Some(plan) } = offered(&mut tx, None, Some(id)).await? else {
        return Ok(None);
    };
    let (counter, _) = counter(&mut tx, actor, Some(record.sold.member_id), None, now).await?;
    let today = counter.today;
    let state = record.state();
    let whole = renewal(&record.terms, &state, today, &record.used, true).map(|renewal| renewal.period);
    let Some(period) = due(&state, whole, today) else { return Ok(None) };
    let (owed, _) = store::owed(&mut tx, id).await?;
    let Ok(price) = price_today(&plan, counter.branch, &counter.currency, today) else {
        return Ok(Some(false));
    };
    // Who does not pay is not charged again and again.
    if owed > 0 {
        return Ok(Some(false));
    }
    let whole = whole.map_or(1, |whole| whole.days());
    let price = prorated(price, period.days(), whole).ok_or(Error::invalid("amount", "amount_too_large"))?;
    let bp = plan.tax.as_ref().map_or(0, |tax| tax.bp);
    let priced =
        taxed(price, bp, counter.prices_include_tax).ok_or(Error::invalid("amount", "amount_too_large"))?;
    let mut posting = Posting::new(Header {
        id: TransactionId::new(now),
        kind: Kind::Renewal,
        at: now,
        business_day: today,
        currency: counter.currency.clone(),
        idempotency_key: key(id, period),
        reverses: None,
        reason: None,
    });
    let transaction = posting.header().id;
    posting.charge(NewCharge {
        member: Some(record.sold.member_id),
        payer: counter.customer.as_ref().map(|customer| customer.payer),
        subscription: Some(id),
        product: None,
        description: record.sold.plan_name.clone(),
        quantity: 1,
        unit_amount: price,
        amount: priced.gross,
        tax_name: plan.tax.as_ref().map(|tax| tax.name.clone()),
        tax_bp: bp,
        tax_amount: priced.tax,
        due_on: period.starts_on,
        earned: Earned::Revenue,
    });
    match posting.write(&mut tx, actor).await {
        Ok(_) => {}
        Err(error) if was_done(&error) => return Ok(None),
        Err(error) => return Err(error),
    }
    let event = NewEvent {
        id: SubscriptionEventId::new(now),
        starts_on: Some(period.starts_on),
        ends_on: Some(period.ends_on),
        visits: record.terms.visits,
        transaction: Some(transaction),
        ..NewEvent::new(id, record.next_seq(), EventKind::Renewed, now, today)
    };
    add(&mut tx, actor, event).await?;
    tx.commit().await?;
    Ok(Some(true))
}

async fn add(db: &mut PgConnection, actor: &Actor, event: NewEvent<'_>) -> Result<(), Error> {
    store::add_event(db, actor, event).await?;
    let after = serde_json::json!({ "starts_on": event.starts_on, "ends_on": event.ends_on });
    audited(db, actor, event.at, "subscription.renewed_by_itself", event.subscription, &after).await
}

/// The same for the same period, whoever makes it.
fn key(id: SubscriptionId, period: Period) -> Uuid {
    let digest = Sha256::digest(format!("auto-renew {id} {}", period.starts_on));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

fn was_done(error: &Error) -> bool {
    matches!(error, Error::Database(error) if Error::constraint(error) == Some("ledger_transactions_idempotency_key"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subscriptions::model::tests::terms;
    use crate::subscriptions::model::{Event, Happening, fold};

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    fn event(number: u128, what: Happening) -> Event {
        Event { id: SubscriptionEventId(Uuid::from_u128(number)), on: day("2026-01-01"), what }
    }

    #[test]
    fn it_renews_on_the_last_day_and_makes_up_for_a_month_at_most() {
        let terms = crate::subscriptions::model::Terms { auto_renew: true, ..terms() };
        let period = Period { starts_on: day("2026-01-01"), ends_on: day("2026-01-31") };
        let sold = event(1, Happening::Granted { period, visits: None });
        let running = [sold];
        let off = [sold, event(2, Happening::AutoRenew(false))];
        let ends_later = [sold, event(2, Happening::Ended { last_day: day("2026-02-10") })];
        let ends_with_it = [sold, event(2, Happening::Ended { last_day: day("2026-01-31") })];
        for (events, today, ends_on) in [
            (&running[..], "2026-01-30", None),
            (&running[..], "2026-01-31", Some("2026-02-28")),
            (&running[..], "2026-02-20", Some("2026-02-28")),
            (&running[..], "2026-03-02", Some("2026-02-28")),
            (&running[..], "2026-03-03", None),
            (&off[..], "2026-01-31", None),
            (&ends_later[..], "2026-01-31", Some("2026-02-10")),
            (&ends_with_it[..], "2026-01-31", None),
        ] {
            let state = fold(&terms, events);
            let next = renewal(&terms, &state, day(today), &[], true).map(|renewal| renewal.period);
            let found = due(&state, next, day(today));
            assert_eq!(found.map(|period| period.ends_on), ends_on.map(day), "{events:?} on {today}");
        }
    }
}
