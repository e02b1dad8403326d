//! A second reader of HTTP/1.1 requests, as naive as can be: what a back end might be.
//!
//! Shares nothing with the parser it checks, and is stricter, not cleverer: it takes exactly what
//! the gateway is meant to write.

/// A request as a back end understands it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) fields: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

/// Reads one request and says what is left behind it.
pub(crate) fn read(bytes: &[u8]) -> Result<(Request, &[u8]), String> {
    let (line, mut rest) = line(bytes)?;
    let line = String::from_utf8(line.to_vec()).map_err(|_| "request line is not text")?;
    let parts: Vec<&str> = line.split(' ').collect();
    let [method, target, "HTTP/1.1"] = parts[..] else {
        return Err(format!("not three parts: {line:?}"));
    };
    if !target.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!("target {target:?}"));
    }
    let mut fields = Vec::new();
    loop {
        let (text, behind) = self::line(rest)?;
        rest = behind;
        if text.is_empty() {
            break;
        }
        let colon = text.iter().position(|&byte| byte == b':').ok_or("no colon")?;
        let name = String::from_utf8(text[..colon].to_vec()).map_err(|_| "name is not text")?;
        let is_name_byte =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_name_byte) {
            return Err(format!("name {name:?}"));
        }
        let value = text[colon + 1..].trim_ascii().to_vec();
        if value.iter().any(|&byte| (byte < 32 && byte != b'\t') || byte == 127) {
            return Err(format!("value {value:?}"));
        }
        fields.push((name.to_lowercase(), value));
    }
    let values = |name: &str| -> Vec<String> {
        fields
            .iter()
            .filter(|(other, _)| other == name)
            .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
            .collect()
    };
    let (lengths, codings) = (values("content-length"), values("transfer-encoding"));
    if values("host").len() != 1 {
        return Err("not one host".to_owned());
    }
    let body = match (&lengths[..], &codings[..]) {
        ([], []) => Vec::new(),
        ([length], []) => {
            let length: usize = length.parse().map_err(|_| "length is no number")?;
            let (body, behind) = rest.split_at_checked(length).ok_or("body cut off")?;
            rest = behind;
            body.to_vec()
        }
        ([], [coding]) if coding == "chunked" => {
            let mut body = Vec::new();
            loop {
                let (size, behind) = self::line(rest)?;
                let size = std::str::from_utf8(size).map_err(|_| "size is not text")?;
                let size = usize::from_str_radix(size, 16).map_err(|_| "size is no number")?;
                let (data, behind) = behind.split_at_checked(size).ok_or("chunk cut off")?;
                let (end, behind) = self::line(behind)?;
                if !end.is_empty() {
                    return Err("chunk is longer than its size".to_owned());
                }
                body.extend_from_slice(data);
                rest = behind;
                if size == 0 {
                    break body;
                }
            }
        }
        _ => return Err(format!("framing {lengths:?} {codings:?}")),
    };
    let request = Request { method: method.to_owned(), target: target.to_owned(), fields, body };
    Ok((request, rest))
}

fn line(bytes: &[u8]) -> Result<(&[u8], &[u8]), String> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n").ok_or("no line end")?;
    let line = &bytes[..end];
    if line.contains(&b'\r') || line.contains(&b'\n') {
        return Err("bare CR or LF".to_owned());
    }
    Ok((line, &bytes[end + 2..]))
}
