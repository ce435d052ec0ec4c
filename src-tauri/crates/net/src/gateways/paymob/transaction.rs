//! Paymob's transaction object: what it says about an order.
use crate::gateways::{Capture, Event, GatewayError, News, Settlement};
use chrono::{DateTime, Utc};
use gatehouse_core::money::{LARGEST_MINOR, Money};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The fields that matter here. A payment is one transaction; its refund, void or capture is another with a parent.
#[expect(clippy::struct_excessive_bools, reason = "the vendor's object, as it is published")]
#[derive(Debug, Deserialize)]
pub struct Transaction {
    pub id: i64,
    #[serde(deserialize_with = "truth")]
    pending: bool,
    #[serde(deserialize_with = "truth")]
    success: bool,
    #[serde(deserialize_with = "truth")]
    is_auth: bool,
    #[serde(deserialize_with = "truth")]
    is_voided: bool,
    #[serde(deserialize_with = "truth")]
    is_refunded: bool,
    #[serde(deserialize_with = "truth", default)]
    error_occured: bool,
    #[serde(deserialize_with = "truth", rename = "has_parent_transaction")]
    has_parent: bool,
    amount_cents: i64,
    currency: String,
    #[serde(default)]
    created_at: String,
    order: Order,
    #[serde(default)]
    refunded_amount_cents: Option<i64>,
    /// The payment that this one refunds, voids or captures.
    #[serde(default, rename = "parent_transaction")]
    parent: Option<i64>,
    #[serde(default)]
    data: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Order {
    Whole {
        id: i64,
        #[serde(default)]
        merchant_order_id: Option<Value>,
    },
    Id(i64),
}

pub enum RefundOutcome {
    Done,
    Pending,
    Declined(String),
}

/// A callback whose signature was good. Only signed fields decide; what they do not settle is left to an inquiry.
pub fn event(transaction: &Value) -> Result<Event, String> {
    let transaction = Transaction::deserialize(transaction).map_err(|error| error.to_string())?;
    let about_the_payment =
        transaction.is_plain_payment() && !transaction.is_voided && !transaction.is_refunded;
    let outcome = if about_the_payment { transaction.attempt()? } else { Settlement::Pending };
    // Paymob sends no id of the message itself, and the same transaction again with each change of its state.
    let state = match (&outcome, transaction.is_voided, transaction.is_refunded) {
        (Settlement::Paid(_), ..) => "paid",
        (Settlement::Failed { .. }, ..) => "failed",
        (_, true, _) => "voided",
        (_, _, true) => "refunded",
        _ => "pending",
    };
    Ok(Event {
        event_id: format!("{}-{state}", transaction.id),
        order_id: transaction.order_id().map_err(|error| error.to_string())?.to_string(),
        news: News::Outcome(outcome),
    })
}

impl Transaction {
    pub fn order_id(&self) -> Result<i64, GatewayError> {
        match &self.order {
            Order::Whole { id, .. } | Order::Id(id) if *id > 0 => Ok(*id),
            _ => Err(GatewayError::Malformed("a transaction without an order".to_owned())),
        }
    }

    /// Our own reference of the order.
    pub fn reference(&self) -> Option<&str> {
        match &self.order {
            Order::Whole { merchant_order_id, .. } => merchant_order_id.as_ref()?.as_str(),
            Order::Id(_) => None,
        }
    }

    /// The payment that this transaction was done to.
    pub fn parent(&self) -> Option<i64> {
        self.parent.filter(|_| self.has_parent)
    }

    /// What became of the order whose last transaction this is, as the inquiry answers it.
    pub fn settlement(&self) -> Result<Settlement, String> {
        if !self.is_plain_payment() {
            // The last one is a refund's or an authorisation's: it says nothing final about the payment.
            return Ok(Settlement::Pending);
        }
        if self.is_voided || self.is_refunded {
            let amount = self.money(self.amount_cents)?;
            let refunded = match self.refunded_amount_cents {
                Some(cents) if !self.is_voided && cents > 0 => self.money(cents)?,
                _ => amount.clone(),
            };
            return Ok(Settlement::Refunded { capture: self.capture(amount), refunded });
        }
        match self.refunded_amount_cents {
            Some(cents) if cents > 0 => Ok(Settlement::Refunded {
                capture: self.capture(self.money(self.amount_cents)?),
                refunded: self.money(cents)?,
            }),
            _ => self.attempt(),
        }
    }

    /// The answer to a refund is the refund's own transaction.
    pub fn refund(&self) -> Result<RefundOutcome, String> {
        self.money(self.amount_cents)?;
        Ok(match (self.success, self.pending) {
            (true, false) => RefundOutcome::Done,
            (_, true) => RefundOutcome::Pending,
            (false, false) => RefundOutcome::Declined(self.reason()),
        })
    }

    /// A payment, and not something done to one, nor a mere authorisation.
    fn is_plain_payment(&self) -> bool {
        !self.has_parent && !self.is_auth
    }

    fn attempt(&self) -> Result<Settlement, String> {
        Ok(if self.pending {
            Settlement::Pending
        } else if self.success && !self.error_occured {
            Settlement::Paid(self.capture(self.money(self.amount_cents)?))
        } else {
            Settlement::Failed { reason: self.reason() }
        })
    }

    fn capture(&self, amount: Money) -> Capture {
        // Egypt's times come without a zone; those say nothing.
        let at = DateTime::parse_from_rfc3339(&self.created_at).ok().map(|at| at.with_timezone(&Utc));
        Capture { id: self.id.to_string(), amount, at, saved: None }
    }

    fn money(&self, cents: i64) -> Result<Money, String> {
        if !(1..=LARGEST_MINOR).contains(&cents) {
            return Err(format!("an amount of {cents}"));
        }
        Ok(Money::new(cents, self.currency.clone()))
    }

    /// The bank's word for a failure; for people, decides nothing.
    fn reason(&self) -> String {
        let said = self.data.as_ref().and_then(|data| data.get("message")).and_then(Value::as_str);
        said.filter(|text| !text.is_empty()).unwrap_or("declined").chars().take(120).collect()
    }
}

/// Older editions of the API write truth as text.
fn truth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Truth {
        Value(bool),
        Text(String),
    }
    match Truth::deserialize(deserializer)? {
        Truth::Value(value) => Ok(value),
        Truth::Text(text) if text == "true" => Ok(true),
        Truth::Text(text) if text == "false" => Ok(false),
        Truth::Text(text) => Err(serde::de::Error::custom(format!("{text} is neither true nor false"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn transaction(change: &[(&str, Value)]) -> Value {
        let mut value = json!({
            "id": 5, "pending": false, "amount_cents": 25_000, "success": true, "is_auth": false, "is_voided": false,
            "is_refunded": false, "error_occured": false, "has_parent_transaction": false, "order": { "id": 7 },
            "created_at": "2026-03-11T12:00:00.000000+02:00", "currency": "EGP", "data": { "message": "Approved" }
        });
        for (field, to) in change {
            value[*field] = to.clone();
        }
        value
    }

    fn paid() -> Capture {
        Capture {
            id: "5".into(),
            amount: Money::new(25_000, "EGP"),
            at: Some("2026-03-11T10:00:00Z".parse().expect("a time")),
            saved: None,
        }
    }

    #[test]
    fn a_callback_credits_only_by_its_signed_fields() {
        let yes = || json!(true);
        let failed = Settlement::Failed { reason: "Do not honour".into() };
        for (change, id, outcome) in [
            (vec![], "5-paid", Settlement::Paid(paid())),
            (vec![("pending", yes()), ("success", json!(false))], "5-pending", Settlement::Pending),
            (
                vec![("success", json!(false)), ("data", json!({ "message": "Do not honour" }))],
                "5-failed",
                failed,
            ),
            (vec![("is_auth", yes())], "5-pending", Settlement::Pending),
            (vec![("is_refunded", yes())], "5-refunded", Settlement::Pending),
            (vec![("is_voided", yes())], "5-voided", Settlement::Pending),
            // A refund is a success of its own, and no payment.
            (vec![("has_parent_transaction", yes()), ("is_refund", yes())], "5-pending", Settlement::Pending),
            // Not signed: anybody could have put it there.
            (vec![("refunded_amount_cents", json!(25_000))], "5-paid", Settlement::Paid(paid())),
        ] {
            let found = event(&transaction(&change)).expect("an event");
            let news = News::Outcome(outcome);
            assert_eq!(found, Event { event_id: id.into(), order_id: "7".into(), news }, "{change:?}");
        }
    }

    #[test]
    fn an_inquiry_tells_refunds_from_payments() {
        let settlement = |change: &[(&str, Value)]| {
            Transaction::deserialize(transaction(change))
                .expect("a transaction")
                .settlement()
                .expect("readable")
        };
        let refunded = |minor| Settlement::Refunded { capture: paid(), refunded: Money::new(minor, "EGP") };
        assert_eq!(settlement(&[]), Settlement::Paid(paid()));
        assert_eq!(settlement(&[("order", json!(7))]), Settlement::Paid(paid()));
        assert_eq!(settlement(&[("success", json!("true"))]), Settlement::Paid(paid()));
        assert_eq!(settlement(&[("refunded_amount_cents", json!(5_000))]), refunded(5_000));
        assert_eq!(
            settlement(&[("is_refunded", json!(true)), ("refunded_amount_cents", json!(25_000))]),
            refunded(25_000)
        );
        assert_eq!(settlement(&[("is_voided", json!(true))]), refunded(25_000));
        assert_eq!(settlement(&[("has_parent_transaction", json!(true))]), Settlement::Pending);
    }

    #[test]
    fn nonsense_is_no_payment() {
        for change in [
            ("amount_cents", json!(0)),
            ("amount_cents", json!(-1)),
            ("amount_cents", json!(LARGEST_MINOR + 1)),
            ("amount_cents", json!("25000")),
            ("success", json!("perhaps")),
            ("order", json!(null)),
            ("order", json!({ "id": 0 })),
        ] {
            assert!(event(&transaction(std::slice::from_ref(&change))).is_err(), "{change:?}");
        }
    }
}
