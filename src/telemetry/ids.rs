//! Ids: the texts that name a request, made from random words. Table-driven and without `fmt`, because
//! every request needs at least one.

/// An id as ASCII text in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Id<const LENGTH: usize>([u8; LENGTH]);

impl<const LENGTH: usize> Id<LENGTH> {
    /// The text's bytes, all ASCII.
    #[inline]
    pub fn as_bytes(&self) -> &[u8; LENGTH] {
        &self.0
    }

    /// The text.
    #[inline]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("only ASCII characters are ever put in")
    }
}

/// A UUID in text form, e.g. `c6af9ac6-7b61-11e6-9a41-93e8deadbeef`.
pub type Uuid = Id<36>;

/// 15 characters of base64 and `=`, e.g. `VwjwNFuUIAMFrRA=`.
pub type ExtendedId = Id<16>;

/// An X-Ray root, e.g. `Root=1-5759e988-bd862e3fe1be46a994272793`.
pub type TraceRoot = Id<40>;

/// The hexadecimal digits of a word, all eight at once: each of its nibbles becomes a byte of a word of
/// twice the size.
#[inline]
const fn hex(word: u32) -> [u8; 8] {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let mut nibbles = word as u64;
    nibbles = (nibbles | nibbles << 16) & 0x0000_ffff_0000_ffff;
    nibbles = (nibbles | nibbles << 8) & 0x00ff_00ff_00ff_00ff;
    nibbles = (nibbles | nibbles << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    // With six more a letter's nibble is sixteen or above.
    let letters = (nibbles + 6 * EACH) >> 4 & EACH;
    let digits = nibbles + b'0' as u64 * EACH + (b'a' - b'0' - 10) as u64 * letters;
    digits.to_be_bytes()
}

/// The upper and the lower half of a word.
#[inline]
const fn halves(word: u64) -> [u32; 2] {
    [(word >> 32) as u32, word as u32]
}

/// RFC 4648 section 5.
const BASE64_URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A version 4 UUID (RFC 9562 section 5.4): the value of `x-amzn-RequestId`.
#[inline]
pub fn uuid(random: [u64; 2]) -> Uuid {
    let high = random[0] & !0xf000 | 0x4000;
    let low = random[1] & !(0b11 << 62) | 0b10 << 62;
    let [first, second] = halves(high).map(hex);
    let [third, fourth] = halves(low).map(hex);
    let mut text = [b'-'; 36];
    text[..8].copy_from_slice(&first);
    text[9..13].copy_from_slice(&second[..4]);
    text[14..18].copy_from_slice(&second[4..]);
    text[19..23].copy_from_slice(&third[..4]);
    text[24..28].copy_from_slice(&third[4..]);
    text[28..].copy_from_slice(&fourth);
    Id(text)
}

/// A UUID that is known already, in lower case.
pub fn known_uuid(text: &str) -> Option<Uuid> {
    let is_its = |(at, byte): (usize, u8)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
    };
    let bytes: [u8; 36] = text.as_bytes().try_into().ok()?;
    bytes.into_iter().enumerate().all(is_its).then_some(Id(bytes))
}

/// 88 random bits in url-safe base64: the shape of `x-amz-apigw-id` and of `apigw-requestid`.
#[inline]
pub fn extended_id(random: [u64; 2]) -> ExtendedId {
    let mut bits = u128::from(random[0]) << 64 | u128::from(random[1]);
    let mut text = [b'='; 16];
    for character in &mut text[..14] {
        *character = BASE64_URL[(bits & 63) as usize];
        bits >>= 6;
    }
    // 11 bytes end with four bits of the fifteenth character; the other two are zero, or the text
    // would be no valid base64.
    text[14] = BASE64_URL[((bits & 15) << 2) as usize];
    Id(text)
}

/// The root of a new trace: the time in seconds and 96 random bits.
#[inline]
pub fn trace_root(epoch_seconds: u32, random: [u64; 2]) -> TraceRoot {
    let mut text = *b"Root=1-00000000-000000000000000000000000";
    text[7..15].copy_from_slice(&hex(epoch_seconds));
    let [first, second] = halves(random[0]).map(hex);
    text[16..24].copy_from_slice(&first);
    text[24..32].copy_from_slice(&second);
    text[32..].copy_from_slice(&hex(halves(random[1])[0]));
    Id(text)
}

/// A client's `x-amzn-RequestId`, if it has the form of a UUID and may be adopted (Amazon's "Access
/// logging for REST APIs"): 8-4-4-4-12 hexadecimal digits of either case.
pub fn adopted_uuid(text: &[u8]) -> Option<Uuid> {
    let bytes: [u8; 36] = text.try_into().ok()?;
    let is_its = |(index, byte): (usize, &u8)| match index {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    bytes.iter().enumerate().all(is_its).then_some(Id(bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_uuid_that_is_none_is_not_taken_for_one() {
        let made = uuid([1, 2]);
        assert_eq!(
            known_uuid(made.as_str()).map(|it| it.as_str().to_owned()),
            Some(made.as_str().to_owned())
        );
        for text in
            ["", "r", &made.as_str()[1..], &made.as_str().replace('-', "0"), &"-".repeat(36)]
        {
            assert!(known_uuid(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_uuid_shows_the_random_words_with_version_and_variant() {
        let id = uuid([0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210]);
        assert_eq!(id.as_str(), "01234567-89ab-4def-bedc-ba9876543210");
        assert_eq!(uuid([0; 2]).as_str(), "00000000-0000-4000-8000-000000000000");
    }

    #[test]
    fn a_trace_root_shows_the_time_and_96_bits() {
        let root = trace_root(0x5759_e988, [0xbd86_2e3f_e1be_46a9, 0x9427_2793_ffff_ffff]);
        assert_eq!(root.as_str(), "Root=1-5759e988-bd862e3fe1be46a994272793");
    }

    #[test]
    fn only_the_form_of_a_uuid_is_adopted() {
        let given = "01234567-89AB-4def-bedc-ba9876543210";
        assert_eq!(adopted_uuid(given.as_bytes()).unwrap().as_str(), given);
        for wrong in [
            &b"01234567-89ab-4def-bedc-ba987654321"[..],
            b"01234567-89ab-4def-bedc-ba98765432100",
            b"0123456789ab-4def-bedc-ba9876543210--",
            b"01234567-89ab-4def-bedc-ba987654321g",
            b"01234567-89ab-4defabedc-ba9876543210",
            b"",
        ] {
            assert!(adopted_uuid(wrong).is_none(), "{}", String::from_utf8_lossy(wrong));
        }
    }

    proptest! {
        #[test]
        fn ids_have_their_form_and_differ_when_the_words_do(one: [u64; 2], other: [u64; 2]) {
            prop_assert!(adopted_uuid(uuid(one).as_bytes()).is_some());
            let text = extended_id(one);
            prop_assert_eq!(text.as_bytes()[15], b'=');
            prop_assert!(text.as_bytes()[..15].iter().all(|byte| BASE64_URL.contains(byte)));
            prop_assert!(b"AEIMQUYcgkosw048".contains(&text.as_bytes()[14]));
            // 88 bits of the second word and the lower part of the first are used.
            let used = |random: [u64; 2]| (random[0] & 0xff_ffff, random[1]);
            prop_assert_eq!(used(one) == used(other), text == extended_id(other));
        }
    }
}
