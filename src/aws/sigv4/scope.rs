//! Credential scope: whose key signed, for which day, region and service.

use super::Request;
use super::canonical::{decoded, parameters};
use crate::aws::Fault;

/// The only algorithm there is here.
pub(super) const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The elliptic-curve sibling (SigV4a), known so that it can be refused by name.
pub(super) const ALGORITHM_V4A: &str = "AWS4-ECDSA-P256-SHA256";

/// The end of every scope.
pub(super) const TERMINATOR: &str = "aws4_request";

/// Longest scope that is read. An access key id has at most 128 characters, a region or service some
/// dozens.
const BYTES_MAX: usize = 512;

/// `KEY/20150830/us-east-1/apigateway/aws4_request`, parsed. As claimed: nothing is proven by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The public half of the key pair.
    pub access_key_id: String,
    /// `YYYYMMDD`.
    pub date: String,
    /// For example `us-east-1`.
    pub region: String,
    /// The service's signing name, for example `apigateway` or `sts`.
    pub service: String,
}

impl Scope {
    /// Reads one.
    ///
    /// # Errors
    /// In AWS's words when it has not five elements or the wrong end.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let shown: String = text.chars().take(BYTES_MAX).collect();
        let wrong_count = || {
            let message = format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{shown}'"
            );
            incomplete(message)
        };
        if text.len() > BYTES_MAX {
            return Err(wrong_count());
        }
        let elements: Vec<&str> = text.split('/').collect();
        let [access_key_id, date, region, service, terminator] = elements[..] else {
            return Err(wrong_count());
        };
        if [access_key_id, date, region, service].contains(&"") {
            return Err(wrong_count());
        }
        if terminator != TERMINATOR {
            return Err(invalid(format!(
                "Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{terminator}'."
            )));
        }
        let is_day = date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit());
        if !is_day {
            return Err(invalid(format!(
                "Credential should be scoped with a valid date of the form YYYYMMDD, not '{date}'."
            )));
        }
        Ok(Self {
            access_key_id: access_key_id.to_owned(),
            date: date.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
        })
    }

    /// What a request claims of itself, wherever it says it and however badly signed the rest is; for
    /// listeners that let anybody in and only want to know the region.
    pub fn glimpse(request: &Request<'_>) -> Option<Self> {
        let authorization = request
            .fields
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("authorization"))
            .and_then(|(_, value)| std::str::from_utf8(value).ok());
        if let Some(text) = authorization {
            let (_, rest) = text.split_once("Credential=")?;
            let end = rest.find([',', ' ', '\t']).unwrap_or(rest.len());
            return Self::parse(&rest[..end]).ok();
        }
        let (_, value) = parameters(request.query).find(|(name, _)| *name == "X-Amz-Credential")?;
        Self::parse(std::str::from_utf8(&decoded(value)).ok()?).ok()
    }

    /// All but the key: the middle of the string to sign.
    pub(super) fn without_key(&self) -> String {
        format!("{}/{}/{}/{TERMINATOR}", self.date, self.region, self.service)
    }
}

/// 403: parts of the signature are missing or cannot be read.
pub(super) fn incomplete(message: impl Into<String>) -> Fault {
    Fault::new(403, "IncompleteSignatureException", message)
}

/// 403: the signature is whole, and wrong.
pub(super) fn invalid(message: impl Into<String>) -> Fault {
    Fault::new(403, "InvalidSignatureException", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "AKIDEXAMPLE/20150830/us-east-1/apigateway/aws4_request";

    #[test]
    fn a_scope_has_five_elements() {
        let scope = Scope::parse(GOOD).unwrap();
        assert_eq!(scope.access_key_id, "AKIDEXAMPLE");
        assert_eq!((scope.region.as_str(), scope.service.as_str()), ("us-east-1", "apigateway"));
        assert_eq!(scope.without_key(), "20150830/us-east-1/apigateway/aws4_request");
        for bad in
            ["", "AKID", "A/20150830/r/s", "A/20150830/r/s/aws4_request/x", "/20150830/r/s/t"]
        {
            let fault = Scope::parse(bad).unwrap_err();
            assert_eq!(fault.kind, "IncompleteSignatureException", "{bad}");
            assert!(fault.message.ends_with(&format!("got '{bad}'")), "{}", fault.message);
        }
        let long = format!("{}/20150830/r/s/aws4_request", "A".repeat(BYTES_MAX));
        assert_eq!(Scope::parse(&long).unwrap_err().kind, "IncompleteSignatureException");
    }

    #[test]
    fn its_end_and_its_day_are_checked() {
        let fault = Scope::parse("A/20150830/r/s/aws4_reques").unwrap_err();
        assert_eq!(fault.kind, "InvalidSignatureException");
        for day in ["2015083", "2015083a", "2015-8-3"] {
            let fault = Scope::parse(&format!("A/{day}/r/s/aws4_request")).unwrap_err();
            assert!(fault.message.contains("YYYYMMDD"), "{}", fault.message);
        }
    }

    #[test]
    fn a_claimed_scope_is_seen_in_either_place_without_a_signature() {
        let value = format!("AWS4-HMAC-SHA256 Credential={GOOD}, SignedHeaders=host");
        let fields: [(&str, &[u8]); 1] = [("Authorization", value.as_bytes())];
        let request = Request { method: "GET", path: "/", query: "", fields: &fields, body: b"" };
        assert_eq!(Scope::glimpse(&request), Scope::parse(GOOD).ok());
        let query = format!("a=b&X-Amz-Credential={}", GOOD.replace('/', "%2F"));
        let request = Request { fields: &[], query: &query, ..request };
        assert_eq!(Scope::glimpse(&request), Scope::parse(GOOD).ok());
        assert_eq!(Scope::glimpse(&Request { query: "", ..request }), None);
        let bearer: [(&str, &[u8]); 1] = [("authorization", b"Bearer abc")];
        assert_eq!(Scope::glimpse(&Request { fields: &bearer, query: "", ..request }), None);
    }
}
