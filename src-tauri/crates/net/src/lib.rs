//! What every host of the product shares: opening the house (database, services, scanner), the command list,
//! and the HTTP service that carries it to browsers. The desktop window calls the same list.

pub mod desk;
pub mod gateways;
pub mod host;
pub mod house;
pub mod http;
pub mod jobs;
pub mod lan;
pub mod payments;
pub mod printers;
pub mod rpc;
pub mod served;
