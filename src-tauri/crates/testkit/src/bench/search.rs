//! Area `search`: what one keystroke costs at a million members, and whether the right people come up.
use std::collections::{BTreeMap, HashMap, HashSet};
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gatehouse_core::actor::Actor;
use gatehouse_core::clock::SystemClock;
use gatehouse_core::db;
use gatehouse_core::demo::dice::Dice;
use gatehouse_core::demo::{self, Demo};
use gatehouse_core::ids::MemberId;
use gatehouse_core::members::fold::{digits, fold, words};
use gatehouse_core::members::keys::typos_in_prefix;
use gatehouse_core::members::search;
use gatehouse_core::members::wire::SearchMembers;
use gatehouse_core::sealed::KeyFile;
use gatehouse_core::services::Services;
use sqlx::PgPool;

use super::figure::Figure;
use super::stage::{self, Stage};

const MEMBERS: u32 = 1_000_000;
const SEED: u64 = 2_026;
/// Raised when the generator or the keys change, so that an old database is not measured.
const VERSION: u32 = 1;
const QUERIES: usize = 3_000;
/// Queries compared with a full scan.
const SCANNED: usize = 240;
const LIMIT: usize = 20;

/// Measures the area; the first run builds the database.
pub fn run() -> Result<(), Box<dyn Error>> {
    tokio::runtime::Runtime::new()?.block_on(measure())
}

async fn measure() -> Result<(), Box<dyn Error>> {
    let members = match std::env::var("GATEHOUSE_BENCH_MEMBERS") {
        Ok(other) => other.parse()?,
        Err(_) => MEMBERS,
    };
    let name = format!("search_{members}_{VERSION}_{}", stage::schema());
    let mut stage = Stage::open("search").await?;
    if stage.database(&name).await? {
        let half = format!("{name}_half");
        let pool = db::connect(&stage.app_url(&half), 2).await?;
        let services = services(pool);
        let demo = Demo { members, days: 0, seed: SEED, pack_percent: 25, now: services.now() };
        let report = demo::generate(&services, &stage.owner_url(&half), demo, |_| ()).await?;
        services.db.close().await;
        stage.built(&name).await?;
        eprintln!(
            "search: built {} rows in {:.0} s, {:.0} rows/s",
            report.rows,
            report.seconds,
            report.rows_per_second()
        );
    }
    let pool = db::connect(&stage.owner_url(&name), 1).await?;
    let people = people(&pool).await?;
    pool.close().await;
    let queries = queries(&people, QUERIES);
    stage = stage.chill().await?;

    // Cold: the first query opens the connection, plans its statements and reads its pages from the disk.
    let services = services(db::connect(&stage.app_url(&name), 2).await?);
    let actor = Actor::System { branch: None, desk: None };
    let mut times = Vec::new();
    for query in &queries {
        let request = SearchMembers { query: query.text.clone(), limit: None };
        let began = Instant::now();
        search::search(&services, &actor, request).await?;
        times.push(began.elapsed());
    }
    let floor = floor(&services.db, &people).await?;
    let other_scripts = queries.iter().filter(|query| !query.text.is_ascii()).count();
    let cold = times[..100].to_vec();
    let slowest = times.iter().zip(&queries).max_by_key(|(time, _)| **time);
    let note = format!(
        "{members} members, {} queries, {} % not Latin; p50 {:.1}, p99 {:.1}, p95 of the first 100 {:.1}, slowest {:.1} ms for {}; p95 of {}",
        times.len(),
        100 * other_scripts / queries.len(),
        percentile(&times, 50),
        percentile(&times, 99),
        percentile(&cold, 95),
        slowest.map_or(0.0, |(time, _)| millis(*time)),
        slowest.map_or("", |(_, query)| query.kind.name()),
        by_kind(&times, &queries),
    );
    Figure::against("search", "1m-p95", "ms", percentile(&times, 95), percentile(&floor, 95))
        .noting(note)
        .print()?;
    recall(&services, &actor, &people, &queries).await?;
    services.db.close().await;
    stage.close().await
}

fn services(db: PgPool) -> Services {
    let keys = KeyFile::at(std::env::temp_dir().join("gatehouse-secrets.key"));
    Services::new(db, Arc::new(SystemClock), PathBuf::new(), keys)
}

/// A member as a full scan sees them.
struct Person {
    id: MemberId,
    full_name: String,
    native_name: Option<String>,
    phone: Option<String>,
    email: Option<String>,
    number: String,
}

type Row = (MemberId, String, Option<String>, Option<String>, Option<String>, String);

async fn people(db: &PgPool) -> Result<Vec<Person>, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "select id, full_name, native_name, phone, email, number from members order by number",
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(id, full_name, native_name, phone, email, number)| Person {
            id,
            full_name,
            native_name,
            phone,
            email,
            number,
        })
        .collect())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Name,
    Names,
    Mistyped,
    MistypedNames,
    Phone,
    Email,
    Number,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Name => "one name",
            Self::Names => "two names",
            Self::Mistyped => "a mistyped name",
            Self::MistypedNames => "two names, one mistyped",
            Self::Phone => "a phone's tail",
            Self::Email => "an address",
            Self::Number => "a member number",
        }
    }
}

struct Query {
    text: String,
    kind: Kind,
}

/// 95th percentiles of each kind of query.
fn by_kind(times: &[Duration], queries: &[Query]) -> String {
    let mut kinds: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    for (time, query) in times.iter().zip(queries) {
        kinds.entry(query.kind.name()).or_default().push(*time);
    }
    let lines = kinds.iter().map(|(kind, times)| format!("{kind} {:.1}", percentile(times, 95)));
    lines.collect::<Vec<_>>().join(", ")
}

/// What people type, as often as the names they type are borne: every query is the beginning of something that a
/// member drawn at random has.
fn queries(people: &[Person], count: usize) -> Vec<Query> {
    let mut dice = Dice::new(SEED);
    let mut queries = Vec::new();
    while queries.len() < count {
        let person = dice.pick(people);
        let name = match &person.native_name {
            Some(native) if dice.per_mille(700) => native,
            _ => &person.full_name,
        };
        let parts: Vec<&str> = name.split(' ').filter(|part| part.chars().count() > 1).collect();
        if parts.is_empty() {
            continue;
        }
        let start = |dice: &mut Dice, word: &str, from: i64, to: i64| {
            word.chars().take(usize::try_from(dice.between(from, to)).unwrap_or(2)).collect::<String>()
        };
        let (kind, text) = match dice.below(100) {
            0..50 => {
                let part = *dice.pick(&parts);
                (Kind::Name, start(&mut dice, part, 2, 6))
            }
            50..68 => {
                let (one, other) = (*dice.pick(&parts), *dice.pick(&parts));
                (Kind::Names, format!("{one} {}", start(&mut dice, other, 2, 5)))
            }
            68..74 => {
                let word: Vec<char> = dice.pick(&parts).chars().collect();
                (Kind::Mistyped, mistype(&mut dice, &word))
            }
            74..78 => {
                let (one, other) = (*dice.pick(&parts), *dice.pick(&parts));
                let word: Vec<char> = other.chars().collect();
                (Kind::MistypedNames, format!("{one} {}", mistype(&mut dice, &word)))
            }
            78..92 => {
                let Some(phone) = &person.phone else { continue };
                let length = usize::try_from(dice.between(2, 7)).unwrap_or(4);
                (Kind::Phone, phone[phone.len() - length..].to_owned())
            }
            92..96 => {
                let Some(email) = &person.email else { continue };
                (Kind::Email, start(&mut dice, email, 3, 12))
            }
            _ => (Kind::Number, person.number.clone()),
        };
        if fold(&text).chars().count() >= 2 {
            queries.push(Query { text, kind });
        }
    }
    queries
}

/// One letter lost, doubled, replaced, or swapped with the next.
fn mistype(dice: &mut Dice, word: &[char]) -> String {
    let mut letters = word.to_vec();
    if letters.len() > 3 {
        let at = usize::try_from(dice.between(1, i64::try_from(letters.len()).unwrap_or(2) - 2)).unwrap_or(1);
        match dice.below(4) {
            0 => drop(letters.remove(at)),
            1 => letters.insert(at, letters[at]),
            2 => letters[at] = letters[at - 1],
            _ => letters.swap(at, at + 1),
        }
    }
    letters.into_iter().collect()
}

/// The least a list of 20 members can cost: one select by primary key.
async fn floor(db: &PgPool, people: &[Person]) -> Result<Vec<Duration>, sqlx::Error> {
    let mut dice = Dice::new(SEED + 1);
    let mut times = Vec::new();
    for _ in 0..1_000 {
        let ids: Vec<_> = (0..LIMIT).map(|_| dice.pick(people).id.0).collect();
        let began = Instant::now();
        sqlx::query("select id, number, full_name, native_name, phone from members where id = any($1)")
            .bind(&ids)
            .fetch_all(db)
            .await?;
        times.push(began.elapsed());
    }
    Ok(times)
}

/// Names of all members as numbers of words, so that a scan compares each distinct word once.
struct Scan {
    words: Vec<String>,
    names: Vec<(MemberId, Vec<Vec<u32>>)>,
}

impl Scan {
    fn new(people: &[Person]) -> Self {
        let mut known: HashMap<String, u32> = HashMap::new();
        let mut names = Vec::with_capacity(people.len());
        for person in people {
            let both = std::iter::once(&person.full_name).chain(&person.native_name);
            let of_person = both
                .map(|name| {
                    words(&fold(name))
                        .into_iter()
                        .map(|word| {
                            let next = u32::try_from(known.len()).unwrap_or(u32::MAX);
                            *known.entry(word.to_owned()).or_insert(next)
                        })
                        .collect()
                })
                .collect();
            names.push((person.id, of_person));
        }
        let mut words = vec![String::new(); known.len()];
        for (word, at) in known {
            words[at as usize] = word;
        }
        Self { words, names }
    }

    /// Members one of whose names has for each typed word another one that it begins, with as many typos in all.
    fn find(&self, query: &str, most_typos: usize) -> HashSet<MemberId> {
        let folded = fold(query);
        let costs: Vec<Vec<Option<usize>>> = words(&folded)
            .iter()
            .map(|typed| {
                let cost = |word: &String| typos_in_prefix(typed, word).filter(|typos| *typos <= most_typos);
                self.words.iter().map(cost).collect()
            })
            .collect();
        let fits = |name: &Vec<u32>| {
            let mut left: Vec<u32> = name.clone();
            let mut typos = 0;
            costs.iter().all(|cost| {
                let best = left
                    .iter()
                    .enumerate()
                    .filter_map(|(at, word)| cost[*word as usize].map(|typos| (typos, at)))
                    .min();
                let Some((count, at)) = best else { return false };
                left.remove(at);
                typos += count;
                typos <= most_typos
            })
        };
        self.names.iter().filter(|(_, names)| names.iter().any(fits)).map(|(id, _)| *id).collect()
    }
}

/// Of those a full scan finds, the share that comes up, a list of [`LIMIT`] being full when it is full.
async fn recall(
    services: &Services,
    actor: &Actor,
    people: &[Person],
    queries: &[Query],
) -> Result<(), Box<dyn Error>> {
    let scan = Scan::new(people);
    let (mut expected, mut met, mut worst) = (0_u32, 0_u32, HashMap::new());
    for query in queries.iter().step_by(queries.len().div_ceil(SCANNED)) {
        let scanned: HashSet<MemberId> = match query.kind {
            Kind::Name | Kind::Names => scan.find(&query.text, 0),
            // Shorter words are taken as they are typed.
            Kind::Mistyped | Kind::MistypedNames
                if words(&fold(&query.text)).iter().any(|word| word.chars().count() < 4) =>
            {
                continue;
            }
            Kind::Mistyped | Kind::MistypedNames => scan.find(&query.text, 1),
            Kind::Phone => people
                .iter()
                .filter(|person| {
                    person.phone.as_ref().is_some_and(|phone| digits(phone).ends_with(&query.text))
                })
                .map(|person| person.id)
                .collect(),
            Kind::Email => people
                .iter()
                .filter(|person| person.email.as_ref().is_some_and(|email| email.starts_with(&query.text)))
                .map(|person| person.id)
                .chain(scan.find(&query.text, 0))
                .collect(),
            Kind::Number => {
                people.iter().filter(|person| person.number == query.text).map(|person| person.id).collect()
            }
        };
        let request = SearchMembers { query: query.text.clone(), limit: i64::try_from(LIMIT).ok() };
        let found = search::search(services, actor, request).await?.rows;
        let wanted = scanned.len().min(LIMIT);
        let got = found.iter().filter(|hit| scanned.contains(&hit.id)).count().min(wanted);
        expected += u32::try_from(wanted)?;
        met += u32::try_from(got)?;
        let missed: &mut usize = worst.entry(query.kind.name()).or_default();
        *missed += wanted - got;
    }
    let mut missed: Vec<_> = worst.into_iter().filter(|(_, missed)| *missed > 0).collect();
    missed.sort_unstable();
    let share = 100.0 * f64::from(met) / f64::from(expected.max(1));
    let note = format!("{met} of {expected} that a full scan finds, lists of {LIMIT}; missed {missed:?}");
    Figure::against("search", "recall", "%", share, 100.0).noting(note).print()?;
    Ok(())
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// Nearest rank, in milliseconds.
fn percentile(times: &[Duration], percent: usize) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().map_or(0.0, millis)
}
