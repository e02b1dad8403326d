//! Access: who gets in, who does not, and in which words they are told.

use super::*;
use crate::aws::shapes;
use crate::aws::sigv4::{AmzDate, Signer};
use axum::http::HeaderMap;
use bytes::Bytes;

const ADMIN: &str = "AKIDADMIN00000000000";
const READER: &str = "AKIDREADER0000000000";
const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn access(credentials: &[(&str, Role)]) -> Access {
    let credential = |(id, role): &(&str, Role)| Credential {
        access_key_id: (*id).to_owned(),
        secret_access_key: SECRET.to_owned(),
        role: *role,
    };
    Access {
        credentials: credentials.iter().map(credential).collect(),
        hosts: vec!["gateway.test".to_owned(), "*.apis.test".to_owned()],
        region: "us-east-1".to_owned(),
        account_id: "000000000000".to_owned(),
        pace: Pace { rate: 500, burst: 1000 },
    }
}

fn closed() -> Gate {
    Gate::new(access(&[(ADMIN, Role::Admin), (READER, Role::Reader)]))
}

fn now() -> SystemTime {
    AmzDate::parse("20260301T120000Z").unwrap().time()
}

fn bare(method: &str, path: &str, fields: &[(&'static str, &str)]) -> Incoming {
    let mut headers = HeaderMap::new();
    headers.insert("host", "127.0.0.1:8081".parse().unwrap());
    for (name, value) in fields {
        headers.insert(*name, value.parse().unwrap());
    }
    Incoming {
        peer: "127.0.0.1:50000".parse().unwrap(),
        method: method.to_owned(),
        path: path.to_owned(),
        query: String::new(),
        headers,
        body: Bytes::new(),
    }
}

fn signer<'a>(key: &'a str, service: &'a str) -> Signer<'a> {
    Signer {
        access_key_id: key,
        secret_access_key: SECRET,
        session_token: None,
        region: "eu-central-1",
        service,
    }
}

fn signed_by(signer: Signer<'_>, mut incoming: Incoming, at: SystemTime) -> Incoming {
    let added = {
        let fields = fields(&incoming);
        signer.sign(&request(&incoming, &fields), at)
    };
    for (name, value) in added {
        incoming.headers.insert(name, value.parse().unwrap());
    }
    incoming
}

fn signed(key: &str, incoming: Incoming) -> Incoming {
    signed_by(signer(key, "apigateway"), incoming, now())
}

#[test]
fn a_signed_call_is_let_in_with_its_name_role_region_and_service() {
    let caller = closed().admit(&signed(ADMIN, bare("POST", "/restapis", &[])), now()).unwrap();
    assert_eq!(
        caller,
        Caller {
            principal: Principal {
                name: ADMIN.to_owned(),
                role: Role::Admin,
                proof: Proof::Signature
            },
            region: "eu-central-1".to_owned(),
            service: Some("apigateway".to_owned()),
        }
    );
}

#[test]
fn calls_without_a_good_signature_are_refused_as_by_aws() {
    let gate = closed();
    let with_token = Signer { session_token: Some("token"), ..signer(ADMIN, "apigateway") };
    let no_region = Signer { region: "US EAST", ..signer(ADMIN, "apigateway") };
    let mut changed = signed(ADMIN, bare("POST", "/restapis", &[]));
    changed.body = Bytes::from_static(b"{}");
    let old = now() - Duration::from_secs(301);
    for (incoming, kind, text) in [
        (
            bare("GET", "/restapis", &[]),
            "MissingAuthenticationTokenException",
            "Missing Authentication Token",
        ),
        (
            bare("GET", "/restapis", &[("authorization", "Bearer x")]),
            "IncompleteSignatureException",
            "Authorization header requires 'Credential' parameter.",
        ),
        (
            signed("AKIDNOBODY0000000000", bare("GET", "/restapis", &[])),
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        ),
        (
            signed_by(with_token, bare("GET", "/restapis", &[]), now()),
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        ),
        (
            signed_by(no_region, bare("GET", "/restapis", &[]), now()),
            "InvalidSignatureException",
            "Credential should be scoped to a valid region, not 'US EAST'.",
        ),
        (
            signed_by(signer(ADMIN, "apigateway"), bare("GET", "/restapis", &[]), old),
            "InvalidSignatureException",
            "Signature expired: 20260301T115459Z is now earlier than 20260301T115500Z",
        ),
        (
            changed,
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.",
        ),
    ] {
        let fault = gate.admit(&incoming, now()).unwrap_err();
        assert_eq!((fault.kind, fault.status), (kind, 403), "{}", fault.message);
        assert!(fault.message.starts_with(text), "{}", fault.message);
        assert!(!fault.message.contains(SECRET));
    }
}

#[test]
fn a_knock_tells_all_that_needs_no_content() {
    let gate = closed();
    let mut call = signed(ADMIN, bare("POST", "/restapis", &[]));
    call.body = Bytes::from_static(b"not what was signed");
    assert_eq!(gate.knock(&call, now()), Ok(()));
    assert!(gate.admit(&call, now()).is_err());
    let fault = gate.knock(&bare("POST", "/restapis", &[]), now()).unwrap_err();
    assert_eq!(fault.kind, "MissingAuthenticationTokenException");
    assert!(gate.knock(&call, now() + Duration::from_secs(301)).is_err());
}

#[test]
fn a_reader_reads_and_nothing_else() {
    let gate = closed();
    let admit = |service: &str, incoming| {
        gate.admit(&signed_by(signer(READER, service), incoming, now()), now())
    };
    for method in ["GET", "HEAD"] {
        assert_eq!(
            admit("apigateway", bare(method, "/restapis", &[])).unwrap().principal.role,
            Role::Reader
        );
    }
    admit("sts", bare("POST", "/", &[])).expect("nobody is denied GetCallerIdentity");
    for (service, method, path, action, resource) in [
        (
            "apigateway",
            "PATCH",
            "/restapis/abc",
            "apigateway:PATCH",
            "arn:aws:apigateway:eu-central-1::/restapis/abc",
        ),
        (
            "apigateway",
            "POST",
            "/v2/apis",
            "apigateway:POST",
            "arn:aws:apigateway:eu-central-1::/apis",
        ),
        (
            "execute-api",
            "POST",
            "/abc/prod/@connections/x",
            "execute-api:ManageConnections",
            "arn:aws:execute-api:eu-central-1:000000000000:/abc/prod/@connections/x",
        ),
    ] {
        let fault = admit(service, bare(method, path, &[])).unwrap_err();
        assert_eq!((fault.kind, fault.status), ("AccessDeniedException", 403));
        assert_eq!(
            fault.message,
            format!(
                "User: arn:aws:iam::000000000000:user/{READER} is not authorized to perform: {action} on resource: {resource} with an explicit deny in an identity-based policy"
            )
        );
    }
}

#[test]
fn reads_may_repeat_and_a_numbered_write_may_not() {
    let gate = closed();
    let read = signed(ADMIN, bare("GET", "/restapis", &[]));
    for _ in 0..3 {
        gate.admit(&read, now()).unwrap();
    }
    let numbers = [("amz-sdk-invocation-id", "1"), ("amz-sdk-request", "attempt=1")];
    let write = signed(ADMIN, bare("POST", "/restapis", &numbers));
    gate.admit(&write, now()).unwrap();
    let fault = gate.admit(&write, now()).unwrap_err();
    assert!(fault.message.starts_with("This signature has been used before."));
    let retry = [("amz-sdk-invocation-id", "1"), ("amz-sdk-request", "attempt=2")];
    gate.admit(&signed(ADMIN, bare("POST", "/restapis", &retry)), now()).unwrap();
}

#[test]
fn writes_that_may_honestly_repeat_do_so_for_ten_seconds() {
    let gate = closed();
    let numbers = [("amz-sdk-invocation-id", "1"), ("amz-sdk-request", "attempt=1")];
    // An old client's POST, and a DELETE that a proxy sends again.
    for write in [
        signed(ADMIN, bare("POST", "/restapis", &[])),
        signed(ADMIN, bare("DELETE", "/restapis/a", &numbers)),
    ] {
        gate.admit(&write, now()).unwrap();
        gate.admit(&write, now() + Duration::from_secs(10)).unwrap();
        let fault = gate.admit(&write, now() + Duration::from_secs(11)).unwrap_err();
        assert_eq!(fault.kind, "InvalidSignatureException");
        gate.admit(&write, now() + Duration::from_secs(300)).unwrap_err();
        let fault = gate.admit(&write, now() + Duration::from_secs(301)).unwrap_err();
        assert!(fault.message.starts_with("Signature expired"), "{}", fault.message);
    }
}

#[test]
fn a_refused_write_is_not_remembered() {
    let gate = closed();
    let numbers = [("amz-sdk-invocation-id", "1"), ("amz-sdk-request", "attempt=1")];
    let write = signed(ADMIN, bare("POST", "/restapis", &numbers));
    let mut broken = write.clone();
    broken.body = Bytes::from_static(b"x");
    gate.admit(&broken, now()).unwrap_err();
    gate.admit(&write, now()).unwrap();
}

#[test]
fn a_presigned_url_reads_and_does_not_write() {
    let gate = closed();
    let presigned = |method: &str| {
        let mut incoming = bare(method, "/restapis", &[]);
        let query = {
            let fields = fields(&incoming);
            let request = request(&incoming, &fields);
            signer(ADMIN, "apigateway").presign(&request, now(), Duration::from_secs(60))
        };
        incoming.query = query;
        incoming
    };
    assert_eq!(gate.admit(&presigned("GET"), now()).unwrap().region, "eu-central-1");
    let fault = gate.admit(&presigned("DELETE"), now()).unwrap_err();
    assert!(fault.message.contains("presigned"), "{}", fault.message);
}

#[test]
fn a_caller_that_is_too_fast_is_told_when_to_come_back() {
    let slow = Access { pace: Pace { rate: 1, burst: 2 }, ..access(&[(ADMIN, Role::Admin)]) };
    let gate = Gate::new(slow);
    let from = |peer: &str| Incoming {
        peer: peer.parse().unwrap(),
        ..signed(ADMIN, bare("GET", "/restapis", &[]))
    };
    gate.admit(&from("10.0.0.1:1"), now()).unwrap();
    gate.admit(&from("10.0.0.1:2"), now()).unwrap();
    let fault = gate.admit(&from("10.0.0.1:3"), now()).unwrap_err();
    assert_eq!((fault.kind, fault.status), ("TooManyRequestsException", 429));
    assert_eq!(fault.retry_after, Some(2));
    let fault = gate.admit(&from("10.0.0.2:1"), now()).unwrap_err();
    assert_eq!(fault.status, 429, "the same credential from elsewhere");
    gate.admit(&from("10.0.0.3:1"), now() + Duration::from_secs(1)).unwrap();
}

#[test]
fn one_ipv6_host_is_one_caller() {
    let address = |text: &str| network_of(text.parse().unwrap());
    assert_eq!(address("2001:db8:1:2::1"), address("2001:db8:1:2:ffff::9"));
    assert_ne!(address("2001:db8:1:2::1"), address("2001:db8:1:3::1"));
    assert_eq!(address("::ffff:10.0.0.1"), address("10.0.0.1"));
    assert_ne!(address("::1"), address("::2"));
}

fn open_gate() -> Gate {
    Gate::new(access(&[]))
}

#[test]
fn without_credentials_any_signature_or_none_passes_and_names_the_region() {
    let gate = open_gate();
    let caller = gate.admit(&bare("POST", "/restapis", &[]), now()).unwrap();
    assert_eq!((caller.region.as_str(), caller.service.as_deref()), ("us-east-1", None));
    assert_eq!(caller.principal.name, "anonymous");
    assert_eq!(caller.principal.proof, Proof::Unchecked);
    let old = now() - Duration::from_secs(86_400);
    let other = signed_by(signer("test", "apigateway"), bare("POST", "/restapis", &[]), old);
    let caller = gate.admit(&other, now()).unwrap();
    assert_eq!(
        (caller.region.as_str(), caller.service.as_deref()),
        ("eu-central-1", Some("apigateway"))
    );
    assert_eq!((caller.principal.name.as_str(), caller.principal.role), ("test", Role::Admin));
    let odd = signed_by(signer("key!", "apigateway"), bare("GET", "/", &[]), now());
    assert_eq!(gate.admit(&odd, now()).unwrap().principal.name, "anonymous");
    let bearer = bare("GET", "/restapis", &[("authorization", "Bearer x")]);
    assert_eq!(gate.admit(&bearer, now()).unwrap().region, "us-east-1");
}

#[test]
fn without_credentials_only_this_host_is_let_in() {
    let gate = open_gate();
    for (peer, is_let_in) in [
        ("127.0.0.1:1", true),
        ("127.8.0.1:1", true),
        ("[::1]:1", true),
        ("[::ffff:127.0.0.1]:1", true),
        ("10.0.0.1:1", false),
        ("[2001:db8::1]:1", false),
    ] {
        let incoming = Incoming { peer: peer.parse().unwrap(), ..bare("GET", "/restapis", &[]) };
        assert_eq!(gate.admit(&incoming, now()).is_ok(), is_let_in, "{peer}");
    }
}

#[test]
fn without_credentials_the_host_must_be_this_ones() {
    let gate = open_gate();
    for (host, is_let_in) in [
        ("127.0.0.1:8081", true),
        ("127.0.0.1", true),
        ("[::1]:8081", true),
        ("localhost:8081", true),
        ("LocalHost.", true),
        ("apigateway.us-east-1.localhost:8081", true),
        ("gateway.test:8081", true),
        ("x.apis.test", true),
        ("apis.test", true),
        ("other.gateway.test", false),
        ("evil.example:8081", false),
        ("localhost.evil.example", false),
        ("evillocalhost", false),
        ("evilapis.test", false),
        ("127.0.0.1.evil.example", false),
        ("10.0.0.1:8081", false),
        ("[::2]:8081", false),
        ("", false),
        (":8081", false),
        ("]", false),
    ] {
        for method in ["GET", "POST"] {
            let incoming = bare(method, "/restapis", &[("host", host)]);
            assert_eq!(gate.admit(&incoming, now()).is_ok(), is_let_in, "{host}");
        }
    }
    let fault = gate.admit(&bare("GET", "/", &[("host", "evil.example")]), now()).unwrap_err();
    assert!(fault.message.contains("'evil.example'") && fault.message.contains("management.hosts"));
    let mut none = bare("GET", "/", &[]);
    none.headers.remove("host");
    assert!(gate.admit(&none, now()).is_err(), "HTTP/1.0 names none");
}

#[test]
fn without_credentials_web_pages_from_elsewhere_are_refused() {
    let gate = open_gate();
    for (fields, is_let_in) in [
        (vec![("origin", "http://127.0.0.1:8081")], true),
        (vec![("origin", "http://127.0.0.1:8081"), ("sec-fetch-site", "same-origin")], true),
        (vec![("sec-fetch-site", "none")], true),
        (vec![("origin", "https://evil.example")], false),
        (vec![("origin", "http://evil.example:8081")], false),
        (vec![("origin", "http://127.0.0.1:3000")], false),
        (vec![("origin", "http://localhost:8081")], false),
        (vec![("origin", "null")], false),
        (vec![("sec-fetch-site", "cross-site")], false),
        (vec![("sec-fetch-site", "same-site")], false),
    ] {
        for method in ["GET", "POST", "DELETE"] {
            let admitted = gate.admit(&bare(method, "/restapis", &fields), now());
            assert_eq!(admitted.is_ok(), is_let_in, "{fields:?}");
        }
    }
    // A page cannot sign: with credentials its origin says nothing that the signature does not.
    let from_page = bare("GET", "/restapis", &[("origin", "https://console.example")]);
    closed().admit(&signed(ADMIN, from_page), now()).unwrap();
}

#[test]
fn a_reload_changes_who_gets_in() {
    let gate = open_gate();
    assert!(gate.is_open());
    gate.admit(&bare("GET", "/restapis", &[]), now()).unwrap();
    gate.set(access(&[(ADMIN, Role::Admin)]));
    assert!(!gate.is_open());
    gate.admit(&bare("GET", "/restapis", &[]), now()).unwrap_err();
    gate.admit(&signed(ADMIN, bare("GET", "/restapis", &[])), now()).unwrap();
}

/// The role is judged by the method, so an operation that changes something must not be a read there.
#[test]
fn no_operation_that_writes_is_a_get() {
    use crate::management::{http, operation, rest};
    let services = [(shapes::apigateway(), rest::TABLES), (shapes::apigatewayv2(), http::TABLES)];
    for (service, tables) in services {
        for shape in service.operations() {
            let found = operation::find(tables, shape.name);
            let is_write = found.is_some_and(|it| it.access == operation::Access::Write);
            let is_read = matches!(shape.method, "GET" | "HEAD");
            assert!(!(is_write && is_read), "{} is a {}", shape.name, shape.method);
        }
    }
}
