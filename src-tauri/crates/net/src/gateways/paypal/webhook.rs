//! PayPal's messages: the headers that sign them and what they say.
//!
//! Signed is `transmission id | time | webhook id | CRC-32 of the body, in decimal`, with RSA and SHA-256. Source:
//! <https://developer.paypal.com/api/rest/webhooks/rest/#link-messageverification>.
use super::order::{CaptureRow, Kept};
use crate::gateways::{Event, News, Settlement, WebhookError};
use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

/// The headers of one delivery.
#[derive(Debug)]
pub struct Transmission {
    id: String,
    time: String,
    algorithm: String,
    pub cert_url: String,
    pub signature: Vec<u8>,
    signature_text: String,
}

impl Transmission {
    /// # Errors
    /// [`WebhookError::Unsigned`] when one is missing, [`WebhookError::WrongSignature`] for one that is no base64.
    pub fn of(headers: &HeaderMap) -> Result<Self, WebhookError> {
        let text = |name: &str| {
            let value = headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
            value.filter(|value| !value.is_empty()).map(str::to_owned).ok_or(WebhookError::Unsigned)
        };
        let signature_text = text("paypal-transmission-sig")?;
        Ok(Self {
            id: text("paypal-transmission-id")?,
            time: text("paypal-transmission-time")?,
            algorithm: text("paypal-auth-algo")?,
            cert_url: text("paypal-cert-url")?,
            signature: STANDARD.decode(&signature_text).map_err(|_| WebhookError::WrongSignature)?,
            signature_text,
        })
    }

    /// The only algorithm that PayPal publishes.
    pub fn is_rsa(&self) -> bool {
        self.algorithm == "SHA256withRSA"
    }

    /// What is signed.
    pub fn message(&self, webhook_id: &str, body: &[u8]) -> String {
        format!("{}|{}|{webhook_id}|{}", self.id, self.time, crc32fast::hash(body))
    }

    /// The question to PayPal's verification service. The message goes in byte by byte as it came: the checksum is
    /// over exactly these.
    pub fn question(&self, webhook_id: &str, body: &[u8]) -> Result<Vec<u8>, WebhookError> {
        serde_json::from_slice::<IgnoredAny>(body).map_err(|_| WebhookError::WrongSignature)?;
        let head = json!({
            "auth_algo": self.algorithm,
            "cert_url": self.cert_url,
            "transmission_id": self.id,
            "transmission_sig": self.signature_text,
            "transmission_time": self.time,
            "webhook_id": webhook_id,
        });
        let mut question = head.to_string().into_bytes();
        // The closing brace, to go on behind it.
        question.pop();
        question.extend_from_slice(b",\"webhook_event\":");
        question.extend_from_slice(body);
        question.push(b'}');
        Ok(question)
    }
}

#[derive(Deserialize)]
struct Message {
    id: String,
    event_type: String,
    resource: Value,
}

/// Reads a message whose signature was good; `None` for what is not followed.
pub fn event(body: &[u8]) -> Result<Option<Event>, WebhookError> {
    let malformed = |error: serde_json::Error| WebhookError::Malformed(error.to_string());
    let message: Message = serde_json::from_slice(body).map_err(malformed)?;
    let found = match message.event_type.as_str() {
        // The payer has approved: asking captures it.
        "CHECKOUT.ORDER.APPROVED" => {
            let order = message.resource.get("id").and_then(Value::as_str).map(str::to_owned);
            order.map(|order| (order, News::Outcome(Settlement::Pending)))
        }
        "PAYMENT.CAPTURE.COMPLETED"
        | "PAYMENT.CAPTURE.DENIED"
        | "PAYMENT.CAPTURE.DECLINED"
        | "PAYMENT.CAPTURE.PENDING" => {
            let capture = CaptureRow::deserialize(&message.resource).map_err(malformed)?;
            let outcome = capture.settlement().map_err(|error| WebhookError::Malformed(error.to_string()))?;
            capture.order_id().map(|order| (order.to_owned(), News::Outcome(outcome)))
        }
        // Comes where the wallet was kept only after the capture.
        "VAULT.PAYMENT-TOKEN.CREATED" => {
            let Some((order, saved)) = Kept::deserialize(&message.resource).map_err(malformed)?.saved()
            else {
                return Ok(None);
            };
            Some((order, News::Saved(saved)))
        }
        _ => return Ok(None),
    };
    let (order_id, news) =
        found.ok_or_else(|| WebhookError::Malformed("a message without an order".to_owned()))?;
    Ok(Some(Event { event_id: message.id, order_id, news }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(left_out: &str) -> HeaderMap {
        [
            ("paypal-transmission-id", "dfb3be50-fd74-11e4-8bf3-77339302725b"),
            ("paypal-transmission-time", "2015-05-18T15:45:13Z"),
            ("paypal-transmission-sig", "c2lnbmF0dXJl"),
            (
                "paypal-cert-url",
                "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-a5cafa77",
            ),
            ("paypal-auth-algo", "SHA256withRSA"),
        ]
        .into_iter()
        .filter(|(name, _)| *name != left_out)
        .map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value")))
        .collect()
    }

    #[test]
    fn a_message_without_one_of_its_headers_is_unsigned() {
        assert!(Transmission::of(&headers("")).is_ok());
        for name in [
            "paypal-transmission-id",
            "paypal-transmission-time",
            "paypal-transmission-sig",
            "paypal-cert-url",
            "paypal-auth-algo",
        ] {
            assert_eq!(Transmission::of(&headers(name)).expect_err(name), WebhookError::Unsigned);
        }
    }

    #[test]
    fn the_question_carries_the_message_byte_by_byte() {
        let body = br#"{ "id" : "WH-1",  "amount": 1.50 }"#;
        let transmission = Transmission::of(&headers("")).expect("headers");
        let question =
            String::from_utf8(transmission.question("4JH86294D6297924G", body).expect("a question"));
        let question = question.expect("text");
        assert!(question.ends_with(r#","webhook_event":{ "id" : "WH-1",  "amount": 1.50 }}"#), "{question}");
        let read: Value = serde_json::from_str(&question).expect("JSON");
        assert_eq!(read["webhook_id"], "4JH86294D6297924G");
        assert!(transmission.question("4JH86294D6297924G", b"{},{").is_err());
    }

    #[test]
    fn a_signed_message_of_another_kind_is_left_alone() {
        let body = br#"{"id":"WH-1","event_type":"CUSTOMER.DISPUTE.CREATED","resource":{}}"#;
        assert_eq!(event(body), Ok(None));
    }

    #[test]
    fn a_payment_without_its_order_is_not_believed() {
        let body = br#"{"id":"WH-1","event_type":"PAYMENT.CAPTURE.COMPLETED","resource":
            {"id":"C1","status":"COMPLETED","amount":{"currency_code":"USD","value":"5.00"}}}"#;
        assert!(matches!(event(body), Err(WebhookError::Malformed(_))));
    }
}
