//! Uses: what a template speaks of, found without running it.
//!
//! For the checks of templates that are deployed: names that nothing ever sets, variables of `$context`,
//! parameters, methods that no value has, and which members of the body it reads, from which samples of
//! one can be made. Says what stands there, and judges nothing.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::Template;
use super::method::Method;
use super::program::{Block, Call, Expression, Names, Node, Part, Reference, Symbol};

/// Iterations of a literal range beyond which a loop is cut.
const ROUNDS_MAX: u64 = 1_000;

/// Members of a body that are noted; a template of 300 KB may name more, and nobody reads them.
const MEMBERS_MAX: usize = 2_000;

/// What a template speaks of. Places are bytes of its text.
#[derive(Debug, Default)]
pub struct Uses {
    /// References to variables that nothing sets: place, as written, name.
    pub unset: Vec<(u32, String, String)>,
    /// References to `$context`: place, as written, the way in parts.
    pub context: Vec<(u32, String, Vec<String>)>,
    /// References to `$stageVariables`: place, name.
    pub stage_variables: Vec<(u32, String)>,
    /// Parameters that are asked for by a literal name.
    pub parameters: Vec<Parameter>,
    /// Calls of methods that no value has: place, as written.
    pub unknown_methods: Vec<(u32, String)>,
    /// `#parse` and `#include`: place, directive.
    pub refused: Vec<(u32, &'static str)>,
    /// Loops over literal ranges that are cut: place, length.
    pub cut_loops: Vec<(u32, u64)>,
    /// The members of the body that are read.
    pub body: Shape,
    /// Whether it assigns the content type of the request or the answer.
    pub sets_content_type: bool,
}

/// A parameter that a template asks for.
#[derive(Debug)]
pub struct Parameter {
    /// Where.
    pub at: u32,
    /// As written.
    pub source: String,
    /// `path`, `querystring` or `header`; `None`: wherever it is.
    pub place: Option<String>,
    /// Its name.
    pub name: String,
}

/// A value of which some members are known.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Shape {
    /// Of an object.
    pub members: BTreeMap<String, Shape>,
    /// Of a list.
    pub items: Option<Box<Shape>>,
}

impl Template {
    /// What it speaks of.
    pub fn uses(&self) -> Uses {
        let mut finder = Finder {
            names: &self.program.names,
            set: HashSet::new(),
            ways: HashMap::new(),
            is_dynamic: false,
            members_left: MEMBERS_MAX,
            uses: Uses::default(),
        };
        let bodies = || {
            let macros = self.program.macros.iter().map(|it| &it.body);
            std::iter::once(&self.program.body).chain(macros)
        };
        for definition in &self.program.macros {
            finder.set.extend(&definition.parameters);
        }
        // Twice: what a macro or a loop's next round reads may be set further down.
        for body in bodies() {
            finder.note_set(body);
        }
        for body in bodies() {
            finder.block(body);
        }
        if finder.is_dynamic {
            // What `#evaluate` is given may set anything.
            finder.uses.unset.clear();
        }
        finder.uses
    }
}

/// A step from the body to a member.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Member(String),
    Item,
}

struct Finder<'p> {
    names: &'p Names,
    set: HashSet<Symbol>,
    /// Variables that hold a part of the body.
    ways: HashMap<Symbol, Vec<Step>>,
    is_dynamic: bool,
    members_left: usize,
    uses: Uses,
}

impl<'p> Finder<'p> {
    fn note_set(&mut self, block: &'p Block) {
        for node in block {
            match node {
                Node::Set { target, .. } if target.parts.is_empty() => {
                    self.set.insert(target.symbol);
                }
                Node::If(arms) => arms.iter().for_each(|arm| self.note_set(&arm.body)),
                Node::Foreach { item, body, .. } => {
                    self.set.insert(*item);
                    self.note_set(body);
                }
                Node::Define { name, body } => {
                    self.set.insert(*name);
                    self.note_set(body);
                }
                Node::Invoke(invoke) => {
                    // A macro's parameter may be assigned, and that is its argument's affair.
                    invoke.body.iter().for_each(|body| self.note_set(body));
                }
                Node::Evaluate { .. } => self.is_dynamic = true,
                Node::Set { .. }
                | Node::Text(_)
                | Node::Reference(_)
                | Node::Break
                | Node::Stop
                | Node::Refused { .. } => {}
            }
        }
    }

    fn block(&mut self, block: &'p Block) {
        for node in block {
            self.node(node);
        }
    }

    fn node(&mut self, node: &'p Node) {
        match node {
            Node::Reference(reference) => self.reference(reference),
            Node::Set { target, value } => {
                self.expression(value);
                self.target(target);
                if target.parts.is_empty() {
                    match self.way(value) {
                        Some(way) => {
                            self.note(&way);
                            self.ways.insert(target.symbol, way);
                        }
                        None => drop(self.ways.remove(&target.symbol)),
                    }
                }
            }
            Node::If(arms) => {
                for arm in arms {
                    arm.condition.iter().for_each(|condition| self.expression(condition));
                    self.block(&arm.body);
                }
            }
            Node::Foreach { item, list, body, at } => {
                self.expression(list);
                if let Expression::Range(ends) = list
                    && let (Expression::Integer(first), Expression::Integer(last)) =
                        (&ends.0, &ends.1)
                    && first.abs_diff(*last) >= ROUNDS_MAX
                {
                    let length = first.abs_diff(*last).saturating_add(1);
                    self.uses.cut_loops.push((*at, length));
                }
                match self.way(list) {
                    Some(mut way) => {
                        way.push(Step::Item);
                        self.note(&way);
                        self.ways.insert(*item, way);
                    }
                    None => drop(self.ways.remove(item)),
                }
                self.block(body);
            }
            Node::Define { body, .. } => self.block(body),
            Node::Evaluate { text, .. } => self.expression(text),
            Node::Invoke(invoke) => {
                invoke.arguments.iter().for_each(|argument| self.expression(argument));
                invoke.body.iter().for_each(|body| self.block(body));
            }
            Node::Refused { directive, at } => self.uses.refused.push((*at, directive)),
            Node::Text(_) | Node::Break | Node::Stop => {}
        }
    }

    fn expression(&mut self, expression: &'p Expression) {
        match expression {
            Expression::Reference(reference) => self.reference(reference),
            Expression::Interpolated(block) => self.block(block),
            Expression::List(items) => items.iter().for_each(|item| self.expression(item)),
            Expression::Map(entries) => entries.iter().for_each(|(key, value)| {
                self.expression(key);
                self.expression(value);
            }),
            Expression::Range(sides) | Expression::Binary { sides, .. } => {
                self.expression(&sides.0);
                self.expression(&sides.1);
            }
            Expression::Not(inner) => self.expression(inner),
            Expression::Boolean(_)
            | Expression::Integer(_)
            | Expression::Big(_)
            | Expression::Double(_)
            | Expression::Text(_) => {}
        }
    }

    /// What is assigned to: `$context.responseOverride.header.X` is no reading of `$context`.
    fn target(&mut self, target: &'p Reference) {
        self.inner(target);
        let is_override = target.symbol == Names::CONTEXT;
        if !is_override && !target.parts.is_empty() {
            self.unset(target);
        }
        if is_override
            && let [.., Part::Property(name)] = target.parts.as_slice()
            && name.eq_ignore_ascii_case("content-type")
        {
            self.uses.sets_content_type = true;
        }
        if is_override
            && let [.., Part::Index(Expression::Text(name))] = target.parts.as_slice()
            && name.eq_ignore_ascii_case("content-type")
        {
            self.uses.sets_content_type = true;
        }
    }

    fn reference(&mut self, reference: &'p Reference) {
        if reference.backslashes % 2 == 1 {
            return;
        }
        self.inner(reference);
        self.unset(reference);
        let source = || reference.source.to_string();
        match reference.symbol {
            Names::CONTEXT => {
                let way: Vec<String> = reference.parts.iter().map_while(named).collect();
                self.uses.context.push((reference.at, source(), way));
            }
            Names::STAGE_VARIABLES => {
                if let Some(name) = reference.parts.first().and_then(named) {
                    self.uses.stage_variables.push((reference.at, name));
                }
            }
            Names::INPUT => self.parameter(reference),
            _ => {}
        }
        if let Some(way) = self.way_of(reference) {
            self.note(&way);
        }
    }

    fn parameter(&mut self, reference: &'p Reference) {
        let [Part::Call(call), rest @ ..] = reference.parts.as_slice() else { return };
        if call.method != Some(Method::Params) {
            return;
        }
        let (at, source) = (reference.at, reference.source.to_string());
        let places = ["path", "querystring", "header"];
        let (place, name) = match (call.arguments.as_slice(), rest) {
            ([Expression::Text(name)], []) if !places.contains(&&**name) => {
                (None, name.to_string())
            }
            ([Expression::Text(place)], [part, ..]) => match named(part) {
                Some(name) => (Some(place.to_string()), name),
                None => return,
            },
            ([], [place, name, ..]) => match (named(place), named(name)) {
                (Some(place), Some(name)) => (Some(place), name),
                _ => return,
            },
            _ => return,
        };
        self.uses.parameters.push(Parameter { at, source, place, name });
    }

    fn unset(&mut self, reference: &'p Reference) {
        let symbol = reference.symbol;
        let is_built_in = symbol <= Names::BODY_CONTENT;
        if !is_built_in && !self.set.contains(&symbol) {
            let name = self.names.text(symbol).to_owned();
            self.uses.unset.push((reference.at, reference.source.to_string(), name));
        }
    }

    /// What stands in a reference's parentheses and brackets.
    fn inner(&mut self, reference: &'p Reference) {
        for part in &reference.parts {
            match part {
                Part::Property(_) => {}
                Part::Index(index) => self.expression(index),
                Part::Call(call) => {
                    if call.method.is_none() {
                        let source = reference.source.to_string();
                        self.uses.unknown_methods.push((reference.at, source));
                    }
                    call.arguments.iter().for_each(|argument| self.expression(argument));
                }
            }
        }
    }

    /// The way to the part of the body that an expression is.
    fn way(&self, expression: &'p Expression) -> Option<Vec<Step>> {
        match expression {
            Expression::Reference(reference) => self.way_of(reference),
            _ => None,
        }
    }

    fn way_of(&self, reference: &'p Reference) -> Option<Vec<Step>> {
        let (mut way, rest) = match (reference.symbol, reference.parts.as_slice()) {
            (Names::INPUT, [Part::Call(call), rest @ ..]) => (path_of(call)?, rest),
            (Names::UTIL, [Part::Call(call), rest @ ..]) => (self.parsed(call)?, rest),
            (symbol, parts) => (self.ways.get(&symbol)?.clone(), parts),
        };
        for part in rest {
            match part {
                Part::Property(name) if matches!(&**name, "size" | "empty" | "class") => break,
                Part::Property(name) => way.push(Step::Member(name.to_string())),
                Part::Index(Expression::Integer(_)) => way.push(Step::Item),
                Part::Index(Expression::Text(name)) => way.push(Step::Member(name.to_string())),
                Part::Index(_) => way.push(Step::Item),
                Part::Call(call) => match (call.method?, call.arguments.as_slice()) {
                    (Method::Get, [Expression::Text(name)]) => {
                        way.push(Step::Member(name.to_string()));
                    }
                    (Method::Get, [Expression::Integer(_)]) => way.push(Step::Item),
                    _ => return None,
                },
            }
        }
        Some(way)
    }

    /// `$util.parseJson($input.body)` and `$util.parseJson($input.json('$.a'))`.
    fn parsed(&self, call: &'p Call) -> Option<Vec<Step>> {
        let (Method::ParseJson, [Expression::Reference(argument)]) =
            (call.method?, call.arguments.as_slice())
        else {
            return None;
        };
        match (argument.symbol, argument.parts.as_slice()) {
            (Names::INPUT, [Part::Property(name)]) if &**name == "body" => Some(Vec::new()),
            (Names::INPUT, [Part::Call(call)]) => path_of(call),
            _ => None,
        }
    }

    fn note(&mut self, way: &[Step]) {
        let mut shape = &mut self.uses.body;
        for step in way {
            if self.members_left == 0 {
                return;
            }
            self.members_left -= 1;
            shape = match step {
                Step::Member(name) => shape.members.entry(name.clone()).or_default(),
                Step::Item => shape.items.get_or_insert_default(),
            };
        }
    }
}

/// A part with a name that is known.
fn named(part: &Part) -> Option<String> {
    match part {
        Part::Property(name) | Part::Index(Expression::Text(name)) => Some(name.to_string()),
        Part::Call(call) => match (call.method, call.arguments.as_slice()) {
            (Some(Method::Get), [Expression::Text(name)]) => Some(name.to_string()),
            _ => None,
        },
        Part::Index(_) => None,
    }
}

/// The way of `$input.path('$.a[0]')` or `$input.json(…)`; only plain ones.
fn path_of(call: &Call) -> Option<Vec<Step>> {
    let (Method::Path | Method::Json, [Expression::Text(path)]) =
        (call.method?, call.arguments.as_slice())
    else {
        return None;
    };
    let mut rest = path.trim().strip_prefix('$')?;
    let mut way = Vec::new();
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix("['").or_else(|| rest.strip_prefix("[\"")) {
            let end = quoted.find(['\'', '"'])?;
            way.push(Step::Member(quoted[..end].to_owned()));
            rest = quoted[end + 1..].strip_prefix(']')?;
        } else if let Some(index) = rest.strip_prefix('[') {
            let (index, after) = index.split_once(']')?;
            if index != "*" && index.parse::<i64>().is_err() {
                return None;
            }
            way.push(Step::Item);
            rest = after;
        } else {
            let name = rest.strip_prefix('.')?;
            let end = name.find(['.', '[']).unwrap_or(name.len());
            let (name, after) = name.split_at(end);
            if name.is_empty() || name.contains(['*', '(', ')', '?', ' ']) {
                return None;
            }
            way.push(Step::Member(name.to_owned()));
            rest = after;
        }
    }
    Some(way)
}
