//! Languages: which program runs a function, by its runtime. Interpreters are looked for in ringgate's
//! `PATH` when a function first needs them; the loops that they run are written beside the workers'
//! temporary folders.

use crate::runtimes::{self, Client, Found, Loops};
use crate::snapshot::function::{Launch, Runtime};
use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

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

/// What has been found and written so far.
#[derive(Debug, Default)]
pub(super) struct Languages {
    loops: Option<Loops>,
    found: HashMap<String, Found>,
}

impl Languages {
    /// The program for a function. `folder` is where workers' folders are.
    ///
    /// # Errors
    /// What is missing, in words for whoever runs the gateway.
    pub(super) fn program(&mut self, launch: &Launch, folder: &Path) -> Result<Program, String> {
        let name = match &launch.runtime {
            Runtime::Provided(_) => return provided(launch),
            Runtime::Python(name) | Runtime::Node(name) => name,
        };
        let runtime =
            runtimes::Runtime::parse(name).ok_or_else(|| format!("runtime {name} is unknown"))?;
        if !self.found.contains_key(name) {
            // What is missing is looked for again: it may be installed by then.
            let path = std::env::var_os("PATH").unwrap_or_default();
            let found = runtimes::find(&runtime, &path).map_err(|missing| missing.to_string())?;
            if !found.is_asked_for {
                let (major, minor) = found.version;
                let path = found.path.display();
                tracing::warn!(runtime = name, %path, major, minor, "another version runs it");
            }
            self.found.insert(name.clone(), found);
        }
        let loops = self.loops(folder).map_err(|error| format!("no loop for it: {error}"))?;
        let found = self.found.get(name).ok_or("no interpreter")?;
        let program =
            loops.program(&runtime, Client::Embedded, found, &launch.code, &launch.handler);
        let command = std::iter::once(program.path.into()).chain(program.arguments).collect();
        let execution_environment = runtime.execution_environment(found);
        Ok(Program { command, runtime_folder: loops.folder().to_owned(), execution_environment })
    }

    /// The loops, written when there are none in this folder.
    fn loops(&mut self, folder: &Path) -> io::Result<Loops> {
        let folder = folder.join("runtime");
        if let Some(loops) = self.loops.as_ref().filter(|loops| loops.folder() == folder) {
            return Ok(loops.clone());
        }
        // Any user's workers read it, whatever the umask; ringgate's alone could write to it.
        std::fs::DirBuilder::new().mode(0o755).create(&folder)?;
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755))?;
        let loops = Loops::write(&folder)?;
        for entry in std::fs::read_dir(&folder)? {
            std::fs::set_permissions(entry?.path(), std::fs::Permissions::from_mode(0o644))?;
        }
        Ok(self.loops.insert(loops).clone())
    }
}

/// What the function brings itself.
fn provided(launch: &Launch) -> Result<Program, String> {
    let bootstrap = launch.code.join("bootstrap");
    let found = std::fs::metadata(&bootstrap)
        .map_err(|error| format!("there is no {}: {error}", bootstrap.display()))?;
    if !found.is_file() || found.permissions().mode() & 0o111 == 0 {
        return Err(format!("{} is not an executable file", bootstrap.display()));
    }
    Ok(Program {
        command: vec![bootstrap.into()],
        runtime_folder: launch.code.clone(),
        execution_environment: None,
    })
}
