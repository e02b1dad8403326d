//! Body bytes out of framed bytes, cut anywhere.
//!
//! ```text
//! Length --last byte--> Done          UntilClose --end of stream--> Done
//!
//! Size --digits--> Size --CR----------------------> SizeLf --LF, size > 0--> Data
//!                  Size --';'--> Extension --CR--> SizeLf --LF, size = 0--> TrailerStart
//!                  Size --white space--> SizeSpace --';'--> Extension
//! Data --last byte--> DataCr --CR--> DataLf --LF--> Size
//! TrailerStart --CR--> EndLf --LF--> Done
//! TrailerStart --name--> TrailerName --':'--> TrailerValue --CR--> TrailerLf --LF--> TrailerStart
//! ```
//!
//! Any other byte ends the connection (RFC 9112 section 7.1, without what it lets recipients
//! tolerate). Extensions and trailers are checked and dropped: nothing here needs them, RFC 9112
//! section 7.1.2 permits it, and a trailer must not become a field behind the gateway's back. Only who
//! asks for trailers gets them: workers tell by them that a streamed answer has failed.
//!
//! Never copies: data is named by its range in the input, and the caller passes it on from there.
//! Knows no limit on the body itself; the caller counts what it gets.

use std::ops::Range;

use super::Framing;
use super::field::{is_token_byte, is_value_byte};

/// What one call to [`BodyReader::read`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Bytes of the input that are dealt with; at least `data.end`, and at least 1 unless the input
    /// is empty or the body was already done.
    pub consumed: usize,
    /// Where in the input body bytes lie. May be empty: then only framing was consumed.
    pub data: Range<usize>,
    /// Whether the body ends with this piece: what follows `consumed` is the next message.
    pub done: bool,
}

/// Why a body cannot be read any further. A request is answered with 400, a response makes its back
/// end faulty; the connection closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BadBody {
    /// A chunk size that is not 1 to 16 hexadecimal digits.
    ChunkSize,
    /// Chunk extensions with a control character, or beyond [`EXTENSION_BYTES_MAX`].
    ChunkExtension,
    /// Chunk data that is not followed by CR LF, or a line in the framing that ends otherwise.
    ChunkLineEnding,
    /// A trailer line that is not a field, or trailers beyond [`TRAILER_BYTES_MAX`].
    Trailer,
}

impl BadBody {
    /// The cause for logs and counters: constant, lower case.
    pub fn cause(self) -> &'static str {
        match self {
            BadBody::ChunkSize => "malformed chunk size",
            BadBody::ChunkExtension => "malformed or too many chunk extensions",
            BadBody::ChunkLineEnding => "line in chunked body does not end in cr lf",
            BadBody::Trailer => "malformed or too large trailers",
        }
    }
}

/// The stream ended before the body did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Truncated;

/// Bytes of chunk extensions taken in one body, over all its chunks. 16 KiB: hardly anyone sends
/// any, and a sender of one-byte chunks could otherwise make us read without end.
pub const EXTENSION_BYTES_MAX: u32 = 16 * 1024;

/// Bytes of trailer section taken in one body. 8 KiB, as for an ordinary head.
pub const TRAILER_BYTES_MAX: u32 = 8 * 1024;

/// Reads one body. 24 bytes, so that it costs a connection next to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyReader {
    state: State,
    /// Bytes of extensions so far; behind the last chunk, bytes of trailer section so far.
    overhead_bytes: u32,
}

/// Where in the body the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The next byte belongs to another message.
    Done,
    /// `left` is never 0.
    Length {
        left: u64,
    },
    UntilClose,
    /// At or behind the digits of a chunk size.
    Size {
        size: u64,
        digits: u8,
    },
    /// White space behind the digits, legal only before an extension.
    SizeSpace {
        size: u64,
    },
    Extension {
        size: u64,
    },
    SizeLf {
        size: u64,
    },
    /// `left` is never 0.
    Data {
        left: u64,
    },
    DataCr,
    DataLf,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
}

impl BodyReader {
    /// A reader for the body behind a head with this framing.
    pub fn new(framing: Framing) -> BodyReader {
        BodyReader {
            state: match framing {
                Framing::None | Framing::Length(0) => State::Done,
                Framing::Length(left) => State::Length { left },
                Framing::Chunked => State::Size { size: 0, digits: 0 },
                Framing::UntilClose => State::UntilClose,
            },
            overhead_bytes: 0,
        }
    }

    /// Takes the next bytes behind the head. Call again with what is left of the input (from
    /// `consumed` on) until the input is used up or the body is done.
    ///
    /// # Errors
    /// [`BadBody`]: close the connection; the reader must not be used any further.
    #[inline]
    pub fn read(&mut self, input: &[u8]) -> Result<Piece, BadBody> {
        let data_bytes = match self.state {
            State::Done => 0,
            State::UntilClose => input.len(),
            State::Length { left } => {
                let taken = at_most(left, input.len());
                self.state = match left - taken as u64 {
                    0 => State::Done,
                    left => State::Length { left },
                };
                taken
            }
            _ => return self.read_chunked(input, |_| {}),
        };
        Ok(Piece { consumed: data_bytes, data: 0..data_bytes, done: self.is_done() })
    }

    /// As [`BodyReader::read`], and appends the trailer section to `trailers` as far as it is in this
    /// input: for those who asked for trailers. [`trailer`] finds a field in it.
    ///
    /// # Errors
    /// As [`BodyReader::read`].
    pub fn read_with_trailers(
        &mut self,
        input: &[u8],
        trailers: &mut Vec<u8>,
    ) -> Result<Piece, BadBody> {
        match self.state {
            State::Done | State::UntilClose | State::Length { .. } => self.read(input),
            _ => self.read_chunked(input, |byte| trailers.push(byte)),
        }
    }

    /// Takes framing bytes up to the first data, the data, and framing bytes up to the next data:
    /// one call per chunk, or fewer.
    fn read_chunked(
        &mut self,
        input: &[u8],
        mut on_trailer: impl FnMut(u8),
    ) -> Result<Piece, BadBody> {
        let mut data = 0..0;
        let mut position = 0;
        while let Some(&byte) = input.get(position) {
            if let State::Data { left } = self.state {
                if !data.is_empty() {
                    break;
                }
                let taken = at_most(left, input.len() - position);
                data = position..position + taken;
                position += taken;
                self.state = match left - taken as u64 {
                    0 => State::DataCr,
                    left => State::Data { left },
                };
                continue;
            }
            let is_trailer = matches!(
                self.state,
                State::TrailerStart | State::TrailerName | State::TrailerValue | State::TrailerLf
            );
            self.state = self.on_framing(byte)?;
            if is_trailer {
                on_trailer(byte);
            }
            position += 1;
            if self.state == State::Done {
                break;
            }
        }
        Ok(Piece { consumed: position, data, done: self.state == State::Done })
    }

    /// One byte of chunked framing.
    #[inline]
    fn on_framing(&mut self, byte: u8) -> Result<State, BadBody> {
        match (self.state, byte) {
            (State::Size { size, digits }, _) => match (hexadecimal(byte), byte) {
                // 16 digits fill 64 bits, so the shift loses nothing.
                (Some(digit), _) if digits < 16 => {
                    Ok(State::Size { size: size << 4 | u64::from(digit), digits: digits + 1 })
                }
                (None, b'\r') if digits > 0 => Ok(State::SizeLf { size }),
                (None, b'\n') if digits > 0 => Err(BadBody::ChunkLineEnding),
                (None, b';') if digits > 0 => self.extension(size),
                (None, b' ' | b'\t') if digits > 0 => {
                    self.count(EXTENSION_BYTES_MAX, BadBody::ChunkExtension)?;
                    Ok(State::SizeSpace { size })
                }
                _ => Err(BadBody::ChunkSize),
            },
            (State::SizeSpace { size }, b';') => self.extension(size),
            (State::SizeSpace { size }, b' ' | b'\t') => {
                self.count(EXTENSION_BYTES_MAX, BadBody::ChunkExtension)?;
                Ok(State::SizeSpace { size })
            }
            (State::SizeSpace { .. }, _) => Err(BadBody::ChunkSize),
            (State::Extension { size }, b'\r') => Ok(State::SizeLf { size }),
            // Recipients that take this for the end of the line have been smuggled past.
            (State::Extension { .. }, b'\n') => Err(BadBody::ChunkLineEnding),
            (State::Extension { size }, _) if is_value_byte(byte) => self.extension(size),
            (State::Extension { .. }, _) => Err(BadBody::ChunkExtension),
            (State::SizeLf { size: 0 }, b'\n') => {
                self.overhead_bytes = 0;
                Ok(State::TrailerStart)
            }
            (State::SizeLf { size }, b'\n') => Ok(State::Data { left: size }),
            (State::DataCr, b'\r') => Ok(State::DataLf),
            (State::DataLf, b'\n') => Ok(State::Size { size: 0, digits: 0 }),
            (State::SizeLf { .. } | State::DataCr | State::DataLf, _) => {
                Err(BadBody::ChunkLineEnding)
            }
            (State::TrailerStart, b'\r') => Ok(State::EndLf),
            (State::TrailerStart | State::TrailerName, _) if is_token_byte(byte) => {
                self.trailer(State::TrailerName)
            }
            (State::TrailerName, b':') => self.trailer(State::TrailerValue),
            (State::TrailerValue, b'\r') => self.trailer(State::TrailerLf),
            (State::TrailerValue, _) if is_value_byte(byte) => self.trailer(State::TrailerValue),
            (State::TrailerLf, b'\n') => self.trailer(State::TrailerStart),
            (State::EndLf, b'\n') => Ok(State::Done),
            (
                State::TrailerStart
                | State::TrailerName
                | State::TrailerValue
                | State::TrailerLf
                | State::EndLf,
                _,
            ) => Err(BadBody::Trailer),
            // Not framing: `read` and `read_chunked` deal with these.
            (State::Done | State::Length { .. } | State::UntilClose | State::Data { .. }, _) => {
                Ok(self.state)
            }
        }
    }

    fn extension(&mut self, size: u64) -> Result<State, BadBody> {
        self.count(EXTENSION_BYTES_MAX, BadBody::ChunkExtension)?;
        Ok(State::Extension { size })
    }

    fn trailer(&mut self, next: State) -> Result<State, BadBody> {
        self.count(TRAILER_BYTES_MAX, BadBody::Trailer)?;
        Ok(next)
    }

    fn count(&mut self, bytes_max: u32, beyond: BadBody) -> Result<(), BadBody> {
        self.overhead_bytes += 1;
        if self.overhead_bytes > bytes_max {
            return Err(beyond);
        }
        Ok(())
    }

    /// Whether the whole body has been read.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// The sender closed the connection.
    ///
    /// # Errors
    /// [`Truncated`] unless the body was done or reaches to the end of the connection.
    pub fn end_of_stream(&mut self) -> Result<(), Truncated> {
        match self.state {
            State::Done => Ok(()),
            State::UntilClose => {
                self.state = State::Done;
                Ok(())
            }
            _ => Err(Truncated),
        }
    }

    /// Body bytes still to come, where that is known from the head: `None` for chunked bodies
    /// and bodies until close, `Some(0)` when the body is done.
    pub fn remaining(&self) -> Option<u64> {
        match self.state {
            State::Done => Some(0),
            State::Length { left } => Some(left),
            _ => None,
        }
    }
}

/// The value of the first field of this name in a trailer section that [`BodyReader::read_with_trailers`]
/// has read, without white space around it.
pub fn trailer<'t>(trailers: &'t [u8], name: &str) -> Option<&'t [u8]> {
    trailers.split(|&byte| byte == b'\n').find_map(|line| {
        let (found, value) = line.split_at(line.iter().position(|&byte| byte == b':')?);
        let is_it = found.eq_ignore_ascii_case(name.as_bytes());
        is_it.then(|| value.get(1..).unwrap_or_default().trim_ascii())
    })
}

fn at_most(left: u64, available: usize) -> usize {
    usize::try_from(left).map_or(available, |left| left.min(available))
}

fn hexadecimal(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole body, and what is left of the input behind it.
    fn read_all(framing: Framing, input: &[u8]) -> Result<(Vec<u8>, &[u8], bool), BadBody> {
        let mut reader = BodyReader::new(framing);
        let mut body = Vec::new();
        let mut rest = input;
        while !rest.is_empty() && !reader.is_done() {
            let piece = reader.read(rest)?;
            assert!(piece.consumed > 0, "a call with input must get on");
            assert!(piece.consumed >= piece.data.end);
            assert_eq!(piece.done, reader.is_done());
            body.extend_from_slice(&rest[piece.data.clone()]);
            rest = &rest[piece.consumed..];
        }
        Ok((body, rest, reader.is_done()))
    }

    fn chunked(input: &[u8]) -> Result<(Vec<u8>, &[u8], bool), BadBody> {
        read_all(Framing::Chunked, input)
    }

    #[test]
    fn a_reader_is_small() {
        assert_eq!(size_of::<BodyReader>(), 24);
    }

    #[test]
    fn a_body_of_a_length_leaves_what_follows_it() {
        assert_eq!(read_all(Framing::Length(3), b"abcd"), Ok((b"abc".to_vec(), &b"d"[..], true)));
        assert_eq!(read_all(Framing::Length(3), b"ab"), Ok((b"ab".to_vec(), &b""[..], false)));
        for framing in [Framing::None, Framing::Length(0)] {
            let mut reader = BodyReader::new(framing);
            assert!(reader.is_done());
            assert_eq!(reader.read(b"x"), Ok(Piece { consumed: 0, data: 0..0, done: true }));
        }
    }

    #[test]
    fn trailers_are_told_to_those_who_ask_however_they_are_cut() {
        let input = b"2\r\nab\r\n0\r\nX-One: 1\r\nx-two:  t:w  \r\n\r\nnext";
        for size in 1..=input.len() {
            let mut reader = BodyReader::new(Framing::Chunked);
            let (mut trailers, mut body, mut read) = (Vec::new(), Vec::new(), 0);
            while !reader.is_done() {
                let rest = &input[read..input.len().min(read + size)];
                let piece = reader.read_with_trailers(rest, &mut trailers).expect("valid");
                body.extend_from_slice(&rest[piece.data.clone()]);
                read += piece.consumed;
            }
            assert_eq!((&*body, &input[read..]), (&b"ab"[..], &b"next"[..]), "{size}");
            assert_eq!(trailer(&trailers, "x-one"), Some(&b"1"[..]), "{size}");
            assert_eq!(trailer(&trailers, "X-Two"), Some(&b"t:w"[..]), "{size}");
            assert_eq!(trailer(&trailers, "x"), None, "{size}");
        }
        let mut none = Vec::new();
        let mut reader = BodyReader::new(Framing::Length(3));
        assert_eq!(reader.read_with_trailers(b"a:b", &mut none).map(|it| it.done), Ok(true));
        assert_eq!(trailer(&none, "a"), None);
    }

    #[test]
    fn what_remains_is_known_for_lengths_only() {
        let mut reader = BodyReader::new(Framing::Length(5));
        assert_eq!(reader.remaining(), Some(5));
        reader.read(b"abc").expect("valid");
        assert_eq!(reader.remaining(), Some(2));
        assert_eq!(BodyReader::new(Framing::None).remaining(), Some(0));
        assert_eq!(BodyReader::new(Framing::Chunked).remaining(), None);
        assert_eq!(BodyReader::new(Framing::UntilClose).remaining(), None);
    }

    #[test]
    fn the_end_of_the_stream_ends_only_bodies_until_close() {
        for (framing, end) in [
            (Framing::None, Ok(())),
            (Framing::UntilClose, Ok(())),
            (Framing::Length(1), Err(Truncated)),
            (Framing::Chunked, Err(Truncated)),
        ] {
            let mut reader = BodyReader::new(framing);
            assert_eq!(reader.end_of_stream(), end, "{framing:?}");
            assert_eq!(reader.is_done(), end.is_ok(), "{framing:?}");
        }
        let mut reader = BodyReader::new(Framing::Chunked);
        reader.read(b"1\r\na\r\n0\r\n").expect("valid");
        assert_eq!(reader.end_of_stream(), Err(Truncated), "an empty line is missing");
    }

    #[test]
    fn one_call_takes_one_chunk_and_the_framing_around_it() {
        let mut reader = BodyReader::new(Framing::Chunked);
        assert_eq!(
            reader.read(b"3\r\nabc\r\n2\r\nde"),
            Ok(Piece { consumed: 11, data: 3..6, done: false })
        );
        assert_eq!(
            reader.read(b"de\r\n0\r\n\r\nnext"),
            Ok(Piece { consumed: 9, data: 0..2, done: true })
        );
    }

    #[test]
    fn chunks_extensions_and_trailers_are_read_and_dropped() {
        let input = b"3;name=\"a;b\";c\r\nabc\r\n00A \t; x\r\n0123456789\r\n0;last\r\nX: y\r\nZ:\r\n\r\nnext";
        assert_eq!(chunked(input), Ok((b"abc0123456789".to_vec(), &b"next"[..], true)));
    }

    #[test]
    fn chunked_framing_is_strict() {
        use BadBody::*;
        for (input, fault) in [
            (&b"\r\n"[..], ChunkSize),
            (b";a\r\n", ChunkSize),
            (b" 3\r\nabc\r\n", ChunkSize),
            (b"+3\r\nabc\r\n", ChunkSize),
            (b"-1\r\n", ChunkSize),
            (b"0x3\r\nabc\r\n", ChunkSize),
            (b"3 \r\nabc\r\n", ChunkSize),
            (b"3_\r\nabc\r\n", ChunkSize),
            (b"3,\r\nabc\r\n", ChunkSize),
            (b"g\r\n", ChunkSize),
            (b"10000000000000003\r\nabc\r\n", ChunkSize),
            (b"00000000000000003\r\nabc\r\n", ChunkSize),
            (b"3\nabc\r\n", ChunkLineEnding),
            (b"3\rabc\r\n", ChunkLineEnding),
            (b"3;a\nabc\r\n", ChunkLineEnding),
            (b"3;a\rbc\r\n", ChunkLineEnding),
            (b"3;\x00\r\n", ChunkExtension),
            (b"3\r\nabcd\r\n", ChunkLineEnding),
            (b"3\r\nabc\n", ChunkLineEnding),
            (b"3\r\nabc\rx", ChunkLineEnding),
            (b"3\r\nabc3\r\n", ChunkLineEnding),
            (b"3\r\nabc\r\n\r\n", ChunkSize),
            (b"0\r\n\n", Trailer),
            (b"0\r\n\rx", Trailer),
            (b"0\r\n x: y\r\n\r\n", Trailer),
            (b"0\r\nx : y\r\n\r\n", Trailer),
            (b"0\r\n: y\r\n\r\n", Trailer),
            (b"0\r\nx\r\n\r\n", Trailer),
            (b"0\r\nx: y\n\r\n", Trailer),
            (b"0\r\nx: y\rz\r\n", Trailer),
            (b"0\r\nx: y\r \r\n\r\n", Trailer),
            (b"0\r\nx: \x00\r\n\r\n", Trailer),
            (b"0\r\nx: y\r\n z\r\n\r\n", Trailer),
        ] {
            assert_eq!(chunked(input), Err(fault), "{}", input.escape_ascii());
        }
    }

    #[test]
    fn a_chunk_size_of_sixteen_digits_is_the_largest() {
        let mut reader = BodyReader::new(Framing::Chunked);
        let piece = reader.read(b"ffffffffffffffff\r\nabc");
        assert_eq!(piece.map(|piece| piece.data), Ok(18..21));
    }

    #[test]
    fn extensions_are_bounded_over_the_whole_body() {
        let line = |bytes: usize| format!("1;{}\r\na\r\n", "x".repeat(bytes - 1));
        let half = EXTENSION_BYTES_MAX as usize / 2;

        let within = [line(half), line(half), "0\r\n\r\n".to_owned()].concat();
        assert_eq!(chunked(within.as_bytes()), Ok((b"aa".to_vec(), &b""[..], true)));
        let beyond = [line(half), line(half + 1)].concat();
        assert_eq!(chunked(beyond.as_bytes()), Err(BadBody::ChunkExtension));
        let spaces = format!("1{};", " ".repeat(EXTENSION_BYTES_MAX as usize));
        assert_eq!(chunked(spaces.as_bytes()), Err(BadBody::ChunkExtension));
    }

    #[test]
    fn trailers_are_bounded() {
        let body = |bytes: usize| format!("0\r\nx:{}\r\n\r\n", "y".repeat(bytes - 4));
        let max = TRAILER_BYTES_MAX as usize;

        assert!(chunked(body(max).as_bytes()).is_ok());
        assert_eq!(chunked(body(max + 1).as_bytes()), Err(BadBody::Trailer));
        let many = format!("0\r\n{}", "x:\r\n".repeat(max / 4 + 1));
        assert_eq!(chunked(many.as_bytes()), Err(BadBody::Trailer));
        // Extensions of the chunks before do not count against the trailers.
        let extended = format!("1;{}\r\na\r\n{}", "x".repeat(9_000), body(max));
        assert!(chunked(extended.as_bytes()).is_ok());
    }
}
