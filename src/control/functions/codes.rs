//! Code of functions that were made through the Lambda API: unpacked, a folder for each zip, for as
//! long as something may run it.

use super::unpack::{UNPACKED_BYTES_MAX, unpack};
use crate::snapshot::ManagedDelta;
use crate::snapshot::function::FunctionChange;
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
pub(in crate::control) struct Codes(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    /// Where the folders are; made with the first.
    root: Option<PathBuf>,
    /// The code of each function, by ARN.
    uses: BTreeMap<Box<str>, Box<str>>,
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
            if self.lock().there.contains(&used.id) {
                continue;
            }
            let (id, root) = (used.id.clone(), root.clone());
            let done = tokio::task::spawn_blocking(move || unpack_into(&used, &root)).await;
            match done.unwrap_or_else(|error| Err(error.to_string())) {
                Ok(()) => {
                    self.lock().there.insert(id);
                }
                Err(error) => tracing::error!(code = %id, %error, "code cannot be unpacked"),
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
        let mut inner = self.lock();
        if let Some(root) = inner.root.take() {
            let _ = std::fs::remove_dir_all(root);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
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
        let used: BTreeSet<&Box<str>> = self.uses.values().collect();
        self.unused.retain(|id, _| !used.contains(id));
        for id in self.there.iter().filter(|id| !used.contains(id)) {
            self.unused.entry(id.clone()).or_insert(now);
        }
    }
}

/// Blocks.
fn unpack_into(used: &UsedCode, root: &Path) -> Result<(), String> {
    let zip = STANDARD.decode(&used.code.zip).map_err(|error| error.to_string())?;
    let folder = root.join(&*used.id);
    let beside = root.join(format!("{}.new", used.id));
    // A rest of an attempt that failed.
    let _ = std::fs::remove_dir_all(&beside);
    std::fs::DirBuilder::new().mode(0o755).create(&beside).map_err(|error| error.to_string())?;
    let unpacked = unpack(&zip, &beside, UNPACKED_BYTES_MAX).and_then(|()| {
        // So that a folder of this name is always whole.
        std::fs::rename(&beside, &folder).map_err(|error| error.to_string())
    });
    if unpacked.is_err() {
        let _ = std::fs::remove_dir_all(&beside);
    }
    unpacked
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
