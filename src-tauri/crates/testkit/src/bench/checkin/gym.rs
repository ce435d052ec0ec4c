//! The gym of the benchmark, made by the database itself: a hundred thousand members, five million visits.
use crate::bench::floor::Floor;
use crate::bench::measure::{BenchClock, Result, number};
use crate::bench::people;
use crate::house::House;
use chrono::{DateTime, TimeDelta, Utc};
use gatehouse_core::clock::{Clock, SystemClock};
use gatehouse_core::db;
use gatehouse_core::ids::{BranchId, DeskId, PlanId};
use gatehouse_pg::{APP_ROLE, Config, Server};
use sqlx::postgres::{PgConnection, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, Executor, PgPool};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Desks at most that scan at once.
const DESKS: usize = 8;
/// Days of history.
const DAYS: u64 = 720;
/// Changes whenever the gym is made another way, so that an older one is not taken for it.
const RECIPE: &str = "2";

/// Where the benchmark's database is.
pub struct Place {
    server: Option<Server>,
    pub app_url: String,
    owner_url: String,
}

impl Place {
    pub async fn open() -> Result<Self> {
        if let Ok(url) = std::env::var("GATEHOUSE_BENCH_DATABASE") {
            db::migrate(&url, None).await?;
            return Ok(Self { server: None, app_url: url.clone(), owner_url: url });
        }
        let server = match Server::start(&Config::new(below_target())).await {
            Ok(server) => server,
            // Root's own folder may be closed to the account that Postgres runs as.
            Err(gatehouse_pg::Error::Unreachable { .. }) => {
                Server::start(&Config::new("/var/tmp/gatehouse-bench/checkin")).await?
            }
            Err(error) => return Err(error.into()),
        };
        let (app_url, owner_url) = (server.app_url().expose(), server.owner_url().expose());
        db::migrate(&owner_url, Some(APP_ROLE)).await?;
        Ok(Self { server: Some(server), app_url, owner_url })
    }

    pub async fn close(self) -> Result<()> {
        match self.server {
            Some(server) => Ok(server.stop().await?),
            None => Ok(()),
        }
    }
}

/// `<target>/bench-postgres/checkin`: this program runs from `<target>/<profile>`.
fn below_target() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let target = program.ancestors().nth(2).map_or_else(std::env::temp_dir, Path::to_owned);
    target.join("bench-postgres/checkin")
}

/// Every second member.
pub fn is_on_pack(member: u64) -> bool {
    member % 2 == 1
}

/// How many rows there are of what a check-in writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    pub scans: u64,
    pub entries: u64,
    pub visits: u64,
}

impl Rows {
    pub fn since(&self, before: &Self) -> Self {
        Self {
            scans: self.scans - before.scans,
            entries: self.entries - before.entries,
            visits: self.visits - before.visits,
        }
    }
}

/// The gym, open for scanning.
pub struct Gym {
    pub branch: BranchId,
    pub desks: Vec<DeskId>,
    pub members: u64,
    pub clock: BenchClock,
    base: DateTime<Utc>,
    owner: PgPool,
}

impl Gym {
    /// The one that is there, or a new one.
    pub async fn open(place: &Place) -> Result<Self> {
        let members = number("GATEHOUSE_BENCH_MEMBERS", 100_000);
        let visits = number("GATEHOUSE_BENCH_VISITS", 5_000_000);
        let owner = PgPoolOptions::new().max_connections(2).connect(&place.owner_url).await?;
        let recipe = format!("{RECIPE} {members} {visits}");
        owner.execute("create table if not exists bench_recipe (recipe text not null)").await?;
        let there: Option<String> =
            sqlx::query_scalar("select recipe from bench_recipe").fetch_optional(&owner).await?;
        match there {
            Some(there) if there == recipe => {}
            Some(there) => {
                return Err(format!("the database holds another gym ({there}); remove it first").into());
            }
            None => make(&place.owner_url, members, visits, &recipe).await?,
        }
        let latest: DateTime<Utc> =
            sqlx::query_scalar("select coalesce(max(at), now()) from entries").fetch_one(&owner).await?;
        // Everybody has gone home since.
        let base = latest + TimeDelta::hours(26);
        Ok(Self {
            branch: sqlx::query_scalar("select id from branches").fetch_one(&owner).await?,
            desks: sqlx::query_scalar("select id from desks order by name").fetch_all(&owner).await?,
            members,
            clock: BenchClock::from(base),
            base,
            owner,
        })
    }

    /// Rows of this run.
    pub async fn rows(&self) -> Result<Rows> {
        let (scans, entries, visits): (i64, i64, i64) = sqlx::query_as(
            "select (select count(*) from scans where branch_id = $1 and at >= $2),
                    (select count(*) from entries where branch_id = $1 and at >= $2),
                    (select count(*) from entries e join visit_uses u on u.entry_id = e.id where e.branch_id = $1 and e.at >= $2)",
        )
        .bind(self.branch)
        .bind(self.base)
        .fetch_one(&self.owner)
        .await?;
        Ok(Rows { scans: scans.try_into()?, entries: entries.try_into()?, visits: visits.try_into()? })
    }
}

async fn make(owner_url: &str, members: u64, visits: u64, recipe: &str) -> Result<()> {
    let started = Instant::now();
    eprintln!("making a gym of {members} members and {visits} visits");
    let mut db = PgConnection::connect(owner_url).await?;
    // Nothing here has to survive a power cut; the run itself commits durably.
    for setting in
        ["set synchronous_commit = off", "set work_mem = '128MB'", "set maintenance_work_mem = '512MB'"]
    {
        db.execute(setting).await?;
    }
    let now = SystemClock.now();
    House::build(&mut db, "Bench", DESKS, now).await?;
    add_plans(&mut db, now).await?;
    for (what, sql) in people::PEOPLE.into_iter().chain(SUBSCRIPTIONS) {
        sqlx::query(sql).bind(now).bind(i64::try_from(members)?).execute(&mut db).await?;
        eprintln!("{what}: {} s", started.elapsed().as_secs());
    }
    db.execute("analyze").await?;
    let keys = drop_keys(&mut db).await?;
    let each = visits.div_ceil(members);
    for visit in 0..each {
        for sql in VISITS {
            sqlx::query(sql)
                .bind(now)
                .bind(i64::try_from(visit)?)
                .bind(i64::try_from(each)?)
                .bind(i64::try_from(DAYS)?)
                .execute(&mut db)
                .await?;
        }
        db.execute("drop table bench_visits").await?;
        if visit % 10 == 9 {
            eprintln!("{} visits: {} s", (visit + 1) * members, started.elapsed().as_secs());
        }
    }
    for key in keys {
        db.execute(AssertSqlSafe(key)).await?;
    }
    eprintln!("keys: {} s", started.elapsed().as_secs());
    Floor::make_table(&mut db).await?;
    db.execute("vacuum analyze").await?;
    sqlx::query("insert into bench_recipe (recipe) values ($1)").bind(recipe).execute(&mut db).await?;
    eprintln!("made in {} s", started.elapsed().as_secs());
    Ok(())
}

async fn add_plans(db: &mut PgConnection, now: DateTime<Utc>) -> Result<()> {
    for (name, kind, visits) in [("Monthly", "gym", None), ("Pack", "visit_pack", Some(10))] {
        sqlx::query(
            "insert into plans (id, name, kind, duration_unit, duration_count, visits, created_at)
             values ($1, $2, $3, 'days', 90, $4, $5)",
        )
        .bind(PlanId::new(now))
        .bind(name)
        .bind(kind)
        .bind(visits)
        .bind(now)
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}

/// $1 now, $2 members, after [`people::PEOPLE`]. Odd ones are on packs, of twenty the first two have lapsed.
const SUBSCRIPTIONS: [(&str, &str); 3] = [
    // One subscription renewed every 90 days, or a pack every 144 days.
    (
        "subscriptions",
        "create table bench_sold as
         select p.n, k, gen_random_uuid() as id, p.member_id, p.lapsed from bench_people p
         cross join lateral generate_series(0, case when p.n % 2 = 0 then 0 when p.lapsed then 3 else 4 end) as k
         where $1::timestamptz is not null and $2::bigint > 0",
    ),
    (
        "terms",
        "insert into subscriptions (id, branch_id, member_id, plan_id, plan_name, kind, duration_unit, duration_count,
             visits, visit_rule, access_windows, branch_scope, anchor_day, created_at)
         select s.id, b.id, s.member_id, l.id, l.name, l.kind, l.duration_unit, l.duration_count,
             case when s.n % 2 = 1 then case when s.k = 4 then 500 else 10 end end, 'per_day', '[]', 'home', 1,
             $1 - interval '720 days' + s.k * interval '144 days'
         from bench_sold s cross join branches b
         join plans l on l.kind = case when s.n % 2 = 1 then 'visit_pack' else 'gym' end
         where $2::bigint > 0 order by s.k, s.n",
    ),
    (
        "events",
        "insert into subscription_events (id, branch_id, subscription_id, seq, kind, at, business_day, starts_on, ends_on, visits)
         select gen_random_uuid(), b.id, s.id, e + 1, case when e = 0 then 'sold' else 'renewed' end, from_day, from_day::date,
             from_day::date, case when is_last then ($1 + interval '3000 days')::date else (from_day + length)::date - 1 end,
             case when s.n % 2 = 1 then case when s.k = 4 then 500 else 10 end end
         from bench_sold s cross join branches b
         cross join lateral generate_series(0, case when s.n % 2 = 1 then 0 when s.lapsed then 6 else 7 end) as e
         cross join lateral (select
             $1 - interval '720 days' + case when s.n % 2 = 1 then s.k * interval '144 days' else e * interval '90 days' end as from_day,
             case when s.n % 2 = 1 then interval '144 days' else interval '90 days' end as length,
             not s.lapsed and case when s.n % 2 = 1 then s.k = 4 else e = 7 end as is_last) as span
         where $2::bigint > 0 order by e, s.n",
    ),
];

/// One visit of every member: $1 now, $2 which visit, $3 of how many, $4 days of history.
const VISITS: [&str; 2] = [
    "create temporary table bench_visits on commit preserve rows as
     select p.n, p.member_id, p.pass_id, gen_random_uuid() as scan_id, gen_random_uuid() as entry_id,
         date_trunc('day', $1::timestamptz) - make_interval(days => $4::int)
             + make_interval(days => ($2::int * $4::int / $3::int)) + make_interval(mins => 360 + (hashint8(p.n * 1000 + $2) & 1023))
             as at,
         least($2::int * 5 / $3::int, 4) as k
     from bench_people p",
    "with visit as (
         select v.*, b.id as branch_id, (select d.id from desks d order by d.name limit 1) as desk_id,
             coalesce(s.id, o.id) as subscription_id, s.id as pack_id
         from bench_visits v cross join branches b
         left join bench_sold s on s.n = v.n and s.k = v.k and v.n % 2 = 1
         left join bench_sold o on o.n = v.n and v.n % 2 = 0
     ), scanned as (
         insert into scans (id, branch_id, desk_id, source, at, business_day, pass_id, member_id, outcome, reasons, entry_id)
         select scan_id, branch_id, desk_id, 'webcam', at, at::date, pass_id, member_id, 'admitted', '[]', entry_id from visit
     ), entered as (
         insert into entries (id, branch_id, member_id, seq, scan_id, desk_id, at, business_day, subscription_id)
         select entry_id, branch_id, member_id, $2::int + 1, scan_id, desk_id, at, at::date, subscription_id from visit
     )
     insert into visit_uses (id, branch_id, subscription_id, visit_no, entry_id, business_day)
     select gen_random_uuid(), branch_id, pack_id, $2::int + 1, entry_id, at::date from visit
     where pack_id is not null and $1::timestamptz is not null and $3::bigint > 0 and $4::bigint > 0",
];

/// Drops keys and indexes of the tables of visits, which are built faster afterwards; how to build them.
async fn drop_keys(db: &mut PgConnection) -> Result<Vec<String>> {
    // Foreign keys go first and come back last.
    let keys: Vec<(String, String)> = sqlx::query_as(
        "select format('alter table %s drop constraint %I', conrelid::regclass, conname),
                format('alter table %s add constraint %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
         from pg_constraint
         where contype in ('p', 'u', 'f')
           and ('{scans,entries,visit_uses}'::regclass[] @> array[conrelid::regclass]
                or '{scans,entries,visit_uses}'::regclass[] @> array[confrelid::regclass])
         order by contype <> 'f', conname",
    )
    .fetch_all(&mut *db)
    .await?;
    for (drop, _) in &keys {
        db.execute(AssertSqlSafe(drop.as_str())).await?;
    }
    let indexes: Vec<(String, String)> = sqlx::query_as(
        "select format('drop index %s', indexrelid::regclass), pg_get_indexdef(indexrelid) from pg_index
         where indrelid = any ('{scans,entries,visit_uses}'::regclass[])",
    )
    .fetch_all(&mut *db)
    .await?;
    for (drop, _) in &indexes {
        db.execute(AssertSqlSafe(drop.as_str())).await?;
    }
    Ok(indexes.into_iter().chain(keys.into_iter().rev()).map(|(_, build)| build).collect())
}
