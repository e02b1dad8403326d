//! The route table against a deliberately naive reading of Amazon's rules.

use super::*;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

fn keys(texts: &[&str]) -> Vec<RouteKey> {
    texts.iter().map(|text| text.parse().expect(text)).collect()
}

/// What a table of routes answers, as `route key` or `route key a=b c=d`, or `-`.
fn answer(protocol: Protocol, texts: &[&str], request: &str) -> String {
    let keys = keys(texts);
    let table = RouteTable::build(protocol, &keys, 1);
    let (method, path) = request.split_once(' ').expect("method and path");
    let mut parameters = PathParameters::new();
    let Some(route) = table.find(method, path.as_bytes(), &mut parameters) else {
        return "-".into();
    };
    let route = &keys[route.0 as usize];
    assert_eq!(route.parameters().count(), parameters.len(), "{route} for {request}");
    let values = route.parameters().zip(&parameters);
    values.fold(route.to_string(), |text, (name, value)| {
        format!("{text} {name}={}", String::from_utf8_lossy(value))
    })
}

fn assert_answers(protocol: Protocol, routes: &[&str], cases: &[(&str, &str)]) {
    for (request, expected) in cases {
        assert_eq!(answer(protocol, routes, request), *expected, "{request}");
    }
}

/// Amazon's worked example for HTTP APIs.
#[test]
fn an_http_api_prefers_full_matches_then_greedy_ones_then_the_default() {
    assert_answers(
        Protocol::Http,
        &[
            "GET /pets/dog/1",
            "GET /pets/dog/{id}",
            "GET /pets/{proxy+}",
            "ANY /{proxy+}",
            "$default",
        ],
        &[
            ("GET /pets/dog/1", "GET /pets/dog/1"),
            ("GET /pets/dog/2", "GET /pets/dog/{id} id=2"),
            ("GET /pets/cat/1", "GET /pets/{proxy+} proxy=cat/1"),
            ("POST /test/5", "ANY /{proxy+} proxy=test/5"),
            ("GET /", "$default"),
            ("GET ", "$default"),
            ("OPTIONS *", "$default"),
        ],
    );
}

/// Measured on REST APIs in two accounts.
#[test]
fn a_resource_without_the_method_is_transparent() {
    assert_answers(
        Protocol::Rest,
        &["ANY /{proxy+}", "GET /jobs/{op}", "OPTIONS /cors_only"],
        &[
            ("GET /jobs/reboot", "GET /jobs/{op} op=reboot"),
            ("GET /jobs", "ANY /{proxy+} proxy=jobs"),
            ("POST /jobs", "ANY /{proxy+} proxy=jobs"),
            ("POST /jobs/reboot", "ANY /{proxy+} proxy=jobs/reboot"),
            ("GET /cors_only", "ANY /{proxy+} proxy=cors_only"),
        ],
    );
    assert_answers(
        Protocol::Rest,
        &[
            "GET /users/{id}",
            "PATCH /users/me",
            "GET /roles/{id}",
            "POST /roles/provision",
            "GET /things/real",
            "POST /things/{proxy+}",
        ],
        &[
            ("GET /users/me", "GET /users/{id} id=me"),
            ("PATCH /users/me", "PATCH /users/me"),
            ("POST /users/me", "-"),
            ("GET /roles/provision", "GET /roles/{id} id=provision"),
            ("POST /things/real", "POST /things/{proxy+} proxy=real"),
        ],
    );
    assert_answers(
        Protocol::Rest,
        &["GET /part1", "GET /part1/hardcoded-value", "GET /{param+}"],
        &[("GET /part1/random-value", "GET /{param+} param=part1/random-value")],
    );
}

#[test]
fn a_method_beats_any_on_the_same_path_and_any_on_a_better_path_beats_a_method() {
    for protocol in [Protocol::Http, Protocol::Rest] {
        assert_answers(
            protocol,
            &["ANY /a/b", "GET /a/b", "GET /a/{x}"],
            &[
                ("GET /a/b", "GET /a/b"),
                ("PUT /a/b", "ANY /a/b"),
                ("GET /a/c", "GET /a/{x} x=c"),
                ("HEAD /a/c", "-"),
            ],
        );
    }
}

#[test]
fn any_takes_methods_that_have_no_name_here_in_http_apis_only() {
    assert_eq!(answer(Protocol::Http, &["ANY /a"], "PROPFIND /a"), "ANY /a");
    assert_eq!(answer(Protocol::Rest, &["ANY /a"], "PROPFIND /a"), "-");
    assert_eq!(answer(Protocol::Http, &["GET /a"], "get /a"), "-", "methods are case-sensitive");
}

#[test]
fn a_slash_at_the_end_counts_in_http_apis_only() {
    assert_answers(
        Protocol::Http,
        &["GET /a", "GET /b/", "GET /c/{x}", "GET /d/{x+}", "GET /"],
        &[
            ("GET /a", "GET /a"),
            ("GET /a/", "-"),
            ("GET /b", "-"),
            ("GET /b/", "GET /b/"),
            ("GET /c/", "-"),
            ("GET /c/1/", "-"),
            ("GET /d/", "-"),
            ("GET /d", "-"),
            ("GET /d/1/", "GET /d/{x+} x=1/"),
            ("GET /d/a//b", "GET /d/{x+} x=a//b"),
            ("GET /", "GET /"),
            ("GET ", "GET /"),
            ("GET //", "-"),
        ],
    );
    assert_answers(
        Protocol::Rest,
        &["GET /a", "GET /c/{x}", "GET /d/{x+}", "GET /"],
        &[
            ("GET /a", "GET /a"),
            ("GET /a/", "GET /a"),
            ("GET /a//", "-"),
            ("GET //a", "GET /a"),
            ("GET /c/1/", "GET /c/{x} x=1"),
            ("GET /c/", "-"),
            ("GET /d/", "-"),
            ("GET /d/1/", "GET /d/{x+} x=1"),
            ("GET /d/a//b", "GET /d/{x+} x=a//b"),
            ("GET /", "GET /"),
            ("GET ", "GET /"),
            ("GET //", "GET /"),
        ],
    );
}

#[test]
fn http_apis_compare_decoded_segments_and_rest_apis_raw_ones() {
    assert_answers(
        Protocol::Http,
        &["GET /a b", "GET /caf\u{e9}", "GET /x%2Fy", "GET /u/{id}", "GET /p/{rest+}"]
            .map(|key| if key == "GET /a b" { "GET /a%20b" } else { key }),
        &[
            ("GET /a%20b", "GET /a%20b"),
            ("GET /%61%20b", "GET /a%20b"),
            ("GET /caf%C3%A9", "GET /caf\u{e9}"),
            ("GET /caf%c3%a9", "GET /caf\u{e9}"),
            ("GET /x%2fy", "GET /x%2Fy"),
            ("GET /x/y", "-"),
            ("GET /u/a%2Fb", "GET /u/{id} id=a%2Fb"),
            ("GET /p/%61/b", "GET /p/{rest+} rest=%61/b"),
            ("GET /%zz", "-"),
        ],
    );
    assert_answers(
        Protocol::Rest,
        &["GET /a%20b", "GET /u/{id}"],
        &[
            ("GET /a%20b", "GET /a%20b"),
            ("GET /%61%20b", "-"),
            ("GET /u/test%2Balias@gmail.com", "GET /u/{id} id=test%2Balias@gmail.com"),
            ("GET /u/a%2Fb", "GET /u/{id} id=a%2Fb"),
        ],
    );
}

#[test]
fn literals_are_compared_with_their_case() {
    assert_eq!(answer(Protocol::Http, &["GET /Pets"], "GET /pets"), "-");
}

#[test]
fn the_longest_literal_decides_at_its_limit() {
    let key = format!("GET /{}", "a".repeat(SEGMENT_BYTES_MAX));
    assert_eq!(answer(Protocol::Http, &[&key], &key), key);
    let encoded = format!("GET /{}", "%61".repeat(SEGMENT_BYTES_MAX));
    assert_eq!(answer(Protocol::Http, &[&key], &encoded), key);
    assert_eq!(answer(Protocol::Http, &[&key], &format!("{encoded}%61")), "-");
}

#[test]
fn values_of_an_abandoned_branch_are_forgotten() {
    assert_eq!(
        answer(Protocol::Http, &["POST /{a}/{b}/{c}", "GET /{x}/{y+}", "$default"], "GET /1/2/3"),
        "GET /{x}/{y+} x=1 y=2/3"
    );
    assert_eq!(answer(Protocol::Http, &["POST /{a}/{b}", "$default"], "GET /1/2"), "$default");
}

/// Every segment may be the literal or the variable, and no leaf has the method asked for: the worst
/// tree there is for a search that goes back.
#[test]
fn going_back_visits_no_node_twice() {
    let depth = 10;
    let routes: Vec<String> = (0..1 << depth)
        .map(|bits: u32| {
            let segments = (0..depth).map(|at| match bits >> at & 1 {
                0 => "/a".to_owned(),
                _ => format!("/{{v{at}}}"),
            });
            format!("POST {}", segments.collect::<String>())
        })
        .collect();
    let keys: Vec<RouteKey> = routes.iter().map(|text| text.parse().expect(text)).collect();
    let table = RouteTable::build(Protocol::Http, &keys, 1);
    for path in ["/a".repeat(depth), "/a".repeat(5000), format!("{}/b", "/a".repeat(depth - 1))] {
        let mut search = Search::new(&table, "GET", path.as_bytes()).expect("a known method");
        let mut parameters = PathParameters::new();
        assert_eq!(search.from(ROOT, Some(&path.as_bytes()[1..]), &mut parameters), None);
        assert!(search.visits <= table.nodes.len(), "{} visits", search.visits);
        assert!(parameters.is_empty());
    }
}

/// The naive matcher: every route is compared with the whole path, the best of those that match wins.
fn naive(protocol: Protocol, keys: &[RouteKey], method: &str, path: &str) -> Option<usize> {
    let trimmed = match protocol {
        Protocol::Http => path.strip_prefix('/')?,
        Protocol::Rest => {
            let path = path.trim_start_matches('/');
            path.strip_suffix('/').unwrap_or(path)
        }
    };
    let segments: Vec<&str> = match trimmed {
        "" => Vec::new(),
        text => text.split('/').collect(),
    };
    let decode = |text: &str| match protocol {
        Protocol::Http => text.replace("%61", "a").replace("%2F", "\u{1}"),
        Protocol::Rest => text.to_owned(),
    };
    let matches = |key: &RouteKey| {
        let RouteKey::Path { method: route_method, path } = key else {
            return None;
        };
        let is_any = match route_method {
            MethodMatch::Any => true,
            MethodMatch::Only(only) if only.name() == method => false,
            MethodMatch::Only(_) => return None,
        };
        let mut rank = Vec::new();
        for (index, segment) in path.segments.iter().enumerate() {
            let found = segments.get(index)?;
            rank.push(match segment {
                Segment::Literal(text) if decode(text) == decode(found) => 0,
                Segment::Literal(_) => return None,
                Segment::Parameter(_) if !found.is_empty() => 1,
                Segment::Parameter(_) => return None,
                Segment::Greedy(_) => {
                    let is_empty = segments.len() == index + 1 && found.is_empty();
                    return (!is_empty).then(|| (rank.into_iter().chain([2]).collect(), is_any));
                }
            });
        }
        (path.segments.len() == segments.len()).then_some((rank, is_any))
    };
    let ranked = keys.iter().enumerate().filter_map(|(index, key)| Some((matches(key)?, index)));
    let best: Option<((Vec<u8>, bool), usize)> = ranked.min();
    let default = || keys.iter().position(|key| *key == RouteKey::Default);
    best.map(|(_, index)| index).or_else(default)
}

fn any_keys(protocol: Protocol) -> impl Strategy<Value = Vec<RouteKey>> {
    let segment = select(vec!["a", "b", "%61", "a%2Fb", "{v}", "{v}", ""]);
    let path = (proptest::collection::vec(segment, 0..4), any::<bool>());
    let key = (select(vec!["GET", "POST", "ANY"]), path).prop_filter_map(
        "no route key",
        move |(method, (segments, is_greedy))| {
            let mut path: String = segments
                .iter()
                .enumerate()
                .map(|(at, text)| format!("/{}", text.replace('v', &format!("v{at}"))))
                .collect();
            if is_greedy {
                path.push_str("/{rest+}");
            }
            let is_rest_ready =
                protocol == Protocol::Http || !path.ends_with('/') || path.len() == 1;
            let text = format!("{method} {}", if path.is_empty() { "/" } else { &path });
            text.parse::<RouteKey>().ok().filter(|_| is_rest_ready)
        },
    );
    (proptest::collection::vec(key, 0..12), any::<bool>()).prop_map(
        move |(mut keys, has_default)| {
            let mut seen = std::collections::HashSet::new();
            keys.retain(|key| {
                let text = key.to_string();
                let text = match protocol {
                    // Two ways to write one literal: the model refuses neither, the first stays here.
                    Protocol::Http => text.replace("%61", "a"),
                    Protocol::Rest => text,
                };
                seen.insert(text)
            });
            if has_default && protocol == Protocol::Http {
                keys.push(RouteKey::Default);
            }
            keys
        },
    )
}

fn any_path() -> impl Strategy<Value = String> {
    let segments = vec!["a", "b", "%61", "a%2Fb", "c", "", "a", "b"];
    let count = segments.len();
    (subsequence(segments, 0..count), any::<bool>()).prop_map(|(segments, has_slash)| {
        let path: String = segments.iter().map(|text| format!("/{text}")).collect();
        if has_slash || path.is_empty() { path + "/" } else { path }
    })
}

fn any_case() -> impl Strategy<Value = (Protocol, Vec<RouteKey>, &'static str, String)> {
    select(vec![Protocol::Http, Protocol::Rest]).prop_flat_map(|protocol| {
        (Just(protocol), any_keys(protocol), select(vec!["GET", "POST", "PUT"]), any_path())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    /// The table finds what comparing every route with the whole path finds.
    #[test]
    fn the_table_agrees_with_the_naive_matcher((protocol, keys, method, path) in any_case(), seed: u64) {
        let table = RouteTable::build(protocol, &keys, seed);
        let mut parameters = PathParameters::new();
        let found = table.find(method, path.as_bytes(), &mut parameters);
        let expected = naive(protocol, &keys, method, &path);
        prop_assert_eq!(found.map(|route| route.0 as usize), expected, "{} {} in {:?}", method, path, keys);
        if let Some(route) = expected {
            prop_assert_eq!(parameters.len(), keys[route].parameters().count());
            prop_assert!(parameters.iter().all(|value| !value.is_empty()));
        }
    }
}
