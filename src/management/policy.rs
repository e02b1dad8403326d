//! Resource policies: a JSON document that is kept plain. Domain names show it so, REST APIs as the inside
//! of a JSON string.

use crate::aws::Fault;
use serde_json::{Map, Value};

/// A policy as a plain document; none when it is empty. Takes the form in which answers show it, too,
/// so that what was read can be sent back.
///
/// # Errors
/// It is no JSON object.
pub(super) fn plain(policy: &str) -> Result<Option<String>, Fault> {
    let is_object = |text: &str| serde_json::from_str::<Map<String, Value>>(text).is_ok();
    if policy.is_empty() {
        return Ok(None);
    }
    if is_object(policy) {
        return Ok(Some(policy.to_owned()));
    }
    let unescaped = serde_json::from_str::<String>(&format!("\"{policy}\"")).ok();
    match unescaped.filter(|text| is_object(text)) {
        Some(plain) => Ok(Some(plain)),
        None => Err(Fault::bad_request(
            "Invalid policy document. Please check the policy syntax and ensure that Principals are valid.",
        )),
    }
}

/// The inside of a JSON string. Amazon shows the policies of REST APIs this way, and Terraform wraps what
/// it reads in quotation marks and reads that as a string.
pub(super) fn escaped(policy: &str) -> String {
    let quoted = Value::from(policy).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_was_shown_can_be_sent_back() {
        let policy = r#"{"Version":"2012-10-17","Statement":["a\"b"]}"#;
        assert_eq!(plain(policy), Ok(Some(policy.to_owned())));
        let shown = escaped(policy);
        assert!(shown.starts_with(r#"{\"Version\""#), "{shown}");
        assert_eq!(plain(&shown), Ok(Some(policy.to_owned())));
    }

    #[test]
    fn only_objects_are_policies() {
        assert_eq!(plain(""), Ok(None));
        for text in ["x", "[]", "\"{}\"", "{\"a\":"] {
            assert!(plain(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_taken(text in ".{0,40}") {
            let _ = plain(&text);
            escaped(&text);
        }
    }
}
