//! A REST API's resources as a tree: what may stand where, and the paths that follow from it.
//!
//! The router relies on what is checked here: no two siblings of one name, at most one variable among
//! siblings, nothing below a greedy variable.

use super::super::super::Call;
use super::super::place;
use crate::aws::Fault;
use crate::resources::rest::Resource;
use std::collections::BTreeMap;
use std::sync::Arc;

/// An API's resources by id, some of them changed.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: BTreeMap<String, Arc<Resource>>,
    changed: bool,
}

impl Tree {
    /// The resources of an API; none when there is no such API.
    pub(super) fn of(call: &Call<'_>, api: &str) -> Self {
        let resources = call.draft.list::<Resource>(api).into_iter();
        Self { nodes: resources.map(|it| (it.id.clone(), it)).collect(), changed: false }
    }

    pub(super) fn has(&self, id: &str) -> bool {
        self.nodes.contains_key(id)
    }

    pub(super) fn get(&self, id: &str) -> Option<&Resource> {
        self.nodes.get(id).map(|node| &**node)
    }

    /// Adds or replaces a resource, whose place has been checked.
    pub(super) fn put(&mut self, resource: Resource) {
        self.nodes.insert(resource.id.clone(), Arc::new(resource));
        self.changed = true;
    }

    /// Checks that a resource, new when it has no `id` yet, may stand below `parent` as `part`.
    pub(super) fn check_place(
        &self,
        id: Option<&str>,
        parent: &str,
        part: &str,
    ) -> Result<(), Fault> {
        let above = self.get(parent).ok_or_else(place::unknown_resource)?;
        if !is_part(part) {
            return Err(Fault::bad_request(
                "Resource's path part only allow a-zA-Z0-9._-: or a valid greedy path variable and curly braces at the beginning and the end.",
            ));
        }
        if let Some(greedy) = above.path_part.as_deref().filter(|part| is_greedy(part)) {
            return Err(child_of_greedy(greedy));
        }
        if let Some(id) = id {
            if self.with_descendants(id).iter().any(|below| below == parent) {
                return Err(Fault::bad_request("Resources cannot be cyclical."));
            }
            if is_greedy(part) && self.children(id).next().is_some() {
                return Err(child_of_greedy(part));
            }
        }
        let siblings: Vec<&str> = self
            .children(parent)
            .filter(|sibling| Some(sibling.id.as_str()) != id)
            .filter_map(|sibling| sibling.path_part.as_deref())
            .collect();
        if siblings.contains(&part) {
            return Err(Fault::conflict(format!(
                "Another resource with the same parent already has this name: {part}"
            )));
        }
        match siblings.iter().find(|sibling| is_variable(sibling)) {
            Some(variable) if is_variable(part) => Err(Fault::bad_request(format!(
                "A sibling ({variable}) of this resource already has a variable path part -- only one is allowed"
            ))),
            _ => Ok(()),
        }
    }

    /// A resource's id and those of all below it.
    pub(super) fn with_descendants(&self, id: &str) -> Vec<String> {
        let mut ids = vec![id.to_owned()];
        let mut next = 0;
        while let Some(id) = ids.get(next) {
            let below: Vec<String> = self.children(id).map(|child| child.id.clone()).collect();
            ids.extend(below);
            next += 1;
        }
        ids
    }

    fn children<'t>(&'t self, id: &'t str) -> impl Iterator<Item = &'t Resource> {
        let nodes = self.nodes.values().map(|node| &**node);
        nodes.filter(move |node| node.parent_id.as_deref() == Some(id))
    }

    /// Stores the resource `id` and those below it with the paths that they have now. Returns the
    /// first.
    pub(super) fn save(
        mut self,
        call: &mut Call<'_>,
        api: &str,
        id: &str,
    ) -> Result<Arc<Resource>, Fault> {
        if self.changed {
            // Parents come before their children here.
            for id in self.with_descendants(id) {
                let Some(mut resource) = self.get(&id).cloned() else { continue };
                let above = resource.parent_id.as_deref().and_then(|parent| self.get(parent));
                if let (Some(above), Some(part)) = (above, &resource.path_part) {
                    resource.path = format!("{}/{part}", above.path.trim_end_matches('/'));
                }
                let resource = Arc::new(resource);
                call.draft.put_shared(api, &id, Arc::clone(&resource));
                self.nodes.insert(id, resource);
            }
        }
        self.nodes.get(id).cloned().ok_or_else(place::unknown_resource)
    }
}

fn child_of_greedy(part: &str) -> Fault {
    Fault::bad_request(format!(
        "Cannot create a child of a resource with a greedy path variable: {part}"
    ))
}

/// Whether a text may be a part of a path: a word, `{name}` or `{name+}`.
fn is_part(part: &str) -> bool {
    let word = match part.strip_prefix('{') {
        Some(rest) => match rest.strip_suffix('}') {
            Some(name) => name.strip_suffix('+').unwrap_or(name),
            None => return false,
        },
        None => part,
    };
    // Amazon takes a dollar too (OData's `$metadata`; the CDK lets it through), though its text is older.
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:$".contains(&byte);
    !word.is_empty() && word.bytes().all(is_allowed)
}

fn is_variable(part: &str) -> bool {
    part.starts_with('{')
}

fn is_greedy(part: &str) -> bool {
    part.ends_with("+}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_words_and_variables() {
        for part in ["pets", "user_09", "good-dog", "a.b", "v1:run", "{id}", "{proxy+}"] {
            assert!(is_part(part), "{part}");
        }
        for part in [
            "", "{}", "{+}", "/users", "users/", "us{er", "us+er", "{id", "id}", "{{id}}", "a b",
            "é",
        ] {
            assert!(!is_part(part), "{part}");
        }
    }
}
