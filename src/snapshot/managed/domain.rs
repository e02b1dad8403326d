//! A custom domain name and what it leads to: routing rules, then mappings.

use crate::resources::domain::{ApiMapping, DomainName, RoutingRule, RuleCondition};
use crate::snapshot::Domain;
use std::sync::Arc;

/// A custom domain name, as a shard looks it up.
#[derive(Debug, Clone)]
pub struct ManagedDomain {
    /// In lower case.
    pub domain: Domain,
    /// What is asked, and in which order.
    pub mode: RoutingMode,
    /// Lowest priority first.
    pub rules: Box<[Rule]>,
    /// Longest base path first.
    pub mappings: Box<[Mapping]>,
    /// It refuses everybody: what it asks of clients cannot be checked yet.
    pub refuses: bool,
    /// What is not served as it was declared, and why.
    pub warnings: Vec<String>,
}

/// What a domain name asks for the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoutingMode {
    /// Mappings only.
    Mappings,
    /// Rules only.
    Rules,
    /// Rules, then mappings.
    RulesThenMappings,
}

/// A part of a domain and the stage that it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// Empty, or `/…` without a slash at its end.
    pub base_path: Box<[u8]>,
    /// The API.
    pub api_id: Box<str>,
    /// The stage; `None`: the path's next segment names it.
    pub stage: Option<Box<str>>,
}

/// A rule in front of mappings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its id: `$context.customDomain.routingRuleIdMatched`.
    pub id: Box<str>,
    /// All of them must hold.
    pub conditions: Box<[Condition]>,
    /// The API.
    pub api_id: Box<str>,
    /// The stage.
    pub stage: Box<str>,
    /// Whether the base path that matched is taken off.
    pub strips_base_path: bool,
}

/// What must hold of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Its path begins with one of these, each `/…`.
    BasePaths(Box<[Box<[u8]>]>),
    /// It has one of these fields.
    Headers(Box<[HeaderGlob]>),
}

/// A field and its value, `*` at the ends of which stands for anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderGlob {
    /// Capitals do not matter.
    pub name: Box<[u8]>,
    /// Without the stars. Capitals matter.
    pub text: Box<[u8]>,
    /// Whether anything may stand in front.
    pub open_start: bool,
    /// Whether anything may follow.
    pub open_end: bool,
}

impl HeaderGlob {
    /// Whether a field's value fits.
    pub fn fits(&self, value: &[u8]) -> bool {
        match (self.open_start, self.open_end) {
            (false, false) => value == &*self.text,
            (true, false) => value.ends_with(&self.text),
            (false, true) => value.starts_with(&self.text),
            (true, true) => memchr::memmem::find(value, &self.text).is_some(),
        }
    }
}

/// How many bytes of a path are that base path: up to a slash or the path's end.
pub(super) fn base_path_bytes(base_path: &[u8], path: &[u8]) -> Option<usize> {
    let rest = path.strip_prefix(base_path)?;
    matches!(rest.first(), None | Some(b'/')).then_some(base_path.len())
}

impl Rule {
    /// Whether all conditions hold; then how many bytes of the path are to be taken off. `has_header`
    /// says whether a request has a field that fits.
    pub fn matches(&self, path: &[u8], has_header: impl Fn(&HeaderGlob) -> bool) -> Option<usize> {
        let mut stripped = 0;
        for condition in &self.conditions {
            match condition {
                Condition::BasePaths(base_paths) => {
                    let matching = base_paths.iter().filter_map(|it| base_path_bytes(it, path));
                    stripped = matching.max()?;
                }
                Condition::Headers(globs) if globs.iter().any(&has_header) => {}
                Condition::Headers(_) => return None,
            }
        }
        Some(if self.strips_base_path { stripped } else { 0 })
    }
}

impl ManagedDomain {
    /// The mapping for a path, with the bytes to take off.
    pub fn mapping(&self, path: &[u8]) -> Option<(&Mapping, usize)> {
        self.mappings
            .iter()
            .find_map(|mapping| Some((mapping, base_path_bytes(&mapping.base_path, path)?)))
    }
}

/// Compiles a domain name with all of its mappings and rules. `None`: nobody can reach it (private
/// names); remove it where it was served before.
pub fn compile_domain(
    domain: &DomainName,
    mappings: &[Arc<ApiMapping>],
    rules: &[Arc<RoutingRule>],
) -> Option<ManagedDomain> {
    let is_private = domain.domain_name_id.is_some()
        || domain.endpoint_configuration.types.iter().any(|it| it == "PRIVATE");
    if is_private {
        return None;
    }
    let name = domain.domain_name.to_ascii_lowercase();
    let mut warnings = Vec::new();
    let refuses = domain
        .mutual_tls_authentication
        .as_ref()
        .is_some_and(|mutual| mutual.truststore_uri.as_deref().is_some_and(|uri| !uri.is_empty()));
    if refuses {
        warnings.push(format!(
            "domain name {name}: client certificates cannot be checked yet, so it refuses"
        ));
    }
    let mut mappings: Vec<Mapping> = mappings.iter().map(|it| mapping(it)).collect();
    mappings.sort_by_key(|it| std::cmp::Reverse(it.base_path.len()));
    let mut sorted: Vec<&RoutingRule> = rules.iter().map(|it| &**it).collect();
    sorted.sort_by_key(|it| it.priority);
    Some(ManagedDomain {
        domain: match name.strip_prefix("*.") {
            Some(parent) => Domain::Wildcard(parent.into()),
            None => Domain::Exact(name.as_str().into()),
        },
        mode: match domain.routing_mode.as_str() {
            "ROUTING_RULE_ONLY" => RoutingMode::Rules,
            "ROUTING_RULE_THEN_BASE_PATH_MAPPING" | "ROUTING_RULE_THEN_API_MAPPING" => {
                RoutingMode::RulesThenMappings
            }
            _ => RoutingMode::Mappings,
        },
        rules: sorted.into_iter().filter_map(rule).collect(),
        mappings: mappings.into(),
        refuses,
        warnings,
    })
}

/// A base path as it stands in a request.
fn base_path(key: &str) -> Box<[u8]> {
    match key.trim_matches('/') {
        "" | "(none)" => Box::default(),
        key => format!("/{key}").into_bytes().into(),
    }
}

fn mapping(mapping: &ApiMapping) -> Mapping {
    Mapping {
        base_path: base_path(&mapping.api_mapping_key),
        api_id: mapping.api_id.as_str().into(),
        stage: mapping.stage.as_deref().filter(|it| !it.is_empty()).map(Into::into),
    }
}

/// `None`: a rule that leads nowhere.
fn rule(rule: &RoutingRule) -> Option<Rule> {
    let target = &rule.actions.first()?.invoke_api;
    Some(Rule {
        id: rule.routing_rule_id.as_str().into(),
        conditions: rule.conditions.iter().flat_map(conditions).collect(),
        api_id: target.api_id.as_str().into(),
        stage: target.stage.as_str().into(),
        strips_base_path: target.strip_base_path.unwrap_or(false),
    })
}

fn conditions(condition: &RuleCondition) -> impl Iterator<Item = Condition> {
    let paths = condition
        .match_base_paths
        .as_ref()
        .map(|paths| Condition::BasePaths(paths.any_of.iter().map(|it| base_path(it)).collect()));
    let headers = condition.match_headers.as_ref().map(|headers| {
        let glob = headers.any_of.iter().map(|header| {
            let glob = header.value_glob.as_str();
            let text = glob.strip_prefix('*').unwrap_or(glob);
            HeaderGlob {
                name: header.header.as_bytes().into(),
                text: text.strip_suffix('*').unwrap_or(text).as_bytes().into(),
                open_start: glob.starts_with('*'),
                open_end: glob.ends_with('*'),
            }
        });
        Condition::Headers(glob.collect())
    });
    paths.into_iter().chain(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glob(text: &str) -> HeaderGlob {
        let condition: RuleCondition = serde_json::from_value(serde_json::json!({
            "matchHeaders": { "anyOf": [{ "header": "x", "valueGlob": text }] },
        }))
        .unwrap();
        match conditions(&condition).next() {
            Some(Condition::Headers(globs)) => globs[0].clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn stars_at_the_ends_of_a_glob_stand_for_anything() {
        for (text, fitting, others) in [
            ("a", &["a"][..], &["", "A", "aa", "ab", "ba"][..]),
            ("a*", &["a", "ab"], &["ba", ""]),
            ("*a", &["a", "ba"], &["ab", ""]),
            ("*a*", &["a", "bab"], &["b", ""]),
            ("*", &["", "anything"], &[]),
            ("a*b", &["a*b"], &["axb"]),
        ] {
            for value in fitting {
                assert!(glob(text).fits(value.as_bytes()), "{text} {value}");
            }
            for value in others {
                assert!(!glob(text).fits(value.as_bytes()), "{text} {value}");
            }
        }
    }

    #[test]
    fn a_base_path_ends_at_a_slash_or_at_the_end() {
        for (key, path, expected) in [
            ("", "/x", Some(0)),
            ("(none)", "", Some(0)),
            ("a/b", "/a/b", Some(4)),
            ("/a/b/", "/a/b/c", Some(4)),
            ("a/b", "/a/bc", None),
            ("a/b", "/a", None),
            ("a", "/A", None),
        ] {
            assert_eq!(base_path_bytes(&base_path(key), path.as_bytes()), expected, "{key} {path}");
        }
    }

    #[test]
    fn a_private_name_is_not_served() {
        for private in [
            serde_json::json!({ "domainName": "a.test", "domainNameId": "abc" }),
            serde_json::json!({ "domainName": "a.test", "endpointConfiguration": { "types": ["PRIVATE"] } }),
        ] {
            let domain: DomainName = serde_json::from_value(private).unwrap();
            assert!(compile_domain(&domain, &[], &[]).is_none());
        }
    }
}
