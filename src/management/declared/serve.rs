//! What `ringgate export`, `apply` and `diff` ask a running gateway for.

use super::super::access::Caller;
use super::super::incoming::Incoming;
use super::super::service::Service;
use super::super::{Answer, Call};
use super::{Document, Group, Located, Outcome, Prune, Secrets, Trouble};
use crate::aws::Fault;
use crate::model::Role;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What `apply` is sent.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Sent {
    /// The files, by names that messages print.
    pub files: Vec<super::File>,
    /// Whether it is only tried out.
    pub dry_run: bool,
    /// Whether nouns that are not declared are deleted.
    pub prune: bool,
    /// Of the difference that was shown: whatever it was taken of must not have changed since.
    pub fingerprint: Option<String>,
}

/// What `apply` answers, done or refused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Answered {
    /// What differs, or differed.
    pub groups: Vec<Group>,
    /// What the difference was taken of.
    pub fingerprint: String,
    /// The change's number in the history; none where nothing was changed.
    pub revision: Option<u64>,
    /// What is wrong.
    pub problems: Vec<Refused>,
}

/// Something that was refused, and where it is declared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The file's number; none where something was to be deleted that is in no file.
    pub file: Option<usize>,
    /// Its first byte and the one behind it.
    pub span: (usize, usize),
    /// In words.
    pub message: String,
}

/// `GET export?layout=folder&secrets=true&regions=all&api=NAME`.
pub(in crate::management) fn export(
    service: &Service,
    caller: &Caller,
    incoming: &Incoming,
) -> Result<Value, Fault> {
    let query = Query::of(incoming);
    let is_secret = query.is("secrets");
    if is_secret && caller.principal.role != Role::Admin {
        // Readers may see the values of API keys, but nobody's private keys.
        return Err(Fault::access_denied("Secrets are exported for the role admin only"));
    }
    let secrets = if is_secret { Secrets::Written } else { Secrets::Hidden };
    let apis = query.all("api");
    let regions: Vec<Box<str>> = match query.all("regions").first() {
        None => vec![caller.region.as_str().into()],
        Some(_) => service.look(|state| state.regions()),
    };
    let mut files = Vec::new();
    for region in regions.iter().filter(|region| !region.is_empty()) {
        let several = regions.len() > 1;
        service.draft(region, |call| {
            if query.all("layout").first().is_some_and(|it| it == "folder") {
                for mut file in super::export_files(&call.draft, secrets, &apis) {
                    if several {
                        file.name = format!("{region}/{}", file.name);
                    }
                    files.push(file);
                }
            } else {
                let text = super::export(&call.draft, secrets, &apis);
                files.push(super::File { name: format!("{region}.toml"), text });
            }
        });
    }
    let has_apis = files.iter().any(|file| file.text.contains("_api]]"));
    if !apis.is_empty() && !has_apis {
        return Err(Fault::not_found(format!("there is no API `{}`", apis.join("`, `"))));
    }
    Ok(json!({ "files": files }))
}

/// `GET diff?api=NAME&stage=NAME`.
pub(in crate::management) fn diff(
    service: &Service,
    caller: &Caller,
    incoming: &Incoming,
) -> Result<Value, Fault> {
    let query = Query::of(incoming);
    let one = |name: &str| {
        let missing = || Fault::bad_request(format!("`{name}` must be given"));
        query.all(name).pop().ok_or_else(missing)
    };
    let (api, stage) = (one("api")?, one("stage")?);
    let group =
        service.draft(&caller.region, |call| super::undeployed(&call.draft, &api, &stage))?;
    Ok(json!(group))
}

/// `POST apply`. The answer's status and document.
pub(in crate::management) async fn apply(
    service: &Service,
    caller: &Caller,
    incoming: &Incoming,
    request_id: &str,
) -> Result<(u16, Value), Fault> {
    let sent: Sent = serde_json::from_slice(&incoming.body)
        .map_err(|error| Fault::serialization(format!("expected files: {error}")))?;
    let texts: Vec<&str> = sent.files.iter().map(|file| file.text.as_str()).collect();
    let documents = match super::read(&texts, &caller.region) {
        Ok(documents) => documents,
        Err(problems) => {
            let problems = problems.iter().map(unreadable).collect();
            return Ok((400, json!(Answered { problems, ..Answered::default() })));
        }
    };
    let prune = if sent.prune { Prune::All } else { Prune::Below };
    if sent.dry_run {
        let outcome = service.draft(&caller.region, |call| super::apply(call, &documents, prune));
        let status = if outcome.troubles.is_empty() { 200 } else { 400 };
        return Ok((status, json!(answered(outcome, None))));
    }
    let record = service.begin_record("apply", caller, incoming, request_id)?;
    // The last run's: the lane runs the work again when another host wrote first.
    let last = Arc::new(Mutex::new(None));
    let work = {
        let last = Arc::clone(&last);
        move |call: &mut Call<'_>| run(call, &documents, prune, sent.fingerprint.as_deref(), &last)
    };
    let done = service.write(Box::new(work), Default::default(), "apply", caller, incoming).await;
    record.end(200, Vec::new(), &done);
    let outcome: Option<Outcome> = last.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (done, outcome) {
        (Ok(done), outcome) => {
            Ok((200, json!(answered(outcome.unwrap_or_default(), done.revision))))
        }
        (Err(_), Some(outcome)) if !outcome.troubles.is_empty() => {
            Ok((400, json!(answered(outcome, None))))
        }
        (Err(fault), _) => Err(fault),
    }
}

fn run(
    call: &mut Call<'_>,
    documents: &BTreeMap<String, Document>,
    prune: Prune,
    fingerprint: Option<&str>,
    last: &Mutex<Option<Outcome>>,
) -> Result<Answer, Fault> {
    let outcome = super::apply(call, documents, prune);
    let refused = match fingerprint {
        Some(shown) if shown != outcome.fingerprint => Some(Fault::conflict(
            "What the gateway holds has changed since the difference was shown: look at it again",
        )),
        _ if !outcome.troubles.is_empty() => {
            Some(Fault::bad_request("The files declare what is refused"))
        }
        _ => None,
    };
    let is_stale = refused.as_ref().is_some_and(|fault| fault.status == 409);
    *last.lock().unwrap_or_else(PoisonError::into_inner) = (!is_stale).then_some(outcome);
    refused.map_or(Ok(Answer::Empty), Err)
}

/// Troubles in the words of an answer.
pub(in crate::management) fn refused(troubles: Vec<Trouble>) -> Vec<Refused> {
    let refused = troubles.into_iter().map(|trouble| {
        let (file, span) = match trouble.place {
            Some(place) => (Some(place.file), (place.span.start, place.span.end)),
            None => (None, (0, 0)),
        };
        Refused { file, span, message: trouble.message }
    });
    refused.collect()
}

fn answered(outcome: Outcome, revision: Option<u64>) -> Answered {
    let problems = refused(outcome.troubles);
    Answered { groups: outcome.groups, fingerprint: outcome.fingerprint, revision, problems }
}

fn unreadable((file, problem): &Located) -> Refused {
    let span = (problem.span.start, problem.span.end);
    Refused { file: Some(*file), span, message: problem.kind.to_string() }
}

/// A query, decoded.
struct Query(Vec<(String, String)>);

impl Query {
    fn of(incoming: &Incoming) -> Self {
        let pairs = incoming.query.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        Self(pairs.map(|(key, value)| (key.to_owned(), decoded(value))).collect())
    }

    fn all(&self, name: &str) -> Vec<String> {
        let found = self.0.iter().filter(|(key, _)| key == name);
        found.map(|(_, value)| value.clone()).collect()
    }

    fn is(&self, name: &str) -> bool {
        self.all(name).first().is_some_and(|value| value == "true")
    }
}

/// Percent-decoded.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|it| std::str::from_utf8(it).ok());
        match hex.and_then(|it| u8::from_str_radix(it, 16).ok()).filter(|_| byte == b'%') {
            Some(decoded) => {
                bytes.push(decoded);
                rest = &after[2..];
            }
            None => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
