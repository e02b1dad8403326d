//! `cloneFrom`: a new API from the parts of another one.
//!
//! What has an identifier gets a new one, and what names it follows. Stages, deployments and
//! documentation stay where they are.

use super::super::super::Call;
use crate::resources::rest::{
    Authorizer, GatewayResponse, Map, Method, Model, RequestValidator, Resource, RestApi,
};

/// Copies everything that is below `source` to `target`, which is not in the draft yet.
pub(super) fn copy_parts(call: &mut Call<'_>, source: &RestApi, target: &RestApi) {
    let (from, to) = (source.id.as_str(), target.id.as_str());
    let mut ids = Map::from([(source.root_resource_id.clone(), target.root_resource_id.clone())]);

    for model in call.draft.list::<Model>(from) {
        let mut model = Model::clone(&model);
        model.id = call.ids.short();
        // References to other models name their API.
        let at = |api: &str| format!("/restapis/{api}/models/");
        model.schema = model.schema.map(|schema| schema.replace(&at(from), &at(to)));
        let name = model.name.clone();
        call.draft.put(to, &name, model);
    }
    for validator in call.draft.list::<RequestValidator>(from) {
        let mut validator = RequestValidator::clone(&validator);
        validator.id = follow(call, &mut ids, &validator.id);
        let id = validator.id.clone();
        call.draft.put(to, &id, validator);
    }
    for authorizer in call.draft.list::<Authorizer>(from) {
        let mut authorizer = Authorizer::clone(&authorizer);
        authorizer.id = follow(call, &mut ids, &authorizer.id);
        let id = authorizer.id.clone();
        call.draft.put(to, &id, authorizer);
    }
    for response in call.draft.list::<GatewayResponse>(from) {
        let kind = response.response_type.clone();
        call.draft.put_shared(to, &kind, response);
    }
    let resources = call.draft.list::<Resource>(from);
    // All of them first: parents and cache namespaces name resources that come later.
    for resource in &resources {
        follow(call, &mut ids, &resource.id);
    }
    for resource in resources {
        let mut resource = Resource::clone(&resource);
        resource.id = follow(call, &mut ids, &resource.id);
        resource.parent_id = resource.parent_id.map(|parent| follow(call, &mut ids, &parent));
        for method in resource.resource_methods.values_mut() {
            follow_in_method(method, call, &mut ids);
        }
        let id = resource.id.clone();
        call.draft.put(to, &id, resource);
    }
}

/// The new identifier of what had an old one.
fn follow(call: &mut Call<'_>, ids: &mut Map, old: &str) -> String {
    if let Some(new) = ids.get(old) {
        return new.clone();
    }
    let mut new = call.ids.short();
    while ids.values().any(|taken| *taken == new) {
        new = call.ids.short();
    }
    ids.insert(old.to_owned(), new.clone());
    new
}

fn follow_in_method(method: &mut Method, call: &mut Call<'_>, ids: &mut Map) {
    for id in [&mut method.authorizer_id, &mut method.request_validator_id] {
        *id = id.take().map(|old| follow(call, ids, &old));
    }
    // A namespace of the user's own is a name, and stays.
    if let Some(integration) = &mut method.method_integration
        && let Some(new) = integration.cache_namespace.as_ref().and_then(|old| ids.get(old))
    {
        integration.cache_namespace = Some(new.clone());
    }
}
