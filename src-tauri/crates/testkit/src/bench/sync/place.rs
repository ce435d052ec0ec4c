//! A branch with a long queue, and a headquarters with TLS that can be had anew.
use super::run_on;
use crate::FakeClock;
use crate::bench::measure::Result;
use crate::soak::branches::desk::Desk;
use crate::soak::branches::script::{self, STEP, Script};
use crate::soak::branches::{found_gym, relay};
use crate::tls::{Authority, Certified, HQ_DATABASE, TlsServer};
use gatehouse_core::actor::Actor;
use gatehouse_core::db;
use gatehouse_core::ids::{DeskId, new_id};
use gatehouse_core::services::Services;
use gatehouse_core::sync::model::Limits;
use gatehouse_core::sync::store;
use gatehouse_pg::{APP_ROLE, Config, Server};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use sqlx::{Connection as _, Executor as _, PgConnection, PgPool};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;
use uuid::Uuid;

const LOGIN: &str = "branch_of_the_bench";
const PASSWORD: &str = "of-a-bench";
/// Operations that are drawn at once.
const OPS: u64 = 2_000;

pub struct Place {
    hq: TlsServer,
    server: Server,
    pub services: Services,
    pub actor: Actor,
    pub clock: FakeClock,
    pub members: Vec<Uuid>,
    /// Events in the queue.
    pub queued: i64,
    owner: PgPool,
    good: Certified,
    expired: Certified,
    authority: PathBuf,
    folder: TempDir,
}

impl Place {
    /// Works at the branch until so many events wait.
    pub async fn open(events: i64) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("gatehouse-bench-sync-").tempdir_in("/var/tmp")?;
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))?;
        let certifies = Authority::new("Bench");
        let (good, expired) = (certifies.certify("localhost"), certifies.certify_until("localhost", 2020));
        let authority = folder.path().join("authority.pem");
        std::fs::write(&authority, certifies.pem())?;
        let hq = TlsServer::start(&good).await;
        hq.run(&format!("create role {LOGIN} login password '{PASSWORD}'"), "postgres").await;
        db::migrate(&hq.owner_url(), None).await?;
        let base = script::base();
        let script = Script::draw(1, OPS);
        let mut office = PgConnection::connect(&hq.owner_url()).await?;
        let (branch, plans) = found_gym(&mut office, &script).await.map_err(|error| error.to_string())?;
        store::enrol(&mut office, branch, LOGIN, false).await?;
        office.close().await?;

        let server = Server::start(&Config::new(folder.path().join("branch"))).await?;
        let owner_url = server.owner_url().expose();
        db::migrate(&owner_url, Some(APP_ROLE)).await?;
        let owner = PgPoolOptions::new().max_connections(2).connect(&owner_url).await?;
        let mut own = owner.acquire().await?;
        store::join(&mut own, branch, new_id(base), false).await?;
        let pool = db::connect(&server.app_url().expose(), 4).await?;
        let clock = FakeClock::at(&base.to_rfc3339());
        let mut services = relay::services(pool, &base.to_rfc3339());
        services.clock = Arc::new(clock.clone());
        let desk = DeskId::new(base);
        let actor = Actor::System { branch: Some(branch), desk: Some(desk) };
        let mut place = Self {
            hq,
            server,
            services,
            actor,
            clock: clock.clone(),
            members: script.pool.clone(),
            queued: 0,
            owner,
            good,
            expired,
            authority,
            folder,
        };
        let mut line = PgConnection::connect_with(&place.line(HQ_DATABASE)?).await?;
        gatehouse_core::sync::relay::round(&place.services, &mut line, Limits::default()).await?;
        line.close().await?;
        sqlx::query("insert into desks (id, branch_id, name, created_at) values ($1, $2, '1', $3)")
            .bind(desk)
            .bind(branch)
            .bind(base)
            .execute(&mut *own)
            .await?;
        drop(own);
        let name = "branch 0".to_owned();
        let mut worker = Desk {
            services: place.services.clone(),
            actor: place.actor.clone(),
            name,
            plans,
            last_sale: None,
        };
        for turn in 0.. {
            // The same people, other operations.
            for op in &Script::draw_with(1 + turn, OPS, &script.pool).ops[0] {
                clock.advance(STEP / 10);
                if let Ok(Some(ask)) = worker.prepare(op).await {
                    // What the services refuse, a desk is refused.
                    let _answer = worker.ask(ask).await;
                }
            }
            place.queued = place.waiting().await?;
            eprintln!("{} events wait", place.queued);
            if place.queued >= events {
                break;
            }
        }
        // The oldest ones, as many as were asked for and the rest of their last transaction.
        sqlx::query(
            "update sync_outbox set answer = 'ok' where answer is null and seq > (
                select max(seq) from sync_outbox where xid = (
                    select xid from sync_outbox where answer is null order by seq offset $1 - 1 limit 1))",
        )
        .bind(events)
        .execute(&place.owner)
        .await?;
        place.queued = place.waiting().await?;
        // Those that are left out of every run stay out.
        place
            .owner
            .execute("create table bench_queue as select id from sync_outbox where answer is null")
            .await?;
        place.owner.execute("alter table bench_queue add primary key (id)").await?;
        place.owner.execute("vacuum analyze").await?;
        Ok(place)
    }

    async fn waiting(&self) -> Result<i64> {
        Ok(sqlx::query_scalar("select count(*) from sync_outbox where answer is null")
            .fetch_one(&self.owner)
            .await?)
    }

    pub fn port(&self) -> u16 {
        self.hq.port
    }

    /// The branch's way, verified.
    fn line(&self, database: &str) -> Result<PgConnectOptions> {
        Ok(self
            .url("localhost", self.hq.port)
            .parse::<PgConnectOptions>()?
            .ssl_mode(PgSslMode::VerifyFull)
            .database(database))
    }

    pub fn url(&self, host: &str, port: u16) -> String {
        format!(
            "postgres://{LOGIN}:{PASSWORD}@{host}:{port}/{HQ_DATABASE}?sslmode=verify-full&sslrootcert={}",
            self.authority.display()
        )
    }

    /// A copy of the headquarters as it was before anything was sent; the way to it.
    pub async fn fresh_headquarters(&self, number: usize) -> Result<PgConnectOptions> {
        let name = format!("hq{number}");
        self.hq.run(&format!("create database {name} template {HQ_DATABASE}"), "postgres").await;
        self.hq.run("checkpoint", "postgres").await;
        self.line(&name)
    }

    /// A database with nothing but two tables for rows of the queue.
    pub async fn scratch(&self) -> Result<PgConnectOptions> {
        self.hq.run("drop database if exists scratch", "postgres").await;
        self.hq.run(&format!("create database scratch owner {LOGIN}"), "postgres").await;
        self.hq.run("checkpoint", "postgres").await;
        let line = self.line("scratch")?;
        let columns = "id uuid, seq bigint, tbl text, key text, op text, row jsonb, base jsonb, money boolean, at timestamptz";
        run_on(
            &line,
            format!("create table staging ({columns}); create table target ({columns}, primary key (id))"),
        )
        .await?;
        Ok(line)
    }

    /// The queue's rows as `copy` reads them, in CSV.
    pub async fn queue_as_text(&self) -> Result<Vec<u8>> {
        let rows: Vec<Vec<Option<String>>> = sqlx::query_scalar(
            "select array[id::text, seq::text, tbl, key, op, row::text, base::text, money::text, at::text]
             from sync_outbox where answer is null order by seq",
        )
        .fetch_all(&self.owner)
        .await?;
        let field = |value: &Option<String>| {
            value.as_ref().map_or_else(String::new, |text| format!("\"{}\"", text.replace('"', "\"\"")))
        };
        let text: String =
            rows.iter().map(|row| row.iter().map(field).collect::<Vec<_>>().join(",") + "\n").collect();
        Ok(text.into_bytes())
    }

    /// Everything waits again, and the feed was never read.
    pub async fn requeue(&self) -> Result<()> {
        let mut tx = self.owner.begin().await?;
        for statement in [
            "update sync_outbox set answer = 'ok' where answer is null",
            "update sync_outbox set answer = null, waits = 0 where id in (select id from bench_queue)",
            "update sync_node set audited_on = current_date + 1",
        ] {
            tx.execute(statement).await?;
        }
        tx.commit().await?;
        self.owner.execute("vacuum sync_outbox").await?;
        Ok(())
    }

    /// Headquarters has each event once.
    pub async fn counted(&self, number: usize) -> Result<()> {
        let options: PgConnectOptions = self.hq.owner_url().parse()?;
        let mut db = PgConnection::connect_with(&options.database(&format!("hq{number}"))).await?;
        let there: i64 = sqlx::query_scalar("select count(*) from sync_inbox where answer = 'ok'")
            .fetch_one(&mut db)
            .await?;
        db.close().await?;
        if there == self.queued {
            Ok(())
        } else {
            Err(format!("{there} of {} events arrived", self.queued).into())
        }
    }

    /// Shows a certificate that has ended, or the good one again.
    pub async fn expire(&self, is_expired: bool) {
        self.hq.show(if is_expired { &self.expired } else { &self.good }).await;
    }

    pub async fn close(self) -> Result<()> {
        self.services.db.close().await;
        self.owner.close().await;
        self.server.stop().await?;
        drop(self.folder);
        Ok(())
    }
}
