//! `ringgate apply`: makes the running gateway what files declare.

use super::remote::{Failed, Remote, Where, run};
use super::shown::{self, Consent, ask, print};
use crate::management::declared::{self, Answered, File, Refused, Sent};
use crate::model::{Problem, ProblemKind, Problems, Source};
use clap::Args;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What to apply, and how.
#[derive(Debug, Clone, Args)]
pub(super) struct Options {
    /// A file, or a folder whose .toml files, also those in folders below, are read together
    path: PathBuf,
    /// Only show what would change
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Also delete APIs, keys, plans, domain names and so on that the files do not declare. Without it
    /// only parts of declared APIs are deleted
    #[arg(long)]
    prune: bool,
    #[command(flatten)]
    place: Where,
}

/// Exit status 0 when the gateway is what the files declare, or would be; 2 when the files are wrong.
pub(super) fn apply(config: Option<&Path>, options: &Options) -> ExitCode {
    let files = match files(&options.path) {
        Ok(files) => files,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(super::EXIT_CONFIGURATION);
        }
    };
    let texts: Vec<&str> = files.iter().map(|file| file.text.as_str()).collect();
    // Read here first: what is plainly wrong needs no gateway to be told. The region does not matter.
    if let Err(found) = declared::read(&texts, "") {
        print_problems(&files, &found);
        return ExitCode::from(super::EXIT_CONFIGURATION);
    }
    let remote = match options.place.gateway(config) {
        Ok(remote) => remote,
        Err(code) => return code,
    };
    run(run_apply(remote, options.clone(), files))
}

async fn run_apply(remote: Remote, options: Options, files: Vec<File>) -> Result<ExitCode, Failed> {
    let mut sent = Sent { files, dry_run: true, prune: options.prune, fingerprint: None };
    let answered = match send(&remote, &sent).await? {
        Ok(answered) => answered,
        Err(refused) => return Ok(refuse(&sent.files, refused)),
    };
    if answered.groups.is_empty() {
        print("Nothing differs.\n");
        return Ok(ExitCode::SUCCESS);
    }
    print(&shown::groups(&answered.groups, shown::is_coloured()));
    print(&format!("{}\n", count(&answered)));
    if options.dry_run {
        return Ok(ExitCode::SUCCESS);
    }
    if !options.yes {
        match ask("Make these changes?") {
            Consent::Given => {}
            Consent::Refused => return Ok(ExitCode::FAILURE),
            Consent::NobodyThere => {
                eprintln!("error: there is no terminal to ask on: use --yes, or --dry-run to look");
                return Ok(ExitCode::from(super::EXIT_CONFIGURATION));
            }
        }
    }
    sent.dry_run = false;
    sent.fingerprint = Some(answered.fingerprint);
    match send(&remote, &sent).await? {
        Ok(Answered { revision: Some(revision), .. }) => {
            print(&format!(
                "Done, and served: revision {revision}. `ringgate undo {revision}` takes it back.\n"
            ));
            Ok(ExitCode::SUCCESS)
        }
        Ok(_) => {
            print("Nothing was changed.\n");
            Ok(ExitCode::SUCCESS)
        }
        Err(refused) => Ok(refuse(&sent.files, refused)),
    }
}

/// What was done, or what is wrong.
async fn send(remote: &Remote, sent: &Sent) -> Result<Result<Answered, Vec<Refused>>, Failed> {
    let unreadable = |error: serde_json::Error| Failed::Unreadable {
        place: remote.endpoint.clone(),
        cause: error.to_string(),
    };
    let body = serde_json::to_vec(sent).map_err(unreadable)?;
    let reply = remote.call("POST", "/_ringgate/apply", body).await?;
    match reply.status {
        200 => serde_json::from_value(reply.document).map(Ok).map_err(unreadable),
        400 if reply.document["problems"].is_array() => {
            let answered: Answered = serde_json::from_value(reply.document).map_err(unreadable)?;
            Ok(Err(answered.problems))
        }
        status => Err(remote.refused(status, &reply.document)),
    }
}

/// How many nouns are made, changed and deleted.
fn count(answered: &Answered) -> String {
    let of = |sign: char| answered.groups.iter().filter(|it| it.title.starts_with(sign)).count();
    format!("{} to make, {} to change, {} to delete", of('+'), of('~'), of('-'))
}

pub(super) fn refuse(files: &[File], refused: Vec<Refused>) -> ExitCode {
    for it in refused.iter().filter(|it| it.file.is_none()) {
        eprintln!("error: {}", it.message);
    }
    let located = refused.into_iter().filter_map(|it| {
        let kind = ProblemKind::Refused { message: it.message };
        Some((it.file?, Problem { span: it.span.0..it.span.1, first: None, kind }))
    });
    print_problems(files, &located.collect::<Vec<_>>());
    ExitCode::from(super::EXIT_CONFIGURATION)
}

/// Prints problems, file by file.
fn print_problems(files: &[File], found: &[(usize, Problem)]) {
    for (index, file) in files.iter().enumerate() {
        let of_file = found.iter().filter(|(at, _)| *at == index);
        let of_file: Vec<Problem> = of_file.map(|(_, problem)| problem.clone()).collect();
        let source = Source::new(PathBuf::from(&file.name), file.text.clone());
        super::print_problems(&Problems::new(source, of_file));
    }
}

/// The files of a path, in the order of their names.
pub(super) fn files(path: &Path) -> Result<Vec<File>, String> {
    let unreadable =
        |path: &Path, error: std::io::Error| format!("cannot read {}: {error}", path.display());
    let paths = match path.is_dir() {
        true => toml_files(path).map_err(|error| unreadable(path, error))?,
        false => vec![path.to_owned()],
    };
    if paths.is_empty() {
        return Err(format!("there is no .toml file in {}", path.display()));
    }
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).map_err(|error| unreadable(&path, error))?;
        Ok(File { name: path.display().to_string(), text })
    };
    paths.into_iter().map(read).collect()
}

/// All `.toml` files of a folder and those below it, but for hidden ones, in the order of their names.
pub(super) fn toml_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_hidden =
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if is_hidden {
            continue;
        }
        if path.is_dir() {
            found.extend(toml_files(&path)?);
        } else if path.extension().is_some_and(|it| it == "toml") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
