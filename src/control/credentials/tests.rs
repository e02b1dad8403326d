//! Roles with pairs in the file, and roles that a stand-in for STS lets be assumed.

use super::*;
use crate::model;
use std::path::Path;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const ROLE: &str = "arn:aws:iam::000000000000:role/api";

fn aws(text: &str) -> Aws {
    model::parse(Path::new("test.toml"), text.to_owned()).expect("a valid file").aws
}

fn roles(names: &[&str]) -> BTreeSet<Box<str>> {
    names.iter().map(|name| Box::from(*name)).collect()
}

/// Answers every request with that, and tells what was asked.
async fn stand_in(answer: String) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, asked) = mpsc::channel(16);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 16 * 1024];
            let mut count = 0;
            // The body comes last, and ends with the role.
            while !request[..count].ends_with(b"api") {
                match stream.read(&mut request[count..]).await {
                    Ok(0) | Err(_) => break,
                    Ok(more) => count += more,
                }
            }
            let _ = sender.try_send(String::from_utf8_lossy(&request[..count]).into_owned());
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (format!("http://{address}"), asked)
}

fn answer(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn pairs_of_the_file_are_there_at_once() {
    let aws = aws(&format!(
        "[[aws.credentials]]\nrole = \"{ROLE}\"\naccess_key_id = \"A\"\nsecret_access_key = \"a\"\n\
         [[aws.credentials]]\nrole = \"*\"\naccess_key_id = \"B\"\nsecret_access_key = \"b\""
    ));
    let mut credentials = Credentials::new(&aws);
    credentials.want(roles(&[ROLE, "arn:other"]));
    assert!(credentials.is_settled() && credentials.tasks.is_empty());
    let table = credentials.tell().unwrap();
    let known: Vec<_> = table.iter().map(|it| (&*it.role, &*it.access_key_id)).collect();
    assert_eq!(known, [(ROLE, "A"), ("*", "B")]);
    assert_eq!(credentials.tell(), None, "nothing has changed since");
}

#[tokio::test]
async fn a_role_is_assumed_with_the_gateways_own_pair() {
    let told = "<Credentials><AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>s</SecretAccessKey>\
                <SessionToken>t</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration></Credentials>";
    let (url, mut asked) = stand_in(answer("200 OK", told)).await;
    let aws = aws(&format!(
        "[aws]\nendpoints = {{ sts = \"{url}\" }}\n\
         [[aws.credentials]]\naccess_key_id = \"OWN\"\nsecret_access_key = \"own\""
    ));
    let mut credentials = Credentials::new(&aws);
    credentials.want(roles(&[ROLE]));
    assert!(!credentials.is_settled());
    credentials.changed().await;
    assert!(credentials.is_settled());
    let table = credentials.table();
    let assumed = table.iter().find(|it| &*it.role == ROLE).unwrap();
    assert_eq!((&*assumed.access_key_id, assumed.session_token.as_deref()), ("ASIA1", Some("t")));
    assert!(assumed.expires.unwrap() > since_epoch());
    let request = asked.recv().await.unwrap();
    assert!(request.contains("Credential=OWN/"), "{request}");
    assert!(
        request.contains("RoleArn=arn%3Aaws%3Aiam%3A%3A000000000000%3Arole%2Fapi"),
        "{request}"
    );
    credentials.want(roles(&[]));
    assert!(credentials.tasks.is_empty() && credentials.table().len() == 1);
}

#[tokio::test]
async fn a_refusal_settles_the_role_without_a_pair() {
    let told = "<Error><Code>AccessDenied</Code><Message>no</Message></Error>";
    let (url, _asked) = stand_in(answer("403 Forbidden", told)).await;
    let text = format!(
        "[aws]\nendpoints = {{ sts = \"{url}\" }}\n\
         [[aws.credentials]]\naccess_key_id = \"OWN\"\nsecret_access_key = \"own\""
    );
    let mut credentials = Credentials::new(&aws(&text));
    credentials.want(roles(&[ROLE]));
    credentials.changed().await;
    assert!(credentials.is_settled());
    assert_eq!(credentials.table().len(), 1, "only the gateway's own");
    let own = own::find(&aws(&text)).await.ok().unwrap();
    let error = sts::assume(ROLE, &own, &aws(&text)).await.err().unwrap();
    assert!(error.contains("AccessDenied: no") && error.contains("`OWN`"), "{error}");
}

#[tokio::test]
async fn without_roles_the_gateways_own_pair_signs() {
    let aws = aws("[aws]\nassume_roles = false\n\
         [[aws.credentials]]\naccess_key_id = \"OWN\"\nsecret_access_key = \"own\"");
    let mut credentials = Credentials::new(&aws);
    credentials.want(roles(&[ROLE]));
    credentials.changed().await;
    let table = credentials.table();
    let known: Vec<_> = table.iter().map(|it| (&*it.role, &*it.access_key_id)).collect();
    assert_eq!(known, [("", "OWN"), (ROLE, "OWN")]);
}

#[tokio::test]
async fn without_any_pair_the_way_out_is_told() {
    let aws = aws("[aws]\ncredential_sources = []");
    let error = own::find(&aws).await.err().unwrap();
    assert!(error.contains("[[aws.credentials]]"), "{error}");
}

/// An STS that lets everybody assume everything under this name.
fn lets(access_key_id: &str) -> String {
    answer(
        "200 OK",
        &format!(
            "<Credentials><AccessKeyId>{access_key_id}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>\
             <SessionToken>t</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration></Credentials>"
        ),
    )
}

/// A file whose STS is there.
fn with_sts(url: &str) -> Aws {
    aws(&format!(
        "[aws]\nendpoints = {{ sts = \"{url}\" }}\n\
         [[aws.credentials]]\naccess_key_id = \"OWN\"\nsecret_access_key = \"own\""
    ))
}

/// The pair that signs for a role, as the shards were told last.
fn signing(credentials: &mut Credentials, role: &str) -> Option<String> {
    credentials.tell();
    known::pair_in(&credentials.told, role).map(|pair| pair.access_key_id.to_string())
}

#[tokio::test]
async fn another_file_takes_no_pair_away_before_it_has_one() {
    let (one, _asked) = stand_in(lets("ONE")).await;
    let (two, _asked) = stand_in(lets("TWO")).await;
    let mut credentials = Credentials::new(&with_sts(&one));
    credentials.want(roles(&[ROLE]));
    credentials.changed().await;
    assert_eq!(signing(&mut credentials, ROLE).as_deref(), Some("ONE"));
    credentials.declare(&with_sts(&two));
    assert!(!credentials.is_settled());
    assert_eq!(signing(&mut credentials, ROLE).as_deref(), Some("ONE"), "until there is another");
    credentials.changed().await;
    assert_eq!(signing(&mut credentials, ROLE).as_deref(), Some("TWO"));
    // One that cannot be assumed any more is used to its end: an hour at most.
    let (refusing, _asked) = stand_in(answer("403 Forbidden", "<Code>AccessDenied</Code>")).await;
    credentials.declare(&with_sts(&refusing));
    credentials.changed().await;
    assert!(credentials.is_settled());
    assert_eq!(signing(&mut credentials, ROLE).as_deref(), Some("TWO"));
}

#[tokio::test]
async fn a_pair_that_the_file_gives_up_is_used_until_something_is_heard_of_its_role() {
    let with_pair = |url: &str| {
        let mut aws = with_sts(url);
        let file =
            "[[aws.credentials]]\nrole = \"*\"\naccess_key_id = \"ALL\"\nsecret_access_key = \"b\"";
        aws.credentials.extend(super::tests::aws(file).credentials);
        aws
    };
    let (sts, _asked) = stand_in(lets("ASSUMED")).await;
    let mut credentials = Credentials::new(&with_pair(&sts));
    credentials.want(roles(&[ROLE]));
    assert_eq!(signing(&mut credentials, ROLE).as_deref(), Some("ALL"));
    credentials.declare(&with_sts(&sts));
    assert_eq!(signing(&mut credentials, ROLE).as_deref(), Some("ALL"));
    credentials.changed().await;
    assert_eq!(signing(&mut credentials, ROLE).as_deref(), Some("ASSUMED"));
    // One without an end must not outlive what the file says.
    credentials.declare(&with_pair(&sts));
    assert_eq!(signing(&mut credentials, ROLE).as_deref(), Some("ALL"));
    let (refusing, _asked) = stand_in(answer("403 Forbidden", "<Code>AccessDenied</Code>")).await;
    credentials.declare(&with_sts(&refusing));
    assert_eq!(signing(&mut credentials, ROLE).as_deref(), Some("ALL"));
    credentials.changed().await;
    assert_eq!(signing(&mut credentials, ROLE), None);
}
