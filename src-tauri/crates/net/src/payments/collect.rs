//! Charging by itself what is due to what members left with gateways.
use super::settle::{keep_saved, report_of, show};
use super::{Gateways, told};
use crate::gateways::{Charged, GatewayError, Payer, SavedCharge};
use chrono::TimeDelta;
use gatehouse_core::actor::Actor;
use gatehouse_core::error::Error;
use gatehouse_core::gym::service::branches;
use gatehouse_core::payments::collection::{self, Begun, ToCharge};
use gatehouse_core::payments::requests::model::Report;
use gatehouse_core::payments::requests::settle::AtGateway;
use gatehouse_core::payments::requests::wire::{PaymentRequest, RequestState};
use gatehouse_core::services::Services;
use gatehouse_core::subscriptions::auto_renew;

/// A charge that its gateway knows nothing of after so long was never made.
const LOST_AFTER: TimeDelta = TimeDelta::minutes(10);

/// What one run of [`collect`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Subscriptions that went on by themselves.
    pub renewed: u64,
    /// Debts charged to a method that the payer had left, and paid.
    pub paid: usize,
    /// Declined, or never made.
    pub failed: usize,
    /// The answer got lost; asking the gateway settles it.
    pub under_way: usize,
    /// Payers who were sent a mail instead.
    pub reminded: usize,
}

/// Every branch of this house; one that fails does not keep the others waiting.
pub async fn collect_all(services: &Services, gateways: &Gateways) -> Result<Collected, Error> {
    let mut all = Collected::default();
    for branch in branches(services).await? {
        let actor = Actor::System { branch: Some(branch), desk: None };
        match collect(services, gateways, &actor).await {
            Ok(done) => {
                all.renewed += done.renewed;
                all.paid += done.paid;
                all.failed += done.failed;
                all.under_way += done.under_way;
                all.reminded += done.reminded;
            }
            Err(error) => tracing::warn!(%error, %branch, "what is due was not collected"),
        }
    }
    Ok(all)
}

/// Renews what ends today and goes on by itself, then asks for what is due, as far as the schedule says so.
pub async fn collect(services: &Services, gateways: &Gateways, actor: &Actor) -> Result<Collected, Error> {
    let mut done =
        Collected { renewed: auto_renew::run(services, actor).await?.renewed, ..Collected::default() };
    for due in collection::due(services, actor).await? {
        match collection::begin(services, actor, &due).await {
            Ok(Begun::Charge(to_charge)) => match charge(services, gateways, actor, &to_charge).await {
                Ok(RequestState::Confirmed) => done.paid += 1,
                Ok(RequestState::Sent) => done.under_way += 1,
                Ok(_) => done.failed += 1,
                Err(error) => {
                    tracing::warn!(%error, request = %to_charge.request, "a charge is under way");
                    done.under_way += 1;
                }
            },
            Ok(Begun::Reminded) => done.reminded += 1,
            Ok(Begun::Left) => {}
            Err(error) => tracing::warn!(%error, charge = %due.charge, "a debt was not asked for"),
        }
    }
    Ok(done)
}

async fn charge(
    services: &Services,
    gateways: &Gateways,
    actor: &Actor,
    to_charge: &ToCharge,
) -> Result<RequestState, Error> {
    let answer = match gateways.of(services, to_charge.branch, to_charge.method).await {
        Ok((gateway, _)) => gateway.charge(&as_sent(to_charge)).await,
        Err(error) => {
            fail(services, actor, to_charge, "not_set_up").await?;
            return Err(error);
        }
    };
    let request = match answer {
        Ok(charged) => book(services, actor, to_charge, charged).await?,
        Err(error) => match why_not_done(&error) {
            Some(reason) => fail(services, actor, to_charge, reason).await?,
            None => return Err(told(error)),
        },
    };
    Ok(request.state)
}

/// Settles a charge whose answer got lost.
pub(super) async fn find(
    services: &Services,
    gateways: &Gateways,
    actor: &Actor,
    at: &AtGateway,
) -> Result<PaymentRequest, Error> {
    let Some(to_charge) = collection::under_way(services, actor, at.request).await? else {
        return show(services, actor, at.request).await;
    };
    let (gateway, _) = gateways.of(services, at.branch, at.method).await?;
    match gateway.find_charge(&as_sent(&to_charge)).await {
        Ok(Some(charged)) => book(services, actor, &to_charge, charged).await,
        Ok(None) if to_charge.sent_at + LOST_AFTER < services.now() => {
            fail(services, actor, &to_charge, "never_arrived").await
        }
        Ok(None) => show(services, actor, at.request).await,
        // Not reached now says nothing about what was sent before.
        Err(error @ (GatewayError::Unreachable(_) | GatewayError::ExpiredKeys)) => Err(told(error)),
        Err(error) => match why_not_done(&error) {
            Some(reason) => fail(services, actor, &to_charge, reason).await,
            None => Err(told(error)),
        },
    }
}

async fn book(
    services: &Services,
    actor: &Actor,
    to_charge: &ToCharge,
    charged: Charged,
) -> Result<PaymentRequest, Error> {
    keep_saved(services, actor, to_charge.request, &charged.settlement).await?;
    let report = report_of(charged.settlement);
    collection::charged(services, actor, to_charge.request, charged.order_id.as_deref(), &report).await
}

async fn fail(
    services: &Services,
    actor: &Actor,
    to_charge: &ToCharge,
    reason: &str,
) -> Result<PaymentRequest, Error> {
    let report = Report::Failed { reason: reason.to_owned() };
    collection::charged(services, actor, to_charge.request, None, &report).await
}

/// The reason where nothing was taken for certain.
fn why_not_done(error: &GatewayError) -> Option<&str> {
    match error {
        GatewayError::Refused { code } => Some(code),
        GatewayError::ExpiredKeys => Some("keys_refused"),
        GatewayError::Unreachable(_) => Some("unreachable"),
        GatewayError::Unknown(_) | GatewayError::Malformed(_) => None,
    }
}

fn as_sent(to_charge: &ToCharge) -> SavedCharge {
    SavedCharge {
        request: to_charge.request.0,
        amount: to_charge.amount.clone(),
        description: to_charge.description.clone(),
        payer: Payer::named(&to_charge.payer_name, to_charge.email.clone(), to_charge.phone.clone()),
        token: to_charge.token.clone(),
        first_sent: to_charge.sent_at,
    }
}
