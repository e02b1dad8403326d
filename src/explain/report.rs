//! Report: what an explanation is made of, for people and, by serde, for programs.

use super::Rendering;
use serde::Serialize;

/// Everything that happens to a request, in order.
#[derive(Debug, Default, Serialize)]
pub struct Explanation {
    /// The phases that were run.
    pub phases: Vec<Phase>,
    /// What the client gets, as far as that can be said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
}

/// One phase.
#[derive(Debug, Serialize)]
pub struct Phase {
    /// Its name, as in `ringgate routes` and `docs/architecture.md`.
    pub name: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// In a line.
    pub summary: String,
    /// What went in and out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<Entry>,
}

/// How a phase ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The request goes on.
    Passed,
    /// It is answered here.
    Answered,
    /// It is refused here.
    Refused,
    /// That depends on somebody who is not asked.
    Open,
}

/// One thing that a phase found out.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Entry {
    /// A name and what it stands for.
    Value {
        /// Of a parameter, field or setting.
        name: String,
        /// Nothing is not the same as an empty text.
        value: Option<String>,
        /// Where it comes from.
        #[serde(skip_serializing_if = "Option::is_none")]
        source: Option<String>,
    },
    /// Something that could have been chosen and was not.
    Candidate {
        /// Its key.
        key: String,
        /// Why not.
        reason: String,
    },
    /// A sentence.
    Note {
        /// In words.
        text: String,
    },
    /// Something to look out for.
    Warning {
        /// In words.
        text: String,
    },
    /// A text of several lines: a head, content.
    Text {
        /// What it is.
        title: String,
        /// As it is, or with U+FFFD for what is no text.
        text: String,
    },
    /// A template's run.
    Template {
        /// Which it is.
        title: String,
        /// What happened.
        #[serde(flatten)]
        rendering: Box<Rendering>,
    },
}

/// What the client gets.
#[derive(Debug, Serialize)]
pub struct Answer {
    /// Of the answer.
    pub status: u16,
    /// Status line, fields and content.
    pub text: String,
    /// What a client will stumble over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

impl Answer {
    pub(super) fn new(status: u16, bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
        let warning = text.split_once("\n\n").and_then(|(head, content)| {
            let head = head.to_ascii_lowercase();
            let is_json = head.contains("\ncontent-type: application/json");
            let error = serde_json::from_str::<serde_json::Value>(content).err()?;
            let is_wrong = is_json && !content.is_empty();
            is_wrong
                .then(|| format!("the content is called application/json, and is none: {error}"))
        });
        Self { status, text, warning }
    }
}

impl Phase {
    /// A phase that lets the request pass, until something else is found.
    pub(super) fn new(name: &'static str, summary: impl Into<String>) -> Self {
        Self { name, outcome: Outcome::Passed, summary: summary.into(), entries: Vec::new() }
    }

    pub(super) fn ended(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome;
        self
    }

    pub(super) fn value(&mut self, name: impl Into<String>, value: impl Into<String>) {
        let (name, value) = (name.into(), Some(value.into()));
        self.entries.push(Entry::Value { name, value, source: None });
    }

    pub(super) fn mapped(
        &mut self,
        name: impl Into<String>,
        value: Option<String>,
        source: impl Into<String>,
    ) {
        let (name, source) = (name.into(), Some(source.into()));
        self.entries.push(Entry::Value { name, value, source });
    }

    pub(super) fn note(&mut self, text: impl Into<String>) {
        self.entries.push(Entry::Note { text: text.into() });
    }

    pub(super) fn warning(&mut self, text: impl Into<String>) {
        self.entries.push(Entry::Warning { text: text.into() });
    }

    pub(super) fn candidate(&mut self, key: impl Into<String>, reason: impl Into<String>) {
        self.entries.push(Entry::Candidate { key: key.into(), reason: reason.into() });
    }

    pub(super) fn text(&mut self, title: impl Into<String>, text: &[u8]) {
        let text = String::from_utf8_lossy(text).replace("\r\n", "\n");
        self.entries.push(Entry::Text { title: title.into(), text });
    }
}
