//! The service from the call to the answer, on real stores.

use super::*;
use axum::body::to_bytes;
use axum::http::HeaderMap;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A service, and how often it has published.
async fn service(url: &str, last_good: Option<PathBuf>) -> (Service, Arc<AtomicUsize>) {
    ailing(url, last_good, Ailment::default()).await
}

async fn ailing(
    url: &str,
    last_good: Option<PathBuf>,
    ailment: Ailment,
) -> (Service, Arc<AtomicUsize>) {
    let published = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&published);
    let publisher: Publisher = Box::new(move |_, done| {
        count.fetch_add(1, Ordering::Relaxed);
        let _ = done.send(());
        Box::pin(std::future::ready(()))
    });
    let beginning = Beginning { publisher, ..beginning(url, last_good, ailment) };
    (Service::begin(beginning).await.unwrap().0, published)
}

/// Ordinary; nothing is published.
fn beginning(url: &str, last_good: Option<PathBuf>, ailment: Ailment) -> Beginning {
    let access = crate::management::access::Access {
        credentials: Vec::new(),
        hosts: Vec::new(),
        region: "us-east-1".into(),
        account_id: "000000000000".into(),
        pace: crate::management::limit::Pace { rate: 1_000_000, burst: 1_000_000 },
    };
    Beginning {
        url: url.into(),
        last_good,
        settings: Settings {
            account_id: "000000000000".into(),
            domain_suffix: "localhost".into(),
            logging_needs_role: false,
            functions_need_permission: true,
            template_findings: crate::model::TemplateFindings::Warn,
            back_ends: std::sync::Arc::default(),
            event_places: std::sync::Arc::default(),
            file_functions: Arc::default(),
        },
        shown: BTreeMap::new(),
        gate: Gate::new(access),
        ailment,
        audit: Audit::off(),
        invoker: Arc::new(lambda::NoInvoker),
        back_ends: Arc::new(crate::management::NoBackEnds),
        publisher: Box::new(|_, done| {
            let _ = done.send(());
            Box::pin(std::future::ready(()))
        }),
    }
}

async fn call(service: &Service, method: &str, path: &str, body: Value) -> (u16, Value) {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut headers = HeaderMap::new();
    headers.insert(header::HOST, HeaderValue::from_static("localhost"));
    let incoming = Incoming {
        peer: "127.0.0.1:1".parse().unwrap(),
        method: method.into(),
        path: path.into(),
        query: query.into(),
        headers,
        body: if body.is_null() { Default::default() } else { body.to_string().into() },
    };
    let response = service.answer(incoming).await;
    assert_eq!(response.headers()["x-amzn-requestid"].len(), 36);
    let status = response.status().as_u16();
    assert_eq!(status >= 400, response.headers().contains_key("x-amzn-errortype"));
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

fn link(name: &str) -> Value {
    serde_json::json!({ "name": name, "targetArns": [] })
}

async fn names(service: &Service) -> Vec<String> {
    let (_, list) = call(service, "GET", "/vpclinks?limit=500", Value::Null).await;
    let items = list["item"].as_array().unwrap();
    let mut names: Vec<_> =
        items.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_write_is_read_at_once() {
    let (service, published) = service("memory", None).await;
    let (status, made) = call(&service, "POST", "/vpclinks", link("a")).await;
    assert_eq!((status, made["name"].as_str()), (202, Some("a")));
    let path = format!("/vpclinks/{}", made["id"].as_str().unwrap());
    assert_eq!(call(&service, "GET", &path, Value::Null).await.0, 200);
    assert_eq!(call(&service, "DELETE", &path, Value::Null).await, (202, Value::Null));
    let (status, fault) = call(&service, "GET", &path, Value::Null).await;
    assert_eq!(
        (status, fault["message"].as_str()),
        (404, Some("Invalid Vpc Link identifier specified"))
    );
    // No stage serves any of this.
    assert_eq!(published.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn what_no_model_knows_is_refused() {
    let (service, _) = service("memory", None).await;
    assert_eq!(call(&service, "GET", "/nothing", Value::Null).await.0, 404);
    assert_eq!(call(&service, "PUT", "/v2/nothing", Value::Null).await.0, 404);
    let (status, fault) =
        call(&service, "POST", "/vpclinks", serde_json::json!({ "name": 1 })).await;
    assert_eq!(status, 400, "{fault}");
}

#[tokio::test]
async fn many_writes_at_once_are_all_kept() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}/s.db", folder.path().display());
    let (first, _) = service(&url, None).await;
    let calls = (0..100).map(|n| {
        let first = first.clone();
        tokio::spawn(
            async move { call(&first, "POST", "/vpclinks", link(&format!("{n:03}"))).await.0 },
        )
    });
    for made in calls.collect::<Vec<_>>() {
        assert_eq!(made.await.unwrap(), 202);
    }
    let all = names(&first).await;
    assert_eq!(all.len(), 100);
    let (second, _) = service(&url, None).await;
    assert_eq!(names(&second).await, all);
}

#[tokio::test]
async fn hosts_on_one_store_do_not_lose_each_others_writes() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}/s.db", folder.path().display());
    let (here, _) = service(&url, None).await;
    let (there, _) = service(&url, None).await;
    for n in 0..10 {
        let writer = if n % 2 == 0 { &here } else { &there };
        let (status, fault) = call(writer, "POST", "/vpclinks", link(&n.to_string())).await;
        assert_eq!(status, 202, "{fault}");
    }
    // The last write was made there, so here learns of it at the next look.
    for service in [&there, &here] {
        for _ in 0..100 {
            if names(service).await.len() == 10 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert_eq!(names(service).await.len(), 10);
    }
}

#[tokio::test]
async fn a_change_is_in_the_history_and_is_undone() {
    let (service, _) = service("memory", None).await;
    call(&service, "POST", "/vpclinks", link("a")).await;
    call(&service, "POST", "/vpclinks", link("b")).await;
    let (_, history) = call(&service, "GET", "/_ringgate/history", Value::Null).await;
    let latest = &history["changes"][0];
    assert_eq!(
        (latest["operation"].as_str(), latest["revision"].as_u64()),
        (Some("CreateVpcLink"), Some(2))
    );
    assert!(latest["changes"][0].as_str().unwrap().ends_with(" made"), "{latest}");
    let (status, undone) = call(&service, "POST", "/_ringgate/undo?revision=1", Value::Null).await;
    assert_eq!((status, undone["revision"].as_u64()), (200, Some(3)));
    assert_eq!(names(&service).await, ["b"]);
    // The undo is a change too, and can be undone itself.
    call(&service, "POST", "/_ringgate/undo", Value::Null).await;
    assert_eq!(names(&service).await, ["a", "b"]);
    assert_eq!(call(&service, "POST", "/_ringgate/undo?revision=99", Value::Null).await.0, 404);
    assert_eq!(call(&service, "POST", "/_ringgate/undo?revision=x", Value::Null).await.0, 400);
}

#[tokio::test]
async fn without_a_store_reads_are_answered_and_writes_refused() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("last-good");
    let url = format!("sqlite:{}/s.db", folder.path().display());
    {
        let (service, _) = service(&url, Some(kept.clone())).await;
        call(&service, "POST", "/vpclinks", link("a")).await;
        for _ in 0..200 {
            if crate::store::LastGood::read(&kept).is_ok_and(|last| last.revision == 1) {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
    // Nobody listens there.
    let ailment = Ailment::default();
    let url = "postgres://user@127.0.0.1:1/none";
    let (service, _) = ailing(url, Some(kept), Arc::clone(&ailment)).await;
    assert_eq!(names(&service).await, ["a"]);
    assert!(ailment.lock().unwrap().is_some());
    let (status, fault) = call(&service, "POST", "/vpclinks", link("b")).await;
    assert_eq!(status, 503, "{fault}");
    assert_eq!(names(&service).await, ["a"]);
}

/// Notes what it is asked, and answers what it is told.
struct Scripted {
    asked: Mutex<Vec<lambda::Invocation>>,
    result: Result<lambda::Outcome, lambda::Refused>,
}

impl Invoker for Scripted {
    fn invoke(&self, invocation: lambda::Invocation) -> lambda::Invoked {
        self.asked.lock().unwrap().push(invocation);
        Box::pin(std::future::ready(self.result.clone()))
    }

    fn stream(&self, invocation: lambda::Invocation) -> lambda::Streamed {
        let result = self.invoke(invocation);
        Box::pin(async move {
            let (tell, telling) = tokio::sync::mpsc::channel(2);
            let outcome = result.await?;
            tell.send(lambda::Told::Piece("[".into())).await.unwrap();
            tell.send(lambda::Told::Over(outcome)).await.unwrap();
            Ok(telling)
        })
    }
}

const FUNCTIONS: &str = "/2015-03-31/functions";

/// A zip with a file `a` of one byte.
const ZIP: &str = "UEsDBAoAAAAAAAAAAAAAAAAAAQAAAAEAAAABAAAAYXhQSwECCgAKAAAAAAAAAAAAAAAAAAEAAAABAAAAAQAAAAAAAAAAAAAAAAAAAAAAYVBLBQYAAAAAAQABAC8AAAAgAAAAAAA=";

/// A service with a function `f`, and what its invoker was asked.
async fn invoking(result: Result<lambda::Outcome, lambda::Refused>) -> (Service, Arc<Scripted>) {
    let scripted = Arc::new(Scripted { asked: Mutex::new(Vec::new()), result });
    let mut beginning = beginning("memory", None, Ailment::default());
    beginning.invoker = scripted.clone();
    let service = Service::begin(beginning).await.unwrap().0;
    let body = serde_json::json!({
        "FunctionName": "f", "Runtime": "python3.12", "Handler": "a.b", "Publish": true,
        "Role": "arn:aws:iam::000000000000:role/r", "Code": { "ZipFile": ZIP },
    });
    let (status, made) = call(&service, "POST", FUNCTIONS, body).await;
    assert_eq!(status, 201, "{made}");
    (service, scripted)
}

/// Invokes `f`; fields are `Name: value`.
async fn invoke(service: &Service, path: &str, fields: &[&str], event: &str) -> Response<Body> {
    let mut headers = HeaderMap::new();
    headers.insert(header::HOST, HeaderValue::from_static("localhost"));
    for field in fields {
        let (name, value) = field.split_once(": ").unwrap();
        let name = axum::http::HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.insert(name, HeaderValue::from_str(value).unwrap());
    }
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let incoming = Incoming {
        peer: "127.0.0.1:1".parse().unwrap(),
        method: "POST".into(),
        path: format!("{FUNCTIONS}/{path}"),
        query: query.into(),
        headers,
        body: event.to_owned().into(),
    };
    service.answer(incoming).await
}

async fn text_of(response: Response<Body>) -> String {
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn an_invocation_is_handed_over_with_what_it_needs() {
    let outcome = lambda::Outcome {
        payload: "[1]".into(),
        error: Some("Unhandled"),
        log: Some("END".into()),
    };
    let (service, scripted) = invoking(Ok(outcome)).await;
    let fields =
        ["X-Amz-Log-Type: Tail", "X-Amz-Client-Context: e30=", "X-Amzn-Trace-Id: Root=1-2"];
    let response = invoke(&service, "f/invocations?Qualifier=1", &fields, r#"{"a":1}"#).await;
    assert_eq!(response.status(), 200);
    for (name, expected) in [
        ("content-type", "application/json"),
        ("x-amz-executed-version", "1"),
        ("x-amz-function-error", "Unhandled"),
        ("x-amz-log-result", "RU5E"),
    ] {
        assert_eq!(response.headers()[name], expected);
    }
    let request_id = response.headers()["x-amzn-requestid"].to_str().unwrap().to_owned();
    assert_eq!(text_of(response).await, "[1]");
    let asked = scripted.asked.lock().unwrap()[0].clone();
    assert_eq!(asked.request_id, request_id);
    assert_eq!(asked.invoked_arn, "arn:aws:lambda:us-east-1:000000000000:function:f:1");
    assert_eq!(asked.configuration.version, "1");
    assert_eq!((&asked.payload[..], asked.wants_log), (&br#"{"a":1}"#[..], true));
    assert_eq!(asked.client_context.as_deref(), Some("{}"));
    assert_eq!(asked.trace_id.as_deref(), Some("Root=1-2"));
    assert_eq!(asked.mode, lambda::Mode::RequestResponse);
}

#[tokio::test]
async fn an_event_is_queued_and_a_dry_run_is_none() {
    let (service, scripted) = invoking(Ok(lambda::Outcome::default())).await;
    let response = invoke(&service, "f/invocations", &["X-Amz-Invocation-Type: Event"], "").await;
    assert_eq!((response.status().as_u16(), text_of(response).await.as_str()), (202, ""));
    let asked = scripted.asked.lock().unwrap()[0].clone();
    assert_eq!((asked.mode, &asked.payload[..]), (lambda::Mode::Event, &b"{}"[..]));
    let response = invoke(&service, "f/invocations", &["X-Amz-Invocation-Type: DryRun"], "").await;
    assert_eq!(response.status(), 204);
    assert_eq!(scripted.asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn an_invocation_that_cannot_be_is_refused_before_it_is_one() {
    let (service, scripted) = invoking(Ok(lambda::Outcome::default())).await;
    let large = format!("\"{}\"", "x".repeat(1_048_576));
    let event = "X-Amz-Invocation-Type: Event";
    for (path, field, body, status, kind) in [
        ("g/invocations", event, "{}", 404, "ResourceNotFoundException"),
        ("f/invocations?Qualifier=2", event, "{}", 404, "ResourceNotFoundException"),
        ("f/invocations", event, "{", 400, "InvalidRequestContentException"),
        ("f/invocations", event, &large, 413, "RequestTooLargeException"),
        ("f/invocations", "X-Amz-Invocation-Type: x", "{}", 400, "ValidationException"),
        ("f/invocations", "X-Amz-Client-Context: %", "{}", 400, "InvalidParameterValueException"),
    ] {
        let response = invoke(&service, path, &[field], body).await;
        assert_eq!(response.headers()["x-amzn-errortype"], kind, "{path}");
        assert_eq!(response.status(), status);
    }
    let response = invoke(&service, "f/invocations", &[], &large).await;
    assert_eq!(response.status(), 200, "what is waited for may be larger");
    assert_eq!(scripted.asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn why_a_function_was_not_run_is_told() {
    for (refused, status, kind, body) in [
        (
            lambda::Refused::Throttled { is_reserved: true },
            429,
            "TooManyRequestsException",
            r#"{"Type":"User","message":"Rate Exceeded.","Reason":"ReservedFunctionConcurrentInvocationLimitExceeded"}"#,
        ),
        (
            lambda::Refused::NotReady("no node".into()),
            502,
            "ResourceNotReadyException",
            r#"{"Type":"Service","message":"no node"}"#,
        ),
        (
            lambda::Refused::Failed("x".into()),
            500,
            "ServiceException",
            r#"{"Type":"Service","Message":"x"}"#,
        ),
    ] {
        let (service, _) = invoking(Err(refused)).await;
        let response = invoke(&service, "f/invocations", &[], "{}").await;
        assert_eq!(response.headers()["x-amzn-errortype"], kind);
        assert_eq!((response.status().as_u16(), text_of(response).await.as_str()), (status, body));
    }
}

#[tokio::test]
async fn what_is_streamed_is_told_as_events_and_what_was_not_run_as_by_invoke() {
    let path = "/2021-11-15/functions/f/response-streaming-invocations";
    let ask = |service: Service| async move {
        let incoming = Incoming {
            peer: "127.0.0.1:1".parse().unwrap(),
            method: "POST".into(),
            path: path.into(),
            query: "Qualifier=1".into(),
            headers: HeaderMap::from_iter([(header::HOST, HeaderValue::from_static("localhost"))]),
            body: "{}".into(),
        };
        service.answer(incoming).await
    };
    let outcome = lambda::Outcome { payload: "]".into(), ..lambda::Outcome::default() };
    let (service, _) = invoking(Ok(outcome)).await;
    let response = ask(service).await;
    assert_eq!(response.status(), 200);
    for (name, expected) in
        [("content-type", "application/vnd.amazon.eventstream"), ("x-amz-executed-version", "1")]
    {
        assert_eq!(response.headers()[name], expected);
    }
    assert!(response.headers().contains_key("x-amzn-requestid"));
    let events = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let count = |of: &[u8]| events.windows(of.len()).filter(|it| it == &of).count();
    assert_eq!((count(b"PayloadChunk"), count(b"InvokeComplete")), (2, 1));

    let refused = lambda::Refused::Throttled { is_reserved: false };
    let (service, _) = invoking(Err(refused)).await;
    let response = ask(service).await;
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["content-type"], "application/json");
    assert!(text_of(response).await.contains("ConcurrentInvocationLimitExceeded"));
}

#[tokio::test]
async fn an_alias_shares_out_its_invocations() {
    let (service, scripted) = invoking(Ok(lambda::Outcome::default())).await;
    let change = serde_json::json!({ "MemorySize": 256 });
    call(&service, "PUT", &format!("{FUNCTIONS}/f/configuration"), change).await;
    let path = format!("{FUNCTIONS}/f/versions");
    assert_eq!(call(&service, "POST", &path, serde_json::json!({})).await.0, 201);
    let alias = serde_json::json!({
        "Name": "prod", "FunctionVersion": "1",
        "RoutingConfig": { "AdditionalVersionWeights": { "2": 0.5 } },
    });
    let path = format!("{FUNCTIONS}/f/aliases");
    assert_eq!(call(&service, "POST", &path, alias).await.0, 201);
    for _ in 0..200 {
        invoke(&service, "f/invocations?Qualifier=prod", &[], "{}").await;
    }
    let asked = scripted.asked.lock().unwrap();
    let second = asked.iter().filter(|it| it.configuration.version == "2").count();
    // 200 tosses of a coin: beyond these once in 10^10 runs.
    assert!((50..150).contains(&second), "{second}");
    assert!(asked.iter().all(|it| it.invoked_arn.ends_with(":function:f:prod")));
}
