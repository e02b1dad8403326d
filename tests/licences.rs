//! Holds that every dependency's licence is one that `deny.toml` allows by name.
//!
//! cargo-deny checks this and more, but takes minutes to install; this needs only cargo, and no network.

#![expect(clippy::unwrap_used, reason = "a failed test is what an unwrap here should be")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// What `deny.toml` allows: to everyone, and to single packages.
struct Allowed {
    everyone: BTreeSet<String>,
    exceptions: BTreeMap<String, BTreeSet<String>>,
}

impl Allowed {
    fn read() -> Self {
        let text = std::fs::read_to_string("deny.toml").unwrap();
        let table: toml::Table = text.parse().unwrap();
        let licences = &table["licenses"];
        let names = |value: &toml::Value| {
            value.as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned()).collect()
        };
        let exceptions = licences["exceptions"].as_array().unwrap().iter();
        Self {
            everyone: names(&licences["allow"]),
            exceptions: exceptions
                .map(|it| (it["name"].as_str().unwrap().to_owned(), names(&it["allow"])))
                .collect(),
        }
    }

    fn allows(&self, package: &str, licence: &str) -> bool {
        // `MPL-2.0+` is that version or a later one, so that version is a choice.
        let licence = licence.trim_end_matches('+');
        let exceptions = self.exceptions.get(package);
        self.everyone.contains(licence) || exceptions.is_some_and(|it| it.contains(licence))
    }
}

/// Whether an SPDX expression can be satisfied. `AND` binds closer than `OR`; the older `/` is an
/// `OR`; what follows `WITH` only permits more.
struct Expression<'a> {
    words: Vec<&'a str>,
    at: usize,
}

impl<'a> Expression<'a> {
    fn is_satisfied(text: &'a str, allowed: &dyn Fn(&str) -> bool) -> bool {
        let spaced = text.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
        let mut expression = Expression { words: spaced.split_whitespace().collect(), at: 0 };
        let satisfied = expression.alternatives(allowed);
        assert_eq!(expression.at, expression.words.len(), "not an SPDX expression: {text}");
        satisfied
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.words.get(self.at) == Some(&word);
        self.at += usize::from(found);
        found
    }

    fn alternatives(&mut self, allowed: &dyn Fn(&str) -> bool) -> bool {
        let mut satisfied = self.all(allowed);
        while self.take("OR") {
            satisfied |= self.all(allowed);
        }
        satisfied
    }

    fn all(&mut self, allowed: &dyn Fn(&str) -> bool) -> bool {
        let mut satisfied = self.one(allowed);
        while self.take("AND") {
            satisfied &= self.one(allowed);
        }
        satisfied
    }

    fn one(&mut self, allowed: &dyn Fn(&str) -> bool) -> bool {
        if self.take("(") {
            let satisfied = self.alternatives(allowed);
            assert!(self.take(")"), "a parenthesis is not closed: {:?}", self.words);
            return satisfied;
        }
        let licence = self.words.get(self.at).copied().unwrap_or_default();
        self.at += 1;
        if self.take("WITH") {
            self.at += 1;
        }
        allowed(licence)
    }
}

#[test]
fn every_licence_is_allowed_by_name() {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--offline", "--locked", "--format-version", "1"])
        .args(["--filter-platform", &target])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let used: BTreeSet<_> = metadata["resolve"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| node["id"].as_str().unwrap())
        .collect();
    let packages = metadata["packages"].as_array().unwrap().iter();
    let packages: Vec<_> =
        packages.filter(|it| used.contains(it["id"].as_str().unwrap())).collect();
    assert!(packages.len() > 100, "only {} packages were found", packages.len());

    let allowed = Allowed::read();
    let refused: Vec<_> = packages
        .iter()
        .filter(|package| {
            let name = package["name"].as_str().unwrap();
            let is_allowed = |licence: &str| allowed.allows(name, licence);
            let licence = package["license"].as_str();
            !licence.is_some_and(|it| Expression::is_satisfied(it, &is_allowed))
        })
        .map(|package| {
            format!("{} {}: {}", package["name"], package["version"], package["license"])
        })
        .collect();
    assert!(refused.is_empty(), "not allowed by deny.toml:\n{}", refused.join("\n"));

    let names: BTreeSet<_> = packages.iter().map(|it| it["name"].as_str().unwrap()).collect();
    let unneeded: Vec<_> =
        allowed.exceptions.keys().filter(|name| !names.contains(name.as_str())).collect();
    assert!(unneeded.is_empty(), "exceptions for packages that are gone: {unneeded:?}");
}

#[test]
fn expressions_are_understood() {
    let allowed = |licence: &str| ["MIT", "ISC"].contains(&licence);
    for (text, satisfied) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0/MIT", true),
        ("GPL-3.0 AND MIT", false),
        ("GPL-3.0 AND GPL-2.0 OR MIT", true),
        ("GPL-3.0 AND (GPL-2.0 OR MIT)", false),
        ("ISC AND (GPL-2.0 OR MIT)", true),
        ("MIT WITH LLVM-exception AND ISC", true),
    ] {
        assert_eq!(Expression::is_satisfied(text, &allowed), satisfied, "{text}");
    }
}
