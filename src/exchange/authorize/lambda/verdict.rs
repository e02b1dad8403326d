//! What an authorizer's function said.

use crate::aws::policy::{Accounts, Ask, Decision, Kind, Policy};
use crate::exchange::Refusal;
use crate::exchange::event::AuthorizerContext;
use crate::snapshot::AuthorizerKind;
use serde_json::{Map, Value};

/// Largest result of an authorizer's function. Documented for WebSocket APIs; taken for all.
pub const RESULT_BYTES_MAX: usize = 8 * 1024;

/// Longest pattern in `Resource`, in characters.
const RESOURCE_CHARACTERS_MAX: usize = 512;

/// What a function said of a caller; remembered for as long as its authorizer's result lives.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Who the caller is; simple responses do not say.
    pub principal_id: Option<Box<str>>,
    /// What is passed on to integrations, templates and logs.
    pub context: AuthorizerContext,
    /// The API key to meter the caller by, where the API takes keys from authorizers.
    pub usage_identifier_key: Option<Box<str>>,
    answer: Answer,
}

#[derive(Debug, Clone, PartialEq)]
enum Answer {
    Policy(Policy),
    /// Whatever is called.
    Always(Decision),
}

impl Verdict {
    /// Whether the caller may: the verdict together with the API's resource policy. The first is about
    /// everything that the caller calls, so it is asked again for each request.
    ///
    /// # Errors
    /// [`Refusal::AccessDenied`] and [`Refusal::DeniedExplicitly`].
    pub fn decide(&self, ask: &Ask<'_>, resource_policy: Option<&Policy>) -> Result<(), Refusal> {
        let own = match &self.answer {
            Answer::Policy(policy) => policy.decide(ask),
            Answer::Always(decision) => *decision,
        };
        let resource = resource_policy.map_or(Decision::Silent, |policy| policy.decide(ask));
        match Decision::combine(own, resource, Accounts::Same) {
            Decision::Allowed => Ok(()),
            Decision::Denied => Err(Refusal::DeniedExplicitly),
            Decision::Silent => Err(Refusal::AccessDenied),
        }
    }
}

/// Reads what a function returned. The reason is for the log; the client is told
/// [`Refusal::AuthorizerMisconfigured`].
pub fn read_verdict(result: &[u8], kind: AuthorizerKind) -> Result<Verdict, &'static str> {
    if result.len() > RESULT_BYTES_MAX {
        return Err("the authorizer's result is larger than 8 KiB");
    }
    let value: Value =
        serde_json::from_slice(result).map_err(|_| "the authorizer's result is no JSON")?;
    let members = value.as_object().ok_or("the authorizer's result is no object")?;
    match kind {
        AuthorizerKind::Token | AuthorizerKind::Request | AuthorizerKind::Http1 => {
            with_policy(members, Values::Scalar)
        }
        AuthorizerKind::Http2Policy => with_policy(members, Values::Any),
        AuthorizerKind::Http2Simple => {
            let is_authorized = members
                .get("isAuthorized")
                .and_then(Value::as_bool)
                .ok_or("the authorizer's `isAuthorized` is neither true nor false")?;
            let decision = if is_authorized { Decision::Allowed } else { Decision::Denied };
            Ok(Verdict {
                principal_id: None,
                context: context(members, Values::Any)?,
                usage_identifier_key: None,
                answer: Answer::Always(decision),
            })
        }
    }
}

/// How a failed function's caller is refused. `payload` is what came with Lambda's error flag: only the
/// words `Unauthorized` are for the client.
pub fn refuse_error(payload: &[u8]) -> Refusal {
    #[derive(serde::Deserialize)]
    struct Error<'p> {
        #[serde(borrow, rename = "errorMessage")]
        message: std::borrow::Cow<'p, str>,
    }
    match serde_json::from_slice::<Error<'_>>(payload) {
        Ok(error) if error.message == "Unauthorized" => Refusal::Unauthorized,
        Ok(_) | Err(_) => Refusal::AuthorizerFailed,
    }
}

fn with_policy(members: &Map<String, Value>, values: Values) -> Result<Verdict, &'static str> {
    let principal_id = members
        .get("principalId")
        .and_then(Value::as_str)
        .ok_or("the authorizer's result has no `principalId`")?;
    let document =
        members.get("policyDocument").ok_or("the authorizer's result has no `policyDocument`")?;
    if has_long_resource(document) {
        return Err("a `Resource` in the authorizer's policy has more than 512 characters");
    }
    let policy = Policy::of(document, Kind::Identity)
        .map_err(|_| "the authorizer's `policyDocument` is no policy")?;
    let usage_identifier_key = match members.get("usageIdentifierKey") {
        None | Some(Value::Null) => None,
        Some(Value::String(key)) => Some(key.as_str().into()),
        Some(_) => return Err("the authorizer's `usageIdentifierKey` is no text"),
    };
    Ok(Verdict {
        principal_id: Some(principal_id.into()),
        context: context(members, values)?,
        usage_identifier_key,
        answer: Answer::Policy(policy),
    })
}

fn has_long_resource(document: &Value) -> bool {
    let is_long = |value: &Value| {
        value.as_str().is_some_and(|text| text.chars().count() > RESOURCE_CHARACTERS_MAX)
    };
    let in_statement = |statement: &Value| {
        ["Resource", "NotResource"].iter().filter_map(|name| statement.get(name)).any(|resource| {
            is_long(resource) || resource.as_array().is_some_and(|it| it.iter().any(is_long))
        })
    };
    match document.get("Statement") {
        Some(Value::Array(statements)) => statements.iter().any(in_statement),
        Some(statement) => in_statement(statement),
        None => false,
    }
}

/// What a context may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Values {
    /// Texts, numbers, booleans.
    Scalar,
    /// Format 2.0: any JSON.
    Any,
}

fn context(
    members: &Map<String, Value>,
    values: Values,
) -> Result<AuthorizerContext, &'static str> {
    let given = match members.get("context") {
        None | Some(Value::Null) => return Ok(AuthorizerContext::default()),
        Some(Value::Object(given)) => given,
        Some(_) => return Err("the authorizer's `context` is no object"),
    };
    let mut entries: Vec<(Box<str>, Box<str>)> = Vec::with_capacity(given.len());
    for (key, value) in given {
        let text = match value {
            Value::String(text) => text.as_str().into(),
            Value::Null => continue,
            Value::Bool(_) | Value::Number(_) => value.to_string().into(),
            Value::Array(_) | Value::Object(_) if values == Values::Any => value.to_string().into(),
            Value::Array(_) | Value::Object(_) => {
                return Err("a value in the authorizer's `context` is a list or an object");
            }
        };
        entries.push((key.as_str().into(), text));
    }
    let json = serde_json::to_string(given).ok().map(Into::into);
    Ok(AuthorizerContext { entries: entries.into(), json })
}
