//! Receipts after they were given out: found again, printed as what they were, put into the post.
use crate::receipts::printer::Printed;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use gatehouse_core::auth::model::Permission;
use gatehouse_core::error::Error;
use gatehouse_core::ids::ReceiptId;
use gatehouse_core::receipts::document::ReceiptKind;
use gatehouse_core::receipts::service::{as_pdf, get, list, not_printed, queue, take_out};
use gatehouse_core::receipts::wire::{
    ChooseReceipt, EmailReceipt, ListReceipts, PrintReceipt, ReceiptPage, ReceiptPaper,
};
use gatehouse_core::receipts::{Mark, Roll};
use gatehouse_core::sales::wire::Sale;
use gatehouse_net::desk::wire::PrinterChoice;
use gatehouse_net::desk::{choose_printer, print_receipt, printer, test_printer};
use gatehouse_net::host::Host;
use gatehouse_net::house::{House, Place};
use gatehouse_net::printers::{PrinterKind, PrinterSettings};
use gatehouse_testkit::{TestGym, without};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;

fn code(error: Error) -> String {
    error.to_wire().code
}

async fn find(gym: &TestGym, request: ListReceipts) -> ReceiptPage {
    list(&gym.services, &gym.reception, request).await.expect("receipts")
}

async fn one_sale(gym: &TestGym) -> Sale {
    let plan = gym.monthly().await;
    gym.sell_plan(gym.member("Mona Adel").await, plan).await
}

async fn pdf(gym: &TestGym, receipt_id: ReceiptId, paper: ReceiptPaper) -> Vec<u8> {
    let document =
        as_pdf(&gym.services, &gym.reception, PrintReceipt { receipt_id, paper }).await.expect("a page");
    assert_eq!(document.mime, "application/pdf");
    STANDARD.decode(document.base64).expect("base64")
}

#[tokio::test]
async fn receipts_are_found_by_day_number_member_and_kind() {
    let gym = TestGym::new().await;
    let plan = gym.monthly().await;
    let (mona, omar) = (gym.member("Mona Adel").await, gym.member("Omar Said").await);
    let first = gym.sell_plan(mona, plan).await;
    gym.clock.advance(TimeDelta::days(1));
    let second = gym.sell_plan(omar, plan).await;
    let all = find(&gym, ListReceipts::default()).await;
    assert_eq!(all.total, 2);
    let row = &all.rows[1];
    assert_eq!(
        (row.number.as_str(), row.kind, row.member_name.as_deref()),
        ("1-1-000001", ReceiptKind::Sale, Some("Mona Adel"))
    );
    assert_eq!(row.total, gym.money(75_000));
    let (day, till) = (row.business_day, row.till_id);
    let request = ListReceipts::default;
    for (asked, found) in [
        (ListReceipts { to: Some(day), ..request() }, vec![first.receipt_id]),
        (ListReceipts { from: day.succ_opt(), ..request() }, vec![second.receipt_id]),
        (ListReceipts { number: Some(" 1-1-000002 ".into()), ..request() }, vec![second.receipt_id]),
        (ListReceipts { number: Some("1".into()), ..request() }, vec![first.receipt_id]),
        (ListReceipts { member_id: Some(omar), ..request() }, vec![second.receipt_id]),
        (ListReceipts { till_id: Some(till), kind: Some(ReceiptKind::Refund), ..request() }, vec![]),
        (ListReceipts { limit: Some(1), ..request() }, vec![second.receipt_id]),
        (ListReceipts { offset: 1, ..request() }, vec![first.receipt_id]),
    ] {
        let text = format!("{asked:?}");
        let ids: Vec<_> = find(&gym, asked).await.rows.iter().map(|row| row.id).collect();
        assert_eq!(ids, found, "{text}");
    }
    let typed = ListReceipts { number: Some("seven".into()), ..request() };
    assert_eq!(code(list(&gym.services, &gym.reception, typed).await.unwrap_err()), "number_format");
    let nobody = without(&gym.reception, &[Permission::Sell, Permission::SeeMoney]);
    assert_eq!(code(list(&gym.services, &nobody, request()).await.unwrap_err()), "forbidden");
}

#[tokio::test]
async fn a_receipt_of_another_branch_is_not_found() {
    let gym = TestGym::new().await;
    let sale = one_sale(&gym).await;
    let branch = gym.second_branch("2").await;
    let elsewhere = gym.at_branch(&gym.reception, branch).await;
    let request = ChooseReceipt { receipt_id: sale.receipt_id };
    assert_eq!(code(get(&gym.services, &elsewhere, request).await.unwrap_err()), "not_found");
    assert_eq!(list(&gym.services, &elsewhere, ListReceipts::default()).await.expect("a list").total, 0);
}

#[tokio::test]
async fn only_the_first_paper_is_the_original_and_every_one_is_in_the_log() {
    let gym = TestGym::new().await;
    let receipt_id = one_sale(&gym).await.receipt_id;
    let printed = async || {
        get(&gym.services, &gym.reception, ChooseReceipt { receipt_id }).await.expect("a receipt").printed
    };
    assert!(!printed().await);
    let original = pdf(&gym, receipt_id, ReceiptPaper::A4).await;
    assert!(printed().await);
    let copy = pdf(&gym, receipt_id, ReceiptPaper::A4).await;
    let roll = pdf(&gym, receipt_id, ReceiptPaper::Mm80).await;
    assert!(original.starts_with(b"%PDF-") && roll.starts_with(b"%PDF-"));
    assert_ne!(original, copy);
    assert_eq!(pdf(&gym, receipt_id, ReceiptPaper::A4).await, copy);
    let query =
        "select count(*) from audit_log where act = 'receipt.printed' and (after ->> 'copy')::boolean";
    assert_eq!(gym.count(query).await, 3);
    assert_eq!(gym.count("select count(*) from audit_log where act = 'receipt.printed'").await, 4);
}

#[tokio::test]
async fn two_desks_at_once_get_one_original() {
    let gym = TestGym::new().await;
    let receipt_id = one_sale(&gym).await.receipt_id;
    let (one, two) = tokio::join!(
        take_out(&gym.services, &gym.reception, receipt_id, "printer"),
        take_out(&gym.services, &gym.second_reception, receipt_id, "printer")
    );
    let marks = [one.expect("taken").mark, two.expect("taken").mark];
    assert!(marks.contains(&Mark::Original) && marks.contains(&Mark::Copy), "{marks:?}");
}

#[tokio::test]
async fn a_printer_that_was_off_leaves_the_original_to_be_printed() {
    let gym = TestGym::new().await;
    let receipt_id = one_sale(&gym).await.receipt_id;
    let take = async || take_out(&gym.services, &gym.reception, receipt_id, "printer").await.expect("taken");
    let first = take().await;
    not_printed(&gym.services, &gym.reception, first.id, &first.document.number, "switched off")
        .await
        .expect("noted");
    let second = take().await;
    assert_eq!((first.mark, second.mark, take().await.mark), (Mark::Original, Mark::Original, Mark::Copy));
}

#[tokio::test]
async fn what_is_printed_is_what_was_frozen() {
    let gym = TestGym::new().await;
    let receipt_id = one_sale(&gym).await.receipt_id;
    let seen =
        async || get(&gym.services, &gym.reception, ChooseReceipt { receipt_id }).await.expect("a receipt");
    let before = seen().await;
    sqlx::query("update members set full_name = 'Somebody Else'")
        .execute(&gym.db.owner)
        .await
        .expect("renamed");
    sqlx::query("update gyms set name = 'Another House'").execute(&gym.db.owner).await.expect("renamed");
    let after = seen().await;
    assert_eq!(after.document, before.document);
    assert_eq!(after.document.issuer.gym_name, "Iron House");
    assert_eq!(after.code, before.code);
    assert!(after.code.starts_with("RECEIPT:1-1-000001:") && after.code.len() == 19 + 64, "{}", after.code);
}

#[tokio::test]
async fn a_receipt_goes_into_the_post_once_for_each_address() {
    let gym = TestGym::new().await;
    let receipt_id = one_sale(&gym).await.receipt_id;
    let mail = async |address: Option<&str>| {
        let request = EmailReceipt { receipt_id, address: address.map(str::to_owned) };
        queue(&gym.services, &gym.reception, request).await
    };
    assert_eq!(code(mail(None).await.unwrap_err()), "no_address");
    assert_eq!(code(mail(Some("mona at home")).await.unwrap_err()), "email_format");
    sqlx::query("update members set email = 'mona@example.com'")
        .execute(&gym.db.owner)
        .await
        .expect("an address");
    let queued = mail(None).await.expect("queued");
    assert_eq!((queued.address.as_str(), queued.is_new), ("mona@example.com", true));
    assert!(!mail(Some(" Mona@Example.com ")).await.expect("queued").is_new);
    assert!(mail(Some("accounts@example.com")).await.expect("queued").is_new);
    assert_eq!(
        gym.count("select count(*) from mail_outbox where sent_at is null and template = 'receipt'").await,
        2
    );
    assert_eq!(gym.count("select count(*) from audit_log where act = 'receipt.mailed'").await, 2);
}

/// The host of a desk, with a folder of its own.
async fn host(gym: &TestGym, folder: &Path) -> Arc<Host> {
    let place = Place {
        data_dir: folder.to_owned(),
        resources: None,
        database_url: Some(gym.db.app_url.clone()),
        migrate_url: Some(gym.db.owner_url.clone()),
        headquarters_url: None,
    };
    let house = House::open_with_clock(place, Arc::new(gym.clock.clone())).await.expect("a house");
    Host::new(house, "front desk".into(), None).await.expect("a host")
}

#[tokio::test]
async fn a_desk_prints_on_its_own_printer() {
    let gym = TestGym::new().await;
    let receipt_id = one_sale(&gym).await.receipt_id;
    let folder = tempfile::tempdir().expect("a folder");
    let host = host(&gym, folder.path()).await;
    let print = async || print_receipt(&host, &gym.reception, ChooseReceipt { receipt_id }).await;
    let choose = |kind, address: &str| {
        let settings = PrinterSettings {
            kind,
            address: address.to_owned(),
            roll: Roll::Mm80,
            language: None,
            kick_drawer: true,
        };
        choose_printer(host.as_ref(), &gym.owner, PrinterChoice { printer: Some(settings) })
    };
    assert_eq!(code(print().await.unwrap_err()), "no_printer");
    assert_eq!(code(choose(PrinterKind::File, "../desk.json").unwrap_err()), "printer_address");
    // Nobody listens there any more: the receipt is still to be printed.
    let off = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    choose(PrinterKind::Network, &off.to_string()).expect("chosen");
    assert_eq!(code(print().await.unwrap_err()), "printer_unreachable");

    let chosen = choose(PrinterKind::File, "spool.bin").expect("chosen");
    assert_eq!(printer(host.as_ref()), chosen);
    assert!(!print().await.expect("printed"));
    assert!(print().await.expect("printed"));
    test_printer(host.as_ref(), &gym.owner).await.expect("printed");
    let spool = std::fs::read(folder.path().join("printed/spool.bin")).expect("a spool");
    let printed = Printed::read(&spool);
    // The drawer opens for the cash of the original and for the test, not for the copy.
    assert_eq!((printed.cuts, printed.kicks), (3, 2));
    assert_eq!(printed.lines.iter().filter(|line| line.as_str() == "*** COPY ***").count(), 1);
    let receipt = get(&gym.services, &gym.reception, ChooseReceipt { receipt_id }).await.expect("a receipt");
    assert_eq!(printed.codes, [receipt.code.clone(), receipt.code, "GATEHOUSE".into()]);

    let nobody = without(&gym.reception, &[Permission::EditSettings]);
    let none = PrinterChoice { printer: None };
    assert_eq!(code(choose_printer(host.as_ref(), &nobody, none).unwrap_err()), "forbidden");
    assert_eq!(code(test_printer(host.as_ref(), &nobody).await.unwrap_err()), "forbidden");
    host.house.close().await;
}
