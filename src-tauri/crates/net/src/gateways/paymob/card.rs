//! Paymob's message that a payer's card was kept.
//!
//! Source: "Create Card Token",
//! <https://developers.paymob.com/paymob-docs/developers/pay-with-saved-cards/create-card-token>.
use crate::gateways::{Event, News, SavedMethod};
use gatehouse_core::secret::Secret;
use serde::Deserialize;
use serde_json::Value;

/// The signed fields that matter here.
#[derive(Deserialize)]
struct Card {
    id: i64,
    token: Secret,
    masked_pan: String,
    #[serde(default, rename = "card_subtype")]
    brand: String,
    order_id: OrderId,
}

/// Text in the published sample, a number elsewhere.
#[derive(Deserialize)]
#[serde(untagged)]
enum OrderId {
    Text(String),
    Number(i64),
}

/// A callback whose signature was good.
///
/// The signature strings the values together without anything between them, so the text that Paymob signed for a
/// transaction, which the payer's browser carries, could be cut into the fields of a card. No transaction has a masked
/// card number in it; a card without one is not believed.
pub fn event(card: &Value) -> Result<Event, String> {
    let card = Card::deserialize(card).map_err(|error| error.to_string())?;
    let last_four = last_four(&card.masked_pan).ok_or("a card number that is not masked")?;
    if card.token.is_empty() || !card.token.expose().bytes().all(|b| b.is_ascii_graphic()) {
        return Err("a card without a token".to_owned());
    }
    let order_id = match card.order_id {
        OrderId::Text(text) => text,
        OrderId::Number(number) => number.to_string(),
    };
    let kind = if card.brand.is_empty() { "Card" } else { card.brand.as_str() };
    let label = format!("{kind} •••• {last_four}");
    Ok(Event {
        event_id: format!("card-{}", card.id),
        order_id,
        news: News::Saved(SavedMethod { token: card.token, label }),
    })
}

/// `2346` of `xxxx-xxxx-xxxx-2346`.
fn last_four(masked: &str) -> Option<&str> {
    let (hidden, shown) = masked.split_at_checked(masked.len().checked_sub(4)?)?;
    let is_masked = hidden.contains(['x', 'X', '*'])
        && hidden.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'x' | b'X' | b'*' | b'-' | b' '));
    (is_masked && shown.bytes().all(|b| b.is_ascii_digit())).then_some(shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The sample of Paymob's page (source above).
    fn documented() -> Value {
        json!({
            "id": 8_555_026, "token": "e98aceb96f5a370ddf46460db9d555f88bf12448f80e1839b39f78ab",
            "masked_pan": "xxxx-xxxx-xxxx-2346", "merchant_id": 246_628, "card_subtype": "MasterCard",
            "created_at": "2024-11-13T12:32:23.859982", "email": "test@test.com", "order_id": "264064419",
            "user_added": false, "next_payment_intention": "pi_test_2a9c29ead1734ce8ad09ae4936019992"
        })
    }

    #[test]
    fn paymobs_own_example_is_a_saved_card() {
        let token = Secret::new("e98aceb96f5a370ddf46460db9d555f88bf12448f80e1839b39f78ab");
        let saved = SavedMethod { token, label: "MasterCard •••• 2346".into() };
        let expected =
            Event { event_id: "card-8555026".into(), order_id: "264064419".into(), news: News::Saved(saved) };
        assert!(!format!("{expected:?}").contains("e98aceb9"), "a token is never printed");
        assert_eq!(event(&documented()), Ok(expected.clone()));
        let mut by_number = documented();
        by_number["order_id"] = json!(264_064_419);
        assert_eq!(event(&by_number), Ok(expected));
    }

    #[test]
    fn what_is_no_card_is_not_believed() {
        for (field, value) in [
            ("masked_pan", json!("2346")),
            ("masked_pan", json!("40975582346")),
            ("masked_pan", json!("xxxx-xxxx-xxxx-234")),
            ("masked_pan", json!("falsexfalse2346")),
            ("masked_pan", json!("٢٣٤٦")),
            ("masked_pan", json!("")),
            ("token", json!("")),
            ("token", json!("a b")),
            ("token", json!(null)),
            ("order_id", json!(null)),
        ] {
            let mut card = documented();
            card[field] = value.clone();
            assert!(event(&card).is_err(), "{field} {value}");
        }
    }
}
