//! `ringgate export`: what the management API holds, as TOML.

use super::remote::{Failed, Where, encoded, run};
use super::shown::print;
use crate::management::declared::File;
use clap::Args;
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What to export, and where to.
#[derive(Debug, Clone, Args)]
pub(super) struct Options {
    /// A file, when it ends in .toml, else a folder: a file for each API, and shared.toml for keys,
    /// usage plans, domain names and so on [default: standard output]
    target: Option<PathBuf>,
    /// Only this API, by its id or name; may be repeated
    #[arg(long, value_name = "API")]
    api: Vec<String>,
    /// Also values of API keys and private keys; the files are then readable by their owner only
    #[arg(long)]
    with_secrets: bool,
    /// All regions, each in a folder of its own
    #[arg(long, requires = "target")]
    all_regions: bool,
    #[command(flatten)]
    place: Where,
}

/// Exit status 0 when it is done.
pub(super) fn export(config: Option<&Path>, options: &Options) -> ExitCode {
    let remote = match options.place.gateway(config) {
        Ok(remote) => remote,
        Err(code) => return code,
    };
    let is_file = |path: &Path| path.extension().is_some_and(|it| it == "toml");
    let is_folder = options.target.as_deref().is_some_and(|path| !is_file(path));
    let mut query = Vec::new();
    if is_folder {
        query.push("layout=folder".to_owned());
    }
    if options.with_secrets {
        query.push("secrets=true".to_owned());
    }
    if options.all_regions {
        query.push("regions=all".to_owned());
    }
    query.extend(options.api.iter().map(|api| format!("api={}", encoded(api))));
    let target = format!("/_ringgate/export?{}", query.join("&"));
    run(async move {
        let mut answer = remote.done("GET", &target, Vec::new()).await?;
        let files: Vec<File> = serde_json::from_value(answer["files"].take()).map_err(|error| {
            Failed::Unreadable { place: remote.endpoint.clone(), cause: error.to_string() }
        })?;
        Ok(write(options.target.as_deref(), is_folder, &files, options.with_secrets))
    })
}

/// Writes files where they belong.
pub(super) fn write(
    target: Option<&Path>,
    is_folder: bool,
    files: &[File],
    is_secret: bool,
) -> ExitCode {
    let Some(target) = target else {
        files.iter().for_each(|file| print(&file.text));
        return ExitCode::SUCCESS;
    };
    for file in files {
        let path = match (is_folder, files.len()) {
            (true, _) => target.join(&file.name),
            (false, 1) => target.to_owned(),
            (false, _) => {
                eprintln!("error: several regions do not fit into one file: name a folder");
                return ExitCode::from(super::EXIT_CONFIGURATION);
            }
        };
        if let Err(error) = write_one(&path, &file.text, is_secret) {
            eprintln!("error: cannot write {}: {error}", path.display());
            return ExitCode::FAILURE;
        }
        print(&format!("{}\n", path.display()));
    }
    if is_folder {
        let names: Vec<PathBuf> = files.iter().map(|file| target.join(&file.name)).collect();
        for old in super::apply::toml_files(target).unwrap_or_default() {
            if !names.contains(&old) {
                eprintln!(
                    "warning: {} is from before and says what is no longer there",
                    old.display()
                );
            }
        }
    }
    ExitCode::SUCCESS
}

/// Replaces a file when the new one is whole.
fn write_one(path: &Path, text: &str, is_secret: bool) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let mode = if is_secret { 0o600 } else { 0o644 };
    // A left-over of an earlier try may be readable by more than its owner.
    let _ = fs::remove_file(&new);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)
}

/// A JSON member as text.
pub(super) fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    value[member].as_str().unwrap_or_default()
}
