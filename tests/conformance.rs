//! What docs/conformance promises is tested: each row of its tables names tests, and they exist. A test
//! that is renamed or deleted takes its row along, instead of leaving a promise that nothing holds.
//!
//! docs/conformance/README.md states the form of a row. Whether a test shows what its row says is for
//! whoever reads both; that it is there is found out here.

#![expect(clippy::unwrap_used, reason = "a failed helper is a failed test")]

use std::fs;
use std::path::{Path, PathBuf};

/// What a last column is called.
const COLUMN: &str = "shown by";

/// What stands before an explanation that needs no test.
const UNTESTED: &[&str] = &["not here:", "not yet:"];

#[test]
fn every_row_names_tests_that_exist() {
    let mut problems = Vec::new();
    let mut rows = 0;
    for (name, text) in pages() {
        for (line, cell) in last_cells(&name, &text, &mut problems) {
            rows += 1;
            problems.extend(problem_of(&cell).map(|it| format!("{name}:{line}: {it}")));
        }
    }
    assert!(rows > 0, "docs/conformance has tables");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn the_overview_names_every_page() {
    let overview = fs::read_to_string(folder().join("README.md")).unwrap();
    for (name, _) in pages() {
        assert!(overview.contains(&format!("]({name})")), "README.md does not link {name}");
    }
}

#[test]
fn rows_that_promise_too_much_are_found() {
    let here = "conformance::rows_that_promise_too_much_are_found";
    let unit = "lib::snapshot::route_table::tests::no_such_test_was_ever_written";
    for good in [
        &format!("`{here}`"),
        &format!("`{here}` (its first case), `conformance::every_row_names_tests_that_exist`"),
        &format!("different: because; `{here}`"),
        "not yet: API keys",
        "not here: no CloudFront",
    ] {
        assert_eq!(problem_of(good), None, "{good}");
    }
    for (bad, found) in [
        ("", "no test"),
        ("yes", "no test"),
        ("`POST`", "`POST` is no test's name"),
        ("not yet:", "no reason"),
        ("different: because", "no test"),
        (&format!("`{unit}`"), "is not in the tree"),
        ("`conformance::problem_of`", "is not in the tree"),
        ("`contract/test_serving.py::test_nothing_at_all`", "is not in the tree"),
        (&format!("`{here}`, `managed::nowhere::at_all`"), "is not in the tree"),
    ] {
        let problem = problem_of(bad).unwrap_or_default();
        assert!(problem.contains(found), "{bad}: {problem}");
    }
    let mut problems = Vec::new();
    last_cells("a", "| what | test |\n|---|---|\n| a | b |\n", &mut problems);
    assert_eq!(problems, ["a:1: the last column is `test`, not `shown by`"]);
    let cells = last_cells("a", "| w | shown by |\n|---|---|\n| `a\\|b` | `c` |\n", &mut problems);
    assert_eq!(cells, [(3, "`c`".to_owned())]);
}

// ---- pages ----

fn folder() -> PathBuf {
    root().join("docs/conformance")
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Names and texts, but for the overview.
fn pages() -> Vec<(String, String)> {
    let mut found: Vec<_> = fs::read_dir(folder())
        .unwrap()
        .map(|it| it.unwrap().path())
        .filter(|it| it.extension().is_some_and(|it| it == "md"))
        .map(|it| (it.file_name().unwrap().to_str().unwrap().to_owned(), it))
        .filter(|(name, _)| name != "README.md")
        .map(|(name, path)| (name, fs::read_to_string(path).unwrap()))
        .collect();
    found.sort();
    found
}

/// The last cell of each row with its line, of all tables. Tables in fenced blocks are examples.
fn last_cells(page: &str, text: &str, problems: &mut Vec<String>) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut in_table = false;
    let mut fenced = false;
    for (line, content) in (1..).zip(text.lines()) {
        fenced ^= content.starts_with("```");
        if fenced || !content.starts_with('|') {
            in_table = false;
            continue;
        }
        let cell = last_cell(content);
        if !in_table {
            in_table = true;
            if cell != COLUMN {
                problems
                    .push(format!("{page}:{line}: the last column is `{cell}`, not `{COLUMN}`"));
            }
        } else if !cell.chars().all(|it| "-:".contains(it)) || cell.is_empty() {
            found.push((line, cell));
        }
    }
    found
}

/// A bar that belongs to a cell is written `\|`.
fn last_cell(row: &str) -> String {
    let row = row.trim_end().strip_suffix('|').unwrap_or(row).replace("\\|", "\u{0}");
    row.rsplit('|').next().unwrap_or_default().replace('\u{0}', "|").trim().to_owned()
}

/// What is wrong with a row's last cell.
fn problem_of(cell: &str) -> Option<String> {
    if let Some(reason) = UNTESTED.iter().find_map(|it| cell.strip_prefix(it)) {
        return reason.trim().is_empty().then(|| "no reason".to_owned());
    }
    let names: Vec<_> = cell.split('`').skip(1).step_by(2).collect();
    if names.is_empty() {
        return Some("no test, and no reason why there is none".to_owned());
    }
    names.into_iter().find_map(|name| match places(name) {
        None => Some(format!("`{name}` is no test's name")),
        Some((files, test)) => (!files.iter().any(|it| tests_of(it).contains(&test)))
            .then(|| format!("`{name}` is not in the tree")),
    })
}

// ---- tests ----

/// The files that a test of this name may be in, and its name there.
fn places(name: &str) -> Option<(Vec<PathBuf>, String)> {
    let (modules, test) = name.rsplit_once("::")?;
    if modules.ends_with(".py") {
        return Some((vec![root().join("tests").join(modules)], test.to_owned()));
    }
    let (folder, modules) = match modules.strip_prefix("lib::") {
        Some(modules) => ("src", modules),
        None => ("tests", modules),
    };
    let path = root().join(folder).join(modules.replace("::", "/"));
    let mut files = vec![path.with_extension("rs"), path.join("mod.rs"), path.join("main.rs")];
    // A module `tests` is mostly in the file that it tests, or beside it under a name of its own.
    if let Some(tested) = modules.strip_suffix("::tests") {
        let path = root().join(folder).join(tested.replace("::", "/"));
        let beside = format!("{}_tests.rs", path.file_name()?.to_str()?);
        files.extend([path.with_extension("rs"), path.join("mod.rs"), path.with_file_name(beside)]);
    }
    Some((files, test.to_owned()))
}

/// The names of the tests in a file; none where there is no such file.
fn tests_of(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let python = file.extension().is_some_and(|it| it == "py");
    let mut found = Vec::new();
    let mut marked = python;
    for line in text.lines().map(str::trim_end) {
        let code = line.trim_start();
        marked |= code == "#[test]" || code.starts_with("#[tokio::test");
        let start = if python { line.strip_prefix("def ") } else { after_fn(code) };
        if let Some(name) = start.filter(|_| marked) {
            marked = python;
            found.push(name.split(['(', '<']).next().unwrap_or_default().to_owned());
        }
    }
    found
}

fn after_fn(code: &str) -> Option<&str> {
    ["fn ", "async fn ", "pub fn "].iter().find_map(|it| code.strip_prefix(it))
}
