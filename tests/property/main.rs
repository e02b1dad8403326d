//! Properties that hold for any input: one module per folder of the crate.

mod checks;
mod hostile;
mod http;
mod http_naive;
mod template;
