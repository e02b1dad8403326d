//! `[aws]`: the account, region and names that AWS protocols need. Stored here, used by later parts.

use std::collections::BTreeMap;

use toml::de::DeValue;

use super::domain::is_host_name;
use super::reader::{Reader, Refused, text};
use super::reference::{Absent, Key, Kind, Table};

pub(super) static TABLE: Table = Table {
    header: "[aws]",
    about: "Account, region and names for the parts that speak AWS protocols. Checked and kept; nothing of this version uses them yet.",
    keys: &[
        Key {
            name: "account_id",
            kind: Kind::Text("twelve digits in quotes"),
            absent: Absent::Default("\"000000000000\""),
            example: "\"000000000000\"",
            about: "The account that ARNs name. The default is the one of local clouds.",
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
            about: "Where AWS services live, by service name; `\"*\"` is every other service. AWS itself when a service is not named.",
        },
        Key {
            name: "functions_need_permission",
            kind: Kind::Flag,
            absent: Absent::Default("true"),
            example: "true",
            about: "Whether APIs made through the management API may invoke a function made through the Lambda API only with its permission (`AddPermission`), as on AWS. Without one the answer is 500. The file's own routes and functions need none.",
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
}

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
    }
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
