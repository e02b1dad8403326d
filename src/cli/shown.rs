//! Differences and questions on a terminal.

use crate::management::declared::Group;
use std::io::{BufRead, IsTerminal, Write};

/// Differences as text: a heading for each noun, its members below.
pub(super) fn groups(groups: &[Group], is_coloured: bool) -> String {
    let mut out = String::new();
    for group in groups {
        out.push_str(&painted(&group.title, is_coloured));
        out.push('\n');
        for line in &group.lines {
            out.push_str("    ");
            out.push_str(&painted(line, is_coloured));
            out.push('\n');
        }
    }
    out
}

/// A line in the colour of its first character.
pub(super) fn painted(line: &str, is_coloured: bool) -> String {
    let colour = match line.as_bytes().first() {
        Some(b'+') => "32",
        Some(b'-') => "31",
        Some(b'~') => "33",
        Some(b'!') => "36",
        _ => return line.to_owned(),
    };
    match is_coloured {
        true => format!("\u{1b}[{colour}m{line}\u{1b}[0m"),
        false => line.to_owned(),
    }
}

/// Rows as aligned columns; the last column is as wide as it likes.
pub(super) fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: [usize; N] = std::array::from_fn(|column| width(column).unwrap_or(0));
    let mut text = String::new();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            let width = if column + 1 < N { widths[column] + 2 } else { 0 };
            text.push_str(&format!("{cell:<width$}"));
        }
        text.push('\n');
    }
    text
}

/// Whether standard output takes colours.
pub(super) fn is_coloured() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// Prints to standard output; whoever closed it wants no more.
pub(super) fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// How a question was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Consent {
    /// Go on.
    Given,
    /// Leave everything as it is.
    Refused,
    /// There is nobody to ask.
    NobodyThere,
}

/// Asks on the terminal.
pub(super) fn ask(question: &str) -> Consent {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Consent::NobodyThere;
    }
    print(&format!("{question} [y/N] "));
    let mut line = String::new();
    match stdin.lock().read_line(&mut line) {
        Ok(_) if ["y", "yes"].contains(&line.trim().to_lowercase().as_str()) => Consent::Given,
        _ => Consent::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_painted_by_their_sign_and_only_where_there_are_colours() {
        let mut group = Group::default();
        group.title = "~ rest_api \"a\"".into();
        group.lines = vec!["+ b = 1".into(), "c".into()];
        let group = [group];
        assert_eq!(groups(&group, false), "~ rest_api \"a\"\n    + b = 1\n    c\n");
        let painted = groups(&group, true);
        assert!(
            painted.contains("\u{1b}[33m~") && painted.contains("    \u{1b}[32m+ b = 1\u{1b}[0m")
        );
    }
}
