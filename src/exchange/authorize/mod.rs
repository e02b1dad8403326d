//! Authorize: may this caller do this?
//!
//! Runs behind `route`, because routes say who decides, and before everything that costs: a refused
//! request is neither metered nor passed on. Asking a function is the shard's part; what it is asked, and
//! what its answer means, is here.

pub mod iam;
pub mod lambda;
mod granted;
mod policy;

pub use granted::{AuthorizerOutcome, Granted};
pub use policy::{RequestKeys, Stance, caller, decide, write_denial};
