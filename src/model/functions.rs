//! `[functions]`: what holds for all functions.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::event_place::{self, EventPlace};
use super::function::{CLIENTS, Client};
use super::isolation::{self, Isolation};
use super::problem::ProblemKind;
use super::reader::{Reader, Refused};
use super::reference::{Absent, Key, Kind, Table};

const DESTINATIONS: &str = "a table from ARNs to \"file:PATH\", \"http://…\" or \"https://…\"";

pub(super) static TABLE: Table = Table {
    header: "[functions]",
    about: "What holds for all functions, those of the Lambda API included.",
    keys: &[
        Key {
            name: "client",
            kind: Kind::Choice(&["ringgate", "official"]),
            absent: Absent::Default("\"ringgate\""),
            example: "\"ringgate\"",
            about: "What stands between Lambda's Runtime API and the handlers of functions that do not say it themselves.",
        },
        Key {
            name: "watch",
            kind: Kind::Flag,
            absent: Absent::Default("false"),
            example: "true",
            about: "For development: when a file in a function's `code` folder changes, its workers are replaced without a failed request, and those of the old code stay while the new one does not start. Only where every listener is on loopback.",
        },
        isolation::FILTER_OF_ALL,
        isolation::NAMESPACES_OF_ALL,
        Key {
            name: "retry_pause",
            kind: Kind::Duration(Duration::from_millis(1), Duration::from_secs(3600)),
            absent: Absent::Default("\"1m\""),
            example: "\"1m\"",
            about: "Until an event that nobody waits for is tried again after its function has failed; twice as long before the third try. Amazon's is a minute, and cannot be set. Changes only with a restart.",
        },
        Key {
            name: "destinations",
            kind: Kind::Other(DESTINATIONS),
            absent: Absent::Means("none"),
            example: "{ \"arn:aws:sqs:us-east-1:000000000000:dead\" = \"file:/var/lib/ringgate/dead.jsonl\" }",
            about: "What stands for the queues, topics and buses that functions of the Lambda API name as `DeadLetterConfig` and `DestinationConfig`: a file, to which a line of JSON is appended for each event (mode 0600 when it is made), or a URL, to which the JSON is posted. The Lambda API refuses destinations that are not here. Changes only with a restart.",
        },
    ],
};

/// What holds for all functions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Functions {
    /// What stands between the Runtime API and handlers.
    pub client: Client,
    /// Whether changed code replaces workers.
    pub watch: bool,
    /// How far workers are kept apart.
    pub isolation: Isolation,
    /// Until an event is tried again after its function has failed.
    pub retry_pause: Duration,
    /// What stands for the destinations of events, by ARN.
    pub destinations: BTreeMap<String, EventPlace>,
}

/// Reads `[functions]`.
pub(super) fn read(reader: &Reader<'_>, listeners: &[Spanned<SocketAddr>]) -> Functions {
    let client = reader.choice("client", &CLIENTS).unwrap_or_default();
    let watch = reader.flag("watch");
    let open = listeners.iter().find(|address| !address.get_ref().ip().is_loopback());
    if let (true, Some(address)) = (watch, open) {
        let address = address.get_ref().to_string();
        reader.findings.add(reader.span_of("watch"), ProblemKind::WatchedInTheOpen { address });
    }
    let isolation = isolation::read(reader, Isolation::unsaid(open.is_some()));
    let retry_pause = reader.duration("retry_pause");
    let destinations = read_destinations(reader);
    Functions { client, watch, isolation, retry_pause, destinations }
}

fn read_destinations(reader: &Reader<'_>) -> BTreeMap<String, EventPlace> {
    let mut places = BTreeMap::new();
    let Some(value) = reader.raw("destinations") else { return places };
    let Some(table) = value.get_ref().as_table() else {
        reader.refuse("destinations", value, Refused::new("wrong-type", DESTINATIONS));
        return places;
    };
    for (name, value) in table {
        let name = name.get_ref().as_ref();
        let place = match value.get_ref() {
            DeValue::String(text) => event_place::parse(text, reader.findings),
            _ => Err(Refused::new("wrong-type", event_place::FORM)),
        };
        match place {
            Ok(place) => {
                places.insert(name.to_owned(), place);
            }
            Err(refused) => reader.refuse(name, value, refused),
        }
    }
    places
}
