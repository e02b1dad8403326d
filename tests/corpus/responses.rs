//! Responses that a gateway must not pass on.

use super::MalformedResponse;

/// Malformed responses to a `GET`.
pub const MALFORMED_RESPONSES: &[MalformedResponse] = &[
    MalformedResponse {
        what: "no HTTP at all",
        bytes: b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        cause: "malformed status line",
        in_head: true,
    },
    MalformedResponse {
        what: "a page without a head",
        bytes: b"<html></html>\r\n\r\n",
        cause: "malformed status line",
        in_head: true,
    },
    MalformedResponse {
        what: "a status of two digits",
        bytes: b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
        cause: "malformed status line",
        in_head: true,
    },
    MalformedResponse {
        what: "a status of four digits",
        bytes: b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
        cause: "malformed status line",
        in_head: true,
    },
    MalformedResponse {
        what: "a status below 100",
        bytes: b"HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n",
        cause: "malformed status line",
        in_head: true,
    },
    MalformedResponse {
        what: "two spaces before the status",
        bytes: b"HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n",
        cause: "malformed status line",
        in_head: true,
    },
    MalformedResponse {
        what: "a NUL in the reason",
        bytes: b"HTTP/1.1 200 O\x00K\r\nContent-Length: 0\r\n\r\n",
        cause: "malformed status line",
        in_head: true,
    },
    MalformedResponse {
        what: "HTTP/2",
        bytes: b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        cause: "http version not supported",
        in_head: true,
    },
    MalformedResponse {
        what: "an empty line before the response",
        bytes: b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        cause: "line does not end in cr lf",
        in_head: true,
    },
    MalformedResponse {
        what: "bare LFs throughout",
        bytes: b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        cause: "line does not end in cr lf",
        in_head: true,
    },
    MalformedResponse {
        what: "a bare LF behind a field",
        bytes: b"HTTP/1.1 200 OK\r\nContent-Length: 0\n\r\n",
        cause: "line does not end in cr lf",
        in_head: true,
    },
    MalformedResponse {
        what: "a bare CR in a value",
        bytes: b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: a\rSet-Cookie: b\r\n\r\n",
        cause: "line does not end in cr lf",
        in_head: true,
    },
    MalformedResponse {
        what: "a folded field",
        bytes: b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: a\r\n b\r\n\r\n",
        cause: "folded field line",
        in_head: true,
    },
    MalformedResponse {
        what: "white space before a colon",
        bytes: b"HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n",
        cause: "white space before colon",
        in_head: true,
    },
    MalformedResponse {
        what: "a field without a colon",
        bytes: b"HTTP/1.1 200 OK\r\nnothing\r\n\r\n",
        cause: "malformed field name",
        in_head: true,
    },
    MalformedResponse {
        what: "a control in a value",
        bytes: b"HTTP/1.1 200 OK\r\nX: \x01\r\n\r\n",
        cause: "control character in field value",
        in_head: true,
    },
    MalformedResponse {
        what: "two lengths",
        bytes: b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        cause: "content-length repeated",
        in_head: true,
    },
    MalformedResponse {
        what: "the same length twice",
        bytes: b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        cause: "content-length repeated",
        in_head: true,
    },
    MalformedResponse {
        what: "lengths in a list",
        bytes: b"HTTP/1.1 200 OK\r\nContent-Length: 3, 3\r\n\r\nabc",
        cause: "content-length invalid",
        in_head: true,
    },
    MalformedResponse {
        what: "a negative length",
        bytes: b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        cause: "content-length invalid",
        in_head: true,
    },
    MalformedResponse {
        what: "a length beyond 63 bits",
        bytes: b"HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\n",
        cause: "content-length invalid",
        in_head: true,
    },
    MalformedResponse {
        what: "a length and a coding",
        bytes: b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        cause: "content-length with transfer-encoding",
        in_head: true,
    },
    MalformedResponse {
        what: "chunked in HTTP/1.0",
        bytes: b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        cause: "transfer-encoding in http/1.0",
        in_head: true,
    },
    MalformedResponse {
        what: "chunked twice",
        bytes: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        cause: "transfer-encoding is not chunked",
        in_head: true,
    },
    MalformedResponse {
        what: "another coding",
        bytes: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        cause: "transfer-encoding is not chunked",
        in_head: true,
    },
    MalformedResponse {
        what: "a chunk size that is no number",
        bytes: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\nabc\r\n0\r\n\r\n",
        cause: "malformed chunk size",
        in_head: false,
    },
    MalformedResponse {
        what: "a chunk size beyond 64 bits",
        bytes: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000003\r\nabc\r\n0\r\n\r\n",
        cause: "malformed chunk size",
        in_head: false,
    },
    MalformedResponse {
        what: "data longer than its chunk",
        bytes: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
        cause: "line in chunked body does not end in cr lf",
        in_head: false,
    },
    MalformedResponse {
        what: "a chunk that ends in a bare LF",
        bytes: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n",
        cause: "line in chunked body does not end in cr lf",
        in_head: false,
    },
    MalformedResponse {
        what: "a malformed trailer",
        bytes: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nnothing\r\n\r\n",
        cause: "malformed or too large trailers",
        in_head: false,
    },
];
