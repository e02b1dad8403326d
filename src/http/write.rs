//! Start lines, fields and chunk headers, appended to a byte vector.
//!
//! The last step before bytes leave, on both sides of the gateway. Plain copies, no `fmt`: these
//! run several times per request. Values are taken as they are: they come from heads that
//! [`super::request`] and [`super::response`] have checked, or from checked configuration, and text
//! from anywhere else must have lost its CR and LF before it gets here.

/// What follows a chunk's data.
pub const CHUNK_END: &[u8] = b"\r\n";

/// The last chunk, without trailers: ends the body.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// The empty line that ends a head.
pub const HEAD_END: &[u8] = b"\r\n";

macro_rules! statuses {
    ($($status:literal $reason:literal)+) => {
        /// The reason phrase that goes with a status (RFC 9110 section 15 and the registry it
        /// founded); empty for one that is not registered.
        pub fn reason(status: u16) -> &'static str {
            match status {
                $($status => $reason,)+
                _ => "",
            }
        }

        fn registered_status_line(status: u16) -> Option<&'static str> {
            match status {
                $($status => Some(concat!("HTTP/1.1 ", $status, " ", $reason, "\r\n")),)+
                _ => None,
            }
        }
    };
}

statuses! {
    100 "Continue"
    101 "Switching Protocols"
    102 "Processing"
    103 "Early Hints"
    200 "OK"
    201 "Created"
    202 "Accepted"
    203 "Non-Authoritative Information"
    204 "No Content"
    205 "Reset Content"
    206 "Partial Content"
    207 "Multi-Status"
    208 "Already Reported"
    226 "IM Used"
    300 "Multiple Choices"
    301 "Moved Permanently"
    302 "Found"
    303 "See Other"
    304 "Not Modified"
    305 "Use Proxy"
    307 "Temporary Redirect"
    308 "Permanent Redirect"
    400 "Bad Request"
    401 "Unauthorized"
    402 "Payment Required"
    403 "Forbidden"
    404 "Not Found"
    405 "Method Not Allowed"
    406 "Not Acceptable"
    407 "Proxy Authentication Required"
    408 "Request Timeout"
    409 "Conflict"
    410 "Gone"
    411 "Length Required"
    412 "Precondition Failed"
    413 "Content Too Large"
    414 "URI Too Long"
    415 "Unsupported Media Type"
    416 "Range Not Satisfiable"
    417 "Expectation Failed"
    421 "Misdirected Request"
    422 "Unprocessable Content"
    423 "Locked"
    424 "Failed Dependency"
    425 "Too Early"
    426 "Upgrade Required"
    428 "Precondition Required"
    429 "Too Many Requests"
    431 "Request Header Fields Too Large"
    451 "Unavailable For Legal Reasons"
    500 "Internal Server Error"
    501 "Not Implemented"
    502 "Bad Gateway"
    503 "Service Unavailable"
    504 "Gateway Timeout"
    505 "HTTP Version Not Supported"
    506 "Variant Also Negotiates"
    507 "Insufficient Storage"
    508 "Loop Detected"
    511 "Network Authentication Required"
}

/// `HTTP/1.1 200 OK` and its line end, with the reason of [`reason`].
#[inline]
pub fn status_line(out: &mut Vec<u8>, status: u16) {
    match registered_status_line(status) {
        Some(line) => out.extend_from_slice(line.as_bytes()),
        None => status_line_with_reason(out, status, b""),
    }
}

/// `HTTP/1.1 200 Fine` and its line end, with a back end's own reason. The space before the reason
/// stays when there is none (RFC 9112 section 4).
pub fn status_line_with_reason(out: &mut Vec<u8>, status: u16, reason: &[u8]) {
    debug_assert!(is_one_line(reason));
    out.extend_from_slice(b"HTTP/1.1 ");
    decimal(out, u64::from(status));
    out.push(b' ');
    out.extend_from_slice(reason);
    out.extend_from_slice(b"\r\n");
}

/// `GET /path?query HTTP/1.1` and its line end.
pub fn request_line(out: &mut Vec<u8>, method: &str, path: &[u8], query: Option<&[u8]>) {
    debug_assert!(is_one_line(path) && query.is_none_or(is_one_line));
    out.reserve(method.len() + path.len() + query.map_or(0, <[u8]>::len) + 13);
    out.extend_from_slice(method.as_bytes());
    out.push(b' ');
    out.extend_from_slice(path);
    if let Some(query) = query {
        out.push(b'?');
        out.extend_from_slice(query);
    }
    out.extend_from_slice(b" HTTP/1.1\r\n");
}

/// `name: value` and its line end.
#[inline]
pub fn field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    debug_assert!(is_one_line(name) && is_one_line(value));
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// `content-length: 123` and its line end.
pub fn content_length(out: &mut Vec<u8>, length: u64) {
    out.extend_from_slice(b"content-length: ");
    decimal(out, length);
    out.extend_from_slice(b"\r\n");
}

/// A number in decimal digits.
pub fn decimal(out: &mut Vec<u8>, number: u64) {
    // 20 digits hold any 64 bits; filled from the right, two at a time.
    let mut digits = [0; 20];
    let mut left = number;
    let mut used = 0;
    let (pairs, _) = digits.as_chunks_mut::<2>();
    for pair in pairs.iter_mut().rev() {
        *pair = two_digits((left % 100) as u8);
        left /= 100;
        used += 2;
        if left == 0 {
            break;
        }
    }
    let written = digits.get(20 - used..).unwrap_or_default();
    // An odd number of digits has a zero in front, and zero itself a second one.
    out.extend_from_slice(written.strip_prefix(b"0").unwrap_or(written));
}

/// A number below 256 in decimal digits: a part of an address.
#[inline]
pub fn octet(out: &mut Vec<u8>, number: u8) {
    if number >= 100 {
        out.push(b'0' + number / 100);
    }
    let [tens, ones] = two_digits(number % 100);
    if number >= 10 {
        out.push(tens);
    }
    out.push(ones);
}

/// A number below a hundred.
#[inline]
fn two_digits(number: u8) -> [u8; 2] {
    [b'0' + number / 10, b'0' + number % 10]
}

/// The line before a chunk's data. After the data comes [`CHUNK_END`]. Never call it with 0: that
/// would end the body.
pub fn chunk_header(out: &mut Vec<u8>, data_bytes: usize) {
    debug_assert!(data_bytes > 0, "an empty chunk is the last one");
    let digits = (usize::BITS - data_bytes.leading_zeros()).div_ceil(4);
    for position in (0..digits).rev() {
        let digit = u8::try_from((data_bytes >> (position * 4)) & 0xf).unwrap_or_default();
        out.push(if digit < 10 { b'0' + digit } else { b'a' - 10 + digit });
    }
    out.extend_from_slice(b"\r\n");
}

fn is_one_line(text: &[u8]) -> bool {
    memchr::memchr3(b'\r', b'\n', 0, text).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn numbers_are_written_in_as_many_digits_as_they_need() {
        let mut numbers = vec![0, 9, 10, 99, 100, u64::MAX];
        numbers.extend((0..20).map(|power| 10_u64.pow(power)));
        for number in numbers {
            assert_eq!(written(|out| decimal(out, number)), number.to_string());
        }
    }

    #[test]
    fn parts_of_addresses_are_written_as_all_numbers_are() {
        for number in 0..=u8::MAX {
            assert_eq!(written(|out| octet(out, number)), number.to_string());
        }
    }

    #[test]
    fn chunk_headers_are_hexadecimal() {
        for size in [1, 9, 10, 15, 16, 255, 256, 16 * 1024, 0xabc_def0, usize::MAX] {
            assert_eq!(written(|out| chunk_header(out, size)), format!("{size:x}\r\n"));
        }
    }

    #[test]
    fn start_lines_and_fields_end_in_crlf() {
        for (line, expected) in [
            (written(|out| status_line(out, 404)), "HTTP/1.1 404 Not Found\r\n"),
            (written(|out| status_line(out, 299)), "HTTP/1.1 299 \r\n"),
            (written(|out| status_line_with_reason(out, 200, b"Fine")), "HTTP/1.1 200 Fine\r\n"),
            (written(|out| request_line(out, "GET", b"/a", None)), "GET /a HTTP/1.1\r\n"),
            (written(|out| request_line(out, "PUT", b"/a", Some(b""))), "PUT /a? HTTP/1.1\r\n"),
            (written(|out| field(out, b"a", b"b c")), "a: b c\r\n"),
            (written(|out| content_length(out, 0)), "content-length: 0\r\n"),
        ] {
            assert_eq!(line, expected);
        }
    }

    #[test]
    fn every_registered_status_line_says_what_the_reason_says() {
        for status in 100..1_000 {
            assert_eq!(
                written(|out| status_line(out, status)),
                format!("HTTP/1.1 {status} {}\r\n", reason(status))
            );
        }
        assert_eq!(reason(429), "Too Many Requests");
        assert_eq!(reason(418), "");
    }
}
