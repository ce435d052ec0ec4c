//! PayPal's order object: what it says about a payment.
use super::amount::{self, Amount};
use crate::gateways::{Capture, GatewayError, SavedMethod, Settlement};
use chrono::{DateTime, Utc};
use gatehouse_core::money::Money;
use gatehouse_core::secret::Secret;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub struct Order {
    pub id: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    update_time: Option<String>,
    #[serde(default)]
    purchase_units: Vec<Unit>,
    #[serde(default)]
    payment_source: Source,
    #[serde(default)]
    links: Vec<Link>,
}

#[derive(Debug, Default, Deserialize)]
struct Source {
    #[serde(default)]
    paypal: Wallet,
}

/// `paypal_wallet_response` of PayPal's specification.
#[derive(Debug, Default, Deserialize)]
struct Wallet {
    #[serde(default)]
    email_address: Option<String>,
    #[serde(default)]
    attributes: Attributes,
}

#[derive(Debug, Default, Deserialize)]
struct Attributes {
    #[serde(default)]
    vault: Vault,
}

/// Without an id while the wallet is still being kept (status `APPROVED`).
#[derive(Debug, Default, Deserialize)]
struct Vault {
    #[serde(default)]
    id: Option<Secret>,
}

/// A kept wallet, the resource of `VAULT.PAYMENT-TOKEN.CREATED`.
#[derive(Debug, Deserialize)]
pub struct Kept {
    id: Secret,
    #[serde(default)]
    payment_source: Source,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Debug, Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    order_id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Unit {
    #[serde(default)]
    payments: Payments,
}

#[derive(Debug, Default, Deserialize)]
struct Payments {
    #[serde(default)]
    captures: Vec<CaptureRow>,
    #[serde(default)]
    refunds: Vec<RefundRow>,
}

/// Money taken, or tried to be taken. The resource of `PAYMENT.CAPTURE.…` messages.
#[derive(Debug, Deserialize)]
pub struct CaptureRow {
    id: String,
    status: String,
    amount: Amount,
    #[serde(default)]
    create_time: Option<DateTime<Utc>>,
    #[serde(default)]
    status_details: Option<Details>,
    #[serde(default)]
    supplementary_data: Supplement,
    #[serde(default)]
    links: Vec<Link>,
}

#[derive(Debug, Deserialize)]
struct RefundRow {
    status: String,
    amount: Amount,
}

#[derive(Debug, Deserialize)]
struct Details {
    #[serde(default)]
    reason: String,
}

#[derive(Debug, Default, Deserialize)]
struct Supplement {
    #[serde(default)]
    related_ids: RelatedIds,
}

#[derive(Debug, Default, Deserialize)]
struct RelatedIds {
    #[serde(default)]
    order_id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Link {
    href: String,
    rel: String,
}

impl Order {
    /// The page where the payer approves: `payer-action` since there is a payment source, `approve` before.
    pub fn payer_link(&self) -> Option<&str> {
        let link = |rel: &str| self.links.iter().find(|link| link.rel == rel);
        link("payer-action").or_else(|| link("approve")).map(|link| link.href.as_str())
    }

    pub fn is_approved(&self) -> bool {
        self.status == "APPROVED"
    }

    /// The same for every attempt to capture this approval.
    pub fn capture_key(&self) -> String {
        format!("capture-{}-{}", self.id, self.update_time.as_deref().unwrap_or_default())
    }

    pub fn settlement(&self) -> Result<Settlement, GatewayError> {
        let rows = || self.purchase_units.iter().flat_map(|unit| &unit.payments.captures);
        // A declined attempt stays in the list beside the one that went through.
        let Some(capture) = rows().find(|row| !row.has_failed()).or_else(|| rows().next()) else {
            return Ok(match self.status.as_str() {
                "VOIDED" => Settlement::Failed { reason: "voided".to_owned() },
                "COMPLETED" => return Err(GatewayError::Malformed("completed without a capture".to_owned())),
                _ => Settlement::Pending,
            });
        };
        match capture.settlement()? {
            Settlement::Paid(capture) => Ok(Settlement::Paid(Capture { saved: self.saved(), ..capture })),
            Settlement::Refunded { capture, refunded } => {
                let parts = self.refunded()?.unwrap_or(refunded);
                let capture = Capture { saved: self.saved(), ..capture };
                Ok(Settlement::Refunded { capture, refunded: parts })
            }
            other => Ok(other),
        }
    }

    /// What became of an order that nobody is there to approve.
    pub fn charged(&self) -> Result<Settlement, GatewayError> {
        match self.status.as_str() {
            "PAYER_ACTION_REQUIRED" => Ok(Settlement::Failed { reason: "payer_action_required".to_owned() }),
            _ => self.settlement(),
        }
    }

    fn saved(&self) -> Option<SavedMethod> {
        let wallet = &self.payment_source.paypal;
        let token = wallet.attributes.vault.id.clone().filter(|token| !token.is_empty())?;
        Some(SavedMethod { token, label: wallet.label() })
    }

    /// The sum of the refunds, if they are listed.
    fn refunded(&self) -> Result<Option<Money>, GatewayError> {
        let rows = self.purchase_units.iter().flat_map(|unit| &unit.payments.refunds);
        let mut sum: Option<Money> = None;
        for row in rows.filter(|row| matches!(row.status.as_str(), "COMPLETED" | "PENDING")) {
            let part = amount::of_wire(&row.amount)?;
            sum = Some(match sum {
                None => part,
                Some(sum) if sum.currency == part.currency => {
                    Money::new(sum.minor.saturating_add(part.minor), part.currency)
                }
                Some(_) => return Err(GatewayError::Malformed("refunds in two currencies".to_owned())),
            });
        }
        Ok(sum)
    }
}

impl Wallet {
    fn label(&self) -> String {
        self.email_address.as_ref().map_or_else(|| "PayPal".to_owned(), |email| format!("PayPal {email}"))
    }
}

impl Kept {
    /// The order it was kept with, and the wallet. One that was kept without a purchase names none.
    pub fn saved(self) -> Option<(String, SavedMethod)> {
        let label = self.payment_source.paypal.label();
        Some((self.metadata.order_id?, SavedMethod { token: self.id, label }))
    }
}

impl CaptureRow {
    fn has_failed(&self) -> bool {
        matches!(self.status.as_str(), "DECLINED" | "FAILED")
    }

    /// What this capture says of its order.
    pub fn settlement(&self) -> Result<Settlement, GatewayError> {
        let money = amount::of_wire(&self.amount)?;
        let capture =
            Capture { id: self.id.clone(), amount: money.clone(), at: self.create_time, saved: None };
        Ok(match self.status.as_str() {
            "COMPLETED" => Settlement::Paid(capture),
            "REFUNDED" | "PARTIALLY_REFUNDED" => Settlement::Refunded { capture, refunded: money },
            "DECLINED" | "FAILED" => {
                let reason = self.status_details.as_ref().map(|details| details.reason.to_lowercase());
                Settlement::Failed {
                    reason: reason.filter(|text| !text.is_empty()).unwrap_or("declined".to_owned()),
                }
            }
            _ => Settlement::Pending,
        })
    }

    /// The order it belongs to: named, or by the link up to it.
    pub fn order_id(&self) -> Option<&str> {
        let named = self.supplementary_data.related_ids.order_id.as_deref();
        named.or_else(|| {
            let up = self.links.iter().filter(|link| link.rel == "up");
            up.filter_map(|link| link.href.split_once("/checkout/orders/")).map(|(_, id)| id).next()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn order(status: &str, payments: Value) -> Order {
        let text = json!({ "id": "5O190127TN364715T", "status": status, "purchase_units": [{ "payments": payments }] });
        serde_json::from_value(text).expect("an order")
    }

    fn capture(status: &str) -> Value {
        json!({
            "id": "3C679366HH908993F", "status": status, "amount": { "currency_code": "USD", "value": "100.00" },
            "create_time": "2026-03-11T10:00:00Z", "status_details": { "reason": "TRANSACTION_REFUSED" }
        })
    }

    fn taken() -> Capture {
        Capture {
            id: "3C679366HH908993F".into(),
            amount: Money::new(10_000, "USD"),
            at: Some("2026-03-11T10:00:00Z".parse().expect("a time")),
            saved: None,
        }
    }

    /// The answer to a capture in "Save PayPal with the Orders API", and the one for a wallet that is still being kept.
    #[test]
    fn a_wallet_is_saved_once_it_has_an_id() {
        let source = |vault: Value| json!({ "paypal": { "attributes": { "vault": vault }, "email_address": "customer@example.com" } });
        let saved =
            SavedMethod { token: Secret::new("3nqvjt3n"), label: "PayPal customer@example.com".into() };
        for (payment_source, expected) in [
            (
                source(json!({ "id": "3nqvjt3n", "customer": { "id": "208743798" }, "status": "VAULTED" })),
                Some(saved),
            ),
            (source(json!({ "status": "APPROVED", "links": [] })), None),
            (json!({ "paypal": { "email_address": "customer@example.com" } }), None),
            (json!({ "card": {} }), None),
        ] {
            let mut order = order("COMPLETED", json!({ "captures": [capture("COMPLETED")] }));
            order.payment_source = serde_json::from_value(payment_source).expect("a source");
            assert!(!format!("{order:?}").contains("3nqvjt3n"), "a token is never printed");
            assert_eq!(order.settlement(), Ok(Settlement::Paid(Capture { saved: expected, ..taken() })));
        }
    }

    #[test]
    fn a_charge_that_wants_the_payer_has_failed() {
        let failed = Settlement::Failed { reason: "payer_action_required".into() };
        assert_eq!(order("PAYER_ACTION_REQUIRED", json!({})).charged(), Ok(failed));
        let paid = order("COMPLETED", json!({ "captures": [capture("COMPLETED")] }));
        assert_eq!(paid.charged(), Ok(Settlement::Paid(taken())));
    }

    #[test]
    fn an_order_says_what_became_of_it() {
        let refund = |value: &str, status: &str| json!({ "status": status, "amount": { "currency_code": "USD", "value": value } });
        let refunded = |minor| Settlement::Refunded { capture: taken(), refunded: Money::new(minor, "USD") };
        let declined = || Settlement::Failed { reason: "transaction_refused".into() };
        for (status, payments, expected) in [
            ("CREATED", json!({}), Settlement::Pending),
            ("PAYER_ACTION_REQUIRED", json!({}), Settlement::Pending),
            ("VOIDED", json!({}), Settlement::Failed { reason: "voided".into() }),
            ("COMPLETED", json!({ "captures": [capture("COMPLETED")] }), Settlement::Paid(taken())),
            ("COMPLETED", json!({ "captures": [capture("PENDING")] }), Settlement::Pending),
            ("COMPLETED", json!({ "captures": [capture("DECLINED")] }), declined()),
            (
                "COMPLETED",
                json!({ "captures": [capture("DECLINED"), capture("COMPLETED")] }),
                Settlement::Paid(taken()),
            ),
            ("COMPLETED", json!({ "captures": [capture("REFUNDED")] }), refunded(10_000)),
            (
                "COMPLETED",
                json!({
                    "captures": [capture("PARTIALLY_REFUNDED")],
                    "refunds": [refund("10.00", "COMPLETED"), refund("2.50", "PENDING"), refund("50.00", "FAILED")]
                }),
                refunded(1_250),
            ),
        ] {
            assert_eq!(order(status, payments.clone()).settlement(), Ok(expected), "{status} {payments}");
        }
        assert!(order("COMPLETED", json!({})).settlement().is_err());
    }

    #[test]
    fn a_capture_names_its_order_or_links_to_it() {
        let mut row = capture("COMPLETED");
        row["links"] = json!([
            { "rel": "self", "href": "https://api.paypal.com/v2/payments/captures/3C679366HH908993F" },
            { "rel": "up", "href": "https://api.paypal.com/v2/checkout/orders/5O190127TN364715T" }
        ]);
        let read = |row: &Value| CaptureRow::deserialize(row).expect("a capture");
        assert_eq!(read(&row).order_id(), Some("5O190127TN364715T"));
        row["supplementary_data"] = json!({ "related_ids": { "order_id": "89T257400V0473133" } });
        assert_eq!(read(&row).order_id(), Some("89T257400V0473133"));
        assert_eq!(read(&capture("COMPLETED")).order_id(), None);
    }
}
