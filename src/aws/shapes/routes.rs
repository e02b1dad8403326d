//! From a method and a path to an operation: a trie of path segments.
//!
//! Stands before everything else in a call, so it must not cost: a step per segment, and a segment
//! is only copied when it is a label's value.

use super::query::{self, Blank};

/// The URI templates of one service.
#[derive(Debug, Default)]
pub(super) struct Routes {
    root: Node,
}

#[derive(Debug, Default)]
struct Node {
    /// Segments that are written out. These win over a label in the same place.
    literals: Vec<(&'static str, Node)>,
    /// A segment that is any text.
    label: Option<Box<Node>>,
    /// What is here when all that is left of the path is one label's value.
    rest: Vec<Endpoint>,
    /// What is here when the path ends.
    endpoints: Vec<Endpoint>,
}

/// One operation at the end of a path.
#[derive(Debug)]
struct Endpoint {
    method: &'static str,
    /// Query parameters that the request must have: those of the template.
    query: Vec<(&'static str, &'static str)>,
    /// The names of the labels on the way. Not the trie's: `/resources/{parent_id}` and
    /// `/resources/{resource_id}` are one place.
    labels: Vec<&'static str>,
    /// The operation's place in the service.
    index: usize,
}

/// Labels and their values, in the path's order.
type Labels = Vec<(&'static str, String)>;

impl Routes {
    /// From methods and URI templates; a template's place is the index that [`Self::find`] returns.
    pub(super) fn new(templates: impl Iterator<Item = (&'static str, &'static str)>) -> Self {
        let mut routes = Self::default();
        for (index, (method, uri)) in templates.enumerate() {
            let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
            let query = query
                .split('&')
                .filter(|pair| !pair.is_empty())
                .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                .collect();
            let endpoints = routes.root.insert(segments(path));
            let labels = segments(path).filter_map(label).collect();
            endpoints.push(Endpoint { method, query, labels, index });
            // One that asks for more is tried first, else it could never be found.
            endpoints.sort_by_key(|endpoint| std::cmp::Reverse(endpoint.query.len()));
        }
        routes
    }

    /// The index of the template that a request fits, and its labels' decoded values.
    pub(super) fn find(&self, method: &str, path: &str, query: &str) -> Option<(usize, Labels)> {
        let path = path.strip_prefix('/')?;
        let path = path.strip_suffix('/').unwrap_or(path);
        let mut values = Vec::new();
        let endpoint = self.root.find(&Wanted { method, query }, Some(path), &mut values)?;
        Some((endpoint.index, endpoint.labels.iter().copied().zip(values).collect()))
    }
}

struct Wanted<'r> {
    method: &'r str,
    query: &'r str,
}

impl Node {
    fn insert(&mut self, mut segments: impl Iterator<Item = &'static str>) -> &mut Vec<Endpoint> {
        let Some(segment) = segments.next() else {
            return &mut self.endpoints;
        };
        if segment.ends_with("+}") {
            return &mut self.rest;
        }
        match label(segment) {
            Some(_) => self.label.get_or_insert_default().insert(segments),
            None => {
                let place = self.literals.iter().position(|(literal, _)| *literal == segment);
                let place = place.unwrap_or_else(|| {
                    self.literals.push((segment, Self::default()));
                    self.literals.len() - 1
                });
                self.literals[place].1.insert(segments)
            }
        }
    }

    /// `path` is what is left of it, `None` behind its last segment. Goes no deeper than the
    /// templates are long, and back only where a literal and a label are in one place.
    fn find(
        &self,
        wanted: &Wanted<'_>,
        path: Option<&str>,
        values: &mut Vec<String>,
    ) -> Option<&Endpoint> {
        let Some(path) = path else {
            return wanted.among(&self.endpoints);
        };
        let (raw, after) = match path.split_once('/') {
            Some((segment, after)) => (segment, Some(after)),
            None => (path, None),
        };
        let segment = query::decode(raw, Blank::IsPercent20);
        let literal = self.literals.iter().find(|(literal, _)| *literal == segment);
        if let Some(found) = literal.and_then(|(_, node)| node.find(wanted, after, values)) {
            return Some(found);
        }
        if let Some(node) = self.label.as_ref().filter(|_| !segment.is_empty()) {
            values.push(segment.into_owned());
            if let Some(found) = node.find(wanted, after, values) {
                return Some(found);
            }
            values.pop();
        }
        if path.is_empty() {
            return None;
        }
        let found = wanted.among(&self.rest)?;
        values.push(query::decode(path, Blank::IsPercent20).into_owned());
        Some(found)
    }
}

impl Wanted<'_> {
    fn among<'e>(&self, endpoints: &'e [Endpoint]) -> Option<&'e Endpoint> {
        let fits = |endpoint: &&Endpoint| {
            endpoint.method == self.method
                && endpoint.query.iter().all(|(name, value)| {
                    query::parameters(self.query).any(|it| it.0 == *name && it.1 == *value)
                })
        };
        endpoints.iter().find(fits)
    }
}

fn segments(path: &'static str) -> impl Iterator<Item = &'static str> {
    path.split('/').filter(|segment| !segment.is_empty())
}

/// The name of the label that a segment of a template is.
fn label(segment: &'static str) -> Option<&'static str> {
    let name = segment.strip_prefix('{')?.strip_suffix('}')?;
    Some(name.strip_suffix('+').unwrap_or(name))
}
