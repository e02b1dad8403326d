//! Tags: labels of the user's on what has an ARN of its own. Both services reach the same objects.
//!
//! ARNs have an empty account field for most nouns; Terraform computes them itself and sends exactly
//! these forms, so nothing here asks for more than what tells one noun from another.

use super::{Answer, Call, answer};
use crate::aws::Fault;
use crate::resources::account::{ClientCertificate, HttpVpcLink, VpcLink};
use crate::resources::domain::{AccessAssociation, DomainName};
use crate::resources::rest::{Map, RestApi};
use crate::resources::usage::{ApiKey, UsagePlan};
use crate::resources::{Entity, http, http_stage, rest_stage};
use serde::Serialize;

/// Tags of one noun.
const TAGS_MAX: usize = 50;

/// Characters of a key (Amazon's limits on tags).
const KEY_CHARACTERS_MAX: usize = 128;

/// Characters of a value.
const VALUE_CHARACTERS_MAX: usize = 256;

/// Checks tags that a user sends.
///
/// # Errors
/// Too many, too long, or a key that is Amazon's own.
pub(super) fn check(tags: &Map) -> Result<(), Fault> {
    if tags.len() > TAGS_MAX {
        return Err(Fault::bad_request("Too many tags. The maximum number of tags is 50."));
    }
    for (key, value) in tags {
        if key.is_empty() || key.chars().count() > KEY_CHARACTERS_MAX {
            return Err(Fault::bad_request(format!(
                "Invalid tag key: {key}. Keys have 1 to {KEY_CHARACTERS_MAX} characters."
            )));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(Fault::bad_request(
                "Invalid tag key. Tag keys cannot start with 'aws:' (case insensitive)",
            ));
        }
        if value.chars().count() > VALUE_CHARACTERS_MAX {
            return Err(Fault::bad_request(format!(
                "Invalid tag value of {key}. Values have at most {VALUE_CHARACTERS_MAX} characters."
            )));
        }
    }
    Ok(())
}

/// A noun as single reads and updates of v1 show it: with `tags`, also when there are none.
///
/// # Errors
/// None that happens, as for [`Answer::of`].
pub(super) fn with_tags(noun: &impl Serialize) -> Result<Answer, Fault> {
    let mut document = answer::document(noun)?;
    if let Some(members) = document.as_object_mut() {
        members.entry("tags").or_insert_with(|| serde_json::json!({}));
    }
    Ok(Answer::Json(document))
}

/// What an ARN of API Gateway names.
#[derive(Debug, PartialEq, Eq)]
enum Tagged<'a> {
    RestApi(&'a str),
    Stage(&'a str, &'a str),
    ApiKey(&'a str),
    UsagePlan(&'a str),
    DomainName(&'a str),
    AccessAssociation(&'a str),
    VpcLink(&'a str),
    ClientCertificate(&'a str),
    Api(&'a str),
    HttpStage(&'a str, &'a str),
}

/// `arn:{partition}:apigateway:{region}:{account}:/{path}`.
fn parse(arn: &str) -> Option<Tagged<'_>> {
    let mut parts = arn.splitn(6, ':');
    let is_arn = parts.next() == Some("arn")
        && parts.next().is_some_and(|partition| partition.starts_with("aws"))
        && parts.next() == Some("apigateway");
    let path = parts.nth(2).filter(|_| is_arn)?;
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    Some(match segments[..] {
        ["restapis", api] => Tagged::RestApi(api),
        ["restapis", api, "stages", stage] => Tagged::Stage(api, stage),
        ["apikeys", id] => Tagged::ApiKey(id),
        ["usageplans", id] => Tagged::UsagePlan(id),
        ["domainnames", name] => Tagged::DomainName(name),
        ["domainnameaccessassociations", ..] => Tagged::AccessAssociation(arn),
        ["vpclinks", id] => Tagged::VpcLink(id),
        ["clientcertificates", id] => Tagged::ClientCertificate(id),
        ["apis", api] => Tagged::Api(api),
        ["apis", api, "stages", stage] => Tagged::HttpStage(api, stage),
        _ => return None,
    })
}

/// Changes the tags of what an ARN names, and returns them as they are then.
///
/// # Errors
/// The ARN is none, names nothing that can have tags, or nothing that is there; or what `change`
/// refuses.
pub(super) fn at(
    call: &mut Call<'_>,
    arn: &str,
    change: impl FnOnce(&mut Map) -> Result<(), Fault>,
) -> Result<Map, Fault> {
    let Some(tagged) = parse(arn) else {
        return Err(Fault::bad_request(format!("Invalid ARN specified in the request: {arn}")));
    };
    let unknown = |text: &str| Fault::not_found(text);
    match tagged {
        Tagged::RestApi(id) => {
            let unknown = call.unknown_api(id);
            edit::<RestApi>(call, "", id, |noun| &mut noun.tags, change, unknown)
        }
        Tagged::Stage(api, stage) => {
            let unknown = unknown("Invalid stage identifier specified");
            edit::<rest_stage::Stage>(call, api, stage, |noun| &mut noun.tags, change, unknown)
        }
        Tagged::ApiKey(id) => {
            let unknown = unknown("Invalid API Key identifier specified");
            edit::<ApiKey>(call, "", id, |noun| &mut noun.tags, change, unknown)
        }
        Tagged::UsagePlan(id) => {
            let unknown = unknown("Invalid Usage Plan ID specified");
            edit::<UsagePlan>(call, "", id, |noun| &mut noun.tags, change, unknown)
        }
        Tagged::DomainName(name) => {
            let unknown = unknown("Invalid domain name identifier specified");
            edit::<DomainName>(call, "", name, |noun| &mut noun.tags, change, unknown)
        }
        Tagged::AccessAssociation(arn) => {
            let unknown = unknown("Invalid domain name access association identifier specified");
            edit::<AccessAssociation>(call, "", arn, |noun| &mut noun.tags, change, unknown)
        }
        Tagged::VpcLink(id) => {
            let unknown = unknown("Invalid Vpc Link identifier specified");
            // Both kinds of links share one form of ARN.
            if call.draft.has::<HttpVpcLink>("", id) {
                edit::<HttpVpcLink>(call, "", id, |noun| &mut noun.tags, change, unknown)
            } else {
                edit::<VpcLink>(call, "", id, |noun| &mut noun.tags, change, unknown)
            }
        }
        Tagged::ClientCertificate(id) => {
            let unknown = unknown("Invalid Client Certificate identifier specified");
            edit::<ClientCertificate>(call, "", id, |noun| &mut noun.tags, change, unknown)
        }
        Tagged::Api(id) => {
            let unknown = call.unknown_api(id);
            edit::<http::Api>(call, "", id, |noun| &mut noun.tags, change, unknown)
        }
        Tagged::HttpStage(api, stage) => {
            let unknown = unknown("Invalid stage identifier specified");
            edit::<http_stage::Stage>(call, api, stage, |noun| &mut noun.tags, change, unknown)
        }
    }
}

/// Changes the tags of one noun; `unknown` is what is answered when there is none.
fn edit<T: Entity + Clone>(
    call: &mut Call<'_>,
    owner: &str,
    id: &str,
    tags: impl Fn(&mut T) -> &mut Map,
    change: impl FnOnce(&mut Map) -> Result<(), Fault>,
    unknown: Fault,
) -> Result<Map, Fault> {
    let mut noun = T::clone(&*call.draft.get::<T>(owner, id).ok_or(unknown)?);
    let before = tags(&mut noun).clone();
    change(tags(&mut noun))?;
    let after = tags(&mut noun).clone();
    if after != before {
        call.draft.put(owner, id, noun);
    }
    Ok(after)
}

/// What `GetTags` of both services answers.
///
/// # Errors
/// Those of [`at`].
pub(super) fn get(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let arn = call.text("resourceArn").to_owned();
    let tags = at(call, &arn, |_| Ok(()))?;
    Ok(Answer::Json(serde_json::json!({ "tags": tags })))
}

/// What `TagResource` of both services does: merges.
///
/// # Errors
/// Those of [`at`] and [`check`].
pub(super) fn tag(call: &mut Call<'_>) -> Result<(), Fault> {
    #[derive(serde::Deserialize)]
    struct Input {
        #[serde(default)]
        tags: Map,
    }
    let arn = call.text("resourceArn").to_owned();
    let Input { tags: new } = call.input()?;
    check(&new)?;
    at(call, &arn, |tags| {
        tags.extend(new);
        match tags.len() > TAGS_MAX {
            true => check(tags),
            false => Ok(()),
        }
    })?;
    Ok(())
}

/// What `UntagResource` of both services does; keys that are not there do not matter.
///
/// # Errors
/// Those of [`at`].
pub(super) fn untag(call: &mut Call<'_>) -> Result<Answer, Fault> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Input {
        #[serde(default)]
        tag_keys: Vec<String>,
    }
    let arn = call.text("resourceArn").to_owned();
    let Input { tag_keys } = call.input()?;
    at(call, &arn, |tags| {
        tags.retain(|key, _| !tag_keys.contains(key));
        Ok(())
    })?;
    Ok(Answer::Empty)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::management::fixture::Fixture;
    use serde_json::json;

    #[test]
    fn the_arns_that_tools_compute_are_read() {
        let arn = |path: &str| format!("arn:aws:apigateway:us-east-1::{path}");
        assert_eq!(parse(&arn("/restapis/abc")), Some(Tagged::RestApi("abc")));
        assert_eq!(
            parse(&arn("/apis/abc/stages/$default")),
            Some(Tagged::HttpStage("abc", "$default"))
        );
        assert_eq!(
            parse("arn:aws-cn:apigateway:cn-north-1:000000000000:/domainnames/a.example"),
            Some(Tagged::DomainName("a.example"))
        );
        for other in ["", "arn", "arn:aws:s3:::bucket", &arn("/restapis/abc/resources/x")] {
            assert_eq!(parse(other), None, "{other}");
        }
    }

    #[test]
    fn tags_merge_and_go() {
        let mut fixture = Fixture::new();
        let input = json!({ "name": "link", "targetArns": [], "tags": { "a": "1" } });
        let id = fixture.v1("CreateVpcLink", input).unwrap()["id"].clone();
        let arn = format!("arn:aws:apigateway:us-east-1::/vpclinks/{}", id.as_str().unwrap());
        let tags = json!({ "a": "2", "b": "3" });
        fixture.v1("TagResource", json!({ "resourceArn": arn, "tags": tags })).unwrap();
        let read = fixture.v1("GetTags", json!({ "resourceArn": arn })).unwrap();
        assert_eq!(read, json!({ "tags": { "a": "2", "b": "3" } }));
        fixture.v2("UntagResource", json!({ "resourceArn": arn, "tagKeys": ["a", "x"] })).unwrap();
        let read = fixture.v2("GetTags", json!({ "resourceArn": arn })).unwrap();
        assert_eq!(read, json!({ "tags": { "b": "3" } }));
    }

    #[test]
    fn tags_have_limits() {
        let tags =
            |count: usize| (0..count).map(|n| (n.to_string(), String::new())).collect::<Map>();
        assert!(check(&tags(TAGS_MAX)).is_ok());
        assert!(check(&tags(TAGS_MAX + 1)).is_err());
        for (key, value, ok) in [
            ("k".repeat(128), "v".repeat(256), true),
            ("k".repeat(129), String::new(), false),
            ("k".to_owned(), "v".repeat(257), false),
            ("aws:x".to_owned(), String::new(), false),
            (String::new(), String::new(), false),
        ] {
            assert_eq!(check(&Map::from([(key, value)])).is_ok(), ok);
        }
    }

    #[test]
    fn what_is_not_there_is_told() {
        let mut fixture = Fixture::new();
        let arn = "arn:aws:apigateway:us-east-1::/restapis/abc";
        let fault = fixture.v1("GetTags", json!({ "resourceArn": arn })).unwrap_err();
        assert_eq!(fault.message, "Invalid API identifier specified 000000000000:abc");
        let fault = fixture.v1("GetTags", json!({ "resourceArn": "x" })).unwrap_err();
        assert_eq!(fault.kind, "BadRequestException");
    }
}
