//! Resource policies, as far as they can be answered without looking at a request.
//!
//! Evaluating a policy needs the caller's identity and address. Until that is here, a policy lets
//! everybody in only when its text says so beyond doubt: one statement allows everybody everything
//! without a condition, and none denies anything. Any other one refuses.

use serde_json::Value;

/// Whether a policy lets everybody call everything.
pub(super) fn lets_everybody_in(policy: &str) -> bool {
    let Ok(policy) = serde_json::from_str::<Value>(policy) else { return false };
    let statements = policy.get("Statement").map(one_or_more).unwrap_or_default();
    let is = |statement: &Value, effect: &str| {
        statement.get("Effect").and_then(Value::as_str) == Some(effect)
    };
    statements.iter().all(|statement| is(statement, "Allow"))
        && statements.iter().any(|statement| is(statement, "Allow") && is_for_all(statement))
}

fn is_for_all(statement: &Value) -> bool {
    const KEYS: [&str; 6] = ["Sid", "Effect", "Principal", "Action", "Resource", "Condition"];
    let Some(members) = statement.as_object() else { return false };
    // A member that is not understood (`NotAction` and the like) may mean anything.
    if members.keys().any(|key| !KEYS.contains(&key.as_str())) {
        return false;
    }
    let condition = statement.get("Condition").and_then(Value::as_object);
    if statement.get("Condition").is_some() && condition.is_none_or(|it| !it.is_empty()) {
        return false;
    }
    let principal = match statement.get("Principal") {
        Some(Value::Object(kinds)) => kinds.get("AWS"),
        other => other,
    };
    any_text(principal, |it| it == "*")
        && any_text(statement.get("Action"), |it| {
            matches!(it.to_ascii_lowercase().as_str(), "*" | "execute-api:*" | "execute-api:invoke")
        })
        && any_text(statement.get("Resource"), is_every_resource)
}

/// `*`, `execute-api:/*`, `arn:aws:execute-api:…:…:api/*` and the same with more stars behind.
fn is_every_resource(resource: &str) -> bool {
    let is_stars = |text: &str| text.split('/').all(|part| part == "*");
    match resource.strip_prefix("execute-api:/") {
        Some(rest) => is_stars(rest),
        None if resource == "*" => true,
        None => {
            let parts: Vec<&str> = resource.splitn(6, ':').collect();
            let [arn, _, service, _, _, rest] = parts[..] else { return false };
            let behind = rest.split_once('/').map_or(if rest == "*" { "*" } else { "" }, |it| it.1);
            arn == "arn" && service == "execute-api" && is_stars(behind)
        }
    }
}

fn any_text(value: Option<&Value>, holds: impl Fn(&str) -> bool) -> bool {
    value.map(one_or_more).unwrap_or_default().iter().any(|it| it.as_str().is_some_and(&holds))
}

fn one_or_more(value: &Value) -> &[Value] {
    match value {
        Value::Array(values) => values,
        one => std::slice::from_ref(one),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(statements: &str) -> String {
        format!(r#"{{"Version": "2012-10-17", "Statement": {statements}}}"#)
    }

    const ALL: &str = r#"{"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}"#;

    #[test]
    fn a_policy_that_allows_everybody_everything_lets_in() {
        for text in [
            ALL.to_owned(),
            format!("[{ALL}]"),
            ALL.replace("\"*\",", r#"{"AWS": ["*"]},"#),
            ALL.replace("execute-api:/*", "execute-api:/*/*/*"),
            ALL.replace("execute-api:/*", "arn:aws:execute-api:us-east-1:123456789012:abc/*"),
            ALL.replace("execute-api:/*", "*"),
        ] {
            assert!(lets_everybody_in(&policy(&text)), "{text}");
        }
    }

    #[test]
    fn a_policy_that_says_anything_else_refuses() {
        let deny = r#"{"Effect": "Deny", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*", "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}"#;
        for text in [
            format!("[{ALL}, {deny}]"),
            "[]".to_owned(),
            ALL.replace("Allow", "Deny"),
            ALL.replace("\"*\",", r#"{"AWS": "arn:aws:iam::123456789012:root"},"#),
            ALL.replace("execute-api:/*", "execute-api:/prod/GET/*"),
            ALL.replace("\"Resource\"", "\"NotResource\""),
            ALL.replace('}', r#", "Condition": {"StringEquals": {"aws:SourceVpc": "v"}}}"#),
            ALL.replace("execute-api:Invoke", "execute-api:ManageConnections"),
        ] {
            assert!(!lets_everybody_in(&policy(&text)), "{text}");
        }
        assert!(!lets_everybody_in("no JSON"));
        assert!(!lets_everybody_in("{}"));
    }
}
