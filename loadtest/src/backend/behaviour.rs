//! How the back end answers: set by flags for all requests, changed by the query of each.

use crate::random::Random;
use crate::template::nearest;
use crate::units;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Bodies at most: beyond it the test is one of patience.
pub const SIZE_MAX: usize = 1 << 40;

/// How requests are answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Behaviour {
    /// Statuses with their weights.
    pub statuses: Vec<(u16, u64)>,
    /// Bytes of body: from, to (both included).
    pub size: (usize, usize),
    /// How long to wait before the answer.
    pub delay: Delay,
    /// How the body ends.
    pub framing: Framing,
    /// Faults with the share of requests that they hit.
    pub faults: Vec<(Fault, f64)>,
    /// Fields added to the answer.
    pub headers: Vec<(String, String)>,
    /// `Content-Type`.
    pub content_type: String,
    /// The body itself, instead of `size` bytes of pattern.
    pub body: Option<String>,
    /// Interim responses before the answer.
    pub interim: Vec<u16>,
    /// Bytes of body before a fault in the body; absent: half of it.
    pub fault_after: Option<usize>,
    /// Bytes at a time, for [`Fault::Trickle`].
    pub trickle_bytes: usize,
    /// How often, for [`Fault::Trickle`].
    pub trickle_every: Duration,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            statuses: vec![(200, 1)],
            size: (27, 27),
            delay: Delay::None,
            framing: Framing::Length,
            faults: Vec::new(),
            headers: Vec::new(),
            content_type: "text/plain".to_owned(),
            body: None,
            interim: Vec::new(),
            fault_after: None,
            trickle_bytes: 1,
            trickle_every: Duration::from_millis(10),
        }
    }
}

/// How the body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// `Content-Length`.
    Length,
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// The end of the connection.
    Close,
}

/// How long to wait before the answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Delay {
    /// Not at all.
    None,
    /// Always the same: `5ms`.
    Fixed(Duration),
    /// Evenly between two: `1ms..20ms`.
    Uniform(Duration, Duration),
    /// Exponentially distributed with this mean, cut at ten times the mean: `exp:5ms`.
    Exponential(Duration),
    /// Normally distributed, cut at zero: `normal:10ms:2ms`.
    Normal {
        /// Mean.
        mean: Duration,
        /// Standard deviation.
        deviation: Duration,
    },
}

impl Delay {
    /// Draws a delay.
    pub fn draw(self, random: &mut Random) -> Duration {
        match self {
            Delay::None => Duration::ZERO,
            Delay::Fixed(delay) => delay,
            Delay::Uniform(low, high) => low + (high - low).mul_f64(random.unit()),
            Delay::Exponential(mean) => mean.mul_f64((-(1.0 - random.unit()).ln()).min(10.0)),
            Delay::Normal { mean, deviation } => {
                // Box and Muller, 1958.
                let radius = (-2.0 * (1.0 - random.unit()).ln()).sqrt();
                let angle = std::f64::consts::TAU * random.unit();
                let seconds = mean.as_secs_f64() + deviation.as_secs_f64() * radius * angle.cos();
                Duration::from_secs_f64(seconds.max(0.0))
            }
        }
    }
}

impl FromStr for Delay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let duration = |text: &str| units::duration(text).map_err(|error| error.to_string());
        if let Some(mean) = text.strip_prefix("exp:") {
            return Ok(Self::Exponential(duration(mean)?));
        }
        if let Some(rest) = text.strip_prefix("normal:") {
            let (mean, deviation) = rest
                .split_once(':')
                .ok_or_else(|| format!("expected \"normal:10ms:2ms\", found `{text}`"))?;
            return Ok(Self::Normal { mean: duration(mean)?, deviation: duration(deviation)? });
        }
        if let Some((low, high)) = text.split_once("..") {
            let (low, high) = (duration(low)?, duration(high)?);
            if low > high {
                return Err(format!("expected the shorter delay first, found `{text}`"));
            }
            return Ok(Self::Uniform(low, high));
        }
        let delay = duration(text)?;
        Ok(if delay.is_zero() { Self::None } else { Self::Fixed(delay) })
    }
}

macro_rules! faults {
    ($($variant:ident $name:literal $meaning:literal)+) => {
        /// Ways to misbehave.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Fault {
            $(#[doc = $meaning] $variant,)+
        }

        impl Fault {
            /// Every fault with its name and meaning.
            pub const ALL: &[(Fault, &'static str, &'static str)] = &[$((Fault::$variant, $name, $meaning),)+];
        }
    };
}

faults! {
    Refuse "refuse" "The connection is reset right after it was accepted (in a query: as `reset`)."
    Reset "reset" "Reset instead of an answer."
    ResetHead "reset_head" "Reset in the middle of the head."
    ResetBody "reset_body" "Reset in the middle of the body."
    Close "close" "Closed instead of an answer."
    CloseHead "close_head" "Closed in the middle of the head."
    CloseBody "close_body" "Closed in the middle of the body."
    CloseAfter "close_after" "Closed after a complete answer, without `Connection: close`."
    Stall "stall" "No answer, the connection stays open."
    StallHead "stall_head" "Half of the head, then nothing, the connection stays open."
    StallBody "stall_body" "The head and part of the body, then nothing, the connection stays open."
    Trickle "trickle" "The answer comes a few bytes at a time."
    LengthTooLong "length_too_long" "`Content-Length` promises ten bytes more than come; then closed."
    LengthTooShort "length_too_short" "`Content-Length` promises ten bytes fewer than come."
    Extra "extra" "A second answer that nobody asked for, right behind the first."
    Garbage "garbage" "Bytes that are no HTTP, right behind the answer."
    Early "early" "The answer comes before the request's body was read; the body is read after it."
    EarlyClose "early_close" "The answer comes before the request's body was read; then closed."
    InvalidHead "invalid_head" "What stands for the status line is no HTTP."
    InvalidField "invalid_field" "A field line without a colon."
    HugeHead "huge_head" "A head of 256 KiB."
    BadChunk "bad_chunk" "A chunked body whose second chunk size is no number."
    LengthAndChunked "length_and_chunked" "`Content-Length` and `Transfer-Encoding` in one head."
    TwoLengths "two_lengths" "Two `Content-Length` fields that differ."
}

impl Fault {
    /// The name in flags and queries.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(fault, ..)| *fault == self).map_or("", |(_, name, _)| name)
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.replace('-', "_");
        if let Some((fault, ..)) = Self::ALL.iter().find(|(_, known, _)| *known == name) {
            return Ok(*fault);
        }
        let names = || Self::ALL.iter().map(|(_, name, _)| *name);
        Err(match nearest(&name, names()) {
            Some(near) => format!("unknown fault `{text}`; did you mean `{near}`?"),
            None => format!(
                "unknown fault `{text}`; known are: {}",
                names().collect::<Vec<_>>().join(", ")
            ),
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Reads `reset:1%`; without a share the fault hits every request.
///
/// # Errors
/// An unknown fault, or no share.
pub fn fault_with_share(text: &str) -> Result<(Fault, f64), String> {
    match text.split_once(':') {
        Some((fault, share)) => {
            let share = units::share(share).map_err(|error| error.to_string())?;
            Ok((fault.parse()?, share))
        }
        None => Ok((text.parse()?, 1.0)),
    }
}

/// Reads `200` or a mix with weights: `200:98,503:2`.
///
/// # Errors
/// When something in it is no status or no weight.
pub fn statuses(text: &str) -> Result<Vec<(u16, u64)>, String> {
    let wrong = || {
        format!(
            "expected a status such as \"200\" or a mix such as \"200:98,503:2\", found `{text}`"
        )
    };
    text.split(',')
        .map(|part| {
            let (status, weight) = part.split_once(':').unwrap_or((part, "1"));
            let status: u16 = status.trim().parse().map_err(|_| wrong())?;
            let weight: u64 = weight.trim().parse().map_err(|_| wrong())?;
            // 1xx are no answers: `interim` sends those.
            if (200..=599).contains(&status) && (1..=1_000_000).contains(&weight) {
                Ok((status, weight))
            } else {
                Err(wrong())
            }
        })
        .collect()
}

/// Reads `16KiB` or a range: `100..16KiB`.
///
/// # Errors
/// When it is no size.
pub fn size(text: &str) -> Result<(usize, usize), String> {
    let size = |text: &str| units::size(text).map_err(|error| error.to_string());
    let (low, high) = match text.split_once("..") {
        Some((low, high)) => (size(low)?, size(high)?),
        None => (size(text)?, size(text)?),
    };
    if low > high || high > SIZE_MAX {
        return Err(format!("expected sizes with the smaller first, found `{text}`"));
    }
    Ok((low, high))
}

/// Reads a framing.
///
/// # Errors
/// When it is none.
pub fn framing(text: &str) -> Result<Framing, String> {
    match text {
        "length" => Ok(Framing::Length),
        "chunked" => Ok(Framing::Chunked),
        "close" => Ok(Framing::Close),
        _ => Err(format!("expected length, chunked or close, found `{text}`")),
    }
}

impl Behaviour {
    /// This behaviour as the query of one request changes it.
    ///
    /// # Errors
    /// A sentence on what is wrong with the query; the back end answers it with 400.
    pub fn with_query(&self, query: &[u8]) -> Result<Self, String> {
        const KEYS: [&str; 13] = [
            "size",
            "delay",
            "status",
            "framing",
            "fault",
            "fault_after",
            "header",
            "type",
            "body",
            "interim",
            "trickle_bytes",
            "trickle_every",
            "for",
        ];
        let mut behaviour = self.clone();
        for (key, value) in pairs(query) {
            let in_key = |error: String| format!("{key}: {error}");
            match key.as_str() {
                "size" => behaviour.size = size(&value).map_err(in_key)?,
                "delay" => behaviour.delay = value.parse().map_err(in_key)?,
                "status" => behaviour.statuses = statuses(&value).map_err(in_key)?,
                "framing" => behaviour.framing = framing(&value).map_err(in_key)?,
                "fault" if value == "none" => behaviour.faults.clear(),
                "fault" => behaviour.faults = vec![fault_with_share(&value).map_err(in_key)?],
                "fault_after" => {
                    let bytes = units::size(&value).map_err(|error| in_key(error.to_string()))?;
                    behaviour.fault_after = Some(bytes);
                }
                "header" => match value.split_once(':') {
                    Some((name, value)) => {
                        // Nothing is checked: back ends that send nonsense are what this is for.
                        let field = (name.to_owned(), value.trim().to_owned());
                        behaviour.headers.push(field);
                    }
                    None => return Err(format!("header: expected name:value, found `{value}`")),
                },
                "type" => behaviour.content_type = value,
                "body" => behaviour.body = Some(value),
                "interim" => {
                    let statuses = value.split(',').map(|status| match status.parse() {
                        Ok(status @ 100..=199) => Ok(status),
                        _ => Err(format!("interim: expected 1xx statuses, found `{value}`")),
                    });
                    behaviour.interim = statuses.collect::<Result<_, _>>()?;
                }
                "trickle_bytes" => {
                    let bytes = units::size(&value).map_err(|error| in_key(error.to_string()))?;
                    behaviour.trickle_bytes = bytes.max(1);
                }
                "trickle_every" => {
                    let every =
                        units::duration(&value).map_err(|error| in_key(error.to_string()))?;
                    behaviour.trickle_every = every;
                }
                "for" => {}
                // A query of the gateway's own test passes through; a mistyped one must not.
                unknown => {
                    if let Some(near) = nearest(unknown, KEYS) {
                        return Err(format!("unknown key `{unknown}`; did you mean `{near}`?"));
                    }
                }
            }
        }
        Ok(behaviour)
    }

    /// The fault that hits this request, if any.
    pub fn draw_fault(&self, random: &mut Random) -> Option<Fault> {
        if self.faults.is_empty() {
            return None;
        }
        let mut point = random.unit();
        for (fault, share) in &self.faults {
            if point < *share {
                return Some(*fault);
            }
            point -= share;
        }
        None
    }

    /// The status of this answer.
    pub fn draw_status(&self, random: &mut Random) -> u16 {
        if let [(status, _)] = self.statuses[..] {
            return status;
        }
        let sum = self.statuses.iter().map(|(_, weight)| weight).sum();
        let mut point = random.below(sum);
        for (status, weight) in &self.statuses {
            if point < *weight {
                return *status;
            }
            point -= weight;
        }
        200
    }

    /// The bytes of body of this answer.
    pub fn draw_size(&self, random: &mut Random) -> usize {
        let (low, high) = self.size;
        low + random.below((high - low) as u64 + 1) as usize
    }
}

/// Keys and values of a query, percent-decoded, `+` as a space.
pub fn pairs(query: &[u8]) -> impl Iterator<Item = (String, String)> {
    query.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
        let split = pair.iter().position(|byte| *byte == b'=');
        let (key, value) = match split {
            Some(at) => (&pair[..at], &pair[at + 1..]),
            None => (pair, &b""[..]),
        };
        (decode(key), decode(value))
    })
}

fn decode(text: &[u8]) -> String {
    let hex = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let mut decoded = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        at += 1;
        match (byte, hex(text.get(at)), hex(text.get(at + 1))) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((high * 16 + low) as u8);
                at += 2;
            }
            (b'+', ..) => decoded.push(b' '),
            (byte, ..) => decoded.push(*byte),
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(query: &str) -> Result<Behaviour, String> {
        Behaviour::default().with_query(query.as_bytes())
    }

    #[test]
    fn a_query_changes_one_request() {
        let behaviour = with(
            "size=16KiB&delay=10ms&fault=reset-body&status=503&framing=chunked&header=x-a:%20b&body=a+b%21",
        )
        .unwrap();
        assert_eq!(behaviour.size, (16384, 16384));
        assert_eq!(behaviour.delay, Delay::Fixed(Duration::from_millis(10)));
        assert_eq!(behaviour.faults, [(Fault::ResetBody, 1.0)]);
        assert_eq!(behaviour.statuses, [(503, 1)]);
        assert_eq!(behaviour.framing, Framing::Chunked);
        assert_eq!(behaviour.headers, [("x-a".to_owned(), "b".to_owned())]);
        assert_eq!(behaviour.body.as_deref(), Some("a b!"));
        assert_eq!(with("page=2&id=7").unwrap(), Behaviour::default());
    }

    #[test]
    fn mistakes_in_a_query_are_named() {
        assert_eq!(with("siz=1").unwrap_err(), "unknown key `siz`; did you mean `size`?");
        assert_eq!(
            with("fault=rest").unwrap_err(),
            "fault: unknown fault `rest`; did you mean `reset`?"
        );
        assert!(with("delay=5").unwrap_err().starts_with("delay: expected a duration"));
        assert!(with("status=100").unwrap_err().contains("expected a status"));
        assert!(with("interim=200").unwrap_err().contains("1xx"));
        assert!(with("size=5..1").unwrap_err().contains("smaller first"));
    }

    #[test]
    fn every_fault_is_read_by_its_name() {
        for (fault, name, meaning) in Fault::ALL {
            assert_eq!(name.parse::<Fault>().as_ref(), Ok(fault));
            assert_eq!(fault.name(), *name);
            assert!(meaning.ends_with('.'));
        }
    }

    #[test]
    fn shares_and_weights_are_kept() {
        let behaviour = Behaviour {
            faults: vec![(Fault::Reset, 0.1), (Fault::Stall, 0.2)],
            statuses: statuses("200:9,503:1").unwrap(),
            size: size("10..20").unwrap(),
            ..Behaviour::default()
        };
        let mut random = Random::new(1);
        let (mut resets, mut stalls, mut unavailable) = (0, 0, 0);
        for _ in 0..10_000 {
            match behaviour.draw_fault(&mut random) {
                Some(Fault::Reset) => resets += 1,
                Some(Fault::Stall) => stalls += 1,
                _ => {}
            }
            unavailable += u32::from(behaviour.draw_status(&mut random) == 503);
            assert!((10..=20).contains(&behaviour.draw_size(&mut random)));
        }
        assert!((900..1100).contains(&resets), "{resets}");
        assert!((1850..2150).contains(&stalls), "{stalls}");
        assert!((900..1100).contains(&unavailable), "{unavailable}");
    }

    #[test]
    fn delays_have_their_mean() {
        let mut random = Random::new(1);
        for (text, low, high) in [
            ("5ms", 5.0, 5.0),
            ("0ms..10ms", 4.8, 5.2),
            ("exp:5ms", 4.8, 5.2),
            ("normal:5ms:1ms", 4.9, 5.1),
        ] {
            let delay: Delay = text.parse().unwrap();
            let sum: f64 = (0..20_000).map(|_| delay.draw(&mut random).as_secs_f64()).sum();
            let mean = sum / 20.0;
            assert!((low - 1e-6..=high + 1e-6).contains(&mean), "{text}: {mean} ms");
        }
        assert!("normal:5ms".parse::<Delay>().is_err());
        assert!("9ms..1ms".parse::<Delay>().is_err());
    }
}
