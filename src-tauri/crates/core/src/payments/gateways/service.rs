//! Settings of the ways of being paid from afar. Keys are encrypted before they are stored, shown by their last
//! characters only, and looking at them is audited.
use crate::actor::Actor;
use crate::audit::{self, Change};
use crate::auth::model::Permission;
use crate::error::Error;
use crate::ids::{BranchId, new_id};
use crate::payments::gateways::store::{self, GatewayRow};
use crate::payments::gateways::wire::{
    GatewaySettings, GatewayView, GatewayViews, RemoteMethod, RemoteMethods, SetGateway,
};
use crate::payments::upi;
use crate::sealed::KeyFile;
use crate::secret::Secret;
use crate::services::Services;
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

const LONGEST_TEXT: usize = 500;
const LONGEST_KEY: usize = 4_000;

/// Keys by their names, decrypted.
pub type Keys = BTreeMap<String, Secret>;

/// All that the branch has set up, keys masked.
pub async fn settings(services: &Services, actor: &Actor) -> Result<GatewayViews, Error> {
    actor.require(Permission::EditSettings)?;
    let branch = actor.branch()?;
    let now = services.now();
    let mut tx = services.db.begin().await?;
    let rows = store::all(&mut tx, branch).await?;
    let views = GatewayViews { rows: rows.iter().map(|row| view(&services.keys, branch, row)).collect() };
    if rows.iter().any(|row| row.secrets.is_some()) {
        let change = Change {
            act: "gateway.keys_seen",
            subject_kind: "branch",
            subject: Some(branch.0),
            before: None,
            after: None,
        };
        audit::record(&mut tx, actor, now, change).await?;
    }
    tx.commit().await?;
    Ok(views)
}

/// Sets one way up, or changes it; gives it as it is now.
pub async fn set(services: &Services, actor: &Actor, request: SetGateway) -> Result<GatewayView, Error> {
    actor.require(Permission::EditSettings)?;
    let branch = actor.branch()?;
    let now = services.now();
    check(&request.settings)?;
    let method = request.settings.method();
    let mut tx = services.db.begin().await?;
    let before = store::one(&mut tx, branch, method).await?;
    let mut keys = match before.as_ref().map(|row| keys_of(&services.keys, branch, row)) {
        Some(Ok(keys)) => keys,
        // Unreadable ones are given up for those that come now.
        Some(Err(_)) | None => Keys::new(),
    };
    let mut changed = Vec::new();
    for (name, key) in request.keys {
        if !method.keys().contains(&name.as_str()) {
            return Err(Error::invalid("keys", "unknown"));
        }
        let key = Secret::new(key.expose().trim());
        if key.expose().len() > LONGEST_KEY {
            return Err(Error::invalid("keys", "too_long"));
        }
        if !key.is_empty() {
            changed.push(name.clone());
            keys.insert(name, key);
        }
    }
    if request.enabled && method.keys().iter().any(|name| !keys.contains_key(*name)) {
        return Err(Error::invalid("keys", "required"));
    }
    let secrets = if keys.is_empty() { None } else { Some(seal(&services.keys, branch, method, &keys)?) };
    let id = before.as_ref().map_or_else(|| new_id(now), |row| row.id);
    let row =
        GatewayRow { id, enabled: request.enabled, settings: request.settings, secrets, updated_at: now };
    store::put(&mut tx, branch, &row, actor.account().map(|id| id.0)).await?;
    let told = |row: &GatewayRow| serde_json::json!({ "enabled": row.enabled, "settings": row.settings });
    let mut after = told(&row);
    after["keys_changed"] = serde_json::json!(changed);
    let change = Change {
        act: "gateway.set",
        subject_kind: "gateway",
        subject: Some(id),
        before: before.as_ref().map(told),
        after: Some(after),
    };
    audit::record(&mut tx, actor, now, change).await?;
    tx.commit().await?;
    Ok(view(&services.keys, branch, &row))
}

/// A way that is switched on, with its keys: for whoever speaks to the gateway, never for an answer.
///
/// # Errors
/// [`Error::Conflict`] `method_not_set_up` when the branch has it not or switched it off; `secrets_unreadable`.
pub async fn enabled(
    services: &Services,
    branch: BranchId,
    method: RemoteMethod,
) -> Result<(GatewaySettings, Keys, DateTime<Utc>), Error> {
    let mut db = services.db.acquire().await?;
    let row = store::one(&mut db, branch, method).await?.filter(|row| row.enabled);
    let row = row.ok_or(Error::conflict("method_not_set_up"))?;
    let keys = keys_of(&services.keys, branch, &row)?;
    Ok((row.settings, keys, row.updated_at))
}

/// Ways that a payer can be asked by at the branch: switched on, whatever their keys.
pub async fn offered(services: &Services, actor: &Actor) -> Result<RemoteMethods, Error> {
    actor.require(Permission::Sell)?;
    let mut db = services.db.acquire().await?;
    let rows = store::all(&mut db, actor.branch()?).await?;
    Ok(RemoteMethods {
        rows: rows.iter().filter(|row| row.enabled).map(|row| row.settings.method()).collect(),
    })
}

/// Branches where that gateway is switched on: a message may be for any of them.
pub async fn branches_with(services: &Services, method: RemoteMethod) -> Result<Vec<BranchId>, Error> {
    let mut db = services.db.acquire().await?;
    store::branches_with(&mut db, method).await
}

fn about(branch: BranchId, method: RemoteMethod) -> String {
    format!("gateway {} of branch {branch}", method.as_str())
}

fn seal(key_file: &KeyFile, branch: BranchId, method: RemoteMethod, keys: &Keys) -> Result<Vec<u8>, Error> {
    let open: BTreeMap<&str, &str> = keys.iter().map(|(name, key)| (name.as_str(), key.expose())).collect();
    let text = serde_json::to_string(&open).map_err(|error| Error::Internal(error.to_string()))?;
    key_file.seal(&about(branch, method), &text)
}

fn keys_of(key_file: &KeyFile, branch: BranchId, row: &GatewayRow) -> Result<Keys, Error> {
    let Some(sealed) = &row.secrets else { return Ok(Keys::new()) };
    let text = key_file.open(&about(branch, row.settings.method()), sealed)?;
    serde_json::from_str(text.expose()).map_err(|_| Error::conflict("secrets_unreadable"))
}

fn view(key_file: &KeyFile, branch: BranchId, row: &GatewayRow) -> GatewayView {
    let opened = keys_of(key_file, branch, row);
    let keys_unreadable = opened.is_err();
    let opened = opened.unwrap_or_default();
    let masked = |name: &&str| opened.get(*name).map(Secret::masked).unwrap_or_default();
    let names = row.settings.method().keys().iter();
    GatewayView {
        enabled: row.enabled,
        settings: row.settings.clone(),
        keys: names.map(|name| ((*name).to_owned(), masked(name))).collect(),
        keys_unreadable,
        updated_at: row.updated_at,
    }
}

fn check(settings: &GatewaySettings) -> Result<(), Error> {
    let text = |field: &'static str, text: &str| match text.trim() {
        "" => Err(Error::invalid(field, "required")),
        text if text.chars().count() > LONGEST_TEXT => Err(Error::invalid(field, "too_long")),
        _ => Ok(()),
    };
    match settings {
        GatewaySettings::Upi { address, name, merchant_code } => {
            upi::check_payee(&upi::Payee { address, name, merchant_code: merchant_code.as_deref() })
        }
        GatewaySettings::BankTransfer { instructions } => text("instructions", instructions),
        GatewaySettings::Paymob { base_url, public_key, integrations, moto_integration, notify_url } => {
            web_address("base_url", base_url)?;
            text("public_key", public_key)?;
            if integrations.is_empty() {
                return Err(Error::invalid("integrations", "required"));
            }
            if moto_integration.is_some_and(|id| id <= 0) {
                return Err(Error::invalid("moto_integration", "malformed"));
            }
            notify_url.as_deref().map_or(Ok(()), |url| web_address("notify_url", url))
        }
        GatewaySettings::PayPal { base_url, client_id, webhook_id } => {
            web_address("base_url", base_url)?;
            text("client_id", client_id)?;
            if webhook_id.chars().count() > LONGEST_TEXT {
                return Err(Error::invalid("webhook_id", "too_long"));
            }
            Ok(())
        }
    }
}

/// Keys leave this machine encrypted, or not at all.
fn web_address(field: &'static str, address: &str) -> Result<(), Error> {
    let local = ["http://127.0.0.1", "http://localhost", "http://[::1]"].iter().any(|start| {
        address.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
    });
    match address.trim() {
        "" => Err(Error::invalid(field, "required")),
        text if text.len() > LONGEST_TEXT => Err(Error::invalid(field, "too_long")),
        text if text.strip_prefix("https://").is_some_and(|rest| !rest.is_empty()) || local => Ok(()),
        text if text.starts_with("http://") => Err(Error::invalid(field, "insecure")),
        _ => Err(Error::invalid(field, "malformed")),
    }
}
