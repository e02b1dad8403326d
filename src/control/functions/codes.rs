//! Code that is not a folder already: zips of the file and of the Lambda API, source text of the file. A
//! folder for each, for as long as something may run it.

use super::unpack::{UNPACKED_BYTES_MAX, unpack};
use crate::model::{Code, code_id};
use crate::snapshot::ManagedDelta;
use crate::snapshot::function::{FunctionChange, Launch};
use crate::snapshot::managed::UsedCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long unused code stays: shards may still ask for a worker of it until they have taken the change
/// that puts it out of use.
const PATIENCE: Duration = Duration::from_secs(60);

/// All unpacked code. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Codes(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    /// Where the folders are; made with the first.
    root: Option<PathBuf>,
    /// The code of each function of the Lambda API, by ARN.
    uses: BTreeMap<Box<str>, Box<str>>,
    /// That of the file's functions, and of a newer file's that is being put into service.
    of_file: BTreeSet<Box<str>>,
    /// Attempts to unpack so far.
    attempts: u64,
    /// What is unpacked.
    there: BTreeSet<Box<str>>,
    /// What of it no function runs, and since when.
    unused: BTreeMap<Box<str>, Instant>,
}

impl Codes {
    /// Unpacks what a change brings, and puts the folders into it. Code that cannot be unpacked is
    /// logged; its functions cannot be started.
    pub(in crate::control) async fn take_in(&self, delta: &mut ManagedDelta) {
        if delta.functions.is_empty() {
            return;
        }
        let root = match self.lock().root() {
            Ok(root) => root,
            Err(error) => {
                tracing::error!(%error, "there is no folder for the code of functions");
                return;
            }
        };
        for used in std::mem::take(&mut delta.codes) {
            let (id, codes) = (used.id.clone(), self.clone());
            let unpacking =
                move || codes.unpack_once(&used.id, |folder| unpack_used(&used, folder));
            let done = tokio::task::spawn_blocking(unpacking).await;
            if let Err(error) = done.unwrap_or_else(|error| Err(error.to_string())) {
                tracing::error!(code = %id, %error, "code cannot be unpacked");
            }
        }
        let mut inner = self.lock();
        for change in &mut delta.functions {
            let (arn, code) = match change {
                FunctionChange::Put(function) => {
                    let launch = Arc::make_mut(&mut function.launch);
                    let code: Box<str> = launch.code.to_string_lossy().into();
                    launch.code = root.join(&launch.code);
                    (function.arn.clone(), Some(code))
                }
                FunctionChange::Remove { arn } => (arn.clone(), None),
            };
            match code {
                Some(code) => inner.uses.insert(arn, code),
                None => inner.uses.remove(&arn),
            };
        }
        inner.note_unused(Instant::now());
    }

    /// Unpacks what functions of a file run. It stays until [`Codes::file_serves`] says otherwise. Blocks.
    ///
    /// # Errors
    /// What cannot be unpacked, one line each.
    pub fn take_in_file(&self, codes: &[Code]) -> Result<(), Vec<String>> {
        let mut problems = Vec::new();
        for code in codes {
            let Some(id) = code.id() else { continue };
            {
                let mut inner = self.lock();
                inner.of_file.insert(id.into());
                inner.unused.remove(id);
            }
            if let Err(error) = self.unpack_once(id, |folder| fill(code, folder)) {
                let shown = match code {
                    Code::Zip { file, .. } => file.display().to_string(),
                    _ => "source".to_owned(),
                };
                problems.push(format!("cannot use `{shown}` as a function's code: {error}"));
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    /// The file's functions run these and no others.
    pub(in crate::control) fn file_serves(&self, codes: &[Code]) {
        let mut inner = self.lock();
        inner.of_file = codes.iter().filter_map(|code| code.id().map(Into::into)).collect();
        inner.note_unused(Instant::now());
    }

    /// A launch whose code is a folder.
    pub(in crate::control) fn resolve(&self, launch: Arc<Launch>) -> Arc<Launch> {
        if launch.code.is_absolute() {
            return launch;
        }
        let mut launch = launch;
        let code = self.folder(launch.code.clone());
        Arc::make_mut(&mut launch).code = code;
        launch
    }

    /// The folder of code, where it has been unpacked.
    pub(super) fn folder(&self, code: PathBuf) -> PathBuf {
        match &self.lock().root {
            Some(root) => root.join(code),
            None => code,
        }
    }

    /// Fills the folder of a code, unless it is there. Blocks.
    fn unpack_once(
        &self,
        id: &str,
        fill: impl FnOnce(&Path) -> Result<(), String>,
    ) -> Result<(), String> {
        let (folder, beside) = {
            let mut inner = self.lock();
            if inner.there.contains(id) {
                return Ok(());
            }
            let root = inner.root().map_err(|error| error.to_string())?;
            inner.attempts += 1;
            // Somebody else may be unpacking the same.
            (root.join(id), root.join(format!("{id}.{}", inner.attempts)))
        };
        std::fs::DirBuilder::new()
            .mode(0o755)
            .create(&beside)
            .map_err(|error| error.to_string())?;
        let unpacked = fill(&beside);
        let mut inner = self.lock();
        let unpacked = unpacked.and_then(|()| match inner.there.contains(id) {
            true => std::fs::remove_dir_all(&beside).map_err(|error| error.to_string()),
            // So that a folder of this name is always whole.
            false => std::fs::rename(&beside, &folder).map_err(|error| error.to_string()),
        });
        match &unpacked {
            Ok(()) => {
                inner.there.insert(id.into());
            }
            Err(_) => {
                let _ = std::fs::remove_dir_all(&beside);
            }
        }
        unpacked
    }

    /// Removes what has been unused for long; not what workers run.
    pub(in crate::control) fn sweep(&self, now: Instant, is_run: impl Fn(&Path) -> bool) {
        let mut inner = self.lock();
        let Some(root) = inner.root.clone() else { return };
        let over: Vec<Box<str>> = inner
            .unused
            .iter()
            .filter(|(id, since)| {
                now.saturating_duration_since(**since) >= PATIENCE && !is_run(&root.join(&***id))
            })
            .map(|(id, _)| id.clone())
            .collect();
        for id in over {
            inner.unused.remove(&id);
            inner.there.remove(&id);
            if let Err(error) = std::fs::remove_dir_all(root.join(&*id)) {
                tracing::warn!(code = %id, %error, "unused code cannot be removed");
            }
        }
    }

    /// Removes everything: no worker is left.
    pub(in crate::control) fn close(&self) {
        self.lock().remove();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.remove();
    }
}

impl Inner {
    fn remove(&mut self) {
        if let Some(root) = self.root.take() {
            let _ = std::fs::remove_dir_all(root);
        }
    }

    fn root(&mut self) -> io::Result<PathBuf> {
        if let Some(root) = &self.root {
            return Ok(root.clone());
        }
        let random = jiff::Timestamp::now().as_nanosecond() as u64;
        let name = format!("ringgate-code-{}-{random:x}", std::process::id());
        let root = std::env::temp_dir().join(name);
        // Not `create_dir_all`: one that is there already is somebody else's.
        std::fs::DirBuilder::new().mode(0o711).create(&root)?;
        Ok(self.root.insert(root).clone())
    }

    fn note_unused(&mut self, now: Instant) {
        let used: BTreeSet<&Box<str>> = self.uses.values().chain(&self.of_file).collect();
        self.unused.retain(|id, _| !used.contains(id));
        for id in self.there.iter().filter(|id| !used.contains(id)) {
            self.unused.entry(id.clone()).or_insert(now);
        }
    }
}

/// Unpacks code of the Lambda API. Blocks.
fn unpack_used(used: &UsedCode, folder: &Path) -> Result<(), String> {
    let zip = STANDARD.decode(&used.code.zip).map_err(|error| error.to_string())?;
    unpack(&zip, folder, UNPACKED_BYTES_MAX)
}

/// Unpacks code of the file. Blocks.
fn fill(code: &Code, folder: &Path) -> Result<(), String> {
    match code {
        Code::Folder(_) => Ok(()),
        Code::Zip { file, id } => {
            let zip = std::fs::read(file).map_err(|error| error.to_string())?;
            match code_id(&zip) == *id {
                true => unpack(&zip, folder, UNPACKED_BYTES_MAX),
                // Whoever changes it makes another event, and with that another attempt.
                false => Err("it has changed since it was looked at".to_owned()),
            }
        }
        Code::Source { name, text, .. } => {
            std::fs::write(folder.join(name), text).map_err(|error| error.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::function::{Configuration, FunctionCode};
    use crate::snapshot::function::Permission;
    use crate::snapshot::managed::{FunctionPlace, compile_function};

    /// A zip with one file, `a`, that is empty: the least there is.
    fn zip() -> String {
        let mut zip = b"PK\x03\x04\x0a\0\0\0\0\0\0\0\0\0".to_vec();
        zip.extend([0; 12]);
        zip.extend([1, 0, 0, 0, b'a']);
        let at = zip.len() as u8;
        zip.extend(b"PK\x01\x02\x0a\0\x0a\0\0\0\0\0\0\0\0\0");
        zip.extend([0; 12]);
        zip.extend([1, 0]);
        zip.extend([0; 16]);
        zip.push(b'a');
        zip.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0\x2f\0\0\0");
        zip.extend([at, 0, 0, 0, 0, 0]);
        STANDARD.encode(zip)
    }

    fn put(name: &str, code: &str) -> ManagedDelta {
        let place = FunctionPlace { region: "r", account_id: "a", qualifier: None };
        let configuration = Configuration {
            function_name: name.into(),
            runtime: "python3.12".into(),
            ..Configuration::default()
        };
        let function =
            compile_function(&place, &configuration, None, code, Permission::Everybody).unwrap();
        let code = UsedCode { id: code.into(), code: Arc::new(FunctionCode { zip: zip() }) };
        ManagedDelta {
            functions: vec![FunctionChange::Put(Box::new(function))],
            codes: vec![code],
            ..ManagedDelta::default()
        }
    }

    fn folder_of(delta: &ManagedDelta) -> PathBuf {
        match &delta.functions[0] {
            FunctionChange::Put(function) => function.launch.code.clone(),
            FunctionChange::Remove { arn } => panic!("{arn} is removed"),
        }
    }

    #[test]
    fn code_of_the_file_is_there_until_another_is_served() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("f.zip");
        let bytes = STANDARD.decode(zip()).unwrap();
        std::fs::write(&file, &bytes).unwrap();
        let of_zip = Code::Zip { file: file.clone(), id: code_id(&bytes) };
        let text = "def handler(event, context): pass".to_owned();
        let source = Code::Source { name: "index.py", text, id: "s".into() };
        let codes = Codes::default();
        assert_eq!(codes.take_in_file(&[of_zip.clone(), source.clone()]), Ok(()));
        let folder = codes.lock().root.clone().unwrap();
        assert!(folder.join(code_id(&bytes)).join("a").is_file());
        assert!(folder.join("s/index.py").is_file());
        codes.file_serves(std::slice::from_ref(&source));
        let late = Instant::now() + 2 * PATIENCE;
        codes.sweep(late, |_| false);
        assert!(!folder.join(code_id(&bytes)).exists());
        assert!(folder.join("s").exists());
        // One that was about to be removed is wanted again.
        codes.file_serves(&[]);
        codes.take_in_file(&[source]).unwrap();
        codes.sweep(late, |_| false);
        assert!(folder.join("s").exists());
        std::fs::write(&file, b"changed").unwrap();
        let problems = codes.take_in_file(&[of_zip]).unwrap_err();
        assert!(
            problems[0].contains("f.zip` as a function's code: it has changed"),
            "{problems:?}"
        );
        let damaged = Code::Zip { file, id: code_id(b"changed") };
        let problems = codes.take_in_file(&[damaged]).unwrap_err();
        assert!(problems[0].ends_with("it is no zip, or a damaged one"), "{problems:?}");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "nothing half done is left");
        drop(codes);
        assert!(!folder.exists());
    }

    #[tokio::test]
    async fn code_is_there_while_it_is_used() {
        let codes = Codes::default();
        let (mut one, mut two) = (put("f", "c"), put("g", "c"));
        codes.take_in(&mut one).await;
        codes.take_in(&mut two).await;
        let folder = folder_of(&one);
        assert_eq!(folder, folder_of(&two));
        assert!(folder.join("a").is_file());
        let remove = |name: &str| ManagedDelta {
            functions: vec![FunctionChange::Remove {
                arn: format!("arn:aws:lambda:r:a:function:{name}").into(),
            }],
            ..ManagedDelta::default()
        };
        let late = Instant::now() + 2 * PATIENCE;
        codes.take_in(&mut remove("f")).await;
        codes.sweep(late, |_| false);
        assert!(folder.is_dir(), "another function runs it");
        codes.take_in(&mut remove("g")).await;
        codes.sweep(Instant::now(), |_| false);
        assert!(folder.is_dir(), "somebody may still ask for it");
        codes.sweep(late, |path| path == folder);
        assert!(folder.is_dir(), "a worker runs it");
        codes.sweep(late, |_| false);
        assert!(!folder.exists());
        codes.take_in(&mut put("f", "c")).await;
        assert!(folder.is_dir(), "it is unpacked again");
        codes.close();
        assert!(!folder.parent().unwrap().exists());
    }
}
