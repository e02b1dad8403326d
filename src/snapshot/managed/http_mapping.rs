//! Parameter mappings of HTTP APIs: `append:header.x`, `overwrite:path`, `remove:querystring.y`.
//!
//! All values are read from what came in, whatever order the mappings stand in; removals are done first,
//! then what is overwritten, then what is appended.

use super::mapping::{
    BodyPath, Callee, HeaderPlace, ResponseSource, Source, Values, bytes, header_place, parts,
    variable,
};
use crate::model::{RESERVED_FIELDS, is_field_name, is_field_value};
use crate::resources::rest::Map;

/// What an HTTP API changes of a request on its way to the back end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestEdits {
    /// The path instead of the integration's.
    pub path: Option<Source>,
    /// Parameters of the query string.
    pub query: Box<[Edit<Source>]>,
    /// Header fields.
    pub headers: Box<[Edit<Source>]>,
}

impl RequestEdits {
    /// Whether the request's content must be there.
    pub(super) fn needs_content(&self) -> bool {
        let edit = |edit: &Edit<Source>| edit.value.as_ref().is_some_and(Source::needs_content);
        self.path.as_ref().is_some_and(Source::needs_content)
            || self.query.iter().any(edit)
            || self.headers.iter().any(edit)
    }
}

/// What an HTTP API changes of a back end's answers, by their status.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResponseEdits {
    by_status: Box<[(u16, AnswerEdits)]>,
}

/// What an HTTP API changes of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AnswerEdits {
    /// Another status.
    pub status: Option<ResponseSource>,
    /// Header fields.
    pub headers: Box<[Edit<ResponseSource>]>,
}

impl ResponseEdits {
    /// What is changed of an answer with this status.
    pub fn of_status(&self, status: u16) -> Option<&AnswerEdits> {
        self.by_status.iter().find(|(known, _)| *known == status).map(|(_, edits)| edits)
    }

    /// Whether the back end's fields are all that it takes, of whatever status it answers with.
    pub fn is_of_head(&self) -> bool {
        self.by_status.iter().all(|(_, edits)| edits.all(ResponseSource::is_of_head))
    }
}

impl AnswerEdits {
    /// Whether the back end's fields are all that it takes.
    pub fn is_of_head(&self) -> bool {
        self.all(ResponseSource::is_of_head)
    }

    /// Whether the back end's content must be there.
    pub fn needs_content(&self) -> bool {
        !self.all(|source| !source.needs_content())
    }

    fn all(&self, is: fn(&ResponseSource) -> bool) -> bool {
        self.status.iter().chain(self.headers.iter().filter_map(|edit| edit.value.as_ref())).all(is)
    }
}

/// A change of everything with that name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit<S> {
    /// What is done.
    pub action: Action,
    /// Of headers capitals do not matter.
    pub name: Box<[u8]>,
    /// `None` where it is removed, or where there never is a value.
    pub value: Option<S>,
}

/// What is done with a parameter. In the order in which it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// It is gone.
    Remove,
    /// It has this value and no other. Without one it stays as it is.
    Overwrite,
    /// It has this value besides those it has.
    Append,
}

/// What is known when a stage is compiled.
#[derive(Clone, Copy)]
pub(super) struct Known<'k> {
    pub(super) variables: &'k Map,
    /// Names of the route's path parameters.
    pub(super) parameters: &'k [Box<str>],
}

/// Compiles the request mappings of an integration. `None`: there are none.
///
/// # Errors
/// One that cannot be served.
pub(super) fn request(declared: &Map, known: Known<'_>) -> Result<Option<RequestEdits>, String> {
    let mut edits = RequestEdits::default();
    let (mut query, mut headers) = (Vec::new(), Vec::new());
    for (target, expression) in declared {
        let (action, place) = split(target)?;
        let value = match action {
            Action::Remove => None,
            _ => known.text(expression)?,
        };
        let edit = |name: &str| Edit { action, name: bytes(name), value: value.clone() };
        if let Some(name) = place.strip_prefix("header.") {
            let is_of_connection =
                ["trailer", "upgrade"].iter().any(|it| name.eq_ignore_ascii_case(it));
            if is_of_connection || header_place(name, Callee::Http) != HeaderPlace::Sent {
                return Err(format!("header {name} is the gateway's own"));
            }
            if let Some(Source::Literal(text)) = &value
                && !std::str::from_utf8(text).is_ok_and(is_field_value)
            {
                return Err(format!("the value of header {name} is not valid"));
            }
            headers.push(edit(name));
        } else if let Some(name) = place.strip_prefix("querystring.") {
            query.push(edit(name));
        } else if (action, place) == (Action::Overwrite, "path") {
            edits.path = value;
        } else {
            return Err(format!("`{target}` cannot be mapped"));
        }
    }
    query.sort_by_key(|it| it.action);
    headers.sort_by_key(|it| it.action);
    edits.query = query.into();
    edits.headers = headers.into();
    Ok((edits != RequestEdits::default()).then_some(edits))
}

/// Compiles the response mappings of an integration. `None`: there are none.
///
/// # Errors
/// One that cannot be served.
pub(super) fn responses(
    declared: &Map<Map>,
    known: Known<'_>,
) -> Result<Option<ResponseEdits>, String> {
    let mut by_status = Vec::new();
    for (status, mappings) in declared {
        let status = status.parse().map_err(|_| format!("`{status}` is no status"))?;
        let mut edits = AnswerEdits::default();
        let mut headers = Vec::new();
        for (target, expression) in mappings {
            let (action, place) = split(target)?;
            let value = match action {
                Action::Remove => None,
                _ => text(
                    expression,
                    &|name| known.response_source(name),
                    ResponseSource::Literal,
                    ResponseSource::Joined,
                )?,
            };
            if let Some(name) = place.strip_prefix("header.") {
                if RESERVED_FIELDS.contains(&name.to_ascii_lowercase().as_str()) {
                    return Err(format!("header {name} is the gateway's own"));
                }
                if !is_field_name(name) {
                    return Err(format!("`{name}` is no header's name"));
                }
                headers.push(Edit { action, name: bytes(name), value });
            } else if (action, place) == (Action::Overwrite, "statuscode") {
                edits.status = value;
            } else {
                return Err(format!("`{target}` cannot be mapped"));
            }
        }
        headers.sort_by_key(|it| it.action);
        edits.headers = headers.into();
        if edits != AnswerEdits::default() {
            by_status.push((status, edits));
        }
    }
    let edits = ResponseEdits { by_status: by_status.into() };
    Ok((!edits.by_status.is_empty()).then_some(edits))
}

fn split(target: &str) -> Result<(Action, &str), String> {
    let (action, place) = target.split_once(':').unwrap_or((target, ""));
    let action = match action {
        "remove" => Action::Remove,
        "overwrite" => Action::Overwrite,
        "append" => Action::Append,
        _ => return Err(format!("`{target}` cannot be mapped")),
    };
    Ok((action, place))
}

/// A value: `$source`, or text with `${source}` in it. `None`: it is empty.
fn text<S>(
    expression: &str,
    source: &dyn Fn(&str) -> Result<Option<S>, String>,
    literal: fn(Box<[u8]>) -> S,
    joined: fn(Box<[S]>) -> S,
) -> Result<Option<S>, String> {
    if let Some(name) = expression.strip_prefix('$').filter(|it| !it.starts_with('{')) {
        return source(name);
    }
    let mut pieces = Vec::new();
    let mut rest = expression;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, behind)) = after.split_once('}') else {
            return Err(format!("`{expression}` has a brace that is not closed"));
        };
        if !before.is_empty() {
            pieces.push(literal(bytes(before)));
        }
        pieces.extend(source(name)?);
        rest = behind;
    }
    if !rest.is_empty() {
        pieces.push(literal(bytes(rest)));
    }
    Ok(match pieces.len() {
        0 | 1 => pieces.pop(),
        _ => Some(joined(pieces.into())),
    })
}

impl Known<'_> {
    /// A value as a mapping writes it: `$source`, or text with `${source}` in it. `None`: it is empty.
    ///
    /// # Errors
    /// It names something that is no source.
    pub(super) fn text(self, expression: &str) -> Result<Option<Source>, String> {
        text(expression, &|name| self.source(name), Source::Literal, Source::Joined)
    }

    fn source(self, name: &str) -> Result<Option<Source>, String> {
        let (root, rest) = name.split_once('.').unwrap_or((name, ""));
        let (place, inner) = rest.split_once('.').unwrap_or((rest, ""));
        Ok(Some(match (root, place) {
            ("request", "header") => Source::Header(bytes(inner), Values::All),
            ("request", "querystring") => Source::Query(bytes(inner), Values::All),
            ("request", "body") if rest == "body" => Source::Body(None),
            ("request", "body") => Source::Body(Some(BodyPath::parse(inner)?)),
            ("request", "path") if rest == "path" => Source::RequestPath,
            ("request", "path") => {
                let index = self.parameters.iter().position(|it| &**it == inner);
                return Ok(index.map(Source::Path));
            }
            ("context", _) => variable(rest),
            ("stageVariables", _) => {
                let value = self.variables.get(rest).filter(|it| !it.is_empty());
                return Ok(value.map(|it| Source::Literal(bytes(it))));
            }
            _ => return Err(format!("`${name}` is no source of a mapping")),
        }))
    }

    fn response_source(self, name: &str) -> Result<Option<ResponseSource>, String> {
        let (root, rest) = name.split_once('.').unwrap_or((name, ""));
        let (place, inner) = rest.split_once('.').unwrap_or((rest, ""));
        Ok(Some(match (root, place) {
            ("response", "header") => ResponseSource::Header(bytes(inner), Values::All),
            ("response", "body") if rest == "body" => ResponseSource::Body(None),
            ("response", "body") => ResponseSource::Body(Some(BodyPath::parse(inner)?)),
            ("context", _) => ResponseSource::Variable(parts(rest)),
            ("stageVariables", _) => {
                let value = self.variables.get(rest).filter(|it| !it.is_empty());
                return Ok(value.map(|it| ResponseSource::Literal(bytes(it))));
            }
            _ => return Err(format!("`${name}` is no source of a mapping")),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::managed::ContextName;

    fn compile(target: &str, value: &str) -> Result<Option<RequestEdits>, String> {
        let variables = [("v".to_owned(), "w".to_owned())].into();
        let parameters = ["id".into()];
        let known = Known { variables: &variables, parameters: &parameters };
        request(&[(target.to_owned(), value.to_owned())].into(), known)
    }

    fn value(expression: &str) -> Option<Source> {
        compile("overwrite:header.x", expression)
            .unwrap()
            .and_then(|it| it.headers[0].value.clone())
    }

    #[test]
    fn values_are_sources_texts_and_both() {
        let literal = |text: &str| Source::Literal(bytes(text));
        for (expression, expected) in [
            ("plain", Some(literal("plain"))),
            ("$request.header.A", Some(Source::Header(bytes("A"), Values::All))),
            ("${request.querystring.q}", Some(Source::Query(bytes("q"), Values::All))),
            ("$request.path", Some(Source::RequestPath)),
            ("$request.path.id", Some(Source::Path(0))),
            ("$request.path.other", None),
            ("$request.body", Some(Source::Body(None))),
            ("$request.body.a.b", Some(Source::Body(BodyPath::parse("a.b").ok()))),
            ("$stageVariables.v", Some(literal("w"))),
            ("$stageVariables.none", None),
            ("$context.requestId", Some(Source::Context(ContextName::RequestId))),
            (
                "a ${request.path.id}-${stageVariables.v}",
                Some(Source::Joined(
                    [literal("a "), Source::Path(0), literal("-"), literal("w")].into(),
                )),
            ),
        ] {
            assert_eq!(value(expression), expected, "{expression}");
        }
        for expression in ["$request.cookie.a", "${request.path", "$nonsense"] {
            assert!(compile("overwrite:header.x", expression).is_err(), "{expression}");
        }
    }

    #[test]
    fn what_is_the_gateways_own_cannot_be_changed() {
        for target in [
            "overwrite:header.Content-Length",
            "append:header.transfer-encoding",
            "append:path",
            "remove:path",
            "set:header.x",
            "header.x",
        ] {
            assert!(compile(target, "x").is_err(), "{target}");
        }
        assert!(compile("overwrite:header.Host", "x").is_ok());
    }

    #[test]
    fn answers_are_changed_by_their_status() {
        let variables = Map::new();
        let known = Known { variables: &variables, parameters: &[] };
        let map = |pairs: &[(&str, &str)]| -> Map {
            pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
        };
        let declared = Map::from([
            (
                "500".to_owned(),
                map(&[("overwrite:statuscode", "403"), ("append:header.a", "$response.header.b")]),
            ),
            ("200".to_owned(), Map::new()),
        ]);
        let edits = responses(&declared, known).unwrap().unwrap();
        let of_500 = edits.of_status(500).unwrap();
        assert_eq!(of_500.status, Some(ResponseSource::Literal(bytes("403"))));
        assert_eq!(of_500.headers.len(), 1);
        assert_eq!(edits.of_status(200), None);
        for (value, is_of_head, needs_content) in [
            ("$response.header.a", true, false),
            ("text", true, false),
            ("$context.requestId", false, false),
            ("a ${context.stage}", false, false),
            ("$response.body", false, true),
            ("a ${response.body.a}", false, true),
        ] {
            for target in ["append:header.a", "overwrite:statuscode"] {
                let declared = Map::from([("200".to_owned(), map(&[(target, value)]))]);
                let edits = responses(&declared, known).unwrap().unwrap();
                assert_eq!(edits.is_of_head(), is_of_head, "{value}");
                let of_200 = edits.of_status(200).unwrap();
                assert_eq!(of_200.is_of_head(), is_of_head, "{value}");
                assert_eq!(of_200.needs_content(), needs_content, "{value}");
            }
        }
    }
}
