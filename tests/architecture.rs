//! Holds what `src/lib.rs` says about the folders: who may know whom, and where the few things live
//! that may live in one place only.
//!
//! Reads the sources as text. A new dependency between folders is allowed by writing it into
//! [`ALLOWED`], where its reason is asked for.

#![expect(clippy::unwrap_used, reason = "a failed helper is a failed test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// From a folder to what it may name of others: all of a folder, or one path in it. In the order of
/// `src/lib.rs`, so every entry must point further down.
const ALLOWED: &[(&str, &[&str])] = &[
    (
        "cli",
        &[
            "shard",
            "control",
            // What a request meets, to be printed.
            "explain",
            "verify::Found",
            "management",
            "exchange",
            "snapshot",
            "model",
            "resources",
            "store",
            "template",
            "runtimes",
            "aws",
            "telemetry",
            "http",
            "tls",
            "ring",
        ],
    ),
    (
        "shard",
        &[
            // The conversation with the control thread, and nothing of its insides.
            "control::mailbox",
            "control::endpoints",
            "control::invocation",
            "control::Seat",
            "exchange",
            "snapshot",
            "telemetry",
            "http",
            "tls",
            "ring",
        ],
    ),
    (
        "control",
        &[
            "management",
            "snapshot",
            "model",
            "resources",
            "store",
            // What starts a function.
            "runtimes",
            "aws",
            "telemetry",
            // A listener is handed to a shard as the socket that its ring takes.
            "ring::Socket",
            // What a worker's process needs and only `unsafe` code gives.
            "ring::process",
        ],
    ),
    // Reads and changes resources; what shards serve of them is compiled by the snapshot's code.
    // A test call runs the phases that shards run.
    (
        "management",
        &["verify", "exchange", "snapshot", "model", "resources", "store", "runtimes", "aws"],
    ),
    // Runs the phases that shards run, beside no traffic.
    ("explain", &["exchange", "snapshot", "template", "http"]),
    // Runs templates over samples of what a definition declares around them.
    ("verify", &["snapshot::managed::status_code", "resources", "template"]),
    (
        "exchange",
        &[
            "snapshot",
            // A phase renders the templates that the snapshot compiled.
            "template",
            // Callers sign as AWS's do, and who may call is said in IAM's policy language.
            "aws::Fault",
            "aws::policy",
            "aws::sigv4",
            "telemetry",
            "http",
            // A mock's body is sent without a copy.
            "ring::Outgoing",
        ],
    ),
    // A log's destination and format are telemetry's words; a mock's head is written once, here.
    // Deployments are compiled from resources; templates and patterns are compiled with them.
    // A function's permissions are IAM's.
    (
        "snapshot",
        &[
            "model",
            "resources",
            "aws::policy",
            "template",
            "telemetry::access_log",
            "telemetry::stage_log",
        ],
    ),
    // A log format is parsed to see whether it can be, a pattern is compiled for the same reason.
    ("model", &["telemetry::access_log", "template::JavaPattern"]),
    ("resources", &[]),
    ("store", &[]),
    ("template", &[]),
    ("runtimes", &[]),
    ("aws", &[]),
    ("telemetry", &[]),
    ("http", &[]),
    // Records are decrypted in receive buffers and sealed into what is sent.
    ("tls", &["ring::Lease", "ring::Outgoing", "ring::Pool"]),
    ("ring", &[]),
];

/// Words that a folder's code must not contain, and the files in it that may.
const ABSENT: &[Absent] = &[
    Absent {
        what: "`unsafe`, outside of src/ring",
        sequences: &[&["unsafe"]],
        folders: &[
            "cli",
            "shard",
            "control",
            "exchange",
            "snapshot",
            "model",
            "telemetry",
            "http",
            "tls",
            "sim",
        ],
        except: &[],
    },
    Absent {
        what: "glommio: a second environment must fit behind `Env` (one file parks, one starts threads)",
        sequences: &[&["glommio"]],
        folders: &[
            "cli",
            "shard",
            "control",
            "exchange",
            "snapshot",
            "model",
            "telemetry",
            "http",
            "tls",
            "ring",
            "sim",
        ],
        except: &["src/ring/park.rs", "src/shard/env.rs"],
    },
    Absent {
        what: "io_uring: only the driver knows which kernel interface there is",
        sequences: &[&["io_uring"]],
        folders: &["cli", "shard", "control", "exchange", "snapshot", "model", "telemetry", "http"],
        except: &[],
    },
    Absent {
        what: "a clock: time is an argument",
        sequences: &[&["Instant", "::", "now"], &["SystemTime"], &["elapsed"]],
        folders: &["exchange", "snapshot", "model", "http", "shard"],
        except: &["src/shard/env.rs"],
    },
    Absent {
        what: "locks and waiting on other threads: a shard shares nothing",
        sequences: &[&["Mutex"], &["RwLock"], &["Condvar"], &["thread", "::", "sleep"]],
        folders: &["shard", "exchange", "http"],
        except: &[],
    },
    Absent {
        what: "sockets: bytes in, events out",
        sequences: &[&["TcpStream"], &["TcpListener"], &["UdpSocket"]],
        folders: &["exchange", "snapshot", "model", "http", "tls"],
        except: &[],
    },
    Absent {
        what: "tokio: the control thread's runtime",
        sequences: &[&["tokio"]],
        folders: &["shard", "exchange", "snapshot", "model", "telemetry", "http", "tls", "ring"],
        except: &[],
    },
];

/// A file this long is a question: are these two things?
const LINES_MAX: usize = 700;

/// Files for which the answer is no. A file leaves the list when it is well below the limit.
const LONG: &[(&str, &str)] = &[
    ("src/ring/driver.rs", "one state machine and its safety arguments, which refer to each other"),
    ("src/shard/proxy.rs", "a proxied request from dispatch to its end: one table of stages"),
    ("src/sim/peers/client.rs", "a simulated client and all that it checks"),
];

struct Absent {
    what: &'static str,
    sequences: &'static [&'static [&'static str]],
    folders: &'static [&'static str],
    except: &'static [&'static str],
}

#[test]
fn dependencies_point_down_and_are_all_written_down() {
    let mut wrong = Vec::new();
    for source in sources("src") {
        let Some((_, allowed)) = ALLOWED.iter().find(|(folder, _)| *folder == source.folder) else {
            assert!(
                ["lib", "main", "sim"].contains(&source.folder.as_str()),
                "{}: a folder that the table does not know",
                source.name
            );
            continue;
        };
        for path in paths_from_the_root(&source) {
            let is_own = path == source.folder || is_within(&path, &source.folder);
            if !is_own && !allowed.iter().any(|it| path == *it || is_within(&path, it)) {
                wrong.push(format!("{} names crate::{path}", source.name));
            }
        }
    }
    assert!(wrong.is_empty(), "not in the table of this test:\n{}", wrong.join("\n"));
}

#[test]
fn every_allowed_dependency_points_further_down_and_is_used() {
    let mut named: BTreeSet<(String, String)> = BTreeSet::new();
    for source in sources("src") {
        for path in paths_from_the_root(&source) {
            named.insert((source.folder.clone(), path));
        }
    }
    for (place, (folder, allowed)) in ALLOWED.iter().enumerate() {
        for target in *allowed {
            let below = target.split("::").next().unwrap();
            let rank = ALLOWED.iter().position(|(it, _)| *it == below);
            assert!(rank.is_some_and(|rank| rank > place), "{folder} may not know {target}");
            // What may be named and never is would be allowed for no reason.
            let is_used = named
                .iter()
                .any(|(by, path)| by == folder && (path == target || is_within(path, target)));
            assert!(is_used || *folder == "cli", "{folder} never names {target}: take it off");
        }
    }
}

#[test]
fn the_map_in_lib_rs_has_the_order_of_this_table() {
    let text = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let in_header: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("//! | [`")?.split('`').next()).collect();
    let modules: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let folders: Vec<&str> = ALLOWED.iter().map(|(folder, _)| *folder).collect();
    assert_eq!(in_header, folders);
    assert_eq!(modules, folders);
}

#[test]
fn what_a_folder_deliberately_lacks_is_not_in_it() {
    let mut wrong = Vec::new();
    for source in sources("src") {
        for absent in ABSENT {
            if !absent.folders.contains(&source.folder.as_str())
                || absent.except.contains(&source.name.as_str())
            {
                continue;
            }
            for sequence in absent.sequences {
                let found = source.tokens.windows(sequence.len()).any(|window| {
                    window.iter().zip(*sequence).all(|(token, word)| token.text == *word)
                        && !window[0].is_test
                });
                if found {
                    wrong.push(format!("{}: {}", source.name, absent.what));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_are_of_a_length_that_can_be_read() {
    for source in sources("src") {
        let lines = source.text.lines().count();
        match LONG.iter().find(|(name, _)| *name == source.name) {
            None => assert!(lines <= LINES_MAX, "{} has {lines} lines: two things?", source.name),
            Some(_) => {
                assert!(lines > LINES_MAX - 100, "{} is short again: take it off", source.name);
            }
        }
    }
    for (name, _) in LONG {
        assert!(root().join(name).exists(), "{name} is gone: take it off the list");
    }
}

#[test]
fn every_module_says_first_why_it_exists() {
    for folder in ["src", "tests", "loadtest", "bench"] {
        for source in sources(folder) {
            assert!(source.text.starts_with("//!"), "{} has no header", source.name);
        }
    }
}

#[test]
fn gaps_are_issues_or_decisions_and_not_notes_in_the_code() {
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
    for folder in ["src", "tests", "loadtest", "bench"] {
        for source in sources(folder) {
            let words = source.text.split(|it: char| !it.is_alphanumeric());
            for word in words {
                assert!(!marks.contains(&word), "{} has a {word}", source.name);
            }
        }
    }
}

#[test]
fn the_reader_of_paths_sees_groups_renames_and_ways_up() {
    let source = Source::new(
        "src/shard/upstream/mod.rs".to_owned(),
        r##"
        //! crate::in_a_comment
        use crate::http::{self, head::{Limits as L}, Field};
        pub(crate) use super::super::control as boss;
        /* crate::in_a /* nested */ comment */
        fn f(x: &'static str) -> char { let _ = (crate::ring::Slots::<u8>::new(), "crate::text", r#"crate::raw"#); '"' }
        mod tests { use super::super::super::tls; use super::super::fine; fn g() { let _ = crate::model::X; } }
        "##
        .to_owned(),
    );
    let found: Vec<String> = paths_from_the_root(&source);
    let expected =
        ["http", "http::head::Limits", "http::Field", "control", "ring::Slots", "tls", "model::X"];
    assert_eq!(found, expected);
}

/// One file.
struct Source {
    /// From the root of the repository.
    name: String,
    /// Its folder in `src`; a file of `src` itself stands for its own.
    folder: String,
    text: String,
    tokens: Vec<Token>,
}

/// A word, `::`, or another single character.
struct Token {
    text: String,
    /// Inline modules around it.
    depth: usize,
    /// Whether one of them is for tests.
    is_test: bool,
}

impl Source {
    fn new(name: String, text: String) -> Self {
        let folder = name.split('/').nth(1).unwrap_or_default().trim_end_matches(".rs").to_owned();
        let is_test =
            ["/tests.rs", "_tests.rs", "/test_snapshot.rs"].iter().any(|end| name.ends_with(end))
                || name.contains("/tests/");
        let tokens = tokens(&text, is_test);
        Self { name, folder, text, tokens }
    }

    /// Modules from the crate's root to this file's.
    fn depth(&self) -> usize {
        let inside = self.name.trim_start_matches("src/").trim_end_matches("/mod.rs");
        if ["lib.rs", "main.rs"].contains(&inside) { 0 } else { inside.split('/').count() }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn is_within(path: &str, outer: &str) -> bool {
    path.strip_prefix(outer).is_some_and(|rest| rest.starts_with("::"))
}

fn sources(folder: &str) -> Vec<Source> {
    let mut files = Vec::new();
    collect(&root().join(folder), &mut files);
    files.sort();
    assert!(!files.is_empty(), "no sources in {folder}");
    files
        .into_iter()
        .map(|file| {
            let name = file.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
            Source::new(name, fs::read_to_string(&file).unwrap())
        })
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                collect(&path, files);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Every path that begins at the crate's root, by `crate::` or by enough `super::`, down to its item:
/// what follows the first word with a capital is a part of that item.
fn paths_from_the_root(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    let tokens = &source.tokens;
    let is = |index: usize, text: &str| tokens.get(index).is_some_and(|it| it.text == text);
    let mut index = 0;
    while index < tokens.len() {
        let continues = index > 0 && is(index - 1, "::");
        if is(index, "crate") && !continues && is(index + 1, "::") {
            index = follow(tokens, index + 2, &mut Vec::new(), &mut found);
        } else if is(index, "super") && !continues {
            let depth = source.depth() + tokens[index].depth;
            let mut ups = 0;
            while is(index, "super") && is(index + 1, "::") {
                ups += 1;
                index += 2;
            }
            if ups == depth {
                index = follow(tokens, index, &mut Vec::new(), &mut found);
            }
        }
        index += 1;
    }
    found
}

/// Reads a path or a group of them that begins at `index`; gives back where it ends.
fn follow(
    tokens: &[Token],
    index: usize,
    before: &mut Vec<String>,
    found: &mut Vec<String>,
) -> usize {
    let Some(token) = tokens.get(index) else { return index };
    if token.text == "{" {
        let mut index = index + 1;
        while tokens.get(index).is_some_and(|it| it.text != "}") {
            match tokens[index].text.as_str() {
                "," => index += 1,
                "as" => index += 2,
                _ => index = follow(tokens, index, before, found) + 1,
            }
        }
        return index;
    }
    let is_item = token.text.starts_with(char::is_uppercase);
    let goes_on = tokens.get(index + 1).is_some_and(|it| it.text == "::");
    if token.text != "self" {
        before.push(token.text.clone());
    }
    let end = if goes_on && !is_item {
        follow(tokens, index + 2, before, found)
    } else {
        found.push(before.join("::"));
        index
    };
    if token.text != "self" {
        before.pop();
    }
    end
}

/// The code without comments and literals.
fn tokens(text: &str, is_test: bool) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    // Per open brace: whether it opened a module, and whether that is for tests.
    let mut braces: Vec<(bool, bool)> = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text[at..];
        let is_raw = tokens.is_empty() || !text[..at].ends_with(|it: char| it.is_alphanumeric());
        if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if rest.starts_with("/*") {
            at += comment_bytes(rest);
        } else if is_raw && let Some(length) = raw_text_bytes(rest) {
            at += length;
        } else if rest.starts_with('"') {
            at += text_bytes(rest);
        } else if let Some(length) = character_bytes(rest) {
            at += length;
        } else if rest.starts_with(|it: char| it.is_alphabetic() || it == '_') {
            let length =
                rest.find(|it: char| !(it.is_alphanumeric() || it == '_')).unwrap_or(rest.len());
            push(&mut tokens, &rest[..length], &braces, is_test);
            at += length;
        } else if rest.starts_with("::") {
            push(&mut tokens, "::", &braces, is_test);
            at += 2;
        } else {
            let Some(character) = rest.chars().next() else { break };
            if character == '{' {
                let before = tokens.len().checked_sub(2).map(|index| tokens[index].text.as_str());
                let is_module = before == Some("mod");
                let is_for_tests =
                    is_module && tokens.last().is_some_and(|name| name.text.ends_with("tests"));
                push(&mut tokens, "{", &braces, is_test);
                braces.push((is_module, is_for_tests));
            } else if character == '}' {
                braces.pop();
                push(&mut tokens, "}", &braces, is_test);
            } else if !character.is_whitespace() {
                push(&mut tokens, &rest[..character.len_utf8()], &braces, is_test);
            }
            at += character.len_utf8();
        }
    }
    tokens
}

fn push(tokens: &mut Vec<Token>, text: &str, braces: &[(bool, bool)], is_test: bool) {
    tokens.push(Token {
        text: text.to_owned(),
        depth: braces.iter().filter(|(is_module, _)| *is_module).count(),
        is_test: is_test || braces.iter().any(|(_, is_for_tests)| *is_for_tests),
    });
}

fn comment_bytes(text: &str) -> usize {
    let (mut depth, mut at) = (0usize, 0);
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    at
}

/// `r"…"`, `r#"…"#` and their byte forms.
fn raw_text_bytes(text: &str) -> Option<usize> {
    let inside = text.strip_prefix("br").or_else(|| text.strip_prefix('r'))?;
    let hashes = inside.bytes().take_while(|byte| *byte == b'#').count();
    let body = inside[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = body.find(&end)? + end.len();
    Some(text.len() - body.len() + length)
}

fn text_bytes(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// A character literal, told from a lifetime by its end.
fn character_bytes(text: &str) -> Option<usize> {
    let body = text.strip_prefix('\'')?;
    if let Some(escaped) = body.strip_prefix('\\') {
        let first = escaped.chars().next()?.len_utf8();
        return Some(2 + first + escaped[first..].find('\'')? + 1);
    }
    let first = body.chars().next()?.len_utf8();
    body[first..].starts_with('\'').then_some(first + 2)
}
