//! The difference between two declared forms, for people: grouped by noun, one line per member.

use super::form::{FILE, Form, Kind};
use super::write::{key, quoted};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Values longer than this are cut where they are shown, in characters.
const SHOWN_MAX: usize = 80;

/// What differs in one noun.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// The noun, with `+`, `-` or `~` before it: `~ rest_api "pets" (a1b2c3d4e5)`.
    pub title: String,
    /// What differs, with `+`, `-`, `~` or `!` before each.
    pub lines: Vec<String>,
    /// The noun's id, for those who add to the group. That of a new one is not shown: it is made
    /// anew each time that the change is tried.
    #[serde(skip)]
    pub(super) id: Option<String>,
}

/// What differs between two trees of a region.
pub(super) fn groups(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<Group> {
    let mut groups = Vec::new();
    for member in FILE.members {
        let (was, is) = (before.get(member.name), after.get(member.name));
        if !matches!(member.kind, Kind::List(_)) {
            let mut lines = Vec::new();
            compare(&mut lines, "", Some(member.kind), was, is);
            if !lines.is_empty() {
                groups.push(Group { title: format!("~ {}", member.name), lines, id: None });
            }
            continue;
        }
        let list = |tree: Option<&Value>| -> Vec<Value> {
            let list = tree.and_then(Value::as_array).into_iter().flatten();
            list.map(without_deploy).collect()
        };
        let (was, is) = (list(was), list(is));
        let identity = |noun: &Value| (noun["id"].clone(), noun["name"].clone());
        let find = |list: &[Value], noun: &Value| {
            let same = |it: &&Value| match (&noun["id"], &it["id"]) {
                (Value::Null, _) | (_, Value::Null) => identity(it) == identity(noun),
                (one, other) => one == other,
            };
            list.iter().find(same).cloned()
        };
        let mut add = |sign: char, was: Option<&Value>, is: Option<&Value>| {
            let mut lines = Vec::new();
            let Some(noun) = is.or(was) else { return };
            // What is gone is gone with all its members.
            if is.is_some() {
                compare(&mut lines, "", Some(member.kind), was, is);
            }
            if sign != '~' || !lines.is_empty() {
                let id = noun["id"].as_str().map(str::to_owned);
                let mut shown = noun.clone();
                if sign == '+'
                    && let Some(members) = shown.as_object_mut()
                {
                    members.remove("id");
                }
                let title = format!("{sign} {}", title(member.name, &shown));
                groups.push(Group { title, lines, id });
            }
        };
        for noun in &is {
            match find(&was, noun) {
                Some(was) => add('~', Some(&was), Some(noun)),
                None => add('+', None, Some(noun)),
            }
        }
        for noun in was.iter().filter(|noun| find(&is, noun).is_none()) {
            add('-', Some(noun), None);
        }
    }
    groups
}

/// What differs between two forms of one noun, without a heading.
pub(super) fn lines(
    form: &'static Form,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
) -> Vec<String> {
    let mut lines = Vec::new();
    let (before, after) = (form.plain(before), form.plain(after));
    let (before, after) = (Value::Object(before), Value::Object(after));
    compare(&mut lines, "", Some(Kind::Table(form)), Some(&before), Some(&after));
    lines
}

/// A noun without what its stages say of their deployment: what became of it has a line of its own.
fn without_deploy(noun: &Value) -> Value {
    let mut noun = noun.clone();
    let stages = noun.get_mut("stage").and_then(Value::as_object_mut);
    for stage in stages.into_iter().flat_map(|stages| stages.values_mut()) {
        if let Some(members) = stage.as_object_mut() {
            members.remove("deploy");
        }
    }
    noun
}

/// A noun's kind, name and id.
pub(super) fn title(kind: &str, noun: &Value) -> String {
    let name = noun["name"].as_str().map(|name| format!(" {}", quoted(name)));
    let id = noun["id"].as_str().map(|id| format!(" ({id})"));
    format!("{kind}{}{}", name.unwrap_or_default(), id.unwrap_or_default())
}

fn compare(
    lines: &mut Vec<String>,
    at: &str,
    kind: Option<Kind>,
    was: Option<&Value>,
    is: Option<&Value>,
) {
    // Ids are told by the heading.
    if was == is || at == "id" {
        return;
    }
    let none = Map::new();
    let members = |value: Option<&Value>| match value {
        None => Some(none.clone()),
        Some(Value::Object(map)) if !map.is_empty() => Some(map.clone()),
        Some(_) => None,
    };
    if let (Some(was), Some(is)) = (members(was), members(is)) {
        let mut names: Vec<&String> = was.keys().chain(is.keys()).collect();
        let form = match kind {
            Some(Kind::Table(form) | Kind::TextOr(form) | Kind::List(form)) => Some(form),
            _ => None,
        };
        // Members in the order of the table, names in the order of their letters.
        let place = |name: &String| {
            form.and_then(|form| form.members.iter().position(|it| it.name == *name))
        };
        names.sort_by_key(|name| (place(name), (*name).clone()));
        names.dedup();
        for name in names {
            let inner = match (form, kind) {
                (Some(form), _) => form.member(name).map(|member| member.kind),
                (None, Some(Kind::Named(form))) => Some(Kind::Table(form)),
                (None, Some(Kind::NamedTwice(form))) => Some(Kind::Named(form)),
                _ => None,
            };
            let at = match at.is_empty() {
                true => key(name),
                false => format!("{at}.{}", key(name)),
            };
            compare(lines, &at, inner, was.get(name), is.get(name));
        }
        return;
    }
    let shown = |value: &Value| match kind {
        Some(Kind::Secret) => "***".to_owned(),
        _ => shown(value),
    };
    lines.push(match (was, is) {
        (Some(was), Some(is)) => format!("~ {at}: {} -> {}", shown(was), shown(is)),
        (Some(was), None) => format!("- {at} = {}", shown(was)),
        (None, Some(is)) => format!("+ {at} = {}", shown(is)),
        (None, None) => return,
    });
}

/// A value on one line, cut.
fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) => quoted(text),
        other => other.to_string(),
    };
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shown(before: Value, after: Value) -> Vec<String> {
        let tree = |value: Value| value.as_object().unwrap().clone();
        let groups = groups(&tree(before), &tree(after));
        groups.into_iter().flat_map(|it| [vec![it.title], it.lines].concat()).collect()
    }

    #[test]
    fn each_member_has_a_line_in_the_files_own_words() {
        let api = |uri: &str| {
            json!({"rest_api": [{"name": "pets", "id": "a1", "path": {"/x": {"GET": {
                "integration": {"type": "HTTP", "uri": uri}}}}}]})
        };
        assert_eq!(
            shown(api("http://a/"), api("http://b/")),
            [
                "~ rest_api \"pets\" (a1)",
                "~ path.\"/x\".GET.integration.uri: \"http://a/\" -> \"http://b/\""
            ]
        );
        assert!(shown(api("http://a/"), api("http://a/")).is_empty());
    }

    #[test]
    fn what_is_new_is_told_in_full_and_what_is_gone_by_its_name() {
        let api = json!({"http_api": [{"name": "a", "id": "1", "description": "d"}]});
        let lines = ["+ http_api \"a\"", "+ name = \"a\"", "+ description = \"d\""];
        assert_eq!(shown(json!({}), api.clone()), lines);
        assert_eq!(shown(api, json!({})), ["- http_api \"a\" (1)"]);
    }

    #[test]
    fn secrets_are_not_shown() {
        let key = |value: &str| json!({"api_key": [{"id": "1", "value": value}]});
        assert_eq!(shown(key("one"), key("two")), ["~ api_key (1)", "~ value: *** -> ***"]);
    }
}
