//! A gym's life, day by day: people register, buy, come, renew, stay away. Pure: the same seed gives the same rows.
use super::copy::{Batch, Table};
use super::dice::Dice;
use super::people::{People, Person};
use super::plans::{OFF_PEAK, OFFERS, TRAINING, price};
use super::{Demo, House};
use crate::day::{Duration, end_day};
use crate::ids::TransactionId;
use crate::members::keys::{self, KeyKind, Searched};
use crate::members::number::member_number;
use crate::payments::posting::{canonical_entry, canonical_header};
use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc, Weekday};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use uuid::Uuid;

/// Bytes after which a batch is handed on.
const BATCH_BYTES: usize = 8 << 20;

/// What somebody does, and what they have.
struct Guest {
    id: Uuid,
    pass: Uuid,
    joins_on: NaiveDate,
    /// Visits in a thousand days, while they have a subscription.
    visits_per_mille: u64,
    comes: Comes,
    /// Renewals in a thousand.
    loyalty: u64,
    prefers_packs: bool,
    entries: i32,
    held: Option<Held>,
}

/// When they train.
#[derive(Clone, Copy)]
enum Comes {
    Mornings,
    Noons,
    Evenings,
}

/// The subscription they have or had last.
struct Held {
    id: Uuid,
    plan: usize,
    anchor_day: u32,
    events: i32,
    starts_on: NaiveDate,
    ends_on: NaiveDate,
    visits_left: Option<i32>,
    visits_used: i32,
    /// Whether they made up their mind about the next period.
    decided: bool,
    next: Option<(NaiveDate, NaiveDate)>,
}

/// Hands out batches until the history is told.
pub struct History {
    demo: Demo,
    house: House,
    dice: Dice,
    people: People,
    guests: Vec<Guest>,
    /// Sequence number of the next member.
    next_seq: i64,
    /// Days of registration of those who are still to come, the latest first.
    arrivals: Vec<NaiveDate>,
    day: NaiveDate,
    today: NaiveDate,
    words: BTreeSet<String>,
    pub visits: u64,
    pub native_names: u64,
}

impl History {
    pub fn new(demo: Demo, house: House, first_seq: i64) -> Self {
        let today = house.calendar.business_day(demo.now);
        let day = today.checked_sub_days(Days::new(u64::from(demo.days))).unwrap_or(today);
        // A second helping of the same seed is other people.
        let mut dice = Dice::new(demo.seed.rotate_left(32) ^ u64::try_from(first_seq).unwrap_or(0));
        // The longer the history, the more of the members came in its course.
        let days = u64::from(demo.days);
        let before = 1_000 - 1_000 * days / (days + 730);
        let mut arrivals: Vec<NaiveDate> = (0..demo.members)
            .map(|_| {
                let later = if dice.per_mille(before) { 0 } else { dice.below(days + 1) };
                day.checked_add_days(Days::new(later)).unwrap_or(today)
            })
            .collect();
        arrivals.sort_unstable_by(|a, b| b.cmp(a));
        Self {
            people: People::new(today),
            demo,
            house,
            dice,
            guests: Vec::new(),
            next_seq: first_seq,
            arrivals,
            day,
            today,
            words: BTreeSet::new(),
            visits: 0,
            native_names: 0,
        }
    }

    /// Members with a subscription that runs today.
    pub fn running(&self) -> usize {
        let runs = |held: &Held| {
            held.starts_on <= self.today && self.today <= held.ends_on && held.visits_left != Some(0)
        };
        self.guests.iter().filter(|guest| guest.held.as_ref().is_some_and(runs)).count()
    }

    /// Every prefix of a name with its deletions, for the typo index.
    pub fn name_prefixes(&self) -> Vec<(String, String)> {
        let prefixes: BTreeSet<String> =
            self.words.iter().flat_map(|word| keys::word_prefixes(word)).collect();
        prefixes
            .iter()
            .flat_map(|prefix| keys::deletions(prefix).into_iter().map(|variant| (variant, prefix.clone())))
            .collect()
    }

    /// The next rows; `None` when today has been told.
    pub fn next_batch(&mut self) -> Option<Batch> {
        let mut batch = Batch::default();
        while self.day <= self.today && batch.size() < BATCH_BYTES {
            if self.arrivals.last().is_some_and(|arrival| *arrival <= self.day) {
                self.arrivals.pop();
                self.register(&mut batch);
                continue;
            }
            if self.demo.days > 0 {
                self.tell_day(&mut batch);
            }
            self.day = self.day.succ_opt()?;
        }
        (batch.rows > 0).then_some(batch)
    }

    /// An instant of the day, at so many minutes after local midnight; never after now.
    fn at(&mut self, minutes: i64) -> DateTime<Utc> {
        let local = self.day.and_time(NaiveTime::MIN) + TimeDelta::minutes(minutes);
        let zone = self.house.calendar.zone;
        let at =
            zone.from_local_datetime(&local).earliest().map_or_else(|| local.and_utc(), |at| at.to_utc());
        let at = at + TimeDelta::milliseconds(self.dice.between(0, 59_999));
        at.min(self.demo.now)
    }

    fn register(&mut self, batch: &mut Batch) {
        let from_old_system = self.day == self.first_day();
        let minutes = if from_old_system { 6 * 60 } else { self.dice.between(8 * 60, 22 * 60) };
        let at = self.at(minutes);
        let person = self.people.draw(&mut self.dice);
        let id = self.dice.id(at);
        let number = member_number(&self.house.code, self.next_seq);
        self.next_seq += 1;
        self.write_member(batch, id, &number, &person, at);
        let pass = self.dice.id(at);
        let (pass_number, secret) = (self.dice.bytes::<8>(), self.dice.bytes::<32>());
        batch
            .row(Table::Passes)
            .id(pass)
            .raw(&pass_number)
            .id(id)
            .text("card")
            .raw(&secret)
            .at(at)
            .id(self.house.account);
        if from_old_system && self.dice.per_mille(100) {
            let code = format!("GYM-{number}");
            batch.row(Table::Aliases).text(code.as_str()).id(pass).at(at).id(self.house.account);
            batch
                .row(Table::SearchKeys)
                .id(id)
                .text(KeyKind::Card.as_str())
                .text(keys::card_key(&code).as_str());
        }
        let mut guest = Guest {
            id,
            pass,
            joins_on: self.day,
            // Once in two weeks to daily; twice a week is usual.
            visits_per_mille: 70
                + self.dice.below(220)
                + self.dice.below(220)
                + if self.dice.per_mille(80) { 300 } else { 0 },
            comes: match self.dice.below(100) {
                0..28 => Comes::Mornings,
                28..40 => Comes::Noons,
                _ => Comes::Evenings,
            },
            loyalty: 750 + self.dice.below(230),
            prefers_packs: self.dice.below(100) < u64::from(self.demo.pack_percent),
            entries: 0,
            held: None,
        };
        if !from_old_system {
            self.sell(batch, &mut guest, at);
        } else if self.dice.per_mille(850) {
            self.take_over(batch, &mut guest, at);
        }
        self.guests.push(guest);
    }

    fn first_day(&self) -> NaiveDate {
        self.today.checked_sub_days(Days::new(u64::from(self.demo.days))).unwrap_or(self.today)
    }

    fn write_member(
        &mut self,
        batch: &mut Batch,
        id: Uuid,
        number: &str,
        person: &Person,
        at: DateTime<Utc>,
    ) {
        let (full, native) = (person.name.full.as_str(), person.name.native.as_deref());
        if native.is_some() || full.chars().any(|letter| u32::from(letter) >= 0x600) {
            self.native_names += 1;
        }
        let dice = &mut self.dice;
        let goal = dice
            .per_mille(300)
            .then(|| *dice.pick(&["lose weight", "build muscle", "run 10 km", "back pain", "stay fit"]));
        let level = dice.per_mille(500).then(|| *dice.pick(&["beginner", "intermediate", "advanced"]));
        let tags: &[&str] = if dice.per_mille(60) {
            &["student"]
        } else if dice.per_mille(30) {
            &["corporate"]
        } else {
            &[]
        };
        let consent = *dice.pick(&[
            "{}",
            r#"{"email": true, "sms": true}"#,
            r#"{"sms": true, "whatsapp": true}"#,
            r#"{"email": false}"#,
        ]);
        batch
            .row(Table::Members)
            .id(id)
            .id(self.house.branch)
            .text(number)
            .text(full)
            .text(native)
            .text(person.phone.as_deref())
            .text(person.email.as_deref())
            .day(person.birth_date)
            .text(person.sex.as_str())
            .text(goal)
            .text(level)
            .texts(tags)
            .json(consent)
            .text(person.language)
            .at(at)
            .at(at);
        let searched = Searched {
            number,
            full_name: full,
            native_name: native,
            phone: person.phone.as_deref(),
            email: person.email.as_deref(),
        };
        for (kind, key) in keys::member_keys(searched) {
            batch.row(Table::SearchKeys).id(id).text(kind.as_str()).text(key.as_str());
            if kind == KeyKind::Name
                && let Some(word) = key.split(' ').next()
                && !self.words.contains(word)
            {
                self.words.insert(word.to_owned());
            }
        }
        if dice.per_mille(15) {
            let (body, at_door) = *dice.pick(&[
                ("Locker key not returned yet.", "remind"),
                ("Ask for the medical certificate.", "remind"),
                ("Prefers to be called in the afternoon.", "none"),
                ("Manager wants a word before the next visit.", "block"),
            ]);
            let note = dice.id(at);
            batch.row(Table::Notes).id(note).id(id).text(body).text(at_door).at(at).id(self.house.account);
        }
        if dice.per_mille(150) {
            let height = dice.between(1_500, 1_950);
            let weight = dice.between(48, 118) * 1_000;
            for (kind, value) in [("height", height), ("weight", weight)] {
                let measurement = dice.id(at);
                batch
                    .row(Table::Measurements)
                    .id(measurement)
                    .id(id)
                    .text(kind)
                    .bigint(value)
                    .day(self.day)
                    .at(at)
                    .id(self.house.account);
            }
        }
    }

    fn choose_plan(&mut self, guest: &Guest) -> usize {
        let fits = |at: usize| {
            at != TRAINING
                && OFFERS[at].visits.is_some() == guest.prefers_packs
                && (at != OFF_PEAK || !matches!(guest.comes, Comes::Evenings))
        };
        let total: u64 = (0..OFFERS.len()).filter(|at| fits(*at)).map(|at| OFFERS[at].weight).sum();
        let mut drawn = self.dice.below(total);
        (0..OFFERS.len())
            .filter(|at| fits(*at))
            .find(|at| {
                let found = drawn < OFFERS[*at].weight;
                drawn = drawn.saturating_sub(OFFERS[*at].weight);
                found
            })
            .unwrap_or(0)
    }

    fn end(plan: usize, starts_on: NaiveDate, anchor_day: u32) -> NaiveDate {
        let count = u32::try_from(OFFERS[plan].count).unwrap_or(1);
        let duration =
            if OFFERS[plan].unit == "months" { Duration::Months(count) } else { Duration::Days(count) };
        end_day(starts_on, duration, anchor_day).unwrap_or(starts_on)
    }

    fn write_subscription(
        &mut self,
        batch: &mut Batch,
        guest: &Guest,
        plan: usize,
        starts_on: NaiveDate,
        at: DateTime<Utc>,
    ) -> Uuid {
        let id = self.dice.id(at);
        let offer = &OFFERS[plan];
        batch
            .row(Table::Subscriptions)
            .id(id)
            .id(self.house.branch)
            .id(guest.id)
            .id(self.house.plans[plan])
            .text(offer.name)
            .text(offer.kind)
            .text(offer.unit)
            .int(offer.count)
            .int(offer.visits)
            .text("per_day")
            .json(offer.windows)
            .text("home")
            .int(offer.freeze_days)
            .int(i32::from(offer.freeze_days > 0))
            .smallint(i16::try_from(starts_on.day()).unwrap_or(1))
            .at(at);
        id
    }

    /// Brings over what runs in the old system: no charge.
    fn take_over(&mut self, batch: &mut Batch, guest: &mut Guest, at: DateTime<Utc>) {
        let plan = self.choose_plan(guest);
        let whole = (Self::end(plan, self.day, self.day.day()) - self.day).num_days();
        let ago = u64::try_from(self.dice.between(0, whole)).unwrap_or(0);
        let starts_on = self.day.checked_sub_days(Days::new(ago)).unwrap_or(self.day);
        let ends_on = Self::end(plan, starts_on, starts_on.day());
        let visits_left =
            OFFERS[plan].visits.map(|all| i32::try_from(self.dice.between(1, i64::from(all))).unwrap_or(all));
        let id = self.write_subscription(batch, guest, plan, starts_on, at);
        guest.held = Some(Held {
            id,
            plan,
            anchor_day: starts_on.day(),
            events: 0,
            starts_on,
            ends_on,
            visits_left,
            visits_used: 0,
            decided: false,
            next: None,
        });
        let transaction = Some(self.write_transaction(batch, "take_over", at, &[]));
        self.write_event(
            batch,
            guest,
            Sold { kind: "taken_over", starts_on, ends_on, visits: visits_left, transaction },
            at,
        );
    }

    /// A new subscription from today.
    fn sell(&mut self, batch: &mut Batch, guest: &mut Guest, at: DateTime<Utc>) {
        let plan = self.choose_plan(guest);
        let starts_on = self.day;
        let ends_on = Self::end(plan, starts_on, starts_on.day());
        let visits = OFFERS[plan].visits;
        let id = self.write_subscription(batch, guest, plan, starts_on, at);
        guest.held = Some(Held {
            id,
            plan,
            anchor_day: starts_on.day(),
            events: 0,
            starts_on,
            ends_on,
            visits_left: visits,
            visits_used: 0,
            decided: false,
            next: None,
        });
        let transaction = self.write_payment(batch, guest.id, id, plan, "sale", at);
        self.write_event(
            batch,
            guest,
            Sold { kind: "sold", starts_on, ends_on, visits, transaction: Some(transaction) },
            at,
        );
    }

    /// The next period of a subscription without visits: from the day after its end while it runs.
    fn renew(&mut self, batch: &mut Batch, guest: &mut Guest, at: DateTime<Utc>) {
        let Some(held) = guest.held.as_mut() else { return };
        let runs = self.day <= held.ends_on;
        let starts_on = if runs { held.ends_on.succ_opt().unwrap_or(self.day) } else { self.day };
        if !runs {
            held.anchor_day = starts_on.day();
        }
        let ends_on = Self::end(held.plan, starts_on, held.anchor_day);
        if runs {
            held.next = Some((starts_on, ends_on));
        } else {
            (held.starts_on, held.ends_on, held.decided) = (starts_on, ends_on, false);
        }
        let (id, plan) = (held.id, held.plan);
        let transaction = self.write_payment(batch, guest.id, id, plan, "renewal", at);
        let sold = Sold { kind: "renewed", starts_on, ends_on, visits: None, transaction: Some(transaction) };
        self.write_event(batch, guest, sold, at);
    }

    fn write_event(&mut self, batch: &mut Batch, guest: &mut Guest, sold: Sold, at: DateTime<Utc>) {
        let Some(held) = guest.held.as_mut() else { return };
        held.events += 1;
        let id = self.dice.id(at);
        batch
            .row(Table::Events)
            .id(id)
            .id(self.house.branch)
            .id(held.id)
            .int(held.events)
            .text(sold.kind)
            .at(at)
            .day(self.day)
            .day(sold.starts_on)
            .day(sold.ends_on)
            .int(sold.visits)
            .id(self.house.account)
            .id(sold.transaction);
    }

    /// A transaction with its entries; debits positive.
    fn write_transaction(
        &mut self,
        batch: &mut Batch,
        kind: &str,
        at: DateTime<Utc>,
        entries: &[(&str, Option<Uuid>, i64)],
    ) -> Uuid {
        let (id, key) = (self.dice.id(at), self.dice.id(at));
        let currency = self.house.currency.as_str();
        let mut ids: Vec<Uuid> = entries.iter().map(|_| self.dice.id(at)).collect();
        ids.sort_unstable();
        let mut text = canonical_header(TransactionId(id), kind, at, self.day, None);
        for ((account, who, amount), entry) in entries.iter().zip(ids) {
            canonical_entry(&mut text, account, *who, *amount, currency);
            batch
                .row(Table::LedgerEntries)
                .id(entry)
                .id(id)
                .text(*account)
                .id(*who)
                .bigint(*amount)
                .text(currency);
        }
        batch
            .row(Table::Transactions)
            .id(id)
            .id(self.house.branch)
            .text(kind)
            .at(at)
            .day(self.day)
            .id(key)
            .id(self.house.account)
            .id(self.house.desk)
            .raw(Sha256::digest(text).as_slice());
        id
    }

    /// Charge and payment in one ledger transaction, as a sale at the desk writes them.
    fn write_payment(
        &mut self,
        batch: &mut Batch,
        member: Uuid,
        subscription: Uuid,
        plan: usize,
        kind: &str,
        at: DateTime<Utc>,
    ) -> Uuid {
        let amount = price(OFFERS[plan].pounds, &self.house.currency);
        let cash = self.dice.per_mille(550);
        let method = if cash { "cash" } else { "card_terminal" };
        let transaction = self.write_transaction(
            batch,
            kind,
            at,
            &[
                ("receivable", Some(member), amount),
                ("revenue", None, -amount),
                (method, None, amount),
                ("receivable", Some(member), -amount),
            ],
        );
        let dice = &mut self.dice;
        let currency = self.house.currency.as_str();
        let (charge, payment, allocation) = (dice.id(at), dice.id(at), dice.id(at));
        batch
            .row(Table::Charges)
            .id(charge)
            .id(transaction)
            .id(member)
            .id(member)
            .id(subscription)
            .text(OFFERS[plan].name)
            .bigint(amount)
            .bigint(amount)
            .text(currency)
            .day(self.day);
        let reference = (!cash).then(|| format!("{:06}", dice.below(1_000_000)));
        batch
            .row(Table::Payments)
            .id(payment)
            .id(transaction)
            .id(member)
            .text(method)
            .bigint(amount)
            .text(currency)
            .bigint(cash.then_some(amount))
            .text(reference.as_deref());
        batch.row(Table::Allocations).id(allocation).id(transaction).id(payment).id(charge).bigint(amount);
        transaction
    }

    fn tell_day(&mut self, batch: &mut Batch) {
        let mut guests = std::mem::take(&mut self.guests);
        let mut comings: Vec<(i64, usize)> = Vec::new();
        let busy = busyness(self.day);
        for (at, guest) in guests.iter_mut().enumerate() {
            if let Some(minutes) = self.plan_day(batch, guest, busy) {
                comings.push((minutes, at));
            }
        }
        comings.sort_unstable();
        for (minutes, at) in comings {
            let at_door = self.at(minutes);
            // What is still to come today has not happened.
            if at_door < self.demo.now && self.house.calendar.business_day(at_door) == self.day {
                self.visit(batch, &mut guests[at], at_door);
            }
        }
        self.guests = guests;
    }

    /// Renewals, and whether the guest comes today: at how many minutes after midnight.
    fn plan_day(&mut self, batch: &mut Batch, guest: &mut Guest, busy: u64) -> Option<i64> {
        let held = guest.held.as_mut()?;
        if let Some((starts_on, ends_on)) = held.next
            && starts_on <= self.day
        {
            (held.starts_on, held.ends_on, held.next, held.decided) = (starts_on, ends_on, None, false);
        }
        let is_over = held.ends_on < self.day || held.visits_left == Some(0);
        if is_over {
            // Most lapse for some weeks, and come back.
            if self.dice.per_mille(35) {
                let minutes = self.minutes(guest.comes);
                // The desk is told first that it ended, and sells then.
                let at = self.at(minutes);
                if at < self.demo.now {
                    self.refuse(batch, guest, at - TimeDelta::minutes(2));
                    self.sell_again(batch, guest, at - TimeDelta::minutes(1));
                    return Some(minutes);
                }
            }
            return None;
        }
        let last_days = (held.ends_on - self.day).num_days() <= 3;
        if last_days && !held.decided && held.next.is_none() && held.visits_left.is_none() {
            held.decided = true;
            if self.dice.per_mille(guest.loyalty) {
                let minutes = self.minutes(guest.comes);
                let at = self.at(minutes - 5);
                if at < self.demo.now {
                    self.renew(batch, guest, at);
                }
            }
        }
        let newcomer = (self.day - guest.joins_on).num_days() < 45;
        let chance = guest.visits_per_mille * busy / 100 * if newcomer { 12 } else { 10 } / 10;
        self.dice.per_mille(chance).then(|| self.minutes(guest.comes))
    }

    fn sell_again(&mut self, batch: &mut Batch, guest: &mut Guest, at: DateTime<Utc>) {
        let keeps = guest.held.as_ref().is_some_and(|held| held.visits_left.is_none());
        if keeps && self.dice.per_mille(700) {
            self.renew(batch, guest, at);
        } else {
            self.sell(batch, guest, at);
        }
    }

    fn minutes(&mut self, comes: Comes) -> i64 {
        let hill = |dice: &mut Dice, middle: i64, width: i64| {
            middle + dice.between(-width, width) + dice.between(-width, width)
        };
        match comes {
            Comes::Mornings => hill(&mut self.dice, 8 * 60 + 15, 60),
            Comes::Noons => hill(&mut self.dice, 13 * 60, 60),
            Comes::Evenings => hill(&mut self.dice, 18 * 60 + 50, 85),
        }
    }

    fn source(&mut self) -> &'static str {
        match self.dice.below(100) {
            0..86 => "webcam",
            86..92 => "wedge",
            92..96 => "typed",
            _ => "search",
        }
    }

    fn visit(&mut self, batch: &mut Batch, guest: &mut Guest, at: DateTime<Utc>) {
        let Some(held) = guest.held.as_mut() else { return };
        guest.entries += 1;
        self.visits += 1;
        let subscription = held.id;
        let visit_no = held.visits_left.as_mut().map(|left| {
            *left -= 1;
            held.visits_used += 1;
            held.visits_used
        });
        let entries = guest.entries;
        let (scan, entry) = (self.dice.id(at), self.dice.id(at));
        let source = self.source();
        let pass = matches!(source, "webcam" | "wedge").then_some(guest.pass);
        self.write_scan(batch, scan, source, at, pass, guest.id, Some(entry), "[]");
        batch
            .row(Table::Entries)
            .id(entry)
            .id(self.house.branch)
            .id(guest.id)
            .int(entries)
            .id(scan)
            .id(self.house.desk)
            .id(self.house.account)
            .at(at)
            .day(self.day)
            .id(subscription);
        if let Some(visit_no) = visit_no {
            let id = self.dice.id(at);
            batch
                .row(Table::VisitUses)
                .id(id)
                .id(self.house.branch)
                .id(subscription)
                .int(visit_no)
                .id(entry)
                .day(self.day);
        }
        let leaves = at + TimeDelta::seconds(self.dice.between(35 * 60, 125 * 60));
        if self.dice.per_mille(600) && leaves < self.demo.now {
            batch
                .row(Table::Exits)
                .id(entry)
                .id(self.house.branch)
                .at(leaves)
                .id(self.house.desk)
                .id(self.house.account);
        }
    }

    fn refuse(&mut self, batch: &mut Batch, guest: &Guest, at: DateTime<Utc>) {
        let Some(held) = &guest.held else { return };
        let reasons = if held.ends_on < self.day {
            format!(r#"[{{"kind": "expired", "ended_on": "{}"}}]"#, held.ends_on)
        } else {
            r#"[{"kind": "no_visits_left"}]"#.to_owned()
        };
        let scan = self.dice.id(at);
        self.write_scan(batch, scan, "webcam", at, Some(guest.pass), guest.id, None, &reasons);
    }

    #[expect(clippy::too_many_arguments, reason = "one for each column that differs between scans")]
    fn write_scan(
        &self,
        batch: &mut Batch,
        scan: Uuid,
        source: &str,
        at: DateTime<Utc>,
        pass: Option<Uuid>,
        member: Uuid,
        entry: Option<Uuid>,
        reasons: &str,
    ) {
        batch
            .row(Table::Scans)
            .id(scan)
            .id(self.house.branch)
            .id(self.house.desk)
            .id(self.house.account)
            .text(source)
            .at(at)
            .day(self.day)
            .id(pass)
            .id(member)
            .null()
            .text(if entry.is_some() { "admitted" } else { "refused" })
            .json(reasons)
            .id(entry);
    }
}

/// A period granted.
struct Sold {
    kind: &'static str,
    starts_on: NaiveDate,
    ends_on: NaiveDate,
    visits: Option<i32>,
    transaction: Option<Uuid>,
}

/// How full the gym is on a day, in percent of usual: Fridays are quiet, January is not.
fn busyness(day: NaiveDate) -> u64 {
    let weekday = match day.weekday() {
        Weekday::Sun | Weekday::Mon => 118,
        Weekday::Tue | Weekday::Wed => 110,
        Weekday::Thu => 92,
        Weekday::Fri => 60,
        Weekday::Sat => 102,
    };
    let season = match day.month() {
        1 => 120,
        2 | 3 | 9 | 10 => 105,
        7 => 92,
        8 => 84,
        12 => 90,
        _ => 100,
    };
    weekday * season / 100
}
