//! The branch's way to its headquarters, kept in its own database; what is secret of it is encrypted.
use super::code::Code;
use crate::error::Error;
use crate::sealed::KeyFile;
use crate::secret::Secret;
use chrono::{DateTime, Utc};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

/// Whose secrets these are, for the seal.
const ABOUT: &str = "link to headquarters";
/// The setting that carries the token where branches share a login.
const TOKEN: &str = "gatehouse.token";

/// A way to headquarters.
#[derive(Clone, Debug)]
pub struct Link {
    pub host: String,
    pub port: u16,
    pub database: String,
    pub login: String,
    pub password: Secret,
    /// Where the login is shared: says which branch this is.
    pub token: Option<Secret>,
    /// What the server's certificate is checked against.
    pub ca_pem: String,
}

impl Link {
    /// What a code stands for, until it is used up.
    pub fn of_code(code: &Code, ca_pem: String) -> Self {
        let (login, password) = match &code.shared {
            Some((login, password)) => (login.clone(), password.clone()),
            None => (format!("gatehouse_{}", code.branch.simple()), code.secret_text()),
        };
        Self {
            host: code.host.clone(),
            port: code.port,
            database: code.database.clone(),
            login,
            password: Secret::new(password),
            token: None,
            ca_pem,
        }
    }

    /// The same way with the secret that takes the code's place.
    #[must_use]
    pub fn with(&self, code: &Code, secret: &Secret) -> Self {
        let mut link = self.clone();
        if code.shared.is_some() {
            link.token = Some(secret.clone());
        } else {
            link.password = secret.clone();
        }
        link
    }

    /// Never without TLS, and only to a server whose certificate holds.
    pub fn options(&self) -> PgConnectOptions {
        let options = PgConnectOptions::new_without_pgpass()
            .host(&self.host)
            .port(self.port)
            .database(&self.database)
            .username(&self.login)
            .password(self.password.expose())
            .ssl_mode(PgSslMode::VerifyFull)
            .ssl_root_cert_from_pem(self.ca_pem.clone().into_bytes());
        match &self.token {
            Some(token) => options.options([(TOKEN, token.expose())]),
            None => options,
        }
    }
}

/// By which a code is known again.
pub fn mark(code: &Code) -> Vec<u8> {
    Sha256::digest(code.secret).to_vec()
}

/// A link as it is stored.
#[derive(Clone, Debug)]
pub struct Stored {
    pub link: Link,
    /// Of the code that made it.
    pub mark: Vec<u8>,
    /// None while nobody knows whether headquarters has taken the code.
    pub joined_at: Option<DateTime<Utc>>,
}

/// # Errors
/// [`Error::Conflict`] `secrets_unreadable` without the key that it was stored under.
pub async fn stored(db: &mut PgConnection, keys: &KeyFile) -> Result<Option<Stored>, Error> {
    let row = sqlx::query!(
        "select code_hash, host, port, database, login, secret, ca_pem, joined_at from sync_link"
    )
    .fetch_optional(db)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let secrets: serde_json::Value = serde_json::from_str(keys.open(ABOUT, &row.secret)?.expose())
        .map_err(|_| Error::conflict("secrets_unreadable"))?;
    let secret = |name: &str| secrets[name].as_str().map(Secret::new);
    let link = Link {
        host: row.host,
        port: u16::try_from(row.port).unwrap_or_default(),
        database: row.database,
        login: row.login,
        password: secret("password").ok_or(Error::conflict("secrets_unreadable"))?,
        token: secret("token"),
        ca_pem: row.ca_pem,
    };
    Ok(Some(Stored { link, mark: row.code_hash, joined_at: row.joined_at }))
}

/// Where the link leads, without its secrets.
#[derive(Clone, Debug)]
pub struct Place {
    pub host: String,
    pub port: i32,
    pub joined_at: Option<DateTime<Utc>>,
}

pub async fn place(db: &mut PgConnection) -> Result<Option<Place>, Error> {
    Ok(sqlx::query_as!(Place, "select host, port, joined_at from sync_link").fetch_optional(db).await?)
}

/// Keeps a link that has not joined yet, in place of one before.
pub async fn keep(
    db: &mut PgConnection,
    keys: &KeyFile,
    mark: &[u8],
    link: &Link,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let secrets =
        json!({ "password": link.password.expose(), "token": link.token.as_ref().map(Secret::expose) });
    let secret = keys.seal(ABOUT, &secrets.to_string())?;
    sqlx::query!(
        "insert into sync_link (code_hash, host, port, database, login, secret, ca_pem, made_at) values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (one) do update set code_hash = excluded.code_hash, host = excluded.host, port = excluded.port,
             database = excluded.database, login = excluded.login, secret = excluded.secret, ca_pem = excluded.ca_pem,
             made_at = excluded.made_at, joined_at = null",
        mark,
        link.host,
        i32::from(link.port),
        link.database,
        link.login,
        secret,
        link.ca_pem,
        now
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Headquarters has let this branch in.
pub async fn joined(db: &mut PgConnection, now: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query!("update sync_link set joined_at = $1", now).execute(db).await?;
    Ok(())
}

/// Forgets a link that came to nothing.
pub async fn forget(db: &mut PgConnection) -> Result<(), Error> {
    sqlx::query!("delete from sync_link where joined_at is null").execute(db).await?;
    Ok(())
}
