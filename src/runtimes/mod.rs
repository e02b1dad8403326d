//! Runtimes: what runs a function's code, by the name that Lambda gives it (`python3.12`, `nodejs22.x`,
//! `provided.al2023`).
//!
//! Python and Node need a loop between the Runtime API and the handler. Ringgate brings its own, so
//! that nothing is to be installed but the interpreter; they behave as the official clients do
//! (`tests/runtimes` runs the same tests over both), and cost less per event. Who would rather have
//! the official client chooses it; it must then be installed.
//!
//! Starts no worker: says which program with which arguments is to be started. What it does start are the
//! interpreters, to ask them which version they are and to have the loop compiled.

mod find;
mod install;
mod official;

pub use find::{Found, Missing, find, found};
pub use official::{MissingClient, Official, official};

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// The loop for Python.
const PYTHON_LOOP: &str = include_str!("python/bootstrap.py");

/// The loop for Node.
const NODE_LOOP: &str = include_str!("node/bootstrap.mjs");

/// What a function's code is written in, and in which version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Runtime {
    /// `python3.12`, or `python3` for whichever there is: the minor version.
    Python(Option<u32>),
    /// `nodejs22.x`, or `nodejs` for whichever there is: the major version.
    Node(Option<u32>),
    /// `provided`, `provided.al2`, `provided.al2023`: an executable `bootstrap` in the code's folder.
    Provided,
}

impl Runtime {
    /// From Lambda's name of it; `None` when ringgate cannot run it.
    ///
    /// ```
    /// use ringgate::runtimes::Runtime;
    ///
    /// assert_eq!(Runtime::parse("python3.12"), Some(Runtime::Python(Some(12))));
    /// assert_eq!(Runtime::parse("nodejs22.x"), Some(Runtime::Node(Some(22))));
    /// assert_eq!(Runtime::parse("java21"), None);
    /// ```
    pub fn parse(name: &str) -> Option<Self> {
        if let Some(version) = name.strip_prefix("python3") {
            return match version.strip_prefix('.') {
                Some(minor) => minor.parse().ok().map(|minor| Self::Python(Some(minor))),
                None => version.is_empty().then_some(Self::Python(None)),
            };
        }
        if let Some(version) = name.strip_prefix("nodejs") {
            if version.is_empty() {
                return Some(Self::Node(None));
            }
            let major = version.strip_suffix(".x").unwrap_or(version);
            return major.parse().ok().map(|major| Self::Node(Some(major)));
        }
        matches!(name, "provided" | "provided.al2" | "provided.al2023").then_some(Self::Provided)
    }

    /// What its interpreter reads; `None` for `provided`.
    pub fn language(&self) -> Option<Language> {
        match self {
            Self::Python(_) => Some(Language::Python),
            Self::Node(_) => Some(Language::Node),
            Self::Provided => None,
        }
    }

    /// `AWS_EXECUTION_ENV` of its processes; `provided` has none.
    pub fn execution_environment(&self, found: &Found) -> Option<String> {
        match self {
            Self::Python(minor) => {
                let minor = minor.unwrap_or(found.version.1);
                Some(format!("AWS_Lambda_python3.{minor}"))
            }
            Self::Node(major) => {
                Some(format!("AWS_Lambda_nodejs{}.x", major.unwrap_or(found.version.0)))
            }
            Self::Provided => None,
        }
    }
}

/// What an interpreter reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Python 3.
    Python,
    /// JavaScript by Node.js.
    Node,
}

impl fmt::Display for Runtime {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Python(Some(minor)) => write!(out, "python3.{minor}"),
            Self::Python(None) => out.write_str("python3"),
            Self::Node(Some(major)) => write!(out, "nodejs{major}.x"),
            Self::Node(None) => out.write_str("nodejs"),
            Self::Provided => out.write_str("provided"),
        }
    }
}

/// A program to be started, with the code's folder as its working directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The executable.
    pub path: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
}

/// The loops as files, where interpreters can read them.
#[derive(Debug, Clone)]
pub struct Loops {
    folder: PathBuf,
}

impl Loops {
    /// Writes the loops into a folder that exists. The folder is what functions see as
    /// `LAMBDA_RUNTIME_DIR`; whoever runs functions must be able to read it, and nobody else to write
    /// to it.
    ///
    /// # Errors
    /// The folder is not there or not writable.
    pub fn write(folder: &Path) -> io::Result<Self> {
        for (name, text) in [("bootstrap.py", PYTHON_LOOP), ("bootstrap.mjs", NODE_LOOP)] {
            std::fs::write(folder.join(name), text)?;
        }
        Ok(Self { folder: folder.to_owned() })
    }

    /// Where they are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The loop for an interpreter. Python's is compiled for that very one, which spares each worker some
    /// milliseconds; where that cannot be done it is the source. Blocks.
    pub fn file(&self, language: Language, found: &Found) -> PathBuf {
        match language {
            Language::Node => self.folder.join("bootstrap.mjs"),
            Language::Python => {
                self.compiled(found).unwrap_or_else(|| self.folder.join("bootstrap.py"))
            }
        }
    }

    fn compiled(&self, found: &Found) -> Option<PathBuf> {
        let source = self.folder.join("bootstrap.py");
        let (major, minor) = found.version;
        let compiled = self.folder.join(format!("bootstrap-{major}.{minor}.pyc"));
        // Renamed, because workers may be reading one that is there.
        let script = "import os, py_compile, sys; source, target, own = sys.argv[1:]; \
                      py_compile.compile(source, own, doraise=True); os.chmod(own, 0o644); os.replace(own, target)";
        let own = self.folder.join(format!("{}.pyc", std::process::id()));
        let mut command = std::process::Command::new(&found.path);
        command.args(["-I", "-c", script]).args([&source, &compiled, &own]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let is_done = command.status().is_ok_and(|status| status.success());
        (is_done && compiled.is_file()).then_some(compiled)
    }
}

/// What is to be started for a function in Python or JavaScript; its environment has the handler too, as
/// `_HANDLER`.
///
/// `found` is [`find`]'s answer for the same runtime, `entry` the loop ([`Loops::file`]) or the official
/// client ([`Official::entry`]).
pub fn program(found: &Found, entry: Entry, handler: &str) -> Program {
    let arguments = match entry {
        Entry::Loop(file) => vec![file.into()],
        Entry::Module(name) => vec!["-m".into(), name.into(), handler.into()],
        Entry::Script(file) => vec![file.into(), handler.into()],
    };
    Program { path: found.path.clone(), arguments }
}

/// How an interpreter is set to work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// Ringgate's loop, which takes the handler from its environment.
    Loop(PathBuf),
    /// A Python module that takes the handler as its argument.
    Module(&'static str),
    /// A script that does.
    Script(PathBuf),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, version: (u32, u32)) -> Found {
        Found { path: path.into(), version, is_asked_for: true }
    }

    #[test]
    fn names_are_lambdas() {
        for name in ["python3.9", "python3.13", "python3", "nodejs18.x", "nodejs", "provided"] {
            assert_eq!(Runtime::parse(name).unwrap().to_string(), name);
        }
        assert_eq!(Runtime::parse("provided.al2023"), Some(Runtime::Provided));
        for name in ["", "python2.7", "python3.x", "python3.", "nodejsx", "java21", "provided.x"] {
            assert_eq!(Runtime::parse(name), None, "{name}");
        }
    }

    #[test]
    fn programs_by_what_they_are_to_run() {
        let python = found("/usr/bin/python3", (3, 12));
        let arguments = |entry| program(&python, entry, "a.b").arguments;
        assert_eq!(arguments(Entry::Loop("/r/bootstrap.py".into())), ["/r/bootstrap.py"]);
        assert_eq!(arguments(Entry::Module("awslambdaric")), ["-m", "awslambdaric", "a.b"]);
        assert_eq!(arguments(Entry::Script("/r/index.mjs".into())), ["/r/index.mjs", "a.b"]);
    }

    #[test]
    fn a_loop_that_cannot_be_compiled_is_run_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let loops = Loops::write(folder.path()).unwrap();
        let nobody = found("/nowhere/python3", (3, 12));
        let file = loops.file(Language::Python, &nobody);
        assert_eq!(file, folder.path().join("bootstrap.py"));
        assert!(file.is_file(), "the loop has been written");
    }

    #[test]
    fn the_environments_name_has_the_version_asked_for_or_found() {
        let node = found("/usr/bin/node", (22, 1));
        let name = |runtime: Runtime| runtime.execution_environment(&node);
        assert_eq!(name(Runtime::Node(None)).as_deref(), Some("AWS_Lambda_nodejs22.x"));
        assert_eq!(name(Runtime::Node(Some(20))).as_deref(), Some("AWS_Lambda_nodejs20.x"));
        assert_eq!(name(Runtime::Provided), None);
    }
}
