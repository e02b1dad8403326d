//! A fixed response, ready to be sent.

use bytes::Bytes;

use crate::model;

/// A fixed response.
#[derive(Debug)]
pub struct Mock {
    /// The status code, 200 to 599.
    pub status: u16,
    /// Ready-made bytes: status line, its fields, content-type and content-length where the status
    /// has content, each line with CRLF. Without `Date`, request id and `Connection`, and without the
    /// final empty line: those differ per request.
    pub head: Box<[u8]>,
    /// The content. Left out of the answer to HEAD.
    pub body: Bytes,
}

/// A copy shares nothing with the original: it goes to another core, and counting references to shared
/// content would have cores wait for each other with every answer.
impl Clone for Mock {
    fn clone(&self) -> Self {
        let body = Bytes::copy_from_slice(&self.body);
        Self { status: self.status, head: self.head.clone(), body }
    }
}

impl Mock {
    pub(super) fn compile(mock: &model::Mock) -> Self {
        let mut head = format!("HTTP/1.1 {} {}\r\n", mock.status, reason(mock.status));
        for (name, value) in &mock.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        // RFC 9110 section 8.6: no Content-Length with 204; with 304 it would describe a 200's.
        if !matches!(mock.status, 204 | 304) {
            let is_type = |name: &str| name.eq_ignore_ascii_case("content-type");
            if !mock.headers.iter().any(|(name, _)| is_type(name)) {
                head.push_str("content-type: application/json\r\n");
            }
            head.push_str(&format!("content-length: {}\r\n", mock.body.len()));
        }
        Self {
            status: mock.status,
            head: head.into_bytes().into(),
            body: Bytes::from(mock.body.clone()),
        }
    }
}

/// The reason phrase, for people who read traces (RFC 9110 section 15); empty when there is none.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(status: u16, headers: &[(&str, &str)], body: &str) -> String {
        let mock = Mock::compile(&model::Mock {
            status,
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into()))
                .collect(),
            body: body.into(),
        });
        String::from_utf8_lossy(&mock.head).into_owned()
    }

    #[test]
    fn a_head_is_complete_but_for_what_differs_per_request() {
        assert_eq!(
            head(200, &[("Content-Type", "text/plain"), ("x-a", "b")], "hello"),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nx-a: b\r\ncontent-length: 5\r\n"
        );
        assert_eq!(
            head(299, &[], ""),
            "HTTP/1.1 299 \r\ncontent-type: application/json\r\ncontent-length: 0\r\n"
        );
    }

    #[test]
    fn a_copy_shares_no_memory() {
        let mock =
            Mock::compile(&model::Mock { status: 200, headers: Vec::new(), body: "hello".into() });
        let copy = mock.clone();
        assert_eq!(copy.body, mock.body);
        assert_ne!(copy.body.as_ptr(), mock.body.as_ptr());
    }

    #[test]
    fn a_status_without_content_has_no_length() {
        for status in [204, 304] {
            assert!(!head(status, &[], "").contains("content-"), "{status}");
        }
    }
}
