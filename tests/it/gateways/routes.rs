//! The addresses that gateways send their messages to, over HTTP as anybody in the world can reach them.
use super::requests::{asked, asked_paypal, balance, now_is, rows};
use gatehouse_core::payments::requests::wire::RequestState;
use gatehouse_net::host::Host;
use gatehouse_net::house::{House, Place};
use gatehouse_net::http;
use gatehouse_net::payments::Gateways;
use gatehouse_net::served;
use gatehouse_testkit::TestGym;
use gatehouse_testkit::gateways::Delivery;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

const PAYMOB: &str = "/webhooks/paymob";
const PAYPAL: &str = "/webhooks/paypal";
/// A message may have so many bytes.
const LIMIT: usize = 256 * 1024;

/// The gym's whole service on loopback.
struct Front {
    address: SocketAddr,
    task: JoinHandle<()>,
    _folder: TempDir,
}

impl Drop for Front {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Front {
    async fn open(gym: &TestGym, gateways: Gateways) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place {
            data_dir: folder.path().to_owned(),
            resources: None,
            database_url: Some(gym.db.app_url.clone()),
            migrate_url: None,
            headquarters_url: None,
        };
        let mut house = House::open_with_clock(place, Arc::new(gym.clock.clone())).await.expect("a house");
        // The gateways' keys are sealed with the gym's own.
        house.services = gym.services.clone();
        let mut host = Host::new(house, "a test".to_owned(), None).await.expect("a host");
        Arc::get_mut(&mut host).expect("nobody else has it yet").gateways = gateways;
        let service = http::router(served::Front::of_host(host), |_| None)
            .into_make_service_with_connect_info::<SocketAddr>();
        let socket = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port on loopback");
        let address = socket.local_addr().expect("its address");
        let task = tokio::spawn(async move { axum::serve(socket, service).await.expect("a service") });
        Self { address, task, _folder: folder }
    }

    /// The status of what is answered to a request, written byte by byte: no client's manners stand between.
    async fn send(&self, method: &str, path: &str, delivery: &Delivery) -> u16 {
        let query = if delivery.query.is_empty() { String::new() } else { format!("?{}", delivery.query) };
        let mut head = format!("{method} {path}{query} HTTP/1.1\r\nhost: {}\r\n", self.address);
        for (name, value) in &delivery.headers {
            write!(head, "{name}: {value}\r\n").expect("a string takes all");
        }
        write!(head, "content-length: {}\r\nconnection: close\r\n\r\n", delivery.body.len()).expect("so too");
        let (mut from, mut to) = TcpStream::connect(self.address).await.expect("it listens").into_split();
        let write = async {
            // Whoever is refused early is not read to the end.
            let _ = to.write_all(head.as_bytes()).await;
            let _ = to.write_all(&delivery.body).await;
        };
        let read = async {
            let mut answer = Vec::new();
            let mut part = [0; 1024];
            while let Ok(count @ 1..) = from.read(&mut part).await {
                answer.extend_from_slice(&part[..count]);
            }
            String::from_utf8(answer).expect("text")
        };
        let ((), answer) = tokio::join!(write, read);
        let status = answer.split(' ').nth(1).expect("a status");
        status.parse().expect("a number")
    }

    async fn post(&self, path: &str, delivery: &Delivery) -> u16 {
        self.send("POST", path, delivery).await
    }
}

/// The same with so many bytes, signed as before.
fn swollen(delivery: &Delivery, bytes: usize) -> Delivery {
    let mut body = delivery.body.clone();
    body.resize(bytes, b' ');
    Delivery { body, ..delivery.clone() }
}

fn unreadable(delivery: &Delivery) -> Delivery {
    Delivery { body: b"<html>not JSON</html>".to_vec(), ..delivery.clone() }
}

#[tokio::test]
async fn what_paymob_did_not_sign_is_refused_at_the_door_and_stores_nothing() {
    let (gym, stand_in, gateways, request, order) = asked().await;
    let front = Front::open(&gym, gateways).await;
    stand_in.pay(&order);
    let good = stand_in.callback(&order);
    let before = rows(&gym).await;
    let forged = Delivery { query: format!("hmac={}", "ab".repeat(64)), ..good.clone() };
    let other_amount = good.clone().with("\"amount_cents\":75000", "\"amount_cents\":7500000");
    for (what, delivery, status) in [
        ("unsigned", good.clone().unsigned(), 401),
        ("signed by somebody else", forged, 401),
        ("changed on the way", other_amount, 401),
        ("no JSON", unreadable(&good), 401),
        ("empty", Delivery { body: Vec::new(), ..good.clone() }, 401),
        ("too large", swollen(&good, LIMIT + 1), 413),
    ] {
        assert_eq!(front.post(PAYMOB, &delivery).await, status, "{what}");
    }
    assert_eq!(front.send("GET", PAYMOB, &good).await, 405);
    // Paymob's signature is worth nothing where PayPal's are expected, and PayPal is not set up here.
    assert_eq!(front.post(PAYPAL, &good).await, 401);
    assert_eq!(rows(&gym).await, before);
    assert_eq!(now_is(&gym, request.id).await.state, RequestState::Ordered);
    assert_eq!(balance(&gym).await, 75_000);
    // The same message, as it was signed, is believed: nothing of the above was for another reason.
    assert_eq!(front.post(PAYMOB, &swollen(&good, LIMIT)).await, 200);
    assert_eq!(balance(&gym).await, 0);
}

#[tokio::test]
async fn paymobs_message_that_comes_twice_credits_once() {
    let (gym, stand_in, gateways, request, order) = asked().await;
    let front = Front::open(&gym, gateways).await;
    stand_in.pay(&order);
    let delivery = stand_in.callback(&order);
    let twice = tokio::join!(front.post(PAYMOB, &delivery), front.post(PAYMOB, &delivery));
    assert_eq!(twice, (200, 200));
    let after = rows(&gym).await;
    assert_eq!(front.post(PAYMOB, &delivery).await, 200);
    assert_eq!(rows(&gym).await, after);
    assert_eq!(now_is(&gym, request.id).await.state, RequestState::Confirmed);
    assert_eq!((gym.count("select count(*) from payments").await, balance(&gym).await), (1, 0));
    assert_eq!(gym.count("select count(*) from receipts where kind = 'payment'").await, 1);
}

#[tokio::test]
async fn what_paypal_did_not_sign_is_refused_at_the_door_and_stores_nothing() {
    let (gym, stand_in, gateways, request, order) = asked_paypal().await;
    let front = Front::open(&gym, gateways).await;
    stand_in.approve(&order);
    let good = stand_in.approval_message(&order);
    let before = rows(&gym).await;
    let mut forged = good.clone();
    for (name, value) in &mut forged.headers {
        if name.eq_ignore_ascii_case("paypal-transmission-sig") {
            *value = "AAAA".to_owned();
        }
    }
    for (what, delivery, status) in [
        ("unsigned", good.clone().unsigned(), 401),
        ("signed by somebody else", forged, 401),
        ("changed on the way", swollen(&good, good.body.len() + 1), 401),
        ("no JSON", unreadable(&good), 401),
        ("empty", Delivery { body: Vec::new(), ..good.clone() }, 401),
        ("too large", swollen(&good, LIMIT + 1), 413),
    ] {
        assert_eq!(front.post(PAYPAL, &delivery).await, status, "{what}");
    }
    assert_eq!(front.send("GET", PAYPAL, &good).await, 405);
    assert_eq!(front.post(PAYMOB, &good).await, 401);
    assert_eq!((rows(&gym).await, stand_in.captures()), (before, 0));
    assert_eq!(now_is(&gym, request.id).await.state, RequestState::Ordered);
}

#[tokio::test]
async fn paypals_messages_that_come_twice_credit_once() {
    let (gym, stand_in, gateways, request, order) = asked_paypal().await;
    let front = Front::open(&gym, gateways).await;
    stand_in.approve(&order);
    let approval = stand_in.approval_message(&order);
    for _ in 0..2 {
        assert_eq!(front.post(PAYPAL, &approval).await, 200);
    }
    let captured = stand_in.capture_message(&order);
    let after = rows(&gym).await;
    for _ in 0..2 {
        assert_eq!(front.post(PAYPAL, &captured).await, 200);
    }
    assert_eq!((rows(&gym).await, stand_in.captures()), (after, 1));
    assert_eq!(now_is(&gym, request.id).await.state, RequestState::Confirmed);
    assert_eq!((gym.count("select count(*) from payments").await, balance(&gym).await), (1, 0));
}
