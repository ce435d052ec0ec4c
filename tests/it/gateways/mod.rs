//! The clients of the payment gateways against stand-ins that speak the vendors' published protocols.
mod collect;
mod paymob;
mod paypal;
mod requests;
mod routes;
mod saved;
mod settings;
mod upi;

use axum::http::{HeaderMap, HeaderName};
use gatehouse_core::money::Money;
use gatehouse_net::gateways::{Event, Gateway, News, Payer, PaymentOrder, Settlement, Timing, WebhookError};
use gatehouse_testkit::gateways::Delivery;
use std::time::Duration;
use uuid::Uuid;

/// Short enough to wait for in a test, long enough for a busy machine.
fn timing() -> Timing {
    Timing {
        connect: Duration::from_secs(2),
        total: Duration::from_millis(700),
        retries: vec![Duration::from_millis(5); 2],
    }
}

fn order(minor: i64, currency: &str) -> PaymentOrder {
    PaymentOrder {
        request: Uuid::from_u128(0x0197_0000_0000_7000_8000_0000_0000_0001),
        amount: Money::new(minor, currency),
        description: "Monthly, Iron House".into(),
        payer: Payer { first_name: "Layla".into(), last_name: "Hassan".into(), ..Payer::default() },
        return_url: None,
        notify_url: None,
        save: false,
    }
}

fn headers(delivery: &Delivery) -> HeaderMap {
    let parse = |(name, value): &(String, String)| {
        (name.parse::<HeaderName>().expect("a name"), value.parse().expect("a value"))
    };
    delivery.headers.iter().map(parse).collect()
}

async fn read(gateway: &Gateway, delivery: &Delivery) -> Result<Option<Event>, WebhookError> {
    gateway.read_webhook(&headers(delivery), &delivery.query, &delivery.body).await
}

/// What a message says of its order's money.
fn outcome(event: Event) -> Settlement {
    match event.news {
        News::Outcome(outcome) => outcome,
        News::Saved(method) => panic!("{method:?}"),
    }
}
