//! Client certificates: what they hold, what is hidden, and that one in use stays.

use super::*;
use crate::management::domain::sample::{put, refusal, rest_api};
use crate::management::fixture::Fixture;
use crate::resources::Object;
use serde_json::json;

#[test]
fn a_certificate_is_generated_and_its_key_never_shown() {
    let mut fixture = Fixture::new();
    let input = json!({ "description": "d", "tags": { "a": "b" } });
    let made = fixture.v1("GenerateClientCertificate", input).unwrap();
    let pem = made["pemEncodedCertificate"].as_str().unwrap();
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----"), "{pem}");
    assert_eq!(
        made,
        json!({
            "clientCertificateId": made["clientCertificateId"],
            "description": "d",
            "pemEncodedCertificate": pem,
            "createdDate": 1_772_359_200,
            "expirationDate": 1_772_359_200 + 31_536_000,
            "tags": { "a": "b" },
        })
    );
    let id = made["clientCertificateId"].clone();
    let read = fixture.v1("GetClientCertificate", json!({ "clientCertificateId": id })).unwrap();
    assert_eq!(read, made);
    let list = fixture.v1("GetClientCertificates", json!({})).unwrap();
    assert_eq!(list, json!({ "item": [made] }));
    let stored =
        fixture.state.get::<ClientCertificate>("us-east-1", "", id.as_str().unwrap()).unwrap();
    assert!(stored.private_key.starts_with("-----BEGIN PRIVATE KEY-----"));
    assert!(!Object::to_redacted(&*stored).to_string().contains("PRIVATE KEY"));
}

#[test]
fn certificate_and_key_belong_together_for_a_year() {
    let from = Timestamp(1_772_359_200);
    let (certificate, key) =
        self_signed("abc123", from, Timestamp(from.0 + VALID_SECONDS)).unwrap();
    let pair = KeyPair::from_pem(&key).unwrap();
    use rustls_pki_types::pem::PemObject as _;
    let der = rustls_pki_types::CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
    let contains = |needle: &[u8]| der.windows(needle.len()).any(|window| window == needle);
    assert!(contains(pair.public_key_raw()), "the certificate holds the key's other half");
    // UTCTime (RFC 5280, section 4.1.2.5.1).
    assert!(contains(b"260301100000Z") && contains(b"270301100000Z"));
}

#[test]
fn only_the_description_changes() {
    let mut fixture = Fixture::new();
    let made = fixture.v1("GenerateClientCertificate", json!({})).unwrap();
    let patch = |op: &str, path: &str, value: &str| {
        json!({
            "clientCertificateId": made["clientCertificateId"],
            "patchOperations": [{ "op": op, "path": path, "value": value }],
        })
    };
    assert_eq!((made.get("description"), made.get("tags")), (None, None));
    let set = patch("replace", "/description", "new");
    let set = fixture.v1("UpdateClientCertificate", set).unwrap();
    assert_eq!(set["description"], "new");
    let cleared = patch("replace", "/description", "");
    assert_eq!(fixture.v1("UpdateClientCertificate", cleared).unwrap(), made);
    let bad = patch("replace", "/privateKey", "x");
    assert_eq!(refusal(fixture.v1("UpdateClientCertificate", bad)).0, 400);
}

#[test]
fn a_certificate_in_use_stays() {
    let mut fixture = Fixture::new();
    let made = fixture.v1("GenerateClientCertificate", json!({})).unwrap();
    let id = made["clientCertificateId"].clone();
    rest_api(&mut fixture, "api1", &["prod"]);
    let stage = |certificate: Option<&str>| rest_stage::Stage {
        stage_name: "prod".into(),
        client_certificate_id: certificate.map(str::to_owned),
        ..rest_stage::Stage::default()
    };
    put(&mut fixture, "api1", "prod", stage(id.as_str()));
    let input = json!({ "clientCertificateId": id });
    let (status, _, message) = refusal(fixture.v1("DeleteClientCertificate", input.clone()));
    assert_eq!((status, message.contains("api1:prod")), (400, true), "{message}");
    put(&mut fixture, "api1", "prod", stage(None));
    fixture.v1("DeleteClientCertificate", input.clone()).unwrap();
    for name in ["GetClientCertificate", "DeleteClientCertificate"] {
        assert_eq!(
            refusal(fixture.v1(name, input.clone())),
            (404, "NotFoundException", "Invalid Client Certificate identifier specified".into())
        );
    }
}

/// Writes are one after the other, so a slow one holds up all others: run by hand, with `--release`.
#[test]
#[ignore = "a measurement"]
fn how_long_a_key_takes() {
    let mut times: Vec<_> = (0..50)
        .map(|_| {
            let start = std::time::Instant::now();
            self_signed("abc123", Timestamp(0), Timestamp(VALID_SECONDS)).unwrap();
            start.elapsed()
        })
        .collect();
    times.sort();
    println!("median {:?}, p90 {:?}, max {:?}", times[25], times[45], times[49]);
}
