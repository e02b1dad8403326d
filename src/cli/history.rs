//! `ringgate history` and `ringgate undo`: what was changed by whom, and taking it back.

use super::export::text;
use super::remote::{Where, run};
use super::shown::{self, Consent, ask, print};
use clap::Args;
use serde_json::Value;
use std::path::Path;
use std::process::ExitCode;

/// What to list.
#[derive(Debug, Clone, Args)]
pub(super) struct HistoryOptions {
    /// How many changes, newest first
    #[arg(long, short = 'n', default_value_t = 20, value_name = "COUNT")]
    limit: u64,
    /// Only those before this revision
    #[arg(long, value_name = "REVISION")]
    before: Option<u64>,
    #[command(flatten)]
    place: Where,
}

/// What to take back.
#[derive(Debug, Clone, Args)]
pub(super) struct UndoOptions {
    /// A number of the history [default: the last change]
    revision: Option<u64>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    place: Where,
}

/// Prints the latest changes.
pub(super) fn history(config: Option<&Path>, options: &HistoryOptions) -> ExitCode {
    let remote = match options.place.gateway(config) {
        Ok(remote) => remote,
        Err(code) => return code,
    };
    let before = options.before.map(|it| format!("&before={it}")).unwrap_or_default();
    let target = format!("/_ringgate/history?limit={}{before}", options.limit);
    run(async move {
        let answer = remote.done("GET", &target, Vec::new()).await?;
        let changes = answer["changes"].as_array().cloned().unwrap_or_default();
        if changes.is_empty() {
            print("There are no changes.\n");
        }
        let is_coloured = shown::is_coloured();
        for change in &changes {
            print(&format!("{}\n", entry(change, is_coloured)));
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// Takes a change back.
pub(super) fn undo(config: Option<&Path>, options: &UndoOptions) -> ExitCode {
    let remote = match options.place.gateway(config) {
        Ok(remote) => remote,
        Err(code) => return code,
    };
    let options = options.clone();
    run(async move {
        let revision = options.revision.map(|it| format!("&revision={it}")).unwrap_or_default();
        let target = format!("/_ringgate/undo?dry_run=true{revision}");
        let change = remote.done("POST", &target, Vec::new()).await?;
        print("This change is taken back:\n\n");
        print(&format!("{}\n", entry(&change, shown::is_coloured())));
        if !options.yes {
            match ask("Take it back?") {
                Consent::Given => {}
                Consent::Refused => return Ok(ExitCode::FAILURE),
                Consent::NobodyThere => {
                    eprintln!("error: there is no terminal to ask on: use --yes");
                    return Ok(ExitCode::from(super::EXIT_CONFIGURATION));
                }
            }
        }
        // The one that was shown, whatever came after it.
        let target = format!("/_ringgate/undo?revision={}", change["revision"]);
        let done = remote.done("POST", &target, Vec::new()).await?;
        match done["revision"].as_u64() {
            Some(revision) => print(&format!("Done, and served: revision {revision}.\n")),
            None => print("Nothing was changed.\n"),
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// One change: who, when, from where and what.
fn entry(change: &Value, is_coloured: bool) -> String {
    let mut out = format!(
        "revision {}  {}  {} from {}  {}\n",
        change["revision"],
        text(change, "at"),
        text(change, "author"),
        text(change, "source"),
        text(change, "operation"),
    );
    for line in change["changes"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        out.push_str(&format!("    {}\n", shown::painted(&signed(line), is_coloured)));
    }
    out
}

/// A line of the history with its sign first: `kind place ~ member: …` and `kind place made`.
fn signed(line: &str) -> String {
    let parts: Vec<&str> = line.splitn(4, ' ').collect();
    match parts[..] {
        [kind, place, sign @ ("+" | "-" | "~"), rest] => format!("{sign} {kind} {place} {rest}"),
        [kind, place, "made"] => format!("+ {kind} {place}"),
        [kind, place, "deleted"] => format!("- {kind} {place}"),
        _ => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sign_comes_first() {
        assert_eq!(
            signed("stage a/prod ~ variables.x: 1 -> 2"),
            "~ stage a/prod variables.x: 1 -> 2"
        );
        assert_eq!(signed("rest-api a1 made"), "+ rest-api a1");
        assert_eq!(signed("rest-api a1 deleted"), "- rest-api a1");
    }
}
