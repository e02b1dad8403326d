//! The gateway's own key pair: of the file, else of the first source that has one.

use super::Pair;
use super::metadata::{of_container, of_instance};
use crate::model::{Aws, CredentialSource};
use std::path::PathBuf;

/// Finds it.
///
/// # Errors
/// There is none; in words, with the way out.
pub(super) async fn find(declared: &Aws) -> Result<Pair, String> {
    find_among(declared, |name| std::env::var(name).ok().filter(|value| !value.is_empty())).await
}

/// Finds it where `variable` is the environment.
pub(super) async fn find_among(
    declared: &Aws,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Pair, String> {
    if let Some(pair) = declared.credentials.iter().find(|pair| pair.role.is_none()) {
        return Ok(Pair {
            access_key_id: pair.access_key_id.clone(),
            secret_access_key: pair.secret_access_key.clone(),
            session_token: pair.session_token.clone(),
            expires: None,
        });
    }
    let mut reasons = Vec::new();
    for source in &declared.credential_sources {
        let found = match source {
            CredentialSource::Environment => of_environment(&variable),
            CredentialSource::Profile => of_profile(declared.profile.as_deref(), &variable),
            CredentialSource::Container => of_container(&variable).await,
            CredentialSource::Instance => of_instance(&variable).await,
        };
        match found {
            Ok(pair) => return Ok(pair),
            Err(reason) => reasons.push(reason),
        }
    }
    Err(format!(
        "the gateway has no key pair of its own ({}): declare `[[aws.credentials]]` in the file, with this role or without one",
        if reasons.is_empty() { "no source is asked".to_owned() } else { reasons.join("; ") }
    ))
}

fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Pair, String> {
    match (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY")) {
        (Some(access_key_id), Some(secret_access_key)) => Ok(Pair {
            access_key_id,
            secret_access_key,
            session_token: variable("AWS_SESSION_TOKEN"),
            expires: None,
        }),
        (None, None) => Err("AWS_ACCESS_KEY_ID is not set".to_owned()),
        (Some(_), None) => Err("AWS_SECRET_ACCESS_KEY is not set".to_owned()),
        (None, Some(_)) => Err("AWS_ACCESS_KEY_ID is not set, but its secret is".to_owned()),
    }
}

fn of_profile(
    declared: Option<&str>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Pair, String> {
    let file = variable("AWS_SHARED_CREDENTIALS_FILE").map(PathBuf::from);
    let file = file.or_else(|| Some(PathBuf::from(variable("HOME")?).join(".aws/credentials")));
    let file = file.ok_or("there is no home folder with a credentials file")?;
    let name = declared.map(str::to_owned).or_else(|| variable("AWS_PROFILE"));
    let name = name.unwrap_or_else(|| "default".to_owned());
    let text =
        std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    pair_of_profile(&text, &name)
        .ok_or_else(|| format!("{} has no keys in profile `{name}`", file.display()))
}

/// The keys of a profile: `[name]`, then `key = value` until the next header.
fn pair_of_profile(text: &str, name: &str) -> Option<Pair> {
    let mut is_inside = false;
    let (mut id, mut secret, mut token) = (None, None, None);
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(header) = line.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
            let header = header.trim();
            is_inside = header.strip_prefix("profile ").map_or(header, str::trim) == name;
            continue;
        }
        let Some((key, value)) = line.split_once('=').filter(|_| is_inside) else { continue };
        let value = value.trim().to_owned();
        match key.trim() {
            "aws_access_key_id" => id = Some(value),
            "aws_secret_access_key" => secret = Some(value),
            "aws_session_token" => token = Some(value),
            _ => {}
        }
    }
    Some(Pair {
        access_key_id: id?,
        secret_access_key: secret?,
        session_token: token,
        expires: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
# keys
[default]
aws_access_key_id = AKIDEFAULT
aws_secret_access_key=secret=with/equals

[profile other]
region = eu-west-1
aws_access_key_id = AKIDOTHER
aws_secret_access_key = other
; aws_session_token = no
aws_session_token = yes
[half]
aws_access_key_id = AKIDHALF
";

    #[test]
    fn a_profile_has_its_own_keys() {
        let pair = pair_of_profile(FILE, "default").unwrap();
        assert_eq!(
            (&*pair.access_key_id, &*pair.secret_access_key),
            ("AKIDEFAULT", "secret=with/equals")
        );
        assert_eq!(pair.session_token, None);
        let pair = pair_of_profile(FILE, "other").unwrap();
        assert_eq!(
            (&*pair.access_key_id, pair.session_token.as_deref()),
            ("AKIDOTHER", Some("yes"))
        );
        assert!(pair_of_profile(FILE, "half").is_none());
        assert!(pair_of_profile(FILE, "none").is_none());
    }

    #[test]
    fn both_halves_of_the_environment_are_needed() {
        let of = |set: &[(&str, &str)]| {
            let variable = |name: &str| {
                let found = set.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            of_environment(variable).map(|pair| (pair.access_key_id, pair.session_token))
        };
        let (id, secret) = (("AWS_ACCESS_KEY_ID", "A"), ("AWS_SECRET_ACCESS_KEY", "s"));
        assert_eq!(of(&[id, secret]), Ok(("A".to_owned(), None)));
        let token = ("AWS_SESSION_TOKEN", "t");
        assert_eq!(of(&[id, secret, token]), Ok(("A".to_owned(), Some("t".to_owned()))));
        assert!(of(&[id]).is_err() && of(&[secret]).is_err() && of(&[]).is_err());
    }
}
