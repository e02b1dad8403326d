//! `ringgate store`: the store's backup, restore and check.
//!
//! They open the store beside the gateway: a backup is one moment of it, and a gateway that runs
//! while a backup is restored loads what was restored.

use crate::model::Model;
use crate::store::{DumpError, Store, StoreError, read_backup, write_backup};
use clap::Subcommand;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What to do with the store.
#[derive(Debug, Clone, Subcommand)]
pub(super) enum Command {
    /// Write every row into FILE, which replaces an older one only when it is whole
    Backup {
        /// Lines of JSON, readable by its owner only; the same for every kind of store
        file: PathBuf,
    },
    /// Put the rows of FILE into an empty store, all or none
    Restore {
        /// A file that `ringgate store backup` wrote, from any kind of store
        file: PathBuf,
        /// Replace everything that the store holds; its history is lost
        #[arg(long)]
        force: bool,
    },
    /// Look whether the store is sound: exit status 0, or 2 with what is wrong
    Check,
}

/// Exit status 0 when it is done, 2 when it is not: nothing was changed then.
pub(super) fn store(config: Option<&Path>, command: &Command) -> ExitCode {
    let model = match super::load(config) {
        Ok(model) => model,
        Err(code) => return code,
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(&model, command)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(super::EXIT_CONFIGURATION)
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    File(#[from] DumpError),
    #[error("a store in memory is gone when this command ends: name another in `[store] url`")]
    Memory,
}

async fn run(model: &Model, command: &Command) -> Result<ExitCode, Failed> {
    let url = &model.store.url;
    match command {
        Command::Backup { file } => {
            let store = Store::open_existing(url).await?;
            let (revision, rows) = store.load().await?;
            write_backup(file, revision, &rows)?;
            println!(
                "{} of {} at revision {revision} are in {}",
                rows_text(rows.len()),
                store.place(),
                file.display()
            );
        }
        Command::Restore { file, force } => {
            // Read first: a damaged file must not make a store, let alone empty one.
            let (revision, rows) = read_backup(file)?;
            if url == "memory" {
                return Err(Failed::Memory);
            }
            let store = Store::open(url).await?;
            let restored = store.restore(revision, &rows, *force).await?;
            println!(
                "{} of revision {revision} are restored in {}, now at revision {restored}",
                rows_text(rows.len()),
                store.place()
            );
        }
        Command::Check => {
            let store = Store::open_existing(url).await?;
            let report = store.check().await?;
            let rows = report.kinds.values().sum();
            println!(
                "{}: schema version {}, revision {}, {}, {} in the history",
                store.place(),
                report.schema_version,
                report.revision,
                rows_text(rows),
                counted(report.changes, "change")
            );
            for (kind, count) in &report.kinds {
                println!("{count:>9} {kind}");
            }
            for problem in &report.problems {
                eprintln!("error: {problem}");
            }
            if !report.problems.is_empty() {
                return Ok(ExitCode::from(super::EXIT_CONFIGURATION));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn rows_text(count: usize) -> String {
    counted(count, "row")
}

fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}
