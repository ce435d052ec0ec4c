//! Money that is asked for and not yet there: a transfer to be seen in the bank's statement, an order at a gateway, a
//! refund on its way.
//!
//! A request is a row and its events, only ever added. Nothing is credited before a `confirmed` event, and that event,
//! the payment and its ledger entries are one transaction. Three constraints keep it from happening twice: one payment
//! per request, one row per message of a gateway, one confirmation per transfer number.
//!
//! This module never speaks to a gateway. Whoever does (`net::payments`) asks outside of any transaction and brings
//! what it learned to [`settle`] or [`refund`].
pub mod model;
pub mod refund;
pub mod service;
pub mod settle;
pub mod store;
pub mod wire;
