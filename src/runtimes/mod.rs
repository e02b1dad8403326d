//! Runtimes: what runs a function's code, by the name that Lambda gives it (`python3.12`, `nodejs22.x`,
//! `provided.al2023`).
//!
//! Python and Node need a loop between the Runtime API and the handler. Ringgate brings its own, so
//! that nothing is to be installed but the interpreter; they behave as the official clients do
//! (`tests/runtimes` runs the same tests over both), and cost less per event. Who would rather have
//! the official client chooses it; it must then be installed.
//!
//! Starts nothing: says which program with which arguments is to be started.

mod find;

pub use find::{Found, Missing, find, found};

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// The loop for Python.
const PYTHON_LOOP: &str = include_str!("python/bootstrap.py");

/// The loop for Node.
const NODE_LOOP: &str = include_str!("node/bootstrap.mjs");

/// The name of the executable that a `provided` function brings.
const BOOTSTRAP: &str = "bootstrap";

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

/// Which loop stands between the Runtime API and the handler.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Client {
    /// Ringgate's own.
    #[default]
    Embedded,
    /// `awslambdaric` of PyPI, `aws-lambda-ric` of npm: installed with the function or beside the
    /// interpreter.
    Official,
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

    /// What is to be started for a function; its environment has the handler too, as `_HANDLER`.
    ///
    /// `found` is [`find`]'s answer for the same runtime; `code` the folder with the function's code.
    pub fn program(
        &self,
        runtime: &Runtime,
        client: Client,
        found: &Found,
        code: &Path,
        handler: &str,
    ) -> Program {
        let arguments = match (runtime, client) {
            (Runtime::Provided, _) => {
                return Program { path: code.join(BOOTSTRAP), arguments: Vec::new() };
            }
            (Runtime::Python(_), Client::Embedded) => {
                vec![self.folder.join("bootstrap.py").into()]
            }
            (Runtime::Python(_), Client::Official) => {
                vec!["-m".into(), "awslambdaric".into(), handler.into()]
            }
            (Runtime::Node(_), Client::Embedded) => {
                vec![self.folder.join("bootstrap.mjs").into()]
            }
            (Runtime::Node(_), Client::Official) => {
                vec![code.join("node_modules/aws-lambda-ric/bin/index.mjs").into(), handler.into()]
            }
        };
        Program { path: found.path.clone(), arguments }
    }
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
    fn programs_by_runtime_and_client() {
        let folder = tempfile::tempdir().unwrap();
        let loops = Loops::write(folder.path()).unwrap();
        let code = Path::new("/code");
        let python = found("/usr/bin/python3", (3, 12));
        let program = loops.program(&Runtime::Python(None), Client::Embedded, &python, code, "a.b");
        assert_eq!(program.path, Path::new("/usr/bin/python3"));
        assert!(Path::new(&program.arguments[0]).is_file(), "the loop has been written");
        let program = loops.program(&Runtime::Python(None), Client::Official, &python, code, "a.b");
        assert_eq!(program.arguments, ["-m", "awslambdaric", "a.b"]);
        let program = loops.program(&Runtime::Provided, Client::Embedded, &python, code, "x");
        assert_eq!(program, Program { path: "/code/bootstrap".into(), arguments: Vec::new() });
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
