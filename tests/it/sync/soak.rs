//! Whole runs of the soak of branches, small: twenty seeds of three hundred operations, a test each, so that none is long.
use gatehouse_pg::Durability;
use gatehouse_testkit::soak::branches::{Mould, Plan, run};

/// Of a run: a third at each branch.
const OPS: u64 = 300;

async fn nothing_is_lost_or_doubled(seed: u64) {
    let durability = Durability::OffForTests;
    let mould = Mould::make(durability).await.expect("a server");
    let plan = Plan { seed, ops: OPS / 3, durability, relay: env!("CARGO_BIN_EXE_gatehouse-soak").into() };
    let report = run(&plan, &mould).await.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    eprintln!("{report:?}");
    assert!(report.is_clean(), "{report:?}");
    assert!(report.killed.restored == 2 && report.killed.headquarters > 0, "{report:?}");
    assert!(report.rounds_cut > 0 && report.events > 500, "{report:?}");
}

macro_rules! seeds {
    ($($name:ident $seed:literal)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            nothing_is_lost_or_doubled($seed).await;
        }
    )*};
}

seeds! {
    nothing_is_lost_or_doubled_by_seed_1 1
    nothing_is_lost_or_doubled_by_seed_2 2
    nothing_is_lost_or_doubled_by_seed_3 3
    nothing_is_lost_or_doubled_by_seed_4 4
    nothing_is_lost_or_doubled_by_seed_5 5
    nothing_is_lost_or_doubled_by_seed_6 6
    nothing_is_lost_or_doubled_by_seed_7 7
    nothing_is_lost_or_doubled_by_seed_8 8
    nothing_is_lost_or_doubled_by_seed_9 9
    nothing_is_lost_or_doubled_by_seed_10 10
    nothing_is_lost_or_doubled_by_seed_11 11
    nothing_is_lost_or_doubled_by_seed_12 12
    nothing_is_lost_or_doubled_by_seed_13 13
    nothing_is_lost_or_doubled_by_seed_14 14
    nothing_is_lost_or_doubled_by_seed_15 15
    nothing_is_lost_or_doubled_by_seed_16 16
    nothing_is_lost_or_doubled_by_seed_17 17
    nothing_is_lost_or_doubled_by_seed_18 18
    nothing_is_lost_or_doubled_by_seed_19 19
    nothing_is_lost_or_doubled_by_seed_20 20
}
