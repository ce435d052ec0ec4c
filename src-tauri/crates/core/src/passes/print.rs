//! Cards as files for the print dialog.
use crate::actor::Actor;
use crate::audit::{self, Change};
use crate::auth::model::Permission;
use crate::error::Error;
use crate::passes::card::{self, Card};
use crate::passes::payload::Payload;
use crate::passes::store::{self, Printable};
use crate::passes::wire::{CardFormat, Document, PassKind, PrintCard};
use crate::services::Services;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

/// Cards in one document.
const MOST: usize = 200;

/// Prints issued cards. A picture holds one card.
///
/// # Errors
/// `cards_limit` in `pass_ids` for none or too many; `pass_revoked`, `not_a_card` for a pass that is not to be
/// printed.
pub async fn print(services: &Services, actor: &Actor, request: PrintCard) -> Result<Document, Error> {
    actor.require(Permission::IssuePass)?;
    let most = if request.format == CardFormat::Png { 1 } else { MOST };
    if request.pass_ids.is_empty() || request.pass_ids.len() > most {
        return Err(Error::invalid("pass_ids", "cards_limit"));
    }
    let mut tx = services.db.begin().await?;
    let found = store::printables(&mut tx, &request.pass_ids).await?;
    if found.len() != request.pass_ids.len() {
        return Err(Error::NotFound("pass"));
    }
    let cards = found.into_iter().map(card).collect::<Result<Vec<_>, _>>()?;
    for pass in &request.pass_ids {
        let change = Change {
            act: "pass.printed",
            subject_kind: "pass",
            subject: Some(pass.0),
            before: None,
            after: Some(json!({ "format": request.format })),
        };
        audit::record(&mut tx, actor, services.now(), change).await?;
    }
    tx.commit().await?;
    let numbers = cards.first().filter(|_| cards.len() == 1).map(|card| card.number.clone());
    let name = numbers.map_or_else(|| "cards".to_owned(), |number| format!("card-{number}"));
    let format = request.format;
    let (mime, ending, bytes) = tokio::task::spawn_blocking(move || render(&cards, format))
        .await
        .map_err(|error| Error::Internal(error.to_string()))??;
    Ok(Document {
        mime: mime.to_owned(),
        file_name: format!("{name}.{ending}"),
        base64: STANDARD.encode(bytes),
    })
}

fn card(pass: Printable) -> Result<Card, Error> {
    if PassKind::parse(&pass.kind) != PassKind::Card {
        return Err(Error::invalid("pass_ids", "not_a_card"));
    }
    if pass.revoked {
        return Err(Error::invalid("pass_ids", "pass_revoked"));
    }
    let number =
        pass.pass_number.try_into().map_err(|_| Error::Internal("a pass number of another length".into()))?;
    let secret = pass.secret.try_into().map_err(|_| Error::Internal("a secret of another length".into()))?;
    Ok(Card {
        gym_name: pass.gym_name,
        full_name: pass.full_name,
        native_name: pass.native_name,
        number: pass.number,
        payload: Payload::card(number, &secret).encode(),
    })
}

fn render(cards: &[Card], format: CardFormat) -> Result<(&'static str, &'static str, Vec<u8>), Error> {
    Ok(match (format, cards) {
        (CardFormat::Png, [card]) => ("image/png", "png", card::png(card)?),
        (CardFormat::Png, _) => return Err(Error::invalid("pass_ids", "cards_limit")),
        (CardFormat::PdfCr80, cards) => ("application/pdf", "pdf", card::card_pdf(cards)?),
        (CardFormat::PdfA4, cards) => ("application/pdf", "pdf", card::a4_pdf(cards)?),
    })
}
