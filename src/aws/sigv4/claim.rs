//! Claim: what a request says of its signer, read from where it says it, and the two checks that make
//! it a proof: is it fresh, and does the signature match.

use super::canonical::{self, decoded, parameters};
use super::scope::{ALGORITHM, ALGORITHM_V4A, incomplete, invalid};
use super::{AmzDate, Request, Scope};
use crate::aws::Fault;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use std::fmt;
use std::time::{Duration, SystemTime};

/// How far a client's clock may be off, either way: what AWS grants most services.
pub(super) const SKEW: Duration = Duration::from_secs(5 * 60);

/// Longest life of a presigned URL: seven days, AWS's limit, because the signing key is derived for
/// a day and kept for a week.
pub(super) const PRESIGNED_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// Field that names the payload's hash, or says that there is none.
pub(super) const CONTENT_SHA256: &str = "x-amz-content-sha256";

/// In place of a hash: the payload is not signed.
pub(super) const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// Fields a signature may cover. SDKs sign about ten; the bound keeps the work of a check small.
const SIGNED_FIELDS_MAX: usize = 100;

/// Where the signature stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// In the field `Authorization`.
    Header,
    /// In the query: a presigned URL, good for this long.
    Presigned {
        /// From the date on.
        expires: Duration,
    },
}

/// Whether a request's content may be left unsigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload {
    /// The content is part of what is signed. Right for everything that changes something.
    Signed,
    /// `UNSIGNED-PAYLOAD` is accepted too, as S3 does.
    MayBeUnsigned,
}

/// What a request says of its signer. Nothing of it is proven until both checks have passed.
#[derive(Clone, PartialEq, Eq)]
pub struct Claim {
    /// Whose key, for which day, region and service.
    pub scope: Scope,
    /// When it was signed.
    pub at: AmzDate,
    /// Where the signature stands.
    pub form: Form,
    /// The signed fields, in lower case and sorted.
    pub signed_fields: Vec<String>,
    /// The signature.
    pub signature: [u8; 32],
    /// The token of temporary credentials.
    pub session_token: Option<String>,
}

impl fmt::Debug for Claim {
    /// Leaves signature and token out: both could be used by whoever reads the log.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Claim")
            .field("scope", &self.scope)
            .field("at", &self.at)
            .field("form", &self.form)
            .field("signed_fields", &self.signed_fields)
            .finish_non_exhaustive()
    }
}

impl Claim {
    /// Reads a request's claim; `None` when it is not signed at all.
    ///
    /// # Errors
    /// In AWS's words when it is signed in a way that cannot be read or is not supported.
    pub fn read(request: &Request<'_>) -> Result<Option<Self>, Fault> {
        let mut authorization = values(request, "authorization");
        let presigned = ["X-Amz-Algorithm", "X-Amz-Signature"];
        let is_presigned = parameters(request.query).any(|(name, _)| presigned.contains(&name));
        match (authorization.next(), authorization.next(), is_presigned) {
            (None, _, false) => Ok(None),
            (None, _, true) => Self::read_query(request).map(Some),
            (Some(value), None, false) => Self::read_field(request, value).map(Some),
            (Some(_), Some(_), _) => Err(incomplete("Only one Authorization header is allowed.")),
            (Some(_), None, true) => Err(incomplete(
                "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified",
            )),
        }
    }

    fn read_field(request: &Request<'_>, value: &[u8]) -> Result<Self, Fault> {
        let text = std::str::from_utf8(value)
            .map_err(|_| incomplete("The Authorization header is not readable text."))?
            .trim();
        let (algorithm, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
        if algorithm == ALGORITHM_V4A {
            return Err(not_supported(ALGORITHM_V4A));
        }
        let (mut credential, mut signed, mut signature) = (None, None, None);
        // With another scheme nothing is looked for in it, nor shown: it may hold a secret.
        let parts = if algorithm == ALGORITHM { rest } else { "" };
        for part in parts.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let Some((name, value)) = part.split_once('=') else {
                return Err(incomplete(
                    "A part of the Authorization header is not a valid key=value pair (missing equal-sign).",
                ));
            };
            let place = match name {
                "Credential" => &mut credential,
                "SignedHeaders" => &mut signed,
                "Signature" => &mut signature,
                _ => continue,
            };
            if place.replace(value).is_some() {
                return Err(incomplete(format!(
                    "Authorization header names '{name}' more than once."
                )));
            }
        }
        let mut dates = values(request, "x-amz-date");
        let date = dates.next().or_else(|| values(request, "date").next());
        if dates.next().is_some() {
            return Err(incomplete("Only one X-Amz-Date header is allowed."));
        }
        let (Some(credential), Some(signed), Some(signature), Some(date)) =
            (credential, signed, signature, date)
        else {
            let missing = [
                (credential.is_none(), "'Credential' parameter."),
                (signature.is_none(), "'Signature' parameter."),
                (signed.is_none(), "'SignedHeaders' parameter."),
                (date.is_none(), "existence of either a 'X-Amz-Date' or a 'Date' header."),
            ];
            let missing = missing.iter().filter(|(is_missing, _)| *is_missing);
            let words: Vec<_> =
                missing.map(|(_, what)| format!("Authorization header requires {what}")).collect();
            return Err(incomplete(words.join(" ")));
        };
        let date = std::str::from_utf8(date).ok().and_then(AmzDate::parse_field);
        let token = values(request, "x-amz-security-token").next();
        Ok(Self {
            scope: Scope::parse(credential)?,
            at: date.ok_or_else(|| {
                incomplete(
                    "Date must be in ISO-8601 'basic format', as in the header 'X-Amz-Date: 20150830T123600Z'.",
                )
            })?,
            form: Form::Header,
            signed_fields: signed_fields(request, signed)?,
            signature: signature_bytes(signature)?,
            session_token: token.map(|token| String::from_utf8_lossy(token).into_owned()),
        })
    }

    fn read_query(request: &Request<'_>) -> Result<Self, Fault> {
        let parameter = |name: &str| -> Result<Option<String>, Fault> {
            let mut values = parameters(request.query).filter(|(it, _)| *it == name);
            let value = values.next();
            if values.next().is_some() {
                return Err(incomplete(format!(
                    "AWS query-string parameters must include '{name}' once."
                )));
            }
            Ok(value.map(|(_, value)| String::from_utf8_lossy(&decoded(value)).into_owned()))
        };
        let required = |name: &str| {
            parameter(name)?.ok_or_else(|| {
                incomplete(format!(
                    "AWS query-string parameters must include '{name}'. Re-examine the query-string parameters."
                ))
            })
        };
        match required("X-Amz-Algorithm")?.as_str() {
            ALGORITHM => {}
            ALGORITHM_V4A => return Err(not_supported(ALGORITHM_V4A)),
            _ => {
                return Err(incomplete(format!(
                    "Unsupported AWS 'algorithm': only {ALGORITHM} is understood."
                )));
            }
        }
        let scope = Scope::parse(&required("X-Amz-Credential")?)?;
        let at = AmzDate::parse(&required("X-Amz-Date")?).ok_or_else(|| {
            incomplete("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
        })?;
        let expires = match required("X-Amz-Expires")?.parse::<u64>() {
            Err(_) => return Err(incomplete("X-Amz-Expires should be a number")),
            Ok(seconds) if seconds > PRESIGNED_MAX.as_secs() => {
                return Err(incomplete(format!(
                    "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than {} seconds",
                    PRESIGNED_MAX.as_secs()
                )));
            }
            Ok(seconds) => Duration::from_secs(seconds),
        };
        Ok(Self {
            scope,
            at,
            form: Form::Presigned { expires },
            signed_fields: signed_fields(request, &required("X-Amz-SignedHeaders")?)?,
            signature: signature_bytes(&required("X-Amz-Signature")?)?,
            session_token: parameter("X-Amz-Security-Token")?,
        })
    }

    /// Is it of now, and does its scope say so too?
    ///
    /// # Errors
    /// In AWS's words when it is too old, from the future, or of another day.
    pub fn check_time(&self, now: SystemTime) -> Result<(), Fault> {
        let now = AmzDate::of(now);
        let at = self.at;
        if at.day() != self.scope.date {
            return Err(invalid(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != '{}', from '{at}'.",
                self.scope.date,
                at.day(),
            )));
        }
        let latest = now.plus(SKEW);
        if at > latest {
            return Err(invalid(format!(
                "Signature not yet current: {at} is still later than {latest} ({now} + {}.)",
                words(SKEW)
            )));
        }
        let life = match self.form {
            Form::Header => SKEW,
            Form::Presigned { expires } => expires,
        };
        let earliest = now.minus(life);
        if at < earliest {
            return Err(invalid(format!(
                "Signature expired: {at} is now earlier than {earliest} ({now} - {}.)",
                words(life)
            )));
        }
        Ok(())
    }

    /// Does it match what this secret makes of the request?
    ///
    /// # Errors
    /// In AWS's words when not.
    pub fn check_signature(
        &self,
        request: &Request<'_>,
        secret_access_key: &str,
        payload: Payload,
    ) -> Result<(), Fault> {
        let payload = self.payload_hash(request, payload)?;
        let key = SigningKey::derive(secret_access_key, &self.scope);
        for form in canonical::forms(&self.scope.service, request) {
            let canonical = canonical::request(request, form, &self.signed_fields, &payload);
            let Some(canonical) = canonical else { continue };
            let expected = key.signature(self.at, &self.scope, &canonical);
            if verify_slices_are_equal(&expected, &self.signature).is_ok() {
                return Ok(());
            }
        }
        Err(mismatch())
    }

    /// Whether the client put something into what it signed that it never uses twice: SDKs number
    /// each call (`amz-sdk-invocation-id`) and each attempt at it (`amz-sdk-request`).
    pub fn is_unique(&self) -> bool {
        ["amz-sdk-invocation-id", "amz-sdk-request"]
            .iter()
            .all(|name| self.signed_fields.iter().any(|signed| signed == name))
    }

    /// The last moment at which it passes [`Claim::check_time`].
    pub fn good_until(&self) -> AmzDate {
        self.at.plus(match self.form {
            Form::Header => SKEW,
            Form::Presigned { expires } => expires,
        })
    }

    fn payload_hash(&self, request: &Request<'_>, rule: Payload) -> Result<String, Fault> {
        let in_query = match self.form {
            Form::Header => None,
            Form::Presigned { .. } => parameters(request.query)
                .find(|(name, _)| *name == "X-Amz-Content-Sha256")
                .map(|(_, value)| decoded(value)),
        };
        let stated = match values(request, CONTENT_SHA256).next() {
            Some(value) => Some(value.to_vec()),
            None => in_query,
        };
        // S3 leaves the content of presigned URLs open; nobody knows it when the URL is made.
        let is_open = self.form != Form::Header && self.scope.service == "s3";
        match stated.as_deref() {
            None if !is_open => Ok(canonical::sha256_hex(request.body)),
            None | Some(b"UNSIGNED-PAYLOAD") => match rule {
                Payload::MayBeUnsigned => Ok(UNSIGNED_PAYLOAD.to_owned()),
                Payload::Signed => Err(invalid(
                    "The content of this request must be signed: UNSIGNED-PAYLOAD is not accepted here.",
                )),
            },
            Some(value) if value.starts_with(b"STREAMING-") => Err(invalid(
                "Content signed in chunks (x-amz-content-sha256: STREAMING-…) is not supported.",
            )),
            Some(value) => {
                let actual = canonical::sha256_hex(request.body);
                match value == actual.as_bytes() {
                    true => Ok(actual),
                    false => Err(invalid(
                        "The provided 'x-amz-content-sha256' header does not match what was computed.",
                    )),
                }
            }
        }
    }
}

/// A secret narrowed down to a day, a region and a service.
pub(super) struct SigningKey(hmac::Key);

impl SigningKey {
    pub(super) fn derive(secret_access_key: &str, scope: &Scope) -> Self {
        let step = |key: &[u8], text: &str| {
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
        };
        let key = step(format!("AWS4{secret_access_key}").as_bytes(), &scope.date);
        let key = step(key.as_ref(), &scope.region);
        let key = step(key.as_ref(), &scope.service);
        let key = step(key.as_ref(), super::scope::TERMINATOR);
        Self(hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()))
    }

    /// Over the string to sign that is made of a canonical request.
    pub(super) fn signature(&self, at: AmzDate, scope: &Scope, canonical: &[u8]) -> [u8; 32] {
        let hash = digest(&SHA256, canonical);
        self.signature_of_hash(&at.to_string(), &scope.without_key(), hash.as_ref())
    }

    /// The same, where the canonical request has been hashed already.
    pub(super) fn signature_of_hash(&self, date: &str, scope: &str, hash: &[u8]) -> [u8; 32] {
        let text = format!("{ALGORITHM}\n{date}\n{scope}\n{}", canonical::hex(hash));
        let tag = hmac::sign(&self.0, text.as_bytes());
        let mut signature = [0; 32];
        signature.copy_from_slice(tag.as_ref());
        signature
    }
}

/// The values of a field, in order.
fn values<'r>(request: &Request<'r>, name: &str) -> impl Iterator<Item = &'r [u8]> {
    let fields = request.fields.iter();
    fields.filter(move |(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
}

/// The names of signed fields, sorted; `host` must be one, and what decides about the operation too.
fn signed_fields(request: &Request<'_>, text: &str) -> Result<Vec<String>, Fault> {
    let mut names: Vec<String> =
        text.split(';').map(|name| name.trim().to_ascii_lowercase()).collect();
    names.retain(|name| !name.is_empty());
    names.sort();
    names.dedup();
    if names.len() > SIGNED_FIELDS_MAX {
        return Err(incomplete(format!("At most {SIGNED_FIELDS_MAX} headers can be signed.")));
    }
    let is_signed = |name: &str| names.iter().any(|signed| signed == name);
    if !is_signed("host") {
        return Err(invalid(
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
        ));
    }
    // Some protocols name the operation there: unsigned, anybody on the way could choose another.
    if values(request, "x-amz-target").next().is_some() && !is_signed("x-amz-target") {
        return Err(invalid("'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization."));
    }
    Ok(names)
}

/// 64 hexadecimal digits.
fn signature_bytes(text: &str) -> Result<[u8; 32], Fault> {
    let mut signature = [0_u8; 32];
    let text = text.as_bytes();
    if text.len() != 64 {
        return Err(mismatch());
    }
    for (byte, digits) in signature.iter_mut().zip(text.chunks_exact(2)) {
        for digit in digits {
            // Lower case only: the other spelling would be a second signature for the same request.
            let value = match digit {
                b'0'..=b'9' => digit - b'0',
                b'a'..=b'f' => digit - b'a' + 10,
                _ => return Err(mismatch()),
            };
            *byte = (*byte << 4) | value;
        }
    }
    Ok(signature)
}

fn words(time: Duration) -> String {
    match time.as_secs() {
        seconds if seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}

fn not_supported(algorithm: &str) -> Fault {
    invalid(format!("The algorithm {algorithm} (SigV4a) is not supported; sign with {ALGORITHM}."))
}

fn mismatch() -> Fault {
    invalid(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
    )
}

#[cfg(test)]
#[path = "claim_tests.rs"]
mod tests;
