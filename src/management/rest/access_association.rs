//! Access associations of private domain names.

use super::super::operation::Operation;

/// The operations of this file.
pub(super) static OPERATIONS: &[Operation] = &[];
