//! One bad file per mistake in `tests/config/bad`, and beside it the exact text printed for it.
//! `UPDATE=1 cargo test --test config` writes the texts anew; the diff is then to be read.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Relative, so that the texts hold no path of the machine they were written on.
const FOLDER: &str = "tests/config/bad";

fn bad_files() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(FOLDER)
        .expect("the folder of bad files")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    assert!(files.len() > 50, "only {} bad files were found", files.len());
    files
}

fn printed(file: &Path) -> String {
    let problems = match ringgate::model::load(Some(file)) {
        Err(problems) => problems,
        Ok(model) => model.warnings,
    };
    assert!(!problems.is_empty(), "nothing is wrong with {}", file.display());
    ringgate::cli::render_problems(&problems, false)
}

#[test]
fn every_mistake_is_reported_in_these_words() {
    let mut wrong = Vec::new();
    for file in bad_files() {
        let printed = printed(&file);
        let expected_file = file.with_extension("txt");
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&expected_file, &printed).expect("a writable folder");
            continue;
        }
        let expected = fs::read_to_string(&expected_file).unwrap_or_default();
        if printed != expected {
            wrong.push(format!("{}\nexpected:\n{expected}\nprinted:\n{printed}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The names of all kinds of problems, as the sources give them.
fn codes_in_sources() -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    for entry in fs::read_dir("src/model").expect("the model's folder") {
        let path = entry.expect("an entry").path();
        // Folders hold tables of keys, which refuse nothing.
        if path.is_dir() {
            continue;
        }
        let source = fs::read_to_string(&path).expect("a source file");
        let source = source.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        // `rustfmt` may put the text on a line of its own.
        let source = source.split_whitespace().collect::<Vec<_>>().join(" ");
        let leads: &[&str] = match path.file_name().and_then(|name| name.to_str()) {
            Some("problem.rs") => &["Self::"],
            _ => &["Refused::new(", "Refused::with(", "code: "],
        };
        for lead in leads {
            for (at, _) in source.match_indices(lead) {
                let rest = source[at + lead.len()..].trim_start();
                let text = match *lead {
                    "Self::" => rest
                        .split_once("=> \"")
                        .filter(|(before, _)| before.len() < 40)
                        .map(|(_, after)| after),
                    _ => rest.strip_prefix('"'),
                };
                let code = text.and_then(|text| text.split('"').next()).unwrap_or_default();
                if !code.is_empty()
                    && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
                {
                    codes.insert(code.to_owned());
                }
            }
        }
    }
    assert!(
        codes.contains("wrong-type") && codes.contains("syntax") && codes.len() > 40,
        "{codes:?}"
    );
    codes
}

#[test]
fn every_kind_of_problem_has_a_bad_file() {
    let mut shown = BTreeSet::new();
    for file in bad_files() {
        let text = printed(&file);
        for level in ["error[", "warning["] {
            shown.extend(text.match_indices(level).filter_map(|(at, lead)| {
                text[at + lead.len()..].split(']').next().map(str::to_owned)
            }));
        }
    }
    // No file can be bad by not being there; `commands.rs` has that one.
    shown.insert("unreadable".to_owned());
    // Nor by what stands in the environment; `commands.rs` has that one too.
    shown.insert("environment".to_owned());
    // What the gateway refuses of a declared form; `tests/contract/test_apply.py` has that.
    shown.insert("refused".to_owned());
    let missing: Vec<_> = codes_in_sources().difference(&shown).cloned().collect();
    assert!(missing.is_empty(), "no bad file shows {missing:?}");
}

#[test]
fn all_problems_come_at_once_and_in_file_order() {
    let problems = ringgate::model::load(Some(Path::new("tests/config/bad/many-at-once.toml")))
        .expect_err("a bad file");
    assert!(problems.len() >= 10, "{problems}");
    let places: Vec<usize> = problems.iter().map(|problem| problem.span.start).collect();
    assert!(places.is_sorted(), "{places:?}");
}

#[test]
fn a_log_line_names_file_line_and_column() {
    let problems = ringgate::model::load(Some(Path::new("tests/config/bad/unknown-key.toml")))
        .expect_err("a bad file");
    let line = problems.to_string();
    let line = line.lines().next().expect("a line");
    assert!(
        line.starts_with("tests/config/bad/unknown-key.toml:2:1: unknown key `listne`"),
        "{line}"
    );
}

#[test]
fn a_secret_is_never_printed() {
    for file in bad_files() {
        let text = printed(&file);
        assert!(!text.contains("hush-hush"), "{}\n{text}", file.display());
    }
}
