//! `[management]`: the listener for management APIs, metrics and health.

use std::fmt;
use std::net::SocketAddr;

use toml::Spanned;

use super::problem::ProblemKind;
use super::reader::{Reader, Refused, text};
use super::reference::{Absent, Key, Kind, Table};
use super::server::address;

pub(super) static TABLE: Table = Table {
    header: "[management]",
    about: "The listener for management APIs, `/metrics`, `/healthz` and `/readyz`. It runs on the control thread and never delays a request.",
    keys: &[
        Key {
            name: "listen",
            kind: Kind::Other("an IP address and a port such as \"127.0.0.1:8081\""),
            absent: Absent::Default("\"127.0.0.1:8081\""),
            example: "\"127.0.0.1:8081\"",
            about: "Its address. Without credentials it must be loopback, because whoever reaches it may change every API.",
        },
        Key {
            name: "credential",
            kind: Kind::Tables(&CREDENTIAL),
            absent: Absent::Means(
                "no credentials: any are let through, and the address must be loopback",
            ),
            example: "",
            about: "Who may sign management requests.",
        },
    ],
};

pub(super) static CREDENTIAL: Table = Table {
    header: "[[management.credential]]",
    about: "A key pair that may sign management requests (SigV4).",
    keys: &[
        Key {
            name: "access_key_id",
            kind: Kind::Text("16 to 128 letters, digits and underscores"),
            absent: Absent::Required,
            example: "\"AKIDEXAMPLE00000000A\"",
            about: "The public half. Amazon's form is 16 to 128 word characters.",
        },
        Key {
            name: "secret_access_key",
            kind: Kind::Text("a text of at least 16 characters"),
            absent: Absent::Required,
            example: "\"replace-me-with-40-random-characters-----\"",
            about: "The secret half. Never printed, not even in error messages.",
        },
        Key {
            name: "role",
            kind: Kind::Choice(&["admin", "reader"]),
            absent: Absent::Default("\"admin\""),
            example: "\"admin\"",
            about: "`admin` may do everything, `reader` may only read.",
        },
    ],
};

/// The management listener. Without credentials it is loopback only: checked when read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Management {
    /// Address; port 0 asks the kernel for a free port.
    pub listen: SocketAddr,
    /// Who may sign management requests.
    pub credentials: Vec<Credential>,
}

/// One key pair that may sign management requests.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// The public half, as in a signature's credential scope.
    pub access_key_id: String,
    /// The secret half.
    pub secret_access_key: String,
    /// What it may do.
    pub role: Role,
}

impl fmt::Debug for Credential {
    /// Leaves the secret out, so that no log line can hold it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Credential")
            .field("access_key_id", &self.access_key_id)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

/// What a credential may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    Admin,
    /// Read only.
    Reader,
}

/// Reads `[management]`; the address comes with its place.
pub(super) fn read(reader: &Reader<'_>) -> (Management, Spanned<SocketAddr>) {
    let listen = reader.read("listen", address);
    let listen = listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8081)));
    let tables = reader.tables("credential");
    let credentials: Vec<_> = tables.iter().filter_map(read_credential).collect();
    let span = reader.span_of("listen");
    // Counts tables, not good credentials: a bad one is a problem of its own.
    if !listen.ip().is_loopback() && tables.is_empty() {
        let address = listen.to_string();
        reader.findings.add(span.clone(), ProblemKind::OpenManagement { address });
    }
    let mut seen: Vec<(String, std::ops::Range<usize>)> = Vec::new();
    for table in &tables {
        let Some(id) = table.raw("access_key_id") else {
            continue;
        };
        let name = id.get_ref().as_str().unwrap_or_default().to_owned();
        if let Some((_, first)) = seen.iter().find(|(seen, _)| *seen == name) {
            let first_line = reader.findings.line(first);
            let kind = ProblemKind::DuplicateName { noun: "access key", name, first_line };
            reader.findings.add_second(id.span(), first.clone(), kind);
        } else {
            seen.push((name, id.span()));
        }
    }
    let management = Management { listen, credentials };
    (management, Spanned::new(span, listen))
}

fn read_credential(reader: &Reader<'_>) -> Option<Credential> {
    let access_key_id = reader.read("access_key_id", |value, key| {
        let id = text(value, key)?;
        let is_word = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        match is_word && (16..=128).contains(&id.len()) {
            true => Ok(id.to_owned()),
            false => Err(Refused::new("bad-credential", key.kind.expected())),
        }
    });
    let secret_access_key = reader.read("secret_access_key", |value, key| {
        let secret = text(value, key)?;
        match secret.len() >= 16 {
            true => Ok(secret.to_owned()),
            false => Err(Refused::new("bad-credential", key.kind.expected())),
        }
    });
    let role = reader.choice("role", &[("admin", Role::Admin), ("reader", Role::Reader)]);
    Some(Credential {
        access_key_id: access_key_id?,
        secret_access_key: secret_access_key?,
        role: role?,
    })
}
