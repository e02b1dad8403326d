//! `[aws]`: the account, region and names that AWS protocols need, where services are, and who signs.

use std::collections::BTreeMap;

use toml::de::DeValue;

use super::credentials::{self, AwsCredentials};
use super::domain::is_host_name;
use super::problem::ProblemKind;
use super::reader::{Reader, Refused, choice, text, wrong_type};
use super::reference::{Absent, Key, Kind, Table};

pub(super) static TABLE: Table = Table {
    header: "[aws]",
    about: "Account, region and names for the parts that speak AWS protocols, where AWS services are, and with which key pairs requests to them are signed.",
    keys: &[
        Key {
            name: "account_id",
            kind: Kind::Text("twelve digits in quotes"),
            absent: Absent::Default("\"000000000000\""),
            example: "\"000000000000\"",
            about: "The account that ARNs name. The default is the one of local clouds. Changes only with a restart.",
        },
        Key {
            name: "region",
            kind: Kind::Text("a region such as \"us-east-1\""),
            absent: Absent::Default("\"us-east-1\""),
            example: "\"us-east-1\"",
            about: "The default region; a signature's credential scope names another, and APIs are kept per region.",
        },
        Key {
            name: "domain_suffix",
            kind: Kind::Other("a domain, or an array of them"),
            absent: Absent::Default("\"localhost\""),
            example: "\"localhost\"",
            about: "APIs made through the management API answer at `{api-id}.execute-api.{region}.{domain_suffix}`. Names under `localhost` resolve to this host by themselves (RFC 6761).",
        },
        Key {
            name: "endpoints",
            kind: Kind::Other("a table from service names, or \"*\", to URLs"),
            absent: Absent::Means("AWS itself"),
            example: "{ \"*\" = \"http://127.0.0.1:5000\" }",
            about: "Where AWS services live, by service name as integrations write it (`dynamodb`, `states`, `sts`, `lambda`); `\"*\"` is every other service. AWS itself when a service is not named. A path in the URL is put in front of each request's.",
        },
        Key {
            name: "functions_need_permission",
            kind: Kind::Flag,
            absent: Absent::Default("true"),
            example: "true",
            about: "Whether APIs made through the management API may invoke a function made through the Lambda API only with its permission (`AddPermission`), as on AWS. Without one the answer is 500. The file's own routes and functions need none.",
        },
        Key {
            name: "credential_sources",
            kind: Kind::Choices(&["environment", "profile", "container", "instance"]),
            absent: Absent::Default("[\"environment\", \"profile\"]"),
            example: "[\"environment\", \"profile\", \"instance\"]",
            about: "Where the gateway's own key pair is looked for when the file has none, in this order: AWS_ACCESS_KEY_ID and its companions, the shared credentials file, a container's credentials endpoint, the instance's metadata. Asked only when something needs a signature.",
        },
        Key {
            name: "profile",
            kind: Kind::Text("a profile's name"),
            absent: Absent::Means("AWS_PROFILE, else \"default\""),
            example: "\"default\"",
            about: "Which profile of the shared credentials file (AWS_SHARED_CREDENTIALS_FILE, else `~/.aws/credentials`).",
        },
        Key {
            name: "assume_roles",
            kind: Kind::Flag,
            absent: Absent::Default("true"),
            example: "true",
            about: "Whether a role that has no pair of its own is assumed (STS AssumeRole) with the gateway's own pair, and assumed anew before it expires. Without, the gateway's own pair signs: for local stand-ins that know no roles.",
        },
        Key {
            name: "credentials",
            kind: Kind::Tables(&credentials::TABLE),
            absent: Absent::Means("the gateway's own pair comes from `credential_sources`"),
            example: "",
            about: "Key pairs that sign requests to AWS services.",
        },
    ],
};

/// Account, region and names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aws {
    /// Twelve digits.
    pub account_id: String,
    /// Default region.
    pub region: String,
    /// Suffixes under which APIs get their own names:
    /// `{api-id}.execute-api.{region}.{domain_suffix}`.
    pub domain_suffixes: Vec<String>,
    /// Service name, or `*` for every other one, to the base URL where it lives.
    pub endpoints: BTreeMap<String, String>,
    /// Whether an API of the management API needs a function's permission (`AddPermission`).
    pub functions_need_permission: bool,
    /// Where the gateway's own key pair is looked for, in order.
    pub credential_sources: Vec<CredentialSource>,
    /// The profile of the shared credentials file; `None` is what the environment says.
    pub profile: Option<String>,
    /// Whether roles without a pair of their own are assumed.
    pub assume_roles: bool,
    /// Key pairs, in file order.
    pub credentials: Vec<AwsCredentials>,
}

/// Where a key pair may come from besides the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialSource {
    /// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN.
    Environment,
    /// The shared credentials file.
    Profile,
    /// AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI.
    Container,
    /// The instance's metadata service.
    Instance,
}

const SOURCES: &[(&str, CredentialSource)] = &[
    ("environment", CredentialSource::Environment),
    ("profile", CredentialSource::Profile),
    ("container", CredentialSource::Container),
    ("instance", CredentialSource::Instance),
];

pub(super) fn read(reader: &Reader<'_>) -> Aws {
    let account_id = reader.read("account_id", |value, key| {
        let id = text(value, key)?;
        match id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit()) {
            true => Ok(id.to_owned()),
            false => Err(Refused::new("bad-account", key.kind.expected())),
        }
    });
    let region = reader.read("region", |value, key| {
        let region = text(value, key)?;
        let is_region =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        match region.bytes().all(is_region) {
            true => Ok(region.to_owned()),
            false => Err(Refused::new("bad-region", key.kind.expected())),
        }
    });
    Aws {
        account_id: account_id.unwrap_or_default(),
        region: region.unwrap_or_default(),
        domain_suffixes: reader.read("domain_suffix", suffixes).unwrap_or_default(),
        endpoints: read_endpoints(reader),
        functions_need_permission: reader.flag("functions_need_permission"),
        credential_sources: reader.read("credential_sources", sources).unwrap_or_default(),
        profile: reader.text("profile"),
        assume_roles: reader.flag("assume_roles"),
        credentials: read_credentials(reader),
    }
}

fn sources(value: &DeValue<'_>, key: &Key) -> Result<Vec<CredentialSource>, Refused> {
    let array = value.as_array().ok_or_else(|| wrong_type(key))?;
    array.iter().map(|element| choice(element.get_ref(), key, SOURCES)).collect()
}

fn read_credentials(reader: &Reader<'_>) -> Vec<AwsCredentials> {
    let tables = reader.tables("credentials");
    let mut seen: Vec<(Option<String>, std::ops::Range<usize>)> = Vec::new();
    let mut all = Vec::new();
    for table in &tables {
        let Some(pair) = credentials::read(table) else { continue };
        if let Some((_, first)) = seen.iter().find(|(role, _)| *role == pair.role) {
            let first_line = table.findings.line(first);
            let name = pair.role.clone().unwrap_or_else(|| "the gateway's own".to_owned());
            let kind = ProblemKind::DuplicateName { noun: "key pair for", name, first_line };
            table.findings.add_second(table.span_of("role"), first.clone(), kind);
        }
        seen.push((pair.role.clone(), table.span_of("role")));
        all.push(pair);
    }
    all
}

fn suffixes(value: &DeValue<'_>, key: &Key) -> Result<Vec<String>, Refused> {
    let suffix = |value: &DeValue<'_>| match text(value, key)? {
        name if is_host_name(name) => Ok(name.to_ascii_lowercase()),
        _ => Err(Refused::new("bad-domain", key.kind.expected())),
    };
    match value.as_array() {
        Some(array) if array.is_empty() => Err(Refused::new("empty-list", key.kind.expected())),
        Some(array) => array.iter().map(|element| suffix(element.get_ref())).collect(),
        None => suffix(value).map(|suffix| vec![suffix]),
    }
}

fn read_endpoints(reader: &Reader<'_>) -> BTreeMap<String, String> {
    let Some(value) = reader.raw("endpoints") else {
        return BTreeMap::new();
    };
    let Some(table) = value.get_ref().as_table() else {
        let expected = "a table from service names, or \"*\", to URLs";
        reader.refuse("endpoints", value, Refused::new("wrong-type", expected));
        return BTreeMap::new();
    };
    let mut endpoints = BTreeMap::new();
    for (service, url) in table.iter() {
        match url.get_ref().as_str() {
            Some(text) if text.starts_with("http://") || text.starts_with("https://") => {
                endpoints.insert(service.get_ref().to_string(), text.to_owned());
            }
            _ => {
                let expected = "an http or https URL such as \"http://127.0.0.1:5000\"";
                reader.refuse(service.get_ref(), url, Refused::new("bad-url", expected));
            }
        }
    }
    endpoints
}
