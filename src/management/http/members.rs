//! The members of a call, laid over a noun. In v2 an update is a PATCH with a plain object: what is
//! there replaces, what is absent stays. A create is the same step on a noun of defaults, so each noun
//! has one function that lays members over it, and one that checks the outcome.
//!
//! An optional text is taken away by `""`. Maps of texts merge key by key, and a key is taken away by
//! the value `""`; which members are such maps and which are replaced whole is the noun's business.

use crate::aws::Fault;
use crate::resources::rest::Map;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The members of one call. Types have been checked before; a wrong one reads as absent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Members<'m>(pub(super) &'m serde_json::Map<String, Value>);

impl<'m> Members<'m> {
    /// Whether the call has it.
    pub(super) fn has(self, member: &str) -> bool {
        self.0.contains_key(member)
    }

    /// A text as it was given.
    pub(super) fn given(self, member: &str) -> Option<&'m str> {
        self.0.get(member).and_then(Value::as_str)
    }

    /// Sets a text that may be absent.
    pub(super) fn text(self, member: &str, slot: &mut Option<String>) {
        if let Some(text) = self.given(member) {
            *slot = (!text.is_empty()).then(|| text.to_owned());
        }
    }

    /// Sets a text that is always there.
    pub(super) fn word(self, member: &str, slot: &mut String) {
        if let Some(text) = self.given(member) {
            text.clone_into(slot);
        }
    }

    /// Sets a flag.
    pub(super) fn flag(self, member: &str, slot: &mut bool) {
        if let Some(flag) = self.0.get(member).and_then(Value::as_bool) {
            *slot = flag;
        }
    }

    /// Sets a flag that may be absent.
    pub(super) fn flag_of(self, member: &str, slot: &mut Option<bool>) {
        if let Some(flag) = self.0.get(member).and_then(Value::as_bool) {
            *slot = Some(flag);
        }
    }

    /// A number.
    pub(super) fn number(self, member: &str) -> Option<i64> {
        self.0.get(member).and_then(Value::as_i64)
    }

    /// Replaces a list of texts.
    pub(super) fn texts(self, member: &str, slot: &mut Vec<String>) {
        if let Some(texts) = self.0.get(member).and_then(Value::as_array) {
            *slot = texts.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        }
    }

    /// Merges a map of texts: a key with `""` is taken away.
    pub(super) fn merge(self, member: &str, slot: &mut Map) {
        for (key, text) in self.entries(member) {
            match text {
                "" => slot.remove(key),
                text => slot.insert(key.to_owned(), text.to_owned()),
            };
        }
    }

    /// Replaces a map of texts.
    pub(super) fn replace(self, member: &str, slot: &mut Map) {
        if self.has(member) {
            let entries = self.entries(member);
            *slot = entries.map(|(key, text)| (key.to_owned(), text.to_owned())).collect();
        }
    }

    /// The texts of a map.
    fn entries(self, member: &str) -> impl Iterator<Item = (&'m str, &'m str)> {
        let map = self.0.get(member).and_then(Value::as_object);
        map.into_iter().flatten().filter_map(|(key, text)| Some((key.as_str(), text.as_str()?)))
    }

    /// A structure, or a map of structures.
    ///
    /// # Errors
    /// It has another form.
    pub(super) fn structure<T: DeserializeOwned>(self, member: &str) -> Result<Option<T>, Fault> {
        let Some(value) = self.0.get(member) else { return Ok(None) };
        let structure = T::deserialize(value);
        structure.map(Some).map_err(|_| Fault::bad_request("Invalid request input"))
    }

    /// Refuses texts longer than the model's documentation allows; AWS's own words are not known.
    ///
    /// # Errors
    /// One of them is too long.
    pub(super) fn within(self, bounds: &[(&str, usize)]) -> Result<(), Fault> {
        for &(member, longest) in bounds {
            if self.given(member).is_some_and(|text| text.chars().count() > longest) {
                return Err(Fault::bad_request(format!(
                    "Invalid {member} specified: at most {longest} characters are allowed"
                )));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn absent_members_leave_everything_as_it_is() {
        let Value::Object(input) = json!({}) else { unreachable!("it is an object") };
        let members = Members(&input);
        let (mut text, mut flag) = (Some("a".to_owned()), true);
        let mut list = vec!["x".to_owned()];
        let mut map = Map::from([("k".to_owned(), "v".to_owned())]);
        members.text("member", &mut text);
        members.flag("member", &mut flag);
        members.texts("member", &mut list);
        members.merge("member", &mut map);
        members.replace("member", &mut map);
        assert_eq!((text.as_deref(), flag, list.len(), map.len()), (Some("a"), true, 1, 1));
    }

    #[test]
    fn an_empty_text_takes_away() {
        let Value::Object(input) = json!({"text": "", "map": {"a": "", "b": "2"}}) else {
            unreachable!("it is an object")
        };
        let mut text = Some("a".to_owned());
        Members(&input).text("text", &mut text);
        assert_eq!(text, None);
        let mut map =
            Map::from([("a".to_owned(), "1".to_owned()), ("c".to_owned(), "3".to_owned())]);
        Members(&input).merge("map", &mut map);
        assert_eq!(map.into_keys().collect::<Vec<_>>(), ["b", "c"]);
    }

    #[test]
    fn the_longest_text_passes_and_one_more_character_does_not() {
        for (length, passes) in [(3, true), (4, false)] {
            let Value::Object(input) = json!({"name": "é".repeat(length)}) else {
                unreachable!("it is an object")
            };
            assert_eq!(Members(&input).within(&[("name", 3)]).is_ok(), passes);
        }
    }
}
