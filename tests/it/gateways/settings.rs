//! The keys of the gateways: encrypted, masked, audited.
use gatehouse_core::auth::model::Permission;
use gatehouse_core::error::Error;
use gatehouse_core::payments::gateways::service::{enabled, offered, set, settings};
use gatehouse_core::payments::gateways::wire::{GatewaySettings, GatewayView, RemoteMethod, SetGateway};
use gatehouse_core::secret::Secret;
use gatehouse_testkit::{TestGym, without};

fn code(error: Error) -> (Option<String>, String) {
    let wire = error.to_wire();
    (wire.field, wire.code)
}

fn paypal(base_url: &str) -> GatewaySettings {
    GatewaySettings::PayPal {
        base_url: base_url.into(),
        client_id: "AXcId".into(),
        webhook_id: String::new(),
    }
}

fn request(settings: GatewaySettings, keys: &[(&str, &str)]) -> SetGateway {
    let keys = keys.iter().map(|(name, key)| ((*name).to_owned(), Secret::new(*key))).collect();
    SetGateway { enabled: true, settings, keys }
}

const LIVE: &str = "https://api-m.paypal.com";
const KEY: &str = "EL-a-secret-of-paypal-9876";

async fn stored(gym: &TestGym) -> Option<Vec<u8>> {
    sqlx::query_scalar("select secrets from gateways").fetch_one(&gym.db.owner).await.expect("a row")
}

#[tokio::test]
async fn keys_are_encrypted_shown_masked_and_looking_at_them_is_audited() {
    let gym = TestGym::new().await;
    let view =
        set(&gym.services, &gym.owner, request(paypal(LIVE), &[("client_secret", KEY)])).await.expect("set");
    assert_eq!(view.keys["client_secret"], "••••9876");
    let secrets = stored(&gym).await.expect("keys");
    assert!(!secrets.windows(8).any(|part| KEY.as_bytes().windows(8).any(|key| key == part)), "encrypted");
    let looks = "select count(*) from audit_log where act = 'gateway.keys_seen'";
    assert_eq!(gym.count(looks).await, 0);
    let rows: Vec<GatewayView> = settings(&gym.services, &gym.owner).await.expect("settings").rows;
    assert_eq!((rows, gym.count(looks).await), (vec![view], 1));
    let ways = offered(&gym.services, &gym.reception).await.expect("ways").rows;
    assert_eq!(
        (ways, gym.count(looks).await),
        (vec![RemoteMethod::PayPal], 1),
        "the desk learns no more than the name"
    );
    set(&gym.services, &gym.owner, SetGateway { enabled: false, ..request(paypal(LIVE), &[]) })
        .await
        .expect("off");
    assert!(offered(&gym.services, &gym.reception).await.expect("ways").rows.is_empty());
    let told = "select count(*) from audit_log where coalesce(before::text, '') || coalesce(after::text, '') like '%secret-of-paypal%'";
    assert_eq!(gym.count(told).await, 0, "no key in the audit log");
}

#[tokio::test]
async fn a_key_that_is_left_out_stays_as_it_is() {
    let gym = TestGym::new().await;
    set(&gym.services, &gym.owner, request(paypal(LIVE), &[("client_secret", KEY)])).await.expect("set");
    let sandbox = paypal("https://api-m.sandbox.paypal.com");
    for keys in [&[][..], &[("client_secret", "  ")]] {
        set(&gym.services, &gym.owner, request(sandbox.clone(), keys)).await.expect("set");
    }
    let (now, keys, _) = enabled(&gym.services, gym.branch, RemoteMethod::PayPal).await.expect("enabled");
    assert_eq!((now, keys["client_secret"].expose()), (sandbox, KEY));
}

#[tokio::test]
async fn keys_of_another_machine_have_to_be_entered_again() {
    let gym = TestGym::new().await;
    set(&gym.services, &gym.owner, request(paypal(LIVE), &[("client_secret", KEY)])).await.expect("set");
    std::fs::remove_file(gym.services.files.join("secrets.key")).expect("moved without its key file");
    let view = settings(&gym.services, &gym.owner).await.expect("settings").rows.remove(0);
    assert!(view.keys_unreadable && view.keys["client_secret"].is_empty());
    let unreadable = enabled(&gym.services, gym.branch, RemoteMethod::PayPal).await.expect_err("unreadable");
    assert_eq!(code(unreadable).1, "secrets_unreadable");
    let without_key = set(&gym.services, &gym.owner, request(paypal(LIVE), &[])).await.expect_err("no key");
    assert_eq!(code(without_key), (Some("keys".into()), "required".into()));
    let view =
        set(&gym.services, &gym.owner, request(paypal(LIVE), &[("client_secret", KEY)])).await.expect("set");
    assert!(!view.keys_unreadable);
}

#[tokio::test]
async fn settings_that_cannot_work_store_nothing() {
    let gym = TestGym::new().await;
    let key = [("client_secret", KEY)];
    let upi = |address: &str| GatewaySettings::Upi {
        address: address.into(),
        name: "Iron House".into(),
        merchant_code: None,
    };
    let paymob = |moto: i64| GatewaySettings::Paymob {
        base_url: "https://accept.paymob.com".into(),
        public_key: "egy_pk".into(),
        integrations: vec![1],
        moto_integration: Some(moto),
        notify_url: None,
    };
    for (wanted, field, expected) in [
        (request(paymob(0), &[]), "moto_integration", "malformed"),
        (request(paypal("http://api-m.paypal.com"), &key), "base_url", "insecure"),
        (request(paypal("http://127.0.0.1.evil.example"), &key), "base_url", "insecure"),
        (request(paypal("api-m.paypal.com"), &key), "base_url", "malformed"),
        (request(paypal(""), &key), "base_url", "required"),
        (request(paypal(LIVE), &[]), "keys", "required"),
        (request(paypal(LIVE), &[("hmac_secret", "x")]), "keys", "unknown"),
        (request(upi("ironhouse"), &[]), "upi_address", "malformed"),
        (
            request(GatewaySettings::BankTransfer { instructions: " ".into() }, &[]),
            "instructions",
            "required",
        ),
    ] {
        let refused = set(&gym.services, &gym.owner, wanted).await.expect_err(field);
        assert_eq!(code(refused), (Some(field.into()), expected.into()));
    }
    assert_eq!(gym.count("select count(*) from gateways").await, 0);
    let nobody = without(&gym.owner, &[Permission::EditSettings]);
    let forbidden = set(&gym.services, &nobody, request(upi("iron@upi"), &[])).await.expect_err("forbidden");
    assert_eq!(code(forbidden).1, "forbidden");
    assert_eq!(code(settings(&gym.services, &nobody).await.expect_err("forbidden")).1, "forbidden");
}
