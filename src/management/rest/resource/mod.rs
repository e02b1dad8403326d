//! Resources: the nodes of a REST API's path tree.

mod tree;
#[cfg(test)]
mod tests;

use super::super::operation::{Operation, read, write};
use super::super::page::{self, Page};
use super::super::patch::{Family, Op, PatchOperation, operations};
use super::super::{Answer, Call, answer};
use super::place;
use crate::aws::Fault;
use crate::resources::rest::Resource;
use serde_json::{Value, json};
use tree::Tree;

/// The operations of this file.
pub(super) static OPERATIONS: &[Operation] = &[
    write("CreateResource", create),
    read("GetResource", get),
    read("GetResources", list),
    write("UpdateResource", update),
    write("DeleteResource", delete),
];

const PATCHES: Family =
    Family::Listed { add: &[], remove: &[], replace: &["/parentId", "/pathPart"] };

fn create(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = call.text("restApiId").to_owned();
    let mut tree = Tree::of(call, &api);
    let (parent, part) = (call.text("parentId"), call.text("pathPart"));
    tree.check_place(None, parent, part)?;
    let mut resource = Resource {
        parent_id: Some(parent.to_owned()),
        path_part: Some(part.to_owned()),
        ..Resource::default()
    };
    resource.id = call.ids.short();
    while tree.has(&resource.id) {
        resource.id = call.ids.short();
    }
    let id = resource.id.clone();
    tree.put(resource);
    let resource = tree.save(call, &api, &id)?;
    Ok(Answer::Json(shown(&resource, Embed::Nothing)?))
}

fn get(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let resource = place::resource(call)?;
    Ok(Answer::Json(shown(&resource, Embed::of(call))?))
}

fn list(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = place::api(call)?;
    let embed = Embed::of(call);
    let mut resources = call.draft.list::<Resource>(&api.id);
    resources.sort_by(|a, b| a.path.cmp(&b.path));
    let path = |resource: &std::sync::Arc<Resource>| resource.path.clone();
    let page = Page::v1(call).cut(&resources, path, |resource| shown(resource, embed))?;
    Ok(page::v1(page))
}

fn update(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let resource = place::resource(call)?;
    let api = call.text("restApiId").to_owned();
    let mut tree = Tree::of(call, &api);
    for operation in operations(call)? {
        apply(&operation, &mut tree, &resource.id)?;
    }
    let resource = tree.save(call, &api, &resource.id)?;
    Ok(Answer::Json(shown(&resource, Embed::Nothing)?))
}

fn apply(operation: &PatchOperation, tree: &mut Tree, id: &str) -> Result<(), Fault> {
    if operation.op != Op::Replace {
        return Err(PATCHES.bad_op(operation, &["replace"]));
    }
    let mut resource = tree.get(id).ok_or_else(place::unknown_resource)?.clone();
    let value = operation.value.clone().unwrap_or_default();
    let member = match operation.path.as_deref() {
        Some("/pathPart") => {
            resource.path_part = Some(value);
            "pathPart"
        }
        Some("/parentId") => {
            resource.parent_id = Some(value);
            "parentId"
        }
        _ => return Err(PATCHES.bad_path(operation)),
    };
    // The root is the only one without a parent.
    if tree.get(id).is_some_and(|before| before.parent_id.is_none()) {
        return Err(Fault::bad_request(format!("Root resource cannot update its {member}.")));
    }
    let parent = resource.parent_id.as_deref().unwrap_or_default();
    let part = resource.path_part.as_deref().unwrap_or_default();
    tree.check_place(Some(id), parent, part)?;
    tree.put(resource);
    Ok(())
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let resource = place::resource(call)?;
    if resource.parent_id.is_none() {
        return Err(Fault::bad_request("Cannot delete root resource"));
    }
    let api = call.text("restApiId").to_owned();
    for id in Tree::of(call, &api).with_descendants(&resource.id) {
        call.draft.remove::<Resource>(&api, &id);
    }
    Ok(Answer::Empty)
}

/// How much of its methods a resource shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Embed {
    /// Their verbs.
    Nothing,
    /// All of them.
    Methods,
}

impl Embed {
    fn of(call: &Call<'_>) -> Self {
        let embed = call.input.get("embed").and_then(Value::as_array);
        let has_methods = embed.is_some_and(|list| list.iter().any(|it| it == "methods"));
        if has_methods { Self::Methods } else { Self::Nothing }
    }
}

fn shown(resource: &Resource, embed: Embed) -> Result<Value, Fault> {
    let mut document = answer::document(resource)?;
    if embed == Embed::Nothing
        && let Some(methods) = document.get_mut("resourceMethods").and_then(Value::as_object_mut)
    {
        methods.values_mut().for_each(|method| *method = json!({}));
    }
    Ok(document)
}
