//! Templates and JSONPaths beside their originals: Apache Velocity 1.7 and Jayway JsonPath in a JVM.
//!
//! The oracle is `Oracle.java`, which speaks JSON lines. It needs Java and Debian's `velocity`,
//! `libjsonpath-java` and `libjson-smart-java`; `tests/run` installs them and runs these tests, which an
//! ordinary `cargo test` shows as ignored.

#![expect(clippy::unwrap_used, reason = "a failed helper is a failed test")]

mod generate;
mod oracle;

use oracle::{Answer, Oracle, Question};
use ringgate::template::{Inputs, JsonPath, Limits, Scratch, Template};

/// What ringgate answers to the oracle's question.
fn ringgate(question: &Question) -> Answer {
    let mut scratch = Scratch::new(1);
    let mut out = String::new();
    let template = match question {
        Question::Template { template, .. } => template.clone(),
        // As the oracle does: a JSONPath is asked through `$input.json`.
        Question::Path { path, .. } => {
            if let Err(problem) = JsonPath::parse(path) {
                return Answer::Error(problem.to_string());
            }
            format!("#set($path = '{}')$input.json($path)", path.replace('\'', "''"))
        }
    };
    let inputs = Inputs {
        body: question.body(),
        stage_variables: &[("env", "test")],
        context: &oracle::Stage,
        ..Inputs::default()
    };
    match Template::parse(&template) {
        Err(problem) => Answer::Error(problem.to_string()),
        Ok(template) => match template.render(&inputs, &mut scratch, Limits::default(), &mut out) {
            Ok(_) => Answer::Ok(out),
            Err(problem) => Answer::Error(problem.to_string()),
        },
    }
}

#[test]
#[ignore = "needs a JVM with Velocity: tests/run installs and runs it"]
fn the_table_of_cases_agrees_with_the_originals() {
    let mut oracle = Oracle::start();
    let mut wrong = Vec::new();
    for case in oracle::cases() {
        let ours = ringgate(&case.question);
        match &case.ringgate {
            // A known difference, with its reason in the file: it must still be one.
            Some(expected) => {
                if !expected.agrees(&ours) || oracle.ask(&case.question).agrees(&ours) {
                    wrong.push(format!(
                        "{:?}\n  expected {expected:?}\n  ringgate {ours:?}",
                        case.question
                    ));
                }
            }
            None => {
                let theirs = oracle.ask(&case.question);
                if !theirs.agrees(&ours) {
                    wrong.push(format!(
                        "{:?}\n  original {theirs:?}\n  ringgate {ours:?}",
                        case.question
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
#[ignore = "needs a JVM with Velocity: tests/run installs and runs it"]
fn generated_templates_and_paths_agree_with_the_originals() {
    let mut oracle = Oracle::start();
    let count = std::env::var("RINGGATE_TEMPLATES").map_or(3_000, |it| it.parse().unwrap());
    let mut wrong = Vec::new();
    for seed in 0..count {
        let question = generate::question(seed);
        let (theirs, ours) = (oracle.ask(&question), ringgate(&question));
        if !theirs.agrees(&ours) && !is_thrown(&question, &theirs) {
            wrong.push(format!(
                "seed {seed}: {question:?}\n  original {theirs:?}\n  ringgate {ours:?}"
            ));
        }
    }
    let shown = wrong.len().min(20);
    assert!(wrong.is_empty(), "{} of {count} differ:\n{}", wrong.len(), wrong[..shown].join("\n"));
}

/// Suites of others that are not in this repository: a folder with templates (`*.vm`, rendered with the
/// body `{}`) and files of questions (`*.jsonl`, each line as in `cases.json`).
#[test]
#[ignore = "needs a JVM with Velocity, and RINGGATE_SUITE with a folder"]
fn a_folder_of_questions_agrees_with_the_originals() {
    let Some(folder) = std::env::var_os("RINGGATE_SUITE") else { return };
    let mut oracle = Oracle::start();
    let questions = oracle::questions_in(folder.as_ref());
    let mut wrong = Vec::new();
    for (name, question) in &questions {
        let (theirs, ours) = (oracle.ask(question), ringgate(question));
        if !theirs.agrees(&ours) && !is_thrown(question, &theirs) {
            wrong.push(format!("{name}: {question:?}\n  original {theirs:?}\n  ringgate {ours:?}"));
        }
    }
    let count = questions.len();
    assert!(wrong.is_empty(), "{} of {count} differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// Jayway 2.0.0 throws for indefinite paths where one of the values lacks what is asked for, or is no
/// list. Its later releases leave that value out, as ringgate does.
fn is_thrown(question: &Question, theirs: &Answer) -> bool {
    let Question::Path { path, .. } = question else { return false };
    let is_refused = matches!(theirs, Answer::Error(text)
        if text.contains("be applied to") || text.contains("can only be used as path leafs"));
    let is_nothing = *theirs == Answer::Ok("\"\"".to_owned());
    is_refused || (is_nothing && JsonPath::parse(path).is_ok_and(|it| !it.is_definite()))
}
