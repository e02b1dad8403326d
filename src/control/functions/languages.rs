//! Languages: which program runs a function, by its runtime. Interpreters are looked for in ringgate's
//! `PATH`, and again when the one that was found is another than it was; the loops that they run are
//! written beside the workers' temporary folders.

use crate::model::Function;
use crate::runtimes::{self, Entry, Found, Loops, Official};
use crate::snapshot::function::{Client, Launch, Runtime};
use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What to start.
#[derive(Debug)]
pub(super) struct Program {
    /// The program and its arguments.
    pub(super) command: Vec<OsString>,
    /// `LAMBDA_RUNTIME_DIR`.
    pub(super) runtime_folder: PathBuf,
    /// `AWS_EXECUTION_ENV`.
    pub(super) execution_environment: Option<String>,
}

/// What has been found and written so far. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Languages(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    loops: Option<Loops>,
    /// By the runtime's name.
    interpreters: HashMap<String, Interpreter>,
    /// By the runtime's name and the folder with the code.
    clients: HashMap<(String, PathBuf), Official>,
}

#[derive(Debug, Clone)]
struct Interpreter {
    runtime: runtimes::Runtime,
    found: Found,
    identity: Identity,
    /// The loop that it runs.
    file: PathBuf,
}

/// Changes when another file takes a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
    modified: i64,
}

impl Identity {
    fn of(path: &Path) -> Option<Self> {
        let found = std::fs::metadata(path).ok()?;
        Some(Self { device: found.dev(), inode: found.ino(), modified: found.mtime() })
    }
}

/// The interpreter of a runtime, in this process's `PATH`. Blocks.
///
/// # Errors
/// What is missing, in words for whoever runs the gateway.
pub(super) fn interpreter(name: &str) -> Result<(runtimes::Runtime, Found), String> {
    let runtime =
        runtimes::Runtime::parse(name).ok_or_else(|| format!("runtime {name} is unknown"))?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = runtimes::find(&runtime, &path).map_err(|missing| missing.to_string())?;
    Ok((runtime, found))
}

/// The official client of a function. Blocks.
///
/// # Errors
/// What is missing, in words for whoever runs the gateway.
pub(super) fn official(
    runtime: &runtimes::Runtime,
    found: &Found,
    code: &Path,
    environment: &[(String, String)],
) -> Result<Official, String> {
    let language = runtime.language().ok_or("a bootstrap needs no client")?;
    runtimes::official(language, found, code, environment).map_err(|missing| missing.to_string())
}

impl Languages {
    /// The program for a function. `folder` is where workers' folders are. Blocks when it is asked for the
    /// first time.
    ///
    /// # Errors
    /// What is missing, in words for whoever runs the gateway.
    pub(super) fn program(
        &self,
        launch: &Launch,
        client: Client,
        folder: &Path,
    ) -> Result<Program, String> {
        let name = match &launch.runtime {
            Runtime::Provided(_) => return provided(&launch.code),
            Runtime::Python(name) | Runtime::Node(name) => name,
        };
        let Interpreter { runtime, found, file, .. } = self.interpreter(name, folder)?;
        let entry = match client {
            Client::Ringgate => Entry::Loop(file),
            Client::Official => {
                self.official(&runtime, name, &found, &launch.code, &launch.environment)?.entry
            }
        };
        let program = runtimes::program(&found, entry, &launch.handler);
        Ok(Program {
            command: std::iter::once(program.path.into()).chain(program.arguments).collect(),
            runtime_folder: self.loops(folder).map_err(|error| error.to_string())?.folder().into(),
            execution_environment: runtime.execution_environment(&found),
        })
    }

    /// Looks for all that a function of the file needs, so that no request waits for that. Blocks.
    ///
    /// # Errors
    /// What is missing, in words for whoever runs the gateway.
    pub(super) fn make_ready(
        &self,
        function: &Function,
        code: &Path,
        folder: &Path,
    ) -> Result<(), String> {
        let name = match &function.runtime {
            Runtime::Provided(_) => return bootstrap(code).map(drop),
            Runtime::Python(name) | Runtime::Node(name) => name,
        };
        let Interpreter { runtime, found, .. } = self.interpreter(name, folder)?;
        match function.client {
            Client::Ringgate => Ok(()),
            Client::Official => {
                self.official(&runtime, name, &found, code, &function.environment).map(drop)
            }
        }
    }

    fn interpreter(&self, name: &str, folder: &Path) -> Result<Interpreter, String> {
        let known = self.lock().interpreters.get(name).cloned();
        if let Some(known) = known
            && Identity::of(&known.found.path) == Some(known.identity)
        {
            return Ok(known);
        }
        // What is missing is looked for again: it may be installed by then. Not under the lock: the control
        // thread takes it.
        let (runtime, found) = interpreter(name)?;
        let loops = self.loops(folder).map_err(|error| format!("no loop for it: {error}"))?;
        let language = runtime.language().ok_or("a bootstrap needs no interpreter")?;
        let file = loops.file(language, &found);
        let identity = Identity::of(&found.path).ok_or("the interpreter is gone")?;
        let interpreter = Interpreter { runtime, found, identity, file };
        let before = self.lock().interpreters.insert(name.to_owned(), interpreter.clone());
        let found = &interpreter.found;
        if !found.is_asked_for && before.is_none_or(|before| before.found != *found) {
            let path = found.path.display();
            let (major, minor) = found.version;
            tracing::warn!(runtime = name, %path, major, minor, "another version runs it");
        }
        Ok(interpreter)
    }

    fn official(
        &self,
        runtime: &runtimes::Runtime,
        name: &str,
        found: &Found,
        code: &Path,
        environment: &[(String, String)],
    ) -> Result<Official, String> {
        let key = (name.to_owned(), code.to_owned());
        if let Some(known) = self.lock().clients.get(&key).filter(|known| known.path.is_dir()) {
            return Ok(known.clone());
        }
        let official = official(runtime, found, code, environment)?;
        let mut inner = self.lock();
        inner.clients.retain(|(_, code), _| code.is_dir());
        inner.clients.insert(key, official.clone());
        Ok(official)
    }

    /// The loops, written when there are none in this folder.
    fn loops(&self, folder: &Path) -> io::Result<Loops> {
        let folder = folder.join("runtime");
        let mut inner = self.lock();
        if let Some(loops) = inner.loops.as_ref().filter(|loops| loops.folder() == folder) {
            return Ok(loops.clone());
        }
        // Any user's workers read it, whatever the umask; ringgate's alone could write to it.
        std::fs::DirBuilder::new().mode(0o755).create(&folder)?;
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755))?;
        let loops = Loops::write(&folder)?;
        for entry in std::fs::read_dir(&folder)? {
            std::fs::set_permissions(entry?.path(), std::fs::Permissions::from_mode(0o644))?;
        }
        Ok(inner.loops.insert(loops).clone())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The executable that a function brings itself.
pub(super) fn bootstrap(code: &Path) -> Result<PathBuf, String> {
    let bootstrap = code.join("bootstrap");
    let found = std::fs::metadata(&bootstrap)
        .map_err(|error| format!("there is no {}: {error}", bootstrap.display()))?;
    if !found.is_file() || found.permissions().mode() & 0o111 == 0 {
        return Err(format!("{} is not an executable file", bootstrap.display()));
    }
    Ok(bootstrap)
}

fn provided(code: &Path) -> Result<Program, String> {
    Ok(Program {
        command: vec![bootstrap(code)?.into()],
        runtime_folder: code.to_owned(),
        execution_environment: None,
    })
}
