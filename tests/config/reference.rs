//! The reference manual and the reference file are written from the tables that the configuration is
//! read with. `UPDATE=1 cargo test --test config` writes them anew; these tests fail when they lag.

use std::fs;
use std::path::Path;

use ringgate::model::reference::{Absent, Key, Kind, Table};
use ringgate::model::{INLINE_TABLES, ROOT};

const REFERENCE: &str = "config/reference.toml";
const MANUAL: &str = "docs/configuration.md";

fn assert_current(file: &str, text: &str) {
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(Path::new(file).parent().expect("a folder")).expect("a writable folder");
        fs::write(file, text).expect("a writable file");
    }
    let current = fs::read_to_string(file).unwrap_or_default();
    assert!(
        current == text,
        "{file} lags behind src/model; write it anew with UPDATE=1 cargo test --test config"
    );
}

/// An inline table by the words its header begins with.
fn inline(header: &str) -> &'static Table {
    let found = INLINE_TABLES.iter().find(|table| table.header == header);
    found.unwrap_or_else(|| panic!("no inline table `{header}`"))
}

#[test]
fn the_reference_file_is_current() {
    assert_current(REFERENCE, &reference_file());
}

#[test]
fn the_manual_is_current() {
    assert_current(MANUAL, &manual());
}

/// Text in comment lines of at most 100 columns.
fn comment(text: &str) -> String {
    let mut lines = String::new();
    let mut line = String::from("#");
    for word in text.split(' ') {
        if line.chars().count() + 1 + word.chars().count() > 100 {
            lines.push_str(&line);
            lines.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    lines + &line + "\n"
}

fn reference_file() -> String {
    let mut out = comment(
        "Every key of ringgate's configuration with what it takes, its default and the reason for it. \
         Written from the tables in src/model (UPDATE=1 cargo test --test config), as docs/configuration.md. \
         The file is valid as it stands; what is commented out needs files or contradicts something above it.",
    );
    for key in ROOT.keys {
        let (Kind::Table(table) | Kind::Tables(table)) = key.kind else {
            panic!("the file has tables only");
        };
        out.push_str(&table_text(table));
    }
    out
}

fn table_text(table: &Table) -> String {
    let mut out = format!("\n{}{}\n", comment(table.about), table.header);
    for key in table.keys {
        out.push_str(&key_text(key));
    }
    for key in table.keys {
        match (table.header, key.name, &key.kind) {
            (_, _, Kind::Table(inner) | Kind::Tables(inner)) => out.push_str(&table_text(inner)),
            ("[[upstream]]", "tls", _) => out.push_str(&table_text(inline("[upstream.tls]"))),
            _ => {}
        }
    }
    match table.header {
        // Its files need not exist on the reader's machine.
        "[[certificate]]" | "[[function]]" | "[[authorizer]]" => commented_out(&out),
        "[[api.route]]" => out + &integrations(),
        _ => out,
    }
}

fn key_text(key: &Key) -> String {
    if key.example.is_empty() || key.name == "integration" {
        return String::new();
    }
    let takes = key.kind.expected();
    let default = match key.absent {
        Absent::Required => "Required.".to_owned(),
        Absent::Default(default) => format!("Default: {default}."),
        Absent::Means(words) => format!("Without it: {words}."),
    };
    let mut out =
        format!("\n{}{}", comment(key.about), comment(&format!("Takes {takes}. {default}")));
    match key.example.strip_prefix("# ") {
        Some(example) => out.push_str(&format!("# {} = {example}\n", key.name)),
        None => out.push_str(&format!("{} = {}\n", key.name, key.example)),
    }
    out
}

/// Both integrations: the first for the route above, the second with a route of its own.
fn integrations() -> String {
    let mut out = String::new();
    for (kind, lead) in [("http_proxy", ""), ("mock", "\n[[api.route]]\nroute = \"GET /hello\"\n")]
    {
        let table = inline(&format!("an `{kind}` integration").replace("an `mock`", "a `mock`"));
        out.push_str(lead);
        out.push_str(&format!(
            "\n{}[api.route.integration]\ntype = \"{kind}\"\n",
            comment(table.about)
        ));
        for key in table.keys.iter().filter(|key| key.name != "type") {
            out.push_str(&key_text(key));
        }
    }
    out + &commented_out(&lambda())
}

/// A route of its own for the integration that needs a function.
fn lambda() -> String {
    let table = inline("a `lambda` integration");
    let mut out = format!(
        "\n[[api.route]]\nroute = \"GET /greeting\"\n\n{}[api.route.integration]\ntype = \"lambda\"\n",
        comment(table.about)
    );
    for key in table.keys.iter().filter(|key| key.name != "type") {
        out.push_str(&key_text(key));
    }
    out
}

fn commented_out(text: &str) -> String {
    text.lines().fold(String::new(), |out, line| match line {
        "" => out + "\n",
        line if line.starts_with('#') => out + line + "\n",
        line => out + "# " + line + "\n",
    })
}

fn manual() -> String {
    let mut out = String::from(
        "# Configuration\n\n\
         <!-- Written from the tables in src/model: UPDATE=1 cargo test --test config. -->\n\n\
         One TOML file. `ringgate serve --config FILE` takes the given one; without `--config` it takes\n\
         `config/ringgate.toml`, and without that a built-in default. `ringgate check` reports everything that\n\
         is wrong with it at once, with file, line and column, and exits with 2. A running gateway reads it\n\
         again on SIGHUP and when it changes; a wrong one never replaces a good one.\n\n\
         Durations and sizes are written with their unit in quotes: `\"250us\"`, `\"50ms\"`, `\"30s\"`, `\"5m\"`,\n\
         `\"1h\"`; `\"512B\"`, `\"64KiB\"`, `\"10MiB\"`, `\"1GiB\"`. File names are relative to the configuration\n\
         file's folder. Unknown keys are refused.\n\n\
         A file with every key: [config/reference.toml](../config/reference.toml).\n",
    );
    for key in ROOT.keys {
        let (Kind::Table(table) | Kind::Tables(table)) = key.kind else {
            panic!("the file has tables only");
        };
        out.push_str(&manual_table(table));
    }
    out
}

fn manual_table(table: &Table) -> String {
    let title = match table.header.starts_with('[') {
        true => format!("`{}`", table.header),
        false => table.header.to_owned(),
    };
    let mut out = format!("\n## {title}\n\n{}\n", table.about);
    out.push_str("\n| key | takes | without it | meaning |\n|---|---|---|---|\n");
    for key in table.keys {
        let absent = match key.absent {
            Absent::Required => "required".to_owned(),
            Absent::Default(default) => format!("`{default}`"),
            Absent::Means(words) => words.to_owned(),
        };
        let example = match key.example.trim_start_matches("# ") {
            "" => String::new(),
            example => format!(" Example: `{} = {example}`", key.name),
        };
        let cells = [
            format!("`{}`", key.name),
            key.kind.expected(),
            absent,
            format!("{}{example}", key.about),
        ];
        let cells = cells.map(|cell| cell.replace('|', "\\|"));
        out.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    for key in table.keys {
        match (table.header, key.name, &key.kind) {
            (_, _, Kind::Table(inner) | Kind::Tables(inner)) => out.push_str(&manual_table(inner)),
            ("[[upstream]]", "targets", _) => out.push_str(&manual_table(inline("a target"))),
            ("[[upstream]]", "tls", _) => out.push_str(&manual_table(inline("[upstream.tls]"))),
            ("[[api.route]]", "integration", _) => {
                out.push_str(&manual_table(inline("an `http_proxy` integration")));
                out.push_str(&manual_table(inline("a `lambda` integration")));
                out.push_str(&manual_table(inline("a `mock` integration")));
            }
            _ => {}
        }
    }
    out
}

#[test]
fn the_reference_file_is_valid_and_without_warnings() {
    let model = ringgate::model::load(Some(Path::new(REFERENCE)))
        .unwrap_or_else(|problems| panic!("{problems}"));
    assert!(model.warnings.is_empty(), "{}", model.warnings);
}

/// With real certificate files beside it, what is commented out for want of them is valid too.
#[test]
fn the_reference_file_is_valid_with_its_certificates() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let certificates = folder.path().join("certificates");
    fs::create_dir(&certificates).expect("a writable folder");
    let made =
        rcgen::generate_simple_self_signed(["api.example.com".to_owned()]).expect("a certificate");
    fs::write(certificates.join("api.pem"), made.cert.pem()).expect("a writable folder");
    fs::write(certificates.join("api.key"), made.signing_key.serialize_pem())
        .expect("a writable folder");
    fs::write(certificates.join("internal-ca.pem"), made.cert.pem()).expect("a writable folder");

    let mut text = fs::read_to_string(REFERENCE).expect("the reference file");
    for line in ["[[certificate]]", "domains = ", "cert = ", "key = ", "ca = "] {
        assert!(text.contains(&format!("\n# {line}")), "{line}");
        text = text.replace(&format!("\n# {line}"), &format!("\n{line}"));
    }
    let file = folder.path().join("reference.toml");
    fs::write(&file, text).expect("a writable folder");
    let model = ringgate::model::load(Some(&file)).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(model.certificates.len(), 1);
    assert_eq!(model.certificates[0].chain.len(), 1);
    let ca = model.upstreams[0].tls.as_ref().and_then(|tls| tls.ca.as_ref());
    assert_eq!(ca.map(Vec::len), Some(1));
}

#[test]
fn the_shipped_default_is_what_is_built_in() {
    let shipped = fs::read_to_string(ringgate::model::DEFAULT_FILE).expect("the default file");
    assert_eq!(shipped, ringgate::model::BUILT_IN);
}
