//! The desk of a host: its scanner station, its live events, its printer, what it
//! remembers between runs.
mod events;
mod file;
mod printing;
mod station;
pub mod wire;

pub use events::Events;
pub use file::{DeskFile, Remembered};
use gatehouse_core::actor::Actor;
use gatehouse_core::checkin::service::for_actor;
pub(crate) use printing::refused;
pub use printing::{choose_printer, chosen, print_receipt, printer, test_printer};
pub use station::{AtDesk, Station, choose, pause, photo, read_picture, scan};
use wire::{DeskEvent, DeskNews};

/// What a locked desk may show: verdicts with the first name only.
pub fn for_eyes_of(actor: &Actor, mut news: DeskNews) -> DeskNews {
    for event in &mut news.events {
        if let DeskEvent::Verdict { verdict } = event {
            **verdict = for_actor((**verdict).clone(), actor);
        }
    }
    news
}
