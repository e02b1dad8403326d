//! Audit: lines, their order, and what happens when they cannot be written.
