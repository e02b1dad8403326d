//! Host and base path to API.

use std::collections::HashMap;

use ahash::RandomState;
use arrayvec::ArrayVec;

use super::ApiIndex;
use crate::model::{Api, Domain};

/// Longest host name (RFC 1035 section 2.3.4), so that one can be lower-cased on the stack.
const HOST_BYTES_MAX: usize = 253;

/// Which API a host and path belong to.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// By exact domain, lower case.
    exact: HashMap<Box<[u8]>, Places, RandomState>,
    /// By what follows `*.`, lower case.
    wildcard: HashMap<Box<[u8]>, Places, RandomState>,
    /// Of APIs without a domain.
    anywhere: Places,
}

/// The base paths of one domain.
#[derive(Debug, Clone)]
struct Places {
    by_base_path: HashMap<Box<[u8]>, ApiIndex, RandomState>,
    /// Of the empty base path, which most configurations have: spared the hash.
    root: Option<ApiIndex>,
    /// Of the longest base path; deeper parts of a request's path need no lookup.
    segments_max: usize,
}

impl Places {
    fn new(hash: &RandomState) -> Self {
        Self { by_base_path: HashMap::with_hasher(hash.clone()), root: None, segments_max: 0 }
    }

    fn add(&mut self, base_path: &str, api: ApiIndex) {
        if base_path.is_empty() {
            self.root = Some(api);
            return;
        }
        self.segments_max = self.segments_max.max(base_path.matches('/').count());
        self.by_base_path.insert(base_path.as_bytes().into(), api);
    }

    /// The longest base path that `path` begins with, up to a slash or its end.
    fn find(&self, path: &[u8]) -> Option<(ApiIndex, usize)> {
        // The end of the deepest segment that any base path has, or of the path.
        let mut end = match self.segments_max {
            0 => 0,
            depth => memchr::memchr_iter(b'/', path).nth(depth).unwrap_or(path.len()),
        };
        while end > 0 {
            let base_path = &path[..end];
            if let Some(&api) = self.by_base_path.get(base_path) {
                return Some((api, end));
            }
            end = memchr::memrchr(b'/', base_path).unwrap_or(0);
        }
        self.root.map(|api| (api, 0))
    }
}

impl Addresses {
    /// Positions in `apis` become [`ApiIndex`]es. `seed` keys the hash tables.
    pub(super) fn build(apis: &[Api], seed: u64) -> Self {
        let hash = RandomState::with_seeds(seed, !seed, seed.rotate_left(32), 0x0068_6f73_7473);
        let mut addresses = Self {
            exact: HashMap::with_hasher(hash.clone()),
            wildcard: HashMap::with_hasher(hash.clone()),
            anywhere: Places::new(&hash),
        };
        for (index, api) in (0..).map(ApiIndex).zip(apis) {
            let new = || Places::new(&hash);
            let places = match &api.domain {
                None => &mut addresses.anywhere,
                Some(Domain::Exact(name)) => {
                    addresses.exact.entry(name.as_bytes().into()).or_insert_with(new)
                }
                Some(Domain::Wildcard(parent)) => {
                    addresses.wildcard.entry(parent.as_bytes().into()).or_insert_with(new)
                }
            };
            places.add(&api.base_path, index);
        }
        addresses
    }

    /// See [`super::Snapshot::find_api`].
    pub(super) fn find(&self, host: &[u8], path: &[u8]) -> Option<(ApiIndex, usize)> {
        self.domain(host).unwrap_or(&self.anywhere).find(path)
    }

    /// Whether a host belongs to a domain that an API of the file declares.
    pub fn declares(&self, host: &[u8]) -> bool {
        self.domain(host).is_some()
    }

    /// The domain that a host belongs to, if one is declared.
    fn domain(&self, host: &[u8]) -> Option<&Places> {
        if self.exact.is_empty() && self.wildcard.is_empty() {
            return None;
        }
        let name = without_port(host);
        let name = name.strip_suffix(b".").unwrap_or(name);
        let mut lower = ArrayVec::<u8, HOST_BYTES_MAX>::new();
        lower.try_extend_from_slice(name).ok()?;
        lower.make_ascii_lowercase();
        if let Some(places) = self.exact.get(&lower[..]) {
            return Some(places);
        }
        // A wildcard stands for one label that is not empty.
        let dot = memchr::memchr(b'.', &lower).filter(|&dot| dot > 0)?;
        self.wildcard.get(&lower[dot + 1..])
    }
}

/// A host without its port: what follows the last colon, unless that is inside of brackets.
fn without_port(host: &[u8]) -> &[u8] {
    match memchr::memrchr(b':', host) {
        Some(colon) if !host[colon..].contains(&b']') => &host[..colon],
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Protocol;

    fn addresses(declared: &[(Option<Domain>, &str)]) -> Addresses {
        let api = |(index, (domain, base_path)): (usize, &(Option<Domain>, &str))| Api {
            name: index.to_string(),
            protocol: Protocol::Http,
            domain: domain.clone(),
            base_path: (*base_path).to_owned(),
            stage: "$default".into(),
            access_log: None,
            routes: Vec::new(),
        };
        let apis: Vec<Api> = declared.iter().enumerate().map(api).collect();
        Addresses::build(&apis, 7)
    }

    fn found(addresses: &Addresses, host: &str, path: &str) -> Option<(u32, usize)> {
        addresses.find(host.as_bytes(), path.as_bytes()).map(|(api, stripped)| (api.0, stripped))
    }

    /// Amazon's own example for API mappings (`(none)` and three keys).
    #[test]
    fn the_longest_base_path_wins() {
        let addresses = addresses(&[
            (None, ""),
            (None, "/orders/v1/items"),
            (None, "/orders/v2/items"),
            (None, "/orders/v2/items/categories"),
        ]);
        for (path, expected) in [
            ("/orders/v1/items", (1, 16)),
            ("/orders/v1/items/123", (1, 16)),
            ("/orders/v2/items", (2, 16)),
            ("/orders/v2/items/categories/5", (3, 27)),
            ("/orders/v2/items/categoriesX", (2, 16)),
            ("/orders/v2/items/", (2, 16)),
            ("/customers", (0, 0)),
            ("/orders", (0, 0)),
            ("/", (0, 0)),
            ("", (0, 0)),
            ("*", (0, 0)),
        ] {
            assert_eq!(found(&addresses, "any", path), Some(expected), "{path}");
        }
    }

    #[test]
    fn a_base_path_ends_at_a_slash_or_at_the_end_of_the_path() {
        let addresses = addresses(&[(None, "/shop")]);
        assert_eq!(found(&addresses, "a", "/shop"), Some((0, 5)));
        assert_eq!(found(&addresses, "a", "/shop/x/y/z"), Some((0, 5)));
        assert_eq!(found(&addresses, "a", "/shop//x"), Some((0, 5)));
        for path in ["/shopping", "/Shop", "/", "", "shop", "//shop", "/a/shop"] {
            assert_eq!(found(&addresses, "a", path), None, "{path}");
        }
    }

    #[test]
    fn an_exact_domain_goes_before_a_wildcard_and_that_before_none() {
        let addresses = addresses(&[
            (Some(Domain::Exact("api.example.com".into())), ""),
            (Some(Domain::Wildcard("example.com".into())), ""),
            (None, ""),
        ]);
        for (host, expected) in [
            ("api.example.com", 0),
            ("API.Example.Com:8080", 0),
            ("api.example.com.", 0),
            ("api.example.com.:443", 0),
            ("www.example.com", 1),
            ("a.b.example.com", 2),
            ("example.com", 2),
            (".example.com", 2),
            ("[::1]:8080", 2),
            ("[::1]", 2),
            ("127.0.0.1", 2),
            ("", 2),
        ] {
            assert_eq!(found(&addresses, host, "/"), Some((expected, 0)), "{host}");
        }
        let longest = "a".repeat(HOST_BYTES_MAX + 1);
        assert_eq!(found(&addresses, &longest, "/"), Some((2, 0)));
    }

    #[test]
    fn a_path_that_its_domain_does_not_have_is_not_looked_for_elsewhere() {
        let addresses =
            addresses(&[(Some(Domain::Exact("api.example.com".into())), "/v1"), (None, "")]);
        assert_eq!(found(&addresses, "api.example.com", "/v1/x"), Some((0, 3)));
        assert_eq!(found(&addresses, "api.example.com", "/internal"), None);
        assert_eq!(found(&addresses, "localhost", "/internal"), Some((1, 0)));
    }
}
