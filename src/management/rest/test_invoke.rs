//! TestInvokeMethod: tries a method as it is defined now, before it is deployed. TestInvokeAuthorizer.
//!
//! A test call compiles a stage of that one method and runs a request through the phases that shards
//! run ([`trial`]); back ends and functions are really asked, by whoever is behind [`BackEnds`]. It waits
//! for them on the call's own task, so no write and no other call waits with it.

pub(in crate::management) mod authorizer;
mod back_ends;
mod log;
mod request;

pub use back_ends::{Asked, BackEnds, NoBackEnds};

use super::super::Call;
use super::super::answer::Answer;
use super::super::operation::{Operation, read};
use super::{client_certificate, place};
use crate::aws::Fault;
use crate::exchange::trial::{Answered, ClientIdentity, Next, Trial, Tried};
use crate::model;
use crate::resources::rest::{Map, Method, Resource, RestApi};
use crate::resources::rest_stage::{Definition, Stage};
use crate::snapshot::managed::{PrivateLink, StagePlace, compile_rest_stage, plan_method};
use crate::snapshot::{Function, Lambda, Snapshot, compile};
use bytes::Bytes;
use request::Request;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// Its functions are asked by [`authorizer::begin`]; this one asks nobody.
pub(super) static OPERATIONS: &[Operation] = &[read("TestInvokeAuthorizer", authorizer::test)];

/// The operation that asks back ends, so it is no function of a call.
pub(in crate::management) const TEST_INVOKE_METHOD: &str = "TestInvokeMethod";

/// The stage that test calls name, as on Amazon.
const STAGE: &str = "test-invoke-stage";

/// A test call that has run as far as it can without waiting.
pub(in crate::management) struct Begun {
    trial: Trial,
    next: Next,
    started: Instant,
}

/// Begins a test call. `function_of` finds a function by the ARN that an integration names; `links` are
/// the region's VPC links.
///
/// # Errors
/// There is no such method, or its request is none that could be sent.
pub(in crate::management) fn begin(
    call: &mut Call<'_>,
    function_of: &dyn Fn(&str) -> Option<Function>,
    links: &[PrivateLink],
) -> Result<Begun, Fault> {
    let started = Instant::now();
    let resource = place::resource(call)?;
    let method = place::method(call, &resource)?;
    let request = Request::of(call, &resource.path)?;
    let tried = tried(call, &resource, method, request, links)?;
    let mut trial = Trial::new(tried)
        .map_err(|why| Fault::bad_request(format!("Invalid test request: {why}")))?;
    let next = trial.begin(|declared: &Lambda| function_of(&declared.function));
    Ok(Begun { trial, next, started })
}

impl Begun {
    /// Waits for whoever is to be asked, and answers the call.
    pub(in crate::management) async fn finish(self, back_ends: &dyn BackEnds) -> Answer {
        let Self { mut trial, mut next, started } = self;
        let answered = loop {
            let asked = Instant::now();
            match next {
                // It asks for one key pair, whatever is found.
                Next::Key(role) => next = trial.key_found(back_ends.key_pair(role).await),
                Next::Answered(answered) => break answered,
                Next::BackEnd(call) => {
                    let result = back_ends.call(*call).await;
                    break trial.back_end_answered(result, asked.elapsed(), since_epoch());
                }
                Next::Function(request) => {
                    let result = back_ends.invoke(request).await;
                    break trial.function_answered(result, asked.elapsed(), since_epoch());
                }
            }
        };
        shown(&trial, answered, started.elapsed())
    }
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

fn shown(trial: &Trial, answered: Answered, latency: Duration) -> Answer {
    let mut log = format!("Execution log for request {}\n", trial.request_id());
    for (time, text, end) in trial.log().lines() {
        let text = String::from_utf8_lossy(text);
        log.push_str(&format!("{} : {text}{end}\n", log::stamp(time.as_secs())));
    }
    let mut lists: Map<Vec<String>> = Map::new();
    for (name, value) in answered.headers {
        lists.entry(name).or_default().push(value);
    }
    let first = lists.iter().filter_map(|(name, values)| Some((name.clone(), values.first()?)));
    let headers: Map<_> = first.collect();
    Answer::Json(json!({
        "status": answered.status,
        "body": answered.body,
        "headers": headers,
        "multiValueHeaders": lists,
        "log": log,
        "latency": u64::try_from(latency.as_millis()).unwrap_or(u64::MAX),
    }))
}

fn tried(
    call: &mut Call<'_>,
    resource: &Arc<Resource>,
    method: &Method,
    request: Request,
    links: &[PrivateLink],
) -> Result<Tried, Fault> {
    let api_id = call.text("restApiId").to_owned();
    let verb = call.text("httpMethod").to_owned();
    let account_id = call.settings.account_id.clone();
    let region = call.region().to_owned();
    let back_ends = Arc::clone(&call.settings.back_ends);
    let place = StagePlace {
        back_ends: &back_ends,
        links,
        ..StagePlace::of(&region, &account_id, &api_id)
    };
    let api = call.draft.get::<RestApi>("", &api_id).ok_or_else(|| call.unknown_api(&api_id))?;
    // Who may call is not asked: neither policy nor authorizer nor key.
    let open = Method {
        authorization_type: "NONE".into(),
        authorizer_id: None,
        api_key_required: false,
        ..method.clone()
    };
    let mut open_api = RestApi { policy: None, ..(*api).clone() };
    open_api.endpoint_configuration.types.retain(|kind| kind != "PRIVATE");
    let mut definition = Definition::of(&call.draft, &Arc::new(open_api));
    let methods = Map::from([(verb.clone(), open.clone())]);
    let alone = Resource { resource_methods: methods, ..(**resource).clone() };
    definition.resources = vec![Arc::new(alone)];
    let variables = &request.stage_variables;
    let stage =
        Stage { stage_name: STAGE.to_owned(), variables: variables.clone(), ..Stage::default() };
    let compiled = compile_rest_stage(&place, &stage, &definition, None);
    let is_custom =
        method.method_integration.as_ref().is_some_and(|integration| integration.r#type == "HTTP");
    let plan = is_custom
        .then(|| plan_method(&place, resource, method, variables, &mut |_| {}).ok())
        .flatten();
    let prefix = format!("API {api_id}, stage {STAGE}, {verb} {}: ", resource.path);
    let mut problems: Vec<String> = Vec::new();
    for warning in &compiled.warnings {
        let problem = match warning.strip_prefix(&prefix).unwrap_or(warning) {
            "it has no integration" => "No integration defined for method",
            other => other,
        };
        if !problems.iter().any(|known| known == problem) {
            problems.push(problem.to_owned());
        }
    }
    let client_identity = match call.text("clientCertificateId") {
        "" => None,
        _ => {
            let certificate = client_certificate::find(call)?;
            let (chain, key) = (&certificate.pem_encoded_certificate, &certificate.private_key);
            Some(ClientIdentity { chain: chain.clone(), key: key.clone() })
        }
    };
    let random = std::array::from_fn(|_| word(&call.ids.uuid()));
    Ok(Tried {
        snapshot: plain_snapshot()?,
        stage: compiled.stage,
        upstreams: compiled.upstreams,
        problems,
        plan,
        verb,
        path: request.path,
        query: request.raw_query,
        parameters: request.path_parameters.into_iter().map(|(_, value)| value).collect(),
        headers: request.all_headers,
        shown_headers: request.headers,
        body: Bytes::from(request.body),
        client_identity,
        random,
        received: Duration::from_secs(u64::try_from(call.now.0).unwrap_or_default()),
    })
}

/// A gateway without settings of its own.
fn plain_snapshot() -> Result<Snapshot, Fault> {
    let model = model::parse(Path::new("test-invoke"), String::new()).map_err(|problems| {
        tracing::error!(?problems, "an empty configuration is refused");
        Fault::internal()
    })?;
    Ok(compile(&model, 0, 0))
}

/// A random number out of random hex digits.
fn word(uuid: &str) -> u64 {
    let digits: String = uuid.chars().filter(|it| *it != '-').rev().take(16).collect();
    // The digits that say which kind of UUID it is are in front of these.
    u64::from_str_radix(&digits, 16).unwrap_or_default()
}

#[cfg(test)]
mod tests;
