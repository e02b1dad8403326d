//! The way from a test call to back ends and functions. Management knows what is to be asked; control,
//! which may wait and open sockets, asks.

use crate::exchange::integrate::service::NoKey;
use crate::exchange::trial::{
    AnswerReader, BackEndCall, BackEndFault, FunctionFault, FunctionRequest, FunctionResult,
};
use crate::snapshot::service::RoleCredentials;
use std::future::{Future, ready};
use std::pin::Pin;

/// The future of an answer.
pub type Asked<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

/// Asks back ends and functions.
pub trait BackEnds: Send + Sync {
    /// Sends a request and reads its answer, within the call's time-out.
    fn call(&self, call: BackEndCall) -> Asked<AnswerReader, BackEndFault>;

    /// Invokes a function, within the request's time-out.
    fn invoke(&self, request: FunctionRequest) -> Asked<FunctionResult, FunctionFault>;

    /// Finds the key pair that signs in a role's name now, as for a stage that is deployed.
    fn key_pair(&self, role: Box<str>) -> Asked<RoleCredentials, NoKey>;
}

/// Where nobody can be asked.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoBackEnds;

impl BackEnds for NoBackEnds {
    fn call(&self, _: BackEndCall) -> Asked<AnswerReader, BackEndFault> {
        Box::pin(ready(Err(BackEndFault::Network("Connection refused".to_owned()))))
    }

    fn invoke(&self, _: FunctionRequest) -> Asked<FunctionResult, FunctionFault> {
        Box::pin(ready(Err(FunctionFault::Unknown)))
    }

    fn key_pair(&self, _: Box<str>) -> Asked<RoleCredentials, NoKey> {
        Box::pin(ready(Err(NoKey::Unknown)))
    }
}
