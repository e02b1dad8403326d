//! Clients and back ends: they play their part by seed and check all that the gateway tells them.
//!
//! A peer panics at once when something is wrong; the world reports it with its seed and step. All
//! peers of a world share the [`ledger`], in which each request stands by its tag.

pub(crate) mod back_end;
pub(crate) mod client;
pub(crate) mod ledger;
pub(crate) mod message;
pub(crate) mod requests;
pub(crate) mod runtime;
