//! `ringgate doctor` (in the making).

use std::path::Path;
use std::process::ExitCode;

/// Lists what this host must offer.
pub(super) fn doctor(config: Option<&Path>) -> ExitCode {
    match super::load(config) {
        Ok(_) => ExitCode::FAILURE,
        Err(code) => code,
    }
}
