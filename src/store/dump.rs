//! Rows in a file: the form of a backup and of the last good state, the same for every engine.
//!
//! Lines of JSON, so that `grep`, `jq` and `diff` can be used on it: a header, one line per row in the
//! order of their keys, and a digest of all bytes before it, without which a file that was cut off at
//! a line's end would look whole.
//!
//! ```text
//! {"ringgate":"store","format":1,"revision":12,"rows":1}
//! ["us-east-1","","restapi","abc123","{\"name\":\"shop\"}"]
//! {"sha256":"…"}
//! ```
//!
//! A body is a text in the line, not an object: it comes back byte for byte.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};

use super::{Revision, Row, RowKey};

/// The format that this program writes, and the newest that it reads.
const FORMAT: u32 = 1;

/// The longest line. A body is some KiB; what a file claims is not allocated on trust.
const LINE_BYTES_MAX: u64 = 256 << 20;

/// Why a file of rows could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// The system refused.
    #[error("{}: {error}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What it said.
        error: io::Error,
    },
    /// It is not such a file, or not all of it.
    #[error("{}: line {line}: {cause}", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What was expected and found.
        cause: String,
    },
}

#[derive(Serialize, Deserialize)]
struct Header {
    ringgate: String,
    format: u32,
    revision: Revision,
    rows: u64,
}

#[derive(Serialize, Deserialize)]
struct Footer {
    sha256: String,
}

/// Writes the file in one step: either the old one is there or the new one, whole and on the disk.
/// Only its owner may read it.
pub(super) fn write<'a, I>(file: &Path, revision: Revision, rows: I) -> Result<(), DumpError>
where
    I: IntoIterator<Item = &'a Row, IntoIter: ExactSizeIterator>,
{
    let fail = |error| DumpError::File { file: file.to_owned(), error };
    let mut name = file.file_name().unwrap_or_default().to_owned();
    // Two processes, as during an upgrade, do not write into each other's.
    name.push(format!(".{}.new", std::process::id()));
    let unfinished = file.with_file_name(name);
    let written = write_unfinished(&unfinished, revision, rows.into_iter())
        .and_then(|()| fs::rename(&unfinished, file))
        .and_then(|()| sync_folder(file));
    if written.is_err() {
        // What is left would only lie about; the error is what counts.
        let _ = fs::remove_file(&unfinished);
    }
    written.map_err(fail)
}

fn write_unfinished<'a>(
    file: &Path,
    revision: Revision,
    rows: impl ExactSizeIterator<Item = &'a Row>,
) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let made = options.write(true).create(true).truncate(true).mode(0o600).open(file)?;
    let mut out = Digesting {
        inner: BufWriter::with_capacity(1 << 16, made),
        digest: digest::Context::new(&digest::SHA256),
    };
    let rows_count = rows.len() as u64;
    line(
        &mut out,
        &Header { ringgate: "store".into(), format: FORMAT, revision, rows: rows_count },
    )?;
    for row in rows {
        let [region, owner, kind, id] = row.key.columns();
        line(&mut out, &[region, owner, kind, id, &row.body])?;
    }
    let sha256 = hex(out.digest.finish().as_ref());
    let mut inner = out.inner;
    line(&mut inner, &Footer { sha256 })?;
    inner.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

/// A renamed file is on the disk when its folder is.
fn sync_folder(file: &Path) -> io::Result<()> {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder)?.sync_all()
}

fn line(out: &mut impl Write, what: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, what)?;
    out.write_all(b"\n")
}

struct Digesting<W> {
    inner: W,
    digest: digest::Context,
}

impl<W: Write> Write for Digesting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.digest.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Reads a whole file, and believes none of it unless the digest is right.
pub(super) fn read(file: &Path) -> Result<(Revision, Vec<Row>), DumpError> {
    let mut lines = Lines::open(file)?;
    let header = lines.header()?;
    // The header's number is not trusted with memory: a row takes at least 20 bytes of the file.
    let mut rows = Vec::with_capacity(usize::try_from(header.rows.min(100_000)).unwrap_or(0));
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(&lines.buffer);
    for _ in 0..header.rows {
        lines.next()?;
        context.update(&lines.buffer);
        let columns: [String; 5] = lines.parse("a row: an array of five texts")?;
        let [region, owner, kind, id, body] = columns;
        rows.push(Row { key: RowKey { region, owner, kind, id }, body });
    }
    lines.next()?;
    let footer: Footer = lines.parse("the digest that ends the file")?;
    if footer.sha256 != hex(context.finish().as_ref()) {
        return Err(lines.damaged("its digest is that of another content: do not use this file"));
    }
    lines.end()?;
    Ok((header.revision, rows))
}

/// The revision that a file says it has, without a look at the rest.
pub(super) fn revision(file: &Path) -> Result<Revision, DumpError> {
    Ok(Lines::open(file)?.header()?.revision)
}

struct Lines<'a> {
    file: &'a Path,
    reader: BufReader<File>,
    /// The present line with its end.
    buffer: Vec<u8>,
    number: u64,
}

impl<'a> Lines<'a> {
    fn open(file: &'a Path) -> Result<Self, DumpError> {
        let opened =
            File::open(file).map_err(|error| DumpError::File { file: file.to_owned(), error })?;
        let reader = BufReader::with_capacity(1 << 16, opened);
        Ok(Self { file, reader, buffer: Vec::new(), number: 0 })
    }

    fn header(&mut self) -> Result<Header, DumpError> {
        self.next()?;
        let header: Header = self.parse("the header of a ringgate store")?;
        if header.ringgate != "store" {
            return Err(self.damaged("expected the header of a ringgate store"));
        }
        if header.format > FORMAT {
            let cause = format!(
                "format {} is newer than this ringgate, which reads up to {FORMAT}",
                header.format
            );
            return Err(self.damaged(&cause));
        }
        Ok(header)
    }

    fn next(&mut self) -> Result<(), DumpError> {
        self.number += 1;
        self.buffer.clear();
        let mut limited = (&mut self.reader).take(LINE_BYTES_MAX);
        limited
            .read_until(b'\n', &mut self.buffer)
            .map_err(|error| DumpError::File { file: self.file.to_owned(), error })?;
        if self.buffer.last() != Some(&b'\n') {
            return Err(self.damaged("the file ends too early"));
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), DumpError> {
        match self.reader.fill_buf() {
            Ok([]) => Ok(()),
            Ok(_) => {
                self.number += 1;
                Err(self.damaged("expected the end of the file"))
            }
            Err(error) => Err(DumpError::File { file: self.file.to_owned(), error }),
        }
    }

    fn parse<T: for<'de> Deserialize<'de>>(&self, expected: &str) -> Result<T, DumpError> {
        // The parser's own message would repeat parts of bodies.
        serde_json::from_slice(&self.buffer)
            .map_err(|_| self.damaged(&format!("expected {expected}")))
    }

    fn damaged(&self, cause: &str) -> DumpError {
        DumpError::Damaged {
            file: self.file.to_owned(),
            line: self.number,
            cause: cause.to_owned(),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn row(id: &str, body: &str) -> Row {
        let key = RowKey {
            region: "us-east-1".into(),
            owner: String::new(),
            kind: "thing".into(),
            id: id.into(),
        };
        Row { key, body: body.into() }
    }

    fn written(rows: &[Row]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("rows");
        write(&file, 7, rows).expect("a writable folder");
        (folder, file)
    }

    #[test]
    fn the_form_is_the_documented_one_and_private() {
        use std::os::unix::fs::PermissionsExt;
        let (folder, file) = written(&[row("a", "{\"b\":\"c\"}")]);
        let text = fs::read_to_string(&file).expect("the file");
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], r#"{"ringgate":"store","format":1,"revision":7,"rows":1}"#);
        assert_eq!(lines[1], r#"["us-east-1","","thing","a","{\"b\":\"c\"}"]"#);
        assert!(lines[2].starts_with("{\"sha256\":\""), "{}", lines[2]);
        let mode = file.metadata().expect("the file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "rows hold API keys' values");
        let left = fs::read_dir(folder.path()).expect("the folder").count();
        assert_eq!(left, 1, "nothing unfinished is left");
    }

    #[test]
    fn any_damage_is_noticed() {
        let (_folder, file) = written(&[row("a", "{}"), row("b", "[1,2]")]);
        let whole = fs::read(&file).expect("the file");
        assert!(read(&file).is_ok());
        for length in 0..whole.len() {
            fs::write(&file, &whole[..length]).expect("a writable file");
            assert!(read(&file).is_err(), "cut off after {length} bytes");
        }
        for index in 0..whole.len() {
            let mut bent = whole.clone();
            bent[index] ^= 1;
            fs::write(&file, &bent).expect("a writable file");
            assert!(read(&file).is_err(), "bit changed in byte {index}");
        }
        fs::write(&file, [&whole[..], b"\n"].concat()).expect("a writable file");
        assert!(read(&file).is_err(), "something after the end");
    }

    #[test]
    fn a_newer_format_is_refused_by_name() {
        let (_folder, file) = written(&[]);
        let text = fs::read_to_string(&file).expect("the file");
        fs::write(&file, text.replace("\"format\":1", "\"format\":2")).expect("a writable file");
        let error = read(&file).expect_err("newer").to_string();
        assert!(error.contains("line 1: format 2 is newer than this ringgate"), "{error}");
    }

    proptest! {
        #[test]
        fn rows_come_back_byte_for_byte(rows in prop::collection::vec(any::<[String; 5]>(), 0..5)) {
            let rows: Vec<Row> = rows
                .into_iter()
                .map(|[region, owner, kind, id, body]| {
                    Row { key: RowKey { region, owner, kind, id }, body }
                })
                .collect();
            let (_folder, file) = written(&rows);
            prop_assert_eq!(read(&file).expect("our own file"), (7, rows));
        }
    }
}
