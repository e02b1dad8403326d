//! Which interpreters there are on this host.
//!
//! A version's own name (`python3.12`) is looked for first, then the general one (`python3`, `node`),
//! whose version may be another: it is used, and said.

use super::{Language, Runtime, install};
use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// An interpreter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where it is.
    pub path: PathBuf,
    /// Major and minor version.
    pub version: (u32, u32),
    /// Whether it is the version that the runtime's name asks for.
    pub is_asked_for: bool,
}

/// The oldest versions that the loops are written for, and the official clients too.
const PYTHON_MIN: (u32, u32) = (3, 9);
const NODE_MIN: (u32, u32) = (18, 0);

/// No interpreter for a runtime: what was looked for, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{runtime} needs {needs}: expected {} in PATH, found {found}; install it ({install}), or put it into PATH", names.join(" or "))]
pub struct Missing {
    /// The runtime's name.
    pub runtime: String,
    /// The interpreter and its oldest version.
    pub needs: String,
    /// Names of executables that were looked for.
    pub names: Vec<String>,
    /// What was there instead.
    pub found: String,
    /// The command that installs it on this host, as far as that is known.
    pub install: &'static str,
}

/// Finds what runs a runtime's functions, in a `PATH`. `provided` needs nothing: its functions bring
/// their executable, and the answer's path is empty.
///
/// # Errors
/// There is none, or only versions that are too old.
pub fn find(runtime: &Runtime, path: &OsStr) -> Result<Found, Missing> {
    let (names, minimum, language) = match runtime {
        Runtime::Python(Some(minor)) => {
            (vec![format!("python3.{minor}"), "python3".into()], PYTHON_MIN, Language::Python)
        }
        Runtime::Python(None) => (vec!["python3".into()], PYTHON_MIN, Language::Python),
        Runtime::Node(Some(major)) => {
            let names = vec![format!("node{major}"), format!("node-{major}"), "node".into()];
            (names, NODE_MIN, Language::Node)
        }
        Runtime::Node(None) => (vec!["node".into()], NODE_MIN, Language::Node),
        Runtime::Provided => {
            return Ok(Found { path: PathBuf::new(), version: (0, 0), is_asked_for: true });
        }
    };
    let mut instead = "none".to_owned();
    for name in &names {
        for candidate in executables(name, path) {
            // A name may be there and not work, as version managers' wrappers do.
            let Some(version) = version_of(&candidate) else { continue };
            if version < minimum {
                instead = format!("{} {}.{}", candidate.display(), version.0, version.1);
                continue;
            }
            let is_asked_for = match runtime {
                Runtime::Python(Some(minor)) => version.1 == *minor,
                Runtime::Node(Some(major)) => version.0 == *major,
                Runtime::Python(None) | Runtime::Node(None) | Runtime::Provided => true,
            };
            let path = executable_of(&candidate, language).unwrap_or(candidate);
            return Ok(Found { path, version, is_asked_for });
        }
    }
    Err(Missing {
        runtime: runtime.to_string(),
        needs: format!("{language:?} {}.{} or later", minimum.0, minimum.1),
        names,
        found: instead,
        install: install::interpreter(language, install::family()),
    })
}

/// Everything that can run functions, in a `PATH`: for people who ask what there is. Each interpreter
/// once, with the runtime that it is.
pub fn found(path: &OsStr) -> Vec<(Runtime, Found)> {
    let mut all: Vec<(Runtime, Found)> = Vec::new();
    let pythons = (PYTHON_MIN.1..=20).map(|minor| format!("python3.{minor}"));
    let nodes =
        (NODE_MIN.0..=30).flat_map(|major| [format!("node{major}"), format!("node-{major}")]);
    let names = pythons.chain(["python3".into()]).chain(nodes).chain(["node".into()]);
    for name in names {
        let is_python = name.starts_with("python");
        for path in executables(&name, path) {
            let Some(version) = version_of(&path) else { continue };
            let (runtime, minimum) = match is_python {
                true => (Runtime::Python(Some(version.1)), PYTHON_MIN),
                false => (Runtime::Node(Some(version.0)), NODE_MIN),
            };
            if version >= minimum && !all.iter().any(|(known, _)| *known == runtime) {
                all.push((runtime, Found { path, version, is_asked_for: true }));
            }
        }
    }
    all
}

/// The executables of a name, in the order of a `PATH`.
fn executables(name: &str, path: &OsStr) -> Vec<PathBuf> {
    let is_executable = |path: &Path| {
        path.metadata().is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
    };
    let folders = std::env::split_paths(path).filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join(name)).filter(|path| is_executable(path)).collect()
}

/// The interpreter itself, where the name in `PATH` is a version manager's wrapper: that costs every start
/// more than the interpreter does, and may lead elsewhere in another folder.
fn executable_of(path: &Path, language: Language) -> Option<PathBuf> {
    let question: &[&str] = match language {
        Language::Python => &["-c", "import sys; print(sys.executable)"],
        Language::Node => &["-p", "process.execPath"],
    };
    let mut command = Command::new(path);
    command.args(question).stdin(Stdio::null()).stderr(Stdio::null());
    let output = command.output().ok().filter(|output| output.status.success())?;
    let told = PathBuf::from(std::str::from_utf8(&output.stdout).ok()?.trim_end());
    (told.is_absolute() && told.is_file()).then_some(told)
}

/// What it says of itself: `Python 3.12.3`, `v22.1.0`.
fn version_of(path: &Path) -> Option<(u32, u32)> {
    let output = Command::new(path)
        .arg("--version")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    parse_version(&String::from_utf8_lossy(&output.stdout))
}

fn parse_version(text: &str) -> Option<(u32, u32)> {
    let text = text.trim();
    let numbers = text.strip_prefix("Python ").or_else(|| text.strip_prefix('v'))?;
    let mut numbers = numbers.split('.');
    let major = numbers.next()?.parse().ok()?;
    let minor = numbers.next()?;
    let digits = minor.len() - minor.trim_start_matches(|it: char| it.is_ascii_digit()).len();
    Some((major, minor[..digits].parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with executables that say a version.
    fn folder(programs: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, version) in programs {
            // Written by another process: one that this process has open for writing cannot be started
            // (`ETXTBSY`) while a test beside this one is between fork and exec.
            let script = "printf '#!/bin/sh\\necho \"%s\"\\n' \"$2\" > \"$1\" && chmod 755 \"$1\"";
            let mut shell = Command::new("sh");
            shell.args(["-c", script, "sh"]).arg(folder.path().join(name)).arg(version);
            assert!(shell.status().unwrap().success());
        }
        folder
    }

    #[test]
    fn the_versions_own_name_comes_first() {
        let folder = folder(&[("python3", "Python 3.11.2"), ("python3.12", "Python 3.12.0rc1")]);
        let path = folder.path().as_os_str();
        let python = find(&Runtime::Python(Some(12)), path).unwrap();
        assert_eq!((python.version, python.is_asked_for), ((3, 12), true));
        let python = find(&Runtime::Python(None), path).unwrap();
        assert_eq!((python.version, python.is_asked_for), ((3, 11), true));
    }

    #[test]
    fn behind_a_wrapper_stands_the_interpreter_itself() {
        let folder = tempfile::tempdir().unwrap();
        // Says a version, and beside that who it is.
        let real = folder.path().join("real");
        std::fs::write(&real, "").unwrap();
        let wrapper = folder.path().join("python3");
        let script = format!(
            "printf '#!/bin/sh\n[ \"$1\" = -c ] && echo {} || echo Python 3.12.1\n' > \"$0\" && chmod 755 \"$0\"",
            real.display()
        );
        let mut shell = Command::new("sh");
        assert!(shell.arg("-c").arg(script).arg(&wrapper).status().unwrap().success());
        let python = find(&Runtime::Python(None), folder.path().as_os_str()).unwrap();
        assert_eq!((python.path, python.version), (real, (3, 12)));
    }

    #[test]
    fn another_version_will_do_and_is_told() {
        let folder = folder(&[("node", "v20.20.2")]);
        let node = find(&Runtime::Node(Some(22)), folder.path().as_os_str()).unwrap();
        assert_eq!((node.version, node.is_asked_for), ((20, 20), false));
    }

    #[test]
    fn what_is_missing_or_too_old_is_told_with_the_way_out() {
        let folder = folder(&[("python3", "Python 3.8.10"), ("node", "v18.0.0")]);
        let path = folder.path().as_os_str();
        let missing = find(&Runtime::Python(Some(12)), path).unwrap_err();
        let text = missing.to_string();
        assert!(text.starts_with("python3.12 needs Python 3.9 or later: expected python3.12"));
        assert!(text.contains("python3 3.8; install it ("), "{text}");
        assert!(find(&Runtime::Node(None), path).is_ok(), "18.0 is the oldest that will do");
        let missing = find(&Runtime::Node(Some(22)), OsStr::new("/nowhere")).unwrap_err();
        assert!(missing.to_string().contains("found none"), "{missing}");
    }

    #[test]
    fn all_that_there_are_each_once() {
        let folder = folder(&[
            ("python3", "Python 3.12.1"),
            ("python3.12", "Python 3.12.1"),
            ("python3.9", "Python 3.9.18"),
            ("node", "not a version"),
        ]);
        let all: Vec<_> = found(folder.path().as_os_str()).into_iter().map(|it| it.0).collect();
        assert_eq!(all, [Runtime::Python(Some(9)), Runtime::Python(Some(12))]);
    }

    #[test]
    fn nothing_is_needed_for_provided() {
        assert!(find(&Runtime::Provided, OsStr::new("")).is_ok());
    }

    #[test]
    fn versions_are_read() {
        assert_eq!(parse_version("Python 3.13.0b2\n"), Some((3, 13)));
        assert_eq!(parse_version("v22.1.0"), Some((22, 1)));
        for text in ["", "node", "v", "v1", "Python x.y"] {
            assert_eq!(parse_version(text), None, "{text}");
        }
    }
}
