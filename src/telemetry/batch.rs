//! Batch: everything one shard counted since its last batch, on its way to the control thread.
//!
//! All values are differences, except those named as gauges. A batch carries the version of the
//! series layout under which it was counted, because the indexes in it mean nothing without the
//! names of that version. It is large (see [`ApiCounts`]) and therefore travels in a box, and
//! [`Batch::give_back`] sends it home to be used again, cleared on the control thread, which has the
//! time.

use std::sync::mpsc::SyncSender;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::recorder::SeriesLayout;

/// APIs (strictly: API stages) that get counters and histograms of their own; those beyond count as
/// one, named `other`. 64 histogram pairs are 1.4 MiB per batch, and a shard has two batches.
pub const APIS_MAX: u32 = 64;

/// Routes that get counters of their own; those beyond count under the route `other` of their API.
/// A scrape with all of them and three status codes each is 1.5 MB of text.
pub const ROUTES_MAX: u32 = 4096;

/// Upstreams that get counters of their own; those beyond count as one, named `other`.
pub const UPSTREAMS_MAX: u32 = 512;

/// The longest latency that is told apart, in microseconds. Longer ones count as this one. Twice
/// the longest integration timeout that is common (29 s), rounded up to a comfortable 100 s.
pub const LATENCY_US_MAX: u64 = 100_000_000;

/// Two significant digits: at most 0.8 % wrong, and 10.5 KiB per histogram of 32-bit counts. Three
/// would take 72 KiB, and the counts of a steady load would no longer stay in the first-level cache.
pub const LATENCY_DIGITS: u8 = 2;

/// An empty latency histogram in microseconds. It never resizes, so recording never allocates.
pub fn latency_histogram<T: hdrhistogram::Counter>() -> Histogram<T> {
    Histogram::new_with_bounds(1, LATENCY_US_MAX, LATENCY_DIGITS)
        .expect("1 is at least 1, the bounds are apart and two digits are below five")
}

/// What a client connection is spoken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionKind {
    /// Plain TCP.
    Plain,
    /// TLS over TCP, counted from the accept on, whether or not the handshake succeeds.
    Tls,
}

impl ConnectionKind {
    /// All, in the order of their counters.
    pub const ALL: [Self; 2] = [Self::Plain, Self::Tls];

    /// The value of the label `kind`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Tls => "tls",
        }
    }
}

/// Whose receive buffers ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Buffers {
    /// Those for requests from clients.
    Client,
    /// Those for responses from back ends.
    Upstream,
}

impl Buffers {
    /// All, in the order of their counters.
    pub const ALL: [Self; 2] = [Self::Client, Self::Upstream];

    /// The value of the label `group`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Upstream => "upstream",
        }
    }
}

macro_rules! counted {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident => $label:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $($(#[$doc])* $variant,)+
        }

        impl $name {
            /// All, in the order of their counters.
            pub const ALL: [Self; [$(Self::$variant),+].len()] = [$(Self::$variant),+];

            /// How it is called in labels and metric names.
            pub fn label(self) -> &'static str {
                match self {
                    $(Self::$variant => $label,)+
                }
            }
        }
    };
}

counted! {
    /// Why a request or a connection was turned away by the gateway itself.
    Refusal {
        /// The request line, a field or the framing is malformed or ambiguous (400).
        Malformed => "malformed",
        /// The request line is longer than allowed (414).
        RequestLineTooLong => "request_line_too_long",
        /// The fields are larger or more than allowed (431).
        FieldsTooLarge => "fields_too_large",
        /// The body is larger than allowed (413).
        BodyTooLarge => "body_too_large",
        /// An expectation or a transfer coding that is not supported (417, 501).
        NotSupported => "not_supported",
        /// The head did not arrive in time (408).
        HeadTimeout => "head_timeout",
        /// The body stopped arriving (408).
        BodyTimeout => "body_timeout",
        /// No API answers at this host and path.
        NoApi => "no_api",
        /// The API has no route for this method and path.
        NoRoute => "no_route",
        /// The shard has as many connections as it may have.
        ConnectionLimit => "connection_limit",
        /// A throttle or quota is exhausted (429).
        Throttled => "throttled",
        /// The caller is not known or not allowed (401, 403).
        Unauthorized => "unauthorized",
        /// The gateway is draining or overloaded (503).
        Unavailable => "unavailable",
        /// The gateway itself was wrong (500).
        Internal => "internal",
    }
}

counted! {
    /// What happened on the way to a back end. Each is a counter of its own per upstream.
    UpstreamEvent {
        /// An exchange was sent to a back end; a retry counts again.
        Request => "requests",
        /// A connection was established.
        Connect => "connects",
        /// A connection could not be established (refused, unreachable, TLS failure, too slow).
        ConnectFailure => "connect_failures",
        /// A connection broke before the response was complete.
        Reset => "resets",
        /// No response, or no more of it, within the time allowed.
        Timeout => "timeouts",
        /// A request was sent once more because it had provably no effect the first time.
        Retry => "retries",
        /// A target was taken out for failing too often.
        Ejected => "ejections",
        /// A request was refused because too many were already waiting for a connection.
        Overflow => "pending_overflows",
        /// A response broke HTTP's rules.
        BadResponse => "bad_responses",
    }
}

/// Status codes of one series: the first six that occur are told apart, later ones go by class. In
/// one interval a route seldom shows more than three. One cache line.
#[derive(Debug, Clone, Default)]
#[repr(align(64))]
pub struct StatusCounts {
    counts: [u32; 6],
    codes: [u16; 6],
    /// By first digit; 0 is for what is no status code (the client left before there was one).
    beyond: [u32; 6],
}

/// One status code, or a class where the code was not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// This code, 100 to 599.
    Code(u16),
    /// Some code with this first digit; 0 for none at all.
    Class(u8),
}

impl StatusCounts {
    #[inline]
    pub(super) fn add(&mut self, code: u16) {
        if !(100..600).contains(&code) {
            self.beyond[0] = self.beyond[0].saturating_add(1);
            return;
        }
        for (known, count) in self.codes.iter_mut().zip(&mut self.counts) {
            if *known == code || *known == 0 {
                *known = code;
                *count = count.saturating_add(1);
                return;
            }
        }
        let class = usize::from(code / 100);
        self.beyond[class] = self.beyond[class].saturating_add(1);
    }

    /// What was counted, without the zeroes.
    pub fn iter(&self) -> impl Iterator<Item = (Status, u32)> + '_ {
        let codes = self.codes.iter().map(|&code| Status::Code(code));
        let classes = (0..6).map(Status::Class);
        codes.zip(self.counts).chain(classes.zip(self.beyond)).filter(|&(_, count)| count > 0)
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        // Slots fill from the front.
        self.codes[0] == 0 && self.beyond == [0; 6]
    }

    fn absorb(&mut self, other: &Self) {
        for (status, count) in other.iter() {
            match status {
                Status::Code(code) => self.add_many(code, count),
                Status::Class(class) => {
                    let slot = &mut self.beyond[usize::from(class)];
                    *slot = slot.saturating_add(count);
                }
            }
        }
    }

    fn add_many(&mut self, code: u16, count: u32) {
        for (known, sum) in self.codes.iter_mut().zip(&mut self.counts) {
            if *known == code || *known == 0 {
                *known = code;
                *sum = sum.saturating_add(count);
                return;
            }
        }
        let slot = &mut self.beyond[usize::from(code / 100)];
        *slot = slot.saturating_add(count);
    }
}

/// What one API stage did. Its two histograms take 21 KiB.
#[derive(Debug, Clone)]
pub struct ApiCounts {
    /// Exchanges that no route took.
    pub unmatched: StatusCounts,
    /// Exchanges of routes beyond [`ROUTES_MAX`].
    pub other_routes: StatusCounts,
    /// From the first byte of a request to the last of its response, microseconds.
    pub latency: Histogram<u32>,
    /// The exact sum of what `latency` holds, microseconds.
    pub latency_us_sum: u64,
    /// The same for the part that the back end took.
    pub integration_latency: Histogram<u32>,
    /// The exact sum of what `integration_latency` holds, microseconds.
    pub integration_latency_us_sum: u64,
    /// Bytes of request bodies.
    pub request_bytes: u64,
    /// Bytes of response bodies.
    pub response_bytes: u64,
}

impl ApiCounts {
    fn new() -> Self {
        Self {
            unmatched: StatusCounts::default(),
            other_routes: StatusCounts::default(),
            latency: latency_histogram(),
            latency_us_sum: 0,
            integration_latency: latency_histogram(),
            integration_latency_us_sum: 0,
            request_bytes: 0,
            response_bytes: 0,
        }
    }

    /// Whether no exchange was counted.
    pub fn is_empty(&self) -> bool {
        self.latency.is_empty()
    }

    fn clear(&mut self) {
        if self.is_empty() {
            return;
        }
        self.unmatched = StatusCounts::default();
        self.other_routes = StatusCounts::default();
        self.latency.reset();
        self.latency_us_sum = 0;
        self.integration_latency.reset();
        self.integration_latency_us_sum = 0;
        self.request_bytes = 0;
        self.response_bytes = 0;
    }

    /// Adds what another holds.
    fn absorb(&mut self, other: &Self) {
        self.unmatched.absorb(&other.unmatched);
        self.other_routes.absorb(&other.other_routes);
        for (mine, theirs) in [
            (&mut self.latency, &other.latency),
            (&mut self.integration_latency, &other.integration_latency),
        ] {
            mine.add(theirs)
                .expect("both come from `latency_histogram`, so every value has its place");
        }
        self.latency_us_sum += other.latency_us_sum;
        self.integration_latency_us_sum += other.integration_latency_us_sum;
        self.request_bytes += other.request_bytes;
        self.response_bytes += other.response_bytes;
    }
}

/// What happened with one upstream.
#[derive(Debug, Clone, Copy, Default)]
pub struct UpstreamCounts {
    /// By [`UpstreamEvent`].
    pub events: [u64; UpstreamEvent::ALL.len()],
    /// Gauge: connections of this shard that carry an exchange.
    pub active_connections: u32,
    /// Gauge: connections of this shard that wait for one.
    pub idle_connections: u32,
}

/// Client connections of one kind.
#[derive(Debug, Clone, Copy, Default)]
pub struct ConnectionCounts {
    /// Accepted.
    pub opened: u64,
    /// Gauge: open now.
    pub open: u64,
}

/// Everything that has no API, route or upstream.
#[derive(Debug, Clone, Default)]
pub struct ShardCounts {
    /// By [`ConnectionKind`].
    pub connections: [ConnectionCounts; 2],
    /// TLS handshakes that succeeded.
    pub tls_handshakes: u64,
    /// TLS handshakes that failed.
    pub tls_handshake_failures: u64,
    /// By [`Refusal`].
    pub refused: [u64; Refusal::ALL.len()],
    /// By [`Buffers`].
    pub buffers_exhausted: [u64; 2],
    /// `io_uring_enter` calls.
    pub ring_enters: u64,
    /// Turns of the shard's loop.
    pub ring_turns: u64,
    /// Completions handled.
    pub ring_completions: u64,
    /// Access-log lines written into a buffer.
    pub log_lines: u64,
    /// Access-log lines that found no room on their way to the control thread.
    pub log_lines_dropped: u64,
    /// Exchanges counted as `other` because their API or route is beyond the cap.
    pub uncounted_series: u64,
    /// The time that this batch spans. Zero in a batch that a layout change cut off; its time is in
    /// the one that follows.
    pub wall: Duration,
    /// How much of it the shard slept.
    pub parked: Duration,
}

/// Everything one shard counted since its last batch.
#[derive(Debug)]
pub struct Batch {
    /// Which names the indexes have.
    pub layout: SeriesLayout,
    /// One per API stage, then one for those beyond the cap, then one for exchanges whose API is not
    /// known.
    pub(super) apis: Vec<ApiCounts>,
    /// One per route.
    pub(super) routes: Vec<StatusCounts>,
    /// One per upstream, then one for those beyond the cap.
    pub(super) upstreams: Vec<UpstreamCounts>,
    /// The rest.
    pub shard: ShardCounts,
    clear: bool,
    /// A layout change ended it, so that its gauges are not the newest.
    cut_off: bool,
    /// The recorder it came from.
    home: Option<SyncSender<Box<Self>>>,
}

impl Batch {
    /// An empty batch with room for what the layout names.
    pub(super) fn new(layout: SeriesLayout, home: Option<SyncSender<Box<Self>>>) -> Self {
        Self {
            layout,
            apis: (0..layout.kept_apis() + 2).map(|_| ApiCounts::new()).collect(),
            routes: vec![StatusCounts::default(); layout.kept_routes()],
            upstreams: vec![UpstreamCounts::default(); layout.kept_upstreams() + 1],
            shard: ShardCounts::default(),
            clear: true,
            cut_off: false,
            home,
        }
    }

    /// The API stages with names, in the order of the layout.
    pub fn apis(&self) -> &[ApiCounts] {
        &self.apis[..self.apis.len() - 2]
    }

    /// What API stages beyond [`APIS_MAX`] did.
    pub fn other_apis(&self) -> &ApiCounts {
        &self.apis[self.apis.len() - 2]
    }

    /// Exchanges whose API is not known: no host or path fits, or the request was refused before it
    /// was looked at.
    pub fn no_api(&self) -> &ApiCounts {
        &self.apis[self.apis.len() - 1]
    }

    /// The routes with names, in the order of the layout.
    pub fn routes(&self) -> &[StatusCounts] {
        &self.routes
    }

    /// The upstreams with names, in the order of the layout.
    pub fn upstreams(&self) -> &[UpstreamCounts] {
        &self.upstreams[..self.upstreams.len() - 1]
    }

    /// What upstreams beyond [`UPSTREAMS_MAX`] did.
    pub fn other_upstreams(&self) -> &UpstreamCounts {
        &self.upstreams[self.upstreams.len() - 1]
    }

    /// Empties the batch and sends it home, for the control thread to call after merging. Without a
    /// home (its shard has ended, or has enough) it is freed.
    pub fn give_back(mut self: Box<Self>) {
        self.clear();
        if let Some(home) = self.home.clone() {
            // Full or gone: the batch comes back in the error and is freed here.
            drop(home.try_send(self));
        }
    }

    fn clear(&mut self) {
        if self.clear {
            return;
        }
        self.apis.iter_mut().for_each(ApiCounts::clear);
        self.routes.fill(StatusCounts::default());
        self.upstreams.fill(UpstreamCounts::default());
        self.shard = ShardCounts::default();
        self.clear = true;
    }

    pub(super) fn begin(&mut self, layout: SeriesLayout) {
        self.layout = layout;
        self.clear = false;
        self.cut_off = false;
    }

    pub(super) fn cut_off(&mut self) {
        self.cut_off = true;
    }

    pub(super) fn is_cut_off(&self) -> bool {
        self.cut_off
    }

    /// Adds the differences of a batch; gauges are left alone. With another layout the names do not
    /// fit: then every API, route and upstream counts as `other`.
    pub(super) fn absorb(&mut self, older: &Self) {
        if older.layout == self.layout {
            for (mine, theirs) in self.apis.iter_mut().zip(&older.apis) {
                mine.absorb(theirs);
            }
            for (mine, theirs) in self.routes.iter_mut().zip(&older.routes) {
                mine.absorb(theirs);
            }
            for (mine, theirs) in self.upstreams.iter_mut().zip(&older.upstreams) {
                mine.absorb(theirs);
            }
        } else {
            self.absorb_nameless(older);
        }
        self.shard.absorb(&older.shard);
    }

    fn absorb_nameless(&mut self, older: &Self) {
        let Some((no_api, named)) = older.apis.split_last() else {
            return;
        };
        let other = self.apis.len() - 2;
        for api in named {
            self.apis[other].absorb(api);
        }
        for route in &older.routes {
            self.apis[other].other_routes.absorb(route);
        }
        self.apis[other + 1].absorb(no_api);
        let last = self.upstreams.len() - 1;
        for upstream in &older.upstreams {
            self.upstreams[last].absorb(upstream);
        }
    }
}

impl UpstreamCounts {
    fn absorb(&mut self, older: &Self) {
        for (mine, theirs) in self.events.iter_mut().zip(older.events) {
            *mine += theirs;
        }
    }
}

impl ShardCounts {
    /// Adds the differences; gauges are left alone.
    pub(super) fn absorb(&mut self, older: &Self) {
        for (mine, theirs) in self.connections.iter_mut().zip(older.connections) {
            mine.opened += theirs.opened;
        }
        for (mine, theirs) in self.refused.iter_mut().zip(older.refused) {
            *mine += theirs;
        }
        for (mine, theirs) in self.buffers_exhausted.iter_mut().zip(older.buffers_exhausted) {
            *mine += theirs;
        }
        self.tls_handshakes += older.tls_handshakes;
        self.tls_handshake_failures += older.tls_handshake_failures;
        self.ring_enters += older.ring_enters;
        self.ring_turns += older.ring_turns;
        self.ring_completions += older.ring_completions;
        self.log_lines += older.log_lines;
        self.log_lines_dropped += older.log_lines_dropped;
        self.uncounted_series += older.uncounted_series;
        self.wall += older.wall;
        self.parked += older.parked;
    }
}
