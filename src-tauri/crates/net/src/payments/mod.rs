//! Payments on their way: what the desk, a gateway's message and the clock do with them.
//!
//! The gateway is always spoken to outside of a transaction: asked first and stored afterwards where nothing is lost if
//! we end in between (an order nobody has the page of), stored first and asked afterwards where something would be (a
//! refund).
mod ask;
mod collect;
mod refund;
mod settle;
mod webhook;

pub use ask::ask;
pub use collect::{Collected, collect, collect_all};
pub use refund::refund;
pub use settle::{Run, check, settle_all};
pub use webhook::{Answer, receive};

use crate::gateways::paymob::PaymobConfig;
use crate::gateways::paypal::{Certificates, PaypalConfig};
use crate::gateways::{Gateway, GatewayError, Paymob, Paypal, Timing};
use chrono::{DateTime, Utc};
use gatehouse_core::error::Error;
use gatehouse_core::ids::BranchId;
use gatehouse_core::payments::gateways::service::{self as settings, Keys};
use gatehouse_core::payments::gateways::wire::{GatewaySettings, RemoteMethod};
use gatehouse_core::secret::Secret;
use gatehouse_core::services::Services;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The gateways of a host, made of the branch's settings and kept for their tokens until those change.
pub struct Gateways {
    timing: Timing,
    /// Instead of PayPal's own.
    certificates: Option<Certificates>,
    made: Mutex<HashMap<(BranchId, RemoteMethod), Made>>,
}

struct Made {
    of: DateTime<Utc>,
    gateway: Arc<Gateway>,
    settings: GatewaySettings,
}

impl Default for Gateways {
    fn default() -> Self {
        Self::new(Timing::default(), None)
    }
}

impl Gateways {
    /// `certificates` for another PayPal than PayPal's own.
    pub fn new(timing: Timing, certificates: Option<Certificates>) -> Self {
        Self { timing, certificates, made: Mutex::default() }
    }

    /// # Errors
    /// [`Error::Conflict`] `method_not_set_up`, `secrets_unreadable`; [`Error::Invalid`] in `base_url`.
    async fn of(
        &self,
        services: &Services,
        branch: BranchId,
        method: RemoteMethod,
    ) -> Result<(Arc<Gateway>, GatewaySettings), Error> {
        let (settings, keys, updated_at) = settings::enabled(services, branch, method).await?;
        if let Some(made) = self.lock().get(&(branch, method))
            && made.of == updated_at
            && made.settings == settings
        {
            return Ok((made.gateway.clone(), settings));
        }
        let gateway = Arc::new(self.make(services, settings.clone(), &keys)?);
        let made = Made { of: updated_at, gateway: gateway.clone(), settings: settings.clone() };
        self.lock().insert((branch, method), made);
        Ok((gateway, settings))
    }

    fn make(&self, services: &Services, settings: GatewaySettings, keys: &Keys) -> Result<Gateway, Error> {
        let key = |name: &str| keys.get(name).cloned().unwrap_or_else(|| Secret::new(""));
        let (timing, clock) = (self.timing.clone(), services.clock.clone());
        match settings {
            GatewaySettings::Paymob { base_url, public_key, integrations, moto_integration, .. } => {
                let config = PaymobConfig {
                    base_url,
                    public_key,
                    secret_key: key("secret_key"),
                    api_key: key("api_key"),
                    hmac_secret: key("hmac_secret"),
                    integrations,
                    moto_integration,
                    timing,
                };
                Ok(Gateway::Paymob(Paymob::new(config, clock)?))
            }
            GatewaySettings::PayPal { base_url, client_id, webhook_id } => {
                let certificates = match &self.certificates {
                    Some(certificates) => certificates.clone(),
                    None if base_url.contains("sandbox") => Certificates::sandbox(),
                    None => Certificates::live(),
                };
                let client_secret = key("client_secret");
                let config =
                    PaypalConfig { base_url, client_id, client_secret, webhook_id, certificates, timing };
                Ok(Gateway::Paypal(Paypal::new(config, clock)?))
            }
            GatewaySettings::Upi { .. } | GatewaySettings::BankTransfer { .. } => {
                Err(Error::conflict("not_a_gateway"))
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(BranchId, RemoteMethod), Made>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A gateway's trouble as the desk is told it.
fn told(error: GatewayError) -> Error {
    match error {
        GatewayError::Refused { code } => {
            Error::Conflict { code: "gateway_refused", params: serde_json::json!({ "reason": code }) }
        }
        GatewayError::ExpiredKeys => Error::conflict("gateway_keys_refused"),
        GatewayError::Unreachable(_) => Error::conflict("gateway_unreachable"),
        GatewayError::Unknown(_) => Error::conflict("gateway_outcome_unknown"),
        GatewayError::Malformed(_) => Error::conflict("gateway_answer_unreadable"),
    }
}
