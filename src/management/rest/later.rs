//! Operations that ringgate does not have yet. Each says so, and what there is in its place; those
//! that only describe what Amazon has are answered.

use super::super::Call;
use super::super::answer::Answer;
use super::super::operation::{Operation, read, write};
use super::super::page::{self, Page};
use super::place;
use crate::aws::Fault;
use serde_json::{Value, json};

/// The operations of this file.
pub(super) static OPERATIONS: &[Operation] = &[
    write("ImportRestApi", import),
    write("PutRestApi", put),
    read("GetExport", export),
    read("GetSdk", sdk),
    read("GetSdkTypes", sdk_types),
    read("GetSdkType", sdk_type),
];

fn import(_: &mut Call<'_>) -> Result<Answer, Fault> {
    Err(no_import())
}

fn put(call: &mut Call<'_>) -> Result<Answer, Fault> {
    place::api(call)?;
    Err(no_import())
}

fn no_import() -> Fault {
    Fault::bad_request(
        "OpenAPI documents cannot be imported yet: make the API with CreateRestApi, CreateResource, PutMethod and PutIntegration, or with Terraform's resources for them",
    )
}

fn export(call: &mut Call<'_>) -> Result<Answer, Fault> {
    place::stage(call)?;
    Err(Fault::bad_request(
        "Stages cannot be exported as OpenAPI documents yet: GetResources with embed=methods and GetModels show what they are made of",
    ))
}

fn sdk(call: &mut Call<'_>) -> Result<Answer, Fault> {
    place::stage(call)?;
    Err(Fault::bad_request(
        "SDKs cannot be generated: describe the API in an OpenAPI document, from which generators for all languages make clients",
    ))
}

/// A kind of SDK that Amazon generates.
struct SdkType {
    id: &'static str,
    friendly_name: &'static str,
    description: &'static str,
    properties: &'static [Property],
}

/// Something to be said when an SDK is asked for: name, what it is, whether it must be said.
type Property = (&'static str, &'static str, bool);

const SDK_TYPES: [SdkType; 6] = [
    SdkType {
        id: "android",
        friendly_name: "Android",
        description: "Android client in Java",
        properties: &[
            ("groupId", "Group ID of the generated Maven project", true),
            ("artifactId", "Artifact ID of the generated Maven project", true),
            ("artifactVersion", "Version of the generated Maven project", true),
            ("invokerPackage", "Package of the generated classes", true),
        ],
    },
    SdkType {
        id: "java",
        friendly_name: "Java",
        description: "Java client",
        properties: &[
            ("service.name", "Name of the generated client class", true),
            ("java.package-name", "Package of the generated classes", true),
            ("java.build-system", "Build system: maven or gradle", false),
            ("java.group-id", "Group ID of the generated project", false),
            ("java.artifact-id", "Artifact ID of the generated project", false),
            ("java.artifact-version", "Version of the generated project", false),
        ],
    },
    SdkType {
        id: "javascript",
        friendly_name: "JavaScript",
        description: "JavaScript client for browsers",
        properties: &[],
    },
    SdkType {
        id: "objectivec",
        friendly_name: "iOS (Objective-C)",
        description: "Objective-C client",
        properties: &[("classPrefix", "Prefix of the generated classes", true)],
    },
    SdkType {
        id: "ruby",
        friendly_name: "Ruby",
        description: "Ruby client",
        properties: &[
            ("service.name", "Name of the generated module", true),
            ("ruby.gem-name", "Name of the generated gem", false),
            ("ruby.gem-version", "Version of the generated gem", false),
        ],
    },
    SdkType {
        id: "swift",
        friendly_name: "iOS (Swift)",
        description: "Swift client",
        properties: &[("classPrefix", "Prefix of the generated classes", true)],
    },
];

impl SdkType {
    fn show(&self) -> Value {
        let properties: Vec<_> = self
            .properties
            .iter()
            .map(|(name, description, is_required)| {
                json!({
                    "name": name,
                    "friendlyName": name,
                    "description": description,
                    "required": is_required,
                })
            })
            .collect();
        json!({
            "id": self.id,
            "friendlyName": self.friendly_name,
            "description": self.description,
            "configurationProperties": properties,
        })
    }
}

fn sdk_types(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let page = Page::v1(call);
    Ok(page::v1(page.cut(&SDK_TYPES, |it| it.id.to_owned(), |it| Ok(it.show()))?))
}

fn sdk_type(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let id = call.text("id");
    let found = SDK_TYPES.iter().find(|sdk_type| sdk_type.id == id);
    let found = found.ok_or_else(|| Fault::not_found("Invalid SDK type identifier specified"))?;
    Ok(Answer::Json(found.show()))
}

#[cfg(test)]
#[path = "later_tests.rs"]
mod tests;
