//! Lists in pages. A page's position is the id of its last element, so that nothing is skipped or
//! shown twice when things come and go in between.

use super::{Answer, Call};
use crate::aws::Fault;
use crate::resources::Entity;
use serde_json::{Value, json};
use std::sync::Arc;

/// Elements of a page when the caller names no number.
const DEFAULT: usize = 25;

/// Elements of a page at most.
const MAX: usize = 500;

/// Elements of one of Lambda's pages, at most and when the caller names no number.
const LAMBDA_MAX: usize = 50;

/// Where a page begins and how long it may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The last element of the page before.
    pub after: Option<String>,
    /// Elements at most, 1 to 500.
    pub limit: usize,
}

impl Page {
    /// A v1 page: `position` and `limit`. Numbers out of range are cut, as Amazon does.
    pub fn v1(call: &Call<'_>) -> Self {
        let limit = call.input.get("limit").and_then(Value::as_i64);
        let limit = limit.filter(|&limit| limit > 0).map_or(DEFAULT, |limit| limit as usize);
        let after = call.text_of("position").filter(|position| !position.is_empty());
        Self { after: after.map(decode), limit: limit.min(MAX) }
    }

    /// A v2 page: `nextToken` and `maxResults`, a number as text (one operation sends a number).
    ///
    /// # Errors
    /// `maxResults` is not a number from 1 to 500.
    pub fn v2(call: &Call<'_>) -> Result<Self, Fault> {
        let limit = match call.input.get("maxResults") {
            None => DEFAULT,
            Some(value) => {
                let number = value
                    .as_i64()
                    .or_else(|| value.as_str().and_then(|text| text.parse().ok()))
                    .filter(|number| (1..=MAX as i64).contains(number));
                let number =
                    number.ok_or_else(|| Fault::bad_request("Invalid value for maxResults"))?;
                number as usize
            }
        };
        let after = call.text_of("nextToken").filter(|token| !token.is_empty());
        Ok(Self { after: after.map(decode), limit })
    }

    /// A page of Lambda's: `Marker` and `MaxItems`, of which no more than 50 are shown.
    pub fn lambda(call: &Call<'_>) -> Self {
        let limit = call.input.get("MaxItems").and_then(Value::as_u64);
        let limit = limit.map_or(LAMBDA_MAX, |limit| (limit as usize).clamp(1, LAMBDA_MAX));
        let after = call.text_of("Marker").filter(|marker| !marker.is_empty());
        Self { after: after.map(decode), limit }
    }

    /// Takes a page of a kind and owner, each shown by `show`, in the order of ids.
    ///
    /// # Errors
    /// What `show` fails with.
    pub fn take<T: Entity>(
        &self,
        call: &Call<'_>,
        owner: &str,
        id: impl Fn(&T) -> &str,
        show: impl Fn(&T) -> Result<Value, Fault>,
    ) -> Result<(Vec<Value>, Option<String>), Fault> {
        self.take_where(call, owner, |_| true, id, show)
    }

    /// As [`Page::take`], of those that `keep` keeps. Costs what is kept and what lies between.
    ///
    /// # Errors
    /// What `show` fails with.
    pub fn take_where<T: Entity>(
        &self,
        call: &Call<'_>,
        owner: &str,
        keep: impl Fn(&T) -> bool,
        id: impl Fn(&T) -> &str,
        show: impl Fn(&T) -> Result<Value, Fault>,
    ) -> Result<(Vec<Value>, Option<String>), Fault> {
        let mut nouns: Vec<Arc<T>> = Vec::new();
        let mut after = self.after.clone();
        // One more than is shown says whether there is more; without a filter one look is enough.
        let mut look = self.limit + 1;
        while nouns.len() <= self.limit {
            let found = call.draft.list_after::<T>(owner, after.as_deref(), look);
            let is_end = found.len() < look;
            after = found.last().map(|last| id(last).to_owned());
            nouns.extend(found.into_iter().filter(|noun| keep(noun)));
            if is_end {
                break;
            }
            look = MAX;
        }
        let more = nouns.len() > self.limit;
        let shown = &nouns[..nouns.len().min(self.limit)];
        let items = shown.iter().map(|noun| show(noun)).collect::<Result<Vec<_>, _>>()?;
        let next = shown.last().filter(|_| more).map(|last| encode(id(last)));
        Ok((items, next))
    }

    /// As [`Page::take`], of what has been found and ordered by other means; `id` must order as the
    /// elements do.
    ///
    /// # Errors
    /// What `show` fails with.
    pub fn cut<T>(
        &self,
        sorted: &[T],
        id: impl Fn(&T) -> String,
        show: impl Fn(&T) -> Result<Value, Fault>,
    ) -> Result<(Vec<Value>, Option<String>), Fault> {
        let start = match &self.after {
            Some(after) => sorted.partition_point(|element| id(element) <= *after),
            None => 0,
        };
        let end = sorted.len().min(start + self.limit);
        let items = sorted[start..end].iter().map(show).collect::<Result<Vec<_>, _>>()?;
        let next = (end < sorted.len()).then(|| encode(&id(&sorted[end - 1])));
        Ok((items, next))
    }
}

/// A v1 list: `item`, and `position` when there is more.
pub fn v1((items, next): (Vec<Value>, Option<String>)) -> Answer {
    let mut list = json!({ "item": items });
    if let Some(next) = next {
        list["position"] = Value::String(next);
    }
    Answer::Json(list)
}

/// A v2 list: `items`, and `nextToken` when there is more.
pub fn v2((items, next): (Vec<Value>, Option<String>)) -> Answer {
    let mut list = json!({ "items": items });
    if let Some(next) = next {
        list["nextToken"] = Value::String(next);
    }
    Answer::Json(list)
}

/// An id as a position: safe in a URL, whatever characters it has.
fn encode(id: &str) -> String {
    let mut position = String::with_capacity(2 * id.len());
    for byte in id.bytes() {
        position.push_str(&format!("{byte:02x}"));
    }
    position
}

/// A position as an id. What is not one of ours begins behind everything it sorts behind: garbage
/// gives a page, never an error, as Amazon does.
fn decode(position: &str) -> String {
    let digits: Option<Vec<u8>> = position
        .bytes()
        .map(|byte| char::from(byte).to_digit(16).map(|digit| digit as u8))
        .collect();
    let bytes = digits.map(|digits| {
        digits.chunks(2).map(|pair| pair[0] << 4 | pair.get(1).copied().unwrap_or(0)).collect()
    });
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_else(|| position.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn positions_are_ids(id in ".{0,40}") {
            prop_assert_eq!(decode(&encode(&id)), id);
        }

        #[test]
        fn any_position_is_taken(position in ".{0,40}") {
            decode(&position);
        }
    }

    #[test]
    fn pages_of_a_sorted_list_cover_it_once() {
        let all = ["a", "b", "c", "d", "e"];
        let show = |text: &&str| Ok(Value::from(*text));
        let mut page = Page { after: None, limit: 2 };
        let mut seen = Vec::new();
        loop {
            let (items, next) = page.cut(&all, |text| (*text).to_owned(), show).unwrap();
            seen.extend(items);
            let Some(next) = next else { break };
            page.after = Some(decode(&next));
        }
        assert_eq!(seen, all);
    }
}
