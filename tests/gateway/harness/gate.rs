//! A gate that one thread opens and others wait at.

use super::DEADLINE;
use std::sync::{Arc, Condvar, Mutex};

/// Closed until somebody opens it. Clones are the same gate.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    /// A closed gate.
    pub(crate) fn closed() -> Self {
        Self::default()
    }

    /// Lets everybody through from now on.
    pub(crate) fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    /// Waits until it is open. `false`: it was not by the deadline.
    pub(crate) fn wait(&self) -> bool {
        let opened = self.0.0.lock().unwrap();
        let (opened, _) =
            self.0.1.wait_timeout_while(opened, DEADLINE, |is_open| !*is_open).unwrap();
        *opened
    }
}
