//! AWS's conventions: what every AWS protocol that ringgate speaks has in common. A leaf: it knows
//! neither APIs nor sockets.

pub mod fault;
pub mod id;
pub mod policy;
pub mod shapes;
pub mod sigv4;

pub use fault::Fault;
