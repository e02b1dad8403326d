//! What can be told of a zip by its directory, without unpacking it: whether it is one, and how large
//! its content would be.

/// Of the record at the end.
const END: &[u8] = b"PK\x05\x06";
const END_BYTES: usize = 22;
/// A comment may stand behind it.
const COMMENT_BYTES_MAX: usize = 65_535;

/// Of each entry of the directory.
const ENTRY: &[u8] = b"PK\x01\x02";
const ENTRY_BYTES: usize = 46;

/// Zip64: the true size is elsewhere. No code of 250 MB needs it.
const ELSEWHERE: u32 = u32::MAX;

/// What a directory says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Directory {
    /// Files and folders.
    pub entries: usize,
    /// Bytes of all files, unpacked. What the directory says: whoever unpacks must count.
    pub unpacked_bytes: u64,
}

/// Reads a zip's directory; `None` when it is no zip.
pub(super) fn directory(zip: &[u8]) -> Option<Directory> {
    let from = zip.len().saturating_sub(END_BYTES + COMMENT_BYTES_MAX);
    let end = from + zip.get(from..)?.windows(END.len()).rposition(|bytes| bytes == END)?;
    let end = zip.get(end..end + END_BYTES)?;
    let count = u16::from_le_bytes(end.get(10..12)?.try_into().ok()?);
    let mut at = word(end, 16)? as usize;
    let mut directory = Directory { entries: 0, unpacked_bytes: 0 };
    for _ in 0..count {
        let entry = zip.get(at..at.checked_add(ENTRY_BYTES)?)?;
        let size = word(entry, 24)?;
        if !entry.starts_with(ENTRY) || size == ELSEWHERE {
            return None;
        }
        directory.entries += 1;
        directory.unpacked_bytes += u64::from(size);
        // The name, what is extra, and a comment follow.
        let lengths = [28, 30, 32].map(|place| entry.get(place..place + 2));
        for length in lengths {
            at += usize::from(u16::from_le_bytes(length?.try_into().ok()?));
        }
        at += ENTRY_BYTES;
    }
    Some(directory)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A zip with stored files, as `zip -0` writes it but for checksums.
    pub(in crate::management::lambda) fn zip(files: &[(&str, &str)]) -> Vec<u8> {
        let (mut zip, mut directory) = (Vec::new(), Vec::new());
        for (name, text) in files {
            let at = zip.len() as u32;
            let size = text.len() as u32;
            let mut shared = vec![10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            shared.extend(size.to_le_bytes());
            shared.extend(size.to_le_bytes());
            shared.extend((name.len() as u16).to_le_bytes());
            shared.extend([0, 0]);
            zip.extend(b"PK\x03\x04");
            zip.extend(&shared);
            zip.extend(name.as_bytes());
            zip.extend(text.as_bytes());
            directory.extend(ENTRY);
            directory.extend([10, 0]);
            directory.extend(&shared);
            directory.extend([0; 10]);
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

    #[test]
    fn a_directory_is_read() {
        let zip = zip(&[("app.py", "pass\n"), ("data/x.txt", "1234567890")]);
        assert_eq!(directory(&zip), Some(Directory { entries: 2, unpacked_bytes: 15 }));
        let with_comment = [zip.as_slice(), b"comment"].concat();
        assert_eq!(directory(&with_comment), directory(&zip));
    }

    #[test]
    fn what_is_no_zip_is_none() {
        let whole = zip(&[("a", "b")]);
        assert_eq!(directory(b""), None);
        assert_eq!(directory(b"no zip"), None);
        for cut in 1..whole.len() {
            assert_eq!(directory(&whole[..cut]), None, "{cut}");
        }
        assert_eq!(directory(&zip(&[])), Some(Directory { entries: 0, unpacked_bytes: 0 }));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(
            mut bytes in prop::collection::vec(any::<u8>(), 0..200),
            end in prop::collection::vec(any::<u8>(), 18..30),
        ) {
            directory(&bytes);
            bytes.extend(END);
            bytes.extend(end);
            directory(&bytes);
        }
    }
}
