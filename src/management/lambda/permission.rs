//! Permissions: who may invoke a function, as statements of a policy on it.
//!
//! API Gateway needs one before it invokes a function; what asks is `snapshot`'s business.

use super::fault::{changed_since, conflict, invalid, not_found, nothing_there};
use super::of_file::change;
use super::place::Place;
use crate::aws::Fault;
use crate::management::operation::{Operation, read};
use crate::management::{Answer, Call};
use crate::resources::function::{FunctionPolicy, LATEST, owner};
use serde_json::{Map, Value, json};

pub(super) static OPERATIONS: &[Operation] =
    &[change("AddPermission", add), change("RemovePermission", remove), read("GetPolicy", get)];

/// Bytes of a policy: Lambda's limit.
const POLICY_BYTES_MAX: usize = 20_480;

/// Who a policy's `id` is about. A policy of the whole function is under `$LATEST`.
fn policy_id(place: &Place) -> String {
    place.qualifier.clone().unwrap_or_else(|| LATEST.to_owned())
}

/// The place, if it is one that a policy can be of.
fn place(call: &Call<'_>) -> Result<Place, Fault> {
    let place = Place::of(call)?;
    if place.qualifier.as_deref() == Some(LATEST) {
        return Err(invalid("We currently do not support adding policies for $LATEST."));
    }
    place.configuration(call, 1.0)?;
    Ok(place)
}

/// A policy as a document.
pub(in crate::management) fn document(policy: &FunctionPolicy) -> Value {
    json!({ "Version": "2012-10-17", "Id": "default", "Statement": policy.statements })
}

fn check_revision(call: &Call<'_>, policy: &FunctionPolicy) -> Result<(), Fault> {
    match call.text_of("RevisionId") {
        Some(given) if given != policy.revision_id => Err(changed_since("GetPolicy")),
        _ => Ok(()),
    }
}

/// `AddPermission`.
fn add(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let place = place(call)?;
    let (owner, id) = (owner(&place.name), policy_id(&place));
    let known = call.draft.get::<FunctionPolicy>(&owner, &id);
    let mut policy = known.map(|policy| (*policy).clone()).unwrap_or_default();
    check_revision(call, &policy)?;
    let sid = call.text("StatementId");
    if policy.statements.iter().any(|statement| statement["Sid"] == sid) {
        return Err(conflict(format!(
            "The statement id ({sid}) provided already exists. Please provide a new statement id, or \
             remove the existing statement."
        )));
    }
    let mut statement = json!({
        "Sid": sid,
        "Effect": "Allow",
        "Principal": principal(call)?,
        "Action": call.text("Action"),
        "Resource": place.arn(call),
    });
    let conditions = conditions(call);
    if !conditions.is_empty() {
        statement["Condition"] = Value::Object(conditions);
    }
    let text = statement.to_string();
    policy.statements.push(statement);
    let bytes = document(&policy).to_string().len();
    if bytes > POLICY_BYTES_MAX {
        return Err(Fault::new(
            400,
            "PolicyLengthExceededException",
            format!(
                "The final policy size ({bytes}) is bigger than the limit ({POLICY_BYTES_MAX})."
            ),
        ));
    }
    policy.revision_id = call.ids.uuid();
    call.draft.put(&owner, &id, policy);
    Ok(Answer::Json(json!({ "Statement": text })))
}

/// Who may: everybody, an account, a role or user, a service.
fn principal(call: &Call<'_>) -> Result<Value, Fault> {
    let text = call.text("Principal");
    let is_account = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if text == "*" {
        Ok(json!("*"))
    } else if is_account {
        Ok(json!({ "AWS": format!("arn:aws:iam::{text}:root") }))
    } else if text.starts_with("arn:") {
        Ok(json!({ "AWS": text }))
    } else if text.contains(".amazonaws.com") || text.contains(".amazon.com") {
        Ok(json!({ "Service": text }))
    } else {
        Err(invalid(
            "The provided principal was invalid. Please check the principal and try again.",
        ))
    }
}

/// When it holds.
fn conditions(call: &Call<'_>) -> Map<String, Value> {
    let mut equals = Map::new();
    for (member, key) in [
        ("SourceAccount", "AWS:SourceAccount"),
        ("FunctionUrlAuthType", "lambda:FunctionUrlAuthType"),
        ("PrincipalOrgID", "aws:PrincipalOrgID"),
        ("EventSourceToken", "lambda:EventSourceToken"),
    ] {
        if let Some(value) = call.text_of(member) {
            equals.insert(key.into(), json!(value));
        }
    }
    let mut conditions = Map::new();
    if !equals.is_empty() {
        conditions.insert("StringEquals".into(), Value::Object(equals));
    }
    if let Some(arn) = call.text_of("SourceArn") {
        conditions.insert("ArnLike".into(), json!({ "AWS:SourceArn": arn }));
    }
    if let Some(is_via) = call.input.get("InvokedViaFunctionUrl").and_then(Value::as_bool) {
        let condition = json!({ "lambda:InvokedViaFunctionUrl": is_via.to_string() });
        conditions.insert("Bool".into(), condition);
    }
    conditions
}

/// `RemovePermission`.
fn remove(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let place = Place::of(call)?;
    place.configuration(call, 1.0)?;
    let (owner, id) = (owner(&place.name), policy_id(&place));
    let known = call.draft.get::<FunctionPolicy>(&owner, &id);
    let known =
        known.ok_or_else(|| not_found("No policy is associated with the given resource."))?;
    let mut policy = (*known).clone();
    check_revision(call, &policy)?;
    let sid = call.text("StatementId");
    let Some(at) = policy.statements.iter().position(|statement| statement["Sid"] == sid) else {
        return Err(not_found(format!("Statement {sid} is not found in resource policy.")));
    };
    policy.statements.remove(at);
    if policy.statements.is_empty() {
        call.draft.remove::<FunctionPolicy>(&owner, &id);
    } else {
        policy.revision_id = call.ids.uuid();
        call.draft.put(&owner, &id, policy);
    }
    Ok(Answer::Empty)
}

/// `GetPolicy`.
fn get(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let place = Place::of(call)?;
    place.configuration(call, 1.0)?;
    let known = call.draft.get::<FunctionPolicy>(&owner(&place.name), &policy_id(&place));
    let policy = known.ok_or_else(nothing_there)?;
    Ok(Answer::Json(json!({
        "Policy": document(&policy).to_string(),
        "RevisionId": policy.revision_id,
    })))
}
