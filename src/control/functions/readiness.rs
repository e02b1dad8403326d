//! Readiness: can this host run these functions, and by what? Asked before anybody invokes them.

use super::codes::Codes;
use super::languages::{bootstrap, interpreter, official};
use crate::model::{Client, Function, Runtime};
use crate::runtimes::{self, Found, Official};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Whether a function can be run.
#[derive(Debug, Clone)]
pub struct Readiness {
    /// Its name.
    pub function: String,
    /// Its runtime's name.
    pub runtime: String,
    /// What stands between the Runtime API and its handler.
    pub client: Client,
    /// What runs it, or what is missing, in words for whoever runs the gateway.
    pub runs_by: Result<RunsBy, String>,
}

/// What runs a function.
#[derive(Debug, Clone)]
pub enum RunsBy {
    /// The executable that it brings.
    Bootstrap(PathBuf),
    /// An interpreter with ringgate's loop.
    Loop(Found),
    /// An interpreter with an official client.
    Official(Found, Official),
}

/// Looks at functions whose code `codes` has taken in. Blocks: interpreters are asked for their versions.
pub fn readiness(functions: &[Function], codes: &Codes) -> Vec<Readiness> {
    let mut known = BTreeMap::new();
    let ready = |function: &Function| Readiness {
        function: function.name.clone(),
        runtime: function.runtime.name().to_owned(),
        client: function.client,
        runs_by: runs_by(function, codes, &mut known),
    };
    functions.iter().map(ready).collect()
}

type Asked = Result<(runtimes::Runtime, Found), String>;

fn runs_by(
    function: &Function,
    codes: &Codes,
    known: &mut BTreeMap<String, Asked>,
) -> Result<RunsBy, String> {
    let code = codes.folder(function.code.place());
    let name = match &function.runtime {
        Runtime::Provided(_) => return bootstrap(&code).map(RunsBy::Bootstrap),
        Runtime::Python(name) | Runtime::Node(name) => name,
    };
    let (runtime, found) =
        known.entry(name.clone()).or_insert_with(|| interpreter(name)).clone()?;
    Ok(match function.client {
        Client::Ringgate => RunsBy::Loop(found),
        Client::Official => {
            let client = official(&runtime, &found, &code, &function.environment)?;
            RunsBy::Official(found, client)
        }
    })
}
