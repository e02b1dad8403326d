//! The management API: Amazon API Gateway's control plane, operation by operation.

pub mod access;
pub mod answer;
pub mod audit;
pub mod incoming;
pub mod limit;
pub mod sts;
