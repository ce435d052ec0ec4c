//! How Paymob signs its callbacks: HMAC-SHA512 over twenty fields of the transaction or eight of the card, in hexadecimal.
//!
//! Sources: <https://developers.paymob.com/paymob-docs/developers/webhook-callbacks-and-hmac/hmac/hmac-transaction-callback>
//! and <https://developers.paymob.com/paymob-docs/developers/webhook-callbacks-and-hmac/hmac/hmac-for-card-tokens>.
//! No other field is protected, so no other field of a callback decides anything here.
use gatehouse_core::secret::Secret;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::percent_decode_str;
use serde_json::Value;
use sha2::Sha512;
use std::fmt::Write as _;
use subtle::ConstantTimeEq;

/// What a callback is about.
#[derive(Clone, Copy, Debug)]
pub enum Signed {
    Transaction,
    Card,
}

impl Signed {
    /// The signed fields, in the order they are strung together.
    fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Transaction => &TRANSACTION,
            Self::Card => &CARD,
        }
    }
}

const CARD: [&str; 8] =
    ["card_subtype", "created_at", "email", "id", "masked_pan", "merchant_id", "order_id", "token"];

const TRANSACTION: [&str; 20] = [
    "amount_cents",
    "created_at",
    "currency",
    "error_occured",
    "has_parent_transaction",
    "id",
    "integration_id",
    "is_3d_secure",
    "is_auth",
    "is_capture",
    "is_refunded",
    "is_standalone_payment",
    "is_voided",
    "order.id",
    "owner",
    "pending",
    "source_data.pan",
    "source_data.sub_type",
    "source_data.type",
    "success",
];

/// The signature that a callback's query carries.
pub fn of_query(query: &str) -> Option<String> {
    let value = query.split('&').filter_map(|pair| pair.split_once('=')).find(|(name, _)| *name == "hmac")?.1;
    let value = percent_decode_str(value).decode_utf8().ok()?;
    (!value.is_empty()).then(|| value.into_owned())
}

/// Whether `hmac` (hexadecimal, either case) is the object's signature with that secret.
pub fn verify(signed: Signed, object: &Value, secret: &Secret, hmac: &str) -> bool {
    // An empty secret would let everybody sign.
    let Ok(mut mac) = Hmac::<Sha512>::new_from_slice(secret.expose().as_bytes()) else { return false };
    if secret.is_empty() {
        return false;
    }
    mac.update(signed_text(signed, object).as_bytes());
    let expected = hexadecimal(&mac.finalize().into_bytes());
    expected.as_bytes().ct_eq(hmac.to_ascii_lowercase().as_bytes()).into()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The values strung together without anything between them.
fn signed_text(signed: Signed, object: &Value) -> String {
    signed.fields().iter().fold(String::new(), |mut text, field| {
        let value = field.split('.').try_fold(object, |value, key| value.get(key));
        match value {
            None | Some(Value::Null) => {}
            Some(Value::String(value)) => text.push_str(value),
            Some(other) => text.push_str(&other.to_string()),
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The sample of Paymob's page (source above), with the string and the signature it gives.
    fn documented() -> Value {
        json!({
            "id": 192_036_465, "pending": false, "amount_cents": 100_000, "success": true, "is_auth": false,
            "is_capture": false, "is_standalone_payment": true, "is_voided": false, "is_refunded": false,
            "is_3d_secure": true, "integration_id": 4_097_558, "profile_id": 164_295, "has_parent_transaction": false,
            "order": { "id": 217_503_754, "amount_cents": 100_000, "currency": "EGP", "merchant_order_id": null },
            "created_at": "2024-06-13T11:33:44.592345", "currency": "EGP",
            "source_data": { "pan": "2346", "type": "card", "tenure": null, "sub_type": "MasterCard" },
            "is_void": false, "is_refund": false, "error_occured": false, "refunded_amount_cents": null,
            "captured_amount": null, "owner": 302_852, "parent_transaction": null
        })
    }

    const DOCUMENTED_TEXT: &str = "1000002024-06-13T11:33:44.592345EGPfalsefalse1920364654097558truefalsefalsefalse\
        truefalse217503754302852false2346MasterCardcardtrue";
    const DOCUMENTED_HMAC: &str = "fa8ac0b7f3852e60c50e7fdd4ea5ef0bda96030c19dea1d55df8c76d6c08ab1877774662cbb049\
        81dc84839ad4da560bcc8cb53b8973548657f7e8f8d2e79930";
    /// "Used HMAC Secret" beside the sample in the older edition of the page,
    /// <https://developers.paymob.com/egypt/manage-callback/hmac>; a test account's.
    const DOCUMENTED_SECRET: &str = "04DC1A9490B8CC2094C011FC055ADCDB";

    #[test]
    fn paymobs_own_example_gives_paymobs_own_signature() {
        assert_eq!(signed_text(Signed::Transaction, &documented()), DOCUMENTED_TEXT);
        let secret = Secret::new(DOCUMENTED_SECRET);
        assert!(verify(Signed::Transaction, &documented(), &secret, DOCUMENTED_HMAC));
        assert!(verify(Signed::Transaction, &documented(), &secret, &DOCUMENTED_HMAC.to_uppercase()));
    }

    /// The second sample, of 2020: <https://docs.paymob.com/docs/hmac-calculation>. It gives the string only.
    #[test]
    fn paymobs_older_example_gives_the_documented_string() {
        let transaction = json!({
            "amount_cents": 100, "created_at": "2020-03-25T18:39:44.719228", "currency": "EGP", "error_occured": false,
            "has_parent_transaction": false, "id": 2_556_706, "integration_id": 6741, "is_3d_secure": true,
            "is_auth": false, "is_capture": false, "is_refunded": false, "is_standalone_payment": true,
            "is_voided": false, "order": { "id": 4_778_239 }, "owner": 4705, "pending": false,
            "source_data": { "pan": "2346", "sub_type": "MasterCard", "type": "card" }, "success": true
        });
        assert_eq!(
            signed_text(Signed::Transaction, &transaction),
            "1002020-03-25T18:39:44.719228EGPfalsefalse25567066741truefalsefalsefalsetruefalse47782394705false2346MasterCardcardtrue"
        );
    }

    /// The sample of the card's page, which gives the string; the secret that its signature was made with is not told.
    #[test]
    fn paymobs_example_of_a_card_gives_the_documented_string() {
        let card = json!({
            "id": 8_555_026, "token": "e98aceb96f5a370ddf46460db9d555f88bf12448f80e1839b39f78ab",
            "masked_pan": "xxxx-xxxx-xxxx-2346", "merchant_id": 246_628, "card_subtype": "MasterCard",
            "created_at": "2024-11-13T12:32:23.859982", "email": "test@test.com", "order_id": "264064419",
            "user_added": false, "next_payment_intention": "pi_test_2a9c29ead1734ce8ad09ae4936019992"
        });
        assert_eq!(
            signed_text(Signed::Card, &card),
            "MasterCard2024-11-13T12:32:23.859982test@test.com8555026xxxx-xxxx-xxxx-2346246628264064419e98aceb96f5a370ddf46460db9d555f88bf12448f80e1839b39f78ab"
        );
    }

    #[test]
    fn one_changed_field_breaks_the_signature() {
        let secret = Secret::new(DOCUMENTED_SECRET);
        for (field, value) in [
            ("amount_cents", json!(1)),
            ("currency", json!("OMR")),
            ("success", json!(false)),
            ("order", json!({ "id": 217_503_755 })),
            ("id", json!(192_036_466)),
        ] {
            let mut changed = documented();
            changed[field] = value;
            assert!(!verify(Signed::Transaction, &changed, &secret, DOCUMENTED_HMAC), "{field}");
        }
        assert!(!verify(Signed::Transaction, &documented(), &Secret::new("another secret"), DOCUMENTED_HMAC));
        assert!(!verify(Signed::Transaction, &documented(), &secret, &DOCUMENTED_HMAC[..127]));
        assert!(!verify(Signed::Transaction, &documented(), &secret, ""));
    }

    #[test]
    fn a_gym_without_a_secret_believes_nobody() {
        let empty = Hmac::<Sha512>::new_from_slice(b"").expect("a key of any length");
        let signed = hexadecimal(&empty.chain_update(DOCUMENTED_TEXT).finalize().into_bytes());
        assert!(!verify(Signed::Transaction, &documented(), &Secret::new(""), &signed));
    }

    #[test]
    fn the_signature_is_found_in_the_query() {
        assert_eq!(of_query("hmac=ab12").as_deref(), Some("ab12"));
        assert_eq!(of_query("a=1&hmac=ab%31%32&b=2").as_deref(), Some("ab12"));
        for without in ["", "hmac", "hmac=", "xhmac=ab", "a=hmac"] {
            assert_eq!(of_query(without), None, "{without}");
        }
    }
}
