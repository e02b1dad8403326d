//! APIs of the management API as clients see them: addresses, integrations, refusals, and what changes
//! under their feet. Real shards and sockets; what the management API would publish comes from the tests.

#![expect(clippy::unwrap_used, reason = "a failed helper is a failed test")]

mod addresses;
mod changes;
mod content;
mod gateway;
mod gateway_responses;
mod headers;
mod http_addresses;
mod http_answers;
mod http_cors;
mod http_requests;
mod integrations;
mod parameters;
mod paths;
mod logs;
mod refusals;
mod semantics;
mod services;
mod stages;
mod transforms;
