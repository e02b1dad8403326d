//! docs/explain.md: each block fenced as `console explain` is one command and all that it prints.

use super::explain;
use std::fs;
use std::path::PathBuf;

const FENCE: &str = "```console explain\n";

#[test]
fn the_page_shows_what_is_printed() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/explain.md");
    let page = fs::read_to_string(&file).unwrap();
    let mut new = String::new();
    let mut rest = page.as_str();
    let mut shown = 0;
    while let Some((before, block)) = rest.split_once(FENCE) {
        let (block, after) = block.split_once("```\n").unwrap();
        let line = block.lines().next().unwrap();
        let arguments = line.strip_prefix("$ ringgate explain ").unwrap();
        let output = explain(arguments);
        let printed = [output.stdout, output.stderr].concat();
        let printed = String::from_utf8(printed).unwrap();
        assert!(!printed.contains('\u{1b}'), "colours are for terminals");
        new.push_str(&format!("{before}{FENCE}{line}\n{}\n```\n", printed.trim_end()));
        rest = after;
        shown += 1;
    }
    new.push_str(rest);
    assert!(shown >= 5);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&file, &new).unwrap();
    }
    assert_eq!(page, new, "UPDATE=1 writes the page anew");
}
