//! Mappings: which part of a domain leads to which stage. v1 calls them base path mappings, has one
//! level and REST APIs only; v2 calls them API mappings. Both change the same nouns.

use super::super::Call;
use crate::aws::Fault;
use crate::resources::domain::{ApiMapping, DomainName};
use crate::resources::http::Api;
use crate::resources::rest::RestApi;
use crate::resources::{http_stage, rest_stage};

/// The empty key, where a name is needed.
pub(in crate::management) const NONE: &str = "(none)";

/// What kinds of APIs a mapping may lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::management) enum ApiKind {
    /// Of v1.
    Rest,
    /// Of v2.
    Http,
    /// Of v2.
    WebSocket,
}

/// The kind of an API; `None` when there is none.
pub(in crate::management) fn api_kind(call: &Call<'_>, api: &str) -> Option<ApiKind> {
    if call.draft.has::<RestApi>("", api) {
        return Some(ApiKind::Rest);
    }
    let api = call.draft.get::<Api>("", api)?;
    Some(if api.protocol_type == "WEBSOCKET" { ApiKind::WebSocket } else { ApiKind::Http })
}

/// Whether an API has a stage.
pub(in crate::management) fn has_stage(
    call: &Call<'_>,
    kind: ApiKind,
    api: &str,
    stage: &str,
) -> bool {
    match kind {
        ApiKind::Rest => call.draft.has::<rest_stage::Stage>(api, stage),
        ApiKind::Http | ApiKind::WebSocket => call.draft.has::<http_stage::Stage>(api, stage),
    }
}

/// The refusal of a stage that is not there.
pub(in crate::management) fn unknown_stage() -> Fault {
    Fault::bad_request("Invalid stage identifier specified")
}

/// The refusal of an API that is not there, as v2 words it.
pub(in crate::management) fn unknown_api(call: &Call<'_>, api: &str) -> Fault {
    Fault::bad_request(call.unknown_api(api).message)
}

/// A key as it is stored: absent, empty and `(none)` are one and the same.
pub(in crate::management) fn key(text: Option<&str>) -> &str {
    text.filter(|text| *text != NONE).unwrap_or_default()
}

/// A mapping's place among those of its domain name.
pub(in crate::management) fn id(key: &str) -> &str {
    if key.is_empty() { NONE } else { key }
}

/// Longest key, as documented of Amazon.
const KEY_CHARACTERS_MAX: usize = 300;

/// Checks a key that a user sends. Empty segments would never match a path.
///
/// # Errors
/// It is too long, or has other characters, or slashes around it.
pub(in crate::management) fn check_key(key: &str) -> Result<(), Fault> {
    let is_segment = |segment: &str| {
        !segment.is_empty()
            && segment
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"$-_.+!*'()".contains(&byte))
    };
    if key.len() > KEY_CHARACTERS_MAX {
        return Err(Fault::bad_request(format!(
            "An ApiMapping key may contain at most {KEY_CHARACTERS_MAX} characters"
        )));
    }
    match key.is_empty() || key.split('/').all(is_segment) {
        true => Ok(()),
        false => Err(Fault::bad_request(
            "An ApiMapping key may contain only letters, numbers and one of $-_.+!*'()",
        )),
    }
}

/// The domain names of the region that have such a mapping, in order: what keeps an API or a stage from
/// being deleted.
pub(in crate::management) fn domains_of(
    call: &Call<'_>,
    is_it: impl Fn(&ApiMapping) -> bool,
) -> Vec<String> {
    let domains = call.draft.list::<DomainName>("");
    let has_one = |domain: &DomainName| {
        call.draft.list::<ApiMapping>(&super::id(domain)).iter().any(|mapping| is_it(mapping))
    };
    let leading = domains.iter().filter(|domain| has_one(domain));
    leading.map(|domain| domain.domain_name.clone()).collect()
}

/// Stores a mapping, and removes it from where it was if its key has changed.
pub(in crate::management) fn put(
    call: &mut Call<'_>,
    domain: &DomainName,
    before: Option<&str>,
    mapping: ApiMapping,
) {
    let owner = super::id(domain);
    if let Some(before) = before.filter(|before| *before != mapping.api_mapping_key) {
        call.draft.remove::<ApiMapping>(&owner, id(before));
    }
    let key = id(&mapping.api_mapping_key).to_owned();
    call.draft.put(&owner, &key, mapping);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_paths_without_slashes_around_them() {
        for good in ["", "v1", "a/b/c", "$-_.+!*'()", &"a".repeat(300)] {
            assert!(check_key(good).is_ok(), "{good}");
        }
        for bad in ["/", "/a", "a/", "a//b", "a b", "ä", "a?b", "a%20b", &"a".repeat(301)] {
            assert!(check_key(bad).is_err(), "{bad}");
        }
        assert_eq!((key(None), key(Some("")), key(Some(NONE)), key(Some("a"))), ("", "", "", "a"));
    }
}
