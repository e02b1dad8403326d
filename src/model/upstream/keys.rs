//! The keys of `[[upstream]]` and the tables below it.

use std::time::Duration;

use crate::model::reference::{Absent, Key, Kind, Table};

const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);
const SHARE: Kind = Kind::Number(0.0, 1.0);

pub(in crate::model) static TABLE: Table = Table {
    header: "[[upstream]]",
    about: "A named group of back ends that serve the same content.",
    keys: &[
        Key {
            name: "name",
            kind: Kind::Text("1 to 128 letters, digits, `_`, `-` and `.`"),
            absent: Absent::Required,
            example: "\"catalog\"",
            about: "What integrations, logs and metrics call it.",
        },
        Key {
            name: "targets",
            kind: Kind::Other(
                "an array of \"host:port\" or { address = \"host:port\", weight = 1 }",
            ),
            absent: Absent::Required,
            example: "[\"127.0.0.1:9001\", { address = \"catalog.internal:9001\", weight = 2 }]",
            about: "The back ends: IP addresses or DNS names, always with a port. Names are resolved again when their time to live ends. `weight` (1 to 1000, default 1) is a target's share relative to the others.",
        },
        Key {
            name: "host",
            kind: Kind::Text("a host name, with a port if it has one"),
            absent: Absent::Means("the chosen target's own address"),
            example: "\"catalog.internal\"",
            about: "The `Host` that the back ends get. The client's own host is never passed on in it, as with Amazon; back ends find it in the forwarding fields.",
        },
        Key {
            name: "balance",
            kind: Kind::Choice(&["round_robin", "least_requests", "hash"]),
            absent: Absent::Default("\"round_robin\""),
            example: "\"round_robin\"",
            about: "How a target is chosen: in turn, the one with the fewest open requests, or always the same one for the same `hash_on`. Each shard counts for itself.",
        },
        Key {
            name: "hash_on",
            kind: Kind::Text("\"client_address\" or \"header:NAME\""),
            absent: Absent::Means("no consistent hash"),
            example: "# \"header:x-tenant\"",
            about: "What `balance = \"hash\"` looks at. Requests without the header are dealt in turn.",
        },
        Key {
            name: "tls",
            kind: Kind::Other("`true`, `false` or a table [upstream.tls]"),
            absent: Absent::Default("false"),
            example: "",
            about: "Whether the back ends speak TLS; a table says how.",
        },
        Key {
            name: "timeouts",
            kind: Kind::Table(&TIMEOUTS),
            absent: Absent::Means("the defaults"),
            example: "",
            about: "How long back ends may take.",
        },
        Key {
            name: "limits",
            kind: Kind::Table(&LIMITS),
            absent: Absent::Means("the defaults"),
            example: "",
            about: "Bounds per shard.",
        },
        Key {
            name: "health",
            kind: Kind::Table(&HEALTH),
            absent: Absent::Means("no active checks"),
            example: "",
            about: "Active health checks.",
        },
        Key {
            name: "eject",
            kind: Kind::Table(&EJECT),
            absent: Absent::Means("the defaults"),
            example: "",
            about: "Passive ejection.",
        },
        Key {
            name: "retry",
            kind: Kind::Table(&RETRY),
            absent: Absent::Means("the defaults"),
            example: "",
            about: "What is tried again.",
        },
    ],
};

/// The table form of a target.
pub(in crate::model) static TARGET: Table = Table {
    header: "a target",
    about: "The table form of a target.",
    keys: &[
        Key {
            name: "address",
            kind: Kind::Text("\"host:port\""),
            absent: Absent::Required,
            example: "\"catalog.internal:9001\"",
            about: "The back end: an IP address or a DNS name, with its port.",
        },
        Key {
            name: "weight",
            kind: Kind::Count(1, 1000),
            absent: Absent::Default("1"),
            example: "2",
            about: "Its share relative to the other targets. To take a target out, remove it.",
        },
    ],
};

pub(in crate::model) static TLS: Table = Table {
    header: "[upstream.tls]",
    about: "TLS towards the back ends. `tls = true` is this table with its defaults.",
    keys: &[
        Key {
            name: "server_name",
            kind: Kind::Text("a host name"),
            absent: Absent::Means("the target's own host"),
            example: "\"catalog.internal\"",
            about: "The name that is sent (SNI) and that the certificate must be for (Amazon's `ServerNameToVerify`).",
        },
        Key {
            name: "ca",
            kind: Kind::Text("a PEM file with certificates"),
            absent: Absent::Means("the system's roots"),
            example: "# \"certificates/internal-ca.pem\"",
            about: "Trusted roots in place of the system's. Relative names are relative to the configuration file's folder.",
        },
        Key {
            name: "insecure_skip_verify",
            kind: Kind::Flag,
            absent: Absent::Default("false"),
            example: "false",
            about: "Accepts any certificate. For tests only: every load warns about it.",
        },
    ],
};

pub(in crate::model) static TIMEOUTS: Table = Table {
    header: "[upstream.timeouts]",
    about: "How long back ends may take. The time until a response begins is the integration's `timeout`.",
    keys: &[
        Key {
            name: "connect",
            kind: Kind::Duration(MILLISECOND, HOUR),
            absent: Absent::Default("\"2s\""),
            example: "\"2s\"",
            about: "TCP connect and TLS handshake. Two seconds allow for one lost SYN (sent again after one second) and still leave time for another target.",
        },
        Key {
            name: "body_idle",
            kind: Kind::Duration(MILLISECOND, HOUR),
            absent: Absent::Default("\"30s\""),
            example: "\"30s\"",
            about: "Longest silence while a response's content arrives, or in which the back end takes no byte of a request's.",
        },
        Key {
            name: "idle",
            kind: Kind::Duration(Duration::ZERO, HOUR),
            absent: Absent::Default("\"60s\""),
            example: "\"60s\"",
            about: "How long an unused connection is kept; 0s keeps none. Set it below the back end's own keep-alive time-out where that is shorter; a connection that the back end closed first costs one transparent retry.",
        },
    ],
};

pub(in crate::model) static LIMITS: Table = Table {
    header: "[upstream.limits]",
    about: "Bounds per shard, so that one slow back end cannot take the whole gateway.",
    keys: &[
        Key {
            name: "connections",
            kind: Kind::Count(1, 1 << 20),
            absent: Absent::Default("1024"),
            example: "1024",
            about: "Connections of one shard to all targets together. HTTP/1.1 carries one request per connection, so this is also the number of requests in flight.",
        },
        Key {
            name: "pending",
            kind: Kind::Count(0, 1 << 20),
            absent: Absent::Default("1024"),
            example: "1024",
            about: "Requests of one shard that may wait for a connection; beyond it 503 at once. As many as there are connections: with more, the last one would wait longer than a whole round.",
        },
    ],
};

pub(in crate::model) static HEALTH: Table = Table {
    header: "[upstream.health]",
    about: "Active checks: the control thread asks every target with GET and tells the shards who answers.",
    keys: &[
        Key {
            name: "path",
            kind: Kind::Text("a path such as \"/healthz\""),
            absent: Absent::Default("\"/\""),
            example: "\"/healthz\"",
            about: "What is asked for.",
        },
        Key {
            name: "interval",
            kind: Kind::Duration(Duration::from_millis(100), HOUR),
            absent: Absent::Default("\"5s\""),
            example: "\"5s\"",
            about: "Time between two checks of one target.",
        },
        Key {
            name: "timeout",
            kind: Kind::Duration(MILLISECOND, HOUR),
            absent: Absent::Default("\"2s\""),
            example: "\"2s\"",
            about: "Longest wait for an answer; a later one is a bad one.",
        },
        Key {
            name: "healthy_after",
            kind: Kind::Count(1, 100),
            absent: Absent::Default("2"),
            example: "2",
            about: "Good answers in a row that bring a target back. Two, so that one lucky answer of a failing back end does not.",
        },
        Key {
            name: "unhealthy_after",
            kind: Kind::Count(1, 100),
            absent: Absent::Default("3"),
            example: "3",
            about: "Bad answers in a row that take a target out. Three, so that one lost packet does not.",
        },
        Key {
            name: "status",
            kind: Kind::Text("statuses and ranges such as \"200-299,401\""),
            absent: Absent::Default("\"200-399\""),
            example: "\"200-399\"",
            about: "Which answers are good.",
        },
    ],
};

pub(in crate::model) static EJECT: Table = Table {
    header: "[upstream.eject]",
    about: "Passive ejection: a shard that sees a target fail several times in a row leaves it alone for a while. Failed connects, resets, time-outs and 502, 503, 504 count.",
    keys: &[
        Key {
            name: "failures",
            kind: Kind::Count(0, 1000),
            absent: Absent::Default("5"),
            example: "5",
            about: "Failures in a row that eject a target; 0 switches ejection off.",
        },
        Key {
            name: "duration",
            kind: Kind::Duration(MILLISECOND, HOUR),
            absent: Absent::Default("\"30s\""),
            example: "\"30s\"",
            about: "For how long.",
        },
        Key {
            name: "share",
            kind: SHARE,
            absent: Absent::Default("0.5"),
            example: "0.5",
            about: "Largest share of the targets that may be out at once. With half of them left a common fault, such as a broken database behind all of them, does not send everything to the last one. A single target is therefore never ejected.",
        },
    ],
};

pub(in crate::model) static RETRY: Table = Table {
    header: "[upstream.retry]",
    about: "What is tried again, on another target where there is one. Only requests that cannot have had an effect: after a failed connect any, otherwise those with an idempotent method (RFC 9110 section 9.2.2) whose content was not yet sent on.",
    keys: &[
        Key {
            name: "attempts",
            kind: Kind::Count(1, 10),
            absent: Absent::Default("2"),
            example: "2",
            about: "Most tries of one request, the first included; 1 never tries again.",
        },
        Key {
            name: "budget",
            kind: SHARE,
            absent: Absent::Default("0.2"),
            example: "0.2",
            about: "Retries allowed as a share of recent requests. A fifth hides a single bad target of five, and cannot double the load of back ends that are all in trouble.",
        },
        Key {
            name: "on",
            kind: Kind::Choices(&["connect", "reset", "502", "503", "504"]),
            absent: Absent::Default("[\"connect\", \"reset\"]"),
            example: "[\"connect\", \"reset\"]",
            about: "What is tried again: a connection that could not be made, one that broke before the response's head, or an answer with one of these statuses.",
        },
    ],
};
