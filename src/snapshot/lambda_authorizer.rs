//! A Lambda authorizer as it runs: what it looks at before its function is asked.

use crate::template::JavaPattern;
use std::time::Duration;

/// Authorizers remember for five minutes unless told otherwise.
const TTL_DEFAULT: Duration = Duration::from_secs(300);

/// Longest time that a result is remembered.
const TTL_SECONDS_MAX: i64 = 3600;

/// An authorizer whose function decides.
#[derive(Debug, Clone)]
pub struct LambdaAuthorizer {
    /// Six characters; unique in its API.
    pub id: Box<str>,
    /// What its function gets and gives.
    pub kind: AuthorizerKind,
    /// Where the caller says who it is, in order. A token's has exactly one.
    pub sources: Box<[IdentitySource]>,
    /// What a token must look like for its function to be asked.
    pub expression: Option<Expression>,
    /// How long a result is remembered; zero is not at all.
    pub ttl: Duration,
}

/// What an authorizer's function gets and gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthorizerKind {
    /// REST, `TOKEN`: one value, and a policy for it.
    Token,
    /// REST, `REQUEST`: all of the request but its content, and a policy for it.
    Request,
    /// HTTP API, format 1.0: as `Request`.
    Http1,
    /// HTTP API, format 2.0, with a policy.
    Http2Policy,
    /// HTTP API, format 2.0, with yes or no (`enableSimpleResponses`).
    Http2Simple,
}

/// Where a caller says who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentitySource {
    /// A header field.
    Header(Box<str>),
    /// A parameter of the query string.
    Query(Box<str>),
    /// A stage variable.
    StageVariable(Box<str>),
    /// What the gateway knows of the request, by its name behind `$context.`.
    Context(Box<str>),
}

/// How identity sources are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceSyntax {
    /// `method.request.header.NAME`, `method.request.querystring.NAME`, `stageVariables.NAME`,
    /// `context.NAME`.
    Rest,
    /// `$request.header.NAME`, `$request.querystring.NAME`, `$stageVariables.NAME`, `$context.NAME`.
    Http,
}

/// A compiled `identityValidationExpression`.
#[derive(Debug)]
pub struct Expression {
    source: Box<str>,
    pattern: Option<JavaPattern>,
}

/// An authorizer as it was declared.
#[derive(Debug, Clone, Copy)]
pub struct DeclaredAuthorizer<'d> {
    /// Six characters.
    pub id: &'d str,
    /// What its function gets and gives.
    pub kind: AuthorizerKind,
    /// A REST API's is one text with commas, an HTTP API's a list.
    pub sources: &'d [&'d str],
    /// A regular expression in Java's words.
    pub expression: Option<&'d str>,
    /// Seconds. Absent: five minutes for REST APIs, not at all for HTTP APIs.
    pub ttl_seconds: Option<i64>,
}

/// Why an authorizer cannot be served: for the log; its routes refuse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadAuthorizer {
    /// A source that is none.
    #[error("identity source `{0}` is none that authorizers have")]
    Source(String),
    /// A token's authorizer has one source, a header.
    #[error("a token's authorizer has exactly one identity source, a header")]
    TokenSource,
    /// The expression is no regular expression, or needs too much.
    #[error("identityValidationExpression: {0}")]
    Expression(String),
    /// The time is none.
    #[error("authorizerResultTtlInSeconds is between 0 and 3600, found {0}")]
    Ttl(i64),
}

impl LambdaAuthorizer {
    /// Checks and compiles.
    pub fn compile(declared: &DeclaredAuthorizer<'_>) -> Result<Self, BadAuthorizer> {
        let syntax = match declared.kind {
            AuthorizerKind::Token | AuthorizerKind::Request => SourceSyntax::Rest,
            AuthorizerKind::Http1 | AuthorizerKind::Http2Policy | AuthorizerKind::Http2Simple => {
                SourceSyntax::Http
            }
        };
        let texts = declared.sources.iter().flat_map(|it| it.split(','));
        let texts = texts.map(str::trim).filter(|it| !it.is_empty());
        let sources: Box<[IdentitySource]> =
            texts.map(|it| IdentitySource::parse(it, syntax)).collect::<Result<_, _>>()?;
        let is_token = declared.kind == AuthorizerKind::Token;
        if is_token && !matches!(*sources, [IdentitySource::Header(_)]) {
            return Err(BadAuthorizer::TokenSource);
        }
        let expression = declared.expression.filter(|it| is_token && !it.is_empty());
        let expression = expression.map(Expression::compile).transpose()?;
        let ttl = match (declared.ttl_seconds, syntax) {
            (Some(seconds), _) if (0..=TTL_SECONDS_MAX).contains(&seconds) => {
                Duration::from_secs(seconds.unsigned_abs())
            }
            (Some(seconds), _) => return Err(BadAuthorizer::Ttl(seconds)),
            (None, SourceSyntax::Rest) => TTL_DEFAULT,
            (None, SourceSyntax::Http) => Duration::ZERO,
        };
        Ok(Self { id: declared.id.into(), kind: declared.kind, sources, expression, ttl })
    }
}

impl IdentitySource {
    /// Reads one.
    pub fn parse(text: &str, syntax: SourceSyntax) -> Result<Self, BadAuthorizer> {
        let bad = || BadAuthorizer::Source(text.to_owned());
        let rest = match syntax {
            SourceSyntax::Rest => text,
            SourceSyntax::Http => text.strip_prefix('$').ok_or_else(bad)?,
        };
        let request = match syntax {
            SourceSyntax::Rest => rest.strip_prefix("method.request."),
            SourceSyntax::Http => rest.strip_prefix("request."),
        };
        let (name, of): (&str, fn(Box<str>) -> Self) = match request {
            Some(rest) => match rest.split_once('.') {
                Some(("header", name)) => (name, Self::Header),
                Some(("querystring", name)) => (name, Self::Query),
                _ => return Err(bad()),
            },
            None => match rest.split_once('.') {
                Some(("stageVariables", name)) => (name, Self::StageVariable),
                Some(("context", name)) => (name, Self::Context),
                _ => return Err(bad()),
            },
        };
        if name.is_empty() { Err(bad()) } else { Ok(of(name.into())) }
    }
}

impl Expression {
    /// Compiles one.
    pub fn compile(source: &str) -> Result<Self, BadAuthorizer> {
        let pattern = JavaPattern::compile(source).map_err(BadAuthorizer::Expression)?;
        Ok(Self { source: source.into(), pattern: Some(pattern) })
    }

    /// One that is known to compile. If it did not, no token would match.
    pub fn checked(source: &str) -> Self {
        Self { source: source.into(), pattern: JavaPattern::compile(source).ok() }
    }

    /// As it was declared.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether it matches the whole of a token.
    pub fn matches(&self, token: &str) -> bool {
        self.pattern.as_ref().is_some_and(|it| it.matches(token))
    }
}

/// Compiled anew: copies of one share what they match with, and only one thread gets that without a lock.
impl Clone for Expression {
    fn clone(&self) -> Self {
        Self::checked(&self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: DeclaredAuthorizer<'_> = DeclaredAuthorizer {
        id: "abc123",
        kind: AuthorizerKind::Token,
        sources: &["method.request.header.Authorization"],
        expression: None,
        ttl_seconds: None,
    };

    #[test]
    fn sources_are_read_in_both_syntaxes() {
        use IdentitySource::{Context, Header, Query, StageVariable};
        use SourceSyntax::{Http, Rest};
        for (text, syntax, expected) in [
            ("method.request.header.Auth", Rest, Some(Header("Auth".into()))),
            ("method.request.querystring.a.b", Rest, Some(Query("a.b".into()))),
            ("stageVariables.v", Rest, Some(StageVariable("v".into()))),
            ("context.identity.sourceIp", Rest, Some(Context("identity.sourceIp".into()))),
            ("method.request.path.id", Rest, None),
            ("method.request.header.", Rest, None),
            ("$request.header.Auth", Rest, None),
            ("Authorization", Rest, None),
            ("$request.header.Auth", Http, Some(Header("Auth".into()))),
            ("$request.querystring.a", Http, Some(Query("a".into()))),
            ("$stageVariables.v", Http, Some(StageVariable("v".into()))),
            ("$context.routeKey", Http, Some(Context("routeKey".into()))),
            ("$request.body.a", Http, None),
            ("method.request.header.Auth", Http, None),
        ] {
            assert_eq!(IdentitySource::parse(text, syntax).ok(), expected, "{text}");
        }
    }

    #[test]
    fn an_authorizer_is_checked_as_a_whole() {
        let compiled = LambdaAuthorizer::compile(&TOKEN).unwrap();
        assert_eq!(compiled.ttl, Duration::from_secs(300));
        let request = DeclaredAuthorizer {
            kind: AuthorizerKind::Request,
            sources: &["method.request.header.a, stageVariables.b"],
            ..TOKEN
        };
        assert_eq!(LambdaAuthorizer::compile(&request).unwrap().sources.len(), 2);
        let http = DeclaredAuthorizer { kind: AuthorizerKind::Http2Simple, sources: &[], ..TOKEN };
        assert_eq!(LambdaAuthorizer::compile(&http).unwrap().ttl, Duration::ZERO);
        for (declared, expected) in [
            (DeclaredAuthorizer { sources: &[], ..TOKEN }, BadAuthorizer::TokenSource),
            (
                DeclaredAuthorizer { sources: &["stageVariables.v"], ..TOKEN },
                BadAuthorizer::TokenSource,
            ),
            (DeclaredAuthorizer { ttl_seconds: Some(3601), ..TOKEN }, BadAuthorizer::Ttl(3601)),
            (DeclaredAuthorizer { ttl_seconds: Some(-1), ..TOKEN }, BadAuthorizer::Ttl(-1)),
        ] {
            assert_eq!(LambdaAuthorizer::compile(&declared).unwrap_err(), expected);
        }
        assert!(
            LambdaAuthorizer::compile(&DeclaredAuthorizer { ttl_seconds: Some(3600), ..TOKEN })
                .is_ok()
        );
        let bad = LambdaAuthorizer::compile(&DeclaredAuthorizer { expression: Some("("), ..TOKEN });
        assert!(matches!(bad, Err(BadAuthorizer::Expression(_))));
    }

    #[test]
    fn an_expression_is_javas_and_matches_the_whole_token() {
        for (expression, token, expected) in [
            ("Bearer .*", "Bearer abc", true),
            ("Bearer .*", "xBearer abc", false),
            ("^Bearer [-0-9a-zA-z\\.]*$", "Bearer a.b-c", true),
            ("abc", "abcd", false),
            ("(?!x)\\w+", "abc", true),
            ("(?!x)\\w+", "xbc", false),
            ("a++b", "aaab", true),
            ("\\Qa.b\\E", "a.b", true),
            ("\\Qa.b\\E", "axb", false),
            // Would go back for ever.
            ("(?:(?=a)a|aa)+$(?<=b)", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
        ] {
            let compiled = Expression::compile(expression).unwrap();
            assert_eq!(compiled.matches(token), expected, "{expression} {token}");
            assert_eq!(compiled.clone().matches(token), expected);
        }
    }
}
