//! `[log]`: what ringgate writes about itself to standard error.

/// Level and shape of the log. Access logs are their own thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Filter in `tracing` directive syntax, e.g. `info` or `info,ringgate::shard=debug`.
    pub level: String,
    /// Text for people or JSON for machines.
    pub format: LogFormat,
}

/// The shape of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One readable line per event.
    Text,
    /// One JSON object per event.
    Json,
}
