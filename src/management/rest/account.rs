//! Settings of the account, per region.

use super::super::operation::{Operation, read, write};
use super::super::patch::{self, Op};
use super::super::{Answer, Call};
use crate::aws::Fault;
use crate::resources::account::Account;
use serde_json::json;

/// The operations of this file.
pub(super) static OPERATIONS: &[Operation] =
    &[read("GetAccount", get), write("UpdateAccount", update)];

/// The only one of its kind.
const ID: &str = "account";

fn load(call: &Call<'_>) -> Account {
    call.draft.get::<Account>("", ID).map_or_else(
        || Account { features: vec!["UsagePlans".into()], ..Account::default() },
        |account| (*account).clone(),
    )
}

fn show(account: &Account) -> Answer {
    let mut answer = json!({
        "throttleSettings": { "burstLimit": 5000, "rateLimit": 10000.0 },
        "features": account.features,
        "apiKeyVersion": "4",
    });
    if let Some(role) = &account.cloudwatch_role_arn {
        answer["cloudwatchRoleArn"] = role.as_str().into();
    }
    Answer::Json(answer)
}

fn get(call: &mut Call<'_>) -> Result<Answer, Fault> {
    Ok(show(&load(call)))
}

fn update(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let mut account = load(call);
    for operation in patch::operations(call)? {
        let path = operation.path.as_deref().unwrap_or("null");
        match (path, operation.op) {
            ("/cloudwatchRoleArn", Op::Replace | Op::Add) => {
                account.cloudwatch_role_arn = match operation.non_empty() {
                    Some(role) if is_role_arn(&role) => Some(role),
                    Some(_) => return Err(Fault::bad_request("The role ARN is not well formed")),
                    None => None,
                };
            }
            ("/cloudwatchRoleArn", Op::Remove) => account.cloudwatch_role_arn = None,
            ("/features", Op::Add) if operation.value.as_deref() == Some("UsagePlans") => {}
            ("/features", Op::Remove) if operation.value.as_deref() == Some("UsagePlans") => {
                return Err(Fault::bad_request("Usage Plans cannot be disabled once enabled"));
            }
            ("/features", Op::Add | Op::Remove) => {
                let feature = operation.value.as_deref().unwrap_or("null");
                return Err(Fault::bad_request(format!("Invalid feature {feature}")));
            }
            _ => {
                return Err(Fault::bad_request(format!(
                    "Invalid patch path  '{path}' specified for op '{}'. Must be one of: [/cloudwatchRoleArn, /features]",
                    operation.op.name()
                )));
            }
        }
    }
    let answer = show(&account);
    call.draft.put("", ID, account);
    Ok(answer)
}

/// `arn:{partition}:iam::{account}:role/{name}`; whether the role exists is not ours to know.
fn is_role_arn(text: &str) -> bool {
    let mut parts = text.splitn(6, ':');
    let mut is = |part: fn(&str) -> bool| parts.next().is_some_and(part);
    is(|part| part == "arn")
        && is(|part| part.starts_with("aws"))
        && is(|part| part == "iam")
        && is(str::is_empty)
        && is(|part| part.len() == 12 && part.bytes().all(|byte| byte.is_ascii_digit()))
        && is(|part| part.strip_prefix("role/").is_some_and(|name| !name.is_empty()))
}

#[cfg(test)]
mod tests {
    use crate::management::fixture::Fixture;
    use serde_json::json;

    fn patch(op: &str, path: &str, value: &str) -> serde_json::Value {
        json!({ "patchOperations": [{ "op": op, "path": path, "value": value }] })
    }

    #[test]
    fn an_untouched_account_has_amazons_defaults() {
        let account = Fixture::new().v1("GetAccount", json!({})).unwrap();
        assert_eq!(
            account,
            json!({
                "throttleSettings": { "burstLimit": 5000, "rateLimit": 10000.0 },
                "features": ["UsagePlans"],
                "apiKeyVersion": "4",
            })
        );
    }

    #[test]
    fn the_role_is_set_and_cleared() {
        let mut fixture = Fixture::new();
        let role = "arn:aws:iam::123456789012:role/logs";
        let set = fixture.v1("UpdateAccount", patch("replace", "/cloudwatchRoleArn", role));
        assert_eq!(set.unwrap()["cloudwatchRoleArn"], role);
        assert_eq!(fixture.v1("GetAccount", json!({})).unwrap()["cloudwatchRoleArn"], role);
        let cleared = fixture.v1("UpdateAccount", patch("replace", "/cloudwatchRoleArn", ""));
        assert!(cleared.unwrap().get("cloudwatchRoleArn").is_none());
    }

    #[test]
    fn what_cannot_be_set_is_refused() {
        let mut fixture = Fixture::new();
        for (op, path, value, message) in [
            ("replace", "/cloudwatchRoleArn", "nonsense", "The role ARN is not well formed"),
            ("remove", "/features", "UsagePlans", "Usage Plans cannot be disabled once enabled"),
            (
                "replace",
                "/throttleSettings/rateLimit",
                "1",
                "Invalid patch path  '/throttleSettings/rateLimit' specified for op 'replace'. Must be one of: [/cloudwatchRoleArn, /features]",
            ),
        ] {
            let fault = fixture.v1("UpdateAccount", patch(op, path, value)).unwrap_err();
            assert_eq!((fault.kind, fault.message.as_str()), ("BadRequestException", message));
        }
    }
}
