//! `ringgate routes`: what was compiled, as a table.

use std::path::Path;
use std::process::ExitCode;

use crate::snapshot::{Api, Integration, Route, Snapshot, compile};

/// Prints the table of all routes.
pub(super) fn routes(config: Option<&Path>) -> ExitCode {
    match super::load(config) {
        Ok(model) => {
            print!("{}", table(&compile(&model, 1, 0)));
            ExitCode::SUCCESS
        }
        Err(code) => code,
    }
}

/// The table, one route per line in the order of the declaration, columns aligned.
pub fn table(snapshot: &Snapshot) -> String {
    let mut rows = vec![["API", "METHOD", "PATH", "INTEGRATION", "PHASES"].map(str::to_owned)];
    for api in &snapshot.apis {
        rows.extend(api.routes.iter().map(|route| row(snapshot, api, route)));
    }
    let widths = [0, 1, 2, 3].map(|column| {
        let lengths = rows.iter().map(|row| row[column].chars().count());
        lengths.max().unwrap_or(0)
    });
    let mut table = String::new();
    for row in &rows {
        for (cell, width) in row.iter().zip(widths) {
            table.push_str(&format!("{cell:<width$}  "));
        }
        table.push_str(&row[4]);
        table.push('\n');
    }
    table
}

fn row(snapshot: &Snapshot, api: &Api, route: &Route) -> [String; 5] {
    let domain = api.domain.as_ref().map(ToString::to_string).unwrap_or_default();
    let (method, path) = route.key.split_once(' ').unwrap_or(("ANY", "$default"));
    let place = match path {
        "$default" => format!("{domain}{}/… ($default)", api.base_path),
        path => format!("{domain}{}{path}", api.base_path),
    };
    let phases: Vec<_> = route.program.phases.iter().map(|phase| phase.name()).collect();
    [api.name.to_string(), method.to_owned(), place, integration(snapshot, route), phases.join(" ")]
}

fn integration(snapshot: &Snapshot, route: &Route) -> String {
    match &route.integration {
        Integration::Mock(mock) => format!("mock {}", mock.status),
        // Only of managed APIs, which are not in the file.
        Integration::Mapped(_) => "mapped".to_owned(),
        Integration::Lambda(lambda) => {
            let name = lambda.function.rsplit(':').next().unwrap_or_default();
            format!("lambda {name}")
        }
        Integration::Misconfigured => "misconfigured".to_owned(),
        Integration::HttpProxy(proxy) => {
            let upstream = &snapshot.upstream(proxy.upstream).name;
            let method = proxy.method.as_ref().map(|method| format!("{method} "));
            let path = proxy.path.text(&route.parameters);
            format!("http_proxy {upstream} {}{path}", method.unwrap_or_default())
        }
    }
}
