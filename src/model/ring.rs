//! `[ring]`: sizes of the ring and the buffers that each shard has for itself.

use std::time::Duration;

use super::reader::{Reader, Refused};
use super::reference::{Absent, Key, Kind, Table};

pub(super) static TABLE: Table = Table {
    header: "[ring]",
    about: "Sizes of the ring and the buffers that each shard has for itself. The memory that the kernel locks for them must fit `LimitMEMLOCK` (8 MiB on most systems) for all shards together: 64 bytes per entry, 64 more for its completions, 16 per buffer. A change needs a restart.",
    keys: &[
        Key {
            name: "entries",
            kind: Kind::Count(64, 32_768),
            absent: Absent::Default("512"),
            example: "512",
            about: "Submission queue entries, a power of two; the completion queue has four times as many. 512 lock 76 KiB, so 100 shards fit 8 MiB; more helps only with thousands of connections active in the same instant.",
        },
        Key {
            name: "client_buffers",
            kind: Kind::Table(&CLIENT_BUFFERS),
            absent: Absent::Means("the defaults"),
            example: "",
            about: "Buffers that requests arrive in.",
        },
        Key {
            name: "upstream_buffers",
            kind: Kind::Table(&UPSTREAM_BUFFERS),
            absent: Absent::Means("the defaults"),
            example: "",
            about: "Buffers that responses of back ends arrive in.",
        },
        Key {
            name: "linger",
            kind: Kind::Duration(Duration::ZERO, Duration::from_millis(10)),
            absent: Absent::Default("\"10ms\""),
            example: "\"10ms\"",
            about: "How long an idle shard waits inside its ring before it parks in the executor. Waking in the ring is much cheaper: at 10,000 proxied requests a second, CPU per request fell from 62 to 40 us (nginx: 53). A reload or another message of the control thread is noticed that much later by an idle shard.",
        },
    ],
};

pub(super) static CLIENT_BUFFERS: Table = Table {
    header: "[ring.client_buffers]",
    about: "Buffers that requests arrive in. Resident only once touched.",
    keys: &[
        Key {
            name: "count",
            kind: Kind::Count(16, 32_768),
            absent: Absent::Default("1024"),
            example: "1024",
            about: "How many, a power of two.",
        },
        Key {
            name: "size",
            kind: Kind::Size(1 << 10, 1 << 20),
            absent: Absent::Default("\"4KiB\""),
            example: "\"4KiB\"",
            about: "Bytes of each. One page holds the requests of browsers and of other gateways in one piece.",
        },
    ],
};

pub(super) static UPSTREAM_BUFFERS: Table = Table {
    header: "[ring.upstream_buffers]",
    about: "Buffers that responses of back ends arrive in. Resident only once touched.",
    keys: &[
        Key {
            name: "count",
            kind: Kind::Count(16, 32_768),
            absent: Absent::Default("512"),
            example: "512",
            about: "How many, a power of two.",
        },
        Key {
            name: "size",
            kind: Kind::Size(1 << 10, 1 << 20),
            absent: Absent::Default("\"32KiB\""),
            example: "\"32KiB\"",
            about: "Bytes of each. A 16 KiB response then is one completion (with 4 KiB it was three).",
        },
    ],
};

/// Sizes per shard. Locked memory needed: 64 bytes per submission entry, 16 per completion entry
/// (four times the submission entries), 16 per buffer, and a few pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ring {
    /// Submission queue entries, a power of two.
    pub entries: u32,
    /// Buffers that requests of clients arrive in.
    pub client_buffers: Buffers,
    /// Buffers that responses of back ends arrive in.
    pub upstream_buffers: Buffers,
    /// How long an idle shard waits inside its ring before it parks in the executor.
    pub linger: Duration,
}

/// One group of provided buffers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Buffers {
    /// How many, a power of two up to 32,768.
    pub count: u16,
    /// Bytes of each.
    pub buffer_bytes: usize,
}

pub(super) fn read(reader: &Reader<'_>) -> Ring {
    Ring {
        entries: u32::from(power_of_two(reader, "entries")),
        client_buffers: read_buffers(&reader.table("client_buffers")),
        upstream_buffers: read_buffers(&reader.table("upstream_buffers")),
        linger: reader.duration("linger"),
    }
}

fn read_buffers(reader: &Reader<'_>) -> Buffers {
    Buffers { count: power_of_two(reader, "count"), buffer_bytes: reader.size("size") }
}

/// The kernel takes powers of two only, and rounding up silently would make the memory limit's
/// arithmetic wrong.
fn power_of_two(reader: &Reader<'_>, name: &'static str) -> u16 {
    let count: u16 = reader.count(name);
    if let (false, Some(value)) = (count.is_power_of_two(), reader.raw(name)) {
        let above = count.checked_next_power_of_two().unwrap_or(1 << 15);
        let way_out = format!("the nearest are {} and {above}", above / 2);
        reader.refuse(name, value, Refused::with("power-of-two", "a power of two", way_out));
    }
    count
}
