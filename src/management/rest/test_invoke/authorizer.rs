//! TestInvokeAuthorizer: what an authorizer says to a request that no client sent.
//!
//! A stage of one method is compiled with the authorizer as it is now, and asked as a shard asks it: the
//! same identity, the same event, the same reading of what its function returns. Nothing is remembered.

use super::super::super::Call;
use super::super::super::answer::Answer;
use super::super::authorizer;
use super::log::Log;
use super::request::Request;
use super::{BackEnds, STAGE, plain_snapshot};
use crate::aws::Fault;
use crate::exchange::authorize::lambda::{claim, read_verdict, refuse_error, write_question};
use crate::exchange::integrate::lambda::permits;
use crate::exchange::trial::{DOMAIN_NAME, FunctionFault, FunctionRequest, FunctionResult};
use crate::exchange::{Admitted, ClientFacts, Exchange, Ids, Origin, Refusal};
use crate::http::{self, Fields, HeadLimits};
use crate::resources::rest::{Integration, Map, Method, Resource, RestApi};
use crate::resources::rest_stage::{Definition, Stage};
use crate::snapshot::managed::{Release, StagePlace, compile_rest_stage};
use crate::snapshot::{AuthorizerKind, Function, Managed, ManagedStage, Phase, RouteIndex};
use bytes::Bytes;
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The operation, which waits for a function and so is no function of a call.
pub(in crate::management) const TEST_INVOKE_AUTHORIZER: &str = "TestInvokeAuthorizer";

/// A test call that has run as far as it can without waiting.
pub(in crate::management) struct Begun {
    log: Log,
    request_id: String,
    started: Instant,
    next: Next,
}

enum Next {
    /// The function is not asked: a status, and why for the log.
    Refused(u16, String),
    Ask(FunctionRequest, AuthorizerKind),
}

/// Where nobody can be asked.
pub(super) fn test(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let begun = begin(call, &|_| None)?;
    Ok(begun.answer(Err(FunctionFault::Unknown)))
}

/// Begins a test call. `function_of` finds a function by its ARN.
///
/// # Errors
/// There is no such authorizer, or its request is none that could be sent.
pub(in crate::management) fn begin(
    call: &mut Call<'_>,
    function_of: &dyn Fn(&str) -> Option<Function>,
) -> Result<Begun, Fault> {
    let started = Instant::now();
    let declared = authorizer::named(call)?;
    let request = Request::of(call, "/")?;
    let request_id = call.ids.uuid();
    let mut log = Log::begin(&request_id, call.now);
    log.line(&format!("Starting authorizer: {} for request: {request_id}", declared.id));
    let (stage, problem) = compiled(call, &declared.id, &request)?;
    let next = match problem {
        Some(problem) => Next::Refused(500, problem),
        None => {
            let received = Duration::from_secs(u64::try_from(call.now.0).unwrap_or_default());
            let random = std::array::from_fn(|_| super::word(&call.ids.uuid()));
            ask(stage, &request, (received, random), function_of)?
        }
    };
    Ok(Begun { log, request_id, started, next })
}

/// A stage of a method that asks the authorizer; or why it cannot be asked.
fn compiled(
    call: &Call<'_>,
    authorizer_id: &str,
    request: &Request,
) -> Result<(ManagedStage, Option<String>), Fault> {
    let api_id = call.text("restApiId");
    let api = call.draft.get::<RestApi>("", api_id).ok_or_else(|| call.unknown_api(api_id))?;
    let mut definition = Definition::of(&call.draft, &api);
    let mut open = (*api).clone();
    open.policy = None;
    open.endpoint_configuration.types.retain(|kind| kind != "PRIVATE");
    definition.api = Arc::new(open);
    let method = Method {
        http_method: "GET".into(),
        authorization_type: "CUSTOM".into(),
        authorizer_id: Some(authorizer_id.to_owned()),
        method_integration: Some(Integration { r#type: "MOCK".into(), ..Integration::default() }),
        ..Method::default()
    };
    let methods = Map::from([("GET".to_owned(), method)]);
    let root = Resource { path: "/".into(), resource_methods: methods, ..Resource::default() };
    definition.resources = vec![Arc::new(root)];
    let variables = request.stage_variables.clone();
    let stage = Stage { stage_name: STAGE.to_owned(), variables, ..Stage::default() };
    let region = call.region();
    let place = StagePlace::of(region, &call.settings.account_id, api_id);
    let compiled = compile_rest_stage(&place, &stage, &definition, None);
    let route = compiled.stage.release.routes.first();
    let asks = route.is_some_and(|it| matches!(it.program.phases[..], [Phase::Authorize(_), ..]));
    let problem = (!asks).then(|| {
        let prefix = format!("API {api_id}, stage {STAGE}, GET /: ");
        let own = compiled.warnings.iter().find_map(|it| it.strip_prefix(&prefix));
        own.unwrap_or("it cannot be asked").to_owned()
    });
    Ok((compiled.stage, problem))
}

/// Looks for the caller's identity, and writes the event.
fn ask(
    stage: ManagedStage,
    request: &Request,
    (received, random): (Duration, [u64; 4]),
    function_of: &dyn Fn(&str) -> Option<Function>,
) -> Result<Next, Fault> {
    let raw = written(request).ok_or_else(|| Fault::bad_request("Invalid test request"))?;
    let mut fields = Fields::new();
    let limits = HeadLimits {
        request_line_bytes: raw.len(),
        head_bytes: raw.len(),
        fields: http::FIELDS_MAX,
    };
    let head = http::request_head(&raw, &mut fields, &limits).ok().flatten();
    let head = head.ok_or_else(|| Fault::bad_request("Invalid test request"))?;
    let client = ClientFacts {
        peer: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        local: SocketAddr::from((Ipv4Addr::LOCALHOST, 443)),
        is_tls: true,
        peer_is_trusted: false,
    };
    let (snapshot, managed, stage) = (plain_snapshot()?, Managed::new([0; 4]), Rc::new(stage));
    let ids = Ids::new(random);
    let mut exchange = Exchange::new(&snapshot, &managed, &head, &fields, &client, ids);
    let api = stage.api(Release::Stage);
    exchange.api = Some(Admitted { api, origin: Origin::Managed(&stage, Release::Stage) });
    exchange.protocol = Some(api.protocol);
    exchange.received = received;
    exchange.route = Some(RouteIndex(0));
    let Some(authorizer) = api.authorizers.first() else {
        return Ok(Next::Refused(500, "it cannot be asked".to_owned()));
    };
    if let Err(failure) = claim(&exchange, authorizer, &mut Vec::new()) {
        let status = failure.refusal.status(exchange.protocol);
        return Ok(Next::Refused(status, failure.cause.into_owned()));
    }
    let is_permitted = function_of(&authorizer.function).is_none_or(|function| {
        let source = authorizer.arn(&api.id);
        !authorizer.needs_permission || permits(&function, &source, &authorizer.account_id)
    });
    if !is_permitted {
        let problem = "Invalid permissions on Lambda function".to_owned();
        return Ok(Next::Refused(500, problem));
    }
    let mut event = Vec::new();
    write_question(&exchange, authorizer, b"", &mut event);
    let request = FunctionRequest {
        function: authorizer.function.clone(),
        event: Bytes::from(event),
        client_context: None,
        waits: true,
        timeout: authorizer.timeout,
    };
    Ok(Next::Ask(request, authorizer.rules.kind))
}

/// The request as a client would send it. `None`: none could.
fn written(request: &Request) -> Option<Vec<u8>> {
    let is_graphic = |text: &str| text.bytes().all(|byte| byte > 0x20 && byte != 0x7f);
    let is_value =
        |text: &str| text.bytes().all(|byte| byte == b'\t' || (byte >= 0x20 && byte != 0x7f));
    let is_name = |text: &str| {
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        !text.is_empty() && text.bytes().all(is_token)
    };
    let query = request.raw_query.as_deref().map(|query| format!("?{query}")).unwrap_or_default();
    if !request.path.starts_with('/') || !is_graphic(&request.path) || !is_graphic(&query) {
        return None;
    }
    let mut raw = format!("GET {}{query} HTTP/1.1\r\nhost: {DOMAIN_NAME}\r\n", request.path);
    for (name, value) in &request.all_headers {
        if !is_name(name) || !is_value(value) {
            return None;
        }
        raw.push_str(&format!("{name}: {value}\r\n"));
    }
    raw.push_str("\r\n");
    Some(raw.into_bytes())
}

impl Begun {
    /// Waits for the function, and answers the call.
    pub(in crate::management) async fn finish(self, back_ends: &dyn BackEnds) -> Answer {
        let result = match &self.next {
            Next::Ask(request, _) => back_ends.invoke(request.clone()).await,
            Next::Refused(..) => Err(FunctionFault::Unknown),
        };
        self.answer(result)
    }

    fn answer(self, result: Result<FunctionResult, FunctionFault>) -> Answer {
        let Self { mut log, request_id, started, next } = self;
        let outcome: Result<Value, (u16, String)> = match (next, result) {
            (Next::Refused(status, why), _) => Err((status, why)),
            (Next::Ask(..), Err(fault)) => Err((500, why_not(&fault).to_owned())),
            (Next::Ask(_, kind), Ok(result)) => {
                let payload = String::from_utf8_lossy(&result.payload).into_owned();
                log.line(&format!("Authorizer result body before parsing: {payload}"));
                verdict(&result, kind)
            }
        };
        let (status, said) = match outcome {
            Ok(said) => {
                log.line("Successfully completed authorizer execution");
                (0, said)
            }
            Err((401, _)) => {
                log.line(&format!("Unauthorized request: {request_id}"));
                (401, Value::Null)
            }
            Err((status, why)) => {
                log.line(&format!("Execution failed due to configuration error: {why}"));
                (status, Value::Null)
            }
        };
        let latency = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut answer = json!({ "clientStatus": status, "log": log.finish(), "latency": latency });
        if let (Some(answer), Value::Object(said)) = (answer.as_object_mut(), said) {
            answer.extend(said);
        }
        Answer::Json(answer)
    }
}

/// What a function's result means: `principalId`, `policy` and `authorization`.
fn verdict(result: &FunctionResult, kind: AuthorizerKind) -> Result<Value, (u16, String)> {
    if result.has_failed {
        return Err(match refuse_error(&result.payload) {
            Refusal::Unauthorized => (401, String::new()),
            _ => (500, "the authorizer's function failed".to_owned()),
        });
    }
    let verdict = read_verdict(&result.payload, kind).map_err(|why| (500, why.to_owned()))?;
    let document: Value = serde_json::from_slice(&result.payload).unwrap_or_default();
    let entries = verdict.context.entries.iter();
    let lists: serde_json::Map<_, _> =
        entries.map(|(name, value)| (name.to_string(), json!([value]))).collect();
    Ok(json!({
        "principalId": verdict.principal_id,
        "policy": document["policyDocument"].to_string(),
        "authorization": lists,
    }))
}

fn why_not(fault: &FunctionFault) -> &'static str {
    match fault {
        FunctionFault::Unknown => "the authorizer's function is not there",
        FunctionFault::Throttled => "the authorizer's function is throttled",
        FunctionFault::TimedOut => "the authorizer's function did not answer in time",
        FunctionFault::NotStarted => "the authorizer's function cannot be started",
        FunctionFault::EventTooLarge => "the authorizer's event is too large",
    }
}
