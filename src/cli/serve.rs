//! `ringgate serve` (in the making).

use std::path::Path;
use std::process::ExitCode;

/// Serves requests until it is told to stop.
pub(super) fn serve(config: Option<&Path>) -> ExitCode {
    match super::load(config) {
        Ok(_) => ExitCode::FAILURE,
        Err(code) => code,
    }
}
