//! `[stage_logs]`: where the logs of managed APIs' stages are written.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::reader::{Reader, Refused};
use super::reference::{Absent, Key, Kind, Table};

const DESTINATIONS: &str =
    "a table from log group names to \"file:PATH\", \"stdout\", \"stderr\" or \"off\"";

pub(super) static TABLE: Table = Table {
    header: "[stage_logs]",
    about: "Where the access logs and execution logs of stages that were made through the management API are written: one file per log group. Lines are dropped and counted rather than waited for.",
    keys: &[
        Key {
            name: "folder",
            kind: Kind::Text("a folder, or \"\" for none"),
            absent: Absent::Default("\"logs\""),
            example: "\"logs\"",
            about: "Log group `NAME` is written to `NAME.log` in it: what a stage's `accessLogSettings` name, and `API-Gateway-Execution-Logs_{api-id}/{stage}`. A relative name is relative to the working directory, where systemd's unit has its state. Folder and files are made when there is a line to write; files are opened again on SIGHUP. With `\"\"` only the destinations below are written.",
        },
        Key {
            name: "destinations",
            kind: Kind::Other(DESTINATIONS),
            absent: Absent::Means("every log group has a file in `folder`"),
            example: "{ \"API-Gateway-Execution-Logs_*\" = \"stderr\" }",
            about: "Where single log groups or delivery streams go instead. A name may end in `*` for all that begin so; the longest that fits counts.",
        },
    ],
};

/// Where logs of stages are written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StageLogs {
    /// Where a log group without a destination of its own has its file; `None`: it has none.
    pub folder: Option<PathBuf>,
    /// By a log group's name, which may end in `*`.
    pub destinations: BTreeMap<String, StageLogDestination>,
}

/// Where a log group's lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StageLogDestination {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// A file, appended to and opened again on SIGHUP.
    File(PathBuf),
    /// Nowhere.
    Off,
}

pub(super) fn read(reader: &Reader<'_>) -> StageLogs {
    let folder = reader.read("folder", |value, key| match value.as_str() {
        Some(folder) => Ok(folder.to_owned()),
        None => Err(Refused::new("wrong-type", key.kind.expected())),
    });
    let folder = folder.filter(|folder| !folder.is_empty()).map(PathBuf::from);
    StageLogs { folder, destinations: destinations(reader) }
}

fn destinations(reader: &Reader<'_>) -> BTreeMap<String, StageLogDestination> {
    let mut destinations = BTreeMap::new();
    let Some(value) = reader.raw("destinations") else { return destinations };
    let Some(table) = value.get_ref().as_table() else {
        reader.refuse("destinations", value, Refused::new("wrong-type", DESTINATIONS));
        return destinations;
    };
    let expected = "\"file:PATH\", \"stdout\", \"stderr\" or \"off\"";
    for (name, value) in table.iter() {
        let text = value.get_ref().as_str().unwrap_or_default();
        let destination = match text.strip_prefix("file:").filter(|path| !path.is_empty()) {
            Some(path) => StageLogDestination::File(reader.findings.resolve(path)),
            None => match text {
                "stdout" => StageLogDestination::Stdout,
                "stderr" => StageLogDestination::Stderr,
                "off" => StageLogDestination::Off,
                _ => {
                    let refused = Refused::new("bad-destination", expected);
                    reader.refuse(name.get_ref(), value, refused);
                    continue;
                }
            },
        };
        destinations.insert(name.get_ref().to_string(), destination);
    }
    destinations
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::parse;
    use std::path::Path;

    fn of(text: &str) -> Result<StageLogs, String> {
        let parsed = parse(Path::new("/etc/ringgate/x.toml"), text.to_owned());
        parsed.map(|model| model.stage_logs).map_err(|problems| format!("{problems:?}"))
    }

    #[test]
    fn a_file_without_the_table_has_a_folder() {
        let folder = Some(PathBuf::from("logs"));
        assert_eq!(of("").unwrap(), StageLogs { folder, ..StageLogs::default() });
        assert_eq!(of("[stage_logs]\nfolder = \"\"").unwrap(), StageLogs::default());
    }

    #[test]
    fn groups_have_destinations_of_their_own() {
        let text =
            "[stage_logs]\ndestinations = { a = \"file:a.log\", \"b*\" = \"stderr\", c = \"off\" }";
        let read = of(text).unwrap().destinations;
        let file = StageLogDestination::File("/etc/ringgate/a.log".into());
        let expected =
            [("a", file), ("b*", StageLogDestination::Stderr), ("c", StageLogDestination::Off)];
        assert_eq!(read, expected.map(|(name, it)| (name.to_owned(), it)).into());
    }

    #[test]
    fn what_is_no_destination_is_refused() {
        for value in ["{ a = \"nowhere\" }", "{ a = \"file:\" }", "{ a = 1 }", "1"] {
            assert!(of(&format!("[stage_logs]\ndestinations = {value}")).is_err(), "{value}");
        }
    }
}
