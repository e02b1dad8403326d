//! Policies against questions.

use super::*;
use proptest::prelude::*;

const ARN: &str = "arn:aws:execute-api:us-east-1:123456789012:abcdef123/test/GET/pets/7";

struct Table(Vec<(&'static str, &'static str)>);

impl Keys for Table {
    fn values(&self, key: &str) -> Vec<Cow<'_, str>> {
        let found = self.0.iter().filter(|(name, _)| name.eq_ignore_ascii_case(key));
        found.map(|(_, value)| Cow::Borrowed(*value)).collect()
    }
}

fn ask<'a>(resource: &'a str, keys: &'a dyn Keys) -> Ask<'a> {
    Ask { caller: Caller::Anonymous, action: "execute-api:Invoke", resource, keys }
}

fn read(statements: &str) -> Policy {
    let text = format!(r#"{{"Version": "2012-10-17", "Statement": {statements}}}"#);
    Policy::read(&text, Kind::Identity).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn decide(statements: &str, keys: &dyn Keys) -> Decision {
    read(statements).decide(&ask(ARN, keys))
}

#[test]
fn actions_and_resources_choose_statements() {
    for (action, resource, expected) in [
        ("execute-api:Invoke", "*", Decision::Allowed),
        ("EXECUTE-API:invoke", "*", Decision::Allowed),
        ("execute-api:*", "arn:aws:execute-api:*:*:*", Decision::Allowed),
        ("*", "arn:aws:execute-api:us-east-1:*:abcdef123/*", Decision::Allowed),
        (
            "execute-api:Inv?ke",
            "arn:aws:execute-api:us-east-1:123456789012:abcdef123/test/*",
            Decision::Allowed,
        ),
        (
            "execute-api:Invoke",
            "arn:aws:execute-api:us-east-1:123456789012:abcdef123/*/GET/pets/7",
            Decision::Allowed,
        ),
        (
            "execute-api:Invoke",
            "arn:aws:execute-api:us-east-1:123456789012:abcdef123/*/GET/pets/?",
            Decision::Allowed,
        ),
        (
            "execute-api:Invoke",
            "arn:aws:execute-api:us-east-1:123456789012:abcdef123/*/GET/pets/??",
            Decision::Silent,
        ),
        (
            "execute-api:Invoke",
            "arn:aws:execute-api:us-east-1:123456789012:abcdef123/test/GET/pets",
            Decision::Silent,
        ),
        (
            "execute-api:Invoke",
            "ARN:aws:execute-api:us-east-1:123456789012:abcdef123/*",
            Decision::Silent,
        ),
        ("execute-api:ManageConnections", "*", Decision::Silent),
        (
            "execute-api:Invoke",
            "arn:aws:execute-api:us-east-1:123456789012:other/*",
            Decision::Silent,
        ),
    ] {
        let statement =
            format!(r#"{{"Effect": "Allow", "Action": "{action}", "Resource": "{resource}"}}"#);
        assert_eq!(decide(&statement, &NoKeys), expected, "{action} {resource}");
    }
    let lists =
        r#"[{"Effect": "Allow", "Action": ["x:y", "execute-api:Invoke"], "Resource": ["a", "*"]}]"#;
    assert_eq!(decide(lists, &NoKeys), Decision::Allowed);
    let not = r#"{"Effect": "Allow", "NotAction": "execute-api:Invoke", "Resource": "*"}"#;
    assert_eq!(decide(not, &NoKeys), Decision::Silent);
    let not = r#"{"Effect": "Allow", "Action": "*", "NotResource": "*/DELETE/*"}"#;
    assert_eq!(decide(not, &NoKeys), Decision::Allowed);
    let not = r#"{"Effect": "Deny", "Action": "*", "NotResource": "*/DELETE/*"}"#;
    assert_eq!(decide(not, &NoKeys), Decision::Denied);
    assert_eq!(decide("[]", &NoKeys), Decision::Silent);
}

#[test]
fn conditions_hold_as_documented() {
    let keys = Table(vec![
        ("aws:SourceIp", "10.1.2.3"),
        ("aws:UserAgent", "curl/8"),
        ("aws:CurrentTime", "2024-03-10T21:13:26Z"),
        ("aws:EpochTime", "1710105206"),
        ("aws:SecureTransport", "true"),
        ("aws:SourceArn", "arn:aws:execute-api:us-east-1:123456789012:api/test/GET/a:b"),
        ("aws:PrincipalOrgPaths", "o-1/r/a"),
        ("aws:PrincipalOrgPaths", "o-1/r/b"),
    ]);
    for (condition, holds) in [
        (r#"{"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}"#, true),
        (r#"{"IpAddress": {"AWS:sourceip": ["1.2.3.4", "10.1.2.3"]}}"#, true),
        (r#"{"IpAddress": {"aws:SourceIp": "10.1.2.4"}}"#, false),
        (r#"{"IpAddress": {"aws:VpcSourceIp": "10.0.0.0/8"}}"#, false),
        (r#"{"NotIpAddress": {"aws:SourceIp": ["1.0.0.0/8", "10.0.0.0/8"]}}"#, false),
        (r#"{"NotIpAddress": {"aws:SourceIp": ["1.0.0.0/8", "::/0"]}}"#, true),
        (r#"{"NotIpAddress": {"aws:VpcSourceIp": "10.0.0.0/8"}}"#, true),
        (r#"{"StringEquals": {"aws:UserAgent": "curl/8"}}"#, true),
        (r#"{"StringEquals": {"aws:UserAgent": "curl/*"}}"#, false),
        (r#"{"StringEquals": {"aws:Referer": "x"}}"#, false),
        (r#"{"StringEqualsIfExists": {"aws:Referer": "x"}}"#, true),
        (r#"{"StringNotEquals": {"aws:Referer": "x"}}"#, true),
        (r#"{"StringNotEquals": {"aws:UserAgent": ["a", "curl/8"]}}"#, false),
        (r#"{"StringEqualsIgnoreCase": {"aws:UserAgent": "CURL/8"}}"#, true),
        (r#"{"StringLike": {"aws:UserAgent": "curl/?"}}"#, true),
        (r#"{"StringNotLike": {"aws:UserAgent": "curl/*"}}"#, false),
        (r#"{"DateLessThan": {"aws:CurrentTime": "2024-03-10T21:13:27Z"}}"#, true),
        (r#"{"DateLessThan": {"aws:CurrentTime": "2024-03-10T21:13:26Z"}}"#, false),
        (r#"{"DateLessThanEquals": {"aws:CurrentTime": 1710105206}}"#, true),
        (r#"{"DateGreaterThan": {"aws:CurrentTime": "2024-03-10"}}"#, true),
        (r#"{"DateNotEquals": {"aws:CurrentTime": "2024-03-10T22:13:26+01:00"}}"#, false),
        (r#"{"NumericGreaterThanEquals": {"aws:EpochTime": "1710105206"}}"#, true),
        (r#"{"NumericLessThan": {"aws:EpochTime": 1710105206}}"#, false),
        (r#"{"NumericNotEquals": {"aws:EpochTime": 1}}"#, true),
        (r#"{"Bool": {"aws:SecureTransport": true}}"#, true),
        (r#"{"Bool": {"aws:SecureTransport": "false"}}"#, false),
        (r#"{"Null": {"aws:Referer": "true"}}"#, true),
        (r#"{"Null": {"aws:UserAgent": true}}"#, false),
        (r#"{"Null": {"aws:UserAgent": "false"}}"#, true),
        (r#"{"ArnLike": {"aws:SourceArn": "arn:aws:execute-api:*:123456789012:api/*"}}"#, true),
        (r#"{"ArnLike": {"aws:SourceArn": "arn:*:api/*"}}"#, false),
        (r#"{"ArnEquals": {"aws:SourceArn": "*"}}"#, true),
        (r#"{"ArnNotLike": {"aws:SourceArn": "arn:aws:execute-api:*:*:other/*"}}"#, true),
        (r#"{"ForAllValues:StringLike": {"aws:PrincipalOrgPaths": "o-1/*"}}"#, true),
        (r#"{"ForAllValues:StringLike": {"aws:PrincipalOrgPaths": "o-1/r/a"}}"#, false),
        (r#"{"ForAllValues:StringLike": {"aws:Nothing": "x"}}"#, true),
        (r#"{"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-1/r/a"}}"#, true),
        (r#"{"ForAnyValue:StringLike": {"aws:Nothing": "x"}}"#, false),
        (
            r#"{"Bool": {"aws:SecureTransport": "true"}, "StringEquals": {"aws:Referer": "x"}}"#,
            false,
        ),
        (r#"{"StringEquals": {"aws:UserAgent": "curl/8", "aws:SourceIp": "10.1.2.3"}}"#, true),
        (r#"{}"#, true),
    ] {
        let statement = format!(
            r#"{{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {condition}}}"#
        );
        let expected = if holds { Decision::Allowed } else { Decision::Silent };
        assert_eq!(decide(&statement, &keys), expected, "{condition}");
    }
}

#[test]
fn variables_are_values_and_no_patterns() {
    let keys = Table(vec![("aws:username", "a*"), ("aws:PrincipalTag/team", "red")]);
    let decide = |pattern: &str, resource: &str| {
        let policy =
            read(&format!(r#"{{"Effect": "Allow", "Action": "*", "Resource": "{pattern}"}}"#));
        policy.decide(&ask(resource, &keys))
    };
    assert_eq!(decide("x/${aws:username}/*", "x/a*/1"), Decision::Allowed);
    assert_eq!(decide("x/${aws:username}/*", "x/ab/1"), Decision::Silent, "its star is a star");
    assert_eq!(decide("x/${aws:principaltag/team}", "x/red"), Decision::Allowed);
    assert_eq!(decide("x/${aws:userid}", "x/"), Decision::Silent);
    assert_eq!(decide("x/${aws:userid, 'nobody'}", "x/nobody"), Decision::Allowed);
    assert_eq!(decide("x/${*}${?}${$}", "x/*?$"), Decision::Allowed);
    assert_eq!(decide("x/${*}", "x/y"), Decision::Silent);
    // A negation must not become true because nobody knows of what.
    let not = r#"{"Effect": "Allow", "Action": "*", "NotResource": "x/${aws:userid}"}"#;
    assert_eq!(read(not).decide(&ask("y", &keys)), Decision::Silent);
    let not = r#"{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringNotEquals": {"aws:username": "${aws:userid}"}}}"#;
    assert_eq!(read(not).decide(&ask("y", &keys)), Decision::Silent);
    // The old version knows no variables.
    let old = r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "x/${a}"}}"#;
    let old = Policy::read(old, Kind::Identity).unwrap();
    assert_eq!(old.decide(&ask("x/${a}", &keys)), Decision::Allowed);
}

#[test]
fn principals_mean_whom_they_name() {
    let user = Caller::Principal {
        account_id: "123456789012",
        arn: "arn:aws:iam::123456789012:user/ann",
        role_arn: None,
    };
    let session = Caller::Principal {
        account_id: "123456789012",
        arn: "arn:aws:sts::123456789012:assumed-role/r/s",
        role_arn: Some("arn:aws:iam::123456789012:role/r"),
    };
    let service = Caller::Service("apigateway.amazonaws.com");
    for (principal, expected) in [
        (r#""Principal": "*""#, [true, true, true, true]),
        (r#""Principal": {"AWS": "*"}"#, [true, true, true, true]),
        (r#""Principal": {"AWS": "123456789012"}"#, [false, true, true, false]),
        (r#""Principal": {"AWS": "arn:aws:iam::123456789012:root"}"#, [false, true, true, false]),
        (
            r#""Principal": {"AWS": ["arn:aws:iam::123456789012:user/ann"]}"#,
            [false, true, false, false],
        ),
        (
            r#""Principal": {"AWS": "arn:aws:iam::123456789012:user/*"}"#,
            [false, false, false, false],
        ),
        (
            r#""Principal": {"AWS": "arn:aws:iam::123456789012:role/r"}"#,
            [false, false, true, false],
        ),
        (
            r#""Principal": {"AWS": "arn:aws:sts::123456789012:assumed-role/r/s"}"#,
            [false, false, true, false],
        ),
        (r#""Principal": {"AWS": "999999999999"}"#, [false, false, false, false]),
        (r#""Principal": {"Service": "apigateway.amazonaws.com"}"#, [false, false, false, true]),
        (r#""Principal": {"Federated": "*"}"#, [false, false, false, false]),
        (
            r#""NotPrincipal": {"AWS": "arn:aws:iam::123456789012:user/ann"}"#,
            [true, false, true, true],
        ),
    ] {
        let effect = if principal.contains("Not") { "Deny" } else { "Allow" };
        let text = format!(
            r#"{{"Statement": [{{"Effect": "{effect}", {principal}, "Action": "*", "Resource": "*"}}]}}"#
        );
        let policy = Policy::read(&text, Kind::Resource { short_form: None }).unwrap();
        let found = [Caller::Anonymous, user, session, service]
            .map(|caller| policy.decide(&Ask { caller, ..ask(ARN, &NoKeys) }) != Decision::Silent);
        assert_eq!(found, expected, "{principal}");
    }
}

#[test]
fn the_short_form_is_the_apis_own_arn() {
    let api = "arn:aws:execute-api:us-east-1:123456789012:abcdef123";
    let text = r#"{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "execute-api:/test/GET/*"}}"#;
    let policy = Policy::read(text, Kind::Resource { short_form: Some(api) }).unwrap();
    assert_eq!(policy.decide(&ask(ARN, &NoKeys)), Decision::Allowed);
    let other = ARN.replace("abcdef123", "other");
    assert_eq!(policy.decide(&ask(&other, &NoKeys)), Decision::Silent);
}

#[test]
fn what_is_not_understood_is_refused() {
    let statement = r#""Effect": "Allow", "Action": "*", "Resource": "*""#;
    for text in [
        "".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        r#"{"Statement": "x"}"#.to_owned(),
        r#"{"Version": "2013-10-17", "Statement": []}"#.to_owned(),
        r#"{"Statement": [], "More": 1}"#.to_owned(),
        format!(r#"{{"Statement": [{{{statement}, "Unknown": 1}}]}}"#),
        format!(r#"{{"Statement": [{{{statement}, "Principal": "*"}}]}}"#),
        format!(r#"{{"Statement": [{{{statement}, "NotAction": "*"}}]}}"#),
        format!(r#"{{"Statement": [{{{statement}, "Condition": {{"Like": {{"a": "b"}}}}}}]}}"#),
        format!(
            r#"{{"Statement": [{{{statement}, "Condition": {{"IpAddress": {{"a": "b"}}}}}}]}}"#
        ),
        format!(r#"{{"Statement": [{{{statement}, "Condition": {{"Bool": {{"a": null}}}}}}]}}"#),
        format!(
            r#"{{"Statement": [{{{statement}, "Condition": {{"Some:Bool": {{"a": true}}}}}}]}}"#
        ),
        format!(r#"{{"Statement": [{{{statement}, "Condition": []}}]}}"#),
        format!(r#"{{"Statement": [{{{}}}]}}"#, statement.replace("Allow", "allow")),
        format!(
            r#"{{"Statement": [{{{}}}]}}"#,
            statement.replace("\"Action\": \"*\"", "\"Action\": []")
        ),
        format!(
            r#"{{"Statement": [{{{}}}]}}"#,
            statement.replace("\"Action\": \"*\"", "\"Action\": [1]")
        ),
        format!(
            r#"{{"Version": "2012-10-17", "Statement": [{{{}}}]}}"#,
            statement.replace("\"Resource\": \"*\"", "\"Resource\": \"${aws\"")
        ),
        format!(
            r#"{{"Version": "2012-10-17", "Statement": [{{{}}}]}}"#,
            statement.replace("\"Resource\": \"*\"", "\"Resource\": \"${aws:a, b}\"")
        ),
    ] {
        assert!(Policy::read(&text, Kind::Identity).is_err(), "{text}");
    }
    let resource = Kind::Resource { short_form: None };
    for principal in
        ["", r#", "NotPrincipal": "*""#, r#", "Principal": "x""#, r#", "Principal": {"AWS": 1}"#]
    {
        let text = format!(r#"{{"Statement": [{{{statement}{principal}}}]}}"#);
        assert!(Policy::read(&text, resource).is_err(), "{text}");
    }
}

#[test]
fn a_policy_has_at_most_8192_bytes() {
    let text = |padding: usize| format!(r#"{{"Id": "{}", "Statement": []}}"#, "x".repeat(padding));
    let fits = 8192 - text(0).len();
    assert!(Policy::read(&text(fits), Kind::Identity).is_ok());
    assert!(Policy::read(&text(fits + 1), Kind::Identity).is_err());
}

#[test]
fn two_policies_together_say_what_amazons_tables_say() {
    use Decision::{Allowed, Denied, Silent};
    for (caller, resource, same, different) in [
        (Allowed, Allowed, Allowed, Allowed),
        (Allowed, Silent, Allowed, Silent),
        (Allowed, Denied, Denied, Denied),
        (Silent, Allowed, Allowed, Silent),
        (Silent, Silent, Silent, Silent),
        (Silent, Denied, Denied, Denied),
        (Denied, Allowed, Denied, Denied),
        (Denied, Silent, Denied, Denied),
        (Denied, Denied, Denied, Denied),
    ] {
        assert_eq!(Decision::combine(caller, resource, Accounts::Same), same);
        assert_eq!(Decision::combine(caller, resource, Accounts::Different), different);
    }
}

/// The plainest way to say what a pattern means.
fn fits_naively(pattern: &[char], text: &[char]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        (['*', rest @ ..], _) => {
            fits_naively(rest, text)
                || matches!(text, [_, behind @ ..] if fits_naively(pattern, behind))
        }
        (['?', rest @ ..], [_, behind @ ..]) => fits_naively(rest, behind),
        ([one, rest @ ..], [other, behind @ ..]) => one == other && fits_naively(rest, behind),
        _ => false,
    }
}

fn any_statement() -> impl Strategy<Value = String> {
    let effect = prop::sample::select(vec!["Allow", "Deny"]);
    let resource = "[abé*?/]{0,6}";
    (effect, prop::bool::ANY, resource).prop_map(|(effect, not, resource)| {
        let member = if not { "NotResource" } else { "Resource" };
        format!(r#"{{"Effect": "{effect}", "Action": "*", "{member}": "{resource}"}}"#)
    })
}

proptest! {
    #[test]
    fn a_pattern_fits_as_its_definition_says(pattern in "[abé*?]{0,8}", text in "[abé]{0,10}") {
        let glob = Glob::read(&pattern, glob::Variables::Literal).unwrap();
        let characters = |it: &str| it.chars().collect::<Vec<_>>();
        prop_assert_eq!(
            glob.matches(&text, &NoKeys),
            fits_naively(&characters(&pattern), &characters(&text))
        );
    }

    /// However many statements allow it, one that denies it decides, wherever it stands.
    #[test]
    fn a_statement_that_denies_decides(
        statements in prop::collection::vec(any_statement(), 0..6),
        resource in "[abé/]{0,5}",
        place in any::<prop::sample::Index>(),
    ) {
        let mut all = statements.clone();
        all.insert(place.index(all.len() + 1), r#"{"Effect": "Deny", "Action": "*", "Resource": "*"}"#.to_owned());
        let denied = read(&format!("[{}]", all.join(",")));
        prop_assert_eq!(denied.decide(&ask(&resource, &NoKeys)), Decision::Denied);
        // And the order says nothing.
        let mut turned = statements.clone();
        turned.reverse();
        let (one, other) = (read(&format!("[{}]", statements.join(","))), read(&format!("[{}]", turned.join(","))));
        prop_assert_eq!(one.decide(&ask(&resource, &NoKeys)), other.decide(&ask(&resource, &NoKeys)));
        // Nothing but `Allow` allows.
        if !statements.iter().any(|it| it.contains("Allow")) {
            prop_assert_ne!(one.decide(&ask(&resource, &NoKeys)), Decision::Allowed);
        }
    }

    #[test]
    fn no_text_makes_reading_panic(text in "[\\[\\]{}:,\"a-zA-Z$*0-9]{0,60}", value in any::<String>()) {
        let _ = Policy::read(&text, Kind::Identity);
        let _ = Glob::read(&value, glob::Variables::Meant);
        let values = [Cow::Borrowed(value.as_str())];
        for operator in ["DateEquals", "NumericEquals", "IpAddress", "ArnLike", "StringLike"] {
            if let Ok(condition) = Condition::read(operator, "k", &values, glob::Variables::Meant) {
                let _ = condition.holds(&Table(vec![("k", "1")]));
            }
        }
    }
}
