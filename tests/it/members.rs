//! Members at the desk: registering, editing, notes, measurements, photos.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gatehouse_core::auth::model::Permission;
use gatehouse_core::clock::Clock;
use gatehouse_core::error::Error;
use gatehouse_core::ids::{FileId, MeasurementId, MemberId, NoteId};
use gatehouse_core::members::wire::{
    AddMeasurement, AddNote, AtDoor, BmiCategory, ChooseMember, GetPhoto, ListMembers, Member, MemberForm,
    RegisterMember, ResolveNote, SetPhoto, SuspendMember, UpdateMember,
};
use gatehouse_core::members::{measurements, notes, number, photo, service};
use gatehouse_testkit::{TestGym, without};

fn mona() -> MemberForm {
    MemberForm {
        full_name: "Mona Adel".into(),
        native_name: Some("منى عادل".into()),
        phone: Some("0100 123 4567".into()),
        email: Some("Mona@Example.com".into()),
        birth_date: Some("1996-03-12".parse().expect("a day")),
        ..MemberForm::default()
    }
}

async fn register(gym: &TestGym, form: MemberForm) -> Member {
    let id = MemberId::new(gym.clock.now());
    service::register(&gym.services, &gym.reception, RegisterMember { id, form }).await.expect("registered")
}

fn refused(error: Error) -> (&'static str, &'static str) {
    match error {
        Error::Invalid { field, code, .. } => (field, code),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_registered_member_has_a_number_with_a_check_digit() {
    let gym = TestGym::new().await;
    let first = register(&gym, mona()).await;
    let second = register(&gym, MemberForm { full_name: "Adel Samy".into(), ..MemberForm::default() }).await;
    assert_eq!(first.number, number::member_number("1", 1));
    assert_eq!(second.number, number::member_number("1", 2));
    assert_eq!(first.form.phone.as_deref(), Some("+201001234567"));
    assert_eq!(first.form.email.as_deref(), Some("mona@example.com"));
    // The day before her thirtieth birthday.
    assert_eq!(first.age, Some(29));
    assert_eq!(gym.count("select count(*) from audit_log where act = 'member.registered'").await, 2);
}

#[tokio::test]
async fn a_retry_registers_nobody_twice() {
    let gym = TestGym::new().await;
    let id = MemberId::new(gym.clock.now());
    let again = || service::register(&gym.services, &gym.reception, RegisterMember { id, form: mona() });
    let (one, other) = tokio::join!(again(), again());
    let third = again().await.expect("the first answer");
    assert_eq!(one.expect("registered").number, other.expect("registered").number);
    assert_eq!(third.id, id);
    assert_eq!(gym.count("select count(*) from members").await, 1);
    assert_eq!(gym.count("select count(*) from audit_log where act = 'member.registered'").await, 1);
}

#[tokio::test]
async fn numbers_have_no_gap_after_a_refused_registration() {
    let gym = TestGym::new().await;
    let bad = MemberForm { birth_date: Some("2190-01-01".parse().expect("a day")), ..mona() };
    let id = MemberId::new(gym.clock.now());
    let error = service::register(&gym.services, &gym.reception, RegisterMember { id, form: bad })
        .await
        .expect_err("refused");
    assert_eq!(refused(error), ("birth_date", "date_in_future"));
    assert_eq!(gym.count("select count(*) from members").await, 0);
    assert_eq!(register(&gym, mona()).await.number, number::member_number("1", 1));
}

#[tokio::test]
async fn sql_in_a_name_is_a_name() {
    let gym = TestGym::new().await;
    let name = "Robert'); drop table members; -- %_\\";
    let member = register(&gym, MemberForm { full_name: name.into(), ..MemberForm::default() }).await;
    let found = service::get(&gym.services, &gym.reception, ChooseMember { member_id: member.id })
        .await
        .expect("found");
    assert_eq!(found.form.full_name, name);
}

#[tokio::test]
async fn a_family_may_share_a_phone_and_is_told_so() {
    let gym = TestGym::new().await;
    let mona = register(&gym, mona()).await;
    let son = register(
        &gym,
        MemberForm { full_name: "Ziad".into(), phone: Some("+201001234567".into()), ..MemberForm::default() },
    )
    .await;
    assert_eq!(son.shares_contact_with.iter().map(|hit| hit.id).collect::<Vec<_>>(), [mona.id]);
}

#[tokio::test]
async fn an_edit_is_audited_with_before_and_after() {
    let gym = TestGym::new().await;
    let member = register(&gym, mona()).await;
    let form = MemberForm { full_name: "Mona Adel Hassan".into(), phone: None, ..mona() };
    let edited =
        service::update(&gym.services, &gym.reception, UpdateMember { id: member.id, form, shown: None })
            .await
            .expect("edited");
    assert_eq!((edited.number, edited.form.phone), (member.number, None));
    let changed =
        "select count(*) from audit_log where act = 'member.updated' and before->>'full_name' = 'Mona Adel'
                   and after->>'full_name' = 'Mona Adel Hassan'";
    assert_eq!(gym.count(changed).await, 1);
}

#[tokio::test]
async fn two_desks_with_one_form_open_take_back_nothing_of_each_other() {
    let gym = TestGym::new().await;
    let member = register(&gym, mona()).await;
    let shown = || Some(member.form.clone());
    let edit = async |actor, form| {
        let request = UpdateMember { id: member.id, form, shown: shown() };
        service::update(&gym.services, actor, request).await.expect("edited")
    };
    edit(&gym.reception, MemberForm { goal: Some("Swim".into()), ..member.form.clone() }).await;
    let second = MemberForm { notes: Some("Comes by bicycle".into()), ..member.form.clone() };
    let after = edit(&gym.second_reception, second).await;
    assert_eq!(
        (after.form.goal.as_deref(), after.form.notes.as_deref()),
        (Some("Swim"), Some("Comes by bicycle"))
    );
    // What was changed is in the audit, and what was not is not said to be.
    let change = "select count(*) from audit_log where act = 'member.updated' and before ->> 'goal' = 'Swim' and after ->> 'goal' = 'Swim'
                   and before ->> 'notes' is null and after ->> 'notes' = 'Comes by bicycle'";
    assert_eq!(gym.count(change).await, 1);
}

#[tokio::test]
async fn only_those_who_may_edit_members_do() {
    let gym = TestGym::new().await;
    let nobody = without(&gym.reception, &[Permission::EditMembers]);
    let request = RegisterMember { id: MemberId::new(gym.clock.now()), form: mona() };
    assert!(matches!(service::register(&gym.services, &nobody, request).await, Err(Error::Forbidden(_))));
    let member = register(&gym, mona()).await;
    let suspend = SuspendMember { member_id: member.id, suspended: true, reason: Some("debts".into()) };
    assert!(matches!(
        service::suspend(&gym.services, &gym.reception, suspend).await,
        Err(Error::Forbidden(_))
    ));
}

#[tokio::test]
async fn a_manager_suspends_a_member_and_lets_them_come_again() {
    let gym = TestGym::new().await;
    let member = register(&gym, mona()).await;
    for suspended in [true, true, false] {
        let request = SuspendMember { member_id: member.id, suspended, reason: None };
        let now = service::suspend(&gym.services, &gym.manager, request).await.expect("done");
        assert_eq!(now.suspended_at.is_some(), suspended);
    }
    assert_eq!(
        gym.count("select count(*) from audit_log where act like 'member.%' and act <> 'member.registered'")
            .await,
        2
    );
}

#[tokio::test]
async fn the_list_shows_the_newest_first() {
    let gym = TestGym::new().await;
    for name in ["Ali One", "Ali Two", "Ali Three"] {
        gym.clock.advance(chrono::TimeDelta::minutes(1));
        register(&gym, MemberForm { full_name: name.into(), ..MemberForm::default() }).await;
    }
    let page = |offset, limit, search: Option<&str>| {
        let request = ListMembers { search: search.map(str::to_owned), offset, limit: Some(limit) };
        service::list(&gym.services, &gym.reception, request)
    };
    let newest = page(0, 2, None).await.expect("a page");
    assert_eq!(
        newest.rows.iter().map(|row| row.full_name.as_str()).collect::<Vec<_>>(),
        ["Ali Three", "Ali Two"]
    );
    assert_eq!(newest.total, 3);
    let found = page(1, 2, Some("ali")).await.expect("a page");
    assert_eq!((found.rows.len(), found.total), (2, 3));
}

#[tokio::test]
async fn a_note_blocks_until_it_is_resolved() {
    let gym = TestGym::new().await;
    let member = register(&gym, mona()).await;
    let note = |id, at_door, body: &str| {
        notes::add(
            &gym.services,
            &gym.reception,
            AddNote { id, member_id: member.id, body: body.into(), at_door },
        )
    };
    let block = NoteId::new(gym.clock.now());
    note(NoteId::new(gym.clock.now()), AtDoor::None, "Likes rowing.").await.expect("noted");
    note(NoteId::new(gym.clock.now()), AtDoor::Remind, "Locker key.").await.expect("noted");
    note(block, AtDoor::Block, "Talk to the manager.").await.expect("noted");
    note(block, AtDoor::Block, "Sent twice.").await.expect("the first");
    let at_door = async || {
        let got = service::get(&gym.services, &gym.reception, ChooseMember { member_id: member.id })
            .await
            .expect("found");
        got.door_notes.into_iter().map(|note| note.body).collect::<Vec<_>>()
    };
    assert_eq!(at_door().await, ["Talk to the manager.", "Locker key."]);
    let resolved = notes::resolve(&gym.services, &gym.reception, ResolveNote { note_id: block })
        .await
        .expect("resolved");
    assert_eq!(resolved.resolved_at, Some(gym.clock.now()));
    assert_eq!(at_door().await, ["Locker key."]);
    let all = notes::list(&gym.services, &gym.reception, ChooseMember { member_id: member.id })
        .await
        .expect("a list");
    assert_eq!(all.rows.len(), 3);
    let empty = note(NoteId::new(gym.clock.now()), AtDoor::Remind, " \n").await.expect_err("refused");
    assert_eq!(refused(empty), ("body", "required"));
}

#[tokio::test]
async fn the_latest_weight_and_height_give_the_index() {
    let gym = TestGym::new().await;
    let member = register(&gym, mona()).await;
    let measure = |kind: &str, value, on: &str| {
        let id = MeasurementId::new(gym.clock.now());
        let measured_on = on.parse().expect("a day");
        measurements::add(
            &gym.services,
            &gym.reception,
            AddMeasurement { id, member_id: member.id, kind: kind.into(), value, measured_on },
        )
    };
    measure("height", 1_650, "2026-01-05").await.expect("measured");
    measure("weight", 68_000, "2026-03-10").await.expect("measured");
    // Entered later, measured earlier.
    measure("weight", 90_000, "2026-01-05").await.expect("measured");
    let got = service::get(&gym.services, &gym.reception, ChooseMember { member_id: member.id })
        .await
        .expect("found");
    let index = got.bmi.expect("an index");
    assert_eq!((index.tenths, index.category), (250, Some(BmiCategory::Overweight)));
    for (kind, value, on, field) in [
        ("weight", 0, "2026-03-10", "value"),
        ("height", 17_500, "2026-03-10", "value"),
        ("weight", 68_000, "2026-03-12", "measured_on"),
        (" ", 1, "2026-03-10", "kind"),
    ] {
        assert_eq!(refused(measure(kind, value, on).await.expect_err("refused")).0, field);
    }
}

#[tokio::test]
async fn a_photo_is_kept_out_of_reach_and_replaced_whole() {
    let gym = TestGym::new().await;
    let member = register(&gym, mona()).await;
    let picture = |colour: [u8; 3]| {
        let pixels = image::RgbImage::from_pixel(1_500, 900, image::Rgb(colour));
        let mut png = std::io::Cursor::new(Vec::new());
        pixels.write_to(&mut png, image::ImageFormat::Png).expect("a picture");
        STANDARD.encode(png.into_inner())
    };
    let set = |picture_base64| {
        photo::set(&gym.services, &gym.reception, SetPhoto { member_id: member.id, picture_base64 })
    };
    let files = || std::fs::read_dir(&gym.services.files).map_or(0, Iterator::count);

    let first = set(picture([200, 0, 0])).await.expect("stored").photo_file_id.expect("a photo");
    let second = set(picture([0, 0, 200])).await.expect("stored").photo_file_id.expect("a photo");
    assert_ne!(first, second);
    assert_eq!(files(), 1);
    assert_eq!(gym.count("select count(*) from files").await, 1);
    let get = |file_id, thumbnail| photo::get(&gym.services, &gym.reception, GetPhoto { file_id, thumbnail });
    for (thumbnail, size) in [(false, (1_024, 614)), (true, (160, 160))] {
        let shown = get(second, thumbnail).await.expect("a picture");
        let pixels =
            image::load_from_memory(&STANDARD.decode(shown.base64).expect("base64")).expect("a picture");
        assert_eq!((shown.mime.as_str(), (pixels.width(), pixels.height())), ("image/jpeg", size));
    }
    assert!(matches!(get(first, false).await, Err(Error::NotFound("file"))));

    for (bad, code) in [
        (STANDARD.encode("text named photo.png"), "picture_unreadable"),
        ("%%%".to_owned(), "picture_unreadable"),
        ("A".repeat(23_000_000), "file_too_large"),
    ] {
        assert_eq!(refused(set(bad).await.expect_err("refused")), ("picture_base64", code));
    }
    let unknown = SetPhoto { member_id: MemberId::new(gym.clock.now()), picture_base64: picture([0, 0, 0]) };
    assert!(matches!(
        photo::set(&gym.services, &gym.reception, unknown).await,
        Err(Error::NotFound("member"))
    ));
    assert_eq!(files(), 1, "a picture that no row speaks of is gone");
    assert!(matches!(get(FileId::new(gym.clock.now()), true).await, Err(Error::NotFound("file"))));
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_on_the_machine_reads_a_photo() {
    use std::os::unix::fs::PermissionsExt as _;
    let gym = TestGym::new().await;
    let member = register(&gym, mona()).await;
    let mut png = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(8, 8).write_to(&mut png, image::ImageFormat::Png).expect("a picture");
    let request = SetPhoto { member_id: member.id, picture_base64: STANDARD.encode(png.into_inner()) };
    photo::set(&gym.services, &gym.reception, request).await.expect("stored");
    let mode = |path: &std::path::Path| path.metadata().expect("a file").permissions().mode() & 0o777;
    assert_eq!(mode(&gym.services.files), 0o700);
    for file in std::fs::read_dir(&gym.services.files).expect("a folder") {
        assert_eq!(mode(&file.expect("a file").path()), 0o600);
    }
}
