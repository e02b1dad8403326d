//! Claims: read, timed, checked; against AWS's published signatures, against botocore as an oracle
//! (`tests/vectors/sigv4.py`), and against what a flipped bit makes of them.

use super::super::Signer;
use super::*;
use proptest::prelude::*;
use serde::Deserialize;

/// Of AWS's published suite.
const SUITE_KEY: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

#[derive(Deserialize)]
struct Vectors {
    access_key_id: String,
    secret_access_key: String,
    date: String,
    vectors: Vec<Vector>,
}

#[derive(Deserialize, Clone, Debug)]
struct Vector {
    form: String,
    service: String,
    region: String,
    method: String,
    target: String,
    fields: Vec<(String, String)>,
    body: String,
    token: Option<String>,
}

impl Vector {
    fn body(&self) -> Vec<u8> {
        let digits = self.body.as_bytes().chunks(2);
        digits
            .map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap())
            .collect()
    }

    fn with<T>(&self, check: impl FnOnce(&Request<'_>) -> T) -> T {
        let fields: Vec<(&str, &[u8])> =
            self.fields.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let body = self.body();
        check(&Request { method: &self.method, path, query, fields: &fields, body: &body })
    }
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("../../../tests/vectors/sigv4.json")).unwrap()
}

fn time(text: &str) -> SystemTime {
    AmzDate::parse(text).unwrap().time()
}

fn suite_time() -> SystemTime {
    time("20150830T123600Z")
}

fn check(request: &Request<'_>, secret: &str, now: SystemTime) -> Result<Claim, Fault> {
    let claim = Claim::read(request)?.ok_or_else(Fault::internal)?;
    claim.check_time(now)?;
    claim.check_signature(request, secret, Payload::MayBeUnsigned)?;
    Ok(claim)
}

#[test]
fn amazons_published_signatures_are_accepted_and_made() {
    for (method, target, fields, service, signature) in [
        (
            "GET",
            "/",
            vec![("Host", "example.amazonaws.com")],
            "service",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            "POST",
            "/",
            vec![("Host", "example.amazonaws.com")],
            "service",
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
        (
            "GET",
            "/?Param2=value2&Param1=value1",
            vec![("Host", "example.amazonaws.com")],
            "service",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            "GET",
            "/?%E1%88%B4=bar",
            vec![("Host", "example.amazonaws.com")],
            "service",
            "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
        ),
        (
            "GET",
            "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
            vec![("Host", "example.amazonaws.com")],
            "service",
            "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
        ),
        (
            "GET",
            "/?Action=ListUsers&Version=2010-05-08",
            vec![
                ("Host", "iam.amazonaws.com"),
                ("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),
            ],
            "iam",
            "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
        ),
    ] {
        let signer = Signer {
            access_key_id: SUITE_KEY,
            secret_access_key: SECRET,
            session_token: None,
            region: "us-east-1",
            service,
        };
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let bare: Vec<(&str, &[u8])> =
            fields.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let request = Request { method, path, query, fields: &bare, body: b"" };
        let added = signer.sign(&request, suite_time());
        let (_, authorization) = added.last().unwrap();
        assert!(authorization.ends_with(signature), "{target}: {authorization}");
        let mut fields = bare.clone();
        fields.extend(added.iter().map(|(name, value)| (*name, value.as_bytes())));
        check(&Request { fields: &fields, ..request }, SECRET, suite_time()).unwrap();
    }
}

#[test]
fn what_botocore_signs_is_accepted_and_nothing_else() {
    let all = vectors();
    let now = time(&all.date);
    assert!(all.vectors.len() > 200);
    for vector in &all.vectors {
        let claim = vector
            .with(|request| check(request, &all.secret_access_key, now))
            .unwrap_or_else(|fault| panic!("{fault}: {vector:?}"));
        assert_eq!(claim.scope.access_key_id, all.access_key_id);
        assert_eq!(
            (claim.scope.region, claim.scope.service),
            (vector.region.clone(), vector.service.clone())
        );
        assert_eq!(claim.session_token, vector.token);
        assert_eq!(claim.form == Form::Header, vector.form == "header");
        let other = vector.with(|request| check(request, "another secret access key", now));
        assert_eq!(other.unwrap_err().kind, "InvalidSignatureException");
    }
}

#[test]
fn what_is_signed_here_is_what_botocore_signs() {
    let all = vectors();
    let mut compared = 0;
    for vector in all.vectors.iter().filter(|vector| vector.form == "header") {
        let mut bare = vector.clone();
        let added = ["authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"];
        bare.fields.retain(|(name, _)| !added.contains(&name.to_ascii_lowercase().as_str()));
        let signer = Signer {
            access_key_id: &all.access_key_id,
            secret_access_key: &all.secret_access_key,
            session_token: vector.token.as_deref(),
            region: &vector.region,
            service: &vector.service,
        };
        let made = bare.with(|request| signer.sign(request, time(&all.date)));
        let made = &made.last().unwrap().1;
        let theirs = vector.fields.iter().find(|(name, _)| name == "Authorization").unwrap();
        // botocore takes a query as it is; where that is not AWS's form the two must differ.
        let query = vector.target.split_once('?').map_or("", |(_, query)| query);
        let is_plain = canonical::forms(
            "apigateway",
            &Request { method: "GET", path: "/", query, fields: &[], body: b"" },
        )
        .len()
            == 1;
        assert_eq!(*made == theirs.1, is_plain, "{vector:?}");
        compared += usize::from(is_plain);
    }
    assert!(compared > 80, "{compared}");
}

fn signed_at(date: &str) -> (String, String) {
    let fields: [(&str, &[u8]); 1] = [("host", b"h")];
    let request = Request { method: "GET", path: "/", query: "", fields: &fields, body: b"" };
    let signer = Signer {
        access_key_id: SUITE_KEY,
        secret_access_key: SECRET,
        session_token: None,
        region: "us-east-1",
        service: "apigateway",
    };
    let mut added = signer.sign(&request, time(date)).into_iter();
    (added.next().unwrap().1, added.next_back().unwrap().1)
}

#[test]
fn a_signature_is_good_for_five_minutes_either_way() {
    let (date, authorization) = signed_at("20260301T120000Z");
    let fields: [(&str, &[u8]); 3] = [
        ("host", b"h"),
        ("x-amz-date", date.as_bytes()),
        ("authorization", authorization.as_bytes()),
    ];
    let request = Request { method: "GET", path: "/", query: "", fields: &fields, body: b"" };
    for good in ["20260301T115500Z", "20260301T120000Z", "20260301T120500Z"] {
        check(&request, SECRET, time(good)).unwrap();
    }
    let late = check(&request, SECRET, time("20260301T120501Z")).unwrap_err();
    assert_eq!(late.kind, "InvalidSignatureException");
    assert_eq!(
        late.message,
        "Signature expired: 20260301T120000Z is now earlier than 20260301T120001Z (20260301T120501Z - 5 min.)"
    );
    let early = check(&request, SECRET, time("20260301T115459Z")).unwrap_err();
    assert_eq!(
        early.message,
        "Signature not yet current: 20260301T120000Z is still later than 20260301T115959Z (20260301T115459Z + 5 min.)"
    );
}

#[test]
fn a_presigned_url_is_good_for_its_time_and_at_most_a_week() {
    let fields: [(&str, &[u8]); 1] = [("host", b"h")];
    let request =
        Request { method: "GET", path: "/restapis", query: "limit=5", fields: &fields, body: b"" };
    let signer = Signer {
        access_key_id: SUITE_KEY,
        secret_access_key: SECRET,
        session_token: None,
        region: "us-east-1",
        service: "apigateway",
    };
    let start = time("20260301T120000Z");
    let query = signer.presign(&request, start, Duration::from_secs(90));
    let presigned = Request { query: &query, ..request };
    check(&presigned, SECRET, time("20260301T120130Z")).unwrap();
    let fault = check(&presigned, SECRET, time("20260301T120131Z")).unwrap_err();
    assert!(fault.message.ends_with("(20260301T120131Z - 90 s.)"), "{}", fault.message);
    let longer = query.replace("X-Amz-Expires=90", "X-Amz-Expires=604800");
    let fault = check(&Request { query: &longer, ..request }, SECRET, start).unwrap_err();
    assert!(fault.message.starts_with("The request signature we calculated"), "{}", fault.message);
    let too_long = query.replace("X-Amz-Expires=90", "X-Amz-Expires=604801");
    let fault = check(&Request { query: &too_long, ..request }, SECRET, start).unwrap_err();
    assert!(fault.message.contains("less than a week"), "{}", fault.message);
    let week = signer.presign(&request, start, Duration::from_secs(1 << 30));
    check(&Request { query: &week, ..request }, SECRET, time("20260308T120000Z")).unwrap();
    assert!(check(&Request { query: &week, ..request }, SECRET, time("20260308T120001Z")).is_err());
    let twice = format!("{query}&X-Amz-Expires=900");
    let fault = check(&Request { query: &twice, ..request }, SECRET, start).unwrap_err();
    assert_eq!(fault.kind, "IncompleteSignatureException");
}

/// What is refused before any key is needed: kind, and a part of the text.
#[test]
fn what_cannot_be_read_is_told_in_amazons_words() {
    let good = "Credential=A/20260301/us-east-1/apigateway/aws4_request";
    let signature = "0".repeat(64);
    for (authorization, kind, text) in [
        (
            format!("AWS4-HMAC-SHA256 {good}, Signature={signature}"),
            "IncompleteSignatureException",
            "Authorization header requires 'SignedHeaders' parameter.",
        ),
        (
            "AWS4-HMAC-SHA256 SignedHeaders=host".to_owned(),
            "IncompleteSignatureException",
            "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter.",
        ),
        ("Bearer c2VjcmV0".to_owned(), "IncompleteSignatureException", "requires 'Credential'"),
        ("AWS4-HMAC-SHA256".to_owned(), "IncompleteSignatureException", "requires 'Signature'"),
        (
            "AWS4-HMAC-SHA256 nonsense".to_owned(),
            "IncompleteSignatureException",
            "not a valid key=value pair (missing equal-sign)",
        ),
        (
            format!("AWS4-HMAC-SHA256 {good}, {good}, SignedHeaders=host, Signature={signature}"),
            "IncompleteSignatureException",
            "names 'Credential' more than once",
        ),
        (
            format!("AWS4-ECDSA-P256-SHA256 {good}, SignedHeaders=host, Signature={signature}"),
            "InvalidSignatureException",
            "SigV4a",
        ),
        (
            format!("AWS4-HMAC-SHA256 {good}, SignedHeaders=x-amz-date, Signature={signature}"),
            "InvalidSignatureException",
            "'Host' or ':authority' must be a 'SignedHeader'",
        ),
        (
            format!("AWS4-HMAC-SHA256 {good}, SignedHeaders=host, Signature=00"),
            "InvalidSignatureException",
            "does not match the signature you provided",
        ),
    ] {
        let fields: [(&str, &[u8]); 3] = [
            ("host", b"h"),
            ("x-amz-date", b"20260301T120000Z"),
            ("authorization", authorization.as_bytes()),
        ];
        let request = Request { method: "GET", path: "/", query: "", fields: &fields, body: b"" };
        let fault = Claim::read(&request).unwrap_err();
        assert_eq!((fault.kind, fault.status), (kind, 403), "{authorization}");
        assert!(fault.message.contains(text), "{authorization}: {}", fault.message);
        assert!(!fault.message.contains("c2VjcmV0"), "what another scheme holds is not shown");
    }
}

#[test]
fn the_date_and_the_one_place_of_a_signature_are_checked() {
    let (date, authorization) = signed_at("20260301T120000Z");
    let read = |fields: &[(&str, &[u8])], query: &str| {
        Claim::read(&Request { method: "GET", path: "/", query, fields, body: b"" })
    };
    let authorization = ("authorization", authorization.as_bytes());
    let host: (&str, &[u8]) = ("host", b"h");
    assert_eq!(read(&[host], "a=b"), Ok(None));
    let date = ("x-amz-date", date.as_bytes());
    assert!(read(&[host, date, authorization], "").unwrap().is_some());
    for (fields, query, text) in [
        (vec![host, authorization], "", "'X-Amz-Date' or a 'Date' header"),
        (vec![host, authorization, ("x-amz-date", &b"2026-03-01"[..])], "", "ISO-8601"),
        (vec![host, date, date, authorization], "", "Only one X-Amz-Date"),
        (vec![host, date, authorization, authorization], "", "Only one Authorization"),
        (vec![host, date, authorization], "X-Amz-Signature=00", "Only one auth mechanism"),
        (vec![host], "X-Amz-Signature=00", "must include 'X-Amz-Algorithm'"),
        (vec![host], "X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256", "SigV4a"),
    ] {
        let fault = read(&fields, query).unwrap_err();
        assert!(fault.message.contains(text), "{text}: {}", fault.message);
    }
    let fields = [host, ("date", &b"Sun, 01 Mar 2026 12:00:00 GMT"[..]), authorization];
    let claim = read(&fields, "").unwrap().unwrap();
    assert_eq!(claim.at.to_string(), "20260301T120000Z", "`Date` will do");
    let other_day = Claim { at: AmzDate::parse("20260302T000000Z").unwrap(), ..claim };
    let fault = other_day.check_time(time("20260302T000000Z")).unwrap_err();
    assert!(fault.message.contains("'20260301' != '20260302'"), "{}", fault.message);
}

#[test]
fn content_is_signed_unless_the_caller_says_it_may_be_open() {
    let signer = Signer {
        access_key_id: SUITE_KEY,
        secret_access_key: SECRET,
        session_token: None,
        region: "us-east-1",
        service: "s3",
    };
    let now = suite_time();
    let host: [(&str, &[u8]); 1] = [("host", b"h")];
    let request = Request { method: "PUT", path: "/b/k", query: "", fields: &host, body: b"x" };
    let query = signer.presign(&request, now, Duration::from_secs(60));
    let open = Request { query: &query, body: b"anything", ..request };
    let claim = Claim::read(&open).unwrap().unwrap();
    claim.check_signature(&open, SECRET, Payload::MayBeUnsigned).unwrap();
    let fault = claim.check_signature(&open, SECRET, Payload::Signed).unwrap_err();
    assert!(fault.message.contains("UNSIGNED-PAYLOAD"), "{}", fault.message);

    let added = signer.sign(&request, now);
    let mut fields: Vec<(&str, &[u8])> = host.to_vec();
    fields.extend(added.iter().map(|(name, value)| (*name, value.as_bytes())));
    let signed = Request { fields: &fields, ..request };
    check(&signed, SECRET, now).unwrap();
    let fault = check(&Request { body: b"y", ..signed }, SECRET, now).unwrap_err();
    assert!(fault.message.contains("'x-amz-content-sha256'"), "{}", fault.message);
    let mut streamed = fields.clone();
    for (name, value) in &mut streamed {
        if *name == "x-amz-content-sha256" {
            *value = b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
        }
    }
    let fault = check(&Request { fields: &streamed, ..signed }, SECRET, now).unwrap_err();
    assert!(fault.message.contains("chunks"), "{}", fault.message);
}

#[test]
fn an_unsigned_target_is_refused() {
    let (date, authorization) = signed_at("20260301T120000Z");
    let fields: [(&str, &[u8]); 4] = [
        ("host", b"h"),
        ("x-amz-date", date.as_bytes()),
        ("authorization", authorization.as_bytes()),
        ("X-Amz-Target", b"Logs_20140328.CreateLogGroup"),
    ];
    let request = Request { method: "GET", path: "/", query: "", fields: &fields, body: b"" };
    let fault = Claim::read(&request).unwrap_err();
    assert!(fault.message.contains("'X-Amz-Target'"), "{}", fault.message);
}

/// A request that a client may send, as owned parts.
#[derive(Debug, Clone)]
struct Parts {
    method: String,
    path: String,
    query: String,
    fields: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Parts {
    fn with<T>(&self, check: impl FnOnce(&Request<'_>) -> T) -> T {
        let fields: Vec<(&str, &[u8])> =
            self.fields.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        check(&Request {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            fields: &fields,
            body: &self.body,
        })
    }
}

fn any_parts() -> impl Strategy<Value = Parts> {
    let field = ("x-[a-z]{1,8}", proptest::collection::vec(0x20_u8..0x7f, 0..20));
    let fields = proptest::collection::vec(field, 0..5);
    let body = proptest::collection::vec(any::<u8>(), 0..64);
    ("GET|POST|PUT|PATCH|DELETE", "/[ -~]{0,30}", "[ -~]{0,30}", fields, body).prop_map(
        |(method, path, query, mut fields, body)| {
            fields.push(("host".to_owned(), b"127.0.0.1:8081".to_vec()));
            // Neither can be in what a client has yet to sign.
            let path = path.replace(['?', '#', ' '], "_");
            let query = query.replace(['#', ' '], "_").replace("X-Amz-", "y");
            Parts { method, path, query, fields, body }
        },
    )
}

fn any_signed() -> impl Strategy<Value = Parts> {
    (any_parts(), "apigateway|execute-api|s3", any::<bool>()).prop_map(
        |(mut parts, service, is_presigned)| {
            let signer = Signer {
                access_key_id: SUITE_KEY,
                secret_access_key: SECRET,
                session_token: None,
                region: "us-east-1",
                service: &service,
            };
            if is_presigned {
                let minute = Duration::from_secs(60);
                parts.query = parts.with(|request| signer.presign(request, suite_time(), minute));
            } else {
                let added = parts.with(|request| signer.sign(request, suite_time()));
                let added = added.into_iter();
                parts
                    .fields
                    .extend(added.map(|(name, value)| (name.to_owned(), value.into_bytes())));
            }
            parts
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_signed_is_accepted(parts in any_signed()) {
        let checked = parts.with(|request| check(request, SECRET, suite_time()));
        prop_assert!(checked.is_ok(), "{checked:?}");
    }

    #[test]
    fn another_secret_is_refused(parts in any_signed(), secret in "[!-~]{16,40}") {
        prop_assume!(secret != SECRET);
        prop_assert!(parts.with(|request| check(request, &secret, suite_time())).is_err());
    }

    /// A flipped bit of the content, the signature, the date or the scope is always another request.
    #[test]
    fn a_flipped_bit_is_refused(
        parts in any_signed(), place in any::<proptest::sample::Index>(), bit in 0_u32..8
    ) {
        let mut flipped = parts.clone();
        let is_open = parts.query.contains("%2Fs3%2F");
        if let Some((_, value)) = flipped.fields.iter_mut().find(|(name, _)| name == "authorization") {
            let at = place.index(value.len());
            value[at] ^= 1 << bit;
            // Blanks and the case of names in `Authorization` are not part of what is signed.
            let words = |value: &[u8]| {
                value.to_ascii_lowercase().into_iter().filter(|byte| !byte.is_ascii_whitespace()).collect::<Vec<_>>()
            };
            let old = &parts.fields.iter().find(|(name, _)| name == "authorization").unwrap().1;
            prop_assume!(words(old) != words(value));
        } else if !flipped.body.is_empty() && !is_open {
            let at = place.index(flipped.body.len());
            flipped.body[at] ^= 1 << bit;
        } else {
            let start = flipped.query.find("X-Amz-Signature=").unwrap() + "X-Amz-Signature=".len();
            let at = start + place.index(64);
            let mut query = flipped.query.clone().into_bytes();
            query[at] ^= 1 << (bit % 7);
            flipped.query = String::from_utf8(query).unwrap();
        }
        let checked = flipped.with(|request| check(request, SECRET, suite_time()));
        // The key's name is not in what is signed: it decides which secret is looked up.
        let checked = checked.and_then(|claim| match claim.scope.access_key_id == SUITE_KEY {
            true => Ok(claim),
            false => Err(Fault::internal()),
        });
        let shown: Vec<_> = flipped
            .fields
            .iter()
            .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value)))
            .collect();
        prop_assert!(checked.is_err(), "{shown:?}");
    }

    #[test]
    fn another_path_method_or_field_is_refused(parts in any_signed(), more in "[a-z]{1,5}") {
        let mut other = parts.clone();
        other.path.push_str(&more);
        prop_assert!(other.with(|request| check(request, SECRET, suite_time())).is_err());
        let mut other = parts.clone();
        other.method = "OPTIONS".to_owned();
        prop_assert!(other.with(|request| check(request, SECRET, suite_time())).is_err());
        let mut other = parts.clone();
        other.query = format!("{more}=1&{}", other.query);
        prop_assert!(other.with(|request| check(request, SECRET, suite_time())).is_err());
        let mut other = parts;
        other.fields.retain(|(name, _)| name != "host");
        other.fields.push(("host".to_owned(), b"evil.example".to_vec()));
        prop_assert!(other.with(|request| check(request, SECRET, suite_time())).is_err());
    }

    #[test]
    fn nothing_that_arrives_panics(
        path in ".{0,20}", query in ".{0,60}", value in proptest::collection::vec(any::<u8>(), 0..120),
        lead in "|AWS4-HMAC-SHA256 |AWS4-HMAC-SHA256 Credential=A/20150830/r/s/aws4_request,SignedHeaders=host,Signature=",
    ) {
        let value = [lead.as_bytes(), &value].concat();
        let fields: [(&str, &[u8]); 3] =
            [("host", b"h"), ("authorization", &value), ("x-amz-date", b"20150830T123600Z")];
        let query = format!("X-Amz-Algorithm=AWS4-HMAC-SHA256&{query}");
        for (fields, query) in [(&fields[..], ""), (&fields[..1], query.as_str())] {
            let request = Request { method: "GET", path: &path, query, fields, body: b"" };
            let _ = check(&request, SECRET, suite_time());
            let _ = Scope::glimpse(&request);
        }
    }
}
