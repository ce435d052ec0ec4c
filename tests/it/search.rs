//! Search as the desk types it, and against a full scan.
use gatehouse_core::clock::Clock;
use gatehouse_core::demo::{self, Demo};
use gatehouse_core::error::Error;
use gatehouse_core::ids::MemberId;
use gatehouse_core::members::keys::typos_in_prefix;
use gatehouse_core::members::wire::{MemberForm, MemberHit, RegisterMember, SearchMembers, UpdateMember};
use gatehouse_core::members::{fold, search, service};
use gatehouse_core::passes::service as passes;
use gatehouse_core::passes::wire::{AddAlias, RemoveAlias};
use gatehouse_testkit::TestGym;
use std::collections::HashSet;

struct Person(&'static str, Option<&'static str>, Option<&'static str>, Option<&'static str>);

const PEOPLE: [Person; 8] = [
    Person("Mohamed Ali Hassan", Some("محمد علي حسن"), Some("01001234567"), Some("mo.hassan@example.com")),
    Person("Mona Adel", Some("منى عادل"), Some("01112223344"), None),
    Person("Abd El Rahman Fathy", Some("عبد الرحمن فتحي"), None, None),
    Person("José Müller", None, Some("+4915112345678"), Some("jose@example.org")),
    Person("Siobhan O'Brien", None, None, None),
    Person("فاطمة الزهراء إبراهيم", None, Some("01298765432"), None),
    Person("Mohan Sharma", Some("मोहन शर्मा"), Some("+919876543210"), None),
    Person("Hassan Mohamed", None, None, None),
];

async fn small_gym() -> TestGym {
    let gym = TestGym::new().await;
    for Person(full_name, native, phone, email) in PEOPLE {
        let form = MemberForm {
            full_name: full_name.into(),
            native_name: native.map(str::to_owned),
            phone: phone.map(str::to_owned),
            email: email.map(str::to_owned),
            ..MemberForm::default()
        };
        let id = MemberId::new(gym.clock.now());
        service::register(&gym.services, &gym.reception, RegisterMember { id, form })
            .await
            .expect("registered");
    }
    gym
}

async fn hits(gym: &TestGym, query: &str) -> Vec<MemberHit> {
    let request = SearchMembers { query: query.into(), limit: None };
    search::search(&gym.services, &gym.reception, request).await.expect("an answer").rows
}

#[tokio::test]
async fn people_are_found_however_they_are_typed() {
    let gym = small_gym().await;
    let siobhan = hits(&gym, "siobhan").await[0].clone();
    let alias = AddAlias { member_id: siobhan.id, code: "GYM-123".into() };
    passes::add_alias(&gym.services, &gym.reception, alias).await.expect("registered");
    for (query, first) in [
        ("mo", "Hassan Mohamed"),
        ("mona", "Mona Adel"),
        ("MONA ad", "Mona Adel"),
        ("adel mona", "Mona Adel"),
        ("منى", "Mona Adel"),
        ("مني", "Mona Adel"),
        ("mohamed ali", "Mohamed Ali Hassan"),
        ("hassan", "Hassan Mohamed"),
        ("hassan ali", "Mohamed Ali Hassan"),
        ("حسن مح", "Mohamed Ali Hassan"),
        ("عبدالرحمن", "Abd El Rahman Fathy"),
        ("عبد الرح", "Abd El Rahman Fathy"),
        ("rahman", "Abd El Rahman Fathy"),
        ("abdelrah", "Abd El Rahman Fathy"),
        ("jose mul", "José Müller"),
        ("obrien", "Siobhan O'Brien"),
        ("o'brien", "Siobhan O'Brien"),
        ("فاطمه الزهرا", "فاطمة الزهراء إبراهيم"),
        ("ابراهيم", "فاطمة الزهراء إبراهيم"),
        ("मोहन", "Mohan Sharma"),
        ("4567", "Mohamed Ali Hassan"),
        ("٤٥٦٧", "Mohamed Ali Hassan"),
        ("01001234567", "Mohamed Ali Hassan"),
        ("+20 100 123 4567", "Mohamed Ali Hassan"),
        ("678", "José Müller"),
        ("jose@ex", "José Müller"),
        ("mo.hassan@", "Mohamed Ali Hassan"),
        ("gym-123", "Siobhan O'Brien"),
        ("GYM-1", "Siobhan O'Brien"),
    ] {
        let found = hits(&gym, query).await;
        assert!(!found.is_empty(), "{query} finds nobody");
        if query == "mo" {
            assert_eq!(found.len(), 4, "{query}");
        } else {
            assert_eq!(found[0].full_name, first, "{query}");
        }
        assert!(!found[0].fuzzy, "{query}");
    }
    assert_eq!(hits(&gym, &siobhan.number).await[0].id, siobhan.id);
    passes::remove_alias(&gym.services, &gym.reception, RemoveAlias { code: "GYM-123".into() })
        .await
        .expect("removed");
    assert!(hits(&gym, "gym-123").await.is_empty());
}

#[tokio::test]
async fn a_typo_is_forgiven_from_four_characters() {
    let gym = small_gym().await;
    for (query, name) in [
        ("mhoan", "Mohan Sharma"),
        ("sharna", "Mohan Sharma"),
        ("sioban", "Siobhan O'Brien"),
        ("muler", "José Müller"),
        ("mohamed hasan", "Mohamed Ali Hassan"),
        ("mohamd hassan", "Mohamed Ali Hassan"),
        ("fathi", "Abd El Rahman Fathy"),
        ("فاظمة", "فاطمة الزهراء إبراهيم"),
        ("शर्म", "Mohan Sharma"),
    ] {
        let found = hits(&gym, query).await;
        assert!(found.iter().any(|hit| hit.full_name == name), "{query} finds {found:?}");
    }
    assert!(hits(&gym, "mhoan").await[0].fuzzy);
    assert!(hits(&gym, "mnx").await.is_empty());
    assert!(hits(&gym, "xyzzyx").await.is_empty());
}

#[tokio::test]
async fn a_typo_late_in_a_long_name_is_forgiven_beside_many_namesakes() {
    let gym = TestGym::new().await;
    let register = async |full_name: String| {
        let id = MemberId::new(gym.clock.now());
        let form = MemberForm { full_name, ..MemberForm::default() };
        service::register(&gym.services, &gym.reception, RegisterMember { id, form })
            .await
            .expect("registered");
    };
    // More than a list holds, and all of them before those who are meant.
    for number in 0..50 {
        register(format!("Abdelrahim Fathy{number}")).await;
    }
    for name in ["Abdelrahman Said", "عبدالرحيمان سعيد", "Abdelrahmeen"] {
        register(name.into()).await;
    }
    for (query, name) in [
        ("abdelrahmna", "Abdelrahman Said"),
        ("abdelrahmn", "Abdelrahman Said"),
        ("abdelrahhman", "Abdelrahman Said"),
        ("abdelrahmxn", "Abdelrahman Said"),
        ("abdelrahmeem", "Abdelrahmeen"),
        ("adbelrahman", "Abdelrahman Said"),
        ("said abdelrahmna", "Abdelrahman Said"),
        ("عبدالرحيمن", "عبدالرحيمان سعيد"),
    ] {
        let found = hits(&gym, query).await;
        assert!(found.iter().any(|hit| hit.full_name == name), "{query} finds {found:?}");
    }
    // Two typos are two too many.
    assert!(hits(&gym, "abdelxahmxn").await.is_empty());
}

#[tokio::test]
async fn odd_queries_find_nobody_and_break_nothing() {
    let gym = small_gym().await;
    for query in [
        "",
        " ",
        "m",
        "%",
        "__",
        "'; drop table members; --",
        "\u{0}\u{0}",
        "\\",
        "مـ",
        "😀😀",
        "a b c d e f g h i j k l m n",
    ] {
        assert!(hits(&gym, query).await.is_empty(), "{query}");
    }
    let long = SearchMembers { query: "x".repeat(10_000), limit: None };
    let error = search::search(&gym.services, &gym.reception, long).await.expect_err("refused");
    assert!(matches!(error, Error::Invalid { field: "query", code: "too_long", .. }));
}

#[tokio::test]
async fn an_edited_member_is_found_by_the_new_name_only() {
    let gym = small_gym().await;
    let mona = hits(&gym, "mona adel").await[0].clone();
    let form = MemberForm { full_name: "Mariam Adel".into(), ..MemberForm::default() };
    service::update(&gym.services, &gym.reception, UpdateMember { id: mona.id, form, shown: None })
        .await
        .expect("edited");
    assert!(hits(&gym, "3344").await.is_empty());
    assert!(hits(&gym, "mona").await.iter().all(|hit| hit.id != mona.id));
    assert_eq!(hits(&gym, "mariam").await[0].id, mona.id);
}

/// What a full scan finds: every typed word begins a word of one of the names, each another one.
fn scan_finds(names: &[String], query: &str, typos: bool) -> bool {
    let folded = fold::fold(query);
    names.iter().any(|name| {
        let mut words: Vec<&str> = fold::words(name);
        let mut left = usize::from(typos);
        fold::words(&folded).iter().all(|typed| {
            let best = words
                .iter()
                .enumerate()
                .filter_map(|(at, word)| typos_in_prefix(typed, word).map(|count| (count, at)))
                .filter(|(count, _)| *count <= left)
                .min();
            let Some((count, at)) = best else { return false };
            left -= count;
            words.remove(at);
            true
        })
    })
}

#[tokio::test]
async fn search_finds_what_a_full_scan_finds() {
    let gym = TestGym::new().await;
    let demo = Demo { members: 1_500, days: 0, seed: 5, pack_percent: 25, now: gym.clock.now() };
    demo::generate(&gym.services, &gym.db.owner_url, demo, |_| ()).await.expect("a demo");
    let rows: Vec<(MemberId, String, Option<String>)> =
        sqlx::query_as("select id, full_name, native_name from members order by number")
            .fetch_all(&gym.db.owner)
            .await
            .expect("rows");
    let folded: Vec<(MemberId, Vec<String>)> = rows
        .iter()
        .map(|(id, full, native)| {
            (*id, std::iter::once(full).chain(native).map(|name| fold::fold(name)).collect())
        })
        .collect();
    let limit = 20;
    let (mut expected, mut met) = (0, 0);
    for (at, (_, full, native)) in rows.iter().enumerate().step_by(61) {
        let name = if at % 2 == 0 { native.as_ref().unwrap_or(full) } else { full };
        let words: Vec<&str> = name.split(' ').collect();
        let start = |word: &str, letters: usize| word.chars().take(letters).collect::<String>();
        let swapped = |word: &str| {
            let mut letters: Vec<char> = word.chars().collect();
            if letters.len() > 3 {
                letters.swap(1, 2);
            }
            letters.into_iter().collect::<String>()
        };
        let last = words[words.len() - 1];
        for (query, typos) in [
            (start(words[0], 2), false),
            (start(last, 3), false),
            (format!("{} {}", words[0], start(last, 2)), false),
            (format!("{} {}", last, start(words[0], 3)), false),
            (swapped(last), true),
            (format!("{} {}", words[0], swapped(last)), true),
        ] {
            if fold::fold(&query).chars().count() < if typos { 4 } else { 2 } {
                continue;
            }
            let found: HashSet<MemberId> = hits(&gym, &query).await.into_iter().map(|hit| hit.id).collect();
            let scanned: HashSet<MemberId> = folded
                .iter()
                .filter(|(_, names)| scan_finds(names, &query, typos))
                .map(|(id, _)| *id)
                .collect();
            let wanted = scanned.len().min(limit);
            let got = found.intersection(&scanned).count().min(wanted);
            expected += wanted;
            met += got;
        }
    }
    assert!(expected > 500, "{expected}");
    assert!(met * 1_000 >= expected * 995, "{met} of {expected}");
}
