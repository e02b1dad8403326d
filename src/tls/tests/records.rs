//! The open connection: cut anywhere, closed, broken, and idle.

use super::*;
use proptest::prelude::*;
use rustls::{AlertDescription, ContentType};

thread_local! {
    /// Handshakes are slow; what comes after them is what these tests are about.
    static CONFIGS: (Authority, Arc<ServerConfig>) = {
        let authority = Authority::new();
        let server = listener(&[authority.issue("api", &["api.example.com"])]);
        (authority, server)
    };
}

fn pair(version: ProtocolVersion) -> Pair {
    CONFIGS.with(|(authority, server)| {
        let client = authority.client_of(version, None);
        Pair::established(&client, server, "api.example.com").unwrap()
    })
}

/// Cuts of a stream: the lengths of its pieces, over and over.
fn cuts() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![
        prop::collection::vec(1..40usize, 1..6),
        prop::collection::vec(1..5_000usize, 1..6),
        prop::collection::vec(10_000..40_000usize, 1..6),
    ]
}

fn version() -> impl Strategy<Value = ProtocolVersion> {
    prop::sample::select(VERSIONS.to_vec())
}

/// Delivers `stream` in pieces as `cuts` says; every other piece in a buffer that is shared.
fn deliver(end: &mut End, pool: &Rc<Pool>, stream: &[u8], cuts: &[usize]) -> Result<(), TlsFault> {
    let mut rest = stream;
    for (index, &cut) in cuts.iter().cycle().enumerate() {
        if rest.is_empty() {
            return Ok(());
        }
        let (piece, behind) = rest.split_at(cut.min(rest.len()));
        let lease = pool.lend_copy(piece).unwrap();
        let shared = (index % 7 == 3).then(|| lease.clone());
        end.receive(lease)?;
        if let Some(shared) = shared {
            assert_eq!(&*shared, piece, "a shared buffer must not change");
        }
        rest = behind;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// How the network cut the bytes must not change what was understood.
    #[test]
    fn cutting_the_stream_anywhere_changes_nothing(
        version in version(),
        writes in prop::collection::vec(0..20_000usize, 1..8),
        cuts in cuts(),
    ) {
        let mut pair = pair(version);
        let mut expected = Vec::new();
        for (index, &bytes) in writes.iter().enumerate() {
            let piece: Vec<u8> = (0..bytes).map(|byte| (byte * 7 + index) as u8).collect();
            pair.client.send(&piece);
            expected.extend(piece);
            if version == ProtocolVersion::TLSv1_3 && index % 3 == 1 {
                pair.client.session.traffic().send_key_update(&mut pair.client.out).unwrap();
            }
        }
        let stream = pair.client.sent();
        let pool = Pool::new(2, 40_000);
        deliver(&mut pair.server, &pool, &stream, &cuts).unwrap();
        prop_assert!(pair.server.plain == expected);
        prop_assert_eq!(pair.server.session.buffered_bytes(), 0);
        prop_assert_eq!(pool.lent(), 0);
    }

    #[test]
    fn cutting_the_handshake_anywhere_changes_nothing(version in version(), piece in 1..3_000usize) {
        let mut pair = CONFIGS.with(|(authority, server)| {
            Pair::new(&authority.client_of(version, None), server, "api.example.com")
        });
        pair.piece_bytes = piece;
        pair.run().unwrap();
        pair.client.send(b"ping");
        pair.server.send(b"pong");
        pair.run().unwrap();
        prop_assert_eq!(&pair.server.plain, b"ping");
        prop_assert_eq!(&pair.client.plain, b"pong");
    }

    /// One flipped bit anywhere in a record is noticed, and nothing of that record delivered.
    #[test]
    fn a_flipped_bit_is_noticed(version in version(), at in 0..1_000usize, bit in 0..8u8) {
        let mut pair = pair(version);
        pair.client.send(&[b'x'; 500]);
        let mut stream = pair.client.sent();
        let at = at % stream.len();
        stream[at] ^= 1 << bit;
        let received = pair.server.receive(pair.pool.lend_copy(&stream).unwrap());
        // A changed length leaves the record waiting for bytes that will not come, or ends it early;
        // a changed version is not protected by TLS 1.3.
        let waits = at == 3 || at == 4;
        let ignored = version == ProtocolVersion::TLSv1_3 && at == 2;
        if ignored {
            prop_assert!(received.is_ok());
        } else {
            prop_assert!(pair.server.plain.is_empty());
            prop_assert!(received.is_err() || waits, "{:?}", received);
        }
    }

    #[test]
    fn garbage_is_a_fault_and_not_a_panic(version in version(), bytes: Vec<u8>) {
        let mut open = pair(version);
        let _ = open.server.receive(open.pool.lend_copy(&bytes).unwrap());
        prop_assert!(open.server.plain.is_empty());
        let server = CONFIGS.with(|(_, server)| Session::accept(server).unwrap());
        let mut fresh = End::new(server, Outgoing::default());
        let _ = fresh.receive(open.pool.lend_copy(&bytes).unwrap());
        prop_assert!(fresh.session.is_handshaking() || fresh.receive(
            open.pool.lend_copy(b"more").unwrap()
        ) == Err(TlsFault::NotOpen));
    }
}

#[test]
fn a_head_and_a_small_body_make_one_record() {
    for version in VERSIONS {
        let mut pair = pair(version);
        let mut plain = Outgoing::default();
        plain.copy(b"HTTP/1.1 200 OK\r\n\r\n");
        plain.share(&bytes::Bytes::from(vec![b'x'; 3_000]));
        let lease = pair.pool.lend_copy(&[b'y'; 2_000]).unwrap();
        plain.lease(lease);
        let server = &mut pair.server;
        server.session.encrypt(&plain, &mut server.out).unwrap();
        let stream = server.sent();
        let bytes = usize::from(u16::from_be_bytes([stream[3], stream[4]]));
        assert_eq!(stream.len(), 5 + bytes, "one record");
        drop(plain);
        pair.client.receive(pair.pool.lend_copy(&stream).unwrap()).unwrap();
        assert_eq!(pair.client.plain.len(), 19 + 5_000);
        assert!(pair.client.plain.ends_with(b"xyyyyyyyyy".last_chunk::<4>().unwrap()));
    }
}

#[test]
fn records_are_full_but_the_last() {
    for (bytes, records) in [(0, 0), (1, 1), (16_384, 1), (16_385, 2), (32_768, 2), (32_769, 3)] {
        for version in VERSIONS {
            let mut pair = pair(version);
            pair.server.send(&vec![7; bytes]);
            let stream = pair.server.sent();
            let mut rest = &stream[..];
            let mut found = 0;
            while !rest.is_empty() {
                let length = usize::from(u16::from_be_bytes([rest[3], rest[4]]));
                rest = &rest[5 + length..];
                found += 1;
            }
            assert_eq!(found, records, "{bytes} bytes, {version:?}");
            pair.client.piece_of(&pair.pool, &stream);
            assert_eq!(pair.client.plain.len(), bytes);
        }
    }
}

impl End {
    fn piece_of(&mut self, pool: &Rc<Pool>, stream: &[u8]) {
        if !stream.is_empty() {
            self.receive(pool.lend_copy(stream).unwrap()).unwrap();
        }
    }
}

#[test]
fn all_whole_records_of_a_buffer_come_as_one_lease() {
    for version in VERSIONS {
        let mut pair = pair(version);
        pair.client.send(b"one ");
        pair.client.send(b"two ");
        pair.client.send(b"three");
        pair.run().unwrap();
        assert_eq!(pair.server.plain, b"one two three");
        assert_eq!((pair.server.leased, pair.server.copied), (1, 0));
    }
}

#[test]
fn the_delivered_lease_is_the_only_one_and_goes_back() {
    let mut pair = pair(ProtocolVersion::TLSv1_3);
    pair.client.send(b"body");
    let stream = pair.client.sent();
    let lease = pair.pool.lend_copy(&stream).unwrap();
    let mut kept = None;
    let server = &mut pair.server;
    server
        .session
        .receive(lease, &mut server.out, |plaintext| {
            if let Plaintext::Leased(lease) = plaintext {
                kept = Some(lease);
            }
        })
        .unwrap();
    let mut kept = kept.unwrap();
    assert_eq!(&*kept, b"body");
    assert!(kept.bytes_mut().is_some());
    assert_eq!(pair.pool.lent(), 1);
    drop(kept);
    assert_eq!(pair.pool.lent(), 0);
}

#[test]
fn an_idle_connection_keeps_no_buffered_bytes() {
    for version in VERSIONS {
        let mut pair = pair(version);
        assert_eq!(pair.server.session.buffered_bytes(), 0);
        assert_eq!(pair.client.session.buffered_bytes(), 0);
        pair.client.send(&[1; 10_000]);
        let stream = pair.client.sent();
        let (front, rest) = stream.split_at(4_000);
        pair.server.receive(pair.pool.lend_copy(front).unwrap()).unwrap();
        let held = pair.server.session.buffered_bytes();
        assert!((4_000..=8_000).contains(&held), "{held}");
        pair.server.receive(pair.pool.lend_copy(rest).unwrap()).unwrap();
        assert_eq!(pair.server.plain.len(), 10_000);
        assert_eq!(pair.server.session.buffered_bytes(), 0);
    }
}

#[test]
fn a_cut_record_is_held_in_at_most_twice_what_has_arrived() {
    let mut pair = pair(ProtocolVersion::TLSv1_3);
    pair.client.send(&[1; 16_384]);
    let stream = pair.client.sent();
    for piece in stream[..16_000].chunks(1_000) {
        pair.server.receive(pair.pool.lend_copy(piece).unwrap()).unwrap();
        assert!(pair.server.session.buffered_bytes() <= 16_384 + 5 + 256);
    }
}

#[test]
fn close_notify_is_told_from_a_cut_stream() {
    for version in VERSIONS {
        let mut pair = pair(version);
        assert_eq!(pair.server.session.end(), Err(TlsFault::Truncated));
        pair.client.send(b"last words");
        pair.client.session.close(&mut pair.client.out);
        pair.client.session.close(&mut pair.client.out);
        let mut stream = pair.client.sent();
        stream.extend_from_slice(b"behind close_notify anything may follow");
        let received = pair.server.receive(pair.pool.lend_copy(&stream).unwrap());
        assert_eq!(received, Ok(Progress::Closed));
        assert_eq!(pair.server.plain, b"last words");
        assert_eq!(pair.server.session.end(), Ok(()));

        // The other direction stays open (RFC 8446, 6.1) until we close it too.
        pair.server.send(b"answer");
        pair.server.session.close(&mut pair.server.out);
        let plain = Outgoing::default();
        assert_eq!(
            pair.server.session.encrypt(&plain, &mut pair.server.out),
            Err(TlsFault::NotOpen)
        );
        let stream = pair.server.sent();
        let received = pair.client.receive(pair.pool.lend_copy(&stream).unwrap());
        assert_eq!(received, Ok(Progress::Closed));
        assert_eq!(pair.client.plain, b"answer");
    }
}

#[test]
fn nothing_is_sent_before_the_handshake_is_done() {
    let mut pair = CONFIGS.with(|(authority, server)| {
        let client = authority.client_of(ProtocolVersion::TLSv1_3, None);
        Pair::new(&client, server, "api.example.com")
    });
    let hello_bytes = pair.client.out.len();
    let mut plain = Outgoing::default();
    plain.copy(b"secret");
    let client = &mut pair.client;
    let sent = client.session.encrypt(&plain, &mut client.out);
    assert_eq!(sent, Err(TlsFault::NotOpen));
    client.session.close(&mut client.out);
    assert_eq!(client.out.len(), hello_bytes);
}

/// Has the server receive `stream`, expects a fault, and returns the alert the client then gets.
fn alert_after(pair: &mut Pair, stream: &[u8]) -> (TlsFault, AlertDescription) {
    let fault = pair.server.receive(pair.pool.lend_copy(stream).unwrap()).unwrap_err();
    let answer = pair.server.sent();
    let answer = pair.pool.lend_copy(&answer).unwrap();
    match pair.client.receive(answer) {
        Err(TlsFault::Alert(alert)) => (fault, alert),
        other => panic!("expected an alert after {fault}, found {other:?}"),
    }
}

#[test]
fn garbage_and_oversized_records_give_an_alert_and_a_fault() {
    for version in VERSIONS {
        let garbage = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        let (_, alert) = alert_after(&mut pair(version), garbage);
        assert_eq!(alert, AlertDescription::DecodeError);

        let (_, alert) = alert_after(&mut pair(version), &[23, 3, 3, 0x48, 0x01]);
        assert_eq!(alert, AlertDescription::RecordOverflow);

        let mut forged = vec![23, 3, 3, 0, 40];
        forged.extend([9; 40]);
        let (_, alert) = alert_after(&mut pair(version), &forged);
        assert_eq!(alert, AlertDescription::BadRecordMac);
    }
}

#[test]
fn garbage_instead_of_a_hello_gives_an_alert_and_a_fault() {
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[22, 3, 1, 0xff, 0xff], &[0; 600]] {
        let server = CONFIGS.with(|(_, server)| Session::accept(server).unwrap());
        let mut end = End::new(server, Outgoing::default());
        let pool = Pool::new(1, 1024);
        let received = end.receive(pool.lend_copy(garbage).unwrap());
        assert!(matches!(received, Err(TlsFault::Protocol(_))), "{received:?}");
        let sent = end.sent();
        assert_eq!(sent[..3], [21, 3, 3], "an alert record, in the clear");
        assert_eq!(sent[5], 2, "a fatal one");
        assert_eq!(end.receive(pool.lend_copy(b"more").unwrap()), Err(TlsFault::NotOpen));
    }
}

#[test]
fn what_came_before_a_broken_record_is_delivered() {
    let mut pair = pair(ProtocolVersion::TLSv1_3);
    pair.client.send(b"good");
    let mut stream = pair.client.sent();
    stream.extend([23, 3, 3, 0, 20]);
    stream.extend([9; 20]);
    assert!(pair.server.receive(pair.pool.lend_copy(&stream).unwrap()).is_err());
    assert_eq!(pair.server.plain, b"good");
}

#[test]
fn a_key_update_that_asks_for_one_is_answered_once_per_receive() {
    let mut pair = pair(ProtocolVersion::TLSv1_3);
    let client = &mut pair.client;
    for _ in 0..3 {
        let traffic = client.session.traffic();
        traffic.send_raw(ContentType::Handshake, &[24, 0, 0, 1, 1], &mut client.out);
        traffic.next_sealer();
    }
    client.send(b"with the third key");
    let stream = client.sent();
    pair.server.receive(pair.pool.lend_copy(&stream).unwrap()).unwrap();
    assert_eq!(pair.server.plain, b"with the third key");
    let answer = pair.server.sent();
    assert_eq!(answer.len(), 5 + 5 + 1 + 16, "one key update");
    pair.server.send(b"and with a new one back");
    let stream = [answer, pair.server.sent()].concat();
    pair.client.receive(pair.pool.lend_copy(&stream).unwrap()).unwrap();
    assert_eq!(pair.client.plain, b"and with a new one back");
}

#[test]
fn keys_are_changed_before_they_are_used_up() {
    let mut pair = pair(ProtocolVersion::TLSv1_3);
    for _ in 0..3 {
        pair.client.session.traffic().limit_records(3);
        pair.client.send(&[1; 5 * 16_384]);
        pair.run().unwrap();
    }
    assert_eq!(pair.server.plain.len(), 15 * 16_384);
}

#[test]
fn tls12_keys_that_are_used_up_end_the_connection() {
    let mut pair = pair(ProtocolVersion::TLSv1_2);
    pair.client.session.traffic().limit_records(3);
    pair.client.send(b"one");
    pair.client.send(b"two");
    let mut plain = Outgoing::default();
    plain.copy(b"three");
    let client = &mut pair.client;
    let sent = client.session.encrypt(&plain, &mut client.out);
    assert_eq!(sent, Err(TlsFault::KeysExhausted));
    let stream = client.sent();
    let received = pair.server.receive(pair.pool.lend_copy(&stream).unwrap());
    assert_eq!(received, Ok(Progress::Closed), "the last record says goodbye");
    assert_eq!(pair.server.plain, b"onetwo");
}

/// Sends records as a peer might that breaks the rules; returns what the server makes of them.
fn forge(pair: &mut Pair, records: &[(ContentType, &[u8])]) -> Result<Progress, TlsFault> {
    let client = &mut pair.client;
    for &(content, bytes) in records {
        client.session.traffic().send_raw(content, bytes, &mut client.out);
    }
    let stream = client.sent();
    pair.server.receive(pair.pool.lend_copy(&stream).unwrap())
}

#[test]
fn messages_without_data_are_counted() {
    for version in VERSIONS {
        let mut open = pair(version);
        let empty = [(ContentType::ApplicationData, &b""[..]); 32];
        assert_eq!(forge(&mut open, &empty), Ok(Progress::Open));
        open.client.send(b"data resets the count");
        open.run().unwrap();
        assert_eq!(forge(&mut open, &empty), Ok(Progress::Open));
        assert_eq!(forge(&mut open, &empty[..1]), Err(TlsFault::TooManyIdleMessages { limit: 32 }));
    }
}

#[test]
fn a_handshake_message_may_come_in_pieces_but_not_apart() {
    let update = [24, 0, 0, 1, 0];
    let mut open = pair(ProtocolVersion::TLSv1_3);
    let (front, rest) = update.split_at(2);
    let pieces = [(ContentType::Handshake, front), (ContentType::Handshake, rest)];
    assert_eq!(forge(&mut open, &pieces), Ok(Progress::Open));
    assert_eq!(open.server.session.buffered_bytes(), 0);
    open.client.session.traffic().next_sealer();
    open.client.send(b"next key");
    open.run().unwrap();
    assert_eq!(open.server.plain, b"next key");

    let mut open = pair(ProtocolVersion::TLSv1_3);
    let apart = [(ContentType::Handshake, front), (ContentType::ApplicationData, &b"x"[..])];
    assert!(forge(&mut open, &apart).is_err());

    let mut open = pair(ProtocolVersion::TLSv1_3);
    let behind = [update, update].concat();
    assert!(
        forge(&mut open, &[(ContentType::Handshake, &behind)]).is_err(),
        "nothing may stand behind a key update in its record"
    );

    let mut open = pair(ProtocolVersion::TLSv1_3);
    let mut crumbs = vec![(ContentType::Handshake, &[24, 0, 0xff, 0xff][..])];
    crumbs.extend([(ContentType::Handshake, &[0][..]); 31]);
    assert_eq!(forge(&mut open, &crumbs), Ok(Progress::Open));
    assert!(forge(&mut open, &crumbs[1..2]).is_err(), "in crumbs without end");

    let mut open = pair(ProtocolVersion::TLSv1_3);
    let endless = [(ContentType::Handshake, &[24, 1, 0, 0][..])];
    assert!(forge(&mut open, &endless).is_err(), "64 KiB are too long");
}

#[test]
fn messages_out_of_place_are_faults() {
    let ticket = [4, 0, 0, 0];
    let bad_update = [24, 0, 0, 1, 2];
    for forged in [&ticket[..], &bad_update] {
        let mut open = pair(ProtocolVersion::TLSv1_3);
        assert!(forge(&mut open, &[(ContentType::Handshake, forged)]).is_err());
    }
    let mut open = pair(ProtocolVersion::TLSv1_2);
    let update = [24, 0, 0, 1, 0];
    assert!(forge(&mut open, &[(ContentType::Handshake, &update)]).is_err());
    for version in VERSIONS {
        let mut open = pair(version);
        assert!(forge(&mut open, &[(ContentType::ChangeCipherSpec, &[1])]).is_err());
    }
}

#[test]
fn a_tls12_client_that_renegotiates_is_told_no_once() {
    let hello = [1, 0, 0, 2, 3, 3];
    let mut open = pair(ProtocolVersion::TLSv1_2);
    let renegotiation = [(ContentType::Handshake, &hello[..])];
    assert_eq!(forge(&mut open, &renegotiation), Ok(Progress::Open));
    open.run().unwrap();
    open.client.send(b"as you wish");
    open.run().unwrap();
    assert_eq!(open.server.plain, b"as you wish");
    assert!(forge(&mut open, &renegotiation).is_err());
}

#[test]
fn alerts_are_understood() {
    let alert = |version, bytes: &[u8]| forge(&mut pair(version), &[(ContentType::Alert, bytes)]);
    let internal_error = Err(TlsFault::Alert(AlertDescription::InternalError));
    for version in VERSIONS {
        assert_eq!(alert(version, &[2, 80]), internal_error);
        assert_eq!(alert(version, &[1, 90]), Ok(Progress::Open), "user_canceled");
        assert!(alert(version, &[2]).is_err(), "too short");
        assert!(alert(version, &[1, 0, 0]).is_err(), "too long");
    }
    assert_eq!(alert(ProtocolVersion::TLSv1_3, &[1, 80]), internal_error);
    assert_eq!(alert(ProtocolVersion::TLSv1_2, &[1, 80]), Ok(Progress::Open));
}

#[test]
fn steady_traffic_reuses_the_send_buffer() {
    let mut pair = pair(ProtocolVersion::TLSv1_3);
    let mut plain = Outgoing::default();
    plain.copy(&[b'x'; 20_000]);
    let mut out = Outgoing::default();
    pair.server.session.encrypt(&plain, &mut out).unwrap();
    let capacity = out.written().capacity();
    let address = out.written().as_ptr();
    for _ in 0..50 {
        out.clear(usize::MAX);
        pair.server.session.encrypt(&plain, &mut out).unwrap();
    }
    assert_eq!((out.written().capacity(), out.written().as_ptr()), (capacity, address));
}
