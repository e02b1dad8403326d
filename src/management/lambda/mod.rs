//! The operations of `lambda` (2015-03-31): functions, as far as ringgate has them.
//!
//! What is here says what functions there are; what runs them is behind [`Invoker`]. `Invoke` and
//! `InvokeWithResponseStream` are no functions from a call to an answer: they wait for a worker.

mod alias;
pub mod code;
mod concurrency;
mod configuration;
mod event_config;
mod event_stream;
mod events;
mod fault;
mod function;
mod invoke;
mod invoker;
mod of_file;
mod permission;
mod place;
mod tags;
#[cfg(test)]
mod tests;
mod url;
mod version;
mod zip;

pub(super) use event_config::rules as event_rules;
pub(super) use invoke::{Ended, INVOKE, INVOKE_STREAMING, prepare, respond, respond_in_events};
pub use invoker::{
    Invocation, Invoked, Invoker, Mode, NoInvoker, Outcome, Refused, Streamed, Telling, Told,
};
pub(super) use of_file::read_only;
pub(super) use permission::document as policy_document;

use super::operation::Operation;

/// All operations but those that wait, by file.
pub(super) static TABLES: &[&[Operation]] = &[
    alias::OPERATIONS,
    code::OPERATIONS,
    concurrency::OPERATIONS,
    configuration::OPERATIONS,
    event_config::OPERATIONS,
    function::OPERATIONS,
    permission::OPERATIONS,
    tags::OPERATIONS,
    url::OPERATIONS,
    version::OPERATIONS,
];

/// Whether a path is Lambda's: its first segment is the date of a version of the API.
pub fn is_path(path: &str) -> bool {
    let segment = path.strip_prefix('/').unwrap_or_default().split('/').next().unwrap_or_default();
    let is_right = |(at, byte): (usize, u8)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    segment.len() == 10 && segment.bytes().enumerate().all(is_right)
}

/// Whether a path is an invocation's, whose answer may take as long as the function.
pub fn is_invocation(path: &str) -> bool {
    is_path(path) && path.trim_end_matches('/').ends_with("invocations")
}
