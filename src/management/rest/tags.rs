//! Tags, as v1 reaches them.

use super::super::operation::Operation;

/// The operations of this file.
pub(super) static OPERATIONS: &[Operation] = &[];
