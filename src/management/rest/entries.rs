//! What patches of methods, integrations and their responses do alike: members that are only replaced,
//! and entries of maps that come and go.

use super::super::patch::{Family, Op, PatchOperation};
use crate::aws::Fault;
use crate::resources::rest::Map;

/// What Amazon says of a parameter that is not there.
pub(super) const PARAMETER: &str = "Invalid parameter name specified";

/// What Amazon says of a model or template that is not there.
pub(super) const CONTENT_TYPE: &str = "Content-Type specified was not found";

/// Refuses everything but `replace`.
///
/// # Errors
/// 400: it is something else.
pub(super) fn only_replace(operation: &PatchOperation) -> Result<(), Fault> {
    match operation.op {
        Op::Replace => Ok(()),
        _ => Err(Family::Plain.bad_op(operation, &["replace"])),
    }
}

/// A member of which Amazon knows some values only; empty clears it.
///
/// # Errors
/// 400: not one of them.
pub(super) fn one_of(
    operation: &PatchOperation,
    member: &str,
    known: &[&str],
) -> Result<Option<String>, Fault> {
    only_replace(operation)?;
    match operation.non_empty() {
        Some(value) if !known.contains(&value.as_str()) => {
            let known = known.join(",");
            Err(Fault::bad_request(format!(
                "Invalid {member} specified. Valid options are {known}"
            )))
        }
        value => Ok(value),
    }
}

/// Adds, replaces or removes an entry.
///
/// # Errors
/// 404, in the words `missing`: what is to be replaced or removed is not there; 400: not supported.
pub(super) fn change<V>(
    operation: &PatchOperation,
    entries: &mut Map<V>,
    key: &str,
    value: V,
    missing: &str,
) -> Result<(), Fault> {
    match operation.op {
        Op::Add => {}
        Op::Replace | Op::Remove if !entries.contains_key(key) => {
            return Err(Fault::not_found(missing));
        }
        Op::Replace | Op::Remove => {}
        _ => return Err(Family::Plain.bad_op(operation, &["add", "remove", "replace"])),
    }
    if operation.op == Op::Remove {
        entries.remove(key);
    } else {
        entries.insert(key.to_owned(), value);
    }
    Ok(())
}

/// As [`change`], of a map that is absent while it has no entries.
///
/// # Errors
/// As for [`change`].
pub(super) fn change_in<V>(
    operation: &PatchOperation,
    entries: &mut Option<Map<V>>,
    key: &str,
    value: V,
    missing: &str,
) -> Result<(), Fault> {
    let mut changed = entries.take().unwrap_or_default();
    change(operation, &mut changed, key, value, missing)?;
    *entries = Some(changed).filter(|changed| !changed.is_empty());
    Ok(())
}
