//! Integrations of HTTP APIs with one action of an AWS service (`IntegrationSubtype`): the integration's
//! parameters are the action's, and the service's answer is the client's.
//!
//! All of them speak JSON, SQS too, whose older protocol would have to spell out lists and attributes;
//! AppConfig alone is asked by its path.

use super::backend::{Checks, Upstreams, parse, timeout};
use super::http_mapping::{self, Known};
use super::service::{self, ServicePlace};
use super::service_names::json_service;
use super::{Passes, RequestMapping, Source, StagePlace, UriPiece};
use crate::resources::http::Integration;
use crate::resources::rest::Map;
use crate::snapshot::service::{Action, Form, Parameter};
use crate::snapshot::{HttpProxy, ProxyPath};
use std::time::Duration;

/// What an integration without a time-out of its own has.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How a subtype is asked for. Which parameters it has, the management API checks.
struct Subtype {
    name: &'static str,
    service: &'static str,
    action: &'static str,
    required: &'static [&'static str],
    /// Parameters that are not plain text.
    forms: &'static [(&'static str, Form)],
    entry_of: Option<&'static str>,
}

static SUBTYPES: [Subtype; 9] = [
    Subtype {
        name: "EventBridge-PutEvents",
        service: "events",
        action: "PutEvents",
        required: &["Detail", "DetailType", "Source"],
        forms: &[("Resources", Form::Json), ("Time", Form::Moment)],
        entry_of: Some("Entries"),
    },
    Subtype {
        name: "SQS-SendMessage",
        service: "sqs",
        action: "SendMessage",
        required: &["QueueUrl", "MessageBody"],
        forms: &[
            ("DelaySeconds", Form::Number),
            ("MessageAttributes", Form::Json),
            ("MessageSystemAttributes", Form::Json),
        ],
        entry_of: None,
    },
    Subtype {
        name: "SQS-ReceiveMessage",
        service: "sqs",
        action: "ReceiveMessage",
        required: &["QueueUrl"],
        forms: &[
            ("AttributeNames", Form::Json),
            ("MessageAttributeNames", Form::Json),
            ("MaxNumberOfMessages", Form::Number),
            ("VisibilityTimeout", Form::Number),
            ("WaitTimeSeconds", Form::Number),
        ],
        entry_of: None,
    },
    Subtype {
        name: "SQS-DeleteMessage",
        service: "sqs",
        action: "DeleteMessage",
        required: &["QueueUrl", "ReceiptHandle"],
        forms: &[],
        entry_of: None,
    },
    Subtype {
        name: "SQS-PurgeQueue",
        service: "sqs",
        action: "PurgeQueue",
        required: &["QueueUrl"],
        forms: &[],
        entry_of: None,
    },
    Subtype {
        name: "Kinesis-PutRecord",
        service: "kinesis",
        action: "PutRecord",
        required: &["StreamName", "Data", "PartitionKey"],
        forms: &[],
        entry_of: None,
    },
    Subtype {
        name: "StepFunctions-StartExecution",
        service: "states",
        action: "StartExecution",
        required: &["StateMachineArn"],
        forms: &[],
        entry_of: None,
    },
    Subtype {
        name: "StepFunctions-StartSyncExecution",
        service: "states",
        action: "StartSyncExecution",
        required: &["StateMachineArn"],
        forms: &[],
        entry_of: None,
    },
    Subtype {
        name: "StepFunctions-StopExecution",
        service: "states",
        action: "StopExecution",
        required: &["ExecutionArn"],
        forms: &[],
        entry_of: None,
    },
];

/// AppConfig's only action here, and the parameters of its path and query.
const APP_CONFIG: &str = "AppConfig-GetConfiguration";
const APP_CONFIG_PATH: [(&str, &str); 3] = [
    ("/applications/", "Application"),
    ("/environments/", "Environment"),
    ("/configurations/", "Configuration"),
];
const APP_CONFIG_QUERY: [(&str, &str); 2] =
    [("client_id", "ClientId"), ("client_configuration_version", "ClientConfigurationVersion")];

/// The request of an integration with an action.
///
/// # Errors
/// Why it cannot be made, for the log.
pub(super) fn request(
    declared: &Integration,
    subtype: &str,
    place: &StagePlace<'_>,
    known: Known<'_>,
    upstreams: &mut Upstreams,
) -> Result<HttpProxy, String> {
    let role = service::role(declared.credentials_arn.as_deref(), known.variables)?;
    let parameters = &declared.request_parameters;
    let region = match parameters.get("Region").filter(|it| !it.is_empty()) {
        None => place.region.to_owned(),
        Some(expression) => match known.text(expression)? {
            Some(Source::Literal(region)) => String::from_utf8_lossy(&region).into_owned(),
            _ => return Err("`Region` must be known before there is a request".to_owned()),
        },
    };
    let form = SUBTYPES.iter().find(|known| known.name == subtype);
    let name = match form {
        Some(form) => form.service,
        None if subtype == APP_CONFIG => "appconfig",
        None => return Err(format!("there is no subtype {subtype}")),
    };
    let of = ServicePlace { partition: "aws", region: &region, service: name };
    let uri = parse(&of.base(place.back_ends)?, &Map::new(), Checks::default())?;
    let mut base = Vec::new();
    for token in &uri.path {
        if let super::stage_variables::Token::Text(text) = token {
            crate::snapshot::path_template::write_literal(text.as_bytes(), &mut base);
        }
    }
    let mut fields = Vec::new();
    let mut mapping = RequestMapping {
        path: Box::default(),
        query: Box::default(),
        added_query: Box::default(),
        headers: Box::default(),
        passes: Passes::Content,
        edits: None,
    };
    let (method, action) = match form {
        Some(form) => {
            base.push(b'/');
            mapping.path = [UriPiece::Literal(base.into())].into();
            let (target, version) = json_service(form.service)
                .map_or(("AmazonSQS", "1.0"), |json| (json.target, json.version));
            fields.push(("x-amz-target".into(), format!("{target}.{}", form.action).into()));
            let kind = format!("application/x-amz-json-{version}");
            fields.push(("content-type".into(), kind.into()));
            ("POST", content(form, parameters, known)?)
        }
        None => {
            let (path, query, required) = app_config(base, parameters, known)?;
            mapping.path = path;
            mapping.added_query = query;
            let none = Box::default();
            ("GET", Action { parameters: none, entry_of: None, required_elsewhere: required })
        }
    };
    let mut service = of.signed(&uri, &role, fields);
    service.action = Some(Box::new(action));
    let answers = http_mapping::responses(&declared.response_parameters, known)?;
    Ok(HttpProxy {
        upstream: upstreams.index(uri.upstream),
        method: Some(method.into()),
        path: ProxyPath::AsReceived,
        is_streamed: false,
        timeout: timeout(declared.timeout_in_millis, TIMEOUT),
        mapping: Some(Box::new(mapping)),
        response: None,
        edits: answers.map(Box::new),
        service: Some(Box::new(service)),
    })
}

fn content(form: &Subtype, parameters: &Map, known: Known<'_>) -> Result<Action, String> {
    let mut all = Vec::new();
    for (name, expression) in parameters {
        if name == "Region" {
            continue;
        }
        let is_required = form.required.contains(&name.as_str());
        let Some(source) = known.text(expression)? else {
            if is_required {
                return Err(format!("`{name}` never has a value"));
            }
            continue;
        };
        let kind = form.forms.iter().find(|(known, _)| known == name);
        // Step Functions begins its members with a small letter.
        let member = match form.service {
            "states" => {
                let (first, rest) = name.split_at(1);
                first.to_ascii_lowercase() + rest
            }
            _ => name.clone(),
        };
        all.push(Parameter {
            name: member.into(),
            form: kind.map_or(Form::Text, |(_, form)| *form),
            source,
            is_required,
        });
    }
    Ok(Action {
        parameters: all.into(),
        entry_of: form.entry_of,
        required_elsewhere: Box::default(),
    })
}

type AppConfig = (Box<[UriPiece]>, Box<[(Box<[u8]>, Source)]>, Box<[Source]>);

fn app_config(base: Vec<u8>, parameters: &Map, known: Known<'_>) -> Result<AppConfig, String> {
    let source = |name: &str| match parameters.get(name) {
        Some(expression) => known.text(expression),
        None => Ok(None),
    };
    let never = |name: &str| format!("`{name}` never has a value");
    let mut path = Vec::new();
    let mut required = Vec::new();
    let mut before = base;
    for (text, name) in APP_CONFIG_PATH {
        before.extend_from_slice(text.as_bytes());
        let value = source(name)?.ok_or_else(|| never(name))?;
        path.push(UriPiece::Literal(std::mem::take(&mut before).into()));
        path.push(UriPiece::Value(value.clone()));
        required.push(value);
    }
    let mut query: Vec<(Box<[u8]>, Source)> = Vec::new();
    for (key, name) in APP_CONFIG_QUERY {
        match source(name)? {
            Some(value) => {
                if name == "ClientId" {
                    required.push(value.clone());
                }
                query.push((key.as_bytes().into(), value));
            }
            None if name == "ClientId" => return Err(never(name)),
            None => {}
        }
    }
    Ok((path.into(), query.into(), required.into()))
}
