//! Credentials: key pairs for the roles in whose names stages call AWS services.
//!
//! A role has a pair in the file, or it is assumed with the gateway's own (`sts`), and assumed anew ahead
//! of its end, in a task per role. Shards get the whole table whenever something in it changes, so a
//! request never waits for any of this: it finds a pair, or it is refused.
//!
//! ```text
//! wanted --pair in the file--> held
//!   '--own pair, AssumeRole--> held --a quarter of its life is left--> AssumeRole --> held ...
//!                    '--failure--> warned about once, tried again
//! ```
//! No secret is ever logged; errors name the role and the way out.

mod known;
mod metadata;
mod own;
mod sts;

pub(super) use known::KnownPairs;

use super::dns::Task;
use super::{since_epoch, web_client};
use crate::model::Aws;
use crate::snapshot::service::RoleCredentials;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// News waiting to be taken; the tasks wait when it is full.
const NEWS_MAX: usize = 64;

/// Between two tries of something that failed; doubled with each failure up to the second.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// Temporary credentials are renewed when this part of their life is left, and never more often than
/// this: whoever gives them may give the same again until shortly before their end.
const LEFT_AT_RENEWAL: u32 = 4;
const RENEWAL_MIN: Duration = Duration::from_secs(1);

/// The largest answer that is read of whoever gives credentials.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The role that every other role without a pair of its own has, in the file.
const EVERY_ROLE: &str = "*";

/// The gateway itself.
const OWN: &str = "";

/// A key pair, whoever's.
#[derive(Clone, PartialEq, Eq)]
struct Pair {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    /// Since 1970.
    expires: Option<Duration>,
}

impl Pair {
    fn of_role(self, role: &str) -> RoleCredentials {
        RoleCredentials {
            role: role.into(),
            access_key_id: self.access_key_id.into(),
            secret_access_key: self.secret_access_key.into(),
            session_token: self.session_token.map(Into::into),
            expires: self.expires,
        }
    }
}

/// Everything known about key pairs, and the tasks that renew them.
pub(super) struct Credentials {
    declared: Arc<Aws>,
    /// How many configurations there have been; what tasks of earlier ones say is not listened to.
    declarations: u64,
    wanted: BTreeSet<Box<str>>,
    /// What tasks have found, by role.
    held: BTreeMap<Box<str>, RoleCredentials>,
    /// Roles of which nothing has been heard yet, neither good nor bad.
    awaited: BTreeSet<Box<str>>,
    tasks: BTreeMap<Box<str>, Task>,
    /// What the shards were told last.
    told: Vec<RoleCredentials>,
    /// The same for test calls.
    known: KnownPairs,
    news: mpsc::Receiver<News>,
    sender: mpsc::Sender<News>,
}

/// What a task found, or that it found nothing.
struct News {
    role: Box<str>,
    declarations: u64,
    found: Option<RoleCredentials>,
}

impl Credentials {
    /// Wants nothing yet.
    pub(super) fn new(aws: &Aws) -> Self {
        let (sender, news) = mpsc::channel(NEWS_MAX);
        let declared = Arc::new(aws.clone());
        Self {
            known: KnownPairs::new(Arc::clone(&declared)),
            declared,
            declarations: 1,
            wanted: BTreeSet::new(),
            held: BTreeMap::new(),
            awaited: BTreeSet::new(),
            tasks: BTreeMap::new(),
            told: Vec::new(),
            news,
            sender,
        }
    }

    /// What is known, for whoever asks from elsewhere on this thread.
    pub(super) fn known(&self) -> KnownPairs {
        self.known.clone()
    }

    /// Follows another configuration. What roles have is used until something has been heard of them
    /// there: a reload must not fail a request.
    pub(super) fn declare(&mut self, aws: &Aws) {
        if *self.declared == *aws {
            return;
        }
        for role in &self.wanted {
            // A pair of the file that the file may not have any more, too.
            if let Some(pair) = known::pair_in(&self.told, role) {
                let pair = RoleCredentials { role: role.clone(), ..pair.clone() };
                self.held.entry(role.clone()).or_insert(pair);
            }
        }
        self.declared = Arc::new(aws.clone());
        self.declarations += 1;
        self.tasks.clear();
        self.awaited.clear();
        self.follow();
    }

    /// Wants these roles and no others.
    pub(super) fn want(&mut self, roles: BTreeSet<Box<str>>) {
        if self.wanted != roles {
            self.wanted = roles;
            self.follow();
        }
    }

    /// Starts and ends tasks as they are needed.
    fn follow(&mut self) {
        let is_in_file = |role: &str| {
            let mut pairs = self.declared.credentials.iter();
            pairs.any(|pair| match pair.role.as_deref() {
                None => role == OWN,
                Some(EVERY_ROLE) => role != OWN,
                Some(known) => known == role,
            })
        };
        let needed: BTreeSet<Box<str>> =
            self.wanted.iter().filter(|role| !is_in_file(role)).cloned().collect();
        self.tasks.retain(|role, _| needed.contains(role));
        self.held.retain(|role, _| needed.contains(role));
        self.awaited.retain(|role| needed.contains(role));
        for role in needed {
            if !self.tasks.contains_key(&role) {
                self.awaited.insert(role.clone());
                let teller = Teller {
                    role: role.clone(),
                    declarations: self.declarations,
                    news: self.sender.clone(),
                };
                let keeping = keep(teller, Arc::clone(&self.declared));
                self.tasks.insert(role, Task(tokio::spawn(keeping)));
            }
        }
    }

    /// Whether something has been heard of every role, good or bad.
    pub(super) fn is_settled(&self) -> bool {
        self.awaited.is_empty()
    }

    /// Waits until something has changed. Cancelling loses nothing.
    pub(super) async fn changed(&mut self) {
        loop {
            let Some(News { role, declarations, found }) = self.news.recv().await else {
                return std::future::pending().await;
            };
            // A task that was ended had spoken just before.
            if declarations != self.declarations || !self.tasks.contains_key(&role) {
                continue;
            }
            let is_first = self.awaited.remove(&role);
            match found {
                Some(found) => {
                    self.held.insert(role, found);
                    return;
                }
                // What it had before is used to its end; what has none was of another configuration.
                None if is_first => {
                    if self.held.get(&role).is_some_and(|pair| pair.expires.is_none()) {
                        self.held.remove(&role);
                    }
                    return;
                }
                None => {}
            }
        }
    }

    /// All pairs, where they are others than the shards were told last.
    pub(super) fn tell(&mut self) -> Option<Vec<RoleCredentials>> {
        let table = self.table();
        self.known.set(Arc::clone(&self.declared), &table);
        (table != self.told).then(|| {
            self.told.clone_from(&table);
            table
        })
    }

    fn table(&self) -> Vec<RoleCredentials> {
        let of_file = self.declared.credentials.iter().map(|pair| RoleCredentials {
            role: pair.role.as_deref().unwrap_or(OWN).into(),
            access_key_id: pair.access_key_id.as_str().into(),
            secret_access_key: pair.secret_access_key.as_str().into(),
            session_token: pair.session_token.as_deref().map(Into::into),
            expires: None,
        });
        of_file.chain(self.held.values().cloned()).collect()
    }
}

/// A task's way to tell what it found.
struct Teller {
    role: Box<str>,
    declarations: u64,
    news: mpsc::Sender<News>,
}

impl Teller {
    /// Whether anybody listens.
    async fn tell(&self, found: Option<RoleCredentials>) -> bool {
        let Self { role, declarations, news } = self;
        let told = News { role: role.clone(), declarations: *declarations, found };
        news.send(told).await.is_ok()
    }
}

/// Finds a role's pair, and finds it anew before it expires; for ever.
async fn keep(teller: Teller, declared: Arc<Aws>) {
    let role = &teller.role;
    let mut pause = PAUSE_MIN;
    let mut is_failing = false;
    loop {
        let found = find(role, &declared).await;
        let rest = match found {
            Ok(pair) => {
                if std::mem::take(&mut is_failing) {
                    tracing::info!(role = &**role, "credentials are there again");
                }
                pause = PAUSE_MIN;
                let life = pair.expires.map(|expires| expires.saturating_sub(since_epoch()));
                if !teller.tell(Some(pair.of_role(role))).await {
                    return;
                }
                match life {
                    // It lasts.
                    None => return,
                    Some(life) => (life - life / LEFT_AT_RENEWAL).max(RENEWAL_MIN),
                }
            }
            Err(error) => {
                // Once per outage; the tries in between would only repeat it.
                if !std::mem::replace(&mut is_failing, true) {
                    tracing::warn!(role = &**role, error, "no credentials could be had");
                }
                teller.tell(None).await;
                let rest = pause;
                pause = (pause * 2).min(PAUSE_MAX);
                rest
            }
        };
        tokio::time::sleep(rest).await;
    }
}

async fn find(role: &str, declared: &Aws) -> Result<Pair, String> {
    let own = own::find(declared).await.and_then(sound)?;
    if role == OWN || !declared.assume_roles {
        return Ok(own);
    }
    sts::assume(role, &own, declared).await.and_then(sound)
}

/// A pair that can sign: what of it stands in fields of requests is no more than a word, and it is good
/// now.
fn sound(pair: Pair) -> Result<Pair, String> {
    let is_word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    let secret = &pair.secret_access_key;
    if !is_word(&pair.access_key_id) || secret.is_empty() || secret.contains(char::is_control) {
        return Err("the key pair that was found is none".into());
    }
    if pair.session_token.as_deref().is_some_and(|token| !is_word(token)) {
        return Err("the key pair that was found has a session token that is none".into());
    }
    match pair.expires {
        Some(expires) if expires <= since_epoch() => {
            Err("the key pair that was found has expired already".into())
        }
        _ => Ok(pair),
    }
}

/// A client for whoever gives credentials.
fn client() -> Result<reqwest::Client, String> {
    web_client(PATIENCE)
}

/// The content of an answer, with its status.
async fn read(mut response: reqwest::Response) -> Result<(u16, String), String> {
    let status = response.status().as_u16();
    let mut content = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| plain(&error))? {
        if content.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(format!("its answer is above {ANSWER_BYTES_MAX} bytes"));
        }
        content.extend_from_slice(&chunk);
    }
    String::from_utf8(content)
        .map(|text| (status, text))
        .map_err(|_| "its answer is no text".into())
}

/// The innermost reason, without the URL.
fn plain(error: &reqwest::Error) -> String {
    let mut reason: &dyn std::error::Error = error;
    while let Some(inner) = reason.source() {
        reason = inner;
    }
    reason.to_string()
}

#[cfg(test)]
mod source_tests;
#[cfg(test)]
mod tests;
