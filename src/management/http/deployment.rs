//! Deployments of HTTP and WebSocket APIs.

use super::super::Call;
use super::super::operation::Operation;
use crate::aws::Fault;

/// The operations of this file.
pub(super) static OPERATIONS: &[Operation] = &[];

/// Deploys the APIs that a call changed, on their stages with automatic deployment.
///
/// # Errors
/// None yet.
pub(in crate::management) fn follow_changes(_call: &mut Call<'_>) -> Result<(), Fault> {
    Ok(())
}
