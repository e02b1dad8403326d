//! Identifiers in Amazon's forms: lower-case letters and digits, six or ten of them.

/// The characters of an identifier.
const CHARACTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// The characters of a generated API key's value.
const KEY_CHARACTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Makes identifiers. From the system's random source in production, from a seed in tests.
#[derive(Debug)]
pub struct IdSource {
    /// SplitMix64 where tests want the same ids every time.
    seed: Option<u64>,
}

impl IdSource {
    /// From the system's random source.
    pub fn random() -> Self {
        Self { seed: None }
    }

    /// The same identifiers for the same seed.
    pub fn seeded(seed: u64) -> Self {
        Self { seed: Some(seed) }
    }

    /// Ten characters: APIs, API keys.
    pub fn long(&mut self) -> String {
        self.text(10, CHARACTERS)
    }

    /// Six characters: nearly everything else.
    pub fn short(&mut self) -> String {
        self.text(6, CHARACTERS)
    }

    /// Seven characters: routes and integrations of HTTP and WebSocket APIs.
    pub fn seven(&mut self) -> String {
        self.text(7, CHARACTERS)
    }

    /// Thirteen characters: CloudFront-like targets of domain names.
    pub fn thirteen(&mut self) -> String {
        self.text(13, CHARACTERS)
    }

    /// Forty letters and digits: the value of a generated API key. About 238 random bits.
    pub fn api_key_value(&mut self) -> String {
        self.text(40, KEY_CHARACTERS)
    }

    /// 128 random bits as a version 4 UUID, e.g. a request id.
    pub fn uuid(&mut self) -> String {
        let mut bytes = [0_u8; 16];
        self.fill(&mut bytes);
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let hex = |range: std::ops::Range<usize>| {
            bytes[range].iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        [hex(0..4), hex(4..6), hex(6..8), hex(8..10), hex(10..16)].join("-")
    }

    fn text(&mut self, length: usize, characters: &[u8]) -> String {
        let mut text = String::with_capacity(length);
        // Values at the end of a byte's range would make some characters likelier: drawn again.
        let fair = 256 - 256 % characters.len();
        while text.len() < length {
            let mut bytes = [0_u8; 64];
            self.fill(&mut bytes);
            let drawn = bytes.iter().map(|&byte| usize::from(byte)).filter(|&byte| byte < fair);
            let wanted = length - text.len();
            text.extend(
                drawn.take(wanted).map(|byte| char::from(characters[byte % characters.len()])),
            );
        }
        text
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        match &mut self.seed {
            None => {
                aws_lc_rs::rand::fill(bytes).expect("the system's random source does not fail");
            }
            Some(state) => {
                for chunk in bytes.chunks_mut(8) {
                    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                    let mut word = *state;
                    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                    word ^= word >> 31;
                    chunk.copy_from_slice(&word.to_le_bytes()[..chunk.len()]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_amazons() {
        for mut source in [IdSource::random(), IdSource::seeded(7)] {
            let is_id = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
            assert_eq!(source.long().len(), 10);
            assert!(source.long().bytes().all(is_id));
            assert_eq!(source.short().len(), 6);
            let value = source.api_key_value();
            assert!(value.len() == 40 && value.bytes().all(|byte| byte.is_ascii_alphanumeric()));
            let uuid = source.uuid();
            assert_eq!((uuid.len(), &uuid[14..15]), (36, "4"));
        }
    }

    #[test]
    fn a_seed_gives_the_same_ids_and_never_twice_the_same() {
        let (mut a, mut b) = (IdSource::seeded(1), IdSource::seeded(1));
        let first = a.long();
        assert_eq!(first, b.long());
        assert_ne!(first, a.long());
    }
}
