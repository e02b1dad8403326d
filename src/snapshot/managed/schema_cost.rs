//! What it may cost to hold content against a model.
//!
//! A model that refers to itself is held against every level of the content, and where two alternatives
//! both refer, twice as often with each level: a hundred bytes of braces would keep a shard busy for
//! years. So the model's parts and how they lead to each other are kept beside the validator, and where
//! they could multiply, what a check would visit is counted before it is made. Each pair of a part and a
//! value is counted once however often it would be visited, so counting is cheap.

use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// Parts of a model with all that it refers to.
const PARTS_MAX: usize = 20_000;

/// Parts that lead to one another in a row: the validator goes from one to the next by calling itself.
const CHAIN_MAX: usize = 300;

/// Parts that a model without loops may come to when every reference is written out, without its
/// contents being looked at: each is held against a value once at most.
const WRITTEN_OUT_MAX: u64 = 2_000;

/// Visits of one check: this many, and this many more for each value of the content.
const VISITS_MAX: u64 = 200_000;
const VISITS_PER_VALUE: u64 = 50;

/// Parts within parts of one check, each a few calls: they fit a quarter of a thread's stack, as a test of
/// `schema` shows without optimisation.
const DEPTH_MAX: usize = 600;

type Part = usize;

/// What of a value or of its members a part of a model hands on to others.
#[derive(Debug, Default)]
struct Leads {
    /// The same value: alternatives, references.
    same: Vec<Part>,
    /// A member by its name.
    members: BTreeMap<Box<str>, Part>,
    /// Every member; more than are really meant.
    every_member: Vec<Part>,
    /// The items of a list, from the first.
    items: Vec<Part>,
    /// Every item.
    every_item: Vec<Part>,
}

impl Leads {
    fn all(&self) -> impl Iterator<Item = Part> {
        let lists = [&self.same, &self.every_member, &self.items, &self.every_item];
        lists.into_iter().flatten().chain(self.members.values()).copied()
    }
}

/// The parts of a model whose checks can multiply.
#[derive(Debug)]
pub(super) struct Cost {
    parts: Vec<Leads>,
}

impl Cost {
    /// Of a model. `other` finds the schema that a reference names. `None`: its checks cannot multiply.
    ///
    /// # Errors
    /// It is too large, or a chain in it is too long.
    pub(super) fn of(
        schema: &Value,
        other: impl Fn(&str) -> Option<Value>,
    ) -> Result<Option<Self>, String> {
        let mut reading = Reading {
            documents: vec![schema.clone()],
            named: HashMap::new(),
            known: HashMap::new(),
            parts: Vec::new(),
            unread: Vec::new(),
        };
        reading.part(0, String::new());
        while let Some((part, document, pointer)) = reading.unread.pop() {
            if reading.parts.len() > PARTS_MAX {
                return Err(format!("it has more than {PARTS_MAX} parts"));
            }
            reading.parts[part] = reading.leads(document, &pointer, &other);
        }
        let cost = Self { parts: reading.parts };
        Ok(cost.multiplies()?.then_some(cost))
    }

    /// Whether checks can visit more than a fixed number of parts for each value.
    fn multiplies(&self) -> Result<bool, String> {
        #[derive(Clone, Copy, PartialEq)]
        enum Seen {
            Not,
            /// On the way from the first part to where we are.
            Above,
            /// With how many it comes to, written out.
            Done(u64),
        }
        let mut seen = vec![Seen::Not; self.parts.len()];
        let mut loops = false;
        // A part, those that it leads to, and what they came to so far.
        let mut way: Vec<(Part, Vec<Part>, u64)> = vec![(0, self.parts[0].all().collect(), 1)];
        seen[0] = Seen::Above;
        while let Some((part, left, size)) = way.last_mut() {
            let Some(next) = left.pop() else {
                let (part, size) = (*part, *size);
                seen[part] = Seen::Done(size);
                way.pop();
                if let Some((_, _, above)) = way.last_mut() {
                    *above = above.saturating_add(size);
                }
                continue;
            };
            match seen[next] {
                Seen::Not => {
                    seen[next] = Seen::Above;
                    way.push((next, self.parts[next].all().collect(), 1));
                }
                Seen::Above => loops = true,
                Seen::Done(of_next) => *size = size.saturating_add(of_next),
            }
            if way.len() > CHAIN_MAX {
                return Err(format!("more than {CHAIN_MAX} of its parts lead to one another"));
            }
        }
        let written_out = match seen[0] {
            Seen::Done(size) => size,
            Seen::Not | Seen::Above => u64::MAX,
        };
        Ok(loops || written_out > WRITTEN_OUT_MAX)
    }

    /// Whether a check of this content ends soon enough.
    pub(super) fn allows(&self, content: &Value) -> bool {
        let visits_max = VISITS_MAX + VISITS_PER_VALUE * values(content);
        let mut counting = Counting { parts: &self.parts, counted: HashMap::new(), visits_max };
        counting.visits(0, content, 0).is_some_and(|(visits, _)| visits <= visits_max)
    }
}

/// How many values there are in one.
fn values(content: &Value) -> u64 {
    let mut count = 0;
    let mut left = vec![content];
    while let Some(value) = left.pop() {
        count += 1;
        match value {
            Value::Array(items) => left.extend(items),
            Value::Object(members) => left.extend(members.values()),
            _ => {}
        }
    }
    count
}

/// A model as far as it has been read.
struct Reading {
    documents: Vec<Value>,
    /// Documents by what references call them.
    named: HashMap<String, usize>,
    /// Parts by document and pointer.
    known: HashMap<(usize, String), Part>,
    parts: Vec<Leads>,
    unread: Vec<(Part, usize, String)>,
}

impl Reading {
    /// A part, which is read later if it is new.
    fn part(&mut self, document: usize, pointer: String) -> Part {
        if let Some(part) = self.known.get(&(document, pointer.clone())) {
            return *part;
        }
        let part = self.parts.len();
        self.parts.push(Leads::default());
        self.known.insert((document, pointer.clone()), part);
        self.unread.push((part, document, pointer));
        part
    }

    fn leads(
        &mut self,
        document: usize,
        pointer: &str,
        other: &impl Fn(&str) -> Option<Value>,
    ) -> Leads {
        let mut leads = Leads::default();
        let Some(Value::Object(schema)) = self.documents[document].pointer(pointer) else {
            return leads;
        };
        if let Some(Value::String(reference)) = schema.get("$ref") {
            // What stands beside a reference means nothing in draft 4.
            let reference = reference.clone();
            leads.same.push(self.referred(document, &reference, other));
            return leads;
        }
        // Names first: reading borrows the document.
        let mut found: Vec<(&'static str, Vec<String>)> = Vec::new();
        for keyword in [
            "allOf",
            "anyOf",
            "oneOf",
            "not",
            "dependencies",
            "properties",
            "patternProperties",
            "additionalProperties",
            "items",
            "additionalItems",
        ] {
            let keys = match schema.get(keyword) {
                Some(Value::Array(all)) => (0..all.len()).map(|index| index.to_string()).collect(),
                Some(Value::Object(all)) => match keyword {
                    "not" | "additionalProperties" | "items" | "additionalItems" => Vec::new(),
                    _ => all.keys().cloned().collect(),
                },
                _ => continue,
            };
            let is_list = schema.get(keyword).is_some_and(Value::is_array);
            let keyword = if keyword == "items" && is_list { "items in order" } else { keyword };
            found.push((keyword, keys));
        }
        for (keyword, keys) in found {
            let at = format!("{pointer}/{}", keyword.trim_end_matches(" in order"));
            let inner = |reading: &mut Self, key: &str| {
                reading.part(document, format!("{at}/{}", escaped(key)))
            };
            match keyword {
                "not" => leads.same.push(self.part(document, at)),
                "additionalProperties" => leads.every_member.push(self.part(document, at)),
                "items" | "additionalItems" => leads.every_item.push(self.part(document, at)),
                "properties" => {
                    for key in keys {
                        let part = inner(self, &key);
                        leads.members.insert(key.into(), part);
                    }
                }
                "patternProperties" => {
                    leads.every_member.extend(keys.iter().map(|key| inner(self, key)));
                }
                "items in order" => leads.items.extend(keys.iter().map(|key| inner(self, key))),
                _ => leads.same.extend(keys.iter().map(|key| inner(self, key))),
            }
        }
        leads
    }

    /// The part that a reference means. One that is not understood here may mean anything, the whole
    /// model for one.
    fn referred(
        &mut self,
        document: usize,
        reference: &str,
        other: &impl Fn(&str) -> Option<Value>,
    ) -> Part {
        let (place, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let document = match place {
            "" => document,
            _ => match (self.named.get(place), other(place)) {
                (Some(known), _) => *known,
                (None, Some(found)) => {
                    self.documents.push(found);
                    self.named.insert(place.to_owned(), self.documents.len() - 1);
                    self.documents.len() - 1
                }
                (None, None) => document,
            },
        };
        let fragment = percent_decoded(fragment);
        let pointer = match fragment.starts_with('/') {
            // Written as the parts themselves are.
            true => fragment.split('/').skip(1).fold(String::new(), |mut pointer, key| {
                pointer.push('/');
                pointer.push_str(&escaped(&key.replace("~1", "/").replace("~0", "~")));
                pointer
            }),
            false => String::new(),
        };
        self.part(document, pointer)
    }
}

/// A key as it stands in a JSON pointer.
fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn percent_decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, behind @ ..] = rest {
        let digits = behind.get(..2).and_then(|it| std::str::from_utf8(it).ok());
        match digits.filter(|_| *byte == b'%').and_then(|it| u8::from_str_radix(it, 16).ok()) {
            Some(decoded) => {
                out.push(decoded);
                rest = &behind[2..];
            }
            None => {
                out.push(*byte);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Visits of one check as far as they have been counted.
struct Counting<'c> {
    parts: &'c [Leads],
    /// By part and value: visits, and how deep they go. Those under way are nothing: the validator ends
    /// a circle that leads back to the same value.
    counted: HashMap<(Part, usize), (u64, usize)>,
    visits_max: u64,
}

impl Counting<'_> {
    /// `None`: they are too many, or too deep.
    fn visits(&mut self, part: Part, value: &Value, depth: usize) -> Option<(u64, usize)> {
        let key = (part, std::ptr::from_ref(value) as usize);
        if let Some(known) = self.counted.get(&key) {
            return Some(*known);
        }
        if depth > DEPTH_MAX || self.counted.len() as u64 > self.visits_max {
            return None;
        }
        self.counted.insert(key, (0, 0));
        let parts = self.parts;
        let leads = parts.get(part)?;
        let (mut visits, mut deepest) = (1_u64, 0);
        let mut add = |counting: &mut Self, part: Part, value: &Value| {
            let (more, deep) = counting.visits(part, value, depth + 1)?;
            visits = visits.saturating_add(more);
            deepest = deepest.max(deep);
            Some(())
        };
        for next in &leads.same {
            add(self, *next, value)?;
        }
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    if let Some(next) = leads.members.get(name.as_str()) {
                        add(self, *next, member)?;
                    }
                    for next in &leads.every_member {
                        add(self, *next, member)?;
                    }
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    for next in leads.items.get(index).into_iter().chain(&leads.every_item) {
                        add(self, *next, item)?;
                    }
                }
            }
            _ => {}
        }
        let counted = (visits, deepest + 1);
        self.counted.insert(key, counted);
        (deepest < DEPTH_MAX && visits <= self.visits_max).then_some(counted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(schema: &str) -> Result<Option<Cost>, String> {
        let other = serde_json::json!({"items": {"$ref": "#"}});
        Cost::of(&serde_json::from_str(schema).unwrap(), |name| {
            (name == "list").then(|| other.clone())
        })
    }

    /// A chain of parts, each naming the next as often as said.
    fn chain(length: usize, times: usize) -> String {
        let mut text = r#"{"definitions":{"d0":{"type":"string"}"#.to_owned();
        for number in 1..length {
            let next = format!(r##"{{"$ref":"#/definitions/d{}"}}"##, number - 1);
            text += &format!(r#","d{number}":{{"anyOf":[{}]}}"#, vec![next; times].join(","));
        }
        text + &format!(r##"}},"$ref":"#/definitions/d{}"}}"##, length - 1)
    }

    fn nested(levels: usize) -> Value {
        (0..levels).fold(Value::from(1), |inner, _| serde_json::json!({ "a": inner }))
    }

    #[test]
    fn what_cannot_multiply_is_not_counted() {
        for schema in [
            "{}",
            r#"{"type":"object","properties":{"a":{"items":{"enum":[1]}}},"required":["a"]}"#,
            r##"{"definitions":{"d":{"type":"string"}},"items":{"$ref":"#/definitions/d"}}"##,
            &chain(100, 1),
            &chain(9, 2),
        ] {
            assert!(cost(schema).unwrap().is_none(), "{schema}");
        }
        for schema in [
            r##"{"$ref":"#"}"##,
            r##"{"items":{"$ref":"#"}}"##,
            r##"{"properties":{"a/b":{"items":{"$ref":"#/properties/a~1b"}}}}"##,
            r##"{"properties":{"é":{"items":{"$ref":"#/properties/%C3%A9"}}}}"##,
            r#"{"$ref":"list"}"#,
            r#"{"$ref":"anything else"}"#,
            &chain(20, 2),
        ] {
            assert!(cost(schema).unwrap().is_some(), "{schema}");
        }
    }

    #[test]
    fn chains_and_parts_have_a_bound() {
        let error = |schema: &str| cost(schema).err();
        // Each link is two parts: the alternatives, and the reference.
        assert_eq!(error(&chain(CHAIN_MAX / 2, 1)), None);
        assert!(error(&chain(CHAIN_MAX / 2 + 1, 1)).unwrap().contains("300"));
        let wide = |count: usize| {
            let all: Vec<String> = (1..count).map(|number| format!("\"{number}\":{{}}")).collect();
            format!("{{\"properties\":{{{}}}}}", all.join(","))
        };
        assert_eq!(error(&wide(PARTS_MAX)), None);
        assert!(error(&wide(PARTS_MAX + 1)).unwrap().contains("20000"));
    }

    #[test]
    fn content_that_multiplies_is_not_allowed() {
        let once = r##"{"properties":{"a":{"$ref":"#"}}}"##;
        let twice =
            r##"{"oneOf":[{"properties":{"a":{"$ref":"#"}}},{"properties":{"a":{"$ref":"#"}}}]}"##;
        let allows = |schema: &str, content: &Value| cost(schema).unwrap().unwrap().allows(content);
        assert!(allows(once, &nested(120)));
        assert!(allows(twice, &nested(12)));
        assert!(!allows(twice, &nested(30)));
        assert!(!allows(&chain(24, 2), &Value::from(1)));
        // Many values are no fault.
        let wide = Value::from(vec![nested(3); 20_000]);
        assert!(allows(r##"{"items":{"$ref":"#"},"properties":{"a":{"$ref":"#"}}}"##, &wide));
    }

    #[test]
    fn a_check_goes_only_so_deep() {
        // Five parts for each level.
        let schema = r##"{"allOf":[{"allOf":[{"allOf":[{"properties":{"a":{"$ref":"#"}}}]}]}]}"##;
        let cost = cost(schema).unwrap().unwrap();
        assert!(cost.allows(&nested(DEPTH_MAX / 5 - 1)));
        assert!(!cost.allows(&nested(DEPTH_MAX / 5 + 1)));
    }
}
