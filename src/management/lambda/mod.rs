//! The operations of `lambda` (2015-03-31): functions, as far as ringgate has them.

pub mod invoker;
