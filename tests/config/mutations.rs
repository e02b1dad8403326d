//! Whatever is in the file: problems, never a panic, and problems can always be printed.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::{Index, select};

/// What is put in place of a part of a good file: pieces of TOML, edges of numbers, bytes that count
/// as several columns or none.
fn any_piece() -> impl Strategy<Value = String> {
    let pieces = vec![
        "",
        "\"",
        "'",
        "\"\"\"",
        "[",
        "]",
        "[[",
        "]]",
        "{",
        "}",
        "=",
        ",",
        ".",
        "#",
        "\n",
        "\r\n",
        "\t",
        "\0",
        "é",
        "\u{202e}",
        "\u{1f980}",
        "-1",
        "99999999999999999999",
        "0x7f",
        "1e400",
        "nan",
        "true",
        "1979-05-27",
        "\"\"",
        "\"999999999999999999h\"",
        "\"1EiB\"",
        "[]",
        "{}",
        "[[]]",
        "\"$context.\"",
        "\"GET /{\"",
        "\"http://\"",
        "\"[::1\"",
        "\"://@\"",
        "x = 1\n",
    ];
    select(pieces).prop_map(str::to_owned)
}

proptest! {
    #[test]
    fn a_file_cut_and_patched_anywhere_is_read_without_a_panic(
        patches in proptest::collection::vec((any::<Index>(), 0..40_usize, any_piece()), 1..4)
    ) {
        let mut text = fs::read_to_string("config/reference.toml").expect("the reference file");
        for (at, length, piece) in patches {
            let start = at.index(text.len());
            let start = (0..=start).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
            let end = (start + length).min(text.len());
            let end = (end..=text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len());
            text.replace_range(start..end, &piece);
        }
        match ringgate::model::parse(Path::new("patched.toml"), text) {
            Ok(model) => {
                ringgate::snapshot::compile(&model, 1, 0);
            }
            Err(problems) => {
                prop_assert!(problems.error_count() > 0);
                let printed = ringgate::cli::render_problems(&problems, true);
                prop_assert!(printed.contains("patched.toml"));
                prop_assert!(!problems.to_string().is_empty());
            }
        }
    }
}
