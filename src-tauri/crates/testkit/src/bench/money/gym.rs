//! The gym of the benchmark, made by the database itself: two years of sales with their ledger and their receipts.
use crate::bench::floor::Floor;
use crate::bench::measure::{BenchClock, Result, number};
use crate::bench::people;
use crate::bench::stage::{self, Stage};
use crate::house::{House, Offer};
use chrono::{DateTime, TimeDelta, Utc};
use gatehouse_core::clock::{Clock as _, SystemClock};
use gatehouse_core::ids::{BranchId, DeskId, MemberId, PlanId, ShiftId, SubscriptionId};
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection as _, Executor as _, PgConnection, PgPool};
use std::time::Instant;

/// Of 90 days, in piastres; 9,211 of it are tax.
pub const PRICE: i64 = 75_000;
/// Desks that sell; one more has the shifts that are closed.
const DESKS: usize = 8;
/// Sales of the history: five rows of the ledger each.
const SALES: u64 = 200_000;
/// Sales of a member.
const SALES_EACH: u64 = 10;
/// Raised when the gym is made another way, so that an old one is not measured.
const VERSION: u32 = 1;

/// How many rows there are of what a sale writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    pub transactions: u64,
    pub receipts: u64,
    pub payments: u64,
}

impl Rows {
    pub fn since(&self, before: &Self) -> Self {
        Self {
            transactions: self.transactions - before.transactions,
            receipts: self.receipts - before.receipts,
            payments: self.payments - before.payments,
        }
    }
}

/// The gym, open for business.
pub struct Gym {
    pub branch: BranchId,
    pub desks: Vec<DeskId>,
    pub plan: PlanId,
    pub members: Vec<MemberId>,
    /// One of each member, running.
    pub subscriptions: Vec<SubscriptionId>,
    pub clock: BenchClock,
    pub app_url: String,
    /// Rows of the ledger that were there before the first run, at least.
    pub history_entries: u64,
    base: DateTime<Utc>,
    owner: PgPool,
}

impl Gym {
    /// The one that is there, or a new one.
    pub async fn open(stage: &Stage) -> Result<Self> {
        let sales = number("GATEHOUSE_BENCH_SALES", SALES);
        let name = format!("money_{sales}_{VERSION}_{}", stage::schema());
        if stage.database(&name).await? {
            make(&stage.owner_url(&format!("{name}_half")), sales).await?;
            stage.built(&name).await?;
        }
        let owner = PgPoolOptions::new().max_connections(2).connect(&stage.owner_url(&name)).await?;
        let latest: DateTime<Utc> =
            sqlx::query_scalar("select max(at) from ledger_transactions").fetch_one(&owner).await?;
        let base = latest + TimeDelta::hours(1);
        let people: Vec<(MemberId, SubscriptionId)> = sqlx::query_as(
            "select p.member_id, s.id from bench_people p join bench_terms s using (n) order by n",
        )
        .fetch_all(&owner)
        .await?;
        let (members, subscriptions) = people.into_iter().unzip();
        Ok(Self {
            branch: sqlx::query_scalar("select id from branches").fetch_one(&owner).await?,
            desks: sqlx::query_scalar("select id from desks order by name").fetch_all(&owner).await?,
            plan: sqlx::query_scalar("select id from plans").fetch_one(&owner).await?,
            members,
            subscriptions,
            clock: BenchClock::from(base),
            app_url: stage.app_url(&name),
            history_entries: sales * 5,
            base,
            owner,
        })
    }

    /// An open shift of the last till in which so many things were sold just now.
    pub async fn shift(&self, sales: i64) -> Result<ShiftId> {
        let (mut db, now) = (self.owner.acquire().await?, self.clock.now());
        let shift = ShiftId::new(now);
        sqlx::query(OPEN_SHIFT).bind(shift).bind(now).execute(&mut *db).await?;
        sqlx::query(SOLD_JUST_NOW).bind(shift).bind(now).bind(sales).execute(&mut *db).await?;
        write(&mut db).await?;
        Ok(shift)
    }

    /// Rows of this run.
    pub async fn rows(&self) -> Result<Rows> {
        let (transactions, receipts, payments): (i64, i64, i64) = sqlx::query_as(
            "select count(distinct t.id), count(distinct r.id), count(distinct p.id)
             from ledger_transactions t
             left join receipts r on r.transaction_id = t.id
             left join payments p on p.transaction_id = t.id
             where t.branch_id = $1 and t.business_day >= $2::date - 1 and t.at >= $3",
        )
        .bind(self.branch)
        .bind(self.base.date_naive())
        .bind(self.base)
        .fetch_one(&self.owner)
        .await?;
        Ok(Rows {
            transactions: transactions.try_into()?,
            receipts: receipts.try_into()?,
            payments: payments.try_into()?,
        })
    }
}

async fn make(owner_url: &str, sales: u64) -> Result<()> {
    let started = Instant::now();
    let members = sales.div_ceil(SALES_EACH);
    eprintln!("making a gym of {members} members and {sales} sales");
    let mut db = PgConnection::connect(owner_url).await?;
    // Nothing here has to survive a power cut; the run itself commits durably.
    for setting in ["set synchronous_commit = off", "set work_mem = '128MB'"] {
        db.execute(setting).await?;
    }
    let now = SystemClock.now();
    let house = House::build(&mut db, "Bench", DESKS + 1, now).await?;
    let offer = Offer { name: "Quarter", visits: None, minor: PRICE, tax_bp: 1_400 };
    house.offer(&mut db, offer, now).await?;
    for (what, sql) in people::PEOPLE {
        sqlx::query(sql).bind(now).bind(i64::try_from(members)?).execute(&mut db).await?;
        eprintln!("{what}: {} s", started.elapsed().as_secs());
    }
    db.execute(NEW_ID).await?;
    db.execute("create table bench_terms as select n, gen_random_uuid() as id from bench_people").await?;
    db.execute("analyze").await?;
    sqlx::query(HISTORY)
        .bind(now)
        .bind(i64::try_from(sales)?)
        .bind(i64::try_from(members)?)
        .bind(i64::try_from(DESKS)?)
        .execute(&mut db)
        .await?;
    db.execute(SHIFTS).await?;
    write(&mut db).await?;
    eprintln!("sales: {} s", started.elapsed().as_secs());
    Floor::make_table(&mut db).await?;
    db.execute("vacuum analyze").await?;
    eprintln!("made in {} s", started.elapsed().as_secs());
    Ok(())
}

/// Writes what is in `bench_sales`, and drops it.
async fn write(db: &mut PgConnection) -> Result<()> {
    let mut tx = db.begin().await?;
    for sql in WRITES {
        tx.execute(sql).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// An id as the product makes them, for something made at that time.
const NEW_ID: &str = "create function bench_id(at timestamptz) returns uuid language sql volatile as $$
    select overlay(gen_random_uuid()::text placing substr(hex, 1, 8) || '-' || substr(hex, 9, 4) || '-7' from 1 for 15)::uuid
    from lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') as hex $$";

/// $1 now, $2 sales, $3 members, $4 desks: the sales of the last two years, in turn by member and by desk.
const HISTORY: &str = "create table bench_sales as
    select i as n, i < $3 as is_new, (i / $3)::int as period, p.member_id, s.id as subscription_id, d.id as desk_id, d.till_id,
        null::uuid as shift_id, at, (at at time zone 'Africa/Cairo')::date as day,
        (first at time zone 'Africa/Cairo')::date + (i / $3)::int * 90 as starts_on,
        case when i % 10 < 6 then 'cash' else 'card_terminal' end as method,
        bench_id(at) as transaction_id, bench_id(at) as charge_id, bench_id(at) as payment_id, bench_id(at) as key
    from generate_series(0, $2::bigint - 1) as sales (i)
    cross join lateral (select $1::timestamptz - interval '720 days' + i * (interval '719 days' / $2) as at,
        $1::timestamptz - interval '720 days' + i % $3 * (interval '719 days' / $2) as first) as time
    join bench_people p on p.n = i % $3
    join bench_terms s on s.n = i % $3
    join desks d on d.name = (i % $4)::text";

/// One of each till and day, closed.
const SHIFTS: &str = "with shifts as (
        insert into till_shifts (id, branch_id, till_id, number, business_day, opened_at, currency, float_amount, float_counted,
            closed_at, counted_amount, expected_amount, left_in_drawer, report)
        select bench_id(min(b.at)), t.branch_id, b.till_id, row_number() over (partition by b.till_id order by b.day), b.day,
            min(b.at), 'EGP', 0, false, max(b.at) + interval '1 second', 0, 0, 0, '{}'
        from bench_sales b join tills t on t.id = b.till_id group by t.branch_id, b.till_id, b.day
        returning id, till_id, business_day
    )
    update bench_sales b set shift_id = s.id from shifts s where s.till_id = b.till_id and s.business_day = b.day";

/// $1 id, $2 now.
const OPEN_SHIFT: &str = "insert into till_shifts (id, branch_id, till_id, number, business_day, opened_at, currency, float_amount,
         float_counted)
     select $1, t.branch_id, t.id, coalesce((select max(number) from till_shifts where till_id = t.id), 0) + 1,
         ($2::timestamptz at time zone 'Africa/Cairo')::date, $2, 'EGP', 0, false
     from tills t order by t.number desc limit 1";

/// $1 shift, $2 now, $3 sales: subscriptions beside those that the members have.
const SOLD_JUST_NOW: &str = "create table bench_sales as
    select i as n, true as is_new, 0 as period, p.member_id, gen_random_uuid() as subscription_id, d.id as desk_id, d.till_id,
        s.id as shift_id, $2::timestamptz as at, s.business_day as day, s.business_day as starts_on,
        case when i % 10 < 6 then 'cash' else 'card_terminal' end as method,
        bench_id($2) as transaction_id, bench_id($2) as charge_id, bench_id($2) as payment_id, bench_id($2) as key
    from till_shifts s
    join desks d on d.till_id = s.till_id
    cross join generate_series(0, $3::bigint - 1) as sales (i)
    join bench_people p on p.n = i % (select count(*) from bench_people)
    where s.id = $1";

const WRITES: [&str; 22] = [
    "alter table ledger_entries disable trigger user",
    "alter table charges disable trigger user",
    "alter table payments disable trigger user",
    "alter table allocations disable trigger user",
    "insert into subscriptions (id, branch_id, member_id, plan_id, plan_name, kind, duration_unit, duration_count, visit_rule,
         access_windows, branch_scope, anchor_day, created_at)
     select b.subscription_id, t.branch_id, b.member_id, p.id, p.name, p.kind, p.duration_unit, p.duration_count, p.visit_rule,
         p.access_windows, p.branch_scope, extract(day from b.starts_on), b.at
     from bench_sales b join tills t on t.id = b.till_id cross join plans p where b.is_new order by b.n",
    "create table bench_entries as
     select bench_id(b.at) as id, b.transaction_id, b.at, e.account, case e.account when 'receivable' then b.member_id end as member_id,
         e.amount
     from bench_sales b
     cross join lateral (values ('receivable', 75000), ('revenue', -65789), ('tax', -9211), (b.method, 75000), ('receivable', -75000))
         as e (account, amount)",
    // The text that `payments::posting` hashes.
    "create table bench_digests as
     select b.transaction_id, sha256(convert_to(
         b.transaction_id || '|' || case when b.is_new then 'sale' else 'renewal' end || '|' || (extract(epoch from b.at) * 1000000)::bigint
         || '|' || b.day || E'|\\n'
         || string_agg(e.account || '|' || coalesce(e.member_id::text, '') || '|' || e.amount || E'|EGP\\n', '' order by e.id), 'UTF8')) as digest
     from bench_sales b join bench_entries e using (transaction_id)
     group by b.transaction_id, b.is_new, b.at, b.day",
    "insert into ledger_transactions (id, branch_id, kind, at, business_day, idempotency_key, desk_id, digest)
     select b.transaction_id, t.branch_id, case when b.is_new then 'sale' else 'renewal' end, b.at, b.day, b.key, b.desk_id, g.digest
     from bench_sales b join bench_digests g using (transaction_id) join tills t on t.id = b.till_id order by b.n",
    "insert into ledger_entries (id, transaction_id, account, member_id, amount, currency)
     select id, transaction_id, account, member_id, amount, 'EGP' from bench_entries order by at, id",
    "insert into subscription_events (id, branch_id, subscription_id, seq, kind, at, business_day, starts_on, ends_on,
         ledger_transaction_id)
     select bench_id(b.at), t.branch_id, b.subscription_id, b.period + 1, case when b.is_new then 'sold' else 'renewed' end, b.at, b.day,
         b.starts_on, b.starts_on + 89, b.transaction_id
     from bench_sales b join tills t on t.id = b.till_id order by b.n",
    "insert into charges (id, transaction_id, member_id, payer_id, subscription_id, description, unit_amount, amount, tax_name, tax_bp,
         tax_amount, currency, due_on)
     select b.charge_id, b.transaction_id, b.member_id, b.member_id, b.subscription_id, p.name, 75000, 75000, r.name, r.rate_bp, 9211, 'EGP',
         b.day
     from bench_sales b cross join plans p join tax_rates r on r.id = p.tax_rate_id order by b.n",
    "insert into payments (id, transaction_id, member_id, method, amount, currency, reference, shift_id)
     select payment_id, transaction_id, member_id, method, 75000, 'EGP', case method when 'card_terminal' then '004217' end, shift_id
     from bench_sales order by n",
    "insert into payment_balances (payment_id, payer_id, unallocated, refundable, currency)
     select payment_id, member_id, 0, 75000, 'EGP' from bench_sales order by n",
    "insert into allocations (id, transaction_id, payment_id, charge_id, amount)
     select bench_id(at), transaction_id, payment_id, charge_id, 75000 from bench_sales order by n",
    "insert into idempotency_keys (key, command, request_digest, response, at)
     select key, 'sell', sha256(int8send(n)), jsonb_build_object('transaction_id', transaction_id), at from bench_sales order by n",
    "insert into audit_log (id, at, branch_id, desk_id, act, subject_kind, subject_id)
     select bench_id(b.at), b.at, t.branch_id, b.desk_id, 'subscription.renewed', 'subscription', b.subscription_id
     from bench_sales b join tills t on t.id = b.till_id order by b.n",
    // The chain of `receipts::chain`, one receipt after the other.
    "do $$
     declare
         chain record;
         sale record;
         last bytea;
         place bigint;
         paper text;
     begin
         for chain in select c.*, t.branch_id, t.number, t.name, b.name as branch from receipt_chains c
                 join tills t on t.id = c.till_id join branches b on b.id = t.branch_id
                 where c.till_id in (select till_id from bench_sales)
         loop
             last := chain.last_hash;
             place := chain.last_number;
             for sale in select s.*, g.digest, m.full_name, m.number from bench_sales s
                     join bench_digests g using (transaction_id) join members m on m.id = s.member_id
                     where s.till_id = chain.till_id order by s.n
             loop
                 place := place + 1;
                 paper := json_build_object(
                     'kind', 'sale', 'number', '1-' || chain.number || '-' || lpad(place::text, 6, '0'), 'language', 'en',
                     'issuer', json_build_object('gym_name', chain.branch, 'branch_name', chain.branch, 'address', '[]'::json,
                         'tax_number', null, 'till_name', chain.name),
                     'issued_at', to_char(sale.at at time zone 'Africa/Cairo', 'YYYY-MM-DD\"T\"HH24:MI:SS.US'),
                     'business_day', sale.day, 'staff_name', '',
                     'member', json_build_object('name', sale.full_name, 'native_name', null, 'number', sale.number), 'payer', null,
                     'currency', 'EGP', 'exponent', 2,
                     'lines', json_build_array(json_build_object('description', 'Quarter', 'native_description', null, 'quantity', 1,
                         'unit', 75000, 'gross', 75000, 'tax_rate', 1400, 'tax', 9211, 'tax_included', true)),
                     'totals', json_build_object('net', 65789,
                         'taxes', json_build_array(json_build_object('rate', 1400, 'net', 65789, 'tax', 9211)), 'gross', 75000, 'rounding', 0),
                     'payments', json_build_array(json_build_object('method', sale.method, 'amount', 75000,
                         'reference', case sale.method when 'card_terminal' then '****217' end)),
                     'tendered', null, 'change', null, 'still_due', null, 'credit', null, 'original_number', null, 'reason', null,
                     'footer', '[]'::json)::text;
                 last := sha256(last || int8send(place) || sale.digest || sha256(convert_to(paper, 'UTF8')));
                 insert into receipts (id, branch_id, till_id, number, kind, transaction_id, shift_id, member_id, at, business_day,
                     document, hash)
                 values (bench_id(sale.at), chain.branch_id, chain.till_id, place, 'sale', sale.transaction_id, sale.shift_id,
                     sale.member_id, sale.at, sale.day, paper, last);
             end loop;
             update receipt_chains set last_number = place, last_hash = last where till_id = chain.till_id;
         end loop;
     end $$",
    "alter table ledger_entries enable trigger user",
    "alter table charges enable trigger user",
    "alter table payments enable trigger user",
    "alter table allocations enable trigger user",
    "drop table bench_digests, bench_entries, bench_sales",
];
