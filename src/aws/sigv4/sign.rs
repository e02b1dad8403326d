//! Signing: what ringgate itself sends to AWS services and to other gateways.

use super::canonical::{self, PathForm, QueryForm, encoded};
use super::claim::{CONTENT_SHA256, PRESIGNED_MAX, SigningKey, UNSIGNED_PAYLOAD};
use super::scope::ALGORITHM;
use super::{AmzDate, Request, Scope};
use std::fmt;
use std::time::{Duration, SystemTime};

/// Fields that hops on the way change or drop, and those that hold the signature itself.
const UNSIGNED: &[&str] = &[
    "authorization",
    "connection",
    "expect",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "x-amzn-trace-id",
];

/// Signs requests with one key pair, for one service in one region.
#[derive(Clone, Copy)]
pub struct Signer<'a> {
    /// The public half of the key pair.
    pub access_key_id: &'a str,
    /// The secret half.
    pub secret_access_key: &'a str,
    /// The token of temporary credentials.
    pub session_token: Option<&'a str>,
    /// Where the service is.
    pub region: &'a str,
    /// The service's signing name.
    pub service: &'a str,
}

impl fmt::Debug for Signer<'_> {
    /// Leaves secret and token out.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Signer")
            .field("access_key_id", &self.access_key_id)
            .field("region", &self.region)
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}

impl Signer<'_> {
    /// The fields to add to the request: `x-amz-date`, `x-amz-security-token` when there is a token,
    /// `x-amz-content-sha256` for S3, and `authorization`. The request must have its `Host`, and none
    /// of these; every field it has is signed, but for those that hops on the way change.
    pub fn sign(&self, request: &Request<'_>, at: SystemTime) -> Vec<(&'static str, String)> {
        let at = AmzDate::of(at);
        let payload = canonical::sha256_hex(request.body);
        let mut added = vec![("x-amz-date", at.to_string())];
        if let Some(token) = self.session_token {
            added.push(("x-amz-security-token", token.to_owned()));
        }
        if self.is_s3() {
            added.push((CONTENT_SHA256, payload.clone()));
        }
        let mut fields = request.fields.to_vec();
        fields.extend(added.iter().map(|(name, value)| (*name, value.as_bytes())));
        let request = Request { fields: &fields, ..*request };
        let names = names(&request);
        let scope = self.scope(at);
        let signature = self.signature(&request, &names, &payload, at, &scope);
        let authorization = format!(
            "{ALGORITHM} Credential={}/{}, SignedHeaders={}, Signature={signature}",
            scope.access_key_id,
            scope.without_key(),
            names.join(";"),
        );
        added.push(("authorization", authorization));
        added
    }

    /// The whole query of a URL that is good for `expires` (at most seven days) without any further
    /// field. For S3 the content is left open, for others it is the request's.
    pub fn presign(&self, request: &Request<'_>, at: SystemTime, expires: Duration) -> String {
        let at = AmzDate::of(at);
        let scope = self.scope(at);
        let names = names(request);
        let credential = format!("{}/{}", scope.access_key_id, scope.without_key());
        let mut query = request.query.to_owned();
        let mut add = |name: &str, value: &str| {
            if !query.is_empty() {
                query.push('&');
            }
            query.push_str(name);
            query.push('=');
            query.push_str(&encoded(value.as_bytes(), false));
        };
        add("X-Amz-Algorithm", ALGORITHM);
        add("X-Amz-Credential", &credential);
        add("X-Amz-Date", &at.to_string());
        add("X-Amz-Expires", &expires.min(PRESIGNED_MAX).as_secs().to_string());
        add("X-Amz-SignedHeaders", &names.join(";"));
        if let Some(token) = self.session_token {
            add("X-Amz-Security-Token", token);
        }
        let payload = match self.is_s3() {
            true => UNSIGNED_PAYLOAD.to_owned(),
            false => canonical::sha256_hex(request.body),
        };
        let signed = Request { query: &query, ..*request };
        let signature = self.signature(&signed, &names, &payload, at, &scope);
        format!("{query}&X-Amz-Signature={signature}")
    }

    fn is_s3(&self) -> bool {
        self.service == "s3"
    }

    fn scope(&self, at: AmzDate) -> Scope {
        Scope {
            access_key_id: self.access_key_id.to_owned(),
            date: at.day(),
            region: self.region.to_owned(),
            service: self.service.to_owned(),
        }
    }

    fn signature(
        &self,
        request: &Request<'_>,
        names: &[String],
        payload: &str,
        at: AmzDate,
        scope: &Scope,
    ) -> String {
        let path = if self.is_s3() { PathForm::AsSent } else { PathForm::Normal };
        // The names come from the fields, so none is missing.
        let form = (path, QueryForm::EncodedAnew);
        let canonical = canonical::request(request, form, names, payload).unwrap_or_default();
        let key = SigningKey::derive(self.secret_access_key, scope);
        canonical::hex(&key.signature(at, scope, &canonical))
    }
}

/// The names of the fields to sign.
fn names(request: &Request<'_>) -> Vec<String> {
    let names = request.fields.iter().map(|(name, _)| name.to_ascii_lowercase());
    let mut names: Vec<_> = names.filter(|name| !UNSIGNED.contains(&name.as_str())).collect();
    names.sort();
    names.dedup();
    names
}
