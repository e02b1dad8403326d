//! Candidates: the routes that were not chosen, the closest first, and why not.

use super::report::Phase;
use crate::exchange::Exchange;
use crate::snapshot::{Api, RouteIndex};

/// Routes that are told: the closest ones.
const TOLD_MAX: usize = 5;

/// Tells which routes were not chosen.
pub(super) fn tell(
    exchange: &Exchange<'_>,
    api: &Api,
    chosen: Option<RouteIndex>,
    phase: &mut Phase,
) {
    let path = String::from_utf8_lossy(exchange.path());
    let method = exchange.method;
    let mut others: Vec<(usize, &str, String)> = api
        .routes
        .iter()
        .enumerate()
        .filter(|(index, _)| chosen.is_none_or(|chosen| chosen.0 as usize != *index))
        .map(|(_, route)| {
            let (distance, reason) = why_not(&route.key, method, &path);
            (distance, &*route.key, reason)
        })
        .collect();
    others.sort();
    let count = others.len();
    for (_, key, reason) in others.into_iter().take(TOLD_MAX) {
        phase.candidate(key, reason);
    }
    if count > TOLD_MAX {
        phase.note(format!("… and {} more that fit less", count - TOLD_MAX));
    }
}

/// How far away a route is, and why it does not fit.
fn why_not(key: &str, method: &str, path: &str) -> (usize, String) {
    let Some((verb, template)) = key.split_once(' ') else {
        return (1_000, "only where no other route fits".to_owned());
    };
    let is_verb = verb == "ANY" || verb == method;
    let (distance, mismatch) = distance(template, path);
    match (mismatch, is_verb) {
        (None, true) => (1, "fits too, but is less specific".to_owned()),
        (None, false) => (2, format!("is for {verb}, the request is {method}")),
        (Some(mismatch), true) => (10 + distance, mismatch),
        (Some(mismatch), false) => (11 + distance, format!("{mismatch}; and it is for {verb}")),
    }
}

/// How many segments do not fit, and which is the first.
fn distance(template: &str, path: &str) -> (usize, Option<String>) {
    let segments = |text: &str| -> Vec<String> {
        let text = text.strip_prefix('/').unwrap_or(text);
        match text {
            "" => Vec::new(),
            text => text.split('/').map(str::to_owned).collect(),
        }
    };
    let (wanted, asked) = (segments(template), segments(path));
    let mut first = None;
    let mut misses = 0;
    let mut miss = |text: String| {
        misses += 10;
        first.get_or_insert(text);
    };
    for (index, part) in wanted.iter().enumerate() {
        let is_parameter = part.starts_with('{');
        let is_greedy = part.ends_with("+}");
        match asked.get(index) {
            None => miss(format!("the path ends before `{part}`")),
            Some(_) if is_greedy => return (misses, first),
            Some(segment) if is_parameter && segment.is_empty() => {
                miss(format!("nothing stands where `{part}` is"));
            }
            Some(segment) if is_parameter || segment == part => {}
            Some(segment) => miss(format!("has `{part}` where the path has `{segment}`")),
        }
    }
    if let Some(more) = asked.get(wanted.len()) {
        miss(match (more.as_str(), asked.len() - wanted.len()) {
            ("", 1) => "the path ends with a slash".to_owned(),
            _ => format!("ends where the path goes on with `{more}`"),
        });
    }
    (misses, first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_the_reason() {
        for (key, method, path, expected) in [
            ("GET /pets/{id}", "POST", "/pets/7", "is for GET, the request is POST"),
            ("ANY /{proxy+}", "GET", "/pets/7", "fits too, but is less specific"),
            ("GET /dogs/{id}", "GET", "/pets/7", "has `dogs` where the path has `pets`"),
            ("GET /pets", "GET", "/pets/7", "ends where the path goes on with `7`"),
            ("GET /pets", "GET", "/pets/", "the path ends with a slash"),
            ("GET /pets/{id}/x", "GET", "/pets/7", "the path ends before `x`"),
            ("GET /a", "PUT", "/b", "has `a` where the path has `b`; and it is for GET"),
            ("$default", "GET", "/", "only where no other route fits"),
        ] {
            assert_eq!(why_not(key, method, path).1, expected, "{key} {method} {path}");
        }
    }

    #[test]
    fn another_method_is_closer_than_another_path() {
        let of = |key| why_not(key, "GET", "/pets/7").0;
        let ordered = [
            of("ANY /{proxy+}"),
            of("POST /pets/{id}"),
            of("GET /pets"),
            of("POST /pets"),
            of("GET /dogs/{id}/x"),
            of("$default"),
        ];
        assert!(ordered.is_sorted(), "{ordered:?}");
    }
}
