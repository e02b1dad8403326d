//! `ringgate diff`: what is edited and not deployed.

use super::remote::{Failed, Where, encoded, run};
use super::shown::{self, print};
use crate::management::declared::Group;
use clap::Subcommand;
use std::path::Path;
use std::process::ExitCode;

/// What to compare.
#[derive(Debug, Clone, Subcommand)]
pub(super) enum Command {
    /// Compare an API with what one of its stages serves: exit status 0 when nothing differs, else 1
    Stage {
        /// Its id, or its name where no other has it
        api: String,
        /// The stage's name
        stage: String,
        #[command(flatten)]
        place: Where,
    },
}

/// Exit status 0 when nothing differs, 1 when something does, 2 when it cannot be told.
pub(super) fn diff(config: Option<&Path>, command: &Command) -> ExitCode {
    let Command::Stage { api, stage, place } = command;
    let remote = match place.gateway(config) {
        Ok(remote) => remote,
        Err(code) => return code,
    };
    let target = format!("/_ringgate/diff?api={}&stage={}", encoded(api), encoded(stage));
    run(async move {
        let group = match remote.done("GET", &target, Vec::new()).await {
            Ok(answer) => serde_json::from_value::<Group>(answer).map_err(|error| {
                Failed::Unreadable { place: remote.endpoint.clone(), cause: error.to_string() }
            }),
            Err(error) => Err(error),
        };
        Ok(match group {
            Ok(group) if group.lines.is_empty() => {
                print("Nothing differs.\n");
                ExitCode::SUCCESS
            }
            Ok(group) => {
                print(&shown::groups(&[group], shown::is_coloured()));
                ExitCode::from(1)
            }
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::from(super::EXIT_CONFIGURATION)
            }
        })
    })
}
