//! The management API: Amazon API Gateway's control plane, operation by operation.
//!
//! ```text
//! listener -> gate (who?) -> shapes (which operation? is the input well-formed?)
//!   read:  the operation's function over the state -> answer
//!   write: the lane, one at a time: function over a draft -> store -> state -> shards -> answer
//! ```
//!
//! An operation is a plain function from a [`Call`] to an [`Answer`] or a [`Fault`](crate::aws::Fault):
//! no I/O, no clock, no waiting, so it can be run again when another host wrote first, and tested
//! without a server. What makes a write durable, audited, undoable and served is the lane's business.

pub mod access;
pub mod answer;
pub mod audit;
pub mod call;
#[cfg(test)]
mod complete_tests;
pub mod declared;
mod difference;
mod domain;
#[cfg(test)]
mod fixture;
pub mod from_file;
pub mod http;
pub mod incoming;
pub mod lambda;
mod lane;
pub mod limit;
pub mod operation;
pub mod offline;
mod own;
pub mod page;
pub mod patch;
mod policy;
pub mod publish;
pub mod refusal;
pub mod rest;
pub mod service;
mod settings;
pub mod sts;
mod tagging;
mod undo;

pub use answer::Answer;
pub use call::Call;
pub use lane::Ailment;
pub use rest::test_invoke::{BackEnds, NoBackEnds};
pub use service::{Beginning, Service};
pub use settings::Settings;

/// What test calls ask of back ends and functions.
pub mod trial {
    pub use super::rest::test_invoke::Asked;
    pub use crate::exchange::integrate::service::NoKey;
    pub use crate::exchange::trial::{
        AnswerReader, BackEndCall, BackEndFault, ClientIdentity, FunctionFault, FunctionRequest,
        FunctionResult,
    };
}

use crate::aws::Fault;
use operation::{Access, Operation};

/// Runs an operation, and what follows from every change: stages with automatic deployment.
///
/// # Errors
/// What the operation refuses. The call's draft is to be dropped then.
pub(crate) fn run(operation: &Operation, call: &mut Call<'_>) -> Result<Answer, Fault> {
    if let Some(guard) = operation.guard {
        guard(call)?;
    }
    let answer = (operation.run)(call)?;
    if operation.access == Access::Write {
        http::deployment::follow_changes(call)?;
    }
    Ok(answer)
}
