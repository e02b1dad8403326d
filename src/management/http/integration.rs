//! Integrations of HTTP and WebSocket APIs and their responses.

use super::super::operation::Operation;

/// The operations of this file.
pub(super) static OPERATIONS: &[Operation] = &[];
