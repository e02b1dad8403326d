//! Families: the one table of metric names. `docs/metrics.md` explains them, and a test holds that the
//! page and this table name the same ones.
//!
//! Names follow Prometheus' conventions: base units (seconds, bytes), `_total` for counters. Changing
//! one breaks somebody's dashboard.

use crate::telemetry::batch::UpstreamEvent;

/// How Prometheus treats a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Cumulative counts by upper bound, a sum and a count.
    Histogram,
}

impl Kind {
    /// As in the `# TYPE` line.
    pub fn text(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// Samples of one name.
#[derive(Debug, PartialEq, Eq)]
pub struct Family {
    /// The name.
    pub name: &'static str,
    /// How Prometheus treats it.
    pub kind: Kind,
    /// The `# HELP` line: one sentence.
    pub help: &'static str,
}

macro_rules! families {
    ($($name:ident = $kind:ident $text:literal, $help:literal;)+) => {
        $(
            #[doc = $help]
            pub const $name: Family = Family { name: $text, kind: Kind::$kind, help: $help };
        )+

        /// All families, in the order of the page.
        pub const ALL: &[&Family] = &[$(&$name),+];
    };
}

families! {
    BUILD_INFO = Gauge "ringgate_build_info", "Always 1; the labels say what is running.";
    SHARDS = Gauge "ringgate_shards", "Shards, one pinned thread each.";
    UPTIME = Gauge "ringgate_uptime_seconds", "Time since the process was ready to count.";
    SNAPSHOT_VERSION = Gauge "ringgate_snapshot_version", "The configuration that is served, counted up with each good reload.";
    RELOAD_SUCCESS = Gauge "ringgate_reload_success", "1 when the last reload was good, 0 when it was refused and the configuration before it is still served.";
    RELOAD_TIMESTAMP = Gauge "ringgate_reload_timestamp_seconds", "When the last reload ended, good or not, since 1970.";
    RELOADS = Counter "ringgate_reloads_total", "Reloads by result.";

    REQUESTS = Counter "ringgate_requests_total", "Requests answered, by API stage, route and status code.";
    REQUEST_BYTES = Counter "ringgate_request_body_bytes_total", "Bytes of request bodies received from clients.";
    RESPONSE_BYTES = Counter "ringgate_response_body_bytes_total", "Bytes of response bodies sent to clients.";
    REQUEST_DURATION = Histogram "ringgate_request_duration_seconds", "From the first byte of a request to the last of its response.";
    REQUEST_QUANTILES = Gauge "ringgate_request_duration_quantile_seconds", "The same as quantiles over the last 30 to 60 seconds, at most 0.8 % wrong.";
    INTEGRATION_DURATION = Histogram "ringgate_integration_duration_seconds", "The part of a request's time that its back end took.";
    INTEGRATION_QUANTILES = Gauge "ringgate_integration_duration_quantile_seconds", "The same as quantiles over the last 30 to 60 seconds, at most 0.8 % wrong.";
    SERIES_DROPPED = Counter "ringgate_series_dropped_total", "Requests counted as `other` because there are more APIs or routes than series.";
    SERIES_RETIRED = Counter "ringgate_series_retired_total", "Series of APIs, routes or upstreams that no longer exist, folded into `other` to make room.";

    STAGE_REQUESTS = Counter "ringgate_stage_requests_total", "Requests of stages made through the management API, by class of status code.";
    STAGE_DURATION = Histogram "ringgate_stage_request_duration_seconds", "From the first byte of such a request to the last of its response.";
    STAGE_INTEGRATION_DURATION = Histogram "ringgate_stage_integration_duration_seconds", "The part of such a request's time that its back end took.";
    METHOD_REQUESTS = Counter "ringgate_method_requests_total", "Requests by method and resource, where a stage has detailed metrics.";
    METHOD_SECONDS = Counter "ringgate_method_request_seconds_total", "The time that these requests took together.";
    METHOD_INTEGRATION_SECONDS = Counter "ringgate_method_integration_seconds_total", "The part of it that back ends took.";

    CONNECTIONS_OPENED = Counter "ringgate_client_connections_total", "Connections accepted from clients.";
    CONNECTIONS_OPEN = Gauge "ringgate_client_connections", "Connections of clients that are open.";
    TLS_HANDSHAKES = Counter "ringgate_tls_handshakes_total", "TLS handshakes with clients by result.";
    REFUSED = Counter "ringgate_refused_total", "Requests and connections that the gateway itself turned away, by cause.";

    UPSTREAM_REQUESTS = Counter "ringgate_upstream_requests_total", "Requests sent to back ends, retries included.";
    UPSTREAM_CONNECTS = Counter "ringgate_upstream_connects_total", "Connections established to back ends.";
    UPSTREAM_CONNECT_FAILURES = Counter "ringgate_upstream_connect_failures_total", "Connections to back ends that could not be established.";
    UPSTREAM_RESETS = Counter "ringgate_upstream_resets_total", "Connections to back ends that broke before the response was complete.";
    UPSTREAM_TIMEOUTS = Counter "ringgate_upstream_timeouts_total", "Responses, or parts of them, that did not come in time.";
    UPSTREAM_RETRIES = Counter "ringgate_upstream_retries_total", "Requests sent once more.";
    UPSTREAM_EJECTIONS = Counter "ringgate_upstream_ejections_total", "Targets taken out by a shard for failing too often.";
    UPSTREAM_OVERFLOWS = Counter "ringgate_upstream_pending_overflows_total", "Requests refused because too many already waited for a connection.";
    UPSTREAM_BAD_RESPONSES = Counter "ringgate_upstream_bad_responses_total", "Responses that broke HTTP's rules.";
    UPSTREAM_CONNECTIONS = Gauge "ringgate_upstream_connections", "Open connections to back ends, in use or idle.";
    TARGET_HEALTHY = Gauge "ringgate_upstream_target_healthy", "1 when a target may get requests, 0 when health checks took it out.";

    ACCESS_LOG_LINES = Counter "ringgate_access_log_lines_total", "Access-log lines formatted by shards.";
    ACCESS_LOG_DROPPED = Counter "ringgate_access_log_dropped_total", "Access-log lines lost between a shard and the control thread.";
    ACCESS_LOG_WRITTEN = Counter "ringgate_access_log_written_total", "Access-log lines that reached their destination.";
    ACCESS_LOG_LOST = Counter "ringgate_access_log_lost_total", "Access-log lines lost because their destination is slow or failing.";

    SHARD_REQUESTS = Counter "ringgate_shard_requests_total", "Requests answered, by shard.";
    SHARD_QUANTILES = Gauge "ringgate_shard_request_duration_quantile_seconds", "Quantiles of the request duration over the last 30 to 60 seconds, by shard.";
    SHARD_BUSY = Counter "ringgate_shard_busy_seconds_total", "Time that a shard was awake.";
    SHARD_PARKED = Counter "ringgate_shard_parked_seconds_total", "Time that a shard slept.";
    SHARD_LOAD = Gauge "ringgate_shard_load", "The part of its time that a shard was awake in the last interval, 0 to 1.";
    SHARD_IMBALANCE = Gauge "ringgate_shard_imbalance", "Load of the busiest shard divided by the mean load; 1 is even.";
    RING_ENTERS = Counter "ringgate_ring_enters_total", "io_uring_enter calls.";
    RING_TURNS = Counter "ringgate_ring_turns_total", "Turns of a shard's loop.";
    RING_COMPLETIONS = Counter "ringgate_ring_completions_total", "Completions handled.";
    BUFFERS_EXHAUSTED = Counter "ringgate_ring_buffers_exhausted_total", "Receives that found no free buffer.";

    PROCESS_CPU = Counter "process_cpu_seconds_total", "User and system CPU time.";
    PROCESS_MEMORY = Gauge "process_resident_memory_bytes", "Resident memory.";
    PROCESS_VIRTUAL_MEMORY = Gauge "process_virtual_memory_bytes", "Address space.";
    PROCESS_THREADS = Gauge "process_threads", "Threads.";
    PROCESS_OPEN_FDS = Gauge "process_open_fds", "Open file descriptors.";
    PROCESS_MAX_FDS = Gauge "process_max_fds", "The limit for open file descriptors.";
    PROCESS_START = Gauge "process_start_time_seconds", "When the process started, since 1970.";
}

/// The counter of an event.
pub fn of_upstream_event(event: UpstreamEvent) -> &'static Family {
    match event {
        UpstreamEvent::Request => &UPSTREAM_REQUESTS,
        UpstreamEvent::Connect => &UPSTREAM_CONNECTS,
        UpstreamEvent::ConnectFailure => &UPSTREAM_CONNECT_FAILURES,
        UpstreamEvent::Reset => &UPSTREAM_RESETS,
        UpstreamEvent::Timeout => &UPSTREAM_TIMEOUTS,
        UpstreamEvent::Retry => &UPSTREAM_RETRIES,
        UpstreamEvent::Ejected => &UPSTREAM_EJECTIONS,
        UpstreamEvent::Overflow => &UPSTREAM_OVERFLOWS,
        UpstreamEvent::BadResponse => &UPSTREAM_BAD_RESPONSES,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_keep_to_the_conventions() {
        let mut seen = BTreeSet::new();
        for family in ALL {
            assert!(seen.insert(family.name), "{} stands twice", family.name);
            assert_eq!(
                family.name.ends_with("_total"),
                family.kind == Kind::Counter,
                "{}",
                family.name
            );
            assert!(!family.help.contains(['\n', '\\']), "{} would need escapes", family.name);
        }
    }

    #[test]
    fn the_page_explains_every_name_and_no_other() {
        let page = include_str!("../../../docs/metrics.md");
        let on_page: BTreeSet<&str> = page
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|word| word.starts_with("ringgate_") || word.starts_with("process_"))
            .map(|word| word.split(['{', ' ']).next().unwrap_or(word))
            .collect();
        let in_table: BTreeSet<&str> = ALL.iter().map(|family| family.name).collect();
        assert_eq!(on_page, in_table);
    }
}
