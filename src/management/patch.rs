//! Patch operations of v1: the frame that every `Update…` of a REST API's parts shares.
//!
//! A resource says for one operation what it does ([`apply`] walks the list); paths are JSON pointers
//! (RFC 6901), values are always texts. Refusals come in families of wording, which differ by
//! resource: [`Family`].

use super::Call;
use crate::aws::Fault;
use serde::Deserialize;

/// One operation of a patch.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PatchOperation {
    /// What to do.
    pub op: Op,
    /// Where, as it was written.
    pub path: Option<String>,
    /// The new value.
    pub value: Option<String>,
    /// Where a copy comes from.
    pub from: Option<String>,
}

/// What a patch operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    /// Adds an element or member.
    Add,
    /// Removes one.
    Remove,
    /// Sets one.
    Replace,
    /// Never supported.
    Move,
    /// Only stages have it.
    Copy,
    /// Never supported.
    Test,
}

impl Op {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Op::Add => "add",
            Op::Remove => "remove",
            Op::Replace => "replace",
            Op::Move => "move",
            Op::Copy => "copy",
            Op::Test => "test",
        }
    }
}

/// How a resource words its refusals.
#[derive(Debug, Clone, Copy)]
pub enum Family {
    /// Names the paths that the operation may have: for each operation the list that Amazon prints.
    Listed {
        /// Paths of `add`.
        add: &'static [&'static str],
        /// Paths of `remove`.
        remove: &'static [&'static str],
        /// Paths of `replace`.
        replace: &'static [&'static str],
    },
    /// Names the path, or the operations that it may have.
    Plain,
}

impl Family {
    /// The path is unknown.
    pub fn bad_path(self, operation: &PatchOperation) -> Fault {
        let path = operation.path.as_deref().unwrap_or("null");
        match self {
            Family::Plain => Fault::bad_request(format!("Invalid patch path {path}")),
            Family::Listed { add, remove, replace } => {
                let lists = [add, remove, replace];
                // A path that another operation may have is not unknown.
                if lists.iter().any(|list| list.contains(&path)) {
                    return self.bad_op(operation, &[]);
                }
                let list = match operation.op {
                    Op::Add => add,
                    Op::Remove => remove,
                    _ => replace,
                };
                Fault::bad_request(format!(
                    "Invalid patch path  '{path}' specified for op '{}'. Must be one of: [{}]",
                    operation.op.name(),
                    list.join(", ")
                ))
            }
        }
    }

    /// The path is known, but not for this operation; `allowed` are those it may have.
    pub fn bad_op(self, operation: &PatchOperation, allowed: &[&str]) -> Fault {
        let path = operation.path.as_deref().unwrap_or("null");
        match self {
            Family::Plain => Fault::bad_request(format!(
                "Invalid patch operation specified. Must be one of: [{}]",
                allowed.join(", ")
            )),
            Family::Listed { .. } => Fault::bad_request(format!(
                "Invalid patch path  '{path}' specified for op '{}'. Please choose supported operations",
                operation.op.name()
            )),
        }
    }
}

impl PatchOperation {
    /// The path's tokens, unescaped. `/` is one empty token; a path that does not begin with a slash
    /// is read as if it did.
    pub fn tokens(&self) -> Vec<String> {
        let path = self.path.as_deref().unwrap_or_default();
        let path = path.strip_prefix('/').unwrap_or(path);
        path.split('/').map(unescape).collect()
    }

    /// The value as a boolean: anything but `true` in any case is false, as Amazon reads it.
    pub fn is_true(&self) -> bool {
        self.value.as_deref().is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// The value unless it is absent or empty, which both clear a member.
    pub fn non_empty(&self) -> Option<String> {
        self.value.clone().filter(|value| !value.is_empty())
    }
}

/// The operations of a call, in order.
///
/// # Errors
/// The member is no list of operations, which the model's check refuses before.
pub fn operations(call: &Call<'_>) -> Result<Vec<PatchOperation>, Fault> {
    match call.input.get("patchOperations") {
        None => Ok(Vec::new()),
        Some(list) => Vec::<PatchOperation>::deserialize(list)
            .map_err(|_| Fault::bad_request("Invalid patch operations specified")),
    }
}

/// `~1` is `/`, `~0` is `~` (RFC 6901 section 4).
pub fn unescape(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

/// The reverse of [`unescape`].
pub fn escape(token: &str) -> String {
    token.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LISTED: Family =
        Family::Listed { add: &[], remove: &[], replace: &["/parentId", "/pathPart"] };

    fn operation(op: Op, path: &str) -> PatchOperation {
        PatchOperation { op, path: Some(path.into()), value: None, from: None }
    }

    #[test]
    fn refusals_are_worded_by_family() {
        assert_eq!(
            LISTED.bad_path(&operation(Op::Replace, "/x")).message,
            "Invalid patch path  '/x' specified for op 'replace'. Must be one of: [/parentId, /pathPart]"
        );
        assert_eq!(
            LISTED.bad_path(&operation(Op::Add, "/pathPart")).message,
            "Invalid patch path  '/pathPart' specified for op 'add'. Please choose supported operations"
        );
        assert_eq!(
            Family::Plain.bad_path(&operation(Op::Add, "/x")).message,
            "Invalid patch path /x"
        );
        assert_eq!(
            Family::Plain.bad_op(&operation(Op::Add, "/name"), &["replace"]).message,
            "Invalid patch operation specified. Must be one of: [replace]"
        );
    }

    #[test]
    fn tokens_are_unescaped() {
        let tokens = operation(Op::Add, "/requestTemplates/application~1json").tokens();
        assert_eq!(tokens, ["requestTemplates", "application/json"]);
    }

    proptest! {
        #[test]
        fn escaping_is_undone(text in ".{0,20}") {
            prop_assert_eq!(unescape(&escape(&text)), text);
        }
    }
}
