//! The request that is to be explained: from flags, a file in HTTP's form, or a curl command.

use super::{Options, Wrong};
use crate::explain::{Asked, Reply, World};
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Largest file that is read: the largest content that a gateway takes, and a head.
const FILE_BYTES_MAX: u64 = 12 << 20;

/// Ids and the choice between a canary and its stage are the same in every run.
const RANDOM: [u64; 4] = [0x1f2e_3d4c_5b6a_7988, 0x8796_a5b4_c3d2_e1f0, 3, 4];

/// A request in parts.
#[derive(Debug, Default, PartialEq)]
struct Parts {
    method: Option<String>,
    /// A path with its query, or a URL.
    target: String,
    /// `Name: value`.
    fields: Vec<String>,
    content: Option<Vec<u8>>,
}

/// The request that the options describe.
pub(super) fn asked(world: &World, options: &Options) -> Result<Asked, Wrong> {
    let mut parts = match (&options.request, &options.curl) {
        (Some(file), _) => from_http(&read_bytes(file)?)?,
        (None, Some(command)) => from_curl(command)?,
        (None, None) => Parts {
            target: options.target.clone().unwrap_or_else(|| "/".to_owned()),
            ..Parts::default()
        },
    };
    parts.method = options.method.clone().or(parts.method);
    parts.fields.extend(options.header.iter().cloned());
    if let Some(data) = &options.data {
        parts.content = Some(data_of(data)?);
    }
    let is_tls = parts.target.starts_with("https://");
    let base = match &options.api {
        Some(api) => world.base_of(api, options.stage.as_deref())?,
        None => String::new(),
    };
    let (head, content) = head_of(parts, &base)?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Ok(Asked {
        head,
        content,
        peer: SocketAddr::new(options.from, 0),
        local: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), if is_tls { 443 } else { 80 }),
        is_tls,
        received: options.at.map_or(now, Duration::from_secs),
        random: RANDOM,
        reply: options.response.as_deref().map(reply_of).transpose()?,
        verdict: options.authorizer_result.as_deref().map(read_bytes).transpose()?,
    })
}

/// A head as it comes over a connection, and the content behind it.
fn head_of(parts: Parts, base: &str) -> Result<(Vec<u8>, Vec<u8>), String> {
    let Parts { method, target, mut fields, content } = parts;
    let method = method.unwrap_or_else(|| {
        let has_content = content.as_ref().is_some_and(|content| !content.is_empty());
        if has_content { "POST".to_owned() } else { "GET".to_owned() }
    });
    let without_scheme = target.strip_prefix("https://").or_else(|| target.strip_prefix("http://"));
    let (host, path) = match without_scheme {
        Some(rest) => {
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            let (host, path) = rest.split_at(end);
            (Some(host.to_owned()), path.to_owned())
        }
        None => (None, target),
    };
    let path = match path.strip_prefix('/') {
        Some(_) => path,
        None if path == "*" => path,
        None => format!("/{path}"),
    };
    let name_of = |field: &str| {
        field.split_once(':').map(|(name, _)| name.trim().to_ascii_lowercase()).unwrap_or_default()
    };
    if let Some(field) = fields.iter().find(|field| !field.contains(':')) {
        return Err(format!("`{field}` is no header field: expected `Name: value`"));
    }
    if !fields.iter().any(|field| name_of(field) == "host") {
        fields.insert(0, format!("Host: {}", host.as_deref().unwrap_or("localhost")));
    }
    let content = content.unwrap_or_default();
    let is_framed =
        |field: &String| matches!(&*name_of(field), "content-length" | "transfer-encoding");
    if fields.iter().any(|field| name_of(field) == "transfer-encoding") {
        // The content is there as a whole, so chunks are none of its business.
        fields.retain(|field| !is_framed(field));
    }
    if !content.is_empty() && !fields.iter().any(is_framed) {
        fields.push(format!("Content-Length: {}", content.len()));
    }
    let mut head = format!("{method} {base}{path} HTTP/1.1\r\n");
    for field in &fields {
        head.push_str(field.trim());
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    Ok((head.into_bytes(), content))
}

/// A request in HTTP's form. Line ends may be those of a text editor.
fn from_http(bytes: &[u8]) -> Result<Parts, String> {
    let (head, content) = split(bytes);
    let mut lines = head.lines();
    let line = lines.next().unwrap_or_default();
    let mut words = line.split_whitespace();
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Err(format!(
            "expected a request line such as `GET /path HTTP/1.1`, found `{line}`"
        ));
    };
    Ok(Parts {
        method: Some(method.to_owned()),
        target: target.to_owned(),
        fields: lines.filter(|line| !line.trim().is_empty()).map(str::to_owned).collect(),
        content: Some(content),
    })
}

/// Head and content of a message in a file. A newline at the very end is the editor's.
fn split(bytes: &[u8]) -> (String, Vec<u8>) {
    let ends = [&b"\r\n\r\n"[..], b"\n\n"].map(|end| (memchr::memmem::find(bytes, end), end.len()));
    let first = ends.into_iter().filter_map(|(at, length)| Some((at?, length))).min();
    let (head, content) = match first {
        Some((at, length)) => (&bytes[..at], &bytes[at + length..]),
        None => (bytes, &[][..]),
    };
    let content = content.strip_suffix(b"\n").unwrap_or(content);
    (String::from_utf8_lossy(head).into_owned(), content.to_vec())
}

/// What a back end answers: `404`, `404 {"error": 1}`, or a file.
fn reply_of(text: &str) -> Result<Reply, String> {
    let (first, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    if let Ok(status @ 100..=599) = first.parse::<u16>() {
        let content = rest.trim().as_bytes().to_vec();
        let is_json = serde_json::from_slice::<serde_json::Value>(&content).is_ok();
        let kind = if is_json { "application/json" } else { "text/plain" };
        return Ok(reply(status, &[format!("Content-Type: {kind}")], content));
    }
    let bytes = read_bytes(Path::new(text))?;
    if !bytes.starts_with(b"HTTP/") {
        let kind = "Content-Type: application/json".to_owned();
        return Ok(reply(200, &[kind], bytes));
    }
    let (head, content) = split(&bytes);
    let mut lines = head.lines();
    let line = lines.next().unwrap_or_default();
    let status = line.split_whitespace().nth(1).and_then(|it| it.parse().ok());
    let status = status.ok_or_else(|| format!("`{line}` is no status line"))?;
    let fields: Vec<String> = lines.map(str::to_owned).collect();
    Ok(reply(status, &fields, content))
}

fn reply(status: u16, fields: &[String], content: Vec<u8>) -> Reply {
    let mut head = format!("HTTP/1.1 {status} {}\r\n", crate::http::write::reason(status));
    for field in fields {
        let name = field.split(':').next().unwrap_or_default().to_ascii_lowercase();
        if !matches!(&*name, "content-length" | "transfer-encoding" | "connection") {
            head.push_str(field.trim());
            head.push_str("\r\n");
        }
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n", content.len()));
    Reply { head: head.into_bytes(), content }
}

/// A curl command: its method, URL, fields and content; what does not change the request is ignored.
fn from_curl(command: &str) -> Result<Parts, String> {
    let words = words(command)?;
    let mut words = words.into_iter().skip_while(|word| word == "curl" || word.ends_with("/curl"));
    let mut parts = Parts::default();
    let mut content: Option<Vec<u8>> = None;
    let mut is_query = false;
    while let Some(word) = words.next() {
        let (flag, attached) = match word.strip_prefix("--") {
            Some(_) => (word.clone(), None),
            // `-XPOST` and `-d@file`.
            None if word.starts_with('-') && word.len() > 2 => {
                (word[..2].to_owned(), Some(word[2..].to_owned()))
            }
            None => (word.clone(), None),
        };
        let mut value = || {
            attached
                .clone()
                .or_else(|| words.next())
                .ok_or_else(|| format!("`{flag}` lacks its value"))
        };
        match flag.as_str() {
            "-X" | "--request" => parts.method = Some(value()?),
            "-H" | "--header" => parts.fields.push(value()?),
            "-A" | "--user-agent" => parts.fields.push(format!("User-Agent: {}", value()?)),
            "-e" | "--referer" => parts.fields.push(format!("Referer: {}", value()?)),
            "-b" | "--cookie" => parts.fields.push(format!("Cookie: {}", value()?)),
            "-u" | "--user" => {
                let mut encoded = String::new();
                crate::template::base64(value()?.as_bytes(), &mut encoded);
                parts.fields.push(format!("Authorization: Basic {encoded}"));
            }
            "-I" | "--head" => parts.method = Some("HEAD".to_owned()),
            "-G" | "--get" => is_query = true,
            "--url" => parts.target = value()?,
            "-d" | "--data" | "--data-ascii" | "--data-binary" | "--data-raw" | "--json" => {
                let text = value()?;
                let data = match flag.as_str() {
                    "--data-raw" => text.into_bytes(),
                    _ => data_of(&text)?,
                };
                if flag == "--json" {
                    parts.fields.push("Content-Type: application/json".to_owned());
                    parts.fields.push("Accept: application/json".to_owned());
                }
                match &mut content {
                    Some(content) => {
                        content.push(b'&');
                        content.extend(data);
                    }
                    None => content = Some(data),
                }
            }
            // Those that take a value and change nothing of the request.
            "-o" | "--output" | "-w" | "--write-out" | "-m" | "--max-time"
            | "--connect-timeout" | "--cacert" | "--cert" | "--key" | "--resolve" | "-x"
            | "--proxy" | "--retry" => {
                value()?;
            }
            "-F" | "--form" => {
                return Err("forms (`-F`) are not read: use --request FILE".to_owned());
            }
            flag if flag.starts_with('-') => {}
            target => parts.target = target.to_owned(),
        }
    }
    if parts.target.is_empty() {
        return Err("the curl command names no URL".to_owned());
    }
    match content {
        Some(content) if is_query => {
            let joint = if parts.target.contains('?') { '&' } else { '?' };
            parts.target.push(joint);
            parts.target.push_str(&String::from_utf8_lossy(&content));
        }
        Some(content) => {
            let has_type = |field: &String| field.to_ascii_lowercase().starts_with("content-type:");
            if !parts.fields.iter().any(has_type) {
                let form = "Content-Type: application/x-www-form-urlencoded".to_owned();
                parts.fields.push(form);
            }
            parts.content = Some(content);
        }
        None => {}
    }
    Ok(parts)
}

/// A command's words, as a shell would split them; without variables and the like.
fn words(command: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = command.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(quoted), it) if it == quoted => quote = None,
            (Some('\''), it) => word.get_or_insert_default().push(it),
            (Some(_), '\\') => match characters.next() {
                Some(it @ ('"' | '\\' | '$' | '`')) => word.get_or_insert_default().push(it),
                Some('\n') => {}
                Some(it) => word.get_or_insert_default().extend(['\\', it]),
                None => {}
            },
            (Some(_), it) => word.get_or_insert_default().push(it),
            (None, it @ ('\'' | '"')) => {
                quote = Some(it);
                word.get_or_insert_default();
            }
            (None, '\\') => match characters.next() {
                Some('\n') | None => {}
                Some(it) => word.get_or_insert_default().push(it),
            },
            (None, it) if it.is_whitespace() => words.extend(word.take()),
            (None, it) => word.get_or_insert_default().push(it),
        }
    }
    if quote.is_some() {
        return Err("the curl command has a quote that is not closed".to_owned());
    }
    words.extend(word);
    Ok(words)
}

/// Text, or a file's content behind `@`.
fn data_of(text: &str) -> Result<Vec<u8>, String> {
    match text.strip_prefix('@') {
        Some(file) => read_bytes(Path::new(file)),
        None => Ok(text.as_bytes().to_vec()),
    }
}

/// A file's text.
pub(super) fn read(file: &Path) -> Result<String, String> {
    String::from_utf8(read_bytes(file)?).map_err(|_| format!("{} is no UTF-8", file.display()))
}

fn read_bytes(file: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |error: std::io::Error| format!("cannot read {}: {error}", file.display());
    let mut bytes = Vec::new();
    let read = match file.to_str() {
        Some("-") => std::io::stdin().lock().take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes),
        _ => {
            let opened = std::fs::File::open(file).map_err(unreadable)?;
            opened.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)
        }
    };
    read.map_err(unreadable)?;
    match bytes.len() as u64 > FILE_BYTES_MAX {
        true => Err(format!("{} is larger than 12 MiB", file.display())),
        false => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(parts: Parts) -> String {
        String::from_utf8(head_of(parts, "").unwrap().0).unwrap()
    }

    #[test]
    fn a_curl_command_is_a_request() {
        let parts = from_curl(
            "curl -sS -XPOST 'https://a.test/x?y=1' \\\n -H 'X-A: it'\\''s' --data \"{\\\"a\\\": 1}\" -u me:pw",
        )
        .unwrap();
        assert_eq!(
            head(parts),
            "POST /x?y=1 HTTP/1.1\r\nHost: a.test\r\nX-A: it's\r\nAuthorization: Basic bWU6cHc=\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 8\r\n\r\n"
        );
        let parts = from_curl("curl -G a/b -d x=1 -d y=2 -o /dev/null").unwrap();
        assert_eq!(head(parts), "GET /a/b?x=1&y=2 HTTP/1.1\r\nHost: localhost\r\n\r\n");
        for wrong in ["curl", "curl 'x", "curl -H", "curl -F a=b http://x/"] {
            assert!(from_curl(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_request_in_a_file_may_have_an_editors_line_ends() {
        let parts = from_http(b"PUT /a HTTP/1.1\nHost: b\nX: 1\n\n{\"c\": 2}\n").unwrap();
        assert_eq!(head(parts), "PUT /a HTTP/1.1\r\nHost: b\r\nX: 1\r\nContent-Length: 8\r\n\r\n");
        assert!(from_http(b"nonsense").is_err());
        let parts = from_http(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nabc").unwrap();
        assert!(head(parts).ends_with("\r\nContent-Length: 3\r\n\r\n"));
    }

    #[test]
    fn an_answer_is_a_status_or_a_file() {
        let reply = reply_of("404 {\"a\": 1}").unwrap();
        assert!(
            reply.head.starts_with(b"HTTP/1.1 404 Not Found\r\nContent-Type: application/json")
        );
        assert_eq!(reply.content, b"{\"a\": 1}");
        assert_eq!(reply_of("204").unwrap().content, b"");
        assert!(reply_of("/no/such/file").is_err());
    }

    #[test]
    fn a_field_without_a_colon_is_told() {
        let parts = Parts { fields: vec!["X".into()], ..Parts::default() };
        assert!(head_of(parts, "").unwrap_err().contains("`X` is no header field"));
    }
}
