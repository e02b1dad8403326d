//! Metadata: key pairs that containers and instances are told by an endpoint beside them.

use super::{Pair, client, plain, read};
use serde::Deserialize;
use std::net::IpAddr;
use std::time::Duration;

/// Where containers are told credentials when they are told a path only (ECS).
const CONTAINER: &str = "http://169.254.170.2";

/// Where instances are told about themselves.
const INSTANCE: &str = "http://169.254.169.254";

/// Other addresses of the host's own that credentials may come from without TLS: EKS.
const EKS: [&str; 2] = ["169.254.170.23", "fd00:ec2::23"];

/// How long one question to the metadata service may take: it is next door, and elsewhere than at AWS it
/// is not there at all.
const INSTANCE_PATIENCE: Duration = Duration::from_secs(1);

/// What is told.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Told {
    access_key_id: String,
    secret_access_key: String,
    token: Option<String>,
    expiration: Option<String>,
}

fn told(text: &str, place: &str) -> Result<Pair, String> {
    // No word of the answer goes on: it may hold the secret.
    let told: Told =
        serde_json::from_str(text).map_err(|_| format!("{place} gave no credentials"))?;
    let expires = told.expiration.as_deref().map(moment).transpose();
    Ok(Pair {
        access_key_id: told.access_key_id,
        secret_access_key: told.secret_access_key,
        session_token: told.token.filter(|it| !it.is_empty()),
        expires: expires.map_err(|error| format!("{place}: {error}"))?,
    })
}

/// A moment as time since 1970.
pub(super) fn moment(text: &str) -> Result<Duration, String> {
    let moment: Result<jiff::Timestamp, _> = text.trim().parse();
    let seconds = moment.map(|it| u64::try_from(it.as_second()).unwrap_or_default());
    seconds.map(Duration::from_secs).map_err(|_| "its time of expiry cannot be read".to_owned())
}

/// From the endpoint of a container (ECS, EKS).
///
/// # Errors
/// There is no such endpoint, or it gives nothing that can be used.
pub(super) async fn of_container(
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Pair, String> {
    let url = container_url(&variable)?;
    let token = match variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
        // Read each time: who runs the container renews it.
        Some(file) => {
            let text = std::fs::read_to_string(&file).map_err(|error| {
                format!("the file of AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: {file}: {error}")
            })?;
            Some(text.trim().to_owned())
        }
        None => variable("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
    };
    let mut request = client()?.get(url);
    if let Some(token) = token {
        request = request.header("Authorization", token);
    }
    let place = "the container's credentials endpoint";
    let response = request.send().await.map_err(|error| format!("{place}: {}", plain(&error)))?;
    match read(response).await.map_err(|error| format!("{place}: {error}"))? {
        (200, text) => told(&text, place),
        (status, _) => Err(format!("{place} answered {status}")),
    }
}

/// Which endpoint a container has. Without TLS only the host itself is believed, as by Amazon's SDKs: what
/// it is sent lets others have the credentials, and what it says is signed with.
fn container_url(variable: &impl Fn(&str) -> Option<String>) -> Result<reqwest::Url, String> {
    let name = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
    let parsed = |text: &str| {
        reqwest::Url::parse(text).map_err(|error| format!("{name} is no URL: {error}"))
    };
    if let Some(path) = variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
        let slash = if path.starts_with('/') { "" } else { "/" };
        return parsed(&format!("{CONTAINER}{slash}{path}"));
    }
    let url = variable(name).ok_or("no AWS_CONTAINER_CREDENTIALS_… is set")?;
    let url = parsed(&url)?;
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let is_near = match address.parse::<IpAddr>() {
        Ok(parsed) => {
            parsed.is_loopback() || EKS.contains(&address) || CONTAINER.ends_with(address)
        }
        Err(_) => host == "localhost",
    };
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_near => Ok(url),
        _ => Err(format!("{name} is neither https nor of this host")),
    }
}

/// By IMDSv2: a token first, then the role's name, then its credentials.
///
/// # Errors
/// There is no metadata service, or it gives nothing that can be used.
pub(super) async fn of_instance(variable: impl Fn(&str) -> Option<String>) -> Result<Pair, String> {
    if variable("AWS_EC2_METADATA_DISABLED").is_some_and(|it| it.eq_ignore_ascii_case("true")) {
        return Err("AWS_EC2_METADATA_DISABLED is set".to_owned());
    }
    let base = variable("AWS_EC2_METADATA_SERVICE_ENDPOINT").unwrap_or_else(|| INSTANCE.to_owned());
    let base = base.trim_end_matches('/');
    let client = client()?;
    let place = "the instance's metadata service";
    let ask = |request: reqwest::RequestBuilder| async move {
        let request = request.timeout(INSTANCE_PATIENCE);
        let sent = request.send().await.map_err(|error| format!("{place}: {}", plain(&error)))?;
        match read(sent).await.map_err(|error| format!("{place}: {error}"))? {
            (200, text) => Ok(text),
            (status, _) => Err(format!("{place} answered {status}")),
        }
    };
    let seconds = "X-aws-ec2-metadata-token-ttl-seconds";
    let token = ask(client.put(format!("{base}/latest/api/token")).header(seconds, "300")).await?;
    let with_token = |path: &str| {
        let url = format!("{base}/latest/meta-data/iam/security-credentials/{path}");
        client.get(url).header("X-aws-ec2-metadata-token", token.trim())
    };
    let roles = ask(with_token("")).await?;
    let role = roles.lines().next().unwrap_or_default().trim();
    if role.is_empty() {
        return Err(format!("{place} knows no role of the instance"));
    }
    told(&ask(with_token(role)).await?, place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_may_expire_and_a_bad_answer_is_not_repeated() {
        let text = r#"{"AccessKeyId":"A","SecretAccessKey":"s","Token":"t","Expiration":"2026-03-01T00:00:00Z"}"#;
        let pair = told(text, "x").unwrap();
        assert_eq!(pair.expires, Some(Duration::from_secs(1_772_323_200)));
        let bad = told(r#"{"SecretAccessKey":"hidden"}"#, "x").err().unwrap();
        assert!(!bad.contains("hidden"), "{bad}");
        let text = r#"{"AccessKeyId":"A","SecretAccessKey":"hidden","Expiration":"soon"}"#;
        assert_eq!(told(text, "x").err().unwrap(), "x: its time of expiry cannot be read");
    }

    #[test]
    fn only_the_host_itself_is_believed_without_tls() {
        let of = |name: &'static str, value: &'static str| {
            let variable = |asked: &str| (asked == name).then(|| value.to_owned());
            container_url(&variable).map(|url| url.to_string())
        };
        let relative = |value| of("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", value);
        for path in ["/v2/credentials?id=x", "v2/credentials?id=x"] {
            assert_eq!(relative(path).unwrap(), "http://169.254.170.2/v2/credentials?id=x");
        }
        let full = |value| of("AWS_CONTAINER_CREDENTIALS_FULL_URI", value);
        for good in [
            "http://127.0.0.1:1234/x",
            "http://[::1]/x",
            "http://localhost/x",
            "http://169.254.170.2/x",
            "http://169.254.170.23/v1/credentials",
            "http://[fd00:ec2::23]/v1/credentials",
            "https://far.test/x",
        ] {
            assert_eq!(full(good).unwrap(), good);
        }
        for bad in [
            "http://far.test/x",
            "http://10.0.0.1/",
            "http://localhost.far.test/",
            "ftp://127.0.0.1/",
            "x",
        ] {
            assert!(full(bad).is_err(), "{bad}");
        }
        assert!(of("OTHER", "x").is_err());
    }
}
