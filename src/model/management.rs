//! `[management]`: the listener for management APIs, metrics and health.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::DeValue;

use super::domain::is_host_name;
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
            about: "Who may sign management requests. One more may come from the environment: RINGGATE_ACCESS_KEY_ID, RINGGATE_SECRET_ACCESS_KEY and RINGGATE_ROLE (`admin` when absent).",
        },
        Key {
            name: "hosts",
            kind: Kind::Other("an array of names such as \"gateway.test\" or \"*.gateway.test\""),
            absent: Absent::Default("[]"),
            example: "[\"gateway.test\"]",
            about: "Without credentials: names by which clients on this host may address the listener, besides loopback addresses, `localhost` and everything under it, and everything under `aws.domain_suffix`. Other names are refused, because a web page's own name can be made to resolve to 127.0.0.1.",
        },
        Key {
            name: "rate",
            kind: Kind::Count(1, 1_000_000),
            absent: Absent::Default("2000"),
            example: "500",
            about: "Management calls per second that one caller (an address, and a credential) may make on average; beyond it 429 with Retry-After. More than one ordinary client makes (an SDK in a loop some hundreds), and low enough that one that runs wild does not keep the others out.",
        },
        Key {
            name: "burst",
            kind: Kind::Count(1, 1_000_000),
            absent: Absent::Default("4000"),
            example: "1000",
            about: "Management calls that one caller may make at once after a pause.",
        },
        Key {
            name: "body_bytes_max",
            kind: Kind::Size(1024, 1 << 30),
            absent: Absent::Default("\"10MiB\""),
            example: "\"10MiB\"",
            about: "Largest content of a management request; beyond it 413. It is held in memory as a whole, because signature and JSON need it whole. Amazon's largest, an imported API, is 6 MB. Calls that bring a function's code may always be as large as Lambda's, 70 MB.",
        },
        Key {
            name: "audit_log",
            kind: Kind::Other(AUDIT_LOG),
            absent: Absent::Default("\"stderr\""),
            example: "\"file:/var/log/ringgate/audit.log\"",
            about: "Where every management write is recorded, one JSON object per line: who, what, from where and how it ended; never a secret. A file is created readable by the group only, appended to, and opened again on SIGHUP. A change needs a restart.",
        },
        Key {
            name: "template_findings",
            kind: Kind::Choice(&["warn", "error", "off"]),
            absent: Absent::Default("\"warn\""),
            example: "\"error\"",
            about: "What becomes of mistakes in mapping templates that are found when a REST API is deployed, by running them over samples of what is declared (`docs/templates.md`): `warn` logs them, `error` refuses the deployment with 400, `off` does not look. `ringgate check PATH` finds them before. A change needs a restart.",
        },
    ],
};

/// The environment's credential: its public half, its secret half, its role.
const VARIABLES: [&str; 3] =
    ["RINGGATE_ACCESS_KEY_ID", "RINGGATE_SECRET_ACCESS_KEY", "RINGGATE_ROLE"];

const ACCESS_KEY_ID: &str = "16 to 128 letters, digits and underscores";
const SECRET_ACCESS_KEY: &str = "a text of at least 16 characters";
const AUDIT_LOG: &str = "\"stderr\", \"file:PATH\" or \"off\"";

pub(super) static CREDENTIAL: Table = Table {
    header: "[[management.credential]]",
    about: "A key pair that may sign management requests (SigV4).",
    keys: &[
        Key {
            name: "access_key_id",
            kind: Kind::Text(ACCESS_KEY_ID),
            absent: Absent::Required,
            example: "\"AKIDEXAMPLE00000000A\"",
            about: "The public half. Amazon's form is 16 to 128 word characters.",
        },
        Key {
            name: "secret_access_key",
            kind: Kind::Text(SECRET_ACCESS_KEY),
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
    /// Who may sign management requests, the environment's credential first.
    pub credentials: Vec<Credential>,
    /// Names of this host for clients without credentials, lower case; `*.` stands for every name
    /// under the rest.
    pub hosts: Vec<String>,
    /// Calls per second that one caller may make on average.
    pub rate: u32,
    /// Calls that one caller may make at once.
    pub burst: u32,
    /// Largest content of a request.
    pub body_bytes_max: usize,
    /// Where writes are recorded.
    pub audit_log: AuditLog,
    /// What becomes of mistakes in mapping templates that are found when they are deployed.
    pub template_findings: TemplateFindings,
}

/// What becomes of mistakes in mapping templates that are found when they are deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplateFindings {
    /// They are logged.
    Warn,
    /// The deployment is refused.
    Error,
    /// Nobody looks.
    Off,
}

/// Where management writes are recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditLog {
    /// Nowhere.
    Off,
    /// Standard error.
    Stderr,
    /// A file, appended to and opened again on SIGHUP.
    File(PathBuf),
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
    let span = reader.span_of("listen");
    let from_environment = from_environment(|name| std::env::var(name).ok());
    let is_in_environment = from_environment.as_ref().is_ok_and(Option::is_some);
    let mut credentials = Vec::new();
    match from_environment {
        Ok(credential) => credentials.extend(credential),
        Err(kind) => reader.findings.add(span.clone(), kind),
    }
    for credential in tables.iter().filter_map(read_credential) {
        // The environment is whoever started this process: it replaces what the file says of a key.
        if !credentials.iter().any(|it: &Credential| it.access_key_id == credential.access_key_id) {
            credentials.push(credential);
        }
    }
    // Counts tables, not good credentials: a bad one is a problem of its own.
    if !listen.ip().is_loopback() && tables.is_empty() && !is_in_environment {
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
    let management = Management {
        listen,
        credentials,
        hosts: reader.list("hosts", host).into_iter().map(Spanned::into_inner).collect(),
        rate: reader.count("rate"),
        burst: reader.count("burst"),
        body_bytes_max: reader.size("body_bytes_max"),
        audit_log: reader
            .read("audit_log", |value, key| audit_log(value, key, reader))
            .unwrap_or(AuditLog::Stderr),
        template_findings: reader
            .choice(
                "template_findings",
                &[
                    ("warn", TemplateFindings::Warn),
                    ("error", TemplateFindings::Error),
                    ("off", TemplateFindings::Off),
                ],
            )
            .unwrap_or(TemplateFindings::Warn),
    };
    (management, Spanned::new(span, listen))
}

fn read_credential(reader: &Reader<'_>) -> Option<Credential> {
    let access_key_id = reader.read("access_key_id", |value, key| {
        let id = text(value, key)?;
        match is_access_key_id(id) {
            true => Ok(id.to_owned()),
            false => Err(Refused::new("bad-credential", key.kind.expected())),
        }
    });
    let secret_access_key = reader.read("secret_access_key", |value, key| {
        let secret = text(value, key)?;
        match is_secret(secret) {
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

/// The credential of the environment: for a secret that should not stand in a file. Both halves or
/// none; an empty variable is an absent one, as service managers and compose files set them.
fn from_environment(
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<Credential>, ProblemKind> {
    let [id, secret, role] = VARIABLES;
    let value = |name| variable(name).filter(|value| !value.is_empty());
    let problem =
        |variable, expected: &'static str| ProblemKind::Environment { variable, expected };
    let (access_key_id, secret_access_key) = match (value(id), value(secret)) {
        (None, None) => return Ok(None),
        (Some(access_key_id), Some(secret_access_key)) => (access_key_id, secret_access_key),
        (None, Some(_)) => return Err(problem(id, ACCESS_KEY_ID)),
        (Some(_), None) => return Err(problem(secret, SECRET_ACCESS_KEY)),
    };
    if !is_access_key_id(&access_key_id) {
        return Err(problem(id, ACCESS_KEY_ID));
    }
    if !is_secret(&secret_access_key) {
        return Err(problem(secret, SECRET_ACCESS_KEY));
    }
    let role = match value(role).as_deref() {
        None | Some("admin") => Role::Admin,
        Some("reader") => Role::Reader,
        Some(_) => return Err(problem(role, "`admin` or `reader`")),
    };
    Ok(Some(Credential { access_key_id, secret_access_key, role }))
}

fn is_access_key_id(text: &str) -> bool {
    let is_word = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_word && (16..=128).contains(&text.len())
}

fn is_secret(text: &str) -> bool {
    text.len() >= 16
}

/// A host's name, or `*.` and one.
fn host(value: &DeValue<'_>, key: &Key) -> Result<String, Refused> {
    let name = text(value, key)?.to_ascii_lowercase();
    match is_host_name(name.strip_prefix("*.").unwrap_or(&name)) {
        true => Ok(name),
        false => Err(Refused::new("bad-domain", key.kind.expected())),
    }
}

fn audit_log(value: &DeValue<'_>, key: &Key, reader: &Reader<'_>) -> Result<AuditLog, Refused> {
    match text(value, key)? {
        "off" => Ok(AuditLog::Off),
        "stderr" => Ok(AuditLog::Stderr),
        other => match other.strip_prefix("file:") {
            Some(path) if !path.is_empty() => Ok(AuditLog::File(reader.findings.resolve(path))),
            _ => Err(Refused::new("bad-destination", AUDIT_LOG)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(values: [&str; 3]) -> Result<Option<Credential>, ProblemKind> {
        from_environment(|name| {
            let place = VARIABLES.iter().position(|it| *it == name)?;
            values.get(place).map(|value| (*value).to_owned())
        })
    }

    #[test]
    fn the_environment_gives_a_whole_credential_or_none() {
        let (id, secret) = ("AKIDEXAMPLE00000", "0123456789abcdef");
        assert_eq!(environment(["", "", ""]), Ok(None));
        let role = |values| environment(values).map(|it| it.map(|it| it.role));
        assert_eq!(role([id, secret, ""]), Ok(Some(Role::Admin)));
        assert_eq!(role([id, secret, "reader"]), Ok(Some(Role::Reader)));
        for (values, blamed) in [
            ([id, "", ""], VARIABLES[1]),
            (["", secret, ""], VARIABLES[0]),
            ([&id[1..], secret, ""], VARIABLES[0]),
            (["AKID-XAMPLE00000", secret, ""], VARIABLES[0]),
            ([id, &secret[1..], ""], VARIABLES[1]),
            ([id, secret, "root"], VARIABLES[2]),
        ] {
            let Err(ProblemKind::Environment { variable, .. }) = environment(values) else {
                panic!("{values:?} is accepted")
            };
            assert_eq!(variable, blamed);
        }
    }
}
