//! Taking the last sale back as if it had not been.
use crate::actor::Actor;
use crate::audit::{self, Change};
use crate::auth::model::Permission;
use crate::error::Error;
use crate::ids::{BranchId, MemberId, ReceiptId, TransactionId};
use crate::members::form::text;
use crate::money::Money;
use crate::payments::idempotency::{self, Key};
use crate::payments::posting::{CreditKind, Header, Kind, NewRefund, Posting};
use crate::payments::store::{ChargeRow, PaymentRow, allocated, charges, payments, take_back};
use crate::payments::wire::Payment;
use crate::receipts::document::{ReceiptKind, ReceiptLine};
use crate::receipts::give::{Slip, give, number_text};
use crate::retail::store::unsold;
use crate::sales::service::first_of_two;
use crate::sales::store::counter;
use crate::sales::wire::{VoidSale, Voided};
use crate::services::Services;
use crate::subscriptions::listing::voidable_until;
use crate::subscriptions::store::{self as subscriptions, NewEvent, Record, offered};
use crate::subscriptions::wire::EventKind;
use crate::till::store::shift_for_money;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;

/// Characters of a reason.
pub const REASON_LENGTH: usize = 500;

/// Takes back a sale, renewal or take-over, within 15 minutes and at the branch that made it: charges are credited,
/// money goes back the way it came, and what was sold is as if it had never been. Entries made meanwhile stay.
pub async fn void_sale(services: &Services, actor: &Actor, request: VoidSale) -> Result<Voided, Error> {
    actor.require(Permission::VoidSale)?;
    let key = Key::of(request.idempotency_key, "void_sale", &request)?;
    let reason =
        text("reason", &request.reason, REASON_LENGTH)?.ok_or(Error::invalid("reason", "required"))?;
    let now = services.now();
    let mut db = services.db.acquire().await?;
    if let Some(first) = idempotency::recall(&mut db, &key).await? {
        return Ok(first);
    }
    let sold = Sold::read(&mut db, request.transaction_id).await?;
    sold.may_be_voided(actor.branch()?, now)?;
    drop(db);
    let written = write_void(services, actor, &key, &sold, &reason, now).await;
    first_of_two(services, &key, written).await
}

/// A sale with everything it made.
struct Sold {
    transaction: TransactionId,
    branch: BranchId,
    at: DateTime<Utc>,
    voided: bool,
    member: Option<MemberId>,
    receipt_number: Option<String>,
    charges: Vec<ChargeRow>,
    payments: Vec<PaymentRow>,
    subscriptions: Vec<Record>,
}

impl Sold {
    async fn read(db: &mut PgConnection, transaction: TransactionId) -> Result<Self, Error> {
        // Before the question whether it was voided: a void in between then answers that, and not that money went back.
        let (charges, payments) =
            (charges(db, Some(transaction), &[]).await?, payments(db, transaction).await?);
        let row = sqlx::query!(
            r#"select t.branch_id as "branch: BranchId", t.at, r.number as "number?", b.code, l.number as "till?",
                   r.member_id as "member?: MemberId",
                   exists (select from ledger_transactions v where v.reverses_id = t.id) as "voided!"
               from ledger_transactions t
               join branches b on b.id = t.branch_id
               left join receipts r on r.transaction_id = t.id
               left join tills l on l.id = r.till_id
               where t.id = $1 and t.kind in ('sale', 'renewal', 'take_over')"#,
            transaction.0
        )
        .fetch_optional(&mut *db)
        .await?
        .ok_or(Error::NotFound("sale"))?;
        let ids = sqlx::query_scalar!(
            r#"select subscription_id as "id: crate::ids::SubscriptionId" from subscription_events
               where ledger_transaction_id = $1 and kind <> 'voided' order by id"#,
            transaction.0
        )
        .fetch_all(&mut *db)
        .await?;
        let mut records = Vec::with_capacity(ids.len());
        for id in ids {
            records.extend(offered(db, None, Some(id)).await?.record);
        }
        let member = row.member.or(records.first().map(|record| record.sold.member_id));
        Ok(Self {
            transaction,
            branch: row.branch,
            at: row.at,
            voided: row.voided,
            member,
            receipt_number: row
                .number
                .zip(row.till)
                .map(|(number, till)| number_text(&row.code, till, number)),
            charges,
            payments,
            subscriptions: records,
        })
    }

    fn may_be_voided(&self, branch: BranchId, now: DateTime<Utc>) -> Result<(), Error> {
        if self.voided {
            return Err(Error::conflict("already_voided"));
        }
        if self.branch != branch {
            return Err(Error::conflict("sold_elsewhere"));
        }
        if self.payments.iter().any(|payment| payment.refundable < payment.amount) {
            return Err(Error::conflict("already_refunded"));
        }
        for record in &self.subscriptions {
            let event = record
                .events
                .iter()
                .find(|event| event.ledger_transaction_id == Some(self.transaction))
                .ok_or(Error::NotFound("sale"))?;
            if voidable_until(event, record, &record.state(), branch).is_none() {
                return Err(Error::conflict("not_last_sale"));
            }
        }
        if now > self.at + crate::subscriptions::listing::VOID_WINDOW {
            return Err(Error::conflict("void_too_late"));
        }
        Ok(())
    }
}

async fn write_void(
    services: &Services,
    actor: &Actor,
    key: &Key,
    sold: &Sold,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<Voided, Error> {
    let mut tx = services.db.begin().await?;
    let (counter, _) = counter(&mut tx, actor, sold.member, None, now).await?;
    let mut posting = Posting::new(Header {
        id: TransactionId::new(now),
        kind: Kind::Void,
        at: now,
        business_day: counter.today,
        currency: counter.currency.clone(),
        idempotency_key: key.id,
        reverses: Some(sold.transaction),
        reason: Some(reason.to_owned()),
    });
    let transaction = posting.header().id;
    let ids: Vec<_> = sold.charges.iter().map(|charge| charge.id).collect();
    let mut settled = allocated(&mut tx, &ids).await?;
    for charge in &sold.charges {
        take_back(&mut posting, charge, &mut settled, CreditKind::Void, charge.amount - charge.credited);
    }
    let shift = if sold.payments.is_empty() {
        None
    } else {
        Some(shift_for_money(&mut tx, actor, counter.till, &counter.currency, counter.today, now).await?)
    };
    let mut returned = Vec::new();
    for payment in &sold.payments {
        posting.refund(NewRefund {
            payment: payment.id,
            payer: payment.payer,
            method: payment.method,
            amount: payment.amount,
            reference: payment.reference.clone(),
            shift,
            request: None,
        });
        returned.push(Payment {
            method: payment.method,
            amount: Money::new(payment.amount, payment.currency.clone()),
            tendered: None,
            reference: payment.reference.clone(),
        });
    }
    let digest = posting.write(&mut tx, actor).await?;
    unsold(&mut tx, actor, sold.transaction, transaction, counter.today, now).await?;
    for record in &sold.subscriptions {
        let voids = record.events.iter().find(|event| event.ledger_transaction_id == Some(sold.transaction));
        let event = NewEvent {
            voids: voids.map(|event| event.id),
            reason: Some(reason),
            transaction: Some(transaction),
            ..NewEvent::new(record.sold.id, record.next_seq(), EventKind::Voided, now, counter.today)
        };
        subscriptions::add_event(&mut tx, actor, event).await?;
    }
    let mut voided =
        Voided { transaction_id: transaction, receipt_id: ReceiptId::new(now), receipt_number: 0, returned };
    let slip = Slip {
        id: voided.receipt_id,
        kind: ReceiptKind::Void,
        transaction,
        digest: &digest,
        shift,
        lines: sold.charges.iter().map(|charge| on_paper(charge, counter.prices_include_tax)).collect(),
        payments: &voided.returned,
        credit_used: 0,
        rounding: 0,
        change: None,
        still_due: 0,
        original_number: sold.receipt_number.clone(),
        reason: Some(reason),
    };
    voided.receipt_number = give(&mut tx, &counter, slip).await?;
    idempotency::remember(&mut tx, key, &voided, now).await?;
    let subject = sold.subscriptions.first().map(|record| record.sold.id.0);
    let after = Some(serde_json::json!({ "transaction_id": sold.transaction, "reason": reason }));
    let change = Change {
        act: "subscription.sale_voided",
        subject_kind: "subscription",
        subject,
        before: None,
        after,
    };
    audit::record(&mut tx, actor, now, change).await?;
    tx.commit().await?;
    Ok(voided)
}

/// A charge as a receipt that takes it back shows it.
pub(crate) fn on_paper(charge: &ChargeRow, tax_included: bool) -> ReceiptLine {
    ReceiptLine {
        description: charge.description.clone(),
        native_description: None,
        quantity: i64::from(charge.quantity),
        unit: charge.unit_amount,
        gross: charge.amount,
        tax_rate: (charge.tax_bp > 0).then(|| u32::try_from(charge.tax_bp).unwrap_or(0)),
        tax: charge.tax_amount,
        tax_included,
    }
}
