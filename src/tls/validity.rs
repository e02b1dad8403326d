//! From when to when a certificate is valid: the one thing that is needed of X.509 beside what rustls
//! checks itself, read so that the operator hears of an expired certificate before the clients do.

use jiff::civil::DateTime;
use jiff::tz::Offset;
use std::time::Duration;

/// A certificate's period of validity (RFC 5280, 4.1.2.5), as times since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) not_before: Duration,
    pub(super) not_after: Duration,
}

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

impl Validity {
    /// Reads it from a DER certificate. `None`: not a certificate as RFC 5280 has it.
    pub(super) fn of(certificate: &[u8]) -> Option<Self> {
        let (certificate, _) = expect(SEQUENCE, certificate)?;
        let (mut fields, _) = expect(SEQUENCE, certificate)?;
        if let Some((VERSION, _, rest)) = element(fields) {
            fields = rest;
        }
        let (_serial, fields) = expect(INTEGER, fields)?;
        let (_algorithm, fields) = expect(SEQUENCE, fields)?;
        let (_issuer, fields) = expect(SEQUENCE, fields)?;
        let (validity, _) = expect(SEQUENCE, fields)?;
        let (not_before, rest) = time(validity)?;
        let (not_after, _) = time(rest)?;
        Some(Self { not_before, not_after })
    }
}

/// One DER element: its tag, its contents, what follows.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = bytes.split_first_chunk()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        // Certificates are below 16 MiB: three bytes of length are enough.
        0x81..=0x83 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let value = length.iter().fold(0, |value, &byte| value << 8 | usize::from(byte));
            (value, rest)
        }
        _ => return None,
    };
    let (contents, rest) = rest.split_at_checked(length)?;
    Some((tag, contents, rest))
}

fn expect(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (found, contents, rest) = element(bytes)?;
    (found == tag).then_some((contents, rest))
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`, nothing else (RFC 5280, 4.1.2.5).
fn time(bytes: &[u8]) -> Option<(Duration, &[u8])> {
    let (tag, text, rest) = element(bytes)?;
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, text) = match tag {
        UTC_TIME => {
            let (year, text) = text.split_at_checked(2)?;
            let year: i16 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, text)
        }
        GENERALIZED_TIME => {
            let (year, text) = text.split_at_checked(4)?;
            (year.parse().ok()?, text)
        }
        _ => return None,
    };
    if text.len() != 10 {
        return None;
    }
    let part = |index: usize| text.get(2 * index..2 * index + 2)?.parse::<i8>().ok();
    let (month, day) = (part(0)?, part(1)?);
    let (hour, minute, second) = (part(2)?, part(3)?, part(4)?);
    let time = DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
    let seconds = Offset::UTC.to_timestamp(time).ok()?.as_second();
    // Before 1970 is as good as 1970 for what this is used for.
    let seconds = u64::try_from(seconds).unwrap_or(0);
    Some((Duration::from_secs(seconds), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn certificate(not_before: (i32, u8, u8), not_after: (i32, u8, u8)) -> Vec<u8> {
        let mut params = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(not_before.0, not_before.1, not_before.2);
        params.not_after = rcgen::date_time_ymd(not_after.0, not_after.1, not_after.2);
        let key = rcgen::KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn both_forms_of_time_are_read() {
        // Years before 2050 are written with two digits, later ones with four.
        let der = certificate((2024, 2, 29), (2051, 1, 1));
        let validity = Validity::of(&der).unwrap();
        assert_eq!(validity.not_before, Duration::from_secs(1_709_164_800));
        assert_eq!(validity.not_after, Duration::from_secs(2_556_144_000));
    }

    #[test]
    fn a_cut_certificate_is_none() {
        let der = certificate((2024, 2, 29), (2051, 1, 1));
        for length in 0..200 {
            assert_eq!(Validity::of(&der[..length]), None);
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_do_not_panic(bytes: Vec<u8>) {
            let _ = Validity::of(&bytes);
        }
    }
}
