//! What an HTTP API's parameter mappings change of a back end's answer.
//!
//! Values are found before anything is written: the status decides about the framing, and a value may come
//! from the content.

use super::mapping::{HTTP_SELECTION_BYTES_MAX, of_answer};
use crate::exchange::Context;
use crate::exchange::transform::{self, BackEnd, Scratch, is_field_value};
use crate::http;
use crate::snapshot::managed::{Action, AnswerEdits, Edit, ResponseSource};
use std::borrow::Cow;

/// The longest value that a mapping puts into an answer's field: content may be megabytes, and Amazon's
/// bound on all fields of an answer is this.
const EDITED_VALUE_BYTES_MAX: usize = 10_240;

/// An HTTP API's changes of an answer, with their values.
#[derive(Debug)]
pub(crate) struct EditedAnswer {
    /// What the client gets.
    pub(crate) status: u16,
    edits: Vec<Edit<Vec<u8>>>,
}

impl EditedAnswer {
    /// The changes of an answer with that status, where they take nothing but its fields.
    pub(crate) fn of_head(status: u16, edits: &AnswerEdits, fields: &[http::Field<'_>]) -> Self {
        Self::with_values(status, edits, |source| of_answer(source, fields).map(Cow::into_owned))
    }

    /// The changes of an answer to that exchange. `scratch` is for what is selected of the content.
    pub(crate) fn of(
        edits: &AnswerEdits,
        context: &Context<'_>,
        status: u16,
        back_end: &BackEnd<'_>,
        scratch: &mut Scratch,
    ) -> Self {
        let is_long = back_end.content.len() > HTTP_SELECTION_BYTES_MAX;
        Self::with_values(status, edits, |source| {
            if is_long && matches!(source, ResponseSource::Body(Some(_))) {
                return None;
            }
            // Content that cannot be read has no value.
            let value = transform::value(source, context, back_end, scratch).ok().flatten();
            value.map(Cow::into_owned)
        })
    }

    fn with_values(
        status: u16,
        edits: &AnswerEdits,
        mut value_of: impl FnMut(&ResponseSource) -> Option<Vec<u8>>,
    ) -> Self {
        let told = edits.status.as_ref().and_then(&mut value_of);
        let told = told.and_then(|text| std::str::from_utf8(&text).ok()?.trim().parse().ok());
        let edits = edits.headers.iter().filter_map(|Edit { action, name, value }| {
            let value = value.as_ref().and_then(&mut value_of);
            let value = value.filter(|it| {
                (1..=EDITED_VALUE_BYTES_MAX).contains(&it.len()) && is_field_value(it)
            });
            let is_done = *action == Action::Remove || value.is_some();
            is_done.then(|| Edit { action: *action, name: name.clone(), value })
        });
        let edits = edits.collect();
        let status = told.filter(|status| (200..600).contains(status)).unwrap_or(status);
        Self { status, edits }
    }

    /// Whether a field of the back end's stays behind.
    pub(crate) fn replaces(&self, name: &[u8]) -> bool {
        self.edits
            .iter()
            .any(|edit| edit.action != Action::Append && edit.name.eq_ignore_ascii_case(name))
    }

    /// The value that one of the changes has. `None`: it has none, so nothing is changed.
    pub(crate) fn value(&self, edit: &Edit<ResponseSource>) -> Option<&[u8]> {
        let is = |it: &&Edit<Vec<u8>>| it.action == edit.action && it.name == edit.name;
        self.edits.iter().find(is)?.value.as_deref()
    }

    /// Writes the fields that are new.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        for Edit { name, value, .. } in &self.edits {
            if let Some(value) = value {
                http::write::field(out, name, value);
            }
        }
    }
}
