//! The other side: a JVM that answers one question per line, and the file of cases.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use ringgate::template::{ContextVariables, Variable};
use serde_json::{Value, json};

/// Archives of Debian's packages.
const JARS: &[&str] = &[
    "json-path",
    "json-smart",
    "accessors-smart",
    "asm",
    "slf4j-api",
    "slf4j-nop",
    "velocity",
    "commons-collections3",
    "commons-lang",
    "commons-io",
];

#[derive(Debug, Clone)]
pub(crate) enum Question {
    Template { template: String, body: String },
    Path { path: String, body: String },
}

impl Question {
    pub(crate) fn body(&self) -> &str {
        match self {
            Self::Template { body, .. } | Self::Path { body, .. } => body,
        }
    }
}

/// What was printed, or why not.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    Ok(String),
    Error(String),
}

impl Answer {
    /// The words of an error are each side's own.
    pub(crate) fn agrees(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Ok(left), Self::Ok(right)) => {
                without_addresses(left) == without_addresses(right)
            }
            (Self::Error(_), Self::Error(_)) => true,
            _ => false,
        }
    }
}

/// Java prints an array's address.
fn without_addresses(text: &str) -> String {
    const ARRAY: &str = "[Ljava.lang.String;@";
    let mut pieces = text.split(ARRAY);
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        out.push_str(ARRAY);
        out.push_str(piece.trim_start_matches(|it: char| it.is_ascii_hexdigit()));
    }
    out
}

pub(crate) struct Oracle {
    process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Oracle {
    pub(crate) fn start() -> Self {
        let jars: Vec<String> = JARS.iter().map(|it| format!("/usr/share/java/{it}.jar")).collect();
        for jar in &jars {
            assert!(Path::new(jar).exists(), "{jar} is missing: tests/run installs what is needed");
        }
        let mut process = Command::new("java")
            .args(["-XX:TieredStopAtLevel=1", "-cp", &jars.join(":")])
            .arg(folder().join("Oracle.java"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let questions = process.stdin.take().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap());
        Self { process, questions, answers }
    }

    pub(crate) fn ask(&mut self, question: &Question) -> Answer {
        let line = match question {
            Question::Template { template, body } => json!({"template": template, "body": body}),
            Question::Path { path, body } => json!({"path": path, "body": body}),
        };
        writeln!(self.questions, "{line}").unwrap();
        self.questions.flush().unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        match (answer.get("ok"), answer.get("error")) {
            (Some(text), _) => Answer::Ok(text.as_str().unwrap().to_owned()),
            (None, Some(error)) => Answer::Error(error.as_str().unwrap().to_owned()),
            _ => panic!("the oracle answers {answer}"),
        }
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) struct Case {
    pub(crate) question: Question,
    /// Where ringgate differs on purpose: what it answers.
    pub(crate) ringgate: Option<Answer>,
}

/// `cases.json`: a list of `{"template" or "path", "body"}`, and for a known difference `"ringgate"` (a
/// text, or null for an error) and `"why"`.
pub(crate) fn cases() -> Vec<Case> {
    let text = std::fs::read_to_string(folder().join("cases.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    let text = |case: &Value, name: &str| case.get(name).and_then(Value::as_str).map(str::to_owned);
    let read = |case: &Value| {
        let body = text(case, "body").unwrap();
        let question = match text(case, "path") {
            Some(path) => Question::Path { path, body },
            None => Question::Template { template: text(case, "template").unwrap(), body },
        };
        let ringgate = case.get("ringgate").map(|answer| {
            assert!(case.get("why").is_some(), "a difference without a reason: {case}");
            answer
                .as_str()
                .map_or_else(|| Answer::Error(String::new()), |it| Answer::Ok(it.to_owned()))
        });
        Case { question, ringgate }
    };
    cases.iter().map(read).collect()
}

/// The questions in a folder of somebody else's, each with the name of its file.
pub(crate) fn questions_in(folder: &Path) -> Vec<(String, Question)> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut questions = Vec::new();
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&file).unwrap();
        match file.extension().and_then(|it| it.to_str()) {
            Some("vm") => {
                questions
                    .push((name, Question::Template { template: text, body: "{}".to_owned() }));
            }
            Some("jsonl") => {
                questions.extend(text.lines().map(|line| {
                    let case: Value = serde_json::from_str(line).unwrap();
                    let text = |name| case.get(name).and_then(Value::as_str).map(str::to_owned);
                    let body = text("body").unwrap();
                    let question = match text("path") {
                        Some(path) => Question::Path { path, body },
                        None => Question::Template { template: text("template").unwrap(), body },
                    };
                    (name.clone(), question)
                }));
            }
            _ => {}
        }
    }
    questions
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/template")
}

/// `$context.stage`, as the oracle has it.
pub(crate) struct Stage;

impl ContextVariables for Stage {
    fn variable<'a>(&'a self, path: &[&str]) -> Variable<'a> {
        if path == ["stage"] { Variable::Text("prod".into()) } else { Variable::Missing }
    }

    fn names<'a>(&'a self, path: &[&str], each: &mut dyn FnMut(&'a str)) {
        if path.is_empty() {
            each("stage");
        }
    }
}
