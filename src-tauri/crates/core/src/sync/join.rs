//! An installation that is alone becomes a branch, by a code. Until headquarters has taken the code nothing is changed here;
//! a line that is cut just then is no loss, since the same code goes on where it was.
use super::code::Code;
use super::link::{self, Link, Stored};
use super::model::Limits;
use super::wire::{Answer, JoinHeadquarters};
use super::{office, relay, store, tls};
use crate::actor::Actor;
use crate::audit::{self, Change};
use crate::auth::model::Permission;
use crate::db::MIGRATIONS;
use crate::error::Error;
use crate::gym::service as gym;
use crate::ids::{BranchId, new_id};
use crate::random;
use crate::sealed::hex;
use crate::secret::Secret;
use crate::services::Services;
use sqlx::{Connection as _, PgConnection};
use std::time::Duration;
use uuid::Uuid;

/// How long headquarters may take for one step.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often the tables are tried for, which the desk may be writing to.
const TRIES: u32 = 50;
/// Between two of them.
const PAUSE: Duration = Duration::from_millis(200);

/// What this installation is before it joins.
struct Here {
    gym: Option<Uuid>,
    branch: Option<Uuid>,
    /// It has joined before, as this one.
    joined: Option<Uuid>,
}

/// What headquarters has made of it.
struct Admitted {
    branch: Uuid,
    founds: bool,
}

/// Joins the headquarters that has made the code.
///
/// # Errors
/// [`Error::Invalid`] in `code` for one that cannot be read; [`Error::Conflict`] `sync_joined`, `sync_one_branch` where this
/// database cannot be a branch; what [`tls`] says of the server; `headquarters_unreachable`; and of headquarters `code_used`,
/// `code_expired`, `code_unknown`, `another_gym`, `another_branch`, `not_founded`, `nothing_to_found`, `headquarters_older`.
/// Nothing is changed then.
pub async fn join(
    services: &Services,
    actor: &Actor,
    request: JoinHeadquarters,
) -> Result<super::wire::Headquarters, Error> {
    actor.require(Permission::EditSettings)?;
    let code = Code::read(&request.code)?;
    let mut db = services.db.acquire().await?;
    let here = here(&mut db, actor).await?;
    match here.joined {
        // Shut out, or with its secrets lost, a branch is let in again by a code of its own.
        Some(branch) if branch == code.branch => {}
        Some(_) => return Err(Error::conflict("sync_joined")),
        None => {
            if let Some(why) = store::hindrance(&mut db, here.branch.unwrap_or(code.branch)).await? {
                let many = why == "sync_one_branch";
                return Err(Error::conflict(if many { "sync_one_branch" } else { "sync_joined" }));
            }
        }
    }
    // One that cannot be read any more is given up for what comes now.
    let before = link::stored(&mut db, &services.keys).await.unwrap_or(None);
    drop(db);

    let chain = tls::chain(&code.host, code.port).await?;
    let ca = tls::trusted(&chain, code.ca, &code.host, services.now())?;
    let first = Link::of_code(&code, tls::pem(ca));
    let incarnation = new_id(services.now());
    let admitted = match &before {
        Some(before) if before.mark == link::mark(&code) => {
            already(services, &before.link, incarnation).await?
        }
        _ => None,
    };
    let admitted = match admitted {
        Some(admitted) => admitted,
        None => redeem(services, &code, &first, &here, before.as_ref()).await?,
    };
    become_branch(services, actor, &here, &admitted, incarnation).await?;
    if here.gym.is_none() {
        // An empty installation has nobody who could log in before the first round. If it fails, the relay goes on trying.
        if let Err(error) = first_round(services).await {
            tracing::warn!(%error, "joined, but the first round did not end");
        }
    }
    office::state(services, actor).await
}

async fn here(db: &mut PgConnection, actor: &Actor) -> Result<Here, Error> {
    let node = store::node(&mut *db).await?;
    let gym = sqlx::query_scalar!("select id from gyms").fetch_optional(&mut *db).await?;
    let first = sqlx::query_scalar!("select id from branches order by created_at, id limit 1")
        .fetch_optional(&mut *db)
        .await?;
    let branch =
        node.branch.or(actor.branch().ok().map(|branch| branch.0)).or(first).filter(|_| gym.is_some());
    let joined = match node.mode.as_str() {
        "alone" => None,
        // No branch has this id.
        _ => Some(node.branch.unwrap_or_default()),
    };
    Ok(Here { gym, branch, joined })
}

/// Whether headquarters has taken the code, although its answer never came.
async fn already(services: &Services, link: &Link, incarnation: Uuid) -> Result<Option<Admitted>, Error> {
    let mut hq = match connect(link).await {
        Ok(hq) => hq,
        Err(Refused::Login) => return Ok(None),
        Err(Refused::Other(error)) => return Err(error),
    };
    let answer = patient(store::hello(&mut hq, newest(), incarnation, 1, false, services.now())).await?;
    Ok(match answer {
        Answer::Given(hello) => Some(Admitted { branch: hello.branch_id.0, founds: hello.founds }),
        Answer::Refused { .. } => None,
    })
}

async fn redeem(
    services: &Services,
    code: &Code,
    first: &Link,
    here: &Here,
    before: Option<&Stored>,
) -> Result<Admitted, Error> {
    let now = services.now();
    let mut hq = match connect(first).await {
        Ok(hq) => hq,
        // Postgres says no more than that: the secret was replaced, or its time is over.
        Err(Refused::Login) if now.timestamp() >= i64::from(code.expires) => {
            return Err(Error::conflict("code_expired"));
        }
        Err(Refused::Login) => return Err(Error::conflict("code_used")),
        Err(Refused::Other(error)) => return Err(error),
    };
    let secret = Secret::new(hex(&random::bytes::<32>()));
    let mut db = services.db.acquire().await?;
    link::keep(&mut db, &services.keys, &link::mark(code), &first.with(code, &secret), now).await?;
    let answer =
        patient(store::redeem(&mut hq, &code.secret_text(), secret.expose(), here.gym, here.branch)).await?;
    match answer {
        Answer::Given(redeemed) => Ok(Admitted { branch: redeemed.branch_id.0, founds: redeemed.founds }),
        Answer::Refused { refused } => {
            put_back(&mut db, services, before).await?;
            Err(Error::conflict(refusal(&refused)))
        }
    }
}

/// The link is again what it was.
async fn put_back(db: &mut PgConnection, services: &Services, before: Option<&Stored>) -> Result<(), Error> {
    link::forget(db).await?;
    if let Some(Stored { link, mark, joined_at: Some(at) }) = before {
        link::keep(db, &services.keys, mark, link, *at).await?;
        link::joined(db, *at).await?;
    }
    Ok(())
}

fn refusal(why: &str) -> &'static str {
    match why {
        "code_used" => "code_used",
        "code_expired" => "code_expired",
        "revoked" => "branch_revoked",
        "another_gym" => "another_gym",
        "another_branch" => "another_branch",
        "not_founded" => "not_founded",
        "nothing_to_found" => "nothing_to_found",
        _ => "code_unknown",
    }
}

/// The triggers go up on every table. A desk that is writing is not made to wait long, nor run into a deadlock: whoever joins
/// gives way, and tries again.
async fn become_branch(
    services: &Services,
    actor: &Actor,
    here: &Here,
    admitted: &Admitted,
    incarnation: Uuid,
) -> Result<(), Error> {
    let now = services.now();
    let mut tries = 0;
    loop {
        tries += 1;
        let mut tx = services.db.begin().await?;
        // Less than the second after which the database would look for a deadlock, and end one of the two.
        sqlx::query("set local lock_timeout = '400ms'").execute(&mut *tx).await?;
        let done = match here.joined {
            Some(_) => Ok(()),
            None => {
                store::join_as_app(&mut tx, BranchId(admitted.branch), incarnation, admitted.founds).await
            }
        };
        match done {
            Ok(()) => {
                link::joined(&mut tx, now).await?;
                let change = Change {
                    act: "headquarters.joined",
                    subject_kind: "branch",
                    subject: Some(admitted.branch),
                    before: None,
                    after: Some(serde_json::json!({ "founds": admitted.founds })),
                };
                audit::record(&mut tx, actor, now, change).await?;
                tx.commit().await?;
                return Ok(());
            }
            Err(error) if tries < TRIES && is_busy(&error) => {
                tx.rollback().await?;
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => return Err(error),
        }
    }
}

fn is_busy(error: &Error) -> bool {
    matches!(error, Error::Database(sqlx::Error::Database(error)) if error.code().is_some_and(|code| code == "55P03"))
}

async fn first_round(services: &Services) -> Result<(), relay::Stopped> {
    let mut db = services.db.acquire().await?;
    let link = link::stored(&mut db, &services.keys).await?;
    drop(db);
    let Some(stored) = link else { return Err(relay::Stopped::NoBranch) };
    let mut hq = PgConnection::connect_with(&stored.link.options()).await?;
    relay::round(services, &mut hq, Limits::default()).await?;
    gym::first_desk(services).await?;
    Ok(())
}

fn newest() -> i64 {
    MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0)
}

enum Refused {
    /// The server does not know this name and password.
    Login,
    Other(Error),
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Login => Self::conflict("code_used"),
            Refused::Other(error) => error,
        }
    }
}

async fn connect(link: &Link) -> Result<PgConnection, Refused> {
    let unreachable = || Refused::Other(Error::conflict("headquarters_unreachable"));
    match tokio::time::timeout(PATIENCE, PgConnection::connect_with(&link.options())).await {
        Err(_) => Err(unreachable()),
        Ok(Ok(hq)) => Ok(hq),
        Ok(Err(sqlx::Error::Database(error))) if error.code().is_some_and(|code| code.starts_with("28")) => {
            Err(Refused::Login)
        }
        Ok(Err(sqlx::Error::Database(error))) if error.code().is_some_and(|code| code == "3D000") => {
            Err(Refused::Other(Error::conflict("headquarters_no_database")))
        }
        Ok(Err(sqlx::Error::Tls(error))) => Err(Refused::Other(Error::Conflict {
            code: "headquarters_certificate",
            params: serde_json::json!({ "why": error.to_string() }),
        })),
        Ok(Err(error)) => {
            tracing::warn!(%error, "headquarters cannot be reached");
            Err(unreachable())
        }
    }
}

/// An answer of headquarters; none in time, or none at all, is out of reach.
async fn patient<T>(answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        // No such function, or none for us.
        Ok(Err(Error::Database(sqlx::Error::Database(error))))
            if error.code().is_some_and(|code| code == "42883" || code == "42501") =>
        {
            Err(Error::conflict("headquarters_older"))
        }
        Ok(Err(Error::Database(error))) => {
            tracing::warn!(%error, "headquarters did not answer");
            Err(Error::conflict("headquarters_unreachable"))
        }
        Ok(Err(error)) => Err(error),
        Err(_) => Err(Error::conflict("headquarters_unreachable")),
    }
}
