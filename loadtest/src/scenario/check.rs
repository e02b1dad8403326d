//! From the written file to a draft: every value checked, every problem reported at its place.

use super::problem::Problem;
use super::request::{Body, BodyCheck, Draft as RequestDraft, Expect, HeaderTemplates};
use super::target::Target;
use super::written::{WrittenExpect, WrittenRequest, WrittenScenario, WrittenStage};
use super::{CONNECTIONS_MAX, Draft, PIPELINING_MAX, THREADS_MAX};
use crate::schedule::Stage;
use crate::template::{Lists, Template};
use crate::units;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use toml::{Spanned, Value};

/// Values of a list file or a list at most: they are held in memory by every run.
const LIST_VALUES_MAX: usize = 10_000_000;

/// Reads a scenario file.
///
/// # Errors
/// All problems, rendered with their places, ready to print.
pub fn read_file(path: &Path) -> Result<Draft, String> {
    let source = std::fs::read_to_string(path)
        .map_err(|error| format!("{}: cannot be read: {error}\n", path.display()))?;
    read(path, &source).map_err(|problems| super::render_all(&problems, path, &source))
}

fn read(path: &Path, source: &str) -> Result<Draft, Vec<Problem>> {
    let written: WrittenScenario =
        toml::from_str(source).map_err(|error| vec![Problem::from_toml(&error)])?;
    let mut check = Check {
        folder: path.parent().map_or_else(PathBuf::new, Path::to_owned),
        problems: Vec::new(),
        lists: Lists::new(),
    };
    let draft = check.scenario(path, &written);
    let mut problems = check.problems;
    if problems.is_empty() {
        return Ok(draft);
    }
    problems.sort_by_key(|problem| problem.span.as_ref().map_or(0, |span| span.start));
    Err(problems)
}

struct Check {
    /// Files named in the scenario are relative to it.
    folder: PathBuf,
    problems: Vec<Problem>,
    lists: Lists,
}

impl Check {
    fn scenario(&mut self, path: &Path, written: &WrittenScenario) -> Draft {
        self.lists = self.lists(&written.lists);
        let mut draft = Draft {
            name: path.display().to_string(),
            target: self.parsed(&written.target, Target::parse),
            headers: self.headers(&written.headers),
            connections: self.count(&written.connections, CONNECTIONS_MAX),
            threads: self.count(&written.threads, THREADS_MAX),
            duration: self.span_of_time(&written.duration),
            requests_max: self.count(&written.requests, usize::MAX).map(|count| count as u64),
            warmup: self.span_of_time(&written.warmup),
            rate: self.rate(&written.rate),
            pipelining: self.count(&written.pipelining, PIPELINING_MAX),
            keep_alive: written.keep_alive,
            timeout: self.span_of_time(&written.timeout),
            connect_timeout: self.span_of_time(&written.connect_timeout),
            seed: written.seed,
            ..Draft::default()
        };
        if let Some(tls) = &written.tls {
            draft.tls.insecure = tls.insecure;
            draft.tls.ca = tls.ca.as_ref().map(|file| self.folder.join(file.get_ref()));
            draft.tls.server_name = tls.server_name.as_ref().map(|name| name.get_ref().clone());
        }
        for objective in &written.objectives {
            let parsed = self.parsed(&Some(objective.clone()), str::parse);
            draft.objectives.extend(parsed);
        }
        for stage in &written.stage {
            self.stage(stage, written, &mut draft);
        }
        for request in &written.request {
            draft.requests.extend(self.request(request.get_ref()));
        }
        if draft.keep_alive == Some(false)
            && let Some(pipelining) = &written.pipelining
            && *pipelining.get_ref() > 1
        {
            self.problem(pipelining, "pipelining needs `keep_alive = true`");
        }
        if let (Some(warmup), Some(duration), Some(place)) =
            (draft.warmup, draft.duration, &written.warmup)
            && warmup >= duration
        {
            self.problem(place, "expected a warm-up shorter than `duration`");
        }
        draft
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "texts and errors alike, as they are at hand"
    )]
    fn problem<T>(&mut self, place: &Spanned<T>, message: impl ToString) {
        self.problems.push(Problem::at(place.span(), message.to_string()));
    }

    fn parsed<T, E: ToString>(
        &mut self,
        written: &Option<Spanned<String>>,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        let written = written.as_ref()?;
        match parse(written.get_ref()) {
            Ok(value) => Some(value),
            Err(error) => {
                self.problem(written, error);
                None
            }
        }
    }

    fn span_of_time(&mut self, written: &Option<Spanned<String>>) -> Option<Duration> {
        let duration = self.parsed(written, units::duration)?;
        if duration.is_zero() {
            if let Some(place) = written {
                self.problem(place, "expected a duration above zero, such as \"10s\"");
            }
            return None;
        }
        Some(duration)
    }

    fn count(&mut self, written: &Option<Spanned<i64>>, max: usize) -> Option<usize> {
        let written = written.as_ref()?;
        match usize::try_from(*written.get_ref()) {
            Ok(count) if (1..=max).contains(&count) => Some(count),
            _ => {
                let found = written.get_ref();
                let message = if max == usize::MAX {
                    format!("expected a count of at least 1, found {found}")
                } else {
                    format!("expected a count from 1 to {max}, found {found}")
                };
                self.problem(written, message);
                None
            }
        }
    }

    fn rate(&mut self, written: &Option<Spanned<Value>>) -> Option<f64> {
        let written = written.as_ref()?;
        let rate = match written.get_ref() {
            Value::Integer(rate) => Ok(*rate as f64),
            Value::Float(rate) => Ok(*rate),
            Value::String(text) => units::rate(text).map_err(|error| error.to_string()),
            other => Err(format!(
                "expected a rate in requests per second, such as 1000 or \"5k\", found {}",
                other.type_str()
            )),
        };
        match rate {
            Ok(rate) if (0.0..=1e9).contains(&rate) => Some(rate),
            Ok(rate) => {
                self.problem(written, format!("expected a rate from 0 to 1e9, found {rate}"));
                None
            }
            Err(message) => {
                self.problem(written, message);
                None
            }
        }
    }

    fn stage(
        &mut self,
        stage: &Spanned<WrittenStage>,
        written: &WrittenScenario,
        draft: &mut Draft,
    ) {
        let place = stage;
        let stage = stage.get_ref();
        let Some(duration) = self.span_of_time(&Some(stage.duration.clone())) else {
            return;
        };
        if let Some(duration) = &written.duration {
            let message =
                "`duration` and `[[stage]]` both say how long the run lasts; leave one out";
            if self.problems.iter().all(|problem| problem.message != message) {
                self.problem(duration, message);
            }
        }
        let from = self.rate(&stage.from);
        match (&stage.rate, &stage.connections) {
            (Some(_), None) if draft.connection_stages.is_empty() => {
                if let Some(to) = self.rate(&stage.rate) {
                    draft.rate_stages.push(Stage { duration, to, from });
                }
            }
            (None, Some(connections)) if draft.rate_stages.is_empty() => {
                if written.rate.is_some() || from.is_some() {
                    self.problem(
                        connections,
                        "`connections` in a stage is for a closed loop, `rate` makes an open one; leave one out",
                    );
                }
                if let Some(to) = self.count(&stage.connections, CONNECTIONS_MAX) {
                    draft.connection_stages.push(Stage {
                        duration,
                        to: to as f64,
                        from: None,
                    });
                }
            }
            (Some(_), _) | (None, Some(_)) => self.problem(
                place,
                "stages have either `rate` (open loop) or `connections` (closed loop), all of them the same",
            ),
            (None, None) => self.problem(
                place,
                "expected `rate` (requests per second at the end of the stage) or `connections`",
            ),
        }
    }

    fn lists(&mut self, written: &BTreeMap<String, Spanned<Value>>) -> Lists {
        let mut lists = Lists::new();
        for (name, value) in written {
            let values = match value.get_ref() {
                Value::Array(values) => values
                    .iter()
                    .map(|value| scalar(value).map(|text| Box::from(text.as_bytes())))
                    .collect::<Option<Vec<Box<[u8]>>>>(),
                Value::Table(table) if table.len() == 1 => {
                    table.get("file").and_then(Value::as_str).map(|file| self.lines(value, file))
                }
                _ => None,
            };
            match values {
                None => self.problem(
                    value,
                    "expected a list of texts, or { file = \"values.txt\" } with one value per line",
                ),
                Some(values) if values.is_empty() || values.len() > LIST_VALUES_MAX => self.problem(
                    value,
                    format!("expected 1 to {LIST_VALUES_MAX} values, found {}", values.len()),
                ),
                Some(values) => {
                    lists.insert(name.clone(), Arc::from(values));
                }
            }
        }
        lists
    }

    fn lines(&mut self, place: &Spanned<Value>, file: &str) -> Vec<Box<[u8]>> {
        match std::fs::read(self.folder.join(file)) {
            Ok(bytes) => bytes
                .split(|byte| *byte == b'\n')
                .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
                .filter(|line| !line.is_empty())
                .map(Box::from)
                .collect(),
            Err(error) => {
                self.problem(place, format!("`{file}` cannot be read: {error}"));
                // One value, so that nothing is reported a second time.
                vec![Box::default()]
            }
        }
    }

    fn template<T>(&mut self, place: &Spanned<T>, text: &str) -> Option<Template> {
        match Template::compile(text, &self.lists) {
            Ok(template) => Some(template),
            Err(error) => {
                self.problem(place, error);
                None
            }
        }
    }

    fn headers(&mut self, written: &BTreeMap<String, Spanned<Value>>) -> HeaderTemplates {
        let mut headers = HeaderTemplates::new();
        for (name, value) in written {
            if !is_token(name) {
                self.problem(value, format!("`{name}` is no field name"));
                continue;
            }
            let texts = match value.get_ref() {
                Value::Array(values) => values.iter().map(scalar).collect(),
                one => scalar(one).map(|text| vec![text]),
            };
            let Some(texts) = texts else {
                self.problem(
                    value,
                    "expected a text, or a list of texts to send the field several times",
                );
                continue;
            };
            for text in texts {
                if text.contains(['\r', '\n', '\0']) {
                    self.problem(value, "a field value cannot hold line ends or NUL");
                } else if let Some(template) = self.template(value, &text) {
                    headers.push((name.clone(), template));
                }
            }
        }
        headers
    }

    fn request(&mut self, written: &WrittenRequest) -> Option<RequestDraft> {
        let path_text =
            written.path.as_ref().map_or_else(|| "/".to_owned(), |path| path.get_ref().clone());
        let path = match &written.path {
            None => Some(Template::literal("/")),
            Some(place) if !path_text.starts_with('/') => {
                self.problem(
                    place,
                    format!("expected a path such as \"/items\", found `{path_text}`"),
                );
                None
            }
            Some(place) => self.template(place, &path_text),
        };
        if let (Some(place), Some(literal)) =
            (&written.path, path.as_ref().and_then(Template::as_literal))
            && !literal.iter().all(u8::is_ascii_graphic)
        {
            self.problem(
                place,
                "spaces and non-ASCII characters in a path must be percent-encoded",
            );
        }
        if let Some(method) = &written.method
            && !is_token(method.get_ref())
        {
            self.problem(method, format!("`{}` is no method", method.get_ref()));
        }
        let headers = self.headers(&written.headers);
        let body = self.body(written);
        let expect =
            written.expect.as_ref().map_or_else(Expect::default, |expect| self.expect(expect));
        let weight = self.count(&written.weight, 1_000_000).unwrap_or(1);
        Some(RequestDraft {
            name: written.name.clone(),
            weight: weight as u64,
            method: written.method.as_ref().map(|method| method.get_ref().clone()),
            path: path?,
            path_text,
            headers,
            body,
            expect,
        })
    }

    fn body(&mut self, written: &WrittenRequest) -> Body {
        let given: Vec<&Spanned<String>> =
            [&written.body, &written.body_file, &written.body_template]
                .into_iter()
                .flatten()
                .collect();
        if let [_, second, ..] = given[..] {
            self.problem(second, "one body at most: `body`, `body_file` or `body_template`");
        }
        if let Some(text) = &written.body {
            return self.template(text, text.get_ref()).map_or(Body::None, Body::Template);
        }
        let Some(file) = written.body_file.as_ref().or(written.body_template.as_ref()) else {
            return Body::None;
        };
        let bytes = match std::fs::read(self.folder.join(file.get_ref())) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.problem(file, format!("`{}` cannot be read: {error}", file.get_ref()));
                return Body::None;
            }
        };
        if written.body_template.is_none() {
            return Body::Fixed(Bytes::from(bytes));
        }
        match String::from_utf8(bytes) {
            Ok(text) => self.template(file, &text).map_or(Body::None, Body::Template),
            Err(_) => {
                self.problem(
                    file,
                    "a body template must be UTF-8; use `body_file` to send it as it is",
                );
                Body::None
            }
        }
    }

    fn expect(&mut self, written: &WrittenExpect) -> Expect {
        let mut expect = Expect::default();
        if let Some(status) = &written.status {
            let specifications = match status.get_ref() {
                Value::Array(values) => values.iter().map(statuses).collect(),
                one => statuses(one).map(|range| vec![range]),
            };
            match specifications {
                Some(ranges) if !ranges.is_empty() => expect.statuses = ranges,
                _ => self.problem(
                    status,
                    "expected a status such as 200, \"2xx\" or \"200-204\", or a list of these",
                ),
            }
        }
        let bytes = |text: &Spanned<String>| Bytes::copy_from_slice(text.get_ref().as_bytes());
        match (&written.body_contains, &written.body_equals) {
            (Some(contains), Some(_)) => {
                self.problem(contains, "either `body_contains` or `body_equals`, not both");
            }
            (Some(contains), None) => expect.body = BodyCheck::Contains(bytes(contains)),
            (None, Some(equals)) => expect.body = BodyCheck::Equals(bytes(equals)),
            (None, None) => {}
        }
        expect
    }
}

/// A text, or a number as text.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Boolean(flag) => Some(flag.to_string()),
        Value::Datetime(_) | Value::Array(_) | Value::Table(_) => None,
    }
}

/// `200`, `"200"`, `"2xx"`, `"200-204"`.
fn statuses(value: &Value) -> Option<RangeInclusive<u16>> {
    let text = scalar(value)?;
    let status =
        |text: &str| text.trim().parse::<u16>().ok().filter(|status| (100..=599).contains(status));
    if let Some(class) = text.strip_suffix("xx") {
        let first = status(&format!("{class}00"))?;
        return Some(first..=first + 99);
    }
    match text.split_once('-') {
        Some((low, high)) => Some(status(low)?..=status(high)?),
        None => status(&text).map(|one| one..=one),
    }
}

/// As [`statuses`], for flags.
pub(crate) fn statuses_of(text: &str) -> Option<Vec<RangeInclusive<u16>>> {
    text.split(',').map(|part| statuses(&Value::String(part.trim().to_owned()))).collect()
}

/// A token (RFC 9110 section 5.6.2): methods and field names.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Load, Scenario};

    fn scenario(source: &str) -> Scenario {
        read(Path::new("s.toml"), source)
            .unwrap_or_else(|problems| panic!("{problems:?}"))
            .finish()
            .unwrap()
    }

    /// What `run` prints for a bad file.
    fn printed(source: &str) -> String {
        let problems = read(Path::new("s.toml"), source).unwrap_err();
        crate::scenario::render_all(&problems, Path::new("s.toml"), source)
    }

    #[test]
    fn a_full_scenario_is_read() {
        let scenario = scenario(
            r#"
            target = "http://127.0.0.1:8080/api"
            connections = 8
            threads = 2
            rate = "1k"
            warmup = "1s"
            timeout = "2s"
            pipelining = 4
            objectives = ["p99 < 20ms", "errors < 0.1%"]
            [headers]
            accept = "application/json"
            x-tag = ["a", "b"]
            [lists]
            names = ["ann", "bob", 7]
            [[stage]]
            duration = "5s"
            rate = 2000
            [[stage]]
            duration = "5s"
            rate = 2000
            [[request]]
            name = "read"
            weight = 9
            path = "/items/{{random 1 100}}"
            expect = { status = ["2xx", 404], body_contains = "id" }
            [[request]]
            method = "PUT"
            path = "/items/{{choose names}}"
            body = '{"id": "{{uuid}}"}'
            "#,
        );
        assert_eq!(scenario.requests.len(), 2);
        assert_eq!(scenario.requests[0].weight, 9);
        assert!(scenario.requests[0].expect.status(404));
        assert!(!scenario.requests[0].expect.status(302));
        assert_eq!(scenario.requests[1].name, "PUT /api/items/{{choose names}}");
        assert_eq!(scenario.load.duration(), Duration::from_secs(10));
        let Load::Open { rate } = &scenario.load else {
            panic!("a rate makes an open loop");
        };
        assert_eq!(rate.requests(), 7_500 + 10_000);
        assert_eq!(scenario.objectives.len(), 2);
    }

    #[test]
    fn the_examples_of_the_manual_are_scenarios() {
        let manual = include_str!("../../../docs/loadtest.md");
        let examples: Vec<&str> =
            manual.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
        assert_eq!(examples.len(), 3);
        for example in examples {
            scenario(example);
        }
        for (_, fault, _) in crate::backend::behaviour::Fault::ALL {
            assert!(manual.contains(&format!("`{fault}`")), "the manual lacks the fault {fault}");
        }
        for failure in crate::tally::Failure::ALL {
            assert!(manual.contains(&format!("`{}`", failure.name())), "{failure:?}");
        }
    }

    #[test]
    fn connections_ramp_in_a_closed_loop() {
        let scenario = scenario(
            "target = \"http://h/\"\nconnections = 2\n[[stage]]\nduration = \"1s\"\nconnections = 10\n",
        );
        assert_eq!(scenario.connections, 10);
        let Load::Closed { connections } = &scenario.load else {
            panic!("connections make a closed loop");
        };
        assert_eq!(connections.value_at(Duration::from_millis(500)), 6.0);
    }

    #[test]
    fn a_mistyped_key_is_shown_with_its_place_and_the_nearest_one() {
        assert_eq!(
            printed("target = \"http://h/\"\nconections = 64\n"),
            "s.toml:2:1: unknown key `conections`; did you mean `connections`?\n\
             2 | conections = 64\n  | ^^^^^^^^^^\n"
        );
    }

    #[test]
    fn all_problems_are_reported_in_file_order() {
        let text = printed(
            "target = \"h\"\nconnections = 0\nduration = \"10\"\nrate = \"fast\"\n[[request]]\npath = \"{{countr}}\"\n",
        );
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("s.toml")).collect();
        assert_eq!(
            lines,
            [
                "s.toml:1:10: expected a URL such as \"http://127.0.0.1:8080/\", found `h`: it must begin with http:// or https://",
                "s.toml:2:15: expected a count from 1 to 60000, found 0",
                "s.toml:3:12: expected a duration with a unit, such as \"20ms\", \"10s\" or \"1m30s\", found `10`",
                "s.toml:4:8: expected a rate in requests per second, such as \"1000\", \"5k\" or \"600/m\", found `fast`",
                "s.toml:6:8: expected a path such as \"/items\", found `{{countr}}`",
            ]
        );
    }

    #[test]
    fn each_kind_of_mistake_has_its_message() {
        let head = "target = \"http://h/\"\n";
        for (source, message) in [
            ("connections = \"many\"", "invalid type: string \"many\", expected i64"),
            ("objectives = [\"p99\"]", "s.toml:2:15: expected an objective such as"),
            ("[[stage]]\nduration = \"1s\"", "s.toml:2:1: expected `rate`"),
            ("duration = \"1s\"\n[[stage]]\nduration = \"1s\"\nrate = 1", "leave one out"),
            (
                "[[stage]]\nduration = \"1s\"\nrate = 1\n[[stage]]\nduration = \"1s\"\nconnections = 1",
                "all of them the same",
            ),
            ("pipelining = 2\nkeep_alive = false", "pipelining needs"),
            ("duration = \"1s\"\nwarmup = \"1s\"", "shorter than `duration`"),
            ("[lists]\na = []", "expected 1 to"),
            ("[lists]\na = { file = \"/nonexistent\" }", "`/nonexistent` cannot be read"),
            ("[headers]\n\"a b\" = \"c\"", "`a b` is no field name"),
            ("[headers]\na = \"c\\r\\nd: e\"", "cannot hold line ends"),
            ("[[request]]\nmethod = \"G T\"", "`G T` is no method"),
            ("[[request]]\npath = \"/a b\"", "percent-encoded"),
            ("[[request]]\nbody = \"a\"\nbody_file = \"b\"", "one body at most"),
            ("[[request]]\nbody_file = \"/nonexistent\"", "cannot be read"),
            ("[[request]]\nexpect = { status = \"ok\" }", "expected a status such as"),
            ("[[request]]\nexpect = { statu = 200 }", "did you mean `status`?"),
            ("[[request]]\nbody = \"{{random 1}}\"", "expected `{{random LOW HIGH}}`"),
            ("seed = -1", "expected u64"),
        ] {
            let text = printed(&format!("{head}{source}\n"));
            assert!(text.contains(message), "{source}\n{text}");
            assert!(text.starts_with("s.toml:"), "{text}");
        }
    }
}
