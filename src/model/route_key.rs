//! A route key: `METHOD /path/{parameter}/{rest+}` or `$default`.

use std::fmt;
use std::str::FromStr;

use super::Protocol;
use super::percent::decoded;
use super::problem::nearest;

/// Most segments of a route's path. Matching recurses once per segment of the route, so this bounds
/// its depth; real APIs stay below 20.
pub const SEGMENTS_MAX: usize = 64;

/// Longest literal segment in bytes, so that a request's segment can be decoded on the stack.
pub const SEGMENT_BYTES_MAX: usize = 255;

/// Most variables of one route: their values live in an array of this size per request.
pub const PARAMETERS_MAX: usize = 16;

/// What a route answers to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RouteKey {
    /// `$default`: whatever no other route takes.
    Default,
    /// A method and a path.
    Path {
        /// The method, or any.
        method: MethodMatch,
        /// The path's segments.
        path: RoutePath,
    },
}

/// The method part of a route key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MethodMatch {
    /// `ANY`: methods without a route of their own on the same path.
    Any,
    /// One method.
    Only(Method),
}

/// The methods a route key can name, as Amazon API Gateway lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "RFC 9110 section 9.3 and RFC 5789 define them")]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
    Head,
    Options,
}

/// The path part of a route key, split at slashes. `/` has no segment; a trailing slash is an empty
/// literal at the end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RoutePath {
    /// The segments in order.
    pub segments: Box<[Segment]>,
}

/// One segment of a route's path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Segment {
    /// Matches itself.
    Literal(Box<str>),
    /// `{name}`: one segment that is not empty.
    Parameter(Box<str>),
    /// `{name+}`: the rest of the path, at least one byte. Only at the end.
    Greedy(Box<str>),
}

/// Why a text is not a route key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteKeyError {
    /// Neither `$default` nor two words.
    #[error("expected a route key such as `GET /pets/{{id}}` or `$default`, found `{found}`{}", if .found.starts_with('$') { "; did you mean `$default`?" } else { "" })]
    Form {
        /// As written.
        found: String,
    },
    /// A word in the method's place that is none.
    #[error("`{found}` is not a method a route can name; {}", .nearest.map_or_else(
        || "use ANY, GET, POST, PUT, PATCH, DELETE, HEAD or OPTIONS".to_owned(),
        |nearest| format!("did you mean `{nearest}`?"),
    ))]
    Method {
        /// As written.
        found: String,
        /// The nearest method.
        nearest: Option<&'static str>,
    },
    /// The path does not begin with a slash.
    #[error("the path of route `{route}` must begin with `/`")]
    NoSlash {
        /// As written.
        route: String,
    },
    /// Two slashes next to each other.
    #[error("the path of route `{route}` has an empty segment: two slashes next to each other")]
    EmptySegment {
        /// As written.
        route: String,
    },
    /// A greedy variable that something follows.
    #[error(
        "`{{{name}+}}` takes the rest of the path, so it must be the last segment of route `{route}`"
    )]
    GreedyNotLast {
        /// The variable.
        name: String,
        /// As written.
        route: String,
    },
    /// Braces that are not around a whole segment.
    #[error(
        "a variable is a whole segment in braces, such as `/{{id}}/`; found `{segment}` in route `{route}`"
    )]
    Braces {
        /// The segment.
        segment: String,
        /// As written.
        route: String,
    },
    /// A variable without a usable name.
    #[error(
        "a variable's name is letters, digits, `_`, `-`, `.` and `:`; found `{segment}` in route `{route}`"
    )]
    Name {
        /// The segment.
        segment: String,
        /// As written.
        route: String,
    },
    /// The same variable twice.
    #[error("variable `{name}` is used twice in route `{route}`")]
    NameTwice {
        /// The variable.
        name: String,
        /// As written.
        route: String,
    },
    /// A byte that cannot be in a path.
    #[error("{character:?} cannot stand in the path of route `{route}`{}", match .character {
        '?' => "; a route matches the path only, never the query string",
        '*' => "",
        ' ' => "; write it as %20",
        _ => "; write it percent-encoded",
    })]
    Character {
        /// The first of them.
        character: char,
        /// As written.
        route: String,
    },
    /// A percent sign without two hexadecimal digits.
    #[error("`%` must be followed by two hexadecimal digits in route `{route}`")]
    Percent {
        /// As written.
        route: String,
    },
    /// A segment that no request can bring unchanged.
    #[error(
        "`{segment}` cannot be a segment of route `{route}`: clients resolve it before they send a request"
    )]
    DotSegment {
        /// `.` or `..`.
        segment: String,
        /// As written.
        route: String,
    },
    /// More than a limit allows.
    #[error("route `{route}` has {found} {what}, at most {max} are allowed")]
    TooMany {
        /// What is counted.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many are allowed.
        max: usize,
        /// As written, cut.
        route: String,
    },
}

impl Method {
    /// All methods, in the order of the documentation.
    pub const ALL: [Method; 7] = [
        Method::Get,
        Method::Post,
        Method::Put,
        Method::Patch,
        Method::Delete,
        Method::Head,
        Method::Options,
    ];

    /// As on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
            Method::Head => "HEAD",
            Method::Options => "OPTIONS",
        }
    }

    /// The method with this name; methods are case-sensitive (RFC 9110 section 9.1).
    pub fn from_name(name: &str) -> Option<Method> {
        Some(match name {
            "GET" => Method::Get,
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "PATCH" => Method::Patch,
            "DELETE" => Method::Delete,
            "HEAD" => Method::Head,
            "OPTIONS" => Method::Options,
            _ => return None,
        })
    }
}

impl MethodMatch {
    /// As in a route key.
    pub fn name(self) -> &'static str {
        match self {
            MethodMatch::Any => "ANY",
            MethodMatch::Only(method) => method.name(),
        }
    }
}

impl FromStr for RouteKey {
    type Err = RouteKeyError;

    fn from_str(text: &str) -> Result<Self, RouteKeyError> {
        if text == "$default" {
            return Ok(RouteKey::Default);
        }
        let Some((method, path)) = text.split_once(' ') else {
            return Err(RouteKeyError::Form { found: cut(text) });
        };
        Ok(RouteKey::Path { method: parse_method(method)?, path: parse_path(text, path)? })
    }
}

fn parse_method(word: &str) -> Result<MethodMatch, RouteKeyError> {
    if word == "ANY" {
        return Ok(MethodMatch::Any);
    }
    Method::from_name(word).map(MethodMatch::Only).ok_or_else(|| {
        let known = Method::ALL.map(Method::name);
        RouteKeyError::Method {
            found: cut(word),
            nearest: nearest(word, known.into_iter().chain(["ANY"])),
        }
    })
}

fn parse_path(key: &str, path: &str) -> Result<RoutePath, RouteKeyError> {
    let route = || cut(key);
    let Some(path) = path.strip_prefix('/') else {
        return Err(RouteKeyError::NoSlash { route: route() });
    };
    if path.is_empty() {
        return Ok(RoutePath { segments: Box::default() });
    }
    let texts: Vec<&str> = path.split('/').collect();
    let mut segments = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        let is_last = index + 1 == texts.len();
        let segment = parse_segment(key, text)?;
        match &segment {
            Segment::Literal(text) if text.is_empty() && !is_last => {
                return Err(RouteKeyError::EmptySegment { route: route() });
            }
            Segment::Greedy(name) if !is_last => {
                let name = name.to_string();
                return Err(RouteKeyError::GreedyNotLast { name, route: route() });
            }
            _ => segments.push(segment),
        }
    }
    let path = RoutePath { segments: segments.into() };
    let names: Vec<&str> = path.parameters().collect();
    if let Some(name) = names
        .iter()
        .enumerate()
        .find_map(|(index, name)| names[..index].contains(name).then_some(name))
    {
        let name = (*name).to_owned();
        return Err(RouteKeyError::NameTwice { name, route: route() });
    }
    for (what, found, max) in [
        ("segments", path.segments.len(), SEGMENTS_MAX),
        ("variables", names.len(), PARAMETERS_MAX),
    ] {
        if found > max {
            return Err(RouteKeyError::TooMany { what, found, max, route: route() });
        }
    }
    Ok(path)
}

fn parse_segment(key: &str, text: &str) -> Result<Segment, RouteKeyError> {
    let route = || cut(key);
    if text.contains(['{', '}']) {
        let inner = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        let Some(inner) = inner.filter(|inner| !inner.contains(['{', '}'])) else {
            return Err(RouteKeyError::Braces { segment: cut(text), route: route() });
        };
        let (name, is_greedy) = match inner.strip_suffix('+') {
            Some(name) => (name, true),
            None => (inner, false),
        };
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_name) {
            return Err(RouteKeyError::Name { segment: cut(text), route: route() });
        }
        return Ok(match is_greedy {
            true => Segment::Greedy(name.into()),
            false => Segment::Parameter(name.into()),
        });
    }
    if matches!(text, "." | "..") {
        return Err(RouteKeyError::DotSegment { segment: text.into(), route: route() });
    }
    // RFC 3986 section 3.3: unreserved, percent-encoded, sub-delims, `:` and `@`; beyond ASCII the
    // text itself is accepted and means its encoding.
    let is_allowed = |c: char| {
        c.is_ascii_alphanumeric()
            || "-._~%!$&'()*+,;=:@".contains(c)
            || (!c.is_ascii() && !c.is_control())
    };
    if let Some(character) = text.chars().find(|&c| !is_allowed(c)) {
        return Err(RouteKeyError::Character { character, route: route() });
    }
    for (at, _) in text.match_indices('%') {
        let digits = text.as_bytes().get(at + 1..at + 3);
        if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
            return Err(RouteKeyError::Percent { route: route() });
        }
    }
    if text.len() > SEGMENT_BYTES_MAX {
        return Err(RouteKeyError::TooMany {
            what: "bytes in one segment",
            found: text.len(),
            max: SEGMENT_BYTES_MAX,
            route: route(),
        });
    }
    Ok(Segment::Literal(text.into()))
}

/// A text short enough for a message.
fn cut(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

impl RoutePath {
    /// Names of the variables from left to right.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Parameter(name) | Segment::Greedy(name) => Some(&**name),
            Segment::Literal(_) => None,
        })
    }

    /// The path with every variable's name left out: two paths of the same shape take the same
    /// requests. HTTP APIs compare decoded literals, so there `/a` and `/%61` have one shape.
    pub fn shape(&self, protocol: Protocol) -> String {
        self.segments.iter().fold(String::new(), |shape, segment| match segment {
            Segment::Literal(text) => {
                // An encoded slash is part of its segment and must not look like one between two.
                let decoded: Vec<u8> = decoded(text.as_bytes())
                    .flat_map(|byte| match byte.value {
                        b'/' => b"%2F".to_vec(),
                        value => vec![value],
                    })
                    .collect();
                match protocol {
                    Protocol::Http => shape + "/" + &String::from_utf8_lossy(&decoded),
                    Protocol::Rest => shape + "/" + text,
                }
            }
            Segment::Parameter(_) => shape + "/{}",
            Segment::Greedy(_) => shape + "/{+}",
        })
    }
}

impl RouteKey {
    /// Names of the path variables from left to right.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        let path = match self {
            RouteKey::Path { path, .. } => Some(path),
            RouteKey::Default => None,
        };
        path.into_iter().flat_map(RoutePath::parameters)
    }
}

impl fmt::Display for RoutePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.segments.is_empty() {
            return formatter.write_str("/");
        }
        for segment in &self.segments {
            match segment {
                Segment::Literal(text) => write!(formatter, "/{text}")?,
                Segment::Parameter(name) => write!(formatter, "/{{{name}}}")?,
                Segment::Greedy(name) => write!(formatter, "/{{{name}+}}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for RouteKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RouteKey::Default => formatter.write_str("$default"),
            RouteKey::Path { method, path } => write!(formatter, "{} {path}", method.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_key_prints_as_it_is_written() {
        for text in ["$default", "GET /", "ANY /{proxy+}", "POST /pets/{id}/toys/", "PUT /a%20b/é"]
        {
            assert_eq!(text.parse::<RouteKey>().expect(text).to_string(), text);
        }
    }

    #[test]
    fn what_is_not_a_route_key_is_refused() {
        let too_deep = format!("GET {}", "/a".repeat(SEGMENTS_MAX + 1));
        let too_long = format!("GET /{}", "a".repeat(SEGMENT_BYTES_MAX + 1));
        let many: String = (0..=PARAMETERS_MAX).map(|index| format!("/{{p{index}}}")).collect();
        let too_many = format!("GET {many}");
        for text in [
            "",
            "GET",
            "/pets",
            "$defualt",
            "get /pets",
            "GET pets",
            "GET  /pets",
            "GET /a//b",
            "GET /{a+}/b",
            "GET /x{a}",
            "GET /{a",
            "GET /{}",
            "GET /{+}",
            "GET /{a b}",
            "GET /{a}/{a}",
            "GET /a?b=c",
            "GET /a b",
            "GET /%zz",
            "GET /%2",
            "GET /../a",
            "TRACE /a",
            &too_deep,
            &too_long,
            &too_many,
        ] {
            assert!(text.parse::<RouteKey>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_limits_themselves_are_allowed() {
        let deep = format!("GET {}", "/a".repeat(SEGMENTS_MAX));
        let long = format!("GET /{}", "a".repeat(SEGMENT_BYTES_MAX));
        let many: String = (0..PARAMETERS_MAX).map(|index| format!("/{{p{index}}}")).collect();
        for text in [deep, long, format!("GET {many}")] {
            assert!(text.parse::<RouteKey>().is_ok(), "{text}");
        }
    }
}
