//! The models that every new API has, to the letter: tools that read them back compare texts.

use super::super::super::Call;
use crate::resources::rest::Model;

const EMPTY: &str = "{\n  \"$schema\": \"http://json-schema.org/draft-04/schema#\",\n  \"title\" : \"Empty Schema\",\n  \"type\" : \"object\"\n}";

const ERROR: &str = "{\n  \"$schema\" : \"http://json-schema.org/draft-04/schema#\",\n  \"title\" : \"Error Schema\",\n  \"type\" : \"object\",\n  \"properties\" : {\n    \"message\" : { \"type\" : \"string\" }\n  }\n}";

/// Adds the models `Empty` and `Error`.
pub(in super::super) fn put_models(call: &mut Call<'_>, api: &str) {
    for (name, what, schema) in [("Empty", "empty", EMPTY), ("Error", "error", ERROR)] {
        let model = Model {
            id: call.ids.short(),
            name: name.into(),
            description: Some(format!("This is a default {what} schema model")),
            schema: Some(schema.into()),
            content_type: "application/json".into(),
        };
        call.draft.put(api, name, model);
    }
}
