//! A believable gym for showing, measuring and trying out: members with names of several scripts, plans, sales
//! that balance, cards, and visits with the shape of days and weeks. It goes in by COPY, and is what the services
//! would have written.
pub mod copy;
pub mod dice;
pub mod history;
pub mod names;
pub mod people;
pub mod plans;

use crate::actor::Actor;
use crate::auth::login;
use crate::auth::model::Role;
use crate::auth::staff;
use crate::auth::wire::CreateStaff;
use crate::day::BranchCalendar;
use crate::error::Error;
use crate::gym::service::{fetch_branch, set_up};
use crate::gym::wire::SetUp;
use crate::ids::{BranchId, new_id};
use crate::random;
use crate::services::Services;
use chrono::{DateTime, NaiveDate, Utc};
use copy::{Batch, Table};
use history::History;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::fmt::Write as _;
use std::time::Instant;
use uuid::Uuid;

/// What to make.
#[derive(Clone, Debug)]
pub struct Demo {
    pub members: u32,
    /// Days of history before today. With none, everybody has just been brought over from an old system.
    pub days: u32,
    /// The same seed gives an empty gym the same people.
    pub seed: u64,
    /// Of a hundred members, those who buy packs of visits.
    pub pack_percent: u8,
    pub now: DateTime<Utc>,
}

/// Where the history happens.
#[derive(Clone, Debug)]
pub struct House {
    pub branch: Uuid,
    pub code: String,
    pub currency: String,
    pub calendar: BranchCalendar,
    pub desk: Uuid,
    pub account: Option<Uuid>,
    /// Ids of [`plans::OFFERS`].
    pub plans: Vec<Uuid>,
}

/// Who can log in to a gym that had to be set up first.
#[derive(Clone, Debug)]
pub struct Login {
    pub owner_email: String,
    pub reception_username: String,
    /// Of both, drawn anew each time.
    pub password: String,
}

/// What was made.
#[derive(Clone, Debug)]
pub struct Report {
    pub members: u64,
    /// Members with a subscription that runs today.
    pub running: u64,
    /// Members whose name has letters other than Latin.
    pub native_names: u64,
    pub visits: u64,
    /// Rows of all tables.
    pub rows: u64,
    pub seconds: f64,
    pub login: Option<Login>,
}

impl Report {
    pub fn rows_per_second(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let rows = self.rows as f64;
        rows / self.seconds.max(0.001)
    }
}

/// Adds the members and their history to the gym, which is set up first if it is not. `owner_url` is the role that
/// owns the tables; `progress` hears how many rows are in.
pub async fn generate(
    services: &Services,
    owner_url: &str,
    demo: Demo,
    mut progress: impl FnMut(u64),
) -> Result<Report, Error> {
    let began = Instant::now();
    let login = set_up_if_needed(services).await?;
    let mut db = PgConnection::connect(owner_url).await?;
    let (house, first_seq) = prepare(&mut db, &demo).await?;
    let (sender, mut batches) = tokio::sync::mpsc::channel::<Batch>(2);
    let members = u64::from(demo.members);
    // One core makes rows while the other takes them in.
    let maker = tokio::task::spawn_blocking(move || {
        let mut history = History::new(demo, house, first_seq);
        while let Some(batch) = history.next_batch() {
            if sender.blocking_send(batch).is_err() {
                break;
            }
        }
        history
    });
    let mut rows = 0;
    while let Some(batch) = batches.recv().await {
        let mut tx = db.begin().await?;
        rows += batch.send(&mut tx).await?;
        tx.commit().await?;
        progress(rows);
    }
    let history = maker.await.map_err(|error| Error::Internal(error.to_string()))?;
    rows += insert_prefixes(&mut db, &history).await?;
    progress(rows);
    // Plans for these tables are guesses until they are counted.
    let tables = Table::ALL.iter().map(|table| table.name()).collect::<Vec<_>>().join(", ");
    let vacuum = format!("vacuum (analyze) name_prefixes, {tables}");
    sqlx::query(AssertSqlSafe(vacuum)).execute(&mut db).await?;
    Ok(Report {
        members,
        running: u64::try_from(history.running()).unwrap_or(0),
        native_names: history.native_names,
        visits: history.visits,
        rows,
        seconds: began.elapsed().as_secs_f64(),
        login,
    })
}

async fn set_up_if_needed(services: &Services) -> Result<Option<Login>, Error> {
    let known = sqlx::query_scalar!(r#"select exists (select from gyms) as "known!""#)
        .fetch_one(&services.db)
        .await?;
    if known {
        return Ok(None);
    }
    let mut password = "Gym-".to_owned();
    for byte in random::bytes::<8>() {
        let _ = write!(password, "{byte:02x}");
    }
    password.push('7');
    let login = Login {
        owner_email: "owner@gatehouse.example".to_owned(),
        reception_username: "reception".to_owned(),
        password,
    };
    let request = SetUp {
        gym_name: "Iron House".to_owned(),
        default_country: "EG".to_owned(),
        branch_name: "Zamalek".to_owned(),
        time_zone: "Africa/Cairo".to_owned(),
        currency: "EGP".to_owned(),
        day_starts_at: 4,
        owner_name: "Owner".to_owned(),
        owner_email: login.owner_email.clone(),
        owner_password: login.password.clone(),
        owner_pin: None,
    };
    let session = set_up(services, "demo", None, request).await?;
    login::logout(services, &session.token).await?;
    let actor = Actor::System { branch: Some(session.me.branch_id), desk: Some(session.me.desk_id) };
    let reception = CreateStaff {
        full_name: "Reception".to_owned(),
        username: Some(login.reception_username.clone()),
        email: None,
        phone: None,
        roles: vec![Role::Reception],
        password: login.password.clone(),
        pin: None,
    };
    staff::create(services, &actor, reception).await?;
    Ok(Some(login))
}

/// The first branch with its first desk, the demo's plans, and as many member numbers as are needed.
async fn prepare(db: &mut PgConnection, demo: &Demo) -> Result<(House, i64), Error> {
    let mut tx = db.begin().await?;
    let row = sqlx::query!(
        r#"select b.id, (select d.id from desks d where d.branch_id = b.id order by d.created_at, d.id limit 1) as "desk!",
                  (select a.id from accounts a join profiles p on p.account_id = a.id
                   where p.kind in ('reception', 'owner') and a.suspended_at is null and a.deleted_at is null
                   order by p.kind desc, a.created_at limit 1) as account
           from branches b order by b.created_at, b.id limit 1"#
    )
    .fetch_one(&mut *tx)
    .await?;
    let branch = fetch_branch(&mut tx, BranchId(row.id)).await?;
    let calendar = branch.calendar()?;
    let first_day = calendar.business_day(demo.now) - chrono::Days::new(u64::from(demo.days) + 400);
    let mut plans = Vec::new();
    for offer in &plans::OFFERS {
        plans.push(plan_id(&mut tx, offer, &branch.currency, first_day, demo.now).await?);
    }
    let first_seq = sqlx::query_scalar!(
        r#"update branches set next_member_seq = next_member_seq + $2 where id = $1 returning next_member_seq - $2 as "first!""#,
        row.id,
        i64::from(demo.members)
    )
    .fetch_one(&mut *tx)
    .await?;
    tx.commit().await?;
    let house = House {
        branch: row.id,
        code: branch.code,
        currency: branch.currency,
        calendar,
        desk: row.desk,
        account: row.account,
        plans,
    };
    Ok((house, first_seq))
}

/// The plan of that name, made with its price if there is none.
async fn plan_id(
    db: &mut PgConnection,
    offer: &plans::Offer,
    currency: &str,
    from: NaiveDate,
    now: DateTime<Utc>,
) -> Result<Uuid, Error> {
    let known = sqlx::query_scalar!(
        "select id from plans where lower(name) = lower($1) and archived_at is null",
        offer.name
    )
    .fetch_optional(&mut *db)
    .await?;
    if let Some(id) = known {
        return Ok(id);
    }
    let id = new_id(now);
    sqlx::query!(
        "insert into plans (id, name, native_name, kind, duration_unit, duration_count, visits, access_windows, freeze_days, freeze_times, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8::text::jsonb, $9, $10, $11)",
        id,
        offer.name,
        offer.native_name,
        offer.kind,
        offer.unit,
        offer.count,
        offer.visits,
        offer.windows,
        offer.freeze_days,
        i32::from(offer.freeze_days > 0),
        now,
    )
    .execute(&mut *db)
    .await?;
    sqlx::query!(
        "insert into plan_prices (id, plan_id, valid, amount, currency, created_at) values ($1, $2, daterange($3, null), $4, $5, $6)",
        new_id(now),
        id,
        from,
        plans::price(offer.pounds, currency),
        currency,
        now,
    )
    .execute(db)
    .await?;
    Ok(id)
}

async fn insert_prefixes(db: &mut PgConnection, history: &History) -> Result<u64, Error> {
    let mut rows = 0;
    for part in history.name_prefixes().chunks(20_000) {
        let (variants, prefixes): (Vec<String>, Vec<String>) = part.iter().cloned().unzip();
        rows += sqlx::query!(
            "insert into name_prefixes (variant, prefix) select variant, prefix from unnest($1::text[], $2::text[]) as given (variant, prefix)
             on conflict do nothing",
            &variants,
            &prefixes
        )
        .execute(&mut *db)
        .await?
        .rows_affected();
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(seed: u64) -> (u64, usize) {
        let now = "2026-11-21T17:00:00Z".parse().expect("an instant");
        let demo = Demo { members: 200, days: 60, seed, pack_percent: 25, now };
        let house = House {
            branch: Uuid::nil(),
            code: "1".into(),
            currency: "EGP".into(),
            calendar: BranchCalendar { zone: chrono_tz::Africa::Cairo, day_starts_at: 4 },
            desk: Uuid::nil(),
            account: None,
            plans: vec![Uuid::nil(); plans::OFFERS.len()],
        };
        let mut history = History::new(demo, house, 1);
        let mut sum = (0, 0);
        while let Some(batch) = history.next_batch() {
            sum = (sum.0 + batch.rows, sum.1 + batch.size());
        }
        assert!(
            history.visits > 1_000 && history.native_names > 60,
            "{} {}",
            history.visits,
            history.native_names
        );
        sum
    }

    #[test]
    fn the_same_seed_tells_the_same_history() {
        assert_eq!(rows(7), rows(7));
        assert_ne!(rows(7), rows(8));
    }
}
