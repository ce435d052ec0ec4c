//! The least that any engine would have to do for a write at a desk: look something up by its key, store a row, commit.
use super::measure::{BenchClock, Result, Turn};
use super::people;
use gatehouse_core::clock::Clock;
use gatehouse_core::demo::dice::Dice;
use gatehouse_core::ids::new_id;
use gatehouse_pg::APP_ROLE;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Connections of its own.
pub struct Floor {
    bare: Vec<PgConnection>,
    members: u64,
    clock: BenchClock,
}

impl Floor {
    /// The table that it writes to.
    pub async fn make_table(owner: &mut PgConnection) -> Result<()> {
        owner
            .execute(
                "create table bench_floor (id uuid primary key, member_id uuid not null, at timestamptz not null)",
            )
            .await?;
        owner
            .execute(AssertSqlSafe(format!(
                "do $$ begin if exists (select from pg_roles where rolname = '{APP_ROLE}') then
                     grant select, insert on bench_floor to {APP_ROLE}; end if; end $$"
            )))
            .await?;
        Ok(())
    }

    /// `members` as [`people::PEOPLE`] made them.
    pub async fn open(app_url: &str, connections: usize, members: u64, clock: BenchClock) -> Result<Self> {
        let mut bare = Vec::with_capacity(connections);
        for _ in 0..connections {
            bare.push(PgConnection::connect(app_url).await?);
        }
        Ok(Self { bare, members, clock })
    }

    /// One turn on all connections at once.
    pub async fn turn(&mut self, long: Duration, dice: &mut Dice) -> Result<Turn> {
        let started = Instant::now();
        let mut working = JoinSet::new();
        for mut db in self.bare.drain(..) {
            let (clock, members, mut dice) = (self.clock.clone(), self.members, Dice::new(dice.roll()));
            working.spawn(async move {
                let mut latencies = Vec::new();
                while started.elapsed() < long {
                    let number = people::pass_number(dice.below(members));
                    let id = new_id(clock.now());
                    let asked = Instant::now();
                    let member: uuid::Uuid =
                        sqlx::query_scalar("select member_id from passes where pass_id = $1")
                            .bind(number.as_slice())
                            .fetch_one(&mut db)
                            .await?;
                    sqlx::query("insert into bench_floor (id, member_id, at) values ($1, $2, $3)")
                        .bind(id)
                        .bind(member)
                        .bind(clock.now())
                        .execute(&mut db)
                        .await?;
                    latencies.push(asked.elapsed());
                }
                Ok::<_, sqlx::Error>((latencies, db))
            });
        }
        let mut turn = Turn::default();
        while let Some(done) = working.join_next().await {
            let (latencies, db) = done??;
            turn.latencies.extend(latencies);
            self.bare.push(db);
        }
        turn.elapsed = started.elapsed();
        Ok(turn)
    }
}
