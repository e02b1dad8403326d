//! Unpacking code: a zip into a folder, when who made the zip is not trusted.
//!
//! Sizes in a zip are what its maker says, so bytes are counted as they come. A name is refused that
//! leads anywhere but into the folder; so is a link, because a later name could lead through it.

use flate2::{Crc, read::DeflateDecoder};
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

/// Bytes of all files, unpacked: Lambda's limit.
pub(super) const UNPACKED_BYTES_MAX: u64 = 262_144_000;

/// Of the directory's end.
const END: &[u8] = b"PK\x05\x06";
const END_BYTES: usize = 22;
/// Of each of its entries.
const ENTRY: &[u8] = b"PK\x01\x02";
const ENTRY_BYTES: usize = 46;
/// Of a file's own head.
const LOCAL: &[u8] = b"PK\x03\x04";
const LOCAL_BYTES: usize = 30;

const STORED: u16 = 0;
const DEFLATED: u16 = 8;
const ENCRYPTED: u16 = 1;

/// Who made an entry, in the high byte: its attributes are those of Unix.
const UNIX: u16 = 3;
/// The kind of a file, among the attributes of Unix.
const KIND: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;
const FOLDER: u32 = 0o040_000;

const NO_ZIP: &str = "it is no zip, or a damaged one";

/// Unpacks a zip into a folder that is there and empty. What is there after an error is useless.
///
/// # Errors
/// In words: it is damaged, holds what must not be unpacked, has more than `bytes_max` bytes of content,
/// or cannot be written.
pub(super) fn unpack(zip: &[u8], folder: &Path, bytes_max: u64) -> Result<(), String> {
    let end = zip.windows(END.len()).rposition(|bytes| bytes == END).ok_or(NO_ZIP)?;
    let end = zip.get(end..end + END_BYTES).ok_or(NO_ZIP)?;
    let mut at = long(end, 16)? as usize;
    let mut left = bytes_max;
    for _ in 0..short(end, 10)? {
        let (entry, next) = Entry::read(zip, at)?;
        at = next;
        let written = entry.unpack(zip, folder, left);
        left -= written.map_err(|error| format!("{}: {error}", entry.shown()))?;
    }
    Ok(())
}

struct Entry<'z> {
    name: &'z [u8],
    flags: u16,
    method: u16,
    checksum: u32,
    packed_bytes: usize,
    bytes: u64,
    local: usize,
    /// Kind and permissions; 0 when they are not told.
    mode: u32,
}

impl<'z> Entry<'z> {
    /// The entry of the directory at a place, and where the next one is.
    fn read(zip: &'z [u8], at: usize) -> Result<(Self, usize), String> {
        let head = zip.get(at..).and_then(|it| it.get(..ENTRY_BYTES)).ok_or(NO_ZIP)?;
        if !head.starts_with(ENTRY) {
            return Err(NO_ZIP.to_owned());
        }
        let [name, extra, comment] = [short(head, 28)?, short(head, 30)?, short(head, 32)?];
        let begin = at + ENTRY_BYTES;
        let behind = begin + usize::from(name);
        let entry = Self {
            name: zip.get(begin..behind).ok_or(NO_ZIP)?,
            flags: short(head, 8)?,
            method: short(head, 10)?,
            checksum: long(head, 16)?,
            packed_bytes: long(head, 20)? as usize,
            bytes: long(head, 24)?.into(),
            local: long(head, 42)? as usize,
            mode: match short(head, 4)? >> 8 {
                UNIX => long(head, 38)? >> 16,
                _ => 0,
            },
        };
        Ok((entry, behind + usize::from(extra) + usize::from(comment)))
    }

    fn shown(&self) -> String {
        String::from_utf8_lossy(self.name).chars().take(200).collect()
    }

    /// Returns how many bytes it wrote.
    fn unpack(&self, zip: &[u8], folder: &Path, bytes_max: u64) -> Result<u64, String> {
        let said = |error: io::Error| error.to_string();
        let path = folder.join(self.path()?);
        let is_folder = self.name.ends_with(b"/");
        match self.mode & KIND {
            0 | REGULAR if !is_folder => {}
            0 | FOLDER if is_folder => {}
            _ => return Err("it is neither a file nor a folder".to_owned()),
        }
        if is_folder {
            make_folder(&path).map_err(said)?;
            return Ok(0);
        }
        if let Some(parent) = path.parent() {
            make_folder(parent).map_err(said)?;
        }
        if self.flags & ENCRYPTED != 0 {
            return Err("it is encrypted".to_owned());
        }
        let permissions = match self.mode & 0o777 {
            0 => 0o644,
            // Not for others to write, and always for ringgate to read.
            mode => mode & 0o755 | 0o400,
        };
        // `create_new`: no name leads to what is there already.
        let file = OpenOptions::new().write(true).create_new(true).mode(permissions).open(&path);
        let mut sink = Counted { file: file.map_err(said)?, checksum: Crc::new(), left: bytes_max };
        let mut packed = self.content(zip)?;
        match self.method {
            STORED => io::copy(&mut packed, &mut sink),
            DEFLATED => io::copy(&mut DeflateDecoder::new(packed), &mut sink),
            _ => return Err("it is packed in a way that is not known".to_owned()),
        }
        .map_err(said)?;
        let written = bytes_max - sink.left;
        if written != self.bytes || sink.checksum.sum() != self.checksum {
            return Err("it is damaged".to_owned());
        }
        Ok(written)
    }

    /// Its path within the folder.
    fn path(&self) -> Result<PathBuf, String> {
        let refused = || "its name does not stay within the folder".to_owned();
        let name = std::str::from_utf8(self.name).map_err(|_| "its name is no UTF-8".to_owned())?;
        if name.is_empty() || name.contains('\0') {
            return Err(refused());
        }
        let mut path = PathBuf::new();
        for component in Path::new(name).components() {
            match component {
                Component::Normal(part) => path.push(part),
                Component::CurDir => {}
                Component::Prefix(_) | Component::RootDir | Component::ParentDir => {
                    return Err(refused());
                }
            }
        }
        Ok(path)
    }

    fn content(&self, zip: &'z [u8]) -> Result<&'z [u8], String> {
        let local = zip.get(self.local..).filter(|it| it.starts_with(LOCAL)).ok_or(NO_ZIP)?;
        let begin = LOCAL_BYTES + usize::from(short(local, 26)?) + usize::from(short(local, 28)?);
        let content = local.get(begin..).and_then(|it| it.get(..self.packed_bytes));
        Ok(content.ok_or(NO_ZIP)?)
    }
}

fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o755).create(path)
}

/// A file that must not become larger than what is left.
struct Counted {
    file: std::fs::File,
    checksum: Crc,
    left: u64,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.left = self
            .left
            .checked_sub(bytes.len() as u64)
            .ok_or_else(|| io::Error::other("with it the content is larger than code may be"))?;
        self.file.write_all(bytes)?;
        self.checksum.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn short(bytes: &[u8], at: usize) -> Result<u16, String> {
    let bytes = bytes.get(at..at + 2).and_then(|it| it.try_into().ok());
    Ok(u16::from_le_bytes(bytes.ok_or(NO_ZIP)?))
}

fn long(bytes: &[u8], at: usize) -> Result<u32, String> {
    let bytes = bytes.get(at..at + 4).and_then(|it| it.try_into().ok());
    Ok(u32::from_le_bytes(bytes.ok_or(NO_ZIP)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::fs::PermissionsExt;

    /// A zip as `zip` on Unix writes it. Names, modes, contents; `said` is added to the sizes told.
    fn zip(files: &[(&str, u32, &[u8])], method: u16, said: u32) -> Vec<u8> {
        let (mut zip, mut directory) = (Vec::new(), Vec::new());
        for (name, mode, text) in files {
            let at = zip.len() as u32;
            let mut crc = Crc::new();
            crc.update(text);
            let mut packed = text.to_vec();
            if method == DEFLATED {
                let mut encoder =
                    flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(text).unwrap();
                packed = encoder.finish().unwrap();
            }
            let mut shared = vec![20, 0, 0, 0];
            shared.extend(method.to_le_bytes());
            shared.extend([0; 4]);
            shared.extend(crc.sum().to_le_bytes());
            shared.extend((packed.len() as u32).to_le_bytes());
            shared.extend((text.len() as u32 + said).to_le_bytes());
            shared.extend((name.len() as u16).to_le_bytes());
            shared.extend([0, 0]);
            zip.extend(LOCAL);
            zip.extend(&shared);
            zip.extend(name.as_bytes());
            zip.extend(&packed);
            directory.extend(ENTRY);
            directory.extend([20, UNIX as u8]);
            directory.extend(&shared);
            directory.extend([0; 6]);
            directory.extend((mode << 16).to_le_bytes());
            directory.extend(at.to_le_bytes());
            directory.extend(name.as_bytes());
        }
        let (at, count) = (zip.len() as u32, (files.len() as u16).to_le_bytes());
        let bytes = (directory.len() as u32).to_le_bytes();
        zip.extend(&directory);
        zip.extend(END);
        zip.extend([0, 0, 0, 0]);
        zip.extend(count);
        zip.extend(count);
        zip.extend(bytes);
        zip.extend(at.to_le_bytes());
        zip.extend([0, 0]);
        zip
    }

    fn unpacked(zip: &[u8], bytes_max: u64) -> (tempfile::TempDir, Result<(), String>) {
        let folder = tempfile::tempdir().unwrap();
        let result = unpack(zip, folder.path(), bytes_max);
        (folder, result)
    }

    #[test]
    fn files_are_written_with_their_modes() {
        for method in [STORED, DEFLATED] {
            let zip = zip(
                &[
                    ("bootstrap", 0o100_755, b"#!/bin/sh\n"),
                    ("lib/", 0o040_755, b""),
                    ("lib/a/b.py", 0o100_600, b"pass\n"),
                    ("plain", 0, b""),
                ],
                method,
                0,
            );
            let (folder, result) = unpacked(&zip, 15);
            assert_eq!(result, Ok(()));
            let mode = |name: &str| {
                let found = std::fs::metadata(folder.path().join(name)).unwrap();
                found.permissions().mode() & 0o777
            };
            assert_eq!(mode("bootstrap") & 0o700, 0o700);
            assert_eq!(mode("lib/a/b.py"), 0o600);
            assert_eq!(std::fs::read(folder.path().join("lib/a/b.py")).unwrap(), b"pass\n");
            assert_eq!(std::fs::read(folder.path().join("plain")).unwrap(), b"");
        }
    }

    #[test]
    fn bytes_are_counted_and_not_believed() {
        let bomb = zip(&[("zeros", 0, &[0; 100_000])], DEFLATED, 0);
        assert!(bomb.len() < 10_000);
        assert_eq!(unpacked(&bomb, 100_000).1, Ok(()));
        let error = unpacked(&bomb, 99_999).1.unwrap_err();
        assert!(error.contains("larger"), "{error}");
        let lies = zip(&[("a", 0, b"abc")], STORED, 1);
        assert_eq!(unpacked(&lies, 100).1, Err("a: it is damaged".to_owned()));
        let two = zip(&[("a", 0, b"abc"), ("b", 0, b"abc")], STORED, 0);
        assert_eq!(unpacked(&two, 6).1, Ok(()));
        assert!(unpacked(&two, 5).1.is_err());
    }

    #[test]
    fn nothing_leads_out_of_the_folder() {
        for (name, mode) in [
            ("../a", 0),
            ("a/../../b", 0),
            ("/etc/a", 0),
            ("", 0),
            ("a\0b", 0),
            ("link", 0o120_777),
            ("device", 0o060_644),
            ("folder", 0o040_755),
        ] {
            let (folder, result) = unpacked(&zip(&[(name, mode, b"x")], STORED, 0), 100);
            assert!(result.is_err(), "{name}");
            let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
            assert!(left.is_empty(), "{name}: {left:?}");
        }
        let twice = zip(&[("a", 0, b"x"), ("./a", 0, b"y")], STORED, 0);
        assert!(unpacked(&twice, 100).1.is_err());
    }

    #[test]
    fn damage_is_an_error() {
        let whole = zip(&[("a", 0, b"abc")], DEFLATED, 0);
        for cut in 0..whole.len() {
            assert!(unpacked(&whole[..cut], 100).1.is_err(), "{cut}");
        }
        let mut other = zip(&[("a", 0, b"abc")], STORED, 0);
        other[LOCAL_BYTES + 1] = b'x';
        assert_eq!(unpacked(&other, 100).1, Err("a: it is damaged".to_owned()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_bytes_panic(at in 0_usize..200, byte: u8) {
            let mut bytes = zip(&[("a/b", 0o100_644, b"abc"), ("c", 0, b"d")], DEFLATED, 0);
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = unpacked(&bytes, 100);
        }
    }
}
