//! Search in one keystroke's time. Everything a member is found by is a key; a query is a prefix of one, so each
//! look-up is a short walk along one B-tree, whatever the script and however many members there are.
//!
//! A name typed in another order, or with words left out, walks the keys of its rarest word and filters on the
//! rest. When that gives too few, a typo is forgiven: the deletions of the typed word lead to prefixes that names
//! really have, and those are walked instead.
use super::contact::phone_tail;
use super::fold::{digits, fold, words};
use super::keys::{KeyKind, LONGEST_PREFIX, card_key, deletions, reversed, typos_in_prefix};
use super::wire::{MemberHit, MemberHits, SearchMembers};
use crate::actor::Actor;
use crate::auth::model::Permission;
use crate::error::Error;
use crate::ids::{FileId, MemberId};
use crate::services::Services;
use crate::subscriptions::store::ends_of;
use sqlx::PgConnection;
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

const DEFAULT_LIMIT: i64 = 20;
const LARGEST_LIMIT: i64 = 200;
/// Characters from which a typo is forgiven.
const TYPO_FROM: usize = 4;
/// A word with more keys than this counts as common.
const COMMON: usize = 1_000;
/// Keys walked at most when the other words filter: bounds the worst query.
const LONGEST_WALK: i64 = 20_000;
/// Corrected spellings tried at most.
const MOST_CORRECTIONS: usize = 48;
/// Names with the same first letters looked at for a typo further on.
const MOST_NAMES: i64 = 400;

/// Members found by name, phone tail, e-mail, number or card; best first. Fewer than 2 characters find nobody.
pub async fn search(services: &Services, actor: &Actor, request: SearchMembers) -> Result<MemberHits, Error> {
    actor.require(Permission::ViewMembers)?;
    if request.query.chars().count() > 200 {
        return Err(Error::invalid("query", "too_long"));
    }
    let limit = request.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, LARGEST_LIMIT);
    let mut db = services.db.acquire().await?;
    let found = find(&mut db, &request.query, usize::try_from(limit).unwrap_or(1)).await?;
    let mut rows = hits(&mut db, &found).await?;
    // Who is called so comes before whose father is.
    let folded = fold(&request.query);
    let begins = |hit: &MemberHit| {
        std::iter::once(&hit.full_name).chain(&hit.native_name).any(|name| fold(name).starts_with(&folded))
    };
    rows.sort_by_cached_key(|hit| !begins(hit));
    Ok(MemberHits { rows })
}

/// A member found, and whether a typo was forgiven for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    pub member: MemberId,
    pub fuzzy: bool,
}

impl Found {
    pub fn exact(member: MemberId) -> Self {
        Self { member, fuzzy: false }
    }
}

/// The members a query finds, best first, at most `limit`.
pub async fn find(db: &mut PgConnection, query: &str, limit: usize) -> Result<Vec<Found>, Error> {
    let folded = fold(query);
    if folded.chars().count() < 2 {
        return Ok(Vec::new());
    }
    let mut found = Collected::new(limit);
    let typed = words(&folded);
    found.take(walk(db, &code_ranges(query, &folded), &[], limit).await?, false);
    if is_numeric(query) {
        return Ok(found.rows);
    }
    let counts = if typed.len() > 1 { key_counts(db, &typed).await? } else { Vec::new() };
    if !found.is_full() {
        found.take(exact_names(db, &typed, &counts, limit).await?, false);
    }
    if !found.is_full() && typed.iter().any(|word| word.chars().count() >= TYPO_FROM) {
        found.take(mistyped_names(db, &typed, &counts, limit).await?, true);
    }
    Ok(found.rows)
}

/// A stretch of the key index: all keys of a kind that begin with the prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Range {
    kind: KeyKind,
    prefix: String,
    /// Only the key itself.
    whole: bool,
}

impl Range {
    fn starting(kind: KeyKind, prefix: impl Into<String>) -> Self {
        Self { kind, prefix: prefix.into(), whole: false }
    }
}

/// True for what can only be a phone tail, a number or a card of digits.
fn is_numeric(query: &str) -> bool {
    query.chars().all(|letter| !letter.is_alphabetic()) && digits(query).len() >= 2
}

/// Where codes are looked for, best first. A whole member number comes before phones; the beginning of one after
/// them, or a short tail would never get past the numbers that all begin with the branch's code.
fn code_ranges(query: &str, folded: &str) -> Vec<Range> {
    let code = card_key(query);
    if !is_numeric(query) {
        let mut ranges = Vec::new();
        if code.contains(|letter: char| letter.is_ascii_digit()) {
            ranges.push(Range::starting(KeyKind::Card, code.clone()));
        }
        if code.contains(['@', '.', '_'])
            || (folded.is_ascii() && code.contains(|letter: char| letter.is_ascii_digit()))
        {
            ranges.push(Range::starting(KeyKind::Email, code));
        }
        return ranges;
    }
    let typed = digits(query);
    let mut ranges = vec![
        Range { kind: KeyKind::Number, prefix: typed.clone(), whole: true },
        Range::starting(KeyKind::Phone, reversed(&typed)),
    ];
    // A national number typed whole carries a trunk zero that E.164 does not have.
    let national = typed.trim_start_matches('0');
    if typed.len() >= 8 && national.len() < typed.len() {
        ranges.push(Range::starting(KeyKind::Phone, reversed(national)));
    }
    ranges.push(Range::starting(KeyKind::Card, code.clone()));
    ranges.push(Range::starting(KeyKind::Number, typed));
    ranges.push(Range::starting(KeyKind::Email, code));
    ranges
}

async fn exact_names(
    db: &mut PgConnection,
    typed: &[&str],
    counts: &[usize],
    limit: usize,
) -> Result<Vec<Key>, Error> {
    if let [word] = typed {
        // Names first; the beginning of an address only fills up.
        let ranges = [Range::starting(KeyKind::Name, *word), Range::starting(KeyKind::Email, *word)];
        return walk(db, &ranges, &[], limit).await;
    }
    if counts.contains(&0) {
        return Ok(Vec::new());
    }
    // As typed, it is the beginning of a rotation: no filter needed, and these are the best hits.
    let mut keys = walk(db, &[Range::starting(KeyKind::Name, typed.join(" "))], &[], limit).await?;
    if keys.len() < limit {
        let rarest = rarest(counts);
        keys.extend(
            walk(db, &[Range::starting(KeyKind::Name, typed[rarest])], &others(typed, rarest), limit).await?,
        );
    }
    Ok(keys)
}

/// Names with one typo in one word.
async fn mistyped_names(
    db: &mut PgConnection,
    typed: &[&str],
    counts: &[usize],
    limit: usize,
) -> Result<Vec<Key>, Error> {
    let mut keys = if let [word] = typed {
        let ranges = corrections(db, word).await?;
        walk(db, &ranges, &[], limit).await?
    } else {
        mistyped_in_one(db, typed, counts, limit).await?
    };
    keys.retain(|key| has_typos(&key.key, typed));
    Ok(keys)
}

/// Several words, one of them mistyped: look at all names that have a rare other one, or correct the rarest.
async fn mistyped_in_one(
    db: &mut PgConnection,
    typed: &[&str],
    counts: &[usize],
    limit: usize,
) -> Result<Vec<Key>, Error> {
    // The word that fewest names have is the likeliest to be the mistyped one.
    let suspect = rarest(counts);
    let is_rare = |at: &usize| (1..COMMON).contains(&counts[*at]);
    let mut rare: Vec<usize> = (0..typed.len()).filter(is_rare).collect();
    rare.sort_by_key(|at| counts[*at]);
    rare.truncate(2);
    let ranges: Vec<Range> = rare.iter().map(|at| Range::starting(KeyKind::Name, typed[*at])).collect();
    let mut keys = walk(db, &ranges, &[], COMMON).await?;
    if rare.iter().all(|at| *at == suspect) && typed[suspect].chars().count() >= TYPO_FROM {
        let mut ranges = corrections(db, typed[suspect]).await?;
        drop_covered(&mut ranges);
        keys.extend(walk(db, &ranges, &others(typed, suspect), limit).await?);
    }
    Ok(keys)
}

/// Leaves out ranges that lie within another.
fn drop_covered(ranges: &mut Vec<Range>) {
    let all = ranges.clone();
    ranges.retain(|range| !all.iter().any(|other| other != range && range.prefix.starts_with(&other.prefix)));
}

/// True when each typed word begins another word of the key, with one typo in one of them at most.
fn has_typos(key: &str, typed: &[&str]) -> bool {
    let mut names: Vec<&str> = words(key);
    let mut typos = 0;
    for word in typed {
        let best = names
            .iter()
            .enumerate()
            .filter_map(|(at, name)| typos_in_prefix(word, name).map(|count| (count, at)))
            .min();
        let Some((count, at)) = best else { return false };
        if count > 0 && word.chars().count() < TYPO_FROM {
            return false;
        }
        typos += count;
        names.remove(at);
    }
    typos <= 1
}

/// Beginnings of real names within one typo of the word, likeliest first.
async fn corrections(db: &mut PgConnection, word: &str) -> Result<Vec<Range>, Error> {
    let start: String = word.chars().take(LONGEST_PREFIX - 1).collect();
    let variants: Vec<String> = deletions(&start).into_iter().collect();
    let prefixes =
        sqlx::query_scalar!("select distinct prefix from name_prefixes where variant = any($1)", &variants)
            .fetch_all(&mut *db)
            .await?;
    let meant = prefixes.into_iter().filter(|prefix| strsim::osa_distance(&start, prefix) <= 1);
    let meant = if start == word {
        meant.filter(|prefix| prefix != word).collect()
    } else {
        // Only the start was looked up; of the names that begin so, those whose rest fits as well.
        let mut names = names_beginning(db, &meant.collect::<Vec<_>>()).await?;
        names.retain(|name| typos_in_prefix(word, name) == Some(1));
        names
    };
    let length = word.chars().count();
    let mut ranked: Vec<(usize, String)> =
        meant.into_iter().map(|prefix: String| (prefix.chars().count().abs_diff(length), prefix)).collect();
    ranked.sort();
    ranked.truncate(MOST_CORRECTIONS);
    Ok(ranked.into_iter().map(|(_, prefix)| Range::starting(KeyKind::Name, prefix)).collect())
}

/// The different names that begin with one of the prefixes, each found by one step along the index from the one
/// before, however many members bear it.
async fn names_beginning(db: &mut PgConnection, prefixes: &[String]) -> Result<Vec<String>, Error> {
    // A name's first letter after its end is a space or none; `!` comes right after the space.
    Ok(sqlx::query_scalar!(
        r#"select distinct step.name as "name!" from unnest($1::text[]) as typed (prefix)
           cross join lateral (
               with recursive named (name) as (
                   (select split_part(k.key, ' ', 1) from member_search_keys k
                    where k.kind = 'n' and k.key >= typed.prefix and k.key < typed.prefix || U&'\+10FFFF'
                    order by k.key limit 1)
                   union all
                   select (select split_part(k.key, ' ', 1) from member_search_keys k
                           where k.kind = 'n' and k.key >= named.name || '!' and k.key < typed.prefix || U&'\+10FFFF'
                           order by k.key limit 1)
                   from named where named.name is not null
               )
               select named.name from named where named.name is not null limit $2
           ) step"#,
        prefixes,
        MOST_NAMES,
    )
    .fetch_all(db)
    .await?)
}

fn rarest(counts: &[usize]) -> usize {
    (0..counts.len()).min_by_key(|at| counts[*at]).unwrap_or(0)
}

/// Patterns that the words other than the `driver` put on its keys. Folded words hold no wildcard.
fn others(typed: &[&str], driver: usize) -> Vec<String> {
    typed.iter().enumerate().filter(|(at, _)| *at != driver).map(|(_, word)| format!("% {word}%")).collect()
}

struct Key {
    member: MemberId,
    key: String,
}

/// How many keys begin with each word, counted up to [`COMMON`].
async fn key_counts(db: &mut PgConnection, typed: &[&str]) -> Result<Vec<usize>, Error> {
    let prefixes: Vec<String> = typed.iter().map(|word| (*word).to_owned()).collect();
    let counts = sqlx::query_scalar!(
        r#"select counted.keys as "keys!" from unnest($1::text[]) with ordinality as typed (prefix, rank)
           cross join lateral (
               select count(*) as keys from (
                   select from member_search_keys k
                   where k.kind = 'n' and k.key >= typed.prefix and k.key < typed.prefix || U&'\+10FFFF' limit $2
               ) capped
           ) counted
           order by typed.rank"#,
        &prefixes,
        i64::try_from(COMMON).unwrap_or(i64::MAX),
    )
    .fetch_all(db)
    .await?;
    Ok(counts.into_iter().map(|count| usize::try_from(count).unwrap_or(COMMON)).collect())
}

/// Keys of the ranges in their order, each range in alphabetical order, those that match all patterns.
async fn walk(
    db: &mut PgConnection,
    ranges: &[Range],
    patterns: &[String],
    limit: usize,
) -> Result<Vec<Key>, Error> {
    if ranges.is_empty() {
        return Ok(Vec::new());
    }
    let kinds: Vec<String> = ranges.iter().map(|range| range.kind.as_str().to_owned()).collect();
    let starts: Vec<String> = ranges.iter().map(|range| range.prefix.clone()).collect();
    let ends: Vec<String> = ranges
        .iter()
        .map(|range| format!("{}{}", range.prefix, if range.whole { '\u{1}' } else { char::MAX }))
        .collect();
    // Two words of one name can begin alike, so a member may come up more than once: read some more.
    let read = i64::try_from(limit.saturating_mul(2)).unwrap_or(i64::MAX);
    let walk = if patterns.is_empty() {
        read
    } else {
        LONGEST_WALK / i64::try_from(ranges.len()).unwrap_or(LONGEST_WALK)
    };
    Ok(sqlx::query_as!(
        Key,
        r#"select hit.member_id as "member!: MemberId", hit.key as "key!"
           from unnest($1::text[], $2::text[], $3::text[]) with ordinality as range (kind, first, past, rank)
           cross join lateral (
               select walked.member_id, walked.key from (
                   select k.member_id, k.key from member_search_keys k
                   where k.kind = range.kind::"char" and k.key >= range.first and k.key < range.past
                   order by k.key limit $5
               ) walked
               where walked.key like all($4::text[]) limit $6
           ) hit
           order by range.rank, hit.key limit $6"#,
        &kinds,
        &starts,
        &ends,
        patterns,
        walk,
        read,
    )
    .fetch_all(db)
    .await?)
}

struct Collected {
    rows: Vec<Found>,
    limit: usize,
    seen: HashSet<MemberId>,
}

impl Collected {
    fn new(limit: usize) -> Self {
        Self { rows: Vec::new(), limit, seen: HashSet::new() }
    }

    fn is_full(&self) -> bool {
        self.rows.len() >= self.limit
    }

    fn take(&mut self, keys: Vec<Key>, fuzzy: bool) {
        for key in keys {
            if !self.is_full() && self.seen.insert(key.member) {
                self.rows.push(Found { member: key.member, fuzzy });
            }
        }
    }
}

/// The lines of a list, in the order given.
pub async fn hits(db: &mut PgConnection, found: &[Found]) -> Result<Vec<MemberHit>, Error> {
    let ids: Vec<Uuid> = found.iter().map(|found| found.member.0).collect();
    let rows = sqlx::query!(
        r#"select m.id as "id: MemberId", m.number, m.full_name, m.native_name, m.phone, m.photo_file_id as "photo_file_id: FileId",
                  m.suspended_at is not null as "suspended!"
           from members m where m.id = any($1) and m.deleted_at is null"#,
        &ids
    )
    .fetch_all(&mut *db)
    .await?;
    let ends = ends_of(db, &ids).await?;
    let mut by_id: HashMap<MemberId, MemberHit> = rows
        .into_iter()
        .map(|row| {
            let hit = MemberHit {
                id: row.id,
                number: row.number,
                full_name: row.full_name,
                native_name: row.native_name,
                phone_tail: row.phone.as_deref().map(phone_tail),
                photo_file_id: row.photo_file_id,
                suspended: row.suspended,
                ends_on: ends.get(&row.id).copied(),
                fuzzy: false,
            };
            (row.id, hit)
        })
        .collect();
    Ok(found
        .iter()
        .filter_map(|found| by_id.remove(&found.member).map(|hit| MemberHit { fuzzy: found.fuzzy, ..hit }))
        .collect())
}
