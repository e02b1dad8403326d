//! Containers' and instances' endpoints and STS, as they are and as they should not be.

use super::*;
use crate::model;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// What was asked, in order: heads and contents as they came.
type Asked = Arc<Mutex<Vec<String>>>;

/// Answers each request with what `answers` says, and never where that is nothing.
async fn endpoint(
    answers: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
) -> (String, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Asked::default();
    let (noted, answers) = (Arc::clone(&asked), Arc::new(answers));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (noted, answers) = (Arc::clone(&noted), Arc::clone(&answers));
            tokio::spawn(async move {
                let mut request = Vec::new();
                let is_whole = |request: &[u8]| {
                    let text = String::from_utf8_lossy(request);
                    // Content comes from whoever assumes a role, and ends with the role.
                    text.contains("\r\n\r\n")
                        && (!text.contains("content-length") || text.ends_with("api"))
                };
                while !is_whole(&request) {
                    if stream.read_buf(&mut request).await.unwrap() == 0 {
                        return;
                    }
                }
                let request = String::from_utf8(request).unwrap();
                let answer = answers(&request);
                noted.lock().unwrap().push(request);
                match answer {
                    Some(answer) => {
                        let _ = stream.write_all(answer.as_bytes()).await;
                    }
                    None => std::future::pending().await,
                }
            });
        }
    });
    (url, asked)
}

fn answer(status: &str, body: &str) -> Option<String> {
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    Some(head + body)
}

/// A moment so many seconds from now, as Amazon writes it.
fn in_seconds(seconds: u64) -> String {
    let moment = i64::try_from((since_epoch() + Duration::from_secs(seconds)).as_secs()).unwrap();
    jiff::Timestamp::from_second(moment).unwrap().to_string()
}

fn told(id: &str, seconds: u64) -> String {
    let until = in_seconds(seconds);
    format!(
        r#"{{"Code":"Success","AccessKeyId":"{id}","SecretAccessKey":"hidden","Token":"t","Expiration":"{until}"}}"#
    )
}

fn aws(text: &str) -> Aws {
    model::parse(Path::new("test.toml"), text.to_owned()).expect("a valid file").aws
}

/// What is found with that environment.
async fn find_with(sources: &str, environment: &[(&str, &str)]) -> Result<Pair, String> {
    let declared = aws(&format!("[aws]\ncredential_sources = [{sources}]"));
    let variable = |name: &str| {
        let found = environment.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    own::find_among(&declared, variable).await.and_then(sound)
}

const FULL: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const TOKEN_FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
const ENDPOINT: &str = "AWS_EC2_METADATA_SERVICE_ENDPOINT";

#[tokio::test]
async fn a_container_shows_its_token_which_is_read_each_time() {
    let (url, asked) = endpoint(|_| answer("200 OK", &told("CONTAINER", 3600))).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let environment = [(FULL, url.as_str()), (TOKEN_FILE, file.to_str().unwrap())];
    let error = find_with("\"container\"", &environment).await.err().unwrap();
    assert!(error.contains(TOKEN_FILE) && error.contains(file.to_str().unwrap()), "{error}");
    assert!(asked.lock().unwrap().is_empty(), "nothing is asked without it");
    for token in ["one", "two"] {
        std::fs::write(&file, format!("{token}\n")).unwrap();
        let pair = find_with("\"container\"", &environment).await.ok().unwrap();
        assert_eq!((&*pair.access_key_id, pair.session_token.as_deref()), ("CONTAINER", Some("t")));
        assert!(pair.expires.unwrap() > since_epoch());
        let request = asked.lock().unwrap().pop().unwrap();
        assert!(request.contains(&format!("\r\nauthorization: {token}\r\n")), "{request}");
    }
}

#[tokio::test]
async fn an_instance_is_asked_for_a_token_a_role_and_its_pair() {
    let (url, asked) = endpoint(|request| {
        let is_for = |start: &str| request.starts_with(start);
        match () {
            () if is_for("PUT /latest/api/token ") => answer("200 OK", "the-token"),
            () if !request.contains("\r\nx-aws-ec2-metadata-token: the-token\r\n") => {
                answer("401 Unauthorized", "")
            }
            () if is_for("GET /latest/meta-data/iam/security-credentials/ ") => {
                answer("200 OK", "first\nsecond\n")
            }
            () if is_for("GET /latest/meta-data/iam/security-credentials/first ") => {
                answer("200 OK", &told("INSTANCE", 3600))
            }
            () => answer("404 Not Found", ""),
        }
    })
    .await;
    // With a slash at its end it is the same place.
    for url in [url.clone(), format!("{url}/")] {
        let pair = find_with("\"instance\"", &[(ENDPOINT, &url)]).await.ok().unwrap();
        assert_eq!(&*pair.access_key_id, "INSTANCE");
        let asked = std::mem::take(&mut *asked.lock().unwrap());
        assert_eq!(asked.len(), 3);
        assert!(asked[0].contains("\r\nx-aws-ec2-metadata-token-ttl-seconds: 300\r\n"));
    }
    let off = [(ENDPOINT, url.as_str()), ("AWS_EC2_METADATA_DISABLED", "True")];
    assert!(find_with("\"instance\"", &off).await.is_err());
    assert!(asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_instance_without_a_role_has_no_pair() {
    for (roles, why) in [(answer("200 OK", "\n"), "no role"), (answer("404 Not Found", ""), "404")]
    {
        let answers = move |request: &str| match request.starts_with("PUT ") {
            true => answer("200 OK", "the-token"),
            false => roles.clone(),
        };
        let (url, _) = endpoint(answers).await;
        let error = find_with("\"instance\"", &[(ENDPOINT, &url)]).await.err().unwrap();
        assert!(error.contains(why), "{error}");
    }
}

#[tokio::test]
async fn nonsense_is_no_pair_and_is_not_repeated() {
    let with = |member: &str, value: &str| {
        let mut pair: serde_json::Value = serde_json::from_str(&told("A", 3600)).unwrap();
        pair[member] = value.into();
        pair.to_string()
    };
    let huge = format!("{{\"SecretAccessKey\":\"{}\"}}", "hidden".repeat(ANSWER_BYTES_MAX / 6));
    for (text, why) in [
        (String::new(), "gave no credentials"),
        ("<html>hidden</html>".to_owned(), "gave no credentials"),
        (r#"{"Code":"Failed","SecretAccessKey":"hidden"}"#.to_owned(), "gave no credentials"),
        (huge, "above 65536 bytes"),
        (with("AccessKeyId", ""), "is none"),
        // It would end the field, and begin another.
        (with("AccessKeyId", "A\r\nX: y"), "is none"),
        (with("Token", "t\r\nX: y"), "session token"),
        (with("SecretAccessKey", ""), "is none"),
        (with("Expiration", "soon"), "time of expiry"),
        (with("Expiration", "2001-01-01T00:00:00Z"), "has expired already"),
    ] {
        let (url, _) = endpoint(move |_| answer("200 OK", &text)).await;
        let error = find_with("\"container\"", &[(FULL, &url)]).await.err().unwrap();
        assert!(error.contains(why), "{error} is not {why}");
        assert!(!error.contains("hidden"), "{error}");
    }
    // It is not HTTP, and it ends in the middle.
    for text in ["hidden\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"hidden"] {
        let (url, _) = endpoint(move |_| Some(text.to_owned())).await;
        let error = find_with("\"container\"", &[(FULL, &url)]).await.err().unwrap();
        assert!(error.contains("credentials endpoint") && !error.contains("hidden"), "{error}");
    }
}

#[tokio::test]
async fn the_next_source_is_asked_when_one_refuses_or_is_slow() {
    let (slow, _) = endpoint(|_| None).await;
    let (refusing, _) = endpoint(|_| answer("403 Forbidden", "hidden")).await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let closed = format!("http://{closed}");
    let sources = "\"container\", \"instance\", \"environment\"";
    let keys = [("AWS_ACCESS_KEY_ID", "ENVIRONMENT"), ("AWS_SECRET_ACCESS_KEY", "s")];
    for container in [&refusing, &closed] {
        let begun = std::time::Instant::now();
        let environment = [(FULL, container.as_str()), (ENDPOINT, &slow), keys[0], keys[1]];
        let pair = find_with(sources, &environment).await.ok().unwrap();
        assert_eq!(&*pair.access_key_id, "ENVIRONMENT");
        assert!(begun.elapsed() < PATIENCE, "the metadata service is not waited for for long");
        // Without the last one all of them are told.
        let error = find_with(sources, &environment[..2]).await.err().unwrap();
        let why = if container == &refusing { "answered 403" } else { "Connection refused" };
        for part in [why, "metadata service", "AWS_ACCESS_KEY_ID is not set", "[[aws.credentials]]"]
        {
            assert!(error.contains(part), "{part} is not in {error}");
        }
    }
}

#[tokio::test]
async fn a_pair_is_renewed_before_its_end_and_used_to_it() {
    #[derive(Clone, Copy, PartialEq)]
    enum Sts {
        Gives,
        Refuses,
        IsNonsense,
    }
    let behaviour = Arc::new(Mutex::new((Sts::Gives, 0)));
    let at_sts = Arc::clone(&behaviour);
    let answers = move |_: &str| {
        let mut behaviour = at_sts.lock().unwrap();
        behaviour.1 += 1;
        let (number, until) = (behaviour.1, in_seconds(3));
        match behaviour.0 {
            Sts::Gives => answer(
                "200 OK",
                &format!(
                    "<AccessKeyId>ASIA{number}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>\
                     <SessionToken>t</SessionToken><Expiration>{until}</Expiration>"
                ),
            ),
            Sts::Refuses => answer("503 Service Unavailable", "<Code>Throttling</Code>"),
            Sts::IsNonsense => answer("200 OK", "<AccessKeyId>ASIA</AccessKeyId>"),
        }
    };
    let (url, _) = endpoint(answers).await;
    let declared = aws(&format!(
        "[aws]\nendpoints = {{ sts = \"{url}\" }}\n\
         [[aws.credentials]]\naccess_key_id = \"OWN\"\nsecret_access_key = \"own\""
    ));
    const ROLE: &str = "arn:aws:iam::000000000000:role/api";
    let mut credentials = Credentials::new(&declared);
    credentials.want([ROLE.into()].into());
    let mut last = since_epoch();
    for number in 1..=2 {
        credentials.changed().await;
        let pair = credentials.held[ROLE].clone();
        assert_eq!(&*pair.access_key_id, format!("ASIA{number}"));
        assert!(
            since_epoch() < last || number == 1,
            "the one before is good until this one is there"
        );
        last = pair.expires.unwrap();
    }
    // What does not come leaves what there is; when it comes again, that is the news.
    for broken in [Sts::Refuses, Sts::IsNonsense] {
        let before = {
            let mut behaviour = behaviour.lock().unwrap();
            behaviour.0 = broken;
            behaviour.1
        };
        let waiting = async {
            let mut rest = tokio::time::interval(Duration::from_millis(10));
            while behaviour.lock().unwrap().1 == before {
                rest.tick().await;
            }
        };
        let none_is_taken_away = tokio::select! {
            () = credentials.changed() => false,
            () = waiting => true,
        };
        assert!(none_is_taken_away && credentials.held.contains_key(ROLE));
        behaviour.lock().unwrap().0 = Sts::Gives;
        credentials.changed().await;
        assert!(credentials.held[ROLE].expires.unwrap() > since_epoch());
    }
}
