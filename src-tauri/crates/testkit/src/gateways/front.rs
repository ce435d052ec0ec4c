//! What both stand-ins share: the listening, the counting and the misbehaving.
use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use std::collections::{HashMap, VecDeque};
use std::future::pending;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What a client can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    Token,
    Create,
    Inquire,
    Capture,
    /// Paymob's order of a charge to a saved card.
    Order,
    /// Paymob's key to pay such an order.
    PaymentKey,
    /// A charge to a saved method.
    Charge,
    Refund,
    Verify,
    Certificate,
}

/// How the next call of a kind goes wrong.
#[derive(Clone, Copy, Debug)]
pub enum Mischief {
    /// Status 500, nothing done.
    ServerError,
    /// Done, then status 500.
    ServerErrorAfterwards,
    /// Nothing done, and no answer ever.
    Hang,
    /// Done, and no answer ever: the client's time-out is a success in the books.
    HangAfterwards,
    /// Status 4xx with the vendor's code, nothing done.
    Refuse(&'static str),
    /// Done, then status 4xx with the vendor's code: somebody else was faster.
    RefuseAfterwards(&'static str),
    /// Status 200 and a page that is no JSON, as a captive portal sends.
    Nonsense,
}

/// A message that the gateway sends, or somebody in its name.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The URL's query, without the `?`.
    pub query: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Delivery {
    /// The same with another text in the body, signed as before.
    ///
    /// # Panics
    /// When the body does not contain `text`.
    #[must_use]
    pub fn with(self, text: &str, other: &str) -> Self {
        let body = String::from_utf8(self.body).expect("text");
        assert!(body.contains(text), "{text} in {body}");
        Self { body: body.replace(text, other).into_bytes(), ..self }
    }

    /// The same without query and headers, where the signatures are.
    #[must_use]
    pub fn unsigned(self) -> Self {
        Self { query: String::new(), headers: Vec::new(), ..self }
    }
}

/// The front desk of a stand-in.
pub struct Front {
    plans: Mutex<HashMap<Call, VecDeque<Mischief>>>,
    counts: Mutex<HashMap<Call, usize>>,
    refuse: fn(&str) -> Response,
}

impl Front {
    /// `refuse` makes the vendor's answer of a code.
    pub fn new(refuse: fn(&str) -> Response) -> Self {
        Self { plans: Mutex::default(), counts: Mutex::default(), refuse }
    }

    pub fn misbehave(&self, call: Call, mischief: Mischief) {
        lock(&self.plans).entry(call).or_default().push_back(mischief);
    }

    pub fn count(&self, call: Call) -> usize {
        lock(&self.counts).get(&call).copied().unwrap_or(0)
    }

    /// Answers a call with what `act` does, unless something else was planned for it.
    pub async fn answer(&self, call: Call, act: impl FnOnce() -> Response) -> Response {
        *lock(&self.counts).entry(call).or_default() += 1;
        let planned = lock(&self.plans).get_mut(&call).and_then(VecDeque::pop_front);
        match planned {
            None => act(),
            Some(Mischief::ServerError) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            Some(Mischief::ServerErrorAfterwards) => {
                act();
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
            Some(Mischief::Hang) => pending().await,
            Some(Mischief::HangAfterwards) => {
                act();
                pending().await
            }
            Some(Mischief::Refuse(code)) => (self.refuse)(code),
            Some(Mischief::RefuseAfterwards(code)) => {
                act();
                (self.refuse)(code)
            }
            Some(Mischief::Nonsense) => "<html>Log in to the hotel's network</html>".into_response(),
        }
    }
}

/// A listening service; it ends with its owner.
pub struct Listener {
    pub url: String,
    task: JoinHandle<()>,
}

impl Listener {
    /// # Panics
    /// When loopback has no port left.
    pub async fn start(make: impl FnOnce(&str) -> Router) -> Self {
        let socket = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port on loopback");
        let url = format!("http://{}", socket.local_addr().expect("its address"));
        let router = make(&url);
        let task = tokio::spawn(async move { axum::serve(socket, router).await.expect("a service") });
        Self { url, task }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A test that failed while holding a lock has said so already.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
