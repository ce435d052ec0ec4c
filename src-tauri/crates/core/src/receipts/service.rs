//! Finding receipts again, and getting them out: on paper, as a file, by mail. What is printed is what was frozen.
use super::document::ReceiptDocument;
use super::store::{self, Kept};
use super::wire::{
    ChooseReceipt, EmailReceipt, ListReceipts, PrintReceipt, Receipt, ReceiptPage, ReceiptPaper,
    ReceiptQueued, ReceiptRow,
};
use super::{Mark, Print, Roll, pdf};
use crate::actor::Actor;
use crate::audit::{self, Change};
use crate::auth::model::Permission;
use crate::error::Error;
use crate::ids::ReceiptId;
use crate::members::contact::email;
use crate::money::Money;
use crate::passes::wire::Document;
use crate::services::Services;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use std::fmt::Write as _;

/// Whoever sells hands receipts out; whoever sees money looks them up.
fn may_see(actor: &Actor) -> Result<(), Error> {
    actor.require(Permission::SeeMoney).or_else(|_| actor.require(Permission::Sell))
}

/// Receipts of the branch, the newest first.
///
/// # Errors
/// `number_format` in `number` for what is no receipt's number.
pub async fn list(services: &Services, actor: &Actor, request: ListReceipts) -> Result<ReceiptPage, Error> {
    may_see(actor)?;
    let number = request.number.as_deref().map(str::trim).filter(|typed| !typed.is_empty());
    let number = number
        .map(|typed| typed.rsplit('-').next().unwrap_or(typed).parse::<i64>())
        .transpose()
        .map_err(|_| Error::invalid("number", "number_format"))?;
    let limit = request.limit.unwrap_or(50).clamp(1, 200);
    let mut db = services.db.acquire().await?;
    let (rows, total) = store::page(&mut db, actor.branch()?, &request, number, limit).await?;
    Ok(ReceiptPage { rows: rows.into_iter().map(row).collect::<Result<_, _>>()?, total })
}

fn row(kept: Kept) -> Result<ReceiptRow, Error> {
    let document = kept.document()?;
    Ok(ReceiptRow {
        id: kept.id,
        number: document.number,
        kind: kept.kind,
        at: kept.at,
        business_day: kept.business_day,
        till_id: kept.till_id,
        till_name: kept.till_name,
        member_id: kept.member_id,
        member_name: document.member.map(|member| member.name),
        staff_name: document.staff_name,
        total: Money::new(document.totals.gross + document.totals.rounding, document.currency),
    })
}

/// One receipt as it was given out.
pub async fn get(services: &Services, actor: &Actor, request: ChooseReceipt) -> Result<Receipt, Error> {
    may_see(actor)?;
    let mut db = services.db.acquire().await?;
    let kept = store::find(&mut db, actor.branch()?, request.receipt_id).await?;
    let document = kept.document()?;
    Ok(Receipt {
        id: kept.id,
        till_id: kept.till_id,
        member_id: kept.member_id,
        transaction_id: kept.transaction_id,
        at: kept.at,
        code: code(&document.number, &kept.hash),
        printed: store::was_printed(&mut db, kept.id).await?,
        document,
    })
}

/// What a receipt's QR code says: its number and its hash, in letters that QR codes hold most of.
fn code(number: &str, hash: &[u8]) -> String {
    let mut text = format!("RECEIPT:{number}:");
    for byte in hash {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02X}");
    }
    text
}

/// A receipt on its way to paper, noted as printed.
#[derive(Debug)]
pub struct Outgoing {
    pub id: ReceiptId,
    pub document: ReceiptDocument,
    pub code: String,
    pub mark: Mark,
}

impl Outgoing {
    pub fn print(&self) -> Print<'_> {
        Print { document: &self.document, code: &self.code, mark: self.mark, language: None }
    }
}

/// Takes a receipt out to be printed. The first time gives the original, every other time a copy; each is audited
/// before it is on paper, so that no paper is missing in the log.
pub async fn take_out(
    services: &Services,
    actor: &Actor,
    receipt: ReceiptId,
    to: &str,
) -> Result<Outgoing, Error> {
    may_see(actor)?;
    let mut tx = services.db.begin().await?;
    store::wait_turn(&mut tx, receipt).await?;
    let kept = store::find(&mut tx, actor.branch()?, receipt).await?;
    let mark = if store::was_printed(&mut tx, receipt).await? { Mark::Copy } else { Mark::Original };
    let document = kept.document()?;
    let after = json!({ "number": document.number, "to": to, "copy": mark == Mark::Copy });
    record(&mut tx, services, actor, receipt, "receipt.printed", after).await?;
    tx.commit().await?;
    Ok(Outgoing { id: receipt, code: code(&document.number, &kept.hash), document, mark })
}

/// Notes that nothing came out: the next paper is what this one would have been.
pub async fn not_printed(
    services: &Services,
    actor: &Actor,
    receipt: ReceiptId,
    number: &str,
    why: &str,
) -> Result<(), Error> {
    may_see(actor)?;
    let mut tx = services.db.begin().await?;
    let after = json!({ "number": number, "why": why });
    record(&mut tx, services, actor, receipt, "receipt.not_printed", after).await?;
    Ok(tx.commit().await?)
}

async fn record(
    db: &mut sqlx::PgConnection,
    services: &Services,
    actor: &Actor,
    receipt: ReceiptId,
    act: &str,
    after: serde_json::Value,
) -> Result<(), Error> {
    let change =
        Change { act, subject_kind: "receipt", subject: Some(receipt.0), before: None, after: Some(after) };
    audit::record(db, actor, services.now(), change).await
}

/// The receipt as a PDF.
pub async fn as_pdf(services: &Services, actor: &Actor, request: PrintReceipt) -> Result<Document, Error> {
    let outgoing = take_out(services, actor, request.receipt_id, "pdf").await?;
    let file_name = format!("receipt-{}.pdf", outgoing.document.number);
    let bytes = tokio::task::spawn_blocking(move || match request.paper {
        ReceiptPaper::A4 => pdf::a4(&outgoing.print()),
        ReceiptPaper::Mm80 => pdf::roll(&outgoing.print(), Roll::Mm80),
        ReceiptPaper::Mm58 => pdf::roll(&outgoing.print(), Roll::Mm58),
    })
    .await
    .map_err(|error| Error::Internal(error.to_string()))??;
    Ok(Document { mime: "application/pdf".to_owned(), file_name, base64: STANDARD.encode(bytes) })
}

/// Puts the receipt into the post; nothing is sent now. The same receipt goes to the same address once.
///
/// # Errors
/// `no_address` for a member without one; `email_format` in `address`.
pub async fn queue(
    services: &Services,
    actor: &Actor,
    request: EmailReceipt,
) -> Result<ReceiptQueued, Error> {
    may_see(actor)?;
    let typed = request.address.as_deref().map(str::trim).filter(|typed| !typed.is_empty());
    let typed = typed.map(|typed| email("address", typed)).transpose()?;
    let mut tx = services.db.begin().await?;
    let kept = store::find(&mut tx, actor.branch()?, request.receipt_id).await?;
    let address = match (typed, kept.member_id) {
        (Some(address), _) => Some(address),
        (None, Some(member)) => store::address_of(&mut tx, member).await?,
        (None, None) => None,
    };
    let address = address.ok_or(Error::invalid("address", "no_address"))?;
    let document = kept.document()?;
    let params = json!({ "number": document.number, "gym": document.issuer.gym_name, "kind": document.kind });
    let language = document.language.tag();
    let is_new = store::queue_mail(&mut tx, kept.id, &address, language, params, services.now()).await?;
    if is_new {
        let after = json!({ "number": document.number, "address": address });
        record(&mut tx, services, actor, kept.id, "receipt.mailed", after).await?;
    }
    tx.commit().await?;
    Ok(ReceiptQueued { address, is_new })
}
