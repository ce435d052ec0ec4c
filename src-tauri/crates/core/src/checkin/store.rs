//! SQL of the door: one question before the decision, one statement after it.
use crate::actor::DeskActor;
use crate::checkin::emergency::QueuedScan;
use crate::checkin::wire::{Outcome, Reason, Source};
use crate::ids::{
    AccountId, BranchId, DeskId, EntryId, FileId, MemberId, PassId, PlanId, ScanId, SubscriptionEventId,
    SubscriptionId,
};
use crate::money::Money;
use crate::passes::payload::PassNumber;
use crate::subscriptions::store::TermsRow;
use crate::subscriptions::wire::EventKind;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use sqlx::types::Json;

/// What is asked for. Of the four ways to name a member those that apply are set.
#[derive(Clone, Debug, Default)]
pub struct Question<'a> {
    pub pass_number: Option<PassNumber>,
    /// Of a live code.
    pub step: Option<i64>,
    pub alias: Option<&'a str>,
    pub number: Option<&'a str>,
    pub member: Option<MemberId>,
}

/// Everything known about one reading of the question. There is always at least one row; several where the text
/// means several things.
#[derive(Debug)]
pub struct Row {
    pub time_zone: String,
    pub day_starts_at: i16,
    pub anti_passback_minutes: i32,
    pub auto_checkout_hours: i32,
    pub undo_minutes: i32,
    pub capacity: Option<i32>,
    pub daily_entries: Option<i32>,
    pub direction: String,
    /// The scan with this nonce, if it was answered before.
    pub answered: Option<Json<Answered>>,
    /// `pass`, `alias`, `number` or `member`; none when nothing was found.
    pub via: Option<String>,
    pub pass_id: Option<PassId>,
    pub pass_is_live: Option<bool>,
    pub secret: Option<Vec<u8>>,
    pub revoked_at: Option<DateTime<Utc>>,
    pub step_used: Option<bool>,
    pub member: Option<Json<MemberRow>>,
    pub notes: Option<Json<Vec<NoteRow>>>,
    pub subscriptions: Option<Json<Vec<SubscriptionRow>>>,
    pub entries: Option<Json<Vec<RecentEntry>>>,
    pub last_seq: Option<i32>,
    pub debts: Option<Json<Vec<DebtRow>>>,
    pub currency: String,
    pub debt_blocks_from: Option<i64>,
    pub debt_grace_days: i32,
}

/// A scan as it was stored.
#[derive(Clone, Debug, Deserialize)]
pub struct Answered {
    pub at: DateTime<Utc>,
    pub source: Source,
    pub member_id: Option<MemberId>,
    pub outcome: Outcome,
    pub reasons: Vec<Reason>,
    pub entry_id: Option<EntryId>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MemberRow {
    pub id: MemberId,
    pub number: String,
    pub full_name: String,
    pub native_name: Option<String>,
    pub photo_file_id: Option<FileId>,
    pub language: String,
    pub home_branch_id: BranchId,
    pub home_branch_name: String,
    pub suspended: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NoteRow {
    pub body: String,
    pub blocks: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SubscriptionRow {
    pub id: SubscriptionId,
    pub plan_id: PlanId,
    pub plan_name: String,
    #[serde(flatten)]
    pub terms: TermsRow,
    /// Where it opens, in words, when it names branches.
    pub branch_names: Option<String>,
    pub events: Option<Vec<EventRow>>,
    /// Business day of each visit used and not undone.
    pub used: Option<Vec<NaiveDate>>,
    /// Highest number of a visit used, undone ones too.
    pub last_visit_no: Option<i32>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EventRow {
    pub id: SubscriptionEventId,
    pub kind: EventKind,
    pub business_day: NaiveDate,
    pub starts_on: Option<NaiveDate>,
    pub ends_on: Option<NaiveDate>,
    pub visits: Option<i32>,
    pub days: Option<i32>,
    pub voids: Option<SubscriptionEventId>,
    pub about: Option<SubscriptionEventId>,
}

/// What the member or their payer owes for the member's things.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DebtRow {
    /// Minor units of the branch's currency.
    pub owed: i64,
    pub due_on: NaiveDate,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecentEntry {
    pub id: EntryId,
    pub at: DateTime<Utc>,
    pub business_day: NaiveDate,
    pub desk_id: DeskId,
    pub left_at: Option<DateTime<Utc>>,
    pub undone: bool,
    pub pass_id: Option<PassId>,
    pub outcome: Outcome,
    pub reasons: Vec<Reason>,
}

/// The question, for whoever `$found` leads to: rows of `via, member_id, pass_id, pass_is_live, secret, revoked_at,
/// step_used`. Its parameters begin at $5.
///
/// Planning it takes longer than answering it, so Postgres must be content with the plan it keeps. It is when that
/// plan looks no dearer than one for the very values, so no estimate here may depend on a value: nothing is optional
/// where it matters, and a time has two ends, which Postgres takes for a short one without knowing it.
macro_rules! facts {
    ($db:expr, $scan:expr, $found:literal, $($value:expr),+) => {
        sqlx::query_as!(
            Row,
            "with found as (" + $found + r#")
            select b.time_zone, b.day_starts_at, b.anti_passback_minutes, b.auto_checkout_hours, b.undo_minutes,
                b.capacity, b.daily_entries, b.currency, b.debt_blocks_from, b.debt_grace_days, d.direction,
                (select json_build_object('at', s.at, 'source', s.source, 'member_id', s.member_id,
                        'outcome', s.outcome, 'reasons', s.reasons, 'entry_id', s.entry_id)
                 from scans s where s.id = $3) as "answered: Json<Answered>",
                f.via as "via?", f.pass_id as "pass_id?: PassId", f.pass_is_live as "pass_is_live?", f.secret as "secret?",
                f.revoked_at as "revoked_at?", f.step_used as "step_used?",
                case when m.id is not null then json_build_object('id', m.id, 'number', m.number, 'full_name', m.full_name,
                    'native_name', m.native_name, 'photo_file_id', m.photo_file_id, 'language', m.language,
                    'home_branch_id', m.home_branch_id, 'home_branch_name', h.name,
                    'suspended', m.suspended_at is not null) end as "member: Json<MemberRow>",
                (select json_agg(json_build_object('body', n.body, 'blocks', n.at_door = 'block') order by n.at_door, n.created_at)
                 from member_notes n where n.member_id = m.id and n.resolved_at is null and n.at_door <> 'none')
                    as "notes: Json<Vec<NoteRow>>",
                (select json_agg(json_build_object('id', s.id, 'plan_id', s.plan_id, 'plan_name', s.plan_name, 'kind', s.kind,
                        'duration_unit', s.duration_unit, 'duration_count', s.duration_count, 'visits', s.visits,
                        'visit_rule', s.visit_rule, 'access_windows', s.access_windows, 'branch_scope', s.branch_scope,
                        'branch_ids', s.branch_ids,
                        'branch_names', case when s.branch_scope = 'listed' then
                            (select string_agg(l.name, ', ' order by l.name) from branches l where l.id = any (s.branch_ids)) end,
                        'anchor_day', s.anchor_day, 'freeze_days', s.freeze_days, 'freeze_times', s.freeze_times,
                        'minimum_term_days', s.minimum_term_days, 'notice_days', s.notice_days, 'auto_renew', s.auto_renew,
                        'events', (select json_agg(json_build_object('id', e.id, 'kind', e.kind, 'starts_on', e.starts_on,
                                       'ends_on', e.ends_on, 'visits', e.visits, 'days', e.days, 'business_day', e.business_day,
                                       'voids', e.voids_event_id, 'about', e.about_event_id) order by e.seq, e.at, e.id)
                                   from subscription_events e where e.subscription_id = s.id),
                        'used', (select json_agg(u.business_day) from visit_uses u where u.subscription_id = s.id
                                   and not exists (select from entry_voids v where v.entry_id = u.entry_id)),
                        'last_visit_no', (select max(u.visit_no) from visit_uses u where u.subscription_id = s.id))
                        order by s.created_at, s.id)
                 from subscriptions s where s.member_id = m.id) as "subscriptions: Json<Vec<SubscriptionRow>>",
                (select json_agg(json_build_object('id', e.id, 'at', e.at, 'business_day', e.business_day, 'desk_id', e.desk_id,
                        'left_at', x.at, 'undone', v.entry_id is not null, 'pass_id', s.pass_id, 'outcome', s.outcome,
                        'reasons', s.reasons) order by e.seq desc)
                 from entries e
                 left join exits x on x.entry_id = e.id
                 left join entry_voids v on v.entry_id = e.id
                 join scans s on s.id = e.scan_id
                 where e.member_id = m.id and e.branch_id = b.id
                   -- Older ones decide nothing: longer than any anti-passback window, visit or business day.
                   and e.at > $4::timestamptz - interval '50 hours' and e.at < 'infinity') as "entries: Json<Vec<RecentEntry>>",
                (select max(e.seq) from entries e where e.branch_id = b.id and e.member_id = m.id) as last_seq,
                (select json_agg(json_build_object('owed', o.owed, 'due_on', o.due_on)) from open_charges o
                 where o.member_id = m.id and o.currency = b.currency) as "debts: Json<Vec<DebtRow>>"
            from branches b
            join desks d on d.id = $2 and d.branch_id = b.id
            left join found f on true
            left join members m on m.id = f.member_id and m.deleted_at is null
            left join branches h on h.id = m.home_branch_id
            where b.id = $1"#,
            $scan.branch.0,
            $scan.desk.0,
            $scan.id.0,
            $scan.now,
            $($value),+
        )
        .fetch_all($db)
        .await
    };
}

/// Where, when and as what something is scanned.
#[derive(Clone, Copy, Debug)]
pub struct Scan {
    pub branch: BranchId,
    pub desk: DeskId,
    pub id: ScanId,
    pub now: DateTime<Utc>,
}

/// The one question: the rules, the nonce's earlier answer, and all about whoever the code may stand for.
pub async fn look_up(
    db: &mut PgConnection,
    scan: Scan,
    question: &Question<'_>,
) -> Result<Vec<Row>, sqlx::Error> {
    if let Some(number) = question.pass_number {
        return facts!(
            db,
            scan,
            "select 'pass' as via, p.member_id, p.id as pass_id, p.kind = 'live' as pass_is_live, p.secret, p.revoked_at,
                 exists (select from pass_steps u where u.branch_id = $1 and u.pass_id = p.id and u.step = $6) as step_used
             from passes p where p.pass_id = $5",
            number.as_slice(),
            question.step
        );
    }
    facts!(
        db,
        scan,
        "select 'alias' as via, p.member_id, p.id as pass_id, false as pass_is_live, null::bytea as secret, p.revoked_at,
             false as step_used
         from pass_aliases a join passes p on p.id = a.pass_id where a.code = $5
         union all
         select 'number', m.id, null, null, null, null, null
         from branches b join members m on m.home_branch_id = b.id and m.number = $6
         union all
         select 'member', $7::uuid, null, null, null, null, null where $7::uuid is not null",
        question.alias,
        question.number,
        question.member.map(|id| id.0)
    )
}

/// The same for a page of all members, in the order of their ids; one row without a member where there is none (any more).
pub async fn look_up_everybody(
    db: &mut PgConnection,
    scan: Scan,
    after: Option<MemberId>,
    most: i64,
) -> Result<Vec<Row>, sqlx::Error> {
    facts!(
        db,
        scan,
        "select 'member' as via, p.id as member_id, null::uuid as pass_id, null::boolean as pass_is_live, null::bytea as secret,
             null::timestamptz as revoked_at, null::boolean as step_used
         from members p where p.deleted_at is null and ($5::uuid is null or p.id > $5) order by p.id limit $6",
        after.map(|id| id.0),
        most
    )
}

/// A pass with what its codes are signed with.
#[derive(Debug)]
pub struct PassRow {
    pub id: PassId,
    pub number: Vec<u8>,
    pub member_id: MemberId,
    pub is_live: bool,
    pub secret: Vec<u8>,
    pub revoked_at: Option<DateTime<Utc>>,
}

/// Every pass of a member.
pub async fn all_passes(db: &mut PgConnection) -> Result<Vec<PassRow>, sqlx::Error> {
    sqlx::query_as!(
        PassRow,
        r#"select p.id as "id: PassId", p.pass_id as number, p.member_id as "member_id: MemberId", p.kind = 'live' as "is_live!",
               p.secret, p.revoked_at
           from passes p join members m on m.id = p.member_id where m.deleted_at is null"#
    )
    .fetch_all(db)
    .await
}

/// Every old code.
pub async fn all_aliases(db: &mut PgConnection) -> Result<Vec<(String, PassId)>, sqlx::Error> {
    let rows =
        sqlx::query!(r#"select code, pass_id as "pass_id: PassId" from pass_aliases"#).fetch_all(db).await?;
    Ok(rows.into_iter().map(|row| (row.code, row.pass_id)).collect())
}

/// Steps of live codes used since then.
pub async fn steps_since(
    db: &mut PgConnection,
    branch: BranchId,
    since: DateTime<Utc>,
) -> Result<Vec<(PassId, i64)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select u.pass_id as "pass_id: PassId", u.step from pass_steps u join entries e on e.id = u.entry_id
           where u.branch_id = $1 and e.branch_id = $1 and e.at > $2"#,
        branch.0,
        since
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.pass_id, row.step)).collect())
}

/// What has to be known to store a scan that a desk made by itself.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "a row of answers, each a question of its own")]
pub struct BeforeReplay {
    /// It was told before, or asked here before the desk stopped waiting.
    pub is_stored: bool,
    /// And it let in, or led to an entry.
    pub has_entry: bool,
    pub next_seq: i32,
    pub next_visit_no: Option<i32>,
    /// The step of its live code let somebody in already.
    pub step_used: bool,
    /// The visit it ends is known and was not ended.
    pub can_leave: bool,
    /// Its account has had a session at the desk.
    pub account_was_here: bool,
}

/// Asks for it.
pub async fn before_replay(
    db: &mut PgConnection,
    desk: DeskActor,
    told: &QueuedScan,
) -> Result<BeforeReplay, sqlx::Error> {
    let entered = told.entered.as_ref();
    sqlx::query_as!(
        BeforeReplay,
        r#"select exists (select from scans s where s.id = $1) as "is_stored!",
               exists (select from scans s where s.id = $1 and s.entry_id is not null) as "has_entry!",
               coalesce((select max(e.seq) from entries e where e.branch_id = $2 and e.member_id = $3), 0) + 1 as "next_seq!",
               coalesce((select max(u.visit_no) from visit_uses u where u.subscription_id = $4), 0) + 1 as next_visit_no,
               exists (select from pass_steps p where p.branch_id = $2 and p.pass_id = $5 and p.step = $6) as "step_used!",
               exists (select from entries e where e.id = $7 and not exists (select from exits x where x.entry_id = e.id))
                   as "can_leave!",
               exists (select from sessions s where s.account_id = $8 and s.desk_id = $9) as "account_was_here!""#,
        told.scan.0,
        desk.branch.0,
        told.member.map(|id| id.0),
        entered.and_then(|entered| entered.subscription).map(|id| id.0),
        told.pass.map(|id| id.0),
        entered.and_then(|entered| entered.step),
        told.leaves.map(|id| id.0),
        told.account.map(|id| id.0),
        desk.desk.0
    )
    .fetch_one(db)
    .await
}

/// All rows of one scan.
#[derive(Debug)]
pub struct Record<'a> {
    pub scan: ScanId,
    pub branch: BranchId,
    pub desk: DeskId,
    pub account: Option<AccountId>,
    pub source: Source,
    pub at: DateTime<Utc>,
    pub business_day: NaiveDate,
    pub pass: Option<PassId>,
    pub member: Option<MemberId>,
    pub code_hint: Option<&'a str>,
    pub outcome: Outcome,
    pub reasons: &'a [Reason],
    /// The entry the scan made, repeated or ended.
    pub entry: Option<EntryId>,
    pub override_reason: Option<&'a str>,
    pub entered: Option<Entered>,
    /// The visit that ends.
    pub leaves: Option<EntryId>,
}

/// What an admission adds.
#[derive(Clone, Copy, Debug)]
pub struct Entered {
    pub seq: i32,
    pub subscription: Option<SubscriptionId>,
    /// Number of the visit it takes.
    pub visit_no: Option<i32>,
    /// Step of the live code it uses up.
    pub step: Option<i64>,
}

/// Writes the scan and all that follows from it in one statement, so in one round trip and all or nothing.
///
/// # Errors
/// A unique violation when somebody else was faster: the caller asks and decides again ([`lost_race`]).
pub async fn write(db: &mut PgConnection, record: &Record<'_>) -> Result<(), sqlx::Error> {
    let visit = record.entered.and_then(|entered| entered.visit_no);
    sqlx::query!(
        r#"
        with entered as (
            insert into entries (id, branch_id, member_id, seq, scan_id, desk_id, account_id, at, business_day,
                                 subscription_id, override_reason)
            select $13, $2, $9, $15, $1, $3, $4, $6, $7, $16, $14 where $15::int is not null
        ), used as (
            insert into visit_uses (id, branch_id, subscription_id, visit_no, entry_id, business_day)
            select $19, $2, $16, $17, $13, $7 where $17::int is not null
        ), stepped as (
            insert into pass_steps (branch_id, pass_id, step, entry_id)
            select $2, $8, $18, $13 where $18::bigint is not null
        ), left_now as (
            insert into exits (entry_id, branch_id, at, desk_id, account_id)
            select $20, $2, $6, $3, $4 where $20::uuid is not null
        )
        insert into scans (id, branch_id, desk_id, account_id, source, at, business_day, pass_id, member_id, code_hint,
                           outcome, reasons, entry_id, override_reason)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"#,
        record.scan.0,
        record.branch.0,
        record.desk.0,
        record.account.map(|id| id.0),
        record.source.as_str(),
        record.at,
        record.business_day,
        record.pass.map(|id| id.0),
        record.member.map(|id| id.0),
        record.code_hint,
        record.outcome.as_str(),
        Json(record.reasons) as _,
        record.entry.map(|id| id.0),
        record.override_reason,
        record.entered.map(|entered| entered.seq),
        record.entered.and_then(|entered| entered.subscription).map(|id| id.0),
        visit,
        record.entered.and_then(|entered| entered.step),
        visit.map(|_| crate::ids::new_id(record.at)),
        record.leaves.map(|id| id.0),
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Whether the database refused because another desk took the same number, visit, step or nonce first.
pub fn lost_race(error: &sqlx::Error) -> bool {
    matches!(
        crate::error::Error::constraint(error),
        Some(
            "entries_seq_key"
                | "entries_scan_key"
                | "visit_uses_visit_no_key"
                | "pass_steps_pkey"
                | "exits_pkey"
                | "scans_pkey"
        )
    )
}

/// A plan and what it costs today.
pub struct Offer {
    pub plan_id: PlanId,
    pub price: Option<Money>,
}

/// Today's price of a plan at the branch; `None` for a plan that is no longer sold.
pub async fn price(
    db: &mut PgConnection,
    plan: PlanId,
    branch: BranchId,
    day: NaiveDate,
) -> Result<Option<Money>, sqlx::Error> {
    let row = sqlx::query!(
        "select pp.amount, pp.currency from plan_prices pp join plans p on p.id = pp.plan_id
         join branches b on b.id = $2 and b.currency = pp.currency
         where pp.plan_id = $1 and p.archived_at is null and (pp.branch_id = $2 or pp.branch_id is null) and pp.valid @> $3::date
         order by pp.branch_id nulls last limit 1",
        plan.0,
        branch.0,
        day
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| Money::new(row.amount, row.currency)))
}

/// The cheapest day pass on sale at the branch.
pub async fn day_pass(
    db: &mut PgConnection,
    branch: BranchId,
    day: NaiveDate,
) -> Result<Option<Offer>, sqlx::Error> {
    let row = sqlx::query!(
        r#"select id as "id: PlanId", amount as "amount!", currency as "currency!" from (
               select distinct on (p.id) p.id, pp.amount, pp.currency
               from plans p join plan_prices pp on pp.plan_id = p.id
               join branches b on b.id = $1 and b.currency = pp.currency
               where p.kind = 'day_pass' and p.archived_at is null
                 and (pp.branch_id = $1 or pp.branch_id is null) and pp.valid @> $2::date
               order by p.id, pp.branch_id nulls last) offered
           order by amount limit 1"#,
        branch.0,
        day
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| Offer { plan_id: row.id, price: Some(Money::new(row.amount, row.currency)) }))
}

/// By how much the phones of others disagreed with this branch's clock since `since`: one value per member.
pub async fn clock_differences(
    db: &mut PgConnection,
    branch: BranchId,
    since: DateTime<Utc>,
) -> Result<Vec<i64>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select distinct on (member_id) (reasons -> 0 ->> 'seconds_off')::bigint as "seconds!"
           from scans
           where branch_id = $1 and at > $2 and member_id is not null and reasons -> 0 ->> 'kind' = 'pass_expired'
           order by member_id, at desc"#,
        branch.0,
        since
    )
    .fetch_all(db)
    .await
}

/// Takes an entry back; false when it is already.
pub async fn void_entry(
    db: &mut PgConnection,
    entry: EntryId,
    branch: BranchId,
    at: DateTime<Utc>,
    by: Option<AccountId>,
    reason: Option<&str>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "insert into entry_voids (entry_id, branch_id, at, account_id, reason) values ($1, $2, $3, $4, $5)
         on conflict on constraint entry_voids_pkey do nothing",
        entry.0,
        branch.0,
        at,
        by.map(|id| id.0),
        reason
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// An entry that somebody wants to take back.
pub struct Undoable {
    pub at: DateTime<Utc>,
    pub undo_minutes: i32,
    pub undone: bool,
    /// The member has entered again since.
    pub followed: bool,
}

pub async fn undoable(
    db: &mut PgConnection,
    entry: EntryId,
    branch: BranchId,
) -> Result<Option<Undoable>, sqlx::Error> {
    sqlx::query_as!(
        Undoable,
        r#"select e.at, b.undo_minutes,
                  exists (select from entry_voids v where v.entry_id = e.id) as "undone!",
                  exists (select from entries l where l.branch_id = e.branch_id and l.member_id = e.member_id
                          and l.seq > e.seq and not exists (select from entry_voids v where v.entry_id = l.id)) as "followed!"
           from entries e join branches b on b.id = e.branch_id where e.id = $1 and e.branch_id = $2"#,
        entry.0,
        branch.0
    )
    .fetch_optional(db)
    .await
}

impl Source {
    /// As stored in `scans.source`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webcam => "webcam",
            Self::Wedge => "wedge",
            Self::Serial => "serial",
            Self::Typed => "typed",
            Self::Search => "search",
            Self::Picture => "picture",
            Self::Cli => "cli",
        }
    }
}

impl Outcome {
    /// As stored in `scans.outcome`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admitted => "admitted",
            Self::Refused => "refused",
            Self::Attention => "attention",
        }
    }
}
