//! A function's code: a folder, a zip, or text in the configuration itself.
//!
//! A zip is read here only for its hash, so that another content is another function and its workers
//! are replaced; it is unpacked where functions are run.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;

use super::certificate::plain_words;
use super::function::Runtime;
use super::problem::ProblemKind;
use super::reader::Reader;

/// Largest zip: with its content it must fit into Lambda's 262,144,000 bytes, and what does not
/// shrink when it is packed is about as large.
const ZIP_BYTES_MAX: u64 = 262_144_000;

/// Where a function's code comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// A folder that is used as it is.
    Folder(PathBuf),
    /// A zip file that is unpacked when it is put into service.
    Zip {
        /// The file, resolved.
        file: PathBuf,
        /// SHA-256 of its bytes in hex digits.
        id: String,
    },
    /// One file of source text.
    Source {
        /// Its name: `index.py`, `index.js`.
        name: &'static str,
        /// Its content.
        text: String,
        /// SHA-256 of name and content in hex digits.
        id: String,
    },
}

impl Code {
    /// What unpacked code is called; `None` for a folder, which needs no unpacking.
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::Folder(_) => None,
            Self::Zip { id, .. } | Self::Source { id, .. } => Some(id),
        }
    }

    /// What a worker is started in: the folder, or [`Code::id`] for whoever has unpacked it.
    pub fn place(&self) -> PathBuf {
        match self {
            Self::Folder(folder) => folder.clone(),
            Self::Zip { id, .. } | Self::Source { id, .. } => PathBuf::from(id),
        }
    }
}

/// Reads `code` or `source` of a function. `runtime` is `None` when it was refused.
pub(super) fn read(reader: &Reader<'_>, runtime: Option<&Runtime>) -> Option<Code> {
    let code = reader.text("code");
    let text = reader.text("source");
    match (reader.raw("code"), reader.raw("source")) {
        (Some(_), None) => files(reader, &code?),
        (None, Some(value)) => {
            let name = match runtime? {
                Runtime::Python(_) => "index.py",
                Runtime::Node(_) => "index.js",
                Runtime::Provided(_) => {
                    reader.findings.add(value.span(), ProblemKind::SourceOfBootstrap);
                    return None;
                }
            };
            let text = text?;
            let mut hash = digest::Context::new(&digest::SHA256);
            hash.update(name.as_bytes());
            hash.update(b"\0");
            hash.update(text.as_bytes());
            Some(Code::Source { name, text, id: hex(hash.finish().as_ref()) })
        }
        (code, _) => {
            let found = if code.is_some() { "both" } else { "neither" };
            reader.findings.add(reader.span(), ProblemKind::CodeOrSource { found });
            None
        }
    }
}

fn files(reader: &Reader<'_>, code: &str) -> Option<Code> {
    let path = reader.findings.resolve(code);
    let is_zip = path.extension().is_some_and(|it| it.eq_ignore_ascii_case("zip"));
    let error = match std::fs::metadata(&path) {
        // Workers have another working directory than ringgate.
        Ok(found) if found.is_dir() => return Some(Code::Folder(absolute(&path))),
        Ok(found) if !found.is_file() || !is_zip => "it is neither a folder nor a .zip".to_owned(),
        Ok(found) if found.len() > ZIP_BYTES_MAX => "it is larger than code may be".to_owned(),
        Ok(_) => match hash(&path) {
            Ok(id) => return Some(Code::Zip { file: absolute(&path), id }),
            Err(error) => plain_words(&error),
        },
        Err(error) => plain_words(&error),
    };
    let file = path.display().to_string();
    let problem = ProblemKind::File { file, what: "a function's code", error };
    reader.findings.add(reader.span_of("code"), problem);
    None
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// SHA-256 of a file in hex digits.
fn hash(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?.take(ZIP_BYTES_MAX);
    let mut hash = digest::Context::new(&digest::SHA256);
    let mut piece = vec![0; 64 * 1024];
    loop {
        let count = file.read(&mut piece)?;
        if count == 0 {
            return Ok(hex(hash.finish().as_ref()));
        }
        hash.update(&piece[..count]);
    }
}

/// SHA-256 of bytes in hex digits, as [`Code::id`] has it.
pub fn code_id(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_the_hash_of_its_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("code.zip");
        let bytes = vec![7; 200_000];
        std::fs::write(&file, &bytes).unwrap();
        assert_eq!(hash(&file).unwrap(), code_id(&bytes));
        assert_eq!(code_id(b"abc")[..8], *"ba7816bf", "FIPS 180-2, appendix B.1");
    }

    #[test]
    fn only_a_folder_is_used_where_it_is() {
        let folder = Code::Folder("/code".into());
        assert_eq!((folder.id(), folder.place()), (None, "/code".into()));
        let zip = Code::Zip { file: "/code.zip".into(), id: "ab".into() };
        assert_eq!((zip.id(), zip.place()), (Some("ab"), "ab".into()));
    }
}
