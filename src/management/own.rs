//! What ringgate has beyond Amazon: history, undo, and what the commands of the same names ask for.
//!
//! | request | answer |
//! |---|---|
//! | `GET /_ringgate/history?limit=20&before=REVISION` | changes, newest first |
//! | `POST /_ringgate/undo?revision=REVISION` | takes one change back; without a revision the last; `&dry_run=true` says which |
//! | `GET /_ringgate/export?layout=folder&secrets=true&regions=all&api=NAME` | the declared form |
//! | `POST /_ringgate/apply` | makes what is there what files declare, or tries it out |
//! | `GET /_ringgate/diff?api=NAME&stage=NAME` | what is edited and not deployed |
//!
//! The same gate as for everything else: signatures where credentials are configured, roles.

use super::access::Caller;
use super::incoming::Incoming;
use super::service::Service;
use super::{declared, undo};
use crate::aws::Fault;
use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

/// Answers a request for `/_ringgate/{path}`.
pub(super) async fn answer(
    service: &Service,
    path: &str,
    incoming: &Incoming,
    caller: &Caller,
    request_id: &str,
) -> Result<Response<Body>, Fault> {
    let mut status = 200;
    let document = match (incoming.method.as_str(), path) {
        ("GET", "history") => {
            let limit = number(incoming, "limit")?.unwrap_or(20).min(1000) as usize;
            service.history(limit, number(incoming, "before")?).await?
        }
        ("POST", "undo") => {
            let change = service.change(number(incoming, "revision")?).await?;
            if incoming.query.split('&').any(|pair| pair == "dry_run=true") {
                service.draft(&caller.region, |call| undo::undo(call, &change.1))?;
                return Ok(json_response(200, &shown(change.0, &change.1)));
            }
            let operation = format!("undo {}", change.0);
            let work = Box::new(move |call: &mut super::Call<'_>| undo::undo(call, &change.1));
            let record = service.begin_record(&operation, caller, incoming, request_id)?;
            let done = service.write(work, Default::default(), &operation, caller, incoming).await;
            record.end(200, Vec::new(), &done);
            let done = done?;
            json!({ "revision": done.revision, "changes": done.changes })
        }
        ("GET", "export") => declared::answer_export(service, caller, incoming)?,
        ("GET", "diff") => declared::diff(service, caller, incoming)?,
        ("POST", "apply") => {
            let answer = declared::answer_apply(service, caller, incoming, request_id).await?;
            status = answer.0;
            answer.1
        }
        _ => return Err(Fault::not_found("Not Found")),
    };
    Ok(json_response(status, &document))
}

fn json_response(status: u16, document: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(document.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// A number of the query; `None` when absent.
fn number(incoming: &Incoming, name: &str) -> Result<Option<u64>, Fault> {
    let pairs = incoming.query.split('&').filter_map(|pair| pair.split_once('='));
    let Some((_, text)) = pairs.into_iter().find(|(key, _)| *key == name) else {
        return Ok(None);
    };
    text.parse()
        .map(Some)
        .map_err(|_| Fault::bad_request(format!("`{name}` must be a number, not `{text}`")))
}

/// A stored change, for people: what it did, without secrets.
pub(super) fn shown(revision: u64, change: &crate::store::Change) -> Value {
    json!({
        "revision": revision,
        "at": crate::resources::Timestamp(change.at_millis / 1000).iso(),
        "author": change.author,
        "source": change.source,
        "operation": change.operation,
        "changes": change.summary.lines().collect::<Vec<_>>(),
    })
}
