//! What a change did, for people: members that differ between two forms of a noun.

use serde_json::Value;

/// Texts longer than this are cut where they are shown.
const SHOWN_CHARACTERS_MAX: usize = 80;

/// One member that differs.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Difference {
    /// Names from the outside in, joined with dots: `canarySettings.percentTraffic`.
    pub member: String,
    /// What it was; `None` is absent.
    pub before: Option<Value>,
    /// What it is; `None` is absent.
    pub after: Option<Value>,
}

/// The members that differ, in the order of their names. Two nouns that are there or not as a whole
/// differ in one member with an empty name.
pub(super) fn differences(before: Option<&Value>, after: Option<&Value>) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(String::new(), before, after, &mut found);
    found
}

fn compare(
    member: String,
    before: Option<&Value>,
    after: Option<&Value>,
    found: &mut Vec<Difference>,
) {
    match (before, after) {
        (Some(Value::Object(was)), Some(Value::Object(is))) => {
            let mut names: Vec<&String> = was.keys().chain(is.keys()).collect();
            names.sort_unstable();
            names.dedup();
            for name in names {
                let inner = match member.is_empty() {
                    true => name.clone(),
                    false => format!("{member}.{name}"),
                };
                compare(inner, was.get(name), is.get(name), found);
            }
        }
        (before, after) if before == after => {}
        (before, after) => {
            found.push(Difference { member, before: before.cloned(), after: after.cloned() })
        }
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let member = &self.member;
        match (&self.before, &self.after) {
            (None, None) => Ok(()),
            (None, Some(after)) => write!(formatter, "+ {member} = {}", shown(after)),
            (Some(before), None) => write!(formatter, "- {member} = {}", shown(before)),
            (Some(before), Some(after)) => {
                write!(formatter, "~ {member}: {} -> {}", shown(before), shown(after))
            }
        }
    }
}

/// A value on one line, cut.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn lines(before: &Value, after: &Value) -> Vec<String> {
        differences(Some(before), Some(after)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn members_are_named_from_the_outside_in() {
        let before = json!({ "name": "a", "canary": { "percent": 1.0, "id": "x" }, "old": true });
        let after = json!({ "name": "a", "canary": { "percent": 2.0, "id": "x" }, "new": [1] });
        assert_eq!(
            lines(&before, &after),
            ["~ canary.percent: 1.0 -> 2.0", "+ new = [1]", "- old = true"]
        );
    }

    #[test]
    fn nothing_differs_from_itself() {
        let value = json!({ "a": { "b": [1, 2] } });
        assert!(differences(Some(&value), Some(&value)).is_empty());
        assert!(differences(None, None).is_empty());
    }

    #[test]
    fn long_values_are_cut() {
        let long = "x".repeat(200);
        let line = &lines(&json!({ "a": 1 }), &json!({ "a": long }))[0];
        assert!(line.ends_with('…') && line.len() < 120, "{line}");
    }
}
