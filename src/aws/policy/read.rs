//! Reads a policy's text. What is not understood is refused.

use super::condition::Condition;
use super::glob::{Glob, Variables};
use super::principal::{Principal, Principals};
use super::{Choice, Effect, Policy, Statement};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::fmt;

/// Longest document: IAM's limit for resource policies of APIs and Amazon's for what authorizers return.
const BYTES_MAX: usize = 8192;

/// Why a text is no policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadPolicy(pub(super) &'static str);

impl fmt::Display for BadPolicy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl std::error::Error for BadPolicy {}

/// What a policy is attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind<'k> {
    /// A caller, or what an authorizer says about one: there is no `Principal`.
    Identity,
    /// A resource: every statement says of whom it speaks.
    Resource {
        /// What the short form `execute-api:/…` stands for: `arn:aws:execute-api:{region}:{account}:{api}`.
        short_form: Option<&'k str>,
    },
}

impl Policy {
    /// Reads a document of up to 8192 bytes.
    pub fn read(text: &str, kind: Kind<'_>) -> Result<Self, BadPolicy> {
        if text.len() > BYTES_MAX {
            return Err(BadPolicy("a policy has at most 8192 bytes"));
        }
        let document: Value =
            serde_json::from_str(text).map_err(|_| BadPolicy("the policy is no JSON"))?;
        Self::of(&document, kind)
    }

    /// Reads a document that is a part of another; whoever read that has limited its size.
    pub fn of(document: &Value, kind: Kind<'_>) -> Result<Self, BadPolicy> {
        let document = document.as_object().ok_or(BadPolicy("the policy is no object"))?;
        known_members(document, &["Version", "Id", "Statement"])?;
        let variables = match document.get("Version") {
            None => Variables::Literal,
            Some(Value::String(version)) if version == "2008-10-17" => Variables::Literal,
            Some(Value::String(version)) if version == "2012-10-17" => Variables::Meant,
            Some(_) => return Err(BadPolicy("the policy's `Version` is not 2012-10-17")),
        };
        let statements = match document.get("Statement") {
            Some(Value::Array(statements)) => statements.as_slice(),
            Some(statement @ Value::Object(_)) => std::slice::from_ref(statement),
            Some(_) | None => return Err(BadPolicy("the policy has no `Statement`")),
        };
        let read = |it: &Value| statement(it, kind, variables);
        Ok(Self { statements: statements.iter().map(read).collect::<Result<_, _>>()? })
    }
}

fn statement(value: &Value, kind: Kind<'_>, variables: Variables) -> Result<Statement, BadPolicy> {
    let members = value.as_object().ok_or(BadPolicy("a statement is no object"))?;
    known_members(
        members,
        &[
            "Sid",
            "Effect",
            "Principal",
            "NotPrincipal",
            "Action",
            "NotAction",
            "Resource",
            "NotResource",
            "Condition",
        ],
    )?;
    let effect = match members.get("Effect").and_then(Value::as_str) {
        Some("Allow") => Effect::Allow,
        Some("Deny") => Effect::Deny,
        Some(_) | None => return Err(BadPolicy("a statement's `Effect` is not Allow or Deny")),
    };
    let principals = match (kind, members.get("Principal"), members.get("NotPrincipal")) {
        (Kind::Identity, None, None) => None,
        (Kind::Identity, _, _) => {
            return Err(BadPolicy("a policy that is attached to a caller has no principals"));
        }
        (Kind::Resource { .. }, Some(some), None) => Some(Principals::OneOf(principals(some)?)),
        // Amazon forbids it: it would let in everybody who was not thought of.
        (Kind::Resource { .. }, None, Some(_)) if effect == Effect::Allow => {
            return Err(BadPolicy("`NotPrincipal` is only for `Deny`"));
        }
        (Kind::Resource { .. }, None, Some(some)) => Some(Principals::NoneOf(principals(some)?)),
        (Kind::Resource { .. }, _, _) => {
            return Err(BadPolicy("a statement has one of `Principal` and `NotPrincipal`"));
        }
    };
    let action = |text: &str| Glob::read(text, Variables::Literal);
    let short_form = match kind {
        Kind::Identity => None,
        Kind::Resource { short_form } => short_form,
    };
    let resource = |text: &str| match (short_form, text.strip_prefix("execute-api:/")) {
        (Some(api), Some(rest)) => Glob::read(&format!("{api}/{rest}"), variables),
        _ => Glob::read(text, variables),
    };
    Ok(Statement {
        effect,
        principals,
        actions: choice(
            (members.get("Action"), members.get("NotAction")),
            action,
            BadPolicy("a statement has one of `Action` and `NotAction`, a text or a list of them"),
        )?,
        resources: choice(
            (members.get("Resource"), members.get("NotResource")),
            resource,
            BadPolicy(
                "a statement has one of `Resource` and `NotResource`, a text or a list of them",
            ),
        )?,
        conditions: members
            .get("Condition")
            .map_or_else(|| Ok(Box::default()), |it| conditions(it, variables))?,
    })
}

fn choice(
    members: (Option<&Value>, Option<&Value>),
    read: impl Fn(&str) -> Result<Glob, BadPolicy>,
    otherwise: BadPolicy,
) -> Result<Choice, BadPolicy> {
    let globs = |value: &Value| -> Result<Box<[Glob]>, BadPolicy> {
        let values = one_or_more(value);
        if values.is_empty() {
            return Err(otherwise);
        }
        values.iter().map(|it| it.as_str().ok_or(otherwise).and_then(&read)).collect()
    };
    match members {
        (Some(value), None) => Ok(Choice::OneOf(globs(value)?)),
        (None, Some(value)) => Ok(Choice::NoneOf(globs(value)?)),
        (None, None) | (Some(_), Some(_)) => Err(otherwise),
    }
}

fn principals(value: &Value) -> Result<Box<[Principal]>, BadPolicy> {
    const BAD: BadPolicy = BadPolicy("a principal is `*` or an object of texts and lists of them");
    if value.as_str() == Some("*") {
        return Ok([Principal::Everybody].into());
    }
    let mut principals = Vec::new();
    for (kind, values) in value.as_object().ok_or(BAD)? {
        for value in one_or_more(values) {
            let text = value.as_str().ok_or(BAD)?;
            principals.push(match kind.as_str() {
                "AWS" => Principal::aws(text),
                "Service" => Principal::Service(text.into()),
                "Federated" | "CanonicalUser" => Principal::Nobody,
                _ => return Err(BAD),
            });
        }
    }
    Ok(principals.into())
}

fn conditions(value: &Value, variables: Variables) -> Result<Box<[Condition]>, BadPolicy> {
    const BAD: BadPolicy = BadPolicy("a condition is not `{operator: {key: value}}`");
    let mut conditions = Vec::new();
    for (operator, keys) in value.as_object().ok_or(BAD)? {
        for (key, values) in keys.as_object().ok_or(BAD)? {
            let texts: Option<Vec<Cow<'_, str>>> = one_or_more(values).iter().map(text).collect();
            conditions.push(Condition::read(operator, key, &texts.ok_or(BAD)?, variables)?);
        }
    }
    Ok(conditions.into())
}

/// The values of conditions may be numbers and booleans as well.
fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Bool(value) => Some(Cow::Borrowed(if *value { "true" } else { "false" })),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn known_members(members: &Map<String, Value>, known: &[&str]) -> Result<(), BadPolicy> {
    if members.keys().all(|name| known.contains(&name.as_str())) {
        Ok(())
    } else {
        Err(BadPolicy("the policy has a member that the language does not know"))
    }
}

fn one_or_more(value: &Value) -> &[Value] {
    match value {
        Value::Array(values) => values,
        one => std::slice::from_ref(one),
    }
}
