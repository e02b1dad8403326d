//! From TOML to the declared form: every problem of every file, with its place.
//!
//! Several files of one region are read as if they were one. Only what the tables of [`super::form`]
//! say is looked at: what makes sense beyond them the operations decide, and their refusals find the
//! way back to a line by [`Document::place`].

use super::form::{Absent, FILE, Form, Kind, Member};
use crate::model::{Problem, ProblemKind, found, nearest};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Where something stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Which of the files, from 0.
    pub file: usize,
    /// Bytes of it.
    pub span: Range<usize>,
}

/// What is declared for one region.
#[derive(Debug, Clone, Default)]
pub struct Document {
    /// By the tables of [`super::form`], keys that say what their absence says left out.
    pub(super) tree: Map<String, Value>,
    places: HashMap<Vec<String>, Place>,
}

impl Document {
    /// Where the innermost part of a path stands that has a place. The path goes by keys, elements of
    /// lists by their number.
    pub(super) fn place(&self, path: &[String]) -> Option<&Place> {
        (0..=path.len()).rev().find_map(|length| self.places.get(&path[..length]))
    }
}

/// A problem and the number of the file that it is in.
pub type Located = (usize, Problem);

/// Reads files, by region; those without `region` are of `region`.
///
/// # Errors
/// All that is wrong with them.
pub fn read(texts: &[&str], region: &str) -> Result<BTreeMap<String, Document>, Vec<Located>> {
    let mut documents: BTreeMap<String, Document> = BTreeMap::new();
    let mut problems = Vec::new();
    for (file, text) in texts.iter().enumerate() {
        let table = match DeTable::parse(text) {
            Ok(table) => table,
            Err(error) => {
                let message = error.message().to_owned();
                let kind = ProblemKind::Syntax { message };
                let span = error.span().unwrap_or(0..0);
                problems.push((file, Problem { span, first: None, kind }));
                continue;
            }
        };
        let named = table.get_ref().get("region").and_then(|value| value.get_ref().as_str());
        let document = documents.entry(named.unwrap_or(region).to_owned()).or_default();
        let mut reader = Reader { file, document, problems: &mut problems, path: Vec::new() };
        let mut tree = std::mem::take(&mut reader.document.tree);
        reader.table(&FILE, table.get_ref(), table.span(), &mut tree);
        tree.remove("region");
        document.tree = tree;
    }
    for document in documents.values_mut() {
        document.tree = FILE.plain(&document.tree);
    }
    problems.sort_by_key(|(file, problem)| (*file, problem.span.start, problem.span.end));
    if problems.is_empty() { Ok(documents) } else { Err(problems) }
}

struct Reader<'r> {
    file: usize,
    document: &'r mut Document,
    problems: &'r mut Vec<Located>,
    path: Vec<String>,
}

impl Reader<'_> {
    fn add(&mut self, span: Range<usize>, kind: ProblemKind) {
        self.problems.push((self.file, Problem { span, first: None, kind }));
    }

    /// Notes where the path stands; of several places the first.
    fn note(&mut self, span: Range<usize>) {
        let place = Place { file: self.file, span };
        self.document.places.entry(self.path.clone()).or_insert(place);
    }

    /// Reads a table into `tree`, which may hold what an earlier file said.
    fn table(
        &mut self,
        form: &'static Form,
        table: &DeTable<'_>,
        span: Range<usize>,
        tree: &mut Map<String, Value>,
    ) {
        for (key, value) in table {
            let Some(member) = form.member(key.get_ref()) else {
                let known = form.members.iter().map(|member| member.name);
                let kind = ProblemKind::UnknownKey {
                    key: key.get_ref().to_string(),
                    table: form.header,
                    nearest: nearest(key.get_ref(), known.clone()).map(Into::into),
                    known: known.map(Into::into).collect(),
                };
                self.add(key.span(), kind);
                continue;
            };
            self.path.push(member.name.to_owned());
            self.note(key.span());
            let before = tree.remove(member.name);
            if let Some(read) = self.value(member, value, before) {
                tree.insert(member.name.to_owned(), read);
            }
            self.path.pop();
        }
        for member in form.members {
            if let Absent::Mistake(example) = member.absent
                && !table.contains_key(member.name)
            {
                let kind = ProblemKind::MissingKey {
                    key: member.name,
                    table: form.header,
                    expected: expected(member.kind).to_owned(),
                    example,
                };
                self.add(span.clone(), kind);
            }
        }
    }

    /// Reads one value; `before` is what an earlier file said of the same key.
    fn value(
        &mut self,
        member: &'static Member,
        value: &Spanned<DeValue<'_>>,
        before: Option<Value>,
    ) -> Option<Value> {
        match (member.kind, value.get_ref()) {
            (Kind::Text | Kind::Secret | Kind::TextOr(_), DeValue::String(text)) => {
                Some(Value::from(text.as_ref()))
            }
            (Kind::Flag, DeValue::Boolean(flag)) => Some(Value::from(*flag)),
            (Kind::Whole, DeValue::Integer(integer)) => {
                let whole = i64::from_str_radix(integer.as_str(), integer.radix()).ok();
                whole.map(Value::from).or_else(|| self.refuse(member, value))
            }
            (Kind::Number, DeValue::Integer(integer)) => {
                let whole = i64::from_str_radix(integer.as_str(), integer.radix()).ok();
                whole.map(|whole| Value::from(whole as f64)).or_else(|| self.refuse(member, value))
            }
            (Kind::Number, DeValue::Float(float)) => {
                let number = float.as_str().parse::<f64>().ok().filter(|it| it.is_finite());
                number.map(Value::from).or_else(|| self.refuse(member, value))
            }
            (Kind::Texts, DeValue::Array(array)) => {
                let texts = array.iter().map(|element| match element.get_ref() {
                    DeValue::String(text) => Some(Value::from(text.as_ref())),
                    _ => self.refuse(member, element),
                });
                Some(Value::Array(texts.collect::<Vec<_>>().into_iter().flatten().collect()))
            }
            (Kind::TextMap | Kind::FlagMap, DeValue::Table(table)) => {
                Some(Value::Object(self.plain_map(member, table)))
            }
            (Kind::TextMaps, DeValue::Table(table)) => {
                let mut maps = Map::new();
                for (key, value) in table {
                    match value.get_ref() {
                        DeValue::Table(inner) => {
                            let map = self.plain_map(member, inner);
                            maps.insert(key.get_ref().to_string(), Value::Object(map));
                        }
                        _ => drop(self.refuse(member, value)),
                    }
                }
                Some(Value::Object(maps))
            }
            (Kind::Table(form) | Kind::TextOr(form), DeValue::Table(table)) => {
                let mut tree = Map::new();
                self.table(form, table, value.span(), &mut tree);
                Some(Value::Object(tree))
            }
            (Kind::Named(form), DeValue::Table(table)) => {
                Some(Value::Object(self.named(member, form, table)))
            }
            (Kind::NamedTwice(form), DeValue::Table(table)) => {
                let mut outer = Map::new();
                for (key, value) in table {
                    let DeValue::Table(inner) = value.get_ref() else {
                        self.refuse(member, value);
                        continue;
                    };
                    self.path.push(key.get_ref().to_string());
                    self.note(key.span());
                    let inner = self.named(member, form, inner);
                    self.path.pop();
                    outer.insert(key.get_ref().to_string(), Value::Object(inner));
                }
                Some(Value::Object(outer))
            }
            (Kind::List(form), DeValue::Array(array)) => {
                let mut list = match before {
                    Some(Value::Array(list)) => list,
                    _ => Vec::new(),
                };
                for element in array.iter() {
                    let DeValue::Table(table) = element.get_ref() else {
                        self.refuse(member, element);
                        continue;
                    };
                    self.path.push(list.len().to_string());
                    self.note(element.span());
                    let mut tree = Map::new();
                    self.table(form, table, element.span(), &mut tree);
                    self.path.pop();
                    list.push(Value::Object(tree));
                }
                Some(Value::Array(list))
            }
            _ => self.refuse(member, value),
        }
    }

    fn named(
        &mut self,
        member: &'static Member,
        form: &'static Form,
        table: &DeTable<'_>,
    ) -> Map<String, Value> {
        let mut named = Map::new();
        for (key, value) in table {
            let DeValue::Table(inner) = value.get_ref() else {
                self.refuse(member, value);
                continue;
            };
            self.path.push(key.get_ref().to_string());
            self.note(key.span());
            let mut tree = Map::new();
            self.table(form, inner, value.span(), &mut tree);
            self.path.pop();
            named.insert(key.get_ref().to_string(), Value::Object(tree));
        }
        named
    }

    fn plain_map(&mut self, member: &'static Member, table: &DeTable<'_>) -> Map<String, Value> {
        let mut map = Map::new();
        for (key, value) in table {
            let read = match (member.kind, value.get_ref()) {
                (Kind::TextMap | Kind::TextMaps, DeValue::String(text)) => {
                    Some(Value::from(text.as_ref()))
                }
                (Kind::FlagMap, DeValue::Boolean(flag)) => Some(Value::from(*flag)),
                _ => self.refuse(member, value),
            };
            if let Some(read) = read {
                map.insert(key.get_ref().to_string(), read);
            }
        }
        map
    }

    /// Reports a value of the wrong type.
    fn refuse(&mut self, member: &'static Member, value: &Spanned<DeValue<'_>>) -> Option<Value> {
        let way_out = match member.kind {
            Kind::List(form) => Some(format!("write {} with two brackets", form.header)),
            _ => None,
        };
        let kind = ProblemKind::Value {
            code: "wrong-type",
            key: member.name.to_owned(),
            expected: expected(member.kind).to_owned(),
            found: match member.kind {
                Kind::Secret => "something else".to_owned(),
                _ => found(value.get_ref()),
            },
            way_out,
        };
        self.add(value.span(), kind);
        None
    }
}

/// What a key takes, after "expected".
fn expected(kind: Kind) -> &'static str {
    match kind {
        Kind::Text | Kind::Secret => "a text",
        Kind::Whole => "a whole number",
        Kind::Number => "a number",
        Kind::Flag => "true or false",
        Kind::Texts => "an array of texts",
        Kind::TextMap => "a table of texts",
        Kind::FlagMap => "a table of true and false",
        Kind::TextMaps => "a table of tables of texts",
        Kind::Table(_) => "a table",
        Kind::TextOr(_) => "a name or a table",
        Kind::Named(_) => "a table of tables",
        Kind::NamedTwice(_) => "a table by path, of tables by method",
        Kind::List(_) => "an array of tables",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let problems = read(&[text], "us-east-1").expect_err("it is refused");
        let line = |at: usize| text[..at].matches('\n').count() + 1;
        problems.iter().map(|(_, it)| format!("{}: {}", line(it.span.start), it.kind)).collect()
    }

    #[test]
    fn every_problem_is_told_with_its_place() {
        let text = "[[rest_api]]\nname = 7\nversoin = \"1\"\n\n[rest_api.path.\"/\".GET]\nintegration = {}\n";
        assert_eq!(
            problems(text),
            [
                "2: expected a text for `name`, found 7",
                "3: unknown key `versoin` in [[rest_api]]; did you mean `version`?",
                "6: [rest_api.path.PATH.METHOD.integration] needs `type`: a text, for example `type = \"HTTP_PROXY\"`",
            ]
        );
    }

    #[test]
    fn what_toml_refuses_is_told_with_its_place() {
        assert_eq!(problems("a = 1\na = 2\n"), ["2: duplicate key"]);
    }

    #[test]
    fn files_of_one_region_are_one_document() {
        let first = "[[rest_api]]\nname = \"a\"\n";
        let second = "region = \"eu-west-1\"\n[[rest_api]]\nname = \"b\"\n";
        let third = "region = \"us-east-1\"\n[[rest_api]]\nname = \"c\"\n[rest_api.stage.prod]\n";
        let read = read(&[first, second, third], "us-east-1").unwrap();
        assert_eq!(read.keys().collect::<Vec<_>>(), ["eu-west-1", "us-east-1"]);
        let document = &read["us-east-1"];
        assert_eq!(document.tree["rest_api"][1]["name"], "c");
        let path = ["rest_api", "1", "stage", "prod", "canary"].map(str::to_owned);
        assert_eq!(document.place(&path).unwrap().file, 2, "the innermost that has a place");
    }

    #[test]
    fn what_says_what_its_absence_says_is_left_out() {
        let text = "[[rest_api]]\nname = \"a\"\nendpoint = \"EDGE\"\ntags = {}\n";
        let read = read(&[text], "r").unwrap();
        assert_eq!(
            Value::Object(read["r"].tree.clone()),
            serde_json::json!({"rest_api": [{"name": "a"}]})
        );
    }
}
