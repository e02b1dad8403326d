//! `[[aws.credentials]]`: key pairs that sign requests to AWS services.

use std::fmt;

use super::reader::{Reader, Refused, text};
use super::reference::{Absent, Key, Kind, Table};

const ROLE: &str = "a role's ARN such as \"arn:aws:iam::000000000000:role/api\", or \"*\"";

pub(super) static TABLE: Table = Table {
    header: "[[aws.credentials]]",
    about: "A key pair that signs requests to AWS services and to what stands in for them. An integration names a role; a pair with that `role` signs for it as it is. One without `role` is the gateway's own: with it roles are assumed (STS AssumeRole) that no pair is given for.",
    keys: &[
        Key {
            name: "role",
            kind: Kind::Text(ROLE),
            absent: Absent::Means("the gateway's own pair"),
            example: "\"arn:aws:iam::000000000000:role/api\"",
            about: "For which role it signs: the `credentials` of a REST integration, the `CredentialsArn` of an HTTP API's. `\"*\"` is every role that has no pair of its own; none is assumed then.",
        },
        Key {
            name: "access_key_id",
            kind: Kind::Text("a text without blanks"),
            absent: Absent::Required,
            example: "\"AKIDEXAMPLE00000000A\"",
            about: "The public half.",
        },
        Key {
            name: "secret_access_key",
            kind: Kind::Text("a text"),
            absent: Absent::Required,
            example: "\"replace-me-with-40-random-characters-----\"",
            about: "The secret half. Never printed, not even in error messages.",
        },
        Key {
            name: "session_token",
            kind: Kind::Text("a text without blanks"),
            absent: Absent::Means("the pair is a lasting one"),
            example: "\"FwoGZXIvYXdzEXAMPLE\"",
            about: "The token of temporary credentials. Nothing renews those of the file.",
        },
    ],
};

/// A key pair that signs requests to AWS services.
#[derive(Clone, PartialEq, Eq)]
pub struct AwsCredentials {
    /// The role that it signs for; `*` is every other one, `None` the gateway itself.
    pub role: Option<String>,
    /// The public half.
    pub access_key_id: String,
    /// The secret half.
    pub secret_access_key: String,
    /// The token of temporary credentials.
    pub session_token: Option<String>,
}

impl fmt::Debug for AwsCredentials {
    /// Leaves secret and token out, so that no log line can hold them.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("AwsCredentials")
            .field("role", &self.role)
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

pub(super) fn read(reader: &Reader<'_>) -> Option<AwsCredentials> {
    let word = |name| {
        reader.read(name, |value, key| match text(value, key)? {
            // Goes into a header field as it stands.
            it if it.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(it.to_owned()),
            _ => Err(Refused::new("bad-credential", key.kind.expected())),
        })
    };
    let role = reader.read("role", |value, key| match text(value, key)? {
        it if it == "*" || it.starts_with("arn:") => Ok(it.to_owned()),
        _ => Err(Refused::new("bad-role", key.kind.expected())),
    });
    let access_key_id = word("access_key_id");
    let secret_access_key = reader.text("secret_access_key");
    let session_token = word("session_token");
    Some(AwsCredentials {
        role,
        access_key_id: access_key_id?,
        secret_access_key: secret_access_key?,
        session_token,
    })
}
