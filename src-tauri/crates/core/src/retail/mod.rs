//! Things sold over the counter: products, their barcodes and prices, and the stock of each branch.
pub mod model;
pub mod service;
pub mod store;
pub mod wire;
