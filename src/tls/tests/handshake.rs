//! What both ends agree upon, and when they refuse to.

use super::*;
use rustls::{AlertDescription, CertificateError};

/// The certificate that the client was shown, by the name it was asked to verify.
fn established_for(server: &Arc<ServerConfig>, authority: &Authority, asked: &str) -> bool {
    let client = client_config(&authority.trust()).unwrap();
    match Pair::established(&client, server, asked) {
        Ok(_) => true,
        Err(TlsFault::Certificate(CertificateError::NotValidForNameContext { .. })) => false,
        Err(fault) => panic!("{fault}"),
    }
}

#[test]
fn both_versions_carry_data_both_ways() {
    for version in VERSIONS {
        let mut pair = pair_of(version, None);
        pair.client.send(b"ping");
        pair.server.send(b"pong");
        pair.run().unwrap();
        assert_eq!(pair.server.plain, b"ping");
        assert_eq!(pair.client.plain, b"pong");
    }
}

#[test]
fn every_suite_carries_data_both_ways() {
    let authority = Authority::new();
    let server = listener(&[
        authority.issue("ecdsa", &["api.example.com"]),
        authority.issue_with("rsa", &["api.example.com"], &rcgen::PKCS_RSA_SHA256, |_| {}),
    ]);
    for suite in aws_lc_rs::default_provider().cipher_suites {
        let client = authority.client_of(suite.version().version, Some(suite.suite()));
        let mut pair = Pair::established(&client, &server, "api.example.com").unwrap();
        let long: Vec<u8> = (0..40_000u32).map(|index| index as u8).collect();
        pair.client.send(&long);
        pair.server.send(&long);
        pair.run().unwrap();
        assert!(pair.server.plain == long, "{suite:?}");
        assert!(pair.client.plain == long, "{suite:?}");
        let name = pair.server.session.cipher_suite().unwrap();
        let is_1_3 = suite.version().version == ProtocolVersion::TLSv1_3;
        let begin = if is_1_3 { "TLS_" } else { "ECDHE-" };
        assert!(name.starts_with(begin), "every suite has OpenSSL's name: {name}");
        assert_eq!(pair.client.session.cipher_suite(), Some(name));
    }
}

#[test]
fn access_logs_learn_what_was_agreed() {
    let authority = Authority::new();
    let server = listener(&[authority.issue("api", &["api.example.com"])]);
    let client = client_config(&authority.trust()).unwrap();
    let pair = Pair::established(&client, &server, "API.example.com").unwrap();
    for session in [&pair.client.session, &pair.server.session] {
        assert_eq!(session.protocol_version(), Some("TLSv1.3"));
        assert_eq!(session.cipher_suite(), Some("TLS_AES_256_GCM_SHA384"));
        assert_eq!(session.alpn(), Some(&b"http/1.1"[..]));
        assert_eq!(session.server_name(), Some("api.example.com"));
        assert!(!session.is_resumed());
    }
    let client = authority.client_of(ProtocolVersion::TLSv1_2, None);
    let pair = Pair::established(&client, &server, "api.example.com").unwrap();
    assert_eq!(pair.server.session.protocol_version(), Some("TLSv1.2"));
    assert_eq!(pair.server.session.cipher_suite(), Some("ECDHE-ECDSA-AES256-GCM-SHA384"));
    assert_eq!(pair.server.session.alpn(), None, "the client offered none");
}

#[test]
fn a_client_that_knows_only_an_address_has_no_server_name() {
    let authority = Authority::new();
    let named = authority.issue("named", &["api.example.com", "127.0.0.1"]);
    let server =
        listener(&[CertificateFiles { domains: vec!["api.example.com".to_owned()], ..named }]);
    let client = client_config(&authority.trust()).unwrap();
    // An earlier connection of this thread that did ask for a name must not lend it.
    Pair::established(&client, &server, "api.example.com").unwrap();
    let pair = Pair::established(&client, &server, "127.0.0.1").unwrap();
    assert_eq!(pair.server.session.server_name(), None);
}

#[test]
fn the_certificate_is_chosen_by_name() {
    let authority = Authority::new();
    let server = listener(&[
        authority.issue("first", &["first.example.com"]),
        authority.issue("wild", &["*.example.com"]),
        authority.issue("exact", &["api.example.com"]),
    ]);
    for asked in ["first.example.com", "api.example.com", "b.example.com"] {
        assert!(established_for(&server, &authority, asked), "{asked}");
    }
    for asked in ["a.b.example.com", "example.com", "example.org"] {
        assert!(
            !established_for(&server, &authority, asked),
            "{asked} gets the default, which is not made out for it"
        );
    }
}

#[test]
fn the_exact_name_comes_before_the_wildcard() {
    let authority = Authority::new();
    let other = Authority::new();
    let server = listener(&[
        other.issue("wild", &["*.example.com"]),
        authority.issue("exact", &["api.example.com"]),
    ]);
    assert!(established_for(&server, &authority, "api.example.com"));
    assert!(established_for(&server, &other, "b.example.com"));
}

#[test]
fn a_listener_without_certificates_answers_with_an_alert() {
    let authority = Authority::new();
    let client = client_config(&authority.trust()).unwrap();
    let mut pair = Pair::new(&client, &listener(&[]), "api.example.com");
    assert!(matches!(pair.run(), Err(TlsFault::Protocol(_))));
    assert_eq!(pair.run(), Err(TlsFault::Alert(AlertDescription::AccessDenied)));
}

#[test]
fn a_client_refuses_a_wrong_name_an_unknown_root_and_an_expired_certificate() {
    let authority = Authority::new();
    let server = listener(&[authority.issue("api", &["api.example.com"])]);
    let client = client_config(&authority.trust()).unwrap();
    let fault = |client, server, name| match Pair::established(client, server, name) {
        Err(TlsFault::Certificate(error)) => error,
        Err(fault) => panic!("{fault}"),
        Ok(_) => panic!("was accepted"),
    };
    assert!(matches!(
        fault(&client, &server, "www.example.com"),
        CertificateError::NotValidForNameContext { .. }
    ));

    let stranger = client_config(&Authority::new().trust()).unwrap();
    assert_eq!(fault(&stranger, &server, "api.example.com"), CertificateError::UnknownIssuer);

    let algorithm = &rcgen::PKCS_ECDSA_P256_SHA256;
    let expired = authority.issue_with("old", &["old.example.com"], algorithm, |params| {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    });
    assert!(matches!(
        fault(&client, &listener(&[expired]), "old.example.com"),
        CertificateError::ExpiredContext { .. }
    ));
}

#[test]
fn the_refusing_client_tells_the_server_why() {
    let authority = Authority::new();
    let server = listener(&[authority.issue("api", &["api.example.com"])]);
    for version in VERSIONS {
        let stranger = Authority::new().client_of(version, None);
        let mut pair = Pair::new(&stranger, &server, "api.example.com");
        assert!(matches!(pair.run(), Err(TlsFault::Certificate(_))));
        assert_eq!(pair.run(), Err(TlsFault::Alert(AlertDescription::UnknownCA)), "{version:?}");
    }
}

#[test]
fn an_insecure_client_accepts_what_others_refuse() {
    let authority = Authority::new();
    let server = listener(&[authority.issue("api", &["api.example.com"])]);
    let insecure = client_config(&Trust::load(&Roots::Insecure).unwrap()).unwrap();
    let mut pair = Pair::established(&insecure, &server, "anything.example.org").unwrap();
    pair.client.send(b"hello");
    pair.run().unwrap();
    assert_eq!(pair.server.plain, b"hello");
}

#[test]
fn sessions_are_resumed_across_configurations_that_share_tickets() {
    let authority = Authority::new();
    let certificates = load(&[authority.issue("api", &["api.example.com"])]);
    let tickets = Tickets::new().unwrap();
    let shard = || server_config(&certificates, &tickets).unwrap();
    for version in VERSIONS {
        let client = authority.client_of(version, None);
        let first = Pair::established(&client, &shard(), "api.example.com").unwrap();
        assert!(!first.server.session.is_resumed());

        let second = Pair::established(&client, &shard(), "api.example.com").unwrap();
        assert!(second.server.session.is_resumed(), "{version:?}");
        assert!(second.client.session.is_resumed(), "{version:?}");
        assert_eq!(
            second.server.session.server_name(),
            Some("api.example.com"),
            "a resumed session's log has the name too"
        );

        let stranger = server_config(&certificates, &Tickets::new().unwrap()).unwrap();
        let third = Pair::established(&client, &stranger, "api.example.com").unwrap();
        assert!(!third.server.session.is_resumed(), "other keys, no resumption");
    }
}

#[test]
fn a_new_certificate_does_not_touch_open_connections() {
    let authority = Authority::new();
    let tickets = Tickets::new().unwrap();
    let old = load(&[authority.issue("old", &["api.example.com"])]);
    let client = client_config(&authority.trust()).unwrap();
    let config = server_config(&old, &tickets).unwrap();
    let mut open = Pair::established(&client, &config, "api.example.com").unwrap();
    drop((old, config));

    let renewed = Authority::new();
    let new = load(&[renewed.issue("new", &["api.example.com"])]);
    let config = server_config(&new, &tickets).unwrap();
    assert!(established_for(&config, &renewed, "api.example.com"));
    open.client.send(b"still here");
    open.run().unwrap();
    assert_eq!(open.server.plain, b"still here");
}

#[test]
fn a_client_that_offers_only_other_protocols_is_refused() {
    let authority = Authority::new();
    let server = listener(&[authority.issue("api", &["api.example.com"])]);
    let mut config = (*authority.client_of(ProtocolVersion::TLSv1_3, None)).clone();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let mut pair = Pair::new(&Arc::new(config), &server, "api.example.com");
    assert!(pair.run().is_err());
    assert_eq!(pair.run(), Err(TlsFault::Alert(AlertDescription::NoApplicationProtocol)));
}

#[test]
fn the_first_request_may_come_with_the_last_bytes_of_the_handshake() {
    let authority = Authority::new();
    let server = listener(&[authority.issue("api", &["api.example.com"])]);
    let client = client_config(&authority.trust()).unwrap();
    let mut pair = Pair::new(&client, &server, "api.example.com");
    let hello = pair.client.sent();
    let hello = pair.pool.lend_copy(&hello).unwrap();
    assert_eq!(pair.server.receive(hello), Ok(Progress::Handshaking));
    let flight = pair.server.sent();
    let flight = pair.pool.lend_copy(&flight).unwrap();
    assert_eq!(pair.client.receive(flight), Ok(Progress::Established));
    pair.client.send(b"GET / HTTP/1.1\r\n\r\n");
    pair.client.session.close(&mut pair.client.out);
    let last = pair.client.sent();
    let last = pair.pool.lend_copy(&last).unwrap();
    assert_eq!(pair.server.receive(last), Ok(Progress::Closed));
    assert_eq!(pair.server.plain, b"GET / HTTP/1.1\r\n\r\n");
    assert_eq!(pair.server.leased, 1, "decrypted in the receive buffer");
    pair.server.send(b"HTTP/1.1 204\r\n\r\n");
    pair.run().unwrap();
    assert_eq!(pair.client.plain, b"HTTP/1.1 204\r\n\r\n");
}

/// Feeds a hello that claims `claimed` bytes, `piece` bytes per record, until there is a fault.
fn endless_hello(claimed: u32, piece: usize) -> TlsFault {
    let authority = Authority::new();
    let server = listener(&[authority.issue("api", &["api.example.com"])]);
    let mut end = End::new(Session::accept(&server).unwrap(), Outgoing::default());
    let pool = Pool::new(1, 1 << 15);
    let [_, length @ ..] = claimed.to_be_bytes();
    let mut first = vec![22, 3, 1, 0, 4, 1];
    first.extend(length);
    if let Err(fault) = end.receive(pool.lend_copy(&first).unwrap()) {
        return fault;
    }
    let mut record = vec![0; 5 + piece];
    let [.., high, low] = piece.to_be_bytes();
    record[..5].copy_from_slice(&[22, 3, 1, high, low]);
    for _ in 0..200_000 {
        if let Err(fault) = end.receive(pool.lend_copy(&record).unwrap()) {
            assert_eq!(end.session.buffered_bytes(), 0);
            return fault;
        }
    }
    panic!("a hello without end was taken");
}

#[test]
fn an_endless_handshake_is_cut() {
    let too_long = rustls::InvalidMessage::HandshakePayloadTooLarge;
    assert_eq!(endless_hello(0xff_ffff, 16_384), TlsFault::Protocol(too_long.into()));
    // Within rustls's limit, but in single bytes, each with a header.
    assert_eq!(endless_hello(0xffff, 1), TlsFault::HandshakeTooLong { limit: 128 * 1024 });
}
