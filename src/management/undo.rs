//! Undo: takes one stored change back, if nothing has touched the same things since.

use super::{Answer, Call};
use crate::aws::Fault;
use crate::resources::{Key, decode, known_kind};
use crate::store::Change;

/// Puts everything that the change touched back to what it was.
///
/// # Errors
/// Something that it touched has changed since; names all of it. Later changes are to be undone
/// first.
pub(super) fn undo(call: &mut Call<'_>, change: &Change) -> Result<Answer, Fault> {
    let mut changed_since = Vec::new();
    let mut back = Vec::new();
    for entry in &change.entries {
        let key = &entry.key;
        let kind = known_kind(&key.kind).map_err(|error| Fault::bad_request(error.to_string()))?;
        let place = Key::new(&key.region, &key.owner, kind, &key.id);
        let is = call.draft.object(&place).map(|object| object.to_json());
        if is != entry.after {
            changed_since.push(format!("{kind} {}", key.id));
            continue;
        }
        let was = match &entry.before {
            Some(body) => Some(decode(kind, body).map_err(|_| Fault::internal())?.1),
            None => None,
        };
        back.push((place, was));
    }
    if !changed_since.is_empty() {
        return Err(Fault::conflict(format!(
            "This change cannot be undone, because later ones touched the same: {}. Undo those first.",
            changed_since.join(", ")
        )));
    }
    for (place, was) in back {
        call.draft.put_object(place, was);
    }
    Ok(Answer::Empty)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::id::IdSource;
    use crate::management::Settings;
    use crate::resources::usage::UsagePlan;
    use crate::resources::{Draft, Entity, Object, State, Timestamp};
    use crate::store::{Entry, RowKey};
    use std::sync::Arc;

    fn json(name: &str) -> String {
        let plan = UsagePlan { id: "p".into(), name: name.into(), ..Default::default() };
        Object::to_json(&plan)
    }

    fn undo_rename(now_named: &str) -> Result<Option<String>, Fault> {
        let key = Key::new("r", "", UsagePlan::KIND, "p");
        let state = State::new([(key, decode(UsagePlan::KIND, &json(now_named)).unwrap().1)]);
        let change = Change {
            at_millis: 0,
            author: "a".into(),
            source: "s".into(),
            operation: "UpdateUsagePlan".into(),
            summary: String::new(),
            entries: vec![Entry {
                key: RowKey {
                    region: "r".into(),
                    owner: String::new(),
                    kind: UsagePlan::KIND.into(),
                    id: "p".into(),
                },
                before: Some(json("old")),
                after: Some(json("new")),
            }],
        };
        let settings = Settings {
            account_id: String::new(),
            domain_suffix: String::new(),
            logging_needs_role: false,
            functions_need_permission: true,
            template_findings: crate::model::TemplateFindings::Warn,
            back_ends: std::sync::Arc::default(),
            event_places: std::sync::Arc::default(),
            file_functions: std::sync::Arc::default(),
        };
        let mut call = Call {
            draft: Draft::new(&state, "r"),
            input: Default::default(),
            now: Timestamp(0),
            ids: &mut IdSource::seeded(1),
            settings: &settings,
        };
        undo(&mut call, &change)?;
        let plan: Option<Arc<UsagePlan>> = call.draft.get("", "p");
        Ok(plan.map(|plan| plan.name.clone()))
    }

    #[test]
    fn what_nobody_touched_since_goes_back() {
        assert_eq!(undo_rename("new").unwrap().as_deref(), Some("old"));
    }

    #[test]
    fn what_somebody_touched_since_stays_and_is_named() {
        let fault = undo_rename("newer").unwrap_err();
        assert_eq!(fault.kind, "ConflictException");
        assert!(fault.message.contains("usage-plan p"), "{fault}");
    }
}
