//! A case as a table for a terminal.

use super::{CaseReport, Row};

/// Title, one line per proxy, columns as wide as they must be.
pub(super) fn table(case: &CaseReport) -> String {
    let mut lines = vec![headings(case)];
    lines.extend(case.rows.iter().map(cells));
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(String::len).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = format!("{}, {} connections\n", case.title, case.connections);
    for (line, row) in lines.iter().zip(std::iter::once(None).chain(case.rows.iter().map(Some))) {
        let padded = line.iter().zip(&widths).enumerate().map(|(index, (cell, width))| {
            if index == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        let padded = padded.collect::<Vec<_>>().join("  ");
        if !padded.trim().is_empty() {
            text += &format!("  {}\n", padded.trim_end());
        }
        if let Some(failure) = row.and_then(|row| row.failure.as_ref()) {
            text += &format!("    INVALID: {failure}\n");
        }
    }
    text + "\n"
}

fn headings(case: &CaseReport) -> Vec<String> {
    let longest = case.rows.iter().max_by_key(|row| row.figures.len());
    let figures = longest.map_or(&[][..], |row| &row.figures);
    let mut headings = vec![String::new()];
    for (index, figure) in figures.iter().enumerate() {
        headings.push(figure.heading.to_owned());
        if index == 0 {
            headings.push("noise".to_owned());
            headings.push(case.ratio_heading());
        }
    }
    headings
}

fn cells(row: &Row) -> Vec<String> {
    let mut cells = vec![row.proxy.name().to_owned()];
    for (index, figure) in row.figures.iter().enumerate() {
        if index > 0 {
            cells.push(figure.unit.write(figure.spread.median));
            continue;
        }
        cells.push(figure.unit.write_spread(&figure.spread));
        cells.push(format!("{:.0} %", figure.spread.noise() * 100.0));
        cells.push(
            row.ratio
                .as_ref()
                .map_or_else(String::new, |ratio| super::Unit::Ratio.write_spread(ratio)),
        );
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_shows_figures_noise_ratio_and_failures() {
        let expected = "\
memory per idle keep-alive connection, 10 connections
              KiB/connection  noise      ringgate/this  MiB before  MiB with
  nginx     2.00 (2.00-4.00)  100 %   0.50 (0.25-0.50)         1.0       2.0
  ringgate  1.00 (1.00-1.00)    0 %                            1.0       2.0
  haproxy   0.00 (0.00-0.00)    0 %                            1.0       2.0
    INVALID: 3 errors

";
        let found = table(&super::super::tests::example());
        assert_eq!(squeeze(&found), squeeze(expected), "{found}");
    }

    /// Widths are free to change; the words and their order are not.
    fn squeeze(text: &str) -> String {
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}
