//! Receipts to this desk's printer.
use super::AtDesk;
use super::wire::PrinterChoice;
use crate::host::Host;
use crate::printers::{PrintError, PrinterSettings};
use gatehouse_core::actor::Actor;
use gatehouse_core::auth::model::Permission;
use gatehouse_core::error::Error;
use gatehouse_core::receipts::escpos::{self, Drawer};
use gatehouse_core::receipts::service::{not_printed, take_out};
use gatehouse_core::receipts::wire::ChooseReceipt;
use gatehouse_core::receipts::{Mark, Print};

/// The printer of this desk.
pub fn printer(host: &impl AtDesk) -> PrinterChoice {
    PrinterChoice { printer: host.desk_file().read().printer }
}

/// Chooses it, or none.
pub fn choose_printer(
    host: &impl AtDesk,
    actor: &Actor,
    choice: PrinterChoice,
) -> Result<PrinterChoice, Error> {
    actor.require(Permission::EditSettings)?;
    if let Some(settings) = &choice.printer {
        settings.check().map_err(refused)?;
    }
    host.desk_file().update(|content| content.printer.clone_from(&choice.printer));
    Ok(choice)
}

/// Prints a receipt, an original the first time and a copy afterwards.
///
/// # Errors
/// `no_printer`, and the codes of [`refused`].
pub async fn print_receipt(host: &Host, actor: &Actor, request: ChooseReceipt) -> Result<bool, Error> {
    let settings = chosen(host)?;
    let outgoing = take_out(host.services(), actor, request.receipt_id, "printer").await?;
    let is_copy = outgoing.mark == Mark::Copy;
    let (roll, language) = (settings.roll, settings.language);
    let drawer = if settings.kick_drawer { Drawer::Kick } else { Drawer::Leave };
    let (outgoing, bytes) = tokio::task::spawn_blocking(move || {
        let bytes = escpos::bytes(&Print { language, ..outgoing.print() }, roll, drawer);
        (outgoing, bytes)
    })
    .await
    .map_err(|error| Error::Internal(error.to_string()))?;
    if let Err(error) = host.printers.send(&settings, &bytes?).await {
        if error.left_no_trace() {
            not_printed(host.services(), actor, outgoing.id, &outgoing.document.number, &error.to_string())
                .await?;
        }
        return Err(refused(error));
    }
    Ok(is_copy)
}

/// Prints a slip that shows how wide the paper is, and opens the drawer where that is chosen.
pub async fn test_printer(host: &impl AtDesk, actor: &Actor) -> Result<(), Error> {
    actor.require(Permission::EditSettings)?;
    let settings = chosen(host)?;
    let drawer = if settings.kick_drawer { Drawer::Kick } else { Drawer::Leave };
    let bytes = escpos::test_slip(settings.roll, drawer)?;
    host.printers().send(&settings, &bytes).await.map_err(refused)
}

/// # Errors
/// `no_printer`.
pub fn chosen(host: &impl AtDesk) -> Result<PrinterSettings, Error> {
    host.desk_file().read().printer.ok_or(Error::conflict("no_printer"))
}

/// As the interface is told: `printer_address`, `printer_unreachable`, `printer_out_of_reach`, `printer_stalled`,
/// `printer_broke_off`.
pub(crate) fn refused(error: PrintError) -> Error {
    tracing::warn!(%error, "a printer failed");
    match error {
        PrintError::Address(_) => Error::invalid("address", "printer_address"),
        PrintError::Unreachable { .. } => Error::conflict("printer_unreachable"),
        PrintError::OutOfReach { .. } => Error::conflict("printer_out_of_reach"),
        PrintError::TimedOut(_) => Error::conflict("printer_stalled"),
        PrintError::BrokeOff { .. } => Error::conflict("printer_broke_off"),
    }
}
