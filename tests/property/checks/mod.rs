//! What must hold for any bytes: run here with texts from strategies, and by `fuzz/` with texts from a
//! fuzzer, which is why nothing here needs a crate beyond this one.

pub(crate) mod parameters;
pub(crate) mod schema;
