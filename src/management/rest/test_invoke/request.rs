//! The request that a test call describes.

use super::super::super::Call;
use crate::aws::Fault;
use crate::resources::rest::Map;
use serde::Deserialize;

/// Headers of a test call that are not looked at.
const IGNORED: &[&str] = &[
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "transfer-encoding",
    "upgrade",
];

/// The request that a test call describes.
#[derive(Debug)]
pub(super) struct Request {
    /// As given, or else the resource's own.
    pub(super) path: String,
    /// Empty where the path is not the resource's.
    pub(super) path_parameters: Vec<(String, String)>,
    /// Behind the path's question mark, as given.
    pub(super) raw_query: Option<String>,
    /// The last value of each.
    pub(super) headers: Vec<(String, String)>,
    /// All values, of fields that a test call may have: the type of its content is given, and how it is
    /// framed is the gateway's to say.
    pub(super) all_headers: Vec<(String, String)>,
    /// Empty where there is none.
    pub(super) body: String,
    /// Those of the stage that would be.
    pub(super) stage_variables: Map,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Sent {
    path_with_query_string: Option<String>,
    body: String,
    headers: Map,
    multi_value_headers: Map<Vec<String>>,
    stage_variables: Map,
}

impl Request {
    /// The request to a resource of this path that a call describes.
    pub(super) fn of(call: &Call<'_>, resource_path: &str) -> Result<Self, Fault> {
        let sent: Sent = call.input()?;
        let given = sent.path_with_query_string.filter(|given| !given.is_empty());
        // Without a path the template stands for itself, and so do its parameters.
        let target = given.as_deref().unwrap_or(resource_path);
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let mut headers = sent.headers;
        let mut all_headers = Vec::new();
        for (name, values) in &sent.multi_value_headers {
            all_headers.extend(values.iter().map(|value| (name.clone(), value.clone())));
        }
        let single =
            headers.iter().filter(|(name, _)| !sent.multi_value_headers.contains_key(*name));
        all_headers.extend(single.map(|(name, value)| (name.clone(), value.clone())));
        all_headers.retain(|(name, _)| !IGNORED.iter().any(|it| name.eq_ignore_ascii_case(it)));
        for (name, values) in sent.multi_value_headers {
            if let Some(last) = values.into_iter().next_back() {
                headers.insert(name, last);
            }
        }
        Ok(Self {
            path_parameters: match_path(resource_path, path).unwrap_or_default(),
            path: path.to_owned(),
            raw_query: query.map(str::to_owned),
            all_headers,
            headers: headers.into_iter().collect(),
            body: sent.body,
            stage_variables: sent.stage_variables,
        })
    }
}

/// The parameters of a path, if it is the template's.
fn match_path(template: &str, path: &str) -> Option<Vec<(String, String)>> {
    let mut parameters = Vec::new();
    let mut segments = path.trim_matches('/').split('/');
    let mut rest = path.trim_matches('/');
    for part in template.trim_matches('/').split('/') {
        let name = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
        if let Some(name) = name.and_then(|name| name.strip_suffix('+')) {
            parameters.push((name.to_owned(), rest.to_owned()));
            return (!rest.is_empty()).then_some(parameters);
        }
        let segment = segments.next()?;
        rest = rest.split_once('/').map_or("", |(_, rest)| rest);
        match name {
            Some(_) if segment.is_empty() => return None,
            Some(name) => parameters.push((name.to_owned(), segment.to_owned())),
            None if part == segment => {}
            None => return None,
        }
    }
    segments.next().is_none().then_some(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths_give_parameters_only_where_they_fit() {
        let matched = |template, path| {
            match_path(template, path).map(|parameters| {
                parameters.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
            })
        };
        let cases: [(&str, &str, Option<Vec<String>>); 9] = [
            ("/", "/", Some(vec![])),
            ("/pets", "/pets", Some(vec![])),
            ("/pets", "/random/test", None),
            ("/pets/{petId}", "/pets/123", Some(vec!["petId=123".into()])),
            ("/pets/{petId}", "/pets/{petId}", Some(vec!["petId={petId}".into()])),
            ("/pets/{petId}", "/pets", None),
            ("/pets/{petId}", "/pets/1/2", None),
            ("/a/{proxy+}", "/a/b/c", Some(vec!["proxy=b/c".into()])),
            ("/a/{proxy+}", "/a", None),
        ];
        for (template, path, expected) in cases {
            assert_eq!(matched(template, path), expected, "{template} {path}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_taken(template in "/.{0,20}", path in ".{0,20}") {
            let _ = match_path(&template, &path);
        }
    }
}
