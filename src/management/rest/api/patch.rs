//! What an update of a REST API may change.

use super::super::super::patch::{Family, Op, PatchOperation, operations};
use super::super::super::{Call, policy};
use super::super::entries;
use super::endpoint;
use crate::aws::Fault;
use crate::resources::rest::RestApi;
use serde_json::Value;

/// Applies a call's operations, in order.
pub(super) fn apply(call: &Call<'_>, api: &mut RestApi) -> Result<(), Fault> {
    for operation in operations(call)? {
        apply_one(&operation, api)?;
    }
    Ok(())
}

fn apply_one(operation: &PatchOperation, api: &mut RestApi) -> Result<(), Fault> {
    let tokens = operation.tokens();
    let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
    match tokens[..] {
        ["name"] => {
            entries::only_replace(operation)?;
            let name = operation.value.clone().unwrap_or_default();
            super::check_name(&name)?;
            api.name = name;
        }
        ["description"] => match operation.op {
            Op::Add | Op::Replace => api.description = operation.non_empty(),
            Op::Remove => api.description = None,
            _ => return Err(Family::Plain.bad_op(operation, &["add", "remove", "replace"])),
        },
        ["version"] => {
            entries::only_replace(operation)?;
            api.version = operation.non_empty();
        }
        ["apiKeySource"] => {
            let source = entries::one_of(operation, "apiKeySource", &["HEADER", "AUTHORIZER"])?;
            api.api_key_source = source.unwrap_or_else(|| "HEADER".into());
        }
        ["disableExecuteApiEndpoint"] => {
            entries::only_replace(operation)?;
            api.disable_execute_api_endpoint = operation.is_true();
        }
        ["policy"] => {
            entries::only_replace(operation)?;
            api.policy = policy::plain(operation.value.as_deref().unwrap_or_default())?;
        }
        ["securityPolicy"] => {
            entries::only_replace(operation)?;
            api.security_policy = operation.non_empty();
        }
        ["endpointAccessMode"] => {
            api.endpoint_access_mode =
                entries::one_of(operation, "endpointAccessMode", &["BASIC", "STRICT"])?;
        }
        ["minimumCompressionSize"] => {
            entries::only_replace(operation)?;
            let size = operation.non_empty().map(Value::String);
            api.minimum_compression_size =
                size.as_ref().map(super::compression_size).transpose()?;
        }
        ["binaryMediaTypes", media_type] => {
            let types = &mut api.binary_media_types;
            let new = match operation.op {
                Op::Add => Some(media_type.to_owned()),
                Op::Replace => Some(operation.non_empty().unwrap_or_else(|| media_type.to_owned())),
                Op::Remove => None,
                _ => return Err(Family::Plain.bad_op(operation, &["add", "remove", "replace"])),
            };
            // A replaced type does not keep its place: Amazon shows the new one last.
            if operation.op != Op::Add {
                types.retain(|known| known != media_type);
            }
            types.extend(new.filter(|new| !types.contains(new)));
        }
        ["endpointConfiguration", "types", "0" | "EDGE" | "REGIONAL" | "PRIVATE"] => {
            match operation.op {
                Op::Add | Op::Replace => {
                    let kind = endpoint::known_type(operation.value.as_deref())?;
                    endpoint::set_type(&mut api.endpoint_configuration, kind);
                }
                // An API always has a type: only a new one takes the old one away.
                Op::Remove => {}
                _ => {
                    return Err(Fault::bad_request(
                        "Invalid patch operation specified. Must be 'add'|'remove'|'replace'",
                    ));
                }
            }
        }
        ["endpointConfiguration", "ipAddressType"] => {
            entries::only_replace(operation)?;
            let endpoint = &mut api.endpoint_configuration;
            let kind = endpoint.types.first().map_or("", String::as_str);
            endpoint.ip_address_type =
                Some(endpoint::known_address_type(kind, operation.value.as_deref())?);
        }
        ["endpointConfiguration", "vpcEndpointIds"] => {
            let endpoint = &mut api.endpoint_configuration;
            let id = operation.non_empty();
            match operation.op {
                Op::Add => {
                    if !endpoint.types.iter().any(|kind| kind == "PRIVATE") {
                        return Err(endpoint::not_private());
                    }
                    let ids = &mut endpoint.vpc_endpoint_ids;
                    ids.extend(id.filter(|id| !ids.contains(id)));
                }
                Op::Remove => {
                    endpoint.vpc_endpoint_ids.retain(|known| Some(known) != id.as_ref());
                }
                _ => return Err(Family::Plain.bad_op(operation, &["add", "remove"])),
            }
        }
        _ => return Err(Family::Plain.bad_path(operation)),
    }
    Ok(())
}
