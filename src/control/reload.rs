//! Reload: from the files to a snapshot per shard, or to the reasons why not.
//!
//! Runs beside the control loop (on the runtime's blocking threads), because reading files and
//! compiling ten thousand routes take milliseconds in which the loop has other things to do. Decides
//! nothing about who serves what: a refused attempt changes nothing anywhere.

use super::functions::Codes;
use crate::management::Settings;
use crate::management::access::Access;
use crate::management::from_file;
use crate::model::{
    AuditLog, Aws, Code, EventPlace, Function, Functions, Log, Model, Ring, Store, load,
};
use crate::resources::{Key, Object, Timestamp};
use crate::snapshot::{Snapshot, compile};
use std::collections::BTreeMap;
use std::fs;
use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Why a reload is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// SIGHUP: someone wants it, whether or not something has changed.
    Signal,
    /// A watched file was touched: done only when the content is another.
    FileChange,
}

/// What a configuration looked like, good or bad; equal ones are not tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(u64);

/// What cannot change while the process runs, as it was when it started.
#[derive(Debug, Clone)]
pub struct RestartOnly {
    shards: Option<usize>,
    ring: Ring,
    log: Log,
    management_listen: SocketAddr,
    audit_log: AuditLog,
    store: Store,
    account_id: String,
    retry_pause: Duration,
    destinations: BTreeMap<String, EventPlace>,
}

/// One reload to try.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// The configuration's file; `None` is where it is looked for without being named.
    pub file: Option<PathBuf>,
    /// Why.
    pub cause: Cause,
    /// What the last attempt found.
    pub seen: Option<Fingerprint>,
    /// What must stay.
    pub restart_only: RestartOnly,
    /// The version that a good one gets.
    pub version: u64,
    /// How many copies the shards need.
    pub shards: usize,
    /// Where the code of its functions is unpacked.
    pub codes: Codes,
}

/// What an attempt came to.
#[derive(Debug)]
pub enum Attempted {
    /// The content is what the last attempt saw.
    Unchanged,
    /// It has problems.
    Refused {
        /// What it looked like.
        seen: Fingerprint,
        /// Each with its place, one line each.
        problems: Vec<String>,
    },
    /// It is good.
    Compiled {
        /// What it looked like.
        seen: Fingerprint,
        /// What to put into service.
        compiled: Box<Compiled>,
    },
}

/// A configuration ready to be served.
#[derive(Debug)]
pub struct Compiled {
    /// The control thread's own.
    pub snapshot: Snapshot,
    /// One for each shard.
    pub copies: Vec<Snapshot>,
    /// What somebody should look at although it is served.
    pub warnings: Vec<String>,
    /// The files it was made from.
    pub files: Vec<PathBuf>,
    /// Who may call the management API.
    pub access: Access,
    /// Largest content of a management call.
    pub management_body_bytes_max: usize,
    /// Who signs requests to AWS services.
    pub aws: Aws,
    /// What calls and stages of the management API depend on.
    pub settings: Settings,
    /// Its functions, as declared.
    pub functions: Vec<Function>,
    /// What holds for all functions.
    pub all_functions: Functions,
    /// Its APIs and functions as the management API shows them.
    pub shown: BTreeMap<Key, Arc<dyn Object>>,
}

/// Tries it. Blocks on files.
pub fn attempt(attempt: &Attempt) -> Attempted {
    let text = attempt.file.as_deref().and_then(|file| fs::read(file).ok()).unwrap_or_default();
    let loaded = load(attempt.file.as_deref());
    let problems = match &loaded {
        Ok(_) => Vec::new(),
        Err(problems) => lines(problems),
    };
    // Read before the model: when the file changes in between, the next event finds another one.
    let seen = fingerprint(&text, loaded.as_ref().ok(), &problems);
    if attempt.cause == Cause::FileChange && attempt.seen == Some(seen) {
        return Attempted::Unchanged;
    }
    match loaded {
        Err(_) => Attempted::Refused { seen, problems },
        Ok(mut model) => {
            let kept = attempt.restart_only.keep(&mut model);
            let mut compiled = Box::new(Compiled::new(&model, attempt.version, attempt.shards));
            if let Err(problems) = attempt.codes.take_in_file(&compiled.codes()) {
                return Attempted::Refused { seen, problems };
            }
            compiled.warnings.extend(kept);
            Attempted::Compiled { seen, compiled }
        }
    }
}

/// What a model that was read at the start looks like.
pub fn seen_at_start(model: &Model) -> Option<Fingerprint> {
    let text = fs::read(model.file.as_deref()?).ok()?;
    Some(fingerprint(&text, Some(model), &[]))
}

/// Content only: certificates are renewed behind an unchanged file, and a file is touched without
/// being changed. Problems are part of it because they can lie in other files.
fn fingerprint(text: &[u8], model: Option<&Model>, problems: &[String]) -> Fingerprint {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    problems.hash(&mut hasher);
    if let Some(model) = model {
        for certificate in &model.certificates {
            for link in &certificate.chain {
                link.as_ref().hash(&mut hasher);
            }
            certificate.key.secret_der().hash(&mut hasher);
        }
        for function in &model.functions {
            function.code.id().hash(&mut hasher);
        }
        for tls in model.upstreams.iter().filter_map(|it| it.tls.as_ref()) {
            for root in tls.ca.iter().flatten() {
                root.as_ref().hash(&mut hasher);
            }
        }
    }
    Fingerprint(hasher.finish())
}

impl Compiled {
    /// Compiles a model.
    pub fn new(model: &Model, version: u64, shards: usize) -> Self {
        let snapshot = compile(model, version, RandomState::new().hash_one(version));
        Self {
            copies: (0..shards).map(|_| snapshot.clone()).collect(),
            snapshot,
            warnings: warnings(model),
            files: files(model),
            access: Access::of(&model.management, &model.aws),
            management_body_bytes_max: model.management.body_bytes_max,
            aws: model.aws.clone(),
            settings: Settings::of(model),
            functions: model.functions.clone(),
            all_functions: model.all_functions.clone(),
            shown: from_file::nouns(model, Timestamp(super::since_epoch().as_secs() as i64)),
        }
    }
}

impl Compiled {
    /// The code of its functions.
    pub fn codes(&self) -> Vec<Code> {
        self.functions.iter().map(|function| function.code.clone()).collect()
    }
}

impl RestartOnly {
    /// What a process that starts with this model is bound to.
    pub fn of(model: &Model) -> Self {
        Self {
            shards: model.server.shards,
            ring: model.ring.clone(),
            log: model.log.clone(),
            management_listen: model.management.listen,
            audit_log: model.management.audit_log.clone(),
            store: model.store.clone(),
            account_id: model.aws.account_id.clone(),
            retry_pause: model.all_functions.retry_pause,
            destinations: model.all_functions.destinations.clone(),
        }
    }

    /// Puts the old values back and says which were meant to change.
    fn keep(&self, model: &mut Model) -> Vec<String> {
        let mut changed = Vec::new();
        if model.server.shards != self.shards {
            changed.push("server.shards");
            model.server.shards = self.shards;
        }
        if model.ring != self.ring {
            changed.push("ring");
            model.ring = self.ring.clone();
        }
        if model.log != self.log {
            changed.push("log");
            model.log = self.log.clone();
        }
        if model.management.listen != self.management_listen {
            changed.push("management.listen");
            model.management.listen = self.management_listen;
        }
        if model.management.audit_log != self.audit_log {
            changed.push("management.audit_log");
            model.management.audit_log = self.audit_log.clone();
        }
        if model.store != self.store {
            changed.push("store");
            model.store = self.store.clone();
        }
        // ARNs that clients have noted would mean other functions.
        if model.aws.account_id != self.account_id {
            changed.push("aws.account_id");
            model.aws.account_id.clone_from(&self.account_id);
        }
        if model.all_functions.retry_pause != self.retry_pause {
            changed.push("functions.retry_pause");
            model.all_functions.retry_pause = self.retry_pause;
        }
        if model.all_functions.destinations != self.destinations {
            changed.push("functions.destinations");
            model.all_functions.destinations.clone_from(&self.destinations);
        }
        changed
            .into_iter()
            .map(|key| format!("`{key}` changes only with a restart; its old value stays"))
            .collect()
    }
}

/// The files whose change is a change of the configuration.
fn files(model: &Model) -> Vec<PathBuf> {
    let certificates = model
        .certificates
        .iter()
        .flat_map(|certificate| [&certificate.cert_file, &certificate.key_file]);
    let zips = model.functions.iter().filter_map(|function| match &function.code {
        Code::Zip { file, .. } => Some(file),
        Code::Folder(_) | Code::Source { .. } => None,
    });
    model
        .file
        .iter()
        .chain(certificates)
        .chain(zips)
        .map(|file: &PathBuf| Path::to_owned(file))
        .collect()
}

/// One line per problem.
fn lines(problems: &impl ToString) -> Vec<String> {
    problems.to_string().lines().map(str::to_owned).collect()
}

fn warnings(model: &Model) -> Vec<String> {
    lines(&model.warnings)
}
