use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor};

use crate::secrets::Secrets;
use crate::{APP_ROLE, DATABASE, Error, OWNER_ROLE};

/// Makes the two roles and the database where they are missing and sets the roles' passwords. May be run again
/// at any time; passwords are hexadecimal digits and need no quoting.
pub(crate) async fn roles_and_database(admin_url: &str, secrets: &Secrets) -> Result<(), Error> {
    let mut db = PgConnection::connect(admin_url).await?;
    for (role, password) in [(OWNER_ROLE, &secrets.owner), (APP_ROLE, &secrets.app)] {
        let known: bool = sqlx::query_scalar("select exists (select from pg_roles where rolname = $1)")
            .bind(role)
            .fetch_one(&mut db)
            .await?;
        let verb = if known { "alter" } else { "create" };
        db.execute(AssertSqlSafe(format!("{verb} role {role} login password '{password}'"))).await?;
    }
    let known: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
        .bind(DATABASE)
        .fetch_one(&mut db)
        .await?;
    if !known {
        db.execute(AssertSqlSafe(format!("create database {DATABASE} owner {OWNER_ROLE}"))).await?;
        db.execute(AssertSqlSafe(format!("revoke all on database {DATABASE} from public"))).await?;
    }
    db.execute(AssertSqlSafe(format!("grant connect on database {DATABASE} to {APP_ROLE}"))).await?;
    db.close().await?;
    Ok(())
}
