//! Concurrency: how many invocations of a function may run at once, and what the account may have.

use super::fault::no_function;
use super::of_file::change;
use super::place::{Place, arn};
use crate::aws::Fault;
use crate::management::operation::{Operation, read};
use crate::management::{Answer, Call};
use crate::resources::function::{Function, FunctionVersion, owner};
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) static OPERATIONS: &[Operation] = &[
    change("PutFunctionConcurrency", put),
    read("GetFunctionConcurrency", get),
    change("DeleteFunctionConcurrency", delete),
    read("GetAccountSettings", account),
];

/// Invocations at once that Lambda lets a new account have. Ringgate's own limit is the workers that
/// the configuration file allows.
const CONCURRENT_EXECUTIONS: u64 = 1000;

fn found(call: &Call<'_>) -> Result<(String, Arc<Function>), Fault> {
    let name = Place::whole(call)?;
    match call.draft.get::<Function>("", &name) {
        Some(function) => Ok((name, function)),
        None => Err(no_function(&arn(call, &name, None))),
    }
}

fn answer(count: Option<u32>) -> Answer {
    Answer::Json(match count {
        Some(count) => json!({ "ReservedConcurrentExecutions": count }),
        None => json!({}),
    })
}

fn set(call: &mut Call<'_>, count: Option<u32>) -> Result<(), Fault> {
    let (name, function) = found(call)?;
    let function = Function { reserved_concurrency: count, ..(*function).clone() };
    call.draft.put("", &name, function);
    Ok(())
}

/// `PutFunctionConcurrency`.
fn put(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let count = call.input.get("ReservedConcurrentExecutions").and_then(Value::as_u64);
    let count = count.map(|count| u32::try_from(count).unwrap_or(u32::MAX));
    set(call, count)?;
    Ok(answer(count))
}

/// `GetFunctionConcurrency`.
fn get(call: &mut Call<'_>) -> Result<Answer, Fault> {
    Ok(answer(found(call)?.1.reserved_concurrency))
}

/// `DeleteFunctionConcurrency`.
fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    set(call, None)?;
    Ok(Answer::Empty)
}

/// `GetAccountSettings`.
fn account(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let functions: Vec<Arc<Function>> = call.draft.list("");
    let reserved: u64 =
        functions.iter().filter_map(|it| it.reserved_concurrency).map(u64::from).sum();
    let mut bytes = 0;
    for function in &functions {
        bytes += function.latest.code_size;
        let versions = call.draft.list::<FunctionVersion>(&owner(&function.latest.function_name));
        bytes += versions.iter().map(|it| it.configuration.code_size).sum::<u64>();
    }
    Ok(Answer::Json(json!({
        "AccountLimit": {
            "TotalCodeSize": 80_530_636_800_u64,
            "CodeSizeUnzipped": 262_144_000,
            "CodeSizeZipped": super::code::ZIP_BYTES_MAX,
            "ConcurrentExecutions": CONCURRENT_EXECUTIONS,
            "UnreservedConcurrentExecutions": CONCURRENT_EXECUTIONS.saturating_sub(reserved),
        },
        "AccountUsage": { "TotalCodeSize": bytes, "FunctionCount": functions.len() },
    })))
}
