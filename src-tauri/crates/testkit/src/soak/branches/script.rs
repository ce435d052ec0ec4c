//! What a run does, all of it drawn from the seed before anything happens: the operations of every branch and of
//! headquarters, and the faults between them. The lines' weather ([`super::line`]) is drawn from the same seed.
use super::line::Weather;
use chrono::{DateTime, TimeDelta, Utc};
use gatehouse_core::demo::dice::Dice;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// Branches of a run.
pub const BRANCHES: usize = 3;
/// Members that headquarters has before anybody joins.
pub const POOL: usize = 40;
/// Of them, those whom everybody edits.
const FAMOUS: usize = 4;
/// Branches' operations for each one of headquarters.
const HQ_EVERY: u64 = 12;
/// Headquarters' operations for each one of them that is another price.
const PRICE_IN: u64 = 4;
/// What an operation takes by the gym's clock: members come back, days turn.
pub const STEP: TimeDelta = TimeDelta::minutes(7);
/// How far a clock may be off.
const SKEW: i64 = 600;
/// Weather is drawn as lines are opened; so many of each branch are in the digest.
const LINES_DIGESTED: u64 = 200;

/// When every run begins.
pub fn base() -> DateTime<Utc> {
    DateTime::from_timestamp(1_773_216_000, 0).unwrap_or_default()
}

/// What somebody does. Amounts, ways of paying and the like follow from the operation's roll.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    Register,
    Edit,
    Sell,
    Renew,
    Pay,
    Refund,
    Void,
    Freeze,
    Gift,
    CheckIn,
    Expense,
    /// Headquarters alone.
    Price,
}

/// Of a hundred operations.
const MIX: [(What, u64); 11] = [
    (What::CheckIn, 30),
    (What::Sell, 18),
    (What::Edit, 12),
    (What::Register, 8),
    (What::Pay, 8),
    (What::Renew, 6),
    (What::Refund, 5),
    (What::Void, 4),
    (What::Freeze, 3),
    (What::Gift, 3),
    (What::Expense, 3),
];

/// One operation.
#[derive(Clone, Debug, Serialize)]
pub struct Op {
    pub what: What,
    /// Whom it is about; of a registration, the new one.
    pub member: Uuid,
    /// Of the request: its idempotency key, its scan, its bill.
    pub id: Uuid,
    pub roll: u64,
}

/// Something that goes wrong, or is done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum Injury {
    /// The branch's Postgres, so long after the operation began.
    KillBranch {
        after_us: u64,
    },
    /// Headquarters' Postgres; it stays away for a while.
    KillHq {
        away_ms: u64,
    },
    KillRelay {
        away_ms: u64,
    },
    /// The branch's clock jumps to so many seconds beside the true time.
    Clock {
        seconds_off: i64,
    },
    Backup,
    /// Everything at the branch goes back to its backup.
    Restore,
    BackupHq,
    RestoreHq,
}

/// Happens when the branch is about to do its operation of that number.
#[derive(Clone, Debug, Serialize)]
pub struct Fault {
    pub branch: usize,
    pub at: u64,
    #[serde(flatten)]
    pub injury: Injury,
}

/// A whole run.
#[derive(Clone, Debug)]
pub struct Script {
    pub seed: u64,
    /// Members that are there from the beginning.
    pub pool: Vec<Uuid>,
    /// Of each branch.
    pub ops: Vec<Vec<Op>>,
    /// Headquarters', each after so many of the first branch's.
    pub hq: Vec<Op>,
    pub faults: Vec<Fault>,
}

impl Script {
    /// `ops` for each branch.
    pub fn draw(seed: u64, ops: u64) -> Self {
        let mut dice = Dice::new(seed);
        let pool: Vec<_> = (0..POOL).map(|_| dice.id(base())).collect();
        Self::draw_with(seed, ops, &pool)
    }

    /// For members who are there already.
    pub fn draw_with(seed: u64, ops: u64, pool: &[Uuid]) -> Self {
        let mut dice = Dice::new(seed.wrapping_mul(0x9e37_79b9).wrapping_add(17));
        let pool = pool.to_vec();
        let mut registered: Vec<Vec<Uuid>> = vec![Vec::new(); BRANCHES];
        let mut all = vec![Vec::new(); BRANCHES];
        for _ in 0..ops {
            for branch in 0..BRANCHES {
                let what = mixed(&mut dice);
                let member = if what == What::Register {
                    dice.id(base())
                } else if what == What::Edit && dice.below(3) > 0 {
                    *dice.pick(&pool[..FAMOUS])
                } else {
                    somebody(&mut dice, &pool, &registered, branch)
                };
                all[branch].push(Op { what, member, id: dice.id(base()), roll: dice.roll() });
                if what == What::Register {
                    registered[branch].push(member);
                }
            }
        }
        let hq = (0..ops / HQ_EVERY)
            .map(|_| Op {
                what: if dice.below(PRICE_IN) == 0 { What::Price } else { What::Edit },
                member: *dice.pick(&pool),
                id: dice.id(base()),
                roll: dice.roll(),
            })
            .collect();
        let faults = faults(&mut dice, ops);
        Self { seed, pool, ops: all, hq, faults }
    }

    /// Headquarters' operation that is due after so many of the first branch's.
    pub fn hq_op(&self, branch: usize, at: u64) -> Option<&Op> {
        let due = branch == 0 && at % HQ_EVERY == HQ_EVERY - 1;
        self.hq.get(usize::try_from(at / HQ_EVERY).ok()?).filter(|_| due)
    }

    pub fn faults_at(&self, branch: usize, at: u64) -> impl Iterator<Item = Injury> {
        self.faults
            .iter()
            .filter(move |fault| fault.branch == branch && fault.at == at)
            .map(|fault| fault.injury)
    }

    /// Says whether two runs did the same.
    pub fn digest_of_operations(&self) -> String {
        digest(&(&self.pool, &self.ops, &self.hq))
    }

    /// Says whether two runs suffered the same: kills, clocks, backups and lines.
    pub fn digest_of_faults(&self) -> String {
        let lines: Vec<_> = (0..BRANCHES)
            .flat_map(|branch| (0..LINES_DIGESTED).map(move |line| (branch, line)))
            .map(|(branch, line)| Weather::draw(self.seed, branch, line))
            .collect();
        digest(&(&self.faults, lines))
    }
}

fn digest<T: Serialize>(what: &T) -> String {
    let text = serde_json::to_vec(what).unwrap_or_default();
    Sha256::digest(text)[..8].iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

fn mixed(dice: &mut Dice) -> What {
    let mut roll = dice.below(100);
    for (what, share) in MIX {
        if roll < share {
            return what;
        }
        roll -= share;
    }
    What::CheckIn
}

/// Mostly somebody everybody knows, so that branches meet over them; now and then a new one, perhaps another branch's.
fn somebody(dice: &mut Dice, pool: &[Uuid], registered: &[Vec<Uuid>], branch: usize) -> Uuid {
    let from = match dice.below(10) {
        0..=5 => pool,
        6..=8 => &registered[branch],
        _ => &registered[usize::try_from(dice.below(3)).unwrap_or(0) % BRANCHES],
    };
    *dice.pick(if from.is_empty() { pool } else { from })
}

/// Kills in proportion, two backups with their restores, two jumps of each clock.
fn faults(dice: &mut Dice, ops: u64) -> Vec<Fault> {
    let mut faults = Vec::new();
    let kills = (ops / 150).clamp(1, 30);
    for branch in 0..BRANCHES {
        let mut add = |at, injury| faults.push(Fault { branch, at, injury });
        let skew = |dice: &mut Dice| Injury::Clock { seconds_off: dice.between(-SKEW, SKEW) };
        add(0, skew(dice));
        add(dice.below(ops), skew(dice));
        for _ in 0..kills {
            add(dice.below(ops), Injury::KillBranch { after_us: dice.below(8_000) });
        }
        for _ in 0..kills * 2 {
            add(dice.below(ops), Injury::KillRelay { away_ms: dice.below(100) });
        }
    }
    for _ in 0..kills {
        let branch = usize::try_from(dice.below(3)).unwrap_or(0) % BRANCHES;
        faults.push(Fault {
            branch,
            at: dice.below(ops),
            injury: Injury::KillHq { away_ms: dice.below(200) },
        });
    }
    // One branch goes back, and headquarters; which first is as it comes.
    let branch = 1 + usize::try_from(dice.below(2)).unwrap_or(0) % (BRANCHES - 1);
    for (branch, backup, restore) in
        [(branch, Injury::Backup, Injury::Restore), (0, Injury::BackupHq, Injury::RestoreHq)]
    {
        let at = dice.below(ops / 2);
        faults.push(Fault { branch, at, injury: backup });
        faults.push(Fault { branch, at: at + 1 + dice.below(ops - at - 1), injury: restore });
    }
    faults
}
