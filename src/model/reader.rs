//! A typed reader over a parsed TOML table that collects problems instead of stopping at one.
//!
//! Reading with serde would end at the first wrong value; here every accessor reports what is wrong,
//! falls back to the key's default, and lets the caller read on. A model is only handed out when no
//! error was collected, so a fallback never reaches anybody.

use std::cell::RefCell;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Problem, ProblemKind, Severity, Source, nearest};
use super::reference::{Absent, Key, Kind, Table, parse_duration, parse_size};

/// Where problems are collected while a file is read.
pub(super) struct Findings<'s> {
    source: &'s Source,
    list: RefCell<Vec<Problem>>,
    /// Every key that was asked for, to prove that all documented keys are read.
    #[cfg(test)]
    pub(super) asked: RefCell<std::collections::HashSet<(&'static str, String)>>,
}

impl<'s> Findings<'s> {
    pub(super) fn new(source: &'s Source) -> Self {
        Self {
            source,
            list: RefCell::default(),
            #[cfg(test)]
            asked: RefCell::default(),
        }
    }

    pub(super) fn add(&self, span: Range<usize>, kind: ProblemKind) {
        self.list.borrow_mut().push(Problem { span, first: None, kind });
    }

    /// Adds a problem that has to do with an earlier declaration.
    pub(super) fn add_second(&self, span: Range<usize>, first: Range<usize>, kind: ProblemKind) {
        self.list.borrow_mut().push(Problem { span, first: Some(first), kind });
    }

    /// The line of a place, from 1.
    pub(super) fn line(&self, span: &Range<usize>) -> usize {
        self.source.position(span.start).0
    }

    /// A file name of the configuration: relative ones are relative to the configuration's folder,
    /// so that a configuration can be moved with what belongs to it.
    pub(super) fn resolve(&self, file: &str) -> PathBuf {
        match self.source.file().parent() {
            Some(folder) => folder.join(file),
            None => file.into(),
        }
    }

    /// Whether the configuration is refused already.
    pub(super) fn has_errors(&self) -> bool {
        let list = self.list.borrow();
        list.iter().any(|problem| problem.kind.severity() == Severity::Error)
    }

    pub(super) fn into_list(self) -> Vec<Problem> {
        self.list.into_inner()
    }
}

/// Why a value was refused; becomes [`ProblemKind::Value`].
pub(super) struct Refused {
    pub(super) code: &'static str,
    pub(super) expected: String,
    pub(super) way_out: Option<String>,
}

impl Refused {
    pub(super) fn new(code: &'static str, expected: impl Into<String>) -> Self {
        Self { code, expected: expected.into(), way_out: None }
    }

    pub(super) fn with(code: &'static str, expected: impl Into<String>, way_out: String) -> Self {
        Self { code, expected: expected.into(), way_out: Some(way_out) }
    }
}

/// One table being read.
pub(super) struct Reader<'a> {
    keys: &'static Table,
    table: Option<&'a DeTable<'a>>,
    span: Range<usize>,
    pub(super) findings: &'a Findings<'a>,
}

impl<'a> Reader<'a> {
    /// Begins reading; unknown keys are reported now, all of them.
    pub(super) fn new(
        keys: &'static Table,
        table: &'a DeTable<'a>,
        span: Range<usize>,
        findings: &'a Findings<'a>,
    ) -> Self {
        let reader = Self::unchecked(keys, table, span, findings);
        for key in table.keys() {
            if keys.key(key.get_ref()).is_none() {
                let known = keys.keys.iter().map(|key| key.name);
                findings.add(
                    key.span(),
                    ProblemKind::UnknownKey {
                        key: key.get_ref().to_string(),
                        table: keys.header,
                        nearest: nearest(key.get_ref(), known.clone()).map(Into::into),
                        known: known.map(Into::into).collect(),
                    },
                );
            }
        }
        reader
    }

    /// Begins reading a table whose keys are checked by another reader.
    pub(super) fn unchecked(
        keys: &'static Table,
        table: &'a DeTable<'a>,
        span: Range<usize>,
        findings: &'a Findings<'a>,
    ) -> Self {
        Self { keys, table: Some(table), span, findings }
    }

    /// A table that is not there: every key has its default.
    pub(super) fn absent(
        keys: &'static Table,
        span: Range<usize>,
        findings: &'a Findings<'a>,
    ) -> Self {
        Self { keys, table: None, span, findings }
    }

    /// Where the table's header (or the inline table) stands.
    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The raw value of a key, without any report.
    pub(super) fn raw(&self, name: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        #[cfg(test)]
        self.findings.asked.borrow_mut().insert((self.keys.header, name.into()));
        self.table?.get(name)
    }

    /// Where a key's value stands, or the table's header when it is absent.
    pub(super) fn span_of(&self, name: &str) -> Range<usize> {
        self.raw(name).map_or_else(|| self.span(), Spanned::span)
    }

    fn key(&self, name: &'static str) -> &'static Key {
        static UNDOCUMENTED: Key = Key {
            name: "",
            kind: Kind::Other("a documented key"),
            absent: Absent::Means(""),
            example: "",
            about: "",
        };
        let key = self.keys.key(name);
        debug_assert!(key.is_some(), "`{name}` is not in the table {}", self.keys.header);
        key.unwrap_or(&UNDOCUMENTED)
    }

    /// Reports that the value at `span` is not what the key takes.
    pub(super) fn refuse(&self, name: &str, value: &Spanned<DeValue<'_>>, refused: Refused) {
        // Variables of a function may be anything, secrets too.
        let is_variable = self.keys.header == "[[function]]" && self.keys.key(name).is_none();
        let is_named = matches!(
            (self.keys.header, name),
            (_, "secret_access_key" | "session_token") | ("[store]", "url")
        );
        let secret = (is_named || is_variable) && value.get_ref().is_str();
        let kind = ProblemKind::Value {
            code: refused.code,
            key: name.into(),
            expected: refused.expected,
            found: if secret { "another text".into() } else { found(value.get_ref()) },
            way_out: refused.way_out,
        };
        self.findings.add(value.span(), kind);
    }

    /// Reads a key with `parse`. `None` when it is absent and has no default, or when it was refused
    /// and has no default; a required key that is absent is reported.
    pub(super) fn read<T>(
        &self,
        name: &'static str,
        parse: impl Fn(&DeValue<'_>, &Key) -> Result<T, Refused>,
    ) -> Option<T> {
        let key = self.key(name);
        if let Some(value) = self.raw(name) {
            match parse(value.get_ref(), key) {
                Ok(parsed) => return Some(parsed),
                Err(refused) => self.refuse(name, value, refused),
            }
        } else if let Absent::Required = key.absent {
            self.missing(key);
        }
        let Absent::Default(default) = key.absent else {
            return None;
        };
        let parsed =
            DeValue::parse(default).ok().and_then(|value| parse(value.get_ref(), key).ok());
        debug_assert!(
            parsed.is_some(),
            "the default of `{name}` in {} is refused",
            self.keys.header
        );
        parsed
    }

    fn missing(&self, key: &'static Key) {
        self.findings.add(
            self.span(),
            ProblemKind::MissingKey {
                key: key.name,
                table: self.keys.header,
                expected: key.kind.expected(),
                example: key.example,
            },
        );
    }

    /// A flag; absent ones need a default.
    pub(super) fn flag(&self, name: &'static str) -> bool {
        self.flag_if_set(name).unwrap_or_default()
    }

    /// A flag whose absence means something else than either.
    pub(super) fn flag_if_set(&self, name: &'static str) -> Option<bool> {
        self.read(name, |value, key| match value {
            DeValue::Boolean(flag) => Ok(*flag),
            _ => Err(wrong_type(key)),
        })
    }

    /// A text, not empty.
    pub(super) fn text(&self, name: &'static str) -> Option<String> {
        self.read(name, |value, key| text(value, key).map(Into::into))
    }

    /// A whole number within the key's bounds.
    pub(super) fn count<T: TryFrom<u64> + Default>(&self, name: &'static str) -> T {
        self.read(name, |value, key| {
            let Kind::Count(min, max) = key.kind else {
                return Err(wrong_type(key));
            };
            count(value, key, min, max)
        })
        .and_then(|count| T::try_from(count).ok())
        .unwrap_or_default()
    }

    /// A whole number within the key's bounds, when there is one.
    pub(super) fn count_if_set<T: TryFrom<u64>>(&self, name: &'static str) -> Option<T> {
        let read = self.read(name, |value, key| {
            let Kind::Count(min, max) = key.kind else {
                return Err(wrong_type(key));
            };
            count(value, key, min, max)
        });
        T::try_from(read?).ok()
    }

    /// A number within the key's bounds.
    pub(super) fn number(&self, name: &'static str) -> f64 {
        self.read(name, |value, key| {
            let Kind::Number(min, max) = key.kind else {
                return Err(wrong_type(key));
            };
            let number: f64 = match value {
                DeValue::Float(float) => float.as_str().parse().map_err(|_| wrong_type(key))?,
                DeValue::Integer(integer) => {
                    integer.as_str().parse().map_err(|_| wrong_type(key))?
                }
                _ => return Err(wrong_type(key)),
            };
            if (min..=max).contains(&number) {
                Ok(number)
            } else {
                Err(Refused::new("out-of-range", key.kind.expected()))
            }
        })
        .unwrap_or_default()
    }

    /// A duration within the key's bounds.
    pub(super) fn duration(&self, name: &'static str) -> Duration {
        self.duration_if_set(name).unwrap_or_default()
    }

    /// A duration within the key's bounds, when there is one.
    pub(super) fn duration_if_set(&self, name: &'static str) -> Option<Duration> {
        self.read(name, |value, key| {
            let (Kind::Duration(min, max), Some(text)) = (&key.kind, value.as_str()) else {
                return Err(Refused::with(
                    "bad-duration",
                    key.kind.expected(),
                    DURATION_FORM.into(),
                ));
            };
            let duration = parse_duration(text).ok_or_else(|| {
                Refused::with("bad-duration", key.kind.expected(), DURATION_FORM.into())
            })?;
            if (*min..=*max).contains(&duration) {
                Ok(duration)
            } else {
                Err(Refused::new("out-of-range", key.kind.expected()))
            }
        })
    }

    /// A size within the key's bounds.
    pub(super) fn size<T: TryFrom<u64> + Default>(&self, name: &'static str) -> T {
        self.read(name, |value, key| {
            let (Kind::Size(min, max), Some(text)) = (&key.kind, value.as_str()) else {
                return Err(Refused::with("bad-size", key.kind.expected(), SIZE_FORM.into()));
            };
            let bytes = parse_size(text)
                .ok_or_else(|| Refused::with("bad-size", key.kind.expected(), SIZE_FORM.into()))?;
            if (*min..=*max).contains(&bytes) {
                Ok(bytes)
            } else {
                Err(Refused::new("out-of-range", key.kind.expected()))
            }
        })
        .and_then(|bytes| T::try_from(bytes).ok())
        .unwrap_or_default()
    }

    /// One of the key's words, as the value beside it in `meanings`.
    pub(super) fn choice<T: Copy>(&self, name: &'static str, meanings: &[(&str, T)]) -> Option<T> {
        self.read(name, |value, key| choice(value, key, meanings))
    }

    /// The elements of an array, with their places; wrong elements are reported and left out.
    pub(super) fn list<T>(
        &self,
        name: &'static str,
        parse: impl Fn(&DeValue<'_>, &Key) -> Result<T, Refused>,
    ) -> Vec<Spanned<T>> {
        let key = self.key(name);
        let Some(value) = self.raw(name) else {
            return match key.absent {
                Absent::Required => {
                    self.missing(key);
                    Vec::new()
                }
                Absent::Default(default) => self.default_list(default, key, parse),
                Absent::Means(_) => Vec::new(),
            };
        };
        let Some(array) = value.get_ref().as_array() else {
            self.refuse(name, value, wrong_type(key));
            return Vec::new();
        };
        let mut list = Vec::new();
        for element in array.iter() {
            match parse(element.get_ref(), key) {
                Ok(parsed) => list.push(Spanned::new(element.span(), parsed)),
                Err(refused) => self.refuse(name, element, refused),
            }
        }
        list
    }

    fn default_list<T>(
        &self,
        default: &'static str,
        key: &Key,
        parse: impl Fn(&DeValue<'_>, &Key) -> Result<T, Refused>,
    ) -> Vec<Spanned<T>> {
        let Ok(value) = DeValue::parse(default) else {
            return Vec::new();
        };
        let elements = value.get_ref().as_array().into_iter().flat_map(|array| array.iter());
        elements
            .filter_map(|element| parse(element.get_ref(), key).ok())
            .map(|parsed| Spanned::new(self.span(), parsed))
            .collect()
    }

    /// Reports an array that is there and has no element.
    pub(super) fn not_empty(&self, name: &'static str) {
        if let Some(value) = self.raw(name)
            && value.get_ref().as_array().is_some_and(|array| array.is_empty())
        {
            let key = self.key(name);
            self.refuse(name, value, Refused::new("empty-list", key.kind.expected()));
        }
    }

    /// A table of its own; an absent one reads as all defaults.
    pub(super) fn table(&self, name: &'static str) -> Reader<'a> {
        self.table_if_set(name).unwrap_or_else(|| {
            let keys = self.table_of(name);
            Reader::absent(keys, self.span(), self.findings)
        })
    }

    /// A table of its own, when there is one.
    pub(super) fn table_if_set(&self, name: &'static str) -> Option<Reader<'a>> {
        let value = self.raw(name)?;
        match value.get_ref() {
            DeValue::Table(table) => {
                Some(Reader::new(self.table_of(name), table, value.span(), self.findings))
            }
            _ => {
                self.refuse(name, value, wrong_type(self.key(name)));
                None
            }
        }
    }

    /// A required table whose keys depend on what is in it.
    pub(super) fn read_table(&self, name: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.read(name, |value, key| match value {
            DeValue::Table(_) => Ok(()),
            _ => Err(wrong_type(key)),
        })?;
        self.raw(name)
    }

    /// An array of tables; elements that are no tables are reported and left out.
    pub(super) fn tables(&self, name: &'static str) -> Vec<Reader<'a>> {
        let Some(value) = self.raw(name) else {
            return Vec::new();
        };
        let Some(array) = value.get_ref().as_array() else {
            let header = self.table_of(name).header;
            let way_out = format!("write {header} with two brackets on each side");
            self.refuse(
                name,
                value,
                Refused::with("wrong-type", self.key(name).kind.expected(), way_out),
            );
            return Vec::new();
        };
        let mut readers = Vec::new();
        for element in array.iter() {
            match element.get_ref() {
                DeValue::Table(table) => readers.push(Reader::new(
                    self.table_of(name),
                    table,
                    element.span(),
                    self.findings,
                )),
                _ => self.refuse(name, element, wrong_type(self.key(name))),
            }
        }
        readers
    }

    fn table_of(&self, name: &'static str) -> &'static Table {
        static NONE: Table = Table { header: "", about: "", keys: &[] };
        match self.key(name).kind {
            Kind::Table(table) | Kind::Tables(table) => table,
            _ => {
                debug_assert!(false, "`{name}` is not a table");
                &NONE
            }
        }
    }
}

const DURATION_FORM: &str =
    "write a number with its unit (us, ms, s, m, h) in quotes, as in \"30s\"";
const SIZE_FORM: &str =
    "write a number with its unit (B, KiB, MiB, GiB) in quotes, as in \"10MiB\"";

/// The key's own words for what it takes, as a refusal of the value's type.
pub(super) fn wrong_type(key: &Key) -> Refused {
    Refused::new("wrong-type", key.kind.expected())
}

/// A text that is not empty.
pub(super) fn text<'v>(value: &'v DeValue<'_>, key: &Key) -> Result<&'v str, Refused> {
    match value.as_str() {
        Some("") => Err(Refused::new("empty-text", key.kind.expected())),
        Some(text) => Ok(text),
        None => Err(wrong_type(key)),
    }
}

/// A whole number from `min` to `max`.
pub(super) fn count(value: &DeValue<'_>, key: &Key, min: u64, max: u64) -> Result<u64, Refused> {
    let DeValue::Integer(integer) = value else {
        return Err(wrong_type(key));
    };
    // An integer that is negative or beyond 64 bits is out of range like any other.
    u64::from_str_radix(integer.as_str(), integer.radix())
        .ok()
        .filter(|count| (min..=max).contains(count))
        .ok_or_else(|| Refused::new("out-of-range", format!("a whole number from {min} to {max}")))
}

/// One of a few words.
pub(super) fn choice<T: Copy>(
    value: &DeValue<'_>,
    key: &Key,
    meanings: &[(&str, T)],
) -> Result<T, Refused> {
    debug_assert!(
        matches!(key.kind, Kind::Choice(words) | Kind::Choices(words)
            if words.iter().eq(meanings.iter().map(|(word, _)| word))),
        "the words of `{}` are not those that are read",
        key.name
    );
    let word = value.as_str().ok_or_else(|| wrong_type(key))?;
    if let Some((_, meaning)) = meanings.iter().find(|(known, _)| *known == word) {
        return Ok(*meaning);
    }
    Err(Refused {
        code: "unknown-choice",
        expected: key.kind.expected(),
        way_out: nearest(word, meanings.iter().map(|(known, _)| *known))
            .map(|near| format!("did you mean `{near}`?")),
    })
}

/// A value in the words that follow "found".
pub(crate) fn found(value: &DeValue<'_>) -> String {
    match value {
        // A URL's user and password are nobody's business, whichever key they were given to.
        DeValue::String(text) if text.contains("://") && text.contains('@') => {
            "a URL with a user".into()
        }
        // Long texts are cut: the line is printed anyway.
        DeValue::String(text) if text.chars().count() > 60 => {
            format!("{:?} …", text.chars().take(60).collect::<String>())
        }
        DeValue::String(text) => format!("{text:?}"),
        DeValue::Integer(integer) => integer.to_string(),
        DeValue::Float(float) => float.to_string(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(_) => "a date".into(),
        DeValue::Array(array) if array.is_empty() => "an empty array".into(),
        DeValue::Array(_) => "an array".into(),
        DeValue::Table(_) => "a table".into(),
    }
}
