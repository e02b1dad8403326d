//! The gateway from outside: the real binary, real sockets, raw bytes in and out.
//!
//! Every test starts a process of its own on free ports, talks to it as clients do, and plays the back
//! ends. What a back end sends, where it is cut and when it closes is written in the test. Nothing here
//! sleeps: a test waits for an event, and fails when it has not come by [`harness::DEADLINE`].

#![expect(clippy::unwrap_used, reason = "what fails here is a failed test")]

mod harness;
#[path = "../corpus/mod.rs"]
mod corpus;

mod mock;
mod malformed;
mod requests;
mod responses;
mod bodies;
mod faults;
mod timeouts;
mod tls;
mod records;
mod pressure;
