//! Resources: the path tree of a REST API.

use super::super::operation::Operation;

/// The operations of this file.
pub(super) static OPERATIONS: &[Operation] = &[];
