//! Start lines, fields and chunk headers, appended to a byte vector.

/// The reason phrase that goes with a status; empty for one that is not registered.
pub fn reason(status: u16) -> &'static str {
    _ = status;
    ""
}

/// `HTTP/1.1 200 OK` and its line end, with the reason of [`reason`].
pub fn status_line(out: &mut Vec<u8>, status: u16) {
    _ = (out, status);
}

/// `HTTP/1.1 200 Fine` and its line end, with a back end's own reason.
pub fn status_line_with_reason(out: &mut Vec<u8>, status: u16, reason: &[u8]) {
    _ = (out, status, reason);
}

/// `GET /path?query HTTP/1.1` and its line end.
pub fn request_line(out: &mut Vec<u8>, method: &str, path: &[u8], query: Option<&[u8]>) {
    _ = (out, method, path, query);
}

/// `name: value` and its line end.
pub fn field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    _ = (out, name, value);
}

/// `content-length: 123` and its line end.
pub fn content_length(out: &mut Vec<u8>, length: u64) {
    _ = (out, length);
}

/// A number in decimal digits.
pub fn decimal(out: &mut Vec<u8>, number: u64) {
    _ = (out, number);
}

/// The line before a chunk's data. After the data comes [`CHUNK_END`]. Never call it with 0: that
/// would end the body.
pub fn chunk_header(out: &mut Vec<u8>, data_bytes: usize) {
    _ = (out, data_bytes);
}

/// What follows a chunk's data.
pub const CHUNK_END: &[u8] = b"\r\n";

/// The last chunk, without trailers: ends the body.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// The empty line that ends a head.
pub const HEAD_END: &[u8] = b"\r\n";
