//! Issuing, printing, replacing and revoking passes.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gatehouse_core::auth::model::Permission;
use gatehouse_core::clock::Clock;
use gatehouse_core::error::Error;
use gatehouse_core::ids::{MemberId, PassId};
use gatehouse_core::members::search;
use gatehouse_core::members::wire::{ChooseMember, SearchMembers};
use gatehouse_core::passes::payload::Payload;
use gatehouse_core::passes::print::print;
use gatehouse_core::passes::service::{add_alias, issue_card, list, remove_alias, revoke};
use gatehouse_core::passes::wire::{
    AddAlias, CardFormat, IssueCard, Pass, PassKind, PrintCard, RemoveAlias, RevokePass,
};
use gatehouse_scan::Cascade;
use gatehouse_scan::source::read_picture_file;
use gatehouse_testkit::{TestGym, without};
use std::path::Path;
use std::process::Command;

fn code(error: Error) -> String {
    error.to_wire().code
}

pub async fn card(gym: &TestGym, member_id: MemberId) -> Pass {
    let request = IssueCard { id: PassId::new(gym.clock.now()), member_id, replace: false };
    issue_card(&gym.services, &gym.reception, request).await.expect("a card")
}

/// The text inside the card's code, from what the database holds.
pub async fn payload(gym: &TestGym, pass: PassId) -> String {
    let (number, secret): (Vec<u8>, Vec<u8>) =
        sqlx::query_as("select pass_id, secret from passes where id = $1")
            .bind(pass)
            .fetch_one(&gym.db.owner)
            .await
            .expect("the pass");
    Payload::card(number.try_into().expect("8 bytes"), &secret.try_into().expect("32 bytes")).encode()
}

async fn passes(gym: &TestGym, member_id: MemberId) -> Vec<Pass> {
    list(&gym.services, &gym.reception, ChooseMember { member_id }).await.expect("passes").rows
}

async fn alias(gym: &TestGym, member_id: MemberId, code: &str) -> Result<Pass, Error> {
    add_alias(&gym.services, &gym.reception, AddAlias { member_id, code: code.to_owned() }).await
}

async fn document(gym: &TestGym, pass_ids: Vec<PassId>, format: CardFormat) -> Result<Vec<u8>, Error> {
    let document = print(&gym.services, &gym.reception, PrintCard { pass_ids, format }).await?;
    Ok(STANDARD.decode(document.base64).expect("base64"))
}

#[tokio::test]
async fn a_card_is_issued_once_however_often_it_is_asked_for() {
    let gym = TestGym::new().await;
    let member_id = gym.member("Mona Adel").await;
    let id = PassId::new(gym.clock.now());
    for _ in 0..2 {
        let request = IssueCard { id, member_id, replace: false };
        let pass = issue_card(&gym.services, &gym.reception, request).await.expect("a card");
        assert_eq!((pass.id, pass.kind, pass.revoked_at), (id, PassKind::Card, None));
    }
    assert_eq!(passes(&gym, member_id).await.len(), 1);
    assert_eq!(gym.count("select count(*) from audit_log where act = 'pass.issued'").await, 1);
    let other = gym.member("Omar Said").await;
    let stolen = IssueCard { id, member_id: other, replace: false };
    assert_eq!(code(issue_card(&gym.services, &gym.reception, stolen).await.unwrap_err()), "id_taken");
}

#[tokio::test]
async fn a_new_card_in_place_of_the_lost_one_takes_over_its_old_codes() {
    let gym = TestGym::new().await;
    let member_id = gym.member("Mona Adel").await;
    let lost = card(&gym, member_id).await;
    alias(&gym, member_id, "gym-123").await.expect("an alias");
    let request = IssueCard { id: PassId::new(gym.clock.now()), member_id, replace: true };
    let new = issue_card(&gym.services, &gym.reception, request).await.expect("a card");
    assert_eq!(new.aliases, ["GYM-123"]);
    let rows = passes(&gym, member_id).await;
    let old = rows.iter().find(|pass| pass.id == lost.id).expect("the lost card");
    assert_eq!(old.revoked_reason.as_deref(), Some("replaced"));
    assert_eq!(rows.iter().filter(|pass| pass.revoked_at.is_none()).count(), 1);
}

#[tokio::test]
async fn revoking_needs_a_reason_and_the_permission_and_happens_once() {
    let gym = TestGym::new().await;
    let pass = card(&gym, gym.member("Mona Adel").await).await;
    let request = |reason: &str| RevokePass { pass_id: pass.id, reason: reason.to_owned() };
    let blank = revoke(&gym.services, &gym.reception, request("  ")).await.unwrap_err();
    assert_eq!(code(blank), "reason_required");
    let nobody = without(&gym.reception, &[Permission::RevokePass]);
    assert_eq!(code(revoke(&gym.services, &nobody, request("lost")).await.unwrap_err()), "forbidden");
    for reason in ["lost", "lost again"] {
        let revoked = revoke(&gym.services, &gym.reception, request(reason)).await.expect("revoked");
        assert_eq!(revoked.revoked_reason.as_deref(), Some("lost"));
    }
    assert_eq!(gym.count("select count(*) from audit_log where act = 'pass.revoked'").await, 1);
}

#[tokio::test]
async fn an_old_code_belongs_to_one_member_and_makes_a_card_where_there_is_none() {
    let gym = TestGym::new().await;
    let (mona, omar) = (gym.member("Mona Adel").await, gym.member("Omar Said").await);
    let pass = alias(&gym, mona, " gym-123 ").await.expect("an alias");
    assert_eq!((pass.kind, pass.aliases), (PassKind::Card, vec!["GYM-123".to_owned()]));
    alias(&gym, mona, "4006381333931").await.expect("a barcode beside it");
    assert_eq!(alias(&gym, mona, "GYM-123").await.expect("once more").aliases.len(), 2);
    assert_eq!(code(alias(&gym, omar, "gym-123").await.unwrap_err()), "alias_taken");
    assert_eq!(passes(&gym, mona).await.len(), 1);
    for (bad, why) in [("ab", "alias_length"), ("a\0bcd", "alias_characters"), ("GH:X", "alias_is_pass")] {
        assert_eq!(code(alias(&gym, mona, bad).await.unwrap_err()), why, "{bad:?}");
    }
    let hits =
        search::search(&gym.services, &gym.reception, SearchMembers { query: "GYM-123".into(), limit: None })
            .await
            .expect("hits");
    assert_eq!(hits.rows.iter().map(|hit| hit.id).collect::<Vec<_>>(), [mona]);
    let gone = RemoveAlias { code: "gym-123".into() };
    remove_alias(&gym.services, &gym.reception, gone).await.expect("removed");
    alias(&gym, omar, "gym-123").await.expect("free again");
}

#[tokio::test]
async fn a_code_that_reads_like_a_members_number_is_no_alias() {
    let gym = TestGym::new().await;
    let mona = gym.member("Mona Adel").await;
    sqlx::query("update members set number = '1000018' where id = $1")
        .bind(mona)
        .execute(&gym.db.owner)
        .await
        .expect("a number");
    let omar = gym.member("Omar Said").await;
    assert_eq!(code(alias(&gym, omar, "1000018").await.unwrap_err()), "alias_is_member_number");
}

#[tokio::test]
async fn the_printed_picture_reads_back_as_the_pass() {
    let gym = TestGym::new().await;
    for (full_name, native_name) in [
        ("Mona Adel", Some("منى عادل عبد الرحمن")),
        ("Abdelrahman Mohamed El-Sayed Abdelhamid El-Masry <& co>", Some("मोना शर्मा")),
    ] {
        let member = gym.member(full_name).await;
        sqlx::query("update members set native_name = $2, number = '1' || right(number, 6) where id = $1")
            .bind(member)
            .bind(native_name)
            .execute(&gym.db.owner)
            .await
            .expect("a native name");
        let pass = card(&gym, member).await;
        let bytes = document(&gym, vec![pass.id], CardFormat::Png).await.expect("a picture");
        if let Ok(folder) = std::env::var("GATEHOUSE_KEEP_CARDS") {
            std::fs::write(format!("{folder}/{}.png", pass.id), &bytes).expect("kept");
        }
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("card.png");
        std::fs::write(&file, &bytes).expect("written");
        assert_eq!(read_codes(&file), [payload(&gym, pass.id).await]);
    }
}

#[tokio::test]
async fn the_printed_pages_read_back_as_their_passes() {
    let gym = TestGym::new().await;
    let mut ids = Vec::new();
    let mut texts = Vec::new();
    for name in 0..12 {
        let pass = card(&gym, gym.member(&format!("Member {name} منى")).await).await;
        texts.push(payload(&gym, pass.id).await);
        ids.push(pass.id);
    }
    let sheet = document(&gym, ids.clone(), CardFormat::PdfA4).await.expect("a sheet");
    let single = document(&gym, ids.clone(), CardFormat::PdfCr80).await.expect("pages");
    if let Ok(folder) = std::env::var("GATEHOUSE_KEEP_CARDS") {
        std::fs::write(format!("{folder}/sheet.pdf"), &sheet).expect("kept");
        std::fs::write(format!("{folder}/cards.pdf"), &single).expect("kept");
    }
    assert!(sheet.starts_with(b"%PDF-") && single.starts_with(b"%PDF-"));
    // Poppler is on every desktop with a print dialog; where it is not, the picture's test has to do.
    if Command::new("pdftoppm").arg("-v").output().is_err() {
        return;
    }
    let read = rasterised_codes(&single, 12);
    texts.sort_unstable();
    assert_eq!(read, texts);
    let read = rasterised_codes(&sheet, 2);
    assert_eq!(read, texts);
}

#[tokio::test]
async fn only_cards_in_force_are_printed() {
    let gym = TestGym::new().await;
    let pass = card(&gym, gym.member("Mona Adel").await).await;
    let other = card(&gym, gym.member("Omar Said").await).await;
    let picture = CardFormat::Png;
    assert_eq!(code(document(&gym, vec![], picture).await.unwrap_err()), "cards_limit");
    assert_eq!(code(document(&gym, vec![pass.id, other.id], picture).await.unwrap_err()), "cards_limit");
    let nothing = PassId::new(gym.clock.now());
    assert_eq!(code(document(&gym, vec![nothing], picture).await.unwrap_err()), "not_found");
    let request = RevokePass { pass_id: pass.id, reason: "lost".into() };
    revoke(&gym.services, &gym.reception, request).await.expect("revoked");
    assert_eq!(code(document(&gym, vec![pass.id], picture).await.unwrap_err()), "pass_revoked");
    let nobody = without(&gym.reception, &[Permission::IssuePass]);
    let request = PrintCard { pass_ids: vec![other.id], format: picture };
    assert_eq!(code(print(&gym.services, &nobody, request).await.unwrap_err()), "forbidden");
}

fn read_codes(picture: &Path) -> Vec<String> {
    let frame = read_picture_file(picture).expect("a picture");
    Cascade::new().read_picture(&frame).into_iter().map(|symbol| symbol.text).collect()
}

fn rasterised_codes(pdf: &[u8], pages: usize) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("cards.pdf");
    std::fs::write(&file, pdf).expect("written");
    let done = Command::new("pdftoppm")
        .args(["-gray", "-png", "-r", "150"])
        .arg(&file)
        .arg(folder.path().join("page"))
        .output()
        .expect("pdftoppm runs");
    assert!(done.status.success(), "{done:?}");
    let files =
        std::fs::read_dir(folder.path()).expect("the folder").map(|entry| entry.expect("an entry").path());
    let pictures: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|ending| ending == "png")).collect();
    assert_eq!(pictures.len(), pages);
    let mut codes: Vec<String> = pictures.iter().flat_map(|picture| read_codes(picture)).collect();
    codes.sort_unstable();
    codes
}
