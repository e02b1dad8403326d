//! Templates: the parts of a request that change from one request to the next.
//!
//! `{{counter}}`, `{{random 1 1000}}`, `{{uuid}}`, `{{choose names}}`, `{{cycle names}}`,
//! `{{timestamp}}` in paths, header values and bodies. A template is compiled once; a request
//! without any is one copy. There are no conditions and no loops: what needs those is a program.

use crate::random::Random;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Lists of values by name, for `choose` and `cycle`. Shared by all threads.
pub type Lists = BTreeMap<String, List>;

/// The values of one list; at least one.
pub type List = Arc<[Box<[u8]>]>;

/// A compiled template.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(Vec<u8>),
    Counter { start: u64 },
    Random { low: i64, high: i64 },
    Uuid,
    Choose(List),
    Cycle(List),
    Timestamp,
}

/// What a template is filled with: one per thread, changed per request.
#[derive(Debug)]
pub struct Values {
    /// The request's number in this run, over all threads, from 0.
    pub sequence: u64,
    /// Milliseconds since 1970, for `{{timestamp}}`.
    pub epoch_ms: u64,
    /// The thread's dice.
    pub random: Random,
}

/// Why a template does not compile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// `{{` without its end.
    #[error("`{{{{` without `}}}}`; a literal `{{{{` is written `{{{{\"{{{{\"}}}}`")]
    Unclosed,
    /// A word that is no function.
    #[error(
        "unknown template function `{name}`{}; known are: counter, random, uuid, choose, cycle, \
         timestamp",
        suggestion(.near)
    )]
    UnknownFunction {
        /// What stood there.
        name: String,
        /// The nearest known one.
        near: Option<&'static str>,
    },
    /// Wrong arguments.
    #[error("expected `{{{{{usage}}}}}`, found `{{{{{found}}}}}`")]
    Arguments {
        /// How it is written.
        usage: &'static str,
        /// What stood there.
        found: String,
    },
    /// A list that is not declared.
    #[error("list `{name}` is not declared; {}", declared(.known))]
    UnknownList {
        /// What stood there.
        name: String,
        /// The declared ones.
        known: Vec<String>,
    },
}

fn suggestion(near: &Option<&'static str>) -> String {
    near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}

fn declared(known: &[String]) -> String {
    if known.is_empty() {
        "there is no `[lists]` table".to_owned()
    } else {
        format!("declared are: {}", known.join(", "))
    }
}

const FUNCTIONS: [&str; 6] = ["counter", "random", "uuid", "choose", "cycle", "timestamp"];

impl Template {
    /// Text that is taken as it is.
    pub fn literal(text: impl Into<Vec<u8>>) -> Self {
        let mut template = Self::default();
        template.push_text(&text.into());
        template
    }

    /// Compiles a text with `{{…}}` in it.
    ///
    /// # Errors
    /// When something between the braces is not understood.
    pub fn compile(text: &str, lists: &Lists) -> Result<Self, TemplateError> {
        let mut template = Self::default();
        let mut rest = text;
        while let Some(start) = rest.find("{{") {
            template.push_text(&rest.as_bytes()[..start]);
            let after = &rest[start + 2..];
            let end = expression_end(after).ok_or(TemplateError::Unclosed)?;
            match compile_expression(after[..end].trim(), lists)? {
                Part::Text(text) => template.push_text(&text),
                part => template.parts.push(part),
            }
            rest = &after[end + 2..];
        }
        template.push_text(rest.as_bytes());
        Ok(template)
    }

    /// Appends another template.
    pub fn append(&mut self, other: Template) {
        for part in other.parts {
            match part {
                Part::Text(text) => self.push_text(&text),
                part => self.parts.push(part),
            }
        }
    }

    /// Appends text as it is; neighbouring texts become one copy.
    pub fn push_text(&mut self, text: &[u8]) {
        if text.is_empty() {
            return;
        }
        if let Some(Part::Text(last)) = self.parts.last_mut() {
            last.extend_from_slice(text);
        } else {
            self.parts.push(Part::Text(text.to_vec()));
        }
    }

    /// The text, when nothing in it changes.
    pub fn as_literal(&self) -> Option<&[u8]> {
        match &self.parts[..] {
            [] => Some(b""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Writes the template with this request's values.
    #[inline]
    pub fn write(&self, values: &mut Values, into: &mut Vec<u8>) {
        for part in &self.parts {
            match part {
                Part::Text(text) => into.extend_from_slice(text),
                Part::Counter { start } => write_number(values.sequence.wrapping_add(*start), into),
                Part::Random { low, high } => {
                    let number = values.random.between(*low, *high);
                    if number < 0 {
                        into.push(b'-');
                    }
                    write_number(number.unsigned_abs(), into);
                }
                Part::Uuid => write_uuid(&mut values.random, into),
                Part::Choose(list) => {
                    let index = values.random.below(list.len() as u64) as usize;
                    into.extend_from_slice(&list[index]);
                }
                Part::Cycle(list) => {
                    into.extend_from_slice(&list[(values.sequence % list.len() as u64) as usize]);
                }
                Part::Timestamp => write_number(values.epoch_ms, into),
            }
        }
    }
}

/// Where `}}` ends the expression; quoted text may hold braces.
fn expression_end(text: &str) -> Option<usize> {
    let mut quoted = false;
    let bytes = text.as_bytes();
    (0..bytes.len()).find(|&index| {
        quoted ^= bytes[index] == b'"';
        !quoted && bytes[index..].starts_with(b"}}")
    })
}

fn compile_expression(expression: &str, lists: &Lists) -> Result<Part, TemplateError> {
    let wrong = |usage| TemplateError::Arguments { usage, found: expression.to_owned() };
    if expression.starts_with('"') {
        let texts = quoted_texts(expression).ok_or_else(|| wrong("\"text\""))?;
        return match &texts[..] {
            [text] => Ok(Part::Text(text.to_vec())),
            _ => Err(wrong("\"text\"")),
        };
    }
    let (name, arguments) = expression
        .split_once(char::is_whitespace)
        .map_or((expression, ""), |(name, rest)| (name, rest.trim()));
    let words: Vec<&str> = arguments.split_whitespace().collect();
    match name {
        "counter" => match &words[..] {
            [] => Ok(Part::Counter { start: 0 }),
            [start] => start
                .parse()
                .map(|start| Part::Counter { start })
                .map_err(|_| wrong("counter START")),
            _ => Err(wrong("counter START")),
        },
        "random" => match &words[..] {
            [low, high] => match (low.parse(), high.parse()) {
                (Ok(low), Ok(high)) if low <= high => Ok(Part::Random { low, high }),
                _ => Err(wrong("random LOW HIGH")),
            },
            _ => Err(wrong("random LOW HIGH")),
        },
        "uuid" if words.is_empty() => Ok(Part::Uuid),
        "uuid" => Err(wrong("uuid")),
        "timestamp" if words.is_empty() => Ok(Part::Timestamp),
        "timestamp" => Err(wrong("timestamp")),
        "choose" => list(arguments, lists)?.map(Part::Choose).ok_or_else(|| wrong("choose LIST")),
        "cycle" => list(arguments, lists)?.map(Part::Cycle).ok_or_else(|| wrong("cycle LIST")),
        _ => Err(TemplateError::UnknownFunction {
            name: name.to_owned(),
            near: nearest(name, FUNCTIONS),
        }),
    }
}

/// The known word nearest to a mistyped one, when one is near enough to be meant.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(similarity, _)| *similarity > 0.75)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}

/// `NAME` of a declared list, or the values themselves in quotes. `None`: neither.
fn list(arguments: &str, lists: &Lists) -> Result<Option<List>, TemplateError> {
    if arguments.starts_with('"') {
        let Some(texts) = quoted_texts(arguments) else {
            return Ok(None);
        };
        return Ok(Some(texts.into_iter().map(Box::from).collect()));
    }
    if arguments.is_empty() || arguments.contains(char::is_whitespace) {
        return Ok(None);
    }
    match lists.get(arguments) {
        Some(list) => Ok(Some(Arc::clone(list))),
        None => Err(TemplateError::UnknownList {
            name: arguments.to_owned(),
            known: lists.keys().cloned().collect(),
        }),
    }
}

/// `"a" "b c"` as its texts; there is no escape inside the quotes.
fn quoted_texts(text: &str) -> Option<Vec<&[u8]>> {
    let mut texts = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (inner, after) = rest.strip_prefix('"')?.split_once('"')?;
        texts.push(inner.as_bytes());
        rest = after.trim_start();
    }
    Some(texts)
}

/// Decimal digits without going through the formatting machinery: templates run per request.
pub fn write_number(mut number: u64, into: &mut Vec<u8>) {
    let mut digits = [0_u8; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    into.extend_from_slice(&digits[start..]);
}

/// Version 4 (RFC 9562 section 5.4) from the seeded dice.
fn write_uuid(random: &mut Random, into: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut bytes = [0_u8; 16];
    bytes[..8].copy_from_slice(&random.draw().to_be_bytes());
    bytes[8..].copy_from_slice(&random.draw().to_be_bytes());
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            into.push(b'-');
        }
        into.push(HEX[usize::from(byte >> 4)]);
        into.push(HEX[usize::from(byte & 0x0f)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lists() -> Lists {
        let names: Arc<[Box<[u8]>]> = [&b"ann"[..], b"bob"].into_iter().map(Box::from).collect();
        Lists::from([("names".to_owned(), names)])
    }

    fn write(text: &str, sequence: u64) -> String {
        let template = Template::compile(text, &lists()).unwrap();
        let mut values =
            Values { sequence, epoch_ms: 1_700_000_000_000, random: Random::new(sequence) };
        let mut bytes = Vec::new();
        template.write(&mut values, &mut bytes);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn each_function_writes_what_it_promises() {
        assert_eq!(write("/items/{{counter}}", 7), "/items/7");
        assert_eq!(write("{{ counter 100 }}", 7), "107");
        assert_eq!(write("{{cycle names}}", 0), "ann");
        assert_eq!(write("{{cycle names}}", 3), "bob");
        assert_eq!(write("{{timestamp}}", 0), "1700000000000");
        assert_eq!(write("{{\"{{literal}}\"}}", 0), "{{literal}}");
        assert_eq!(write("{{random -3 -3}}", 0), "-3");
        for sequence in 0..100 {
            let number: i64 = write("{{random 1 3}}", sequence).parse().unwrap();
            assert!((1..=3).contains(&number));
            assert!(["ann", "bob"].contains(&&*write("{{choose names}}", sequence)));
            assert!(["x", "y z"].contains(&&*write("{{choose \"x\" \"y z\"}}", sequence)));
        }
        let uuid = write("{{uuid}}", 1);
        assert_eq!(uuid.len(), 36);
        assert_eq!(&uuid[14..15], "4");
        assert!(["8", "9", "a", "b"].contains(&&uuid[19..20]));
        assert_ne!(uuid, write("{{uuid}}", 2));
    }

    #[test]
    fn one_request_has_one_number() {
        assert_eq!(write("{{counter}}-{{counter}}", 5), "5-5");
    }

    #[test]
    fn mistakes_are_named_with_the_way_out() {
        let error = |text| Template::compile(text, &lists()).unwrap_err().to_string();
        assert_eq!(
            error("{{countr}}"),
            "unknown template function `countr`; did you mean `counter`?; known are: counter, random, uuid, choose, cycle, timestamp"
        );
        assert_eq!(
            error("a {{counter"),
            "`{{` without `}}`; a literal `{{` is written `{{\"{{\"}}`"
        );
        assert_eq!(error("{{random 5}}"), "expected `{{random LOW HIGH}}`, found `{{random 5}}`");
        assert_eq!(
            error("{{random 5 1}}"),
            "expected `{{random LOW HIGH}}`, found `{{random 5 1}}`"
        );
        assert_eq!(error("{{choose nams}}"), "list `nams` is not declared; declared are: names");
    }

    #[test]
    fn a_template_without_functions_is_one_copy() {
        let mut template = Template::compile("GET ", &lists()).unwrap();
        template.append(Template::literal("/ HTTP/1.1"));
        assert_eq!(template.as_literal(), Some(&b"GET / HTTP/1.1"[..]));
        assert_eq!(Template::compile("{{counter}}", &lists()).unwrap().as_literal(), None);
    }

    proptest! {
        /// Text without double braces goes through untouched, whatever it is.
        #[test]
        fn plain_text_is_itself(text in "[^{]*") {
            prop_assert_eq!(write(&text, 0), text);
        }

        /// No input makes the compiler panic.
        #[test]
        fn any_text_compiles_or_says_why(text in "[a-z0-9 \"{}]{0,40}") {
            let _ = Template::compile(&text, &lists());
        }

        #[test]
        fn numbers_are_written_as_rust_writes_them(number: u64) {
            let mut bytes = Vec::new();
            write_number(number, &mut bytes);
            prop_assert_eq!(String::from_utf8(bytes).unwrap(), number.to_string());
        }
    }
}
