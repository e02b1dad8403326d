//! The report as Markdown, put between two marker lines of an existing page, so that the words around
//! the tables stay what people wrote.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::{CaseReport, Report, Row, Unit};

/// The tables begin after this line.
const BEGIN: &str = "<!-- peers:begin -->";

/// And end before this one.
const END: &str = "<!-- peers:end -->";

/// Writes the tables into `page`, which is made when it is missing.
pub(crate) fn write(report: &Report, page: &Path) -> Result<()> {
    let shown = page.display();
    let before = if page.exists() {
        fs::read_to_string(page).with_context(|| format!("cannot read `{shown}`"))?
    } else {
        format!("{BEGIN}\n{END}\n")
    };
    let after = insert(&before, &tables(report)).with_context(|| format!("`{shown}`"))?;
    fs::write(page, after).with_context(|| format!("cannot write `{shown}`"))
}

fn insert(page: &str, tables: &str) -> Result<String> {
    let expected =
        || format!("expected the lines `{BEGIN}` and `{END}`, each once and in this order");
    let (head, rest) = page.split_once(BEGIN).with_context(expected)?;
    let (_, tail) = rest.split_once(END).with_context(expected)?;
    ensure!(!tail.contains(BEGIN) && !tail.contains(END) && !head.contains(END), expected());
    Ok(format!("{head}{BEGIN}\n{tables}{END}{tail}"))
}

fn tables(report: &Report) -> String {
    let machine = report.machine.to_string().replace('\n', "  \n");
    let plan = &report.plan;
    let mut text = format!(
        "{machine}\n\n{} interleaved rounds of {} s after {} s of warm-up; medians, extremes in \
         brackets. A ratio below 1 is in favour of the proxy it is headed with.\n",
        plan.rounds, plan.seconds, plan.warmup
    );
    for case in &report.cases {
        text += &format!("\n**{}, {} connections**\n\n", case.title, case.connections);
        text += &table(case);
    }
    text
}

fn table(case: &CaseReport) -> String {
    let longest = case.rows.iter().max_by_key(|row| row.figures.len());
    let figures = longest.map_or(&[][..], |row| &row.figures);
    let headings: Vec<&str> = figures.iter().map(|figure| figure.heading).collect();
    let ratio = case.ratio_heading();
    let mut columns = vec!["proxy"];
    columns.extend(headings.first());
    columns.push(&ratio);
    columns.extend(headings.iter().skip(1));
    let mut text =
        format!("| {} |\n|---|{}\n", columns.join(" | "), "---:|".repeat(columns.len() - 1));
    for row in &case.rows {
        text += &format!("| {} |\n", cells(row).join(" | "));
    }
    text
}

fn cells(row: &Row) -> Vec<String> {
    let mut cells = vec![row.proxy.name().to_owned()];
    if let Some(failure) = &row.failure {
        // A pipe would end the cell.
        cells.push(format!("invalid: {}", failure.replace('|', "/")));
        return cells;
    }
    for (index, figure) in row.figures.iter().enumerate() {
        if index > 0 {
            cells.push(figure.unit.write(figure.spread.median));
            continue;
        }
        cells.push(figure.unit.write_spread(&figure.spread));
        cells.push(
            row.ratio.as_ref().map_or_else(String::new, |ratio| Unit::Ratio.write_spread(ratio)),
        );
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_between_the_markers_is_replaced() {
        let page = format!("# Title\n{BEGIN}\nold\n{END}\nend\n");
        let found = insert(&page, "new\n").expect("both markers are there");
        assert_eq!(found, format!("# Title\n{BEGIN}\nnew\n{END}\nend\n"));
        assert_eq!(insert(&found, "new\n").expect("still there"), found);
    }

    #[test]
    fn a_page_without_both_markers_in_order_is_left_alone() {
        for page in [
            "no markers".to_owned(),
            format!("{BEGIN}\n"),
            format!("{END}\n{BEGIN}\n"),
            format!("{BEGIN}{END}{BEGIN}{END}"),
        ] {
            assert!(insert(&page, "new").is_err(), "{page}");
        }
    }

    #[test]
    fn a_table_has_a_line_per_proxy_and_says_what_is_invalid() {
        let expected = "\
| proxy | KiB/connection | ringgate/this | MiB before | MiB with |
|---|---:|---:|---:|---:|
| nginx | 2.00 (2.00-4.00) | 0.50 (0.25-0.50) | 1.0 | 2.0 |
| ringgate | 1.00 (1.00-1.00) |  | 1.0 | 2.0 |
| haproxy | invalid: 3 errors |
";
        assert_eq!(table(&super::super::tests::example()), expected);
    }
}
