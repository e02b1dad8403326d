//! The operations of `apigateway` (2015-07-09), v1: REST APIs and what all APIs share.

mod access_association;
mod account;
mod api;
pub(super) mod api_key;
mod authorizer;
mod base_path_mapping;
mod client_certificate;
mod deployment;
mod documentation;
mod domain_name;
mod entries;
mod expression;
mod gateway_response;
mod integration;
mod later;
mod method;
mod model;
mod place;
mod request_validator;
mod resource;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod planted;
mod stage;
mod tags;
#[cfg(test)]
mod terraform_tests;
pub(super) mod test_invoke;
pub(super) mod usage_plan;
pub(super) mod vpc_link;

use super::operation::Operation;

/// All operations, by file.
pub(super) static TABLES: &[&[Operation]] = &[
    access_association::OPERATIONS,
    account::OPERATIONS,
    api::OPERATIONS,
    api_key::OPERATIONS,
    authorizer::OPERATIONS,
    base_path_mapping::OPERATIONS,
    client_certificate::OPERATIONS,
    deployment::OPERATIONS,
    documentation::OPERATIONS,
    domain_name::OPERATIONS,
    gateway_response::OPERATIONS,
    integration::OPERATIONS,
    later::OPERATIONS,
    method::OPERATIONS,
    model::OPERATIONS,
    request_validator::OPERATIONS,
    resource::OPERATIONS,
    stage::OPERATIONS,
    tags::OPERATIONS,
    test_invoke::OPERATIONS,
    usage_plan::OPERATIONS,
    vpc_link::OPERATIONS,
];
