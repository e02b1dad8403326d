//! The official runtime clients: `awslambdaric` of PyPI and `aws-lambda-ric` of npm. They come with the
//! function, with its environment, or with the interpreter, and are found as the interpreter finds them.

use super::{Entry, Found, Language};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// An official client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Official {
    /// Its package: `awslambdaric`, `aws-lambda-ric`.
    pub name: &'static str,
    /// Its version, as its package says.
    pub version: String,
    /// The folder with it.
    pub path: PathBuf,
    /// How it is started.
    pub entry: Entry,
}

/// No official client for a function.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no {name} for {}: expected it in {places}; install it ({install}), or leave `client` out and have ringgate's own loop run it", interpreter.display())]
pub struct MissingClient {
    /// The package.
    pub name: &'static str,
    /// What would run it.
    pub interpreter: PathBuf,
    /// Where it was looked for.
    pub places: &'static str,
    /// The command that installs it.
    pub install: String,
}

/// Asks Python where a module would come from. Nothing of the function's own is run: it may be somebody's
/// who is trusted less than whoever asks. So what is needed is imported before its folders are looked at.
const QUESTION: &str = "import importlib.metadata, importlib.util, os, sys\n\
    sys.path[:0] = sys.argv[1:]\n\
    found = importlib.util.find_spec('awslambdaric')\n\
    found or sys.exit(1)\n\
    folder = os.path.dirname(found.origin)\n\
    try: version = importlib.metadata.version('awslambdaric')\n\
    except importlib.metadata.PackageNotFoundError: version = 'unknown'\n\
    print(version); print(folder)";

/// Finds the official client for a function with this code and these variables. Blocks: an interpreter
/// is started.
///
/// # Errors
/// There is none.
pub fn official(
    language: Language,
    found: &Found,
    code: &Path,
    environment: &[(String, String)],
) -> Result<Official, MissingClient> {
    let variable = |name| environment.iter().find(|(it, _)| it == name).map(|(_, it)| it.as_str());
    let own_folder = code.display();
    match language {
        Language::Python => python(found, code, variable("PYTHONPATH")).ok_or_else(|| MissingClient {
            name: "awslambdaric",
            interpreter: found.path.clone(),
            places: "the code's folder, PYTHONPATH of the function's environment and site-packages",
            install: format!("{} -m pip install --target {own_folder} awslambdaric", found.path.display()),
        }),
        Language::Node => node(found, code, variable("NODE_PATH")).ok_or_else(|| MissingClient {
            name: "aws-lambda-ric",
            interpreter: found.path.clone(),
            places: "node_modules of the code's folder and those above it, NODE_PATH of the function's \
                     environment and the global node_modules",
            install: format!("npm install --prefix {own_folder} aws-lambda-ric"),
        }),
    }
}

fn python(found: &Found, code: &Path, python_path: Option<&str>) -> Option<Official> {
    let mut command = Command::new(&found.path);
    command.args(["-I", "-c", QUESTION]).arg(code).stdin(Stdio::null()).stderr(Stdio::null());
    command.args(python_path.into_iter().flat_map(|path| std::env::split_paths(OsStr::new(path))));
    let output = command.output().ok().filter(|output| output.status.success())?;
    let told = String::from_utf8(output.stdout).ok()?;
    let (version, folder) = told.trim_end().split_once('\n')?;
    Some(Official {
        name: "awslambdaric",
        version: version.to_owned(),
        path: folder.into(),
        entry: Entry::Module("awslambdaric"),
    })
}

fn node(found: &Found, code: &Path, node_path: Option<&str>) -> Option<Official> {
    let above = code.ancestors().map(|folder| folder.join("node_modules"));
    let named = node_path.into_iter().flat_map(|path| std::env::split_paths(OsStr::new(path)));
    // npm's global folder is that of the prefix that `bin/node` is in.
    let global = found.path.parent().and_then(Path::parent).map(|it| it.join("lib/node_modules"));
    let mut folders = above.chain(named).chain(global);
    folders.find_map(|folder| {
        let path = folder.join("aws-lambda-ric");
        let script = path.join("bin/index.mjs");
        let package = std::fs::read(path.join("package.json")).ok().filter(|_| script.is_file())?;
        let package: serde_json::Value = serde_json::from_slice(&package).ok()?;
        Some(Official {
            name: "aws-lambda-ric",
            version: package["version"].as_str().unwrap_or("unknown").to_owned(),
            path,
            entry: Entry::Script(script),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &Path) -> Found {
        Found { path: path.to_owned(), version: (20, 0), is_asked_for: true }
    }

    fn install(folder: &Path, version: &str) {
        let path = folder.join("aws-lambda-ric");
        std::fs::create_dir_all(path.join("bin")).unwrap();
        std::fs::write(path.join("bin/index.mjs"), "").unwrap();
        std::fs::write(path.join("package.json"), format!("{{\"version\":\"{version}\"}}"))
            .unwrap();
    }

    #[test]
    fn the_client_for_node_is_looked_for_where_node_looks() {
        let place = tempfile::tempdir().unwrap();
        let code = place.path().join("project/functions/f");
        let other = place.path().join("other");
        let node = found(&place.path().join("prefix/bin/node"));
        std::fs::create_dir_all(&code).unwrap();
        let variables = [("NODE_PATH".to_owned(), other.display().to_string())];
        let version =
            || official(Language::Node, &node, &code, &variables).map(|found| found.version);
        let missing = version().unwrap_err().to_string();
        assert!(missing.contains("npm install --prefix"), "{missing}");
        install(&place.path().join("prefix/lib/node_modules"), "1.0.0");
        assert_eq!(version().unwrap(), "1.0.0", "beside the interpreter");
        install(&other, "2.0.0");
        assert_eq!(version().unwrap(), "2.0.0", "in the function's environment");
        install(&place.path().join("project/node_modules"), "3.0.0");
        assert_eq!(version().unwrap(), "3.0.0", "in the project");
        install(&code.join("node_modules"), "4.0.0");
        let own = official(Language::Node, &node, &code, &variables).unwrap();
        assert_eq!(own.version, "4.0.0");
        let script = code.join("node_modules/aws-lambda-ric/bin/index.mjs");
        assert_eq!(own.entry, Entry::Script(script));
    }

    #[test]
    fn the_client_for_python_is_asked_for_by_python() {
        let place = tempfile::tempdir().unwrap();
        let python = super::super::find(
            &super::super::Runtime::Python(None),
            &std::env::var_os("PATH").unwrap_or_default(),
        );
        let code = place.path().join("code");
        std::fs::create_dir_all(code.join("awslambdaric")).unwrap();
        std::fs::write(code.join("awslambdaric/__init__.py"), "raise SystemExit(7)").unwrap();
        let own = official(Language::Python, &python.unwrap(), &code, &[]).unwrap();
        assert_eq!((own.entry, own.version.as_str()), (Entry::Module("awslambdaric"), "unknown"));
        assert!(own.path.ends_with("code/awslambdaric"), "{}", own.path.display());
    }
}
