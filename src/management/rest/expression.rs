//! Mapping expressions: where a parameter of a method or integration comes from and goes to, such as
//! `method.request.querystring.page`. Checked when they are written, so that none fails at run time.

use crate::aws::Fault;
use crate::resources::rest::Map;

/// Names that a parameter may have (a text of Amazon's, printed when broken).
const NAME_PATTERN: &str = "^[a-zA-Z0-9:._$-]+$";

/// Where a method's parameters may be.
const REQUEST_PLACES: [&str; 5] =
    ["header", "querystring", "path", "multivalueheader", "multivaluequerystring"];

/// 400: something about a mapping, in the frame that Amazon puts around it.
fn invalid(error: &str) -> Fault {
    Fault::bad_request(format!(
        "Invalid mapping expression specified: Validation Result: warnings : [], errors : [{error}]"
    ))
}

/// 400: the text is no expression where it stands.
pub(super) fn invalid_expression(expression: &str) -> Fault {
    invalid(&format!("Invalid mapping expression specified: {expression}"))
}

/// 400: the text is an expression, but names what has not been declared.
pub(super) fn undeclared(parameter: &str) -> Fault {
    invalid(&format!("Invalid mapping expression parameter specified: {parameter}"))
}

/// 400: a response maps parameters, but the method declares no response of that status code.
pub(super) fn no_method_response() -> Fault {
    invalid("No method response exists for method.")
}

/// Checks the key of a method's parameter: `method.request.{place}.{name}`.
///
/// # Errors
/// It is none.
pub(super) fn check_method_request(key: &str) -> Result<(), Fault> {
    check_key(key, "method.request.", &REQUEST_PLACES)
}

/// Checks the key of a method response's parameter: `method.response.header.{name}`.
///
/// # Errors
/// It is none.
pub(super) fn check_method_response(key: &str) -> Result<(), Fault> {
    check_key(key, "method.response.", &["header", "multivalueheader"])
}

/// Checks the key of a parameter that an integration sends: `integration.request.{place}.{name}`.
///
/// # Errors
/// It is none.
pub(super) fn check_integration_request(key: &str) -> Result<(), Fault> {
    check_key(key, "integration.request.", &REQUEST_PLACES)
}

fn check_key(key: &str, prefix: &str, places: &[&str]) -> Result<(), Fault> {
    let Some((_, name)) = parameter(key, prefix, places) else {
        return Err(invalid_expression(key));
    };
    if !is_name(name) {
        return Err(invalid(&format!(
            "Parameter name should match the following regular expression: {NAME_PATTERN}"
        )));
    }
    Ok(())
}

/// Checks that no two of a method's parameters have one name: integrations tell them apart by it.
///
/// # Errors
/// Two of them do.
pub(super) fn check_unique_names(parameters: &Map<bool>) -> Result<(), Fault> {
    let names = parameters
        .keys()
        .filter_map(|key| parameter(key, "method.request.", &["header", "querystring", "path"]));
    let mut names: Vec<&str> = names.map(|(_, name)| name).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Fault::bad_request(
            "Parameter names must be unique across querystring, header and path",
        ));
    }
    Ok(())
}

/// Checks where an integration's parameter comes from; `declared` are the method's own parameters.
///
/// # Errors
/// It is no expression, or names a parameter that the method does not declare.
pub(super) fn check_request_value(value: &str, declared: &Map<bool>) -> Result<(), Fault> {
    if is_static_or_known(value) || is_body(value, "method.request.body") {
        return Ok(());
    }
    match parameter(value, "method.request.", &REQUEST_PLACES) {
        None => Err(invalid_expression(value)),
        // All values of a parameter are declared under the name of the one.
        Some((place, name)) => {
            let single = place.strip_prefix("multivalue").unwrap_or(place);
            let is_declared = declared.contains_key(value)
                || declared.contains_key(&format!("method.request.{single}.{name}"));
            if is_declared { Ok(()) } else { Err(undeclared(value)) }
        }
    }
}

/// Checks where a parameter of a response comes from.
///
/// # Errors
/// It is no expression.
pub(super) fn check_response_value(value: &str) -> Result<(), Fault> {
    let is_expression = is_static_or_known(value)
        || is_body(value, "integration.response.body")
        || parameter(value, "integration.response.", &["header", "multivalueheader"]).is_some();
    if is_expression { Ok(()) } else { Err(invalid_expression(value)) }
}

/// Checks that a key of templates looks like a media type.
///
/// # Errors
/// It does not.
pub(super) fn check_content_type(content_type: &str) -> Result<(), Fault> {
    // `$default` stands for every other type in what imports bring along.
    let essence = content_type.split(';').next().unwrap_or_default();
    let is_media_type = content_type == "$default"
        || essence.split_once('/').is_some_and(|(kind, subtype)| {
            !kind.is_empty() && !subtype.is_empty() && !essence.contains(char::is_whitespace)
        });
    if is_media_type {
        return Ok(());
    }
    Err(Fault::bad_request(format!(
        "Validation Result: warnings : [], errors : [Invalid content type specified: {content_type}]"
    )))
}

/// Splits `{prefix}{place}.{name}`.
fn parameter<'t>(text: &'t str, prefix: &str, places: &[&str]) -> Option<(&'t str, &'t str)> {
    let (place, name) = text.strip_prefix(prefix)?.split_once('.')?;
    (places.contains(&place) && !name.is_empty()).then_some((place, name))
}

fn is_name(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":._$-".contains(&byte))
}

/// `'static'`, `context.x` or `stageVariables.x`.
fn is_static_or_known(value: &str) -> bool {
    let is_static = value.len() >= 2 && value.starts_with('\'') && value.ends_with('\'');
    let has_name = |prefix| value.strip_prefix(prefix).is_some_and(|name: &str| !name.is_empty());
    is_static || has_name("context.") || has_name("stageVariables.")
}

/// The whole body, or a JSONPath into it.
fn is_body(value: &str, body: &str) -> bool {
    value.strip_prefix(body).is_some_and(|path| {
        path.is_empty() || path.starts_with('[') || path.starts_with('.') && path.len() > 1
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: &str =
        "Invalid mapping expression specified: Validation Result: warnings : [], errors : ";

    #[test]
    fn keys_name_a_place_and_a_parameter() {
        for key in [
            "method.request.header.X-A",
            "method.request.querystring.a.b",
            "method.request.path.proxy",
            "method.request.multivalueheader.x",
            "method.request.multivaluequerystring.ns:x",
        ] {
            check_method_request(key).unwrap();
        }
        for key in
            ["method.request.header", "method.request.header.", "method.request.body.x", "x", ""]
        {
            let fault = check_method_request(key).unwrap_err();
            let expected = format!("{FRAME}[Invalid mapping expression specified: {key}]");
            assert_eq!((fault.status, fault.message), (400, expected));
        }
        check_method_response("method.response.header.X").unwrap();
        assert!(check_method_response("method.response.querystring.X").is_err());
        check_integration_request("integration.request.path.x").unwrap();
        assert!(check_integration_request("method.request.path.x").is_err());
    }

    #[test]
    fn names_have_the_characters_of_amazons_pattern() {
        let fault = check_method_request("method.request.querystring.page[size]").unwrap_err();
        let error =
            "[Parameter name should match the following regular expression: ^[a-zA-Z0-9:._$-]+$]";
        assert_eq!(fault.message, format!("{FRAME}{error}"));
    }

    #[test]
    fn a_name_stands_in_one_place_only() {
        let parameters = |keys: [&str; 2]| keys.map(|key| (key.to_owned(), true)).into();
        check_unique_names(&parameters(["method.request.path.a", "method.request.header.b"]))
            .unwrap();
        let twice = parameters(["method.request.path.a", "method.request.header.a"]);
        assert_eq!(
            check_unique_names(&twice).unwrap_err().message,
            "Parameter names must be unique across querystring, header and path"
        );
    }

    #[test]
    fn a_request_takes_from_what_the_method_declares() {
        let declared = Map::from([("method.request.header.a".to_owned(), false)]);
        for value in [
            "method.request.header.a",
            "method.request.multivalueheader.a",
            "method.request.body",
            "method.request.body.items[0].id",
            "method.request.body['a']",
            "context.requestId",
            "context.authorizer.claims.sub",
            "stageVariables.x",
            "'text'",
            "''",
        ] {
            check_request_value(value, &declared).unwrap();
        }
        let undeclared = check_request_value("method.request.path.proxy", &declared).unwrap_err();
        assert_eq!(
            undeclared.message,
            format!(
                "{FRAME}[Invalid mapping expression parameter specified: method.request.path.proxy]"
            )
        );
        for value in
            ["true", "", "'", "context.", "integration.response.body", "method.request.bodyx"]
        {
            let fault = check_request_value(value, &declared).unwrap_err();
            let expected = format!("{FRAME}[Invalid mapping expression specified: {value}]");
            assert_eq!(fault.message, expected);
        }
    }

    #[test]
    fn a_response_takes_from_the_integrations_answer() {
        for value in [
            "integration.response.header.x",
            "integration.response.multivalueheader.x",
            "integration.response.body",
            "integration.response.body.a.b",
            "context.requestId",
            "stageVariables.x",
            "'*'",
        ] {
            check_response_value(value).unwrap();
        }
        for value in ["method.request.header.x", "*", "integration.response.querystring.x"] {
            assert!(check_response_value(value).is_err(), "{value}");
        }
    }

    #[test]
    fn templates_are_kept_by_media_type() {
        for content_type in ["application/json", "text/html; charset=utf-8", "*/*", "$default"] {
            check_content_type(content_type).unwrap();
        }
        for content_type in ["123", "", "a/", "/b", "a /b"] {
            let fault = check_content_type(content_type).unwrap_err();
            let error = format!("errors : [Invalid content type specified: {content_type}]");
            assert_eq!(fault.message, format!("Validation Result: warnings : [], {error}"));
        }
    }
}
