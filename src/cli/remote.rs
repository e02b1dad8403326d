//! Calls of another process: the gateway that runs, or Amazon's service. Signed, with everything that a
//! signature needs.

use crate::aws::sigv4::{Request, Signer};
use crate::model::{Model, Role};
use clap::Args;
use serde_json::Value;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

/// How long an answer may take. A change is answered when every shard serves it.
const PATIENCE: Duration = Duration::from_secs(120);

/// The signing name of API Gateway's services.
const SERVICE: &str = "apigateway";

/// Where the running gateway is.
#[derive(Debug, Clone, Args)]
pub(super) struct Where {
    /// The management listener, such as http://127.0.0.1:8081 [default: that of the configuration]
    #[arg(long, value_name = "URL", env = "RINGGATE_ENDPOINT")]
    endpoint: Option<String>,
    /// The region that is spoken of [default: AWS_REGION, then that of the configuration]
    #[arg(long, value_name = "NAME")]
    region: Option<String>,
}

/// Why a call has no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    /// No answer.
    #[error("cannot reach {place}: {cause}")]
    Unreachable { place: String, cause: String },
    /// Refused, in the words of whoever refused.
    #[error("{place} refuses ({status}): {message}")]
    Refused { place: String, status: u16, message: String },
    /// An answer that is none.
    #[error("{place} answers something else: {cause}")]
    Unreadable { place: String, cause: String },
}

/// Somebody to call.
pub(super) struct Remote {
    client: reqwest::Client,
    /// Scheme, host and port.
    pub(super) endpoint: String,
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    /// Of the signature.
    pub(super) region: String,
}

/// A key pair, perhaps temporary.
#[derive(Clone)]
pub(super) struct Pair {
    pub(super) access_key_id: String,
    pub(super) secret_access_key: String,
    pub(super) session_token: Option<String>,
}

/// An answer.
pub(super) struct Reply {
    pub(super) status: u16,
    /// Null where there is no content.
    pub(super) document: Value,
}

impl Remote {
    /// Somebody at an endpoint.
    ///
    /// # Errors
    /// The endpoint is no URL, or there is no TLS on this host.
    pub(super) fn new(endpoint: &str, region: &str, pair: Pair) -> Result<Self, Failed> {
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        let unreachable = |cause: String| Failed::Unreachable { place: endpoint.clone(), cause };
        // Already installed where another command ran before; that one is as good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let parsed =
            reqwest::Url::parse(&endpoint).map_err(|error| unreachable(error.to_string()))?;
        let builder = reqwest::Client::builder()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none());
        // A proxy is for what is far away.
        let is_near = matches!(parsed.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        let builder = if is_near { builder.no_proxy() } else { builder };
        let client = builder.build().map_err(|error| unreachable(error.to_string()))?;
        Ok(Self {
            client,
            access_key_id: pair.access_key_id,
            secret_access_key: pair.secret_access_key,
            session_token: pair.session_token,
            region: region.to_owned(),
            endpoint,
        })
    }

    /// Calls. `target` is a path with its query, percent-encoded.
    ///
    /// # Errors
    /// There is no answer, or none that is JSON.
    pub(super) async fn call(
        &self,
        method: &str,
        target: &str,
        body: Vec<u8>,
    ) -> Result<Reply, Failed> {
        let place = || self.endpoint.clone();
        let unreachable = |error: reqwest::Error| Failed::Unreachable {
            place: place(),
            cause: innermost(&error.without_url()),
        };
        let unreadable = |cause: String| Failed::Unreadable { place: place(), cause };
        let url = reqwest::Url::parse(&format!("{}{target}", self.endpoint))
            .map_err(|error| unreadable(error.to_string()))?;
        let host = match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (Some(host), None) => host.to_owned(),
            (None, _) => String::new(),
        };
        let signer = Signer {
            access_key_id: &self.access_key_id,
            secret_access_key: &self.secret_access_key,
            session_token: self.session_token.as_deref(),
            region: &self.region,
            service: SERVICE,
        };
        // JSON: otherwise Amazon's older service answers in another form.
        let fields: [(&str, &[u8]); 3] = [
            ("host", host.as_bytes()),
            ("accept", b"application/json"),
            ("content-type", b"application/json"),
        ];
        let request = Request {
            method,
            path: url.path(),
            query: url.query().unwrap_or_default(),
            fields: &fields,
            body: &body,
        };
        let signed = signer.sign(&request, SystemTime::now());
        let method = method.parse().unwrap_or(reqwest::Method::GET);
        let mut sent = self.client.request(method, url).header("host", &host);
        for (name, value) in &fields[1..] {
            sent = sent.header(*name, *value);
        }
        for (name, value) in signed {
            sent = sent.header(name, value);
        }
        let response = sent.body(body).send().await.map_err(unreachable)?;
        let status = response.status().as_u16();
        let content = response.bytes().await.map_err(unreachable)?;
        let document = match content.is_empty() {
            true => Value::Null,
            false => serde_json::from_slice(&content).unwrap_or_else(|_| {
                // What is in the way, such as a proxy, may say so in plain text.
                let text = String::from_utf8_lossy(&content);
                serde_json::json!({ "message": text.chars().take(200).collect::<String>() })
            }),
        };
        Ok(Reply { status, document })
    }

    /// Calls, and takes anything but success for a failure.
    ///
    /// # Errors
    /// As [`Remote::call`], and refusals.
    pub(super) async fn done(
        &self,
        method: &str,
        target: &str,
        body: Vec<u8>,
    ) -> Result<Value, Failed> {
        let reply = self.call(method, target, body).await?;
        match reply.status {
            200..=299 => Ok(reply.document),
            status => Err(self.refused(status, &reply.document)),
        }
    }

    /// A refusal.
    pub(super) fn refused(&self, status: u16, document: &Value) -> Failed {
        let message = document["message"].as_str().or_else(|| document["Message"].as_str());
        let message = message.unwrap_or("no reason given").to_owned();
        Failed::Refused { place: self.endpoint.clone(), status, message }
    }
}

impl Where {
    /// The gateway, as the options, the environment and the configuration say, in this order.
    ///
    /// # Errors
    /// The exit status, after the reason was printed.
    pub(super) fn gateway(&self, config: Option<&Path>) -> Result<Remote, ExitCode> {
        // An endpoint says everything that the configuration would, but for its credentials.
        let model = match (&self.endpoint, config) {
            (Some(_), None) => None,
            _ => Some(super::load(config)?),
        };
        let listen = model.as_ref().map(|model| {
            let mut address = model.management.listen;
            if address.ip().is_unspecified() {
                address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
            }
            format!("http://{address}")
        });
        let endpoint = self.endpoint.clone().or(listen).unwrap_or_default();
        let region = self.region.clone().or_else(region_of_environment);
        let region = region.or_else(|| model.as_ref().map(|model| model.aws.region.clone()));
        let region = region.unwrap_or_else(|| "us-east-1".to_owned());
        let pair =
            pair_of_environment("RINGGATE_ACCESS_KEY_ID", "RINGGATE_SECRET_ACCESS_KEY", None)
                .or_else(|| model.as_ref().and_then(pair_of))
                .or_else(|| {
                    let token = Some("AWS_SESSION_TOKEN");
                    pair_of_environment("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", token)
                })
                .unwrap_or_else(nobody);
        Remote::new(&endpoint, &region, pair).map_err(|error| failed(&error))
    }
}

/// The first credential of the configuration that may change something.
fn pair_of(model: &Model) -> Option<Pair> {
    let credentials = &model.management.credentials;
    let admin = credentials.iter().find(|it| it.role == Role::Admin);
    admin.or_else(|| credentials.first()).map(|it| Pair {
        access_key_id: it.access_key_id.clone(),
        secret_access_key: it.secret_access_key.clone(),
        session_token: None,
    })
}

/// Two variables, and one more for the token of temporary credentials.
pub(super) fn pair_of_environment(id: &str, secret: &str, token: Option<&str>) -> Option<Pair> {
    let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    Some(Pair {
        access_key_id: variable(id)?,
        secret_access_key: variable(secret)?,
        session_token: token.and_then(variable),
    })
}

/// `AWS_REGION`, or `AWS_DEFAULT_REGION`.
pub(super) fn region_of_environment() -> Option<String> {
    let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"))
}

/// Who calls a gateway without credentials: it takes any signature, and its history the name in it.
fn nobody() -> Pair {
    let user = std::env::var("USER").unwrap_or_default();
    let is_name =
        !user.is_empty() && user.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_');
    Pair {
        access_key_id: if is_name { user } else { "ringgate".to_owned() },
        secret_access_key: "none".to_owned(),
        session_token: None,
    }
}

/// Prints why a command failed.
pub(super) fn failed(error: &Failed) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::FAILURE
}

/// Runs calls to their end.
pub(super) fn run(calls: impl Future<Output = Result<ExitCode, Failed>>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(calls).unwrap_or_else(|error| failed(&error))
}

/// A text for a query, percent-encoded.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// What really went wrong: the outer errors say only that something did.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
