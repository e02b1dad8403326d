//! Custom domain names, as v1 shows them.

use super::super::operation::Operation;

/// The operations of this file.
pub(super) static OPERATIONS: &[Operation] = &[];
