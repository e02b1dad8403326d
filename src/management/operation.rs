//! The operations that there are, by name.

use super::{Answer, Call};
use crate::aws::Fault;

/// What an operation asks before it is run.
pub type Guard = fn(&Call<'_>) -> Result<(), Fault>;

/// An operation's function.
pub type Run = fn(&mut Call<'_>) -> Result<Answer, Fault>;

/// One operation of a service.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// Its name in the service's model.
    pub name: &'static str,
    /// Whether it changes anything.
    pub access: Access,
    /// What it does.
    pub run: Run,
    /// What may refuse it before that.
    pub guard: Option<Guard>,
}

impl Operation {
    /// The same operation, run only where the guard does not refuse.
    pub const fn guarded(self, guard: Guard) -> Self {
        Self { guard: Some(guard), ..self }
    }
}

/// Whether an operation changes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Never changes anything: answered at once from memory.
    Read,
    /// May change something: goes through the lane.
    Write,
}

/// An operation that changes nothing.
pub const fn read(name: &'static str, run: Run) -> Operation {
    Operation { name, access: Access::Read, run, guard: None }
}

/// An operation that changes something.
pub const fn write(name: &'static str, run: Run) -> Operation {
    Operation { name, access: Access::Write, run, guard: None }
}

/// Finds an operation among the tables of a service.
pub fn find(tables: &[&'static [Operation]], name: &str) -> Option<&'static Operation> {
    tables.iter().flat_map(|table| table.iter()).find(|operation| operation.name == name)
}
