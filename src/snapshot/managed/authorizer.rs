//! Authorizers of a release: those that ask a function. Only what a route names is compiled, and once,
//! however many routes name it.

use super::StagePlace;
use super::lambda::function_of;
use crate::resources::rest::Map;
use crate::resources::{http, rest};
use crate::snapshot::{
    Authorizer, AuthorizerIndex, AuthorizerKind, DeclaredAuthorizer, HTTP_AUTHORIZER_TIMEOUT,
    LambdaAuthorizer, REST_AUTHORIZER_TIMEOUT,
};
use std::sync::Arc;
use std::time::Duration;

/// The authorizers that a release's routes use, so far.
pub(super) struct Authorizers<'c> {
    place: &'c StagePlace<'c>,
    variables: &'c Map,
    compiled: Vec<Authorizer>,
}

/// What both protocols declare in their own words.
struct Declared<'d> {
    rules: DeclaredAuthorizer<'d>,
    uri: Option<&'d str>,
    role: Option<&'d str>,
    timeout: Duration,
}

impl<'c> Authorizers<'c> {
    /// None yet.
    pub(super) fn new(place: &'c StagePlace<'c>, variables: &'c Map) -> Self {
        Self { place, variables, compiled: Vec::new() }
    }

    /// Those that are used.
    pub(super) fn into_used(self) -> Box<[Authorizer]> {
        self.compiled.into()
    }

    /// A REST API's.
    ///
    /// # Errors
    /// Why its function cannot be asked.
    pub(super) fn rest(
        &mut self,
        all: &[Arc<rest::Authorizer>],
        id: Option<&str>,
    ) -> Result<AuthorizerIndex, String> {
        let id = id.ok_or("it names no authorizer")?;
        if let Some(index) = self.known(id) {
            return Ok(index);
        }
        let declared = all.iter().find(|it| it.id == id);
        let declared = declared.ok_or_else(|| format!("there is no authorizer {id}"))?;
        let kind = match declared.r#type.to_ascii_uppercase().as_str() {
            "TOKEN" => AuthorizerKind::Token,
            "REQUEST" => AuthorizerKind::Request,
            kind => return Err(format!("authorizers of type {kind} cannot be asked yet")),
        };
        let sources: Vec<&str> = declared.identity_source.iter().map(String::as_str).collect();
        self.compile(&Declared {
            rules: DeclaredAuthorizer {
                id,
                kind,
                sources: &sources,
                expression: declared.identity_validation_expression.as_deref(),
                ttl_seconds: declared.authorizer_result_ttl_in_seconds,
            },
            uri: declared.authorizer_uri.as_deref(),
            role: declared.authorizer_credentials.as_deref(),
            timeout: REST_AUTHORIZER_TIMEOUT,
        })
    }

    /// An HTTP API's.
    ///
    /// # Errors
    /// Why its function cannot be asked.
    pub(super) fn http(
        &mut self,
        all: &[Arc<http::Authorizer>],
        id: Option<&str>,
    ) -> Result<AuthorizerIndex, String> {
        let id = id.ok_or("it names no authorizer")?;
        if let Some(index) = self.known(id) {
            return Ok(index);
        }
        let declared = all.iter().find(|it| it.authorizer_id == id);
        let declared = declared.ok_or_else(|| format!("there is no authorizer {id}"))?;
        if declared.authorizer_type != "REQUEST" {
            let kind = &declared.authorizer_type;
            return Err(format!("authorizers of type {kind} cannot be asked yet"));
        }
        let is_simple = declared.enable_simple_responses == Some(true);
        let kind = match declared.authorizer_payload_format_version.as_deref() {
            Some("2.0") if is_simple => AuthorizerKind::Http2Simple,
            Some("2.0") => AuthorizerKind::Http2Policy,
            Some("1.0") | None => AuthorizerKind::Http1,
            Some(version) => return Err(format!("there is no payload format `{version}`")),
        };
        let sources: Vec<&str> = declared.identity_source.iter().map(String::as_str).collect();
        self.compile(&Declared {
            rules: DeclaredAuthorizer {
                id,
                kind,
                sources: &sources,
                expression: None,
                ttl_seconds: declared.authorizer_result_ttl_in_seconds,
            },
            uri: declared.authorizer_uri.as_deref(),
            role: declared.authorizer_credentials_arn.as_deref(),
            timeout: HTTP_AUTHORIZER_TIMEOUT,
        })
    }

    fn known(&self, id: &str) -> Option<AuthorizerIndex> {
        let index = self.compiled.iter().position(|it| &*it.rules.id == id)?;
        Some(AuthorizerIndex(index as u32))
    }

    fn compile(&mut self, declared: &Declared<'_>) -> Result<AuthorizerIndex, String> {
        let uri = declared.uri.ok_or("its authorizer has no URI")?;
        let function = function_of(uri, self.variables)?;
        let rules = LambdaAuthorizer::compile(&declared.rules).map_err(|bad| bad.to_string())?;
        let needs_permission = declared.role.is_none_or(str::is_empty);
        let place = (self.place.region, self.place.account_id);
        let compiled = Authorizer::new(rules, &function, needs_permission, declared.timeout, place);
        self.compiled.push(compiled);
        Ok(AuthorizerIndex((self.compiled.len() - 1) as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URI: &str = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:000000000000:function:${stageVariables.auth}/invocations";

    fn place() -> StagePlace<'static> {
        StagePlace::of("eu-west-1", "000000000000", "api0000000")
    }

    fn variables() -> Map {
        [("auth".to_owned(), "check:prod".to_owned())].into()
    }

    fn rest(kind: &str) -> rest::Authorizer {
        rest::Authorizer {
            id: "abc123".into(),
            r#type: kind.into(),
            authorizer_uri: Some(URI.into()),
            identity_source: Some("method.request.header.Authorization".into()),
            ..rest::Authorizer::default()
        }
    }

    #[test]
    fn one_that_many_routes_use_is_compiled_once() {
        let (variables, place) = (variables(), place());
        let all = [Arc::new(rest("TOKEN"))];
        let mut authorizers = Authorizers::new(&place, &variables);
        assert_eq!(authorizers.rest(&all, Some("abc123")), Ok(AuthorizerIndex(0)));
        assert_eq!(authorizers.rest(&all, Some("abc123")), Ok(AuthorizerIndex(0)));
        let [authorizer] = &*authorizers.into_used() else { panic!("more than one") };
        assert_eq!(
            &*authorizer.function,
            "arn:aws:lambda:eu-west-1:000000000000:function:check:prod"
        );
        assert!(authorizer.needs_permission);
        assert_eq!(authorizer.timeout, Duration::from_secs(29));
    }

    #[test]
    fn what_cannot_be_asked_says_why() {
        let (variables, place) = (variables(), place());
        let no_uri = rest::Authorizer { authorizer_uri: None, ..rest("TOKEN") };
        let bad = rest::Authorizer { identity_source: None, ..rest("TOKEN") };
        for (declared, id, expected) in [
            (rest("TOKEN"), None, "names no"),
            (rest("TOKEN"), Some("other1"), "no authorizer other1"),
            (rest("COGNITO_USER_POOLS"), Some("abc123"), "COGNITO_USER_POOLS"),
            (no_uri, Some("abc123"), "no URI"),
            (bad, Some("abc123"), "exactly one identity source"),
        ] {
            let mut authorizers = Authorizers::new(&place, &variables);
            let reason = authorizers.rest(&[Arc::new(declared)], id).unwrap_err();
            assert!(reason.contains(expected), "{reason}");
        }
    }

    #[test]
    fn the_form_of_an_http_apis_answer_follows_from_version_and_flag() {
        let (variables, place) = (variables(), place());
        for (version, is_simple, expected) in [
            (Some("1.0"), None, AuthorizerKind::Http1),
            (Some("2.0"), None, AuthorizerKind::Http2Policy),
            (Some("2.0"), Some(false), AuthorizerKind::Http2Policy),
            (Some("2.0"), Some(true), AuthorizerKind::Http2Simple),
        ] {
            let declared = http::Authorizer {
                authorizer_id: "abc123".into(),
                authorizer_type: "REQUEST".into(),
                authorizer_uri: Some(URI.into()),
                authorizer_credentials_arn: Some("arn:aws:iam::0:role/r".into()),
                authorizer_payload_format_version: version.map(str::to_owned),
                enable_simple_responses: is_simple,
                identity_source: vec!["$request.header.Authorization".into()],
                ..http::Authorizer::default()
            };
            let mut authorizers = Authorizers::new(&place, &variables);
            authorizers.http(&[Arc::new(declared)], Some("abc123")).unwrap();
            let [authorizer] = &*authorizers.into_used() else { panic!("more than one") };
            assert_eq!(authorizer.rules.kind, expected);
            assert_eq!(authorizer.timeout, Duration::from_secs(10));
            assert!(!authorizer.needs_permission, "it is asked in a role's name");
        }
    }
}
