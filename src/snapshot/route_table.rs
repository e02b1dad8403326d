//! Method and path to route, as Amazon API Gateway chooses it.
//!
//! A trie over path segments, flattened into arrays: nodes, and one hash table from (node, literal)
//! to child for the whole trie. So a lookup costs one probe per segment, whether a node has two
//! children or ten thousand, and a shard's copy is a handful of `memcpy`s. Matching is on the pair
//! (path, method): a path that exists with other methods only is transparent, and the search goes on
//! to less specific paths.

use std::collections::HashMap;

use ahash::RandomState;
use arrayvec::ArrayVec;

use super::{Protocol, RouteIndex};
use crate::model::percent::decode_into;
use crate::model::{Method, MethodMatch, RouteKey, SEGMENT_BYTES_MAX, Segment};

/// Most path parameters of one route. Checked when a route key is read.
pub const PARAMETERS_MAX: usize = crate::model::PARAMETERS_MAX;

/// Values of a matched route's parameters from left to right: raw slices of the request's path,
/// still percent-encoded, greedy ones with their slashes. The names are in `Route::parameters`.
pub type PathParameters<'p> = ArrayVec<&'p [u8], PARAMETERS_MAX>;

/// Finds routes.
#[derive(Debug, Clone)]
pub struct RouteTable {
    protocol: Protocol,
    /// The root is first.
    nodes: Box<[Node]>,
    /// Which route each method has, for every node's own path and every greedy variable.
    methods: Box<[Methods]>,
    /// The text of all literals, one after the other.
    literals: Box<[u8]>,
    /// Open addressing with linear probing, a power of two, at most half full.
    slots: Box<[Slot]>,
    hash: RandomState,
    default: Option<RouteIndex>,
}

/// No node, no methods, no route.
const NONE: u32 = u32::MAX;
const ROOT: u32 = 0;
/// In [`Node::literal_child`]: look into the hash table.
const SEVERAL: u32 = u32::MAX - 1;

/// A position in the trie.
#[derive(Debug, Clone)]
struct Node {
    parent: u32,
    /// Where its own literal stands in `literals`; empty for the root and for variables.
    literal: (u32, u32),
    /// The only literal child, [`NONE`] or [`SEVERAL`]. Most nodes have none (behind a variable) or
    /// one (`/v1`); they are spared the hash.
    literal_child: u32,
    /// The child behind `{variable}`.
    parameter: u32,
    /// Routes that end here, in `methods`.
    exact: u32,
    /// Routes whose `{greedy+}` begins here, in `methods`.
    greedy: u32,
}

/// A literal child: its node and, to skip most others without looking at them, part of its hash.
#[derive(Debug, Clone, Copy)]
struct Slot {
    tag: u32,
    node: u32,
}

/// Route by method; the last one is `ANY`.
type Methods = [u32; Method::ALL.len() + 1];
const ANY: usize = Method::ALL.len();

impl RouteTable {
    /// Builds the table; a key's position becomes its [`RouteIndex`]. `seed` keys the hash.
    pub fn build<'k>(
        protocol: Protocol,
        keys: impl IntoIterator<Item = &'k RouteKey>,
        seed: u64,
    ) -> Self {
        let mut builder = Builder::new(protocol);
        for (index, key) in keys.into_iter().enumerate() {
            builder.insert(key, u32::try_from(index).unwrap_or(NONE));
        }
        builder.finish(seed)
    }

    /// The route for a method and a path (after the base path, without query), with its parameters.
    ///
    /// The most specific path wins, compared segment by segment from the left: literal before
    /// `{variable}` before `{greedy+}`. On one path a method's own route goes before `ANY`. A path
    /// without the method is passed over; `$default` is last. HTTP APIs compare decoded segments (an
    /// encoded slash does not split) and take `/a` and `/a/` for two paths; REST APIs compare raw
    /// segments and ignore one slash at the end and doubled ones at the beginning.
    pub fn find<'p>(
        &self,
        method: &str,
        path: &'p [u8],
        parameters: &mut PathParameters<'p>,
    ) -> Option<RouteIndex> {
        parameters.clear();
        let mut search = Search::new(self, method, path)?;
        let found = match self.segments(path) {
            Segments::Of(rest) => search.from(ROOT, rest, parameters),
            Segments::NotAPath => None,
        };
        match found {
            Some(route) => Some(RouteIndex(route)),
            None => self.default,
        }
    }

    /// The part of a path that is split at slashes. Nothing left of a path after its base path was
    /// stripped stands for `/`.
    fn segments<'p>(&self, path: &'p [u8]) -> Segments<'p> {
        let rest = match path.split_first() {
            Some((b'/', rest)) => rest,
            Some(_) => return Segments::NotAPath,
            None => path,
        };
        if let Protocol::Http = self.protocol {
            return Segments::Of((!rest.is_empty()).then_some(rest));
        }
        let leading = rest.iter().take_while(|&&byte| byte == b'/').count();
        let rest = rest.get(leading..).unwrap_or_default();
        let rest = rest.strip_suffix(b"/").unwrap_or(rest);
        Segments::Of((!rest.is_empty()).then_some(rest))
    }

    /// The child of `node` behind a literal.
    fn literal_child(&self, node: u32, literal: &[u8]) -> Option<u32> {
        match self.nodes[node as usize].literal_child {
            NONE => None,
            SEVERAL => self.literal_child_of_several(node, literal),
            only => (self.literal(only) == literal).then_some(only),
        }
    }

    fn literal(&self, node: u32) -> &[u8] {
        let (start, end) = self.nodes[node as usize].literal;
        &self.literals[start as usize..end as usize]
    }

    fn literal_child_of_several(&self, node: u32, literal: &[u8]) -> Option<u32> {
        let hash = self.hash.hash_one((node, literal));
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        // Ends because at most half of the slots are taken.
        loop {
            let slot = self.slots[at];
            if slot.node == NONE {
                return None;
            }
            if slot.tag == (hash >> 32) as u32 {
                let child = &self.nodes[slot.node as usize];
                if child.parent == node && self.literal(slot.node) == literal {
                    return Some(slot.node);
                }
            }
            at = (at + 1) & mask;
        }
    }

    /// The route for a method in a set of methods: its own, else that of `ANY`.
    fn route_in(&self, methods: u32, wanted: usize) -> Option<u32> {
        let methods = self.methods.get(methods as usize)?;
        let route = match methods[wanted] {
            NONE => methods[ANY],
            own => own,
        };
        (route != NONE).then_some(route)
    }
}

/// What there is to match of a path.
enum Segments<'p> {
    /// Text between slashes; `None` is no segment at all (the path `/`).
    Of(Option<&'p [u8]>),
    /// `*`, as in `OPTIONS *`: only `$default` can take it.
    NotAPath,
}

/// One lookup.
struct Search<'t> {
    table: &'t RouteTable,
    /// The method's place in [`Methods`].
    wanted: usize,
    /// Whether segments must be decoded before they are compared.
    decodes: bool,
    #[cfg(test)]
    visits: usize,
}

impl<'t> Search<'t> {
    /// `None` when no route can have the method: REST APIs know seven. In HTTP APIs `ANY` and
    /// `$default` take every method.
    fn new(table: &'t RouteTable, method: &str, path: &[u8]) -> Option<Self> {
        let wanted = match (Method::from_name(method), table.protocol) {
            (Some(method), _) => method as usize,
            (None, Protocol::Http) => ANY,
            (None, Protocol::Rest) => return None,
        };
        Some(Self {
            table,
            wanted,
            decodes: table.protocol == Protocol::Http && memchr::memchr(b'%', path).is_some(),
            #[cfg(test)]
            visits: 0,
        })
    }

    /// The best route at or below `node` for the segments that are left.
    ///
    /// Tries literal, variable, greedy, and goes back when a branch has no route for the method. The
    /// trie is a tree, so a node is visited at most once per lookup: the work is bounded by the
    /// number of nodes that the operator declared, whatever path a client sends, and by 2^depth.
    /// Recursion goes no deeper than the longest route key (`SEGMENTS_MAX`), as there are no nodes
    /// beyond.
    fn from<'p>(
        &mut self,
        node: u32,
        rest: Option<&'p [u8]>,
        parameters: &mut PathParameters<'p>,
    ) -> Option<u32> {
        #[cfg(test)]
        {
            self.visits += 1;
        }
        let here = &self.table.nodes[node as usize];
        let Some(rest) = rest else {
            return self.table.route_in(here.exact, self.wanted);
        };
        let (segment, after) = match memchr::memchr(b'/', rest) {
            Some(slash) => (&rest[..slash], Some(&rest[slash + 1..])),
            None => (rest, None),
        };
        if let Some(child) = self.literal_child(node, segment)
            && let Some(route) = self.from(child, after, parameters)
        {
            return Some(route);
        }
        // A variable takes one segment that is not empty. The push cannot fail: no route has more
        // variables than fit.
        if here.parameter != NONE && !segment.is_empty() && parameters.try_push(segment).is_ok() {
            if let Some(route) = self.from(here.parameter, after, parameters) {
                return Some(route);
            }
            parameters.pop();
        }
        if here.greedy != NONE
            && !rest.is_empty()
            && let Some(route) = self.table.route_in(here.greedy, self.wanted)
        {
            parameters.try_push(rest).ok()?;
            return Some(route);
        }
        None
    }

    fn literal_child(&self, node: u32, segment: &[u8]) -> Option<u32> {
        if !self.decodes || memchr::memchr(b'%', segment).is_none() {
            return self.table.literal_child(node, segment);
        }
        // Literals are at most this long, so a segment that decodes to more equals none.
        let mut decoded = ArrayVec::<u8, SEGMENT_BYTES_MAX>::new();
        decode_into(segment, &mut decoded).ok()?;
        self.table.literal_child(node, &decoded)
    }
}

/// Collects routes into a trie.
struct Builder {
    protocol: Protocol,
    nodes: Vec<Node>,
    methods: Vec<Methods>,
    literals: Vec<u8>,
    children: HashMap<(u32, Box<[u8]>), u32, RandomState>,
    default: Option<RouteIndex>,
}

impl Builder {
    fn new(protocol: Protocol) -> Self {
        let mut builder = Self {
            protocol,
            nodes: Vec::new(),
            methods: Vec::new(),
            literals: Vec::new(),
            // Only the operator's own words go in, so this table's order and keys matter to nobody.
            children: HashMap::with_hasher(RandomState::with_seeds(0, 0, 0, 0)),
            default: None,
        };
        builder.add_node(NONE, &[]);
        builder
    }

    fn add_node(&mut self, parent: u32, literal: &[u8]) -> u32 {
        let start = self.literals.len() as u32;
        self.literals.extend_from_slice(literal);
        self.nodes.push(Node {
            parent,
            literal: (start, self.literals.len() as u32),
            literal_child: NONE,
            parameter: NONE,
            exact: NONE,
            greedy: NONE,
        });
        (self.nodes.len() - 1) as u32
    }

    fn insert(&mut self, key: &RouteKey, route: u32) {
        let RouteKey::Path { method, path } = key else {
            self.default = Some(RouteIndex(route));
            return;
        };
        let mut node = ROOT;
        let mut is_greedy = false;
        for segment in &path.segments {
            match segment {
                Segment::Literal(text) => node = self.literal(node, text),
                Segment::Parameter(_) => node = self.parameter(node),
                Segment::Greedy(_) => is_greedy = true,
            }
        }
        let set = self.methods.len() as u32;
        let here = &mut self.nodes[node as usize];
        let place = if is_greedy { &mut here.greedy } else { &mut here.exact };
        if *place == NONE {
            *place = set;
            self.methods.push([NONE; ANY + 1]);
        }
        let method = match method {
            MethodMatch::Any => ANY,
            MethodMatch::Only(method) => *method as usize,
        };
        self.methods[*place as usize][method] = route;
    }

    fn literal(&mut self, node: u32, text: &str) -> u32 {
        let mut literal = ArrayVec::<u8, SEGMENT_BYTES_MAX>::new();
        let decoded = match self.protocol {
            Protocol::Http => decode_into(text.as_bytes(), &mut literal).is_ok(),
            Protocol::Rest => false,
        };
        let literal = if decoded { &literal[..] } else { text.as_bytes() };
        if let Some(&child) = self.children.get(&(node, literal.into())) {
            return child;
        }
        let child = self.add_node(node, literal);
        self.children.insert((node, literal.into()), child);
        let only = &mut self.nodes[node as usize].literal_child;
        *only = if *only == NONE { child } else { SEVERAL };
        child
    }

    fn parameter(&mut self, node: u32) -> u32 {
        if self.nodes[node as usize].parameter == NONE {
            let child = self.add_node(node, &[]);
            self.nodes[node as usize].parameter = child;
        }
        self.nodes[node as usize].parameter
    }

    fn finish(self, seed: u64) -> RouteTable {
        let hash = RandomState::with_seeds(seed, !seed, seed.rotate_left(32), 0x726f_7574_6573);
        let capacity = (self.children.len() * 2).next_power_of_two();
        let mut slots = vec![Slot { tag: 0, node: NONE }; capacity].into_boxed_slice();
        for ((parent, literal), &node) in &self.children {
            let hash = hash.hash_one((*parent, &**literal));
            let mut at = hash as usize & (capacity - 1);
            while slots[at].node != NONE {
                at = (at + 1) & (capacity - 1);
            }
            slots[at] = Slot { tag: (hash >> 32) as u32, node };
        }
        RouteTable {
            protocol: self.protocol,
            nodes: self.nodes.into(),
            methods: self.methods.into(),
            literals: self.literals.into(),
            slots,
            hash,
            default: self.default,
        }
    }
}

#[cfg(test)]
#[path = "route_table_tests.rs"]
mod tests;
