//! One request of a scenario, compiled: what to send and what to expect.

use crate::template::{Template, Values};
use bytes::Bytes;
use ringgate::http::RequestKind;
use ringgate::ring::Outgoing;
use std::ops::RangeInclusive;

/// One request of a scenario, ready to be written.
#[derive(Debug, Clone)]
pub struct Request {
    /// The name in reports.
    pub name: String,
    /// How often it is drawn, relative to the others; at least 1.
    pub weight: u64,
    /// Whether the answer has a body.
    pub kind: RequestKind,
    /// What the answer must be.
    pub expect: Expect,
    /// Request line and fields; without the empty line when the body is a template.
    head: Template,
    body: Body,
}

/// A body as declared.
#[derive(Debug, Clone, Default)]
pub enum Body {
    /// None.
    #[default]
    None,
    /// The same each time.
    Fixed(Bytes),
    /// Changes with each request.
    Template(Template),
}

/// What the answer must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expect {
    /// Statuses that are as expected.
    pub statuses: Vec<RangeInclusive<u16>>,
    /// What the body must be.
    pub body: BodyCheck,
}

/// What the body must be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum BodyCheck {
    /// Anything.
    #[default]
    Any,
    /// Contain this.
    Contains(Bytes),
    /// Be this.
    Equals(Bytes),
}

impl Default for Expect {
    fn default() -> Self {
        Self { statuses: vec![200..=399], body: BodyCheck::Any }
    }
}

impl Expect {
    /// Whether the status is as expected.
    #[inline]
    pub fn status(&self, status: u16) -> bool {
        self.statuses.iter().any(|range| range.contains(&status))
    }

    /// Whether the body (its first MiB) is as expected.
    pub fn body(&self, body: &[u8]) -> bool {
        match &self.body {
            BodyCheck::Any => true,
            BodyCheck::Contains(part) => {
                part.is_empty() || body.windows(part.len()).any(|window| window == part)
            }
            BodyCheck::Equals(whole) => body == whole,
        }
    }
}

/// Fields as declared: names, and values that may be templates.
pub type HeaderTemplates = Vec<(String, Template)>;

/// A request as declared, for [`Request::compile`].
#[derive(Debug, Clone)]
pub struct Draft {
    /// The name in reports; default: method and path.
    pub name: Option<String>,
    /// Relative frequency.
    pub weight: u64,
    /// Default `GET`, or `POST` when there is a body.
    pub method: Option<String>,
    /// Path and query.
    pub path: Template,
    /// The path as written, for the name.
    pub path_text: String,
    /// Fields of this request.
    pub headers: HeaderTemplates,
    /// The body.
    pub body: Body,
    /// What the answer must be.
    pub expect: Expect,
}

impl Default for Draft {
    /// `GET` of the target itself.
    fn default() -> Self {
        Self {
            name: None,
            weight: 1,
            method: None,
            path: Template::default(),
            path_text: String::new(),
            headers: Vec::new(),
            body: Body::None,
            expect: Expect::default(),
        }
    }
}

impl Request {
    /// Puts head and body together. `shared`: fields of every request, which the request's own of
    /// the same name replace.
    pub fn compile(
        draft: Draft,
        authority: &str,
        shared: &HeaderTemplates,
        keep_alive: bool,
    ) -> Self {
        let method = draft.method.unwrap_or_else(|| {
            let method = match draft.body {
                Body::None => "GET",
                Body::Fixed(_) | Body::Template(_) => "POST",
            };
            method.to_owned()
        });
        let own = |name: &str| {
            let same = |header: &&(String, Template)| header.0.eq_ignore_ascii_case(name);
            draft.headers.iter().any(|header| same(&header))
        };
        let mut headers: HeaderTemplates =
            shared.iter().filter(|(name, _)| !own(name)).cloned().collect();
        headers.extend(draft.headers.iter().cloned());
        let declared =
            |name: &str| headers.iter().any(|(declared, _)| declared.eq_ignore_ascii_case(name));

        let mut head = Template::literal(format!("{method} "));
        head.append(draft.path);
        head.push_text(b" HTTP/1.1\r\n");
        if !declared("host") {
            head.push_text(format!("Host: {authority}\r\n").as_bytes());
        }
        if !declared("user-agent") {
            head.push_text(b"User-Agent: ringgate-loadtest\r\n");
        }
        if !keep_alive && !declared("connection") {
            head.push_text(b"Connection: close\r\n");
        }
        for (name, value) in headers.clone() {
            head.push_text(format!("{name}: ").as_bytes());
            head.append(value);
            head.push_text(b"\r\n");
        }
        // Who states the framing himself gets what he asks for: that is how a lie is tested.
        let framed = declared("content-length") || declared("transfer-encoding");
        let mut body = draft.body;
        if let Body::Template(template) = &body
            && let Some(literal) = template.as_literal()
        {
            body = Body::Fixed(Bytes::copy_from_slice(literal));
        }
        match &body {
            Body::None => head.push_text(b"\r\n"),
            Body::Fixed(bytes) => {
                if !framed {
                    head.push_text(format!("Content-Length: {}\r\n", bytes.len()).as_bytes());
                }
                head.push_text(b"\r\n");
            }
            Body::Template(_) if framed => head.push_text(b"\r\n"),
            Body::Template(_) => head.push_text(b"Content-Length: "),
        }
        if framed && let Body::Template(template) = body {
            head.append(template);
            body = Body::None;
        }
        Self {
            name: draft.name.unwrap_or_else(|| format!("{method} {}", draft.path_text)),
            weight: draft.weight,
            kind: match method.as_str() {
                "HEAD" => RequestKind::Head,
                _ => RequestKind::Other,
            },
            expect: draft.expect,
            head,
            body,
        }
    }

    /// Appends the request with these values. `scratch` is for bodies whose length must be known
    /// before they can be sent.
    #[inline]
    pub fn write(&self, values: &mut Values, scratch: &mut Vec<u8>, into: &mut Outgoing) {
        match &self.body {
            Body::None => self.head.write(values, into.written()),
            Body::Fixed(bytes) => {
                self.head.write(values, into.written());
                into.share(bytes);
            }
            Body::Template(body) => {
                scratch.clear();
                body.write(values, scratch);
                let written = into.written();
                self.head.write(values, written);
                crate::template::write_number(scratch.len() as u64, written);
                written.extend_from_slice(b"\r\n\r\n");
                written.extend_from_slice(scratch);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use crate::template::Lists;

    fn draft(body: Body) -> Draft {
        Draft {
            name: None,
            weight: 1,
            method: None,
            path: Template::compile("/items/{{counter}}", &Lists::new()).unwrap(),
            path_text: "/items/{{counter}}".to_owned(),
            headers: vec![("X-A".to_owned(), Template::literal("own"))],
            body,
            expect: Expect::default(),
        }
    }

    fn written(draft: Draft, keep_alive: bool) -> (String, Request) {
        let shared = vec![
            ("x-a".to_owned(), Template::literal("shared")),
            ("x-b".to_owned(), Template::literal("shared")),
        ];
        let request = Request::compile(draft, "host:1", &shared, keep_alive);
        let mut values = Values { sequence: 41, epoch_ms: 0, random: Random::new(0) };
        let mut outgoing = Outgoing::default();
        request.write(&mut values, &mut Vec::new(), &mut outgoing);
        let bytes = outgoing.slices().flatten().copied().collect();
        (String::from_utf8(bytes).unwrap(), request)
    }

    #[test]
    fn own_fields_replace_shared_ones() {
        let (text, request) = written(draft(Body::None), true);
        assert_eq!(
            text,
            "GET /items/41 HTTP/1.1\r\nHost: host:1\r\nUser-Agent: ringgate-loadtest\r\n\
             x-b: shared\r\nX-A: own\r\n\r\n"
        );
        assert_eq!(request.name, "GET /items/{{counter}}");
    }

    #[test]
    fn a_body_of_changing_length_states_its_length() {
        let body = Template::compile("n={{counter 59}}", &Lists::new()).unwrap();
        let (text, _) = written(draft(Body::Template(body)), false);
        assert!(text.starts_with("POST /items/41 "), "{text}");
        assert!(text.contains("\r\nConnection: close\r\n"), "{text}");
        assert!(text.ends_with("\r\nContent-Length: 5\r\n\r\nn=100"), "{text}");
        let (text, _) = written(draft(Body::Fixed(Bytes::from_static(b"abc"))), true);
        assert!(text.ends_with("\r\nContent-Length: 3\r\n\r\nabc"), "{text}");
    }

    #[test]
    fn stated_framing_is_not_corrected() {
        let mut draft = draft(Body::Fixed(Bytes::from_static(b"abc")));
        let lie = ("content-length".to_owned(), Template::literal("7"));
        draft.headers.push(lie);
        let (text, _) = written(draft, true);
        assert!(text.ends_with("content-length: 7\r\n\r\nabc"), "{text}");
    }

    #[test]
    fn expectations_have_two_sides() {
        let expect = Expect::default();
        assert!(!expect.status(199) && expect.status(200));
        assert!(expect.status(399) && !expect.status(400));
        let contains =
            Expect { body: BodyCheck::Contains(Bytes::from_static(b"ell")), ..Expect::default() };
        assert!(contains.body(b"hello") && !contains.body(b"helo"));
        let equals =
            Expect { body: BodyCheck::Equals(Bytes::from_static(b"hello")), ..Expect::default() };
        assert!(equals.body(b"hello") && !equals.body(b"hello "));
    }
}
