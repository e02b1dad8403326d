//! AssumeRole: a role's temporary key pair for the gateway's own.

use super::metadata::moment;
use super::{Pair, client, plain, read};
use crate::aws::sigv4::{Request, Signer};
use crate::model::Aws;
use std::time::SystemTime;

/// An hour: the most that a role may be assumed for by one that was assumed itself.
const SECONDS: u32 = 3600;

/// Assumes a role.
///
/// # Errors
/// In words, with what may be done about it.
pub(super) async fn assume(role: &str, own: &Pair, declared: &Aws) -> Result<Pair, String> {
    let region = &declared.region;
    let endpoint = declared.endpoints.get("sts").or_else(|| declared.endpoints.get("*"));
    let endpoint = match endpoint {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => format!("https://sts.{region}.amazonaws.com"),
    };
    let unreachable = |reason: String| format!("STS at {endpoint} cannot be asked: {reason}");
    let url = reqwest::Url::parse(&format!("{endpoint}/"))
        .map_err(|error| unreachable(error.to_string()))?;
    let host = match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or_default().to_owned(),
    };
    let mut body = format!(
        "Action=AssumeRole&Version=2011-06-15&DurationSeconds={SECONDS}&RoleSessionName=ringgate&RoleArn="
    );
    for byte in role.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                body.push(char::from(byte));
            }
            _ => body.push_str(&format!("%{byte:02X}")),
        }
    }
    let signer = Signer {
        access_key_id: &own.access_key_id,
        secret_access_key: &own.secret_access_key,
        session_token: own.session_token.as_deref(),
        region,
        service: "sts",
    };
    let kind = "application/x-www-form-urlencoded";
    let fields: [(&str, &[u8]); 2] = [("host", host.as_bytes()), ("content-type", kind.as_bytes())];
    let path = url.path().to_owned();
    let request =
        Request { method: "POST", path: &path, query: "", fields: &fields, body: body.as_bytes() };
    let signature = signer.sign(&request, SystemTime::now());
    let mut call = client()?.post(url).header("content-type", kind);
    for (name, value) in signature {
        call = call.header(name, value);
    }
    let response = call.body(body).send().await.map_err(|error| unreachable(plain(&error)))?;
    let (status, text) = read(response).await.map_err(unreachable)?;
    if status != 200 {
        let code = element(&text, "Code").unwrap_or("no reason");
        let message = element(&text, "Message").unwrap_or_default();
        return Err(format!(
            "STS refuses to let `{}` assume it: {code}: {message}; let the role trust that key's owner, or give the role a pair in the file",
            own.access_key_id
        ));
    }
    pair(&text).ok_or_else(|| unreachable("its answer has no credentials".to_owned()))
}

fn pair(text: &str) -> Option<Pair> {
    Some(Pair {
        access_key_id: element(text, "AccessKeyId")?.to_owned(),
        secret_access_key: element(text, "SecretAccessKey")?.to_owned(),
        session_token: Some(element(text, "SessionToken")?.to_owned()),
        expires: Some(moment(element(text, "Expiration")?).ok()?),
    })
}

/// The text of the first element of that name. None of those that are read here has anything in it
/// that XML would have to escape, but for messages, which are for people.
fn element<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (inner, _) = rest.split_once("</")?;
    Some(inner.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn credentials_are_read_from_the_answer() {
        let text = "<AssumeRoleResponse><AssumeRoleResult><Credentials>\
            <AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>a/b+c</SecretAccessKey>\
            <SessionToken>\n t== \n</SessionToken><Expiration>2026-03-01T00:00:00.000Z</Expiration>\
            </Credentials></AssumeRoleResult></AssumeRoleResponse>";
        let pair = pair(text).unwrap();
        assert_eq!((&*pair.access_key_id, &*pair.secret_access_key), ("ASIA1", "a/b+c"));
        assert_eq!(pair.session_token.as_deref(), Some("t=="));
        assert_eq!(pair.expires, Some(Duration::from_secs(1_772_323_200)));
        assert!(super::pair("<AccessKeyId>A</AccessKeyId>").is_none());
    }
}
