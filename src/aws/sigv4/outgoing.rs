//! Signing on a request's path: what is the same for a whole day is worked out once ([`ScopedKey`]),
//! and a request is hashed piece by piece instead of being put together as text first.
//!
//! The canonical form is `canonical`'s, and so are path and query; only fields and content are fed to
//! the hash as they stand. [`super::Signer`] does the same for calls where a few allocations do not
//! matter, and the tests hold the two against each other.

use super::canonical::{self, PathForm, QueryForm};
use super::claim::{CONTENT_SHA256, SigningKey, UNSIGNED_PAYLOAD};
use super::scope::ALGORITHM;
use super::{AmzDate, Scope};
use aws_lc_rs::digest::{Context, SHA256, digest};
use std::fmt;

/// A key pair narrowed down to a day, a region and a service.
pub struct ScopedKey {
    access_key_id: Box<str>,
    session_token: Option<Box<str>>,
    /// `YYYYMMDD/region/service/aws4_request`.
    scope: Box<str>,
    key: SigningKey,
    is_s3: bool,
}

impl fmt::Debug for ScopedKey {
    /// Leaves key and token out.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ScopedKey")
            .field("access_key_id", &self.access_key_id)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

/// A request that is about to be sent.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'o> {
    /// The method, in upper case.
    pub method: &'o str,
    /// The path as it is sent.
    pub path: &'o str,
    /// The query as it is sent, without the `?`.
    pub query: &'o str,
    /// The whole content.
    pub body: &'o [u8],
    /// Whether the content is signed. `Unsigned` is understood by S3 only.
    pub payload: SignedPayload,
}

/// Whether a signature covers the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignedPayload {
    /// It does.
    Signed,
    /// It does not (`UNSIGNED-PAYLOAD`): TLS is what protects it.
    Unsigned,
}

/// Names of the fields that [`ScopedKey::sign`] adds. A request must not have them already.
pub const ADDED_FIELDS: [&str; 4] =
    ["authorization", CONTENT_SHA256, "x-amz-date", "x-amz-security-token"];

impl ScopedKey {
    /// Narrows a key pair down. Costs five hashes, so it is kept.
    pub fn derive(
        access_key_id: &str,
        secret_access_key: &str,
        session_token: Option<&str>,
        (day, region, service): (AmzDate, &str, &str),
    ) -> Self {
        let scope = Scope {
            access_key_id: access_key_id.to_owned(),
            date: day.day(),
            region: region.to_owned(),
            service: service.to_owned(),
        };
        Self {
            access_key_id: access_key_id.into(),
            session_token: session_token.map(Into::into),
            key: SigningKey::derive(secret_access_key, &scope),
            scope: scope.without_key().into(),
            is_s3: service == "s3",
        }
    }

    /// Appends the field lines that sign a request sent at a moment of this key's day: `x-amz-date`,
    /// `x-amz-security-token` where there is a token, `x-amz-content-sha256` for S3, `authorization`.
    ///
    /// `fields` are the other fields to sign, `host` among them, with names in lower case; they are
    /// sorted here.
    pub fn sign<'f>(
        &'f self,
        request: &Outgoing<'_>,
        fields: &mut Vec<(&'f [u8], &'f [u8])>,
        at: AmzDate,
        out: &mut Vec<u8>,
    ) {
        let date = at.to_string();
        let payload: Box<[u8]> = match request.payload {
            SignedPayload::Signed => Box::new(hex_of(digest(&SHA256, request.body).as_ref())),
            SignedPayload::Unsigned => UNSIGNED_PAYLOAD.as_bytes().into(),
        };
        // Their values do not live as long as the others'.
        let mut own: [Option<(&str, &[u8])>; 3] = [None; 3];
        own[0] = self.is_s3.then_some((CONTENT_SHA256, &*payload));
        own[1] = Some(("x-amz-date", date.as_bytes()));
        own[2] = self.session_token.as_deref().map(|it| ("x-amz-security-token", it.as_bytes()));
        fields.sort_by(|a, b| a.0.cmp(b.0));

        let form = if self.is_s3 { PathForm::AsSent } else { PathForm::Normal };
        let mut hash = Context::new(&SHA256);
        hash.update(request.method.as_bytes());
        hash.update(b"\n");
        hash.update(canonical::path(request.path, form).as_bytes());
        hash.update(b"\n");
        hash.update(canonical::query(request.query, QueryForm::EncodedAnew).as_bytes());
        let mut names = Vec::with_capacity(128);
        // Both are in order, so all of them are where the smaller one is always taken.
        let mut others = fields.iter().map(|(name, value)| (*name, *value)).peekable();
        let mut own_left = own.iter().flatten().map(|(name, value)| (name.as_bytes(), *value));
        let mut next_own = own_left.next();
        let mut last: &[u8] = b"";
        loop {
            let is_own = match (next_own, others.peek()) {
                (Some((own, _)), Some((other, _))) => own < *other,
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (None, None) => break,
            };
            let taken = if is_own {
                std::mem::replace(&mut next_own, own_left.next())
            } else {
                others.next()
            };
            let Some((name, value)) = taken else { break };
            if name == last {
                hash.update(b",");
            } else {
                if !names.is_empty() {
                    names.push(b';');
                }
                names.extend_from_slice(name);
                hash.update(b"\n");
                hash.update(name);
                hash.update(b":");
                last = name;
            }
            update_value(&mut hash, value);
        }
        hash.update(b"\n\n");
        hash.update(&names);
        hash.update(b"\n");
        hash.update(&payload);
        let signature = self.key.signature_of_hash(&date, &self.scope, hash.finish().as_ref());

        // In the spelling that Amazon's own requests and logs have.
        let mut line = |name: &str, value: &[&[u8]]| {
            let name = match name {
                "x-amz-date" => "X-Amz-Date",
                "x-amz-security-token" => "X-Amz-Security-Token",
                name => name,
            };
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            value.iter().for_each(|piece| out.extend_from_slice(piece));
            out.extend_from_slice(b"\r\n");
        };
        for (name, value) in own.iter().flatten() {
            line(name, &[value]);
        }
        line(
            "Authorization",
            &[
                ALGORITHM.as_bytes(),
                b" Credential=",
                self.access_key_id.as_bytes(),
                b"/",
                self.scope.as_bytes(),
                b", SignedHeaders=",
                &names,
                b", Signature=",
                &hex_of(&signature),
            ],
        );
    }
}

/// 32 bytes in lower-case hexadecimal. What is longer is cut.
fn hex_of(bytes: &[u8]) -> [u8; 64] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = [b'0'; 64];
    for (two, byte) in out.chunks_exact_mut(2).zip(bytes) {
        two[0] = DIGITS[usize::from(byte >> 4)];
        two[1] = DIGITS[usize::from(byte & 15)];
    }
    out
}

/// A field's value without outer blanks and with one blank for each run of them.
fn update_value(hash: &mut Context, value: &[u8]) {
    let words = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    for (index, word) in words.enumerate() {
        if index > 0 {
            hash.update(b" ");
        }
        hash.update(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::sigv4::{Request, Signer};
    use proptest::prelude::*;
    use std::time::{Duration, SystemTime};

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    /// The lines that both ways add, sorted.
    fn both(
        request: &Request<'_>,
        service: &str,
        token: Option<&str>,
        at: SystemTime,
    ) -> (Vec<String>, Vec<String>) {
        let signer = Signer {
            access_key_id: "AKID",
            secret_access_key: SECRET,
            session_token: token,
            region: "eu-west-1",
            service,
        };
        let theirs = signer.sign(request, at);
        let mut theirs: Vec<_> =
            theirs.into_iter().map(|(name, value)| format!("{name}: {value}")).collect();
        let date = AmzDate::of(at);
        let key = ScopedKey::derive("AKID", SECRET, token, (date, "eu-west-1", service));
        let outgoing = Outgoing {
            method: request.method,
            path: request.path,
            query: request.query,
            body: request.body,
            payload: SignedPayload::Signed,
        };
        let mut fields = request.fields.iter().map(|(n, v)| (n.as_bytes(), *v)).collect();
        let mut out = Vec::new();
        key.sign(&outgoing, &mut fields, date, &mut out);
        let text = String::from_utf8(out).unwrap();
        let mut ours: Vec<_> = text
            .lines()
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| format!("{}:{value}", name.to_ascii_lowercase()))
            .collect();
        ours.sort();
        theirs.sort();
        (ours, theirs)
    }

    proptest! {
        #[test]
        fn a_scoped_key_signs_as_the_signer_does(
            method in "GET|POST|PUT",
            path in "/[a-z/.%2F +!:]{0,20}",
            query in "[a-c=&%0-9+ ~]{0,24}",
            values in proptest::collection::vec(("(host|content-type|x-amz-[a-z]{1,4}|x-amz-target|zz)", "[ -~]{0,16}"), 1..6),
            body in proptest::collection::vec(any::<u8>(), 0..64),
            service in "dynamodb|s3|sqs",
            token in proptest::option::of("[A-Za-z0-9+/=]{1,20}"),
            seconds in 0_u64..4_000_000_000,
        ) {
            let fields: Vec<(&str, &[u8])> =
                values.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
            let request = Request { method: &method, path: &path, query: &query, fields: &fields, body: &body };
            let at = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            let (ours, theirs) = both(&request, &service, token.as_deref(), at);
            prop_assert_eq!(ours, theirs);
        }
    }

    #[test]
    fn an_unsigned_payload_is_said_to_be_one() {
        let date = AmzDate::parse("20240310T211326Z").unwrap();
        let key = ScopedKey::derive("AKID", SECRET, None, (date, "us-east-1", "s3"));
        let mut outgoing = Outgoing {
            method: "PUT",
            path: "/bucket/key",
            query: "",
            body: b"one",
            payload: SignedPayload::Unsigned,
        };
        let signed = |outgoing: &Outgoing<'_>| {
            let mut out = Vec::new();
            key.sign(outgoing, &mut vec![(b"host", b"s3.test")], date, &mut out);
            String::from_utf8(out).unwrap()
        };
        let one = signed(&outgoing);
        assert!(one.contains("x-amz-content-sha256: UNSIGNED-PAYLOAD\r\n"), "{one}");
        outgoing.body = b"two";
        assert_eq!(one, signed(&outgoing), "the content is nothing of it");
        outgoing.payload = SignedPayload::Signed;
        assert_ne!(one, signed(&outgoing));
    }

    #[test]
    fn no_key_is_ever_printed() {
        let date = AmzDate::parse("20240310T211326Z").unwrap();
        let key = ScopedKey::derive("AKID", SECRET, Some("TOKEN"), (date, "r", "s"));
        let text = format!("{key:?}");
        assert!(text.contains("20240310/r/s/aws4_request"), "{text}");
        assert!(!text.contains("TOKEN") && !text.contains(SECRET), "{text}");
    }
}
