//! The path a back end sees, written from a route's parameters.

use super::PathParameters;

/// Which path a back end sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProxyPath {
    /// The request's own path after the base path, byte for byte.
    AsReceived,
    /// A path with parameters filled in.
    Template(PathTemplate),
    /// The request's own path behind this prefix.
    Under(Box<[u8]>),
}

/// Literal text and parameters in turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathTemplate {
    /// In order; the first begins with `/`.
    pub(super) pieces: Box<[Piece]>,
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// Written as it stands.
    Literal(Box<[u8]>),
    /// The n-th path parameter.
    Parameter(u32),
}

/// A path parameter holds `.` or `..` as a segment, which a back end could take for a step out of the
/// path it was meant to stay in. Answer 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("path parameter holds a `.` or `..` segment")]
pub struct DotSegment;

impl ProxyPath {
    /// Writes the path (without query string) to `out`. `request_path` is the path after the base
    /// path; an empty one is written as `/`. On an error `out` holds a part that must not be sent.
    pub fn write(
        &self,
        request_path: &[u8],
        parameters: &PathParameters<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), DotSegment> {
        let _ = (request_path, parameters, out);
        Ok(())
    }
}

impl PathTemplate {
    /// Writes the path with `parameters` (raw, as matched) filled in.
    pub fn write(
        &self,
        parameters: &PathParameters<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), DotSegment> {
        let _ = (parameters, out);
        Ok(())
    }
}
