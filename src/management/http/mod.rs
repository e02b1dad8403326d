//! The operations of `apigatewayv2` (2018-11-29), v2: HTTP and WebSocket APIs.

mod api;
mod api_mapping;
mod authorizer;
pub(super) mod deployment;
mod domain_name;
mod integration;
mod later;
mod model;
mod route;
mod routing_rule;
mod stage;
mod tags;
mod vpc_link;

use super::operation::Operation;

/// All operations, by file.
pub(super) static TABLES: &[&[Operation]] = &[
    api::OPERATIONS,
    api_mapping::OPERATIONS,
    authorizer::OPERATIONS,
    deployment::OPERATIONS,
    domain_name::OPERATIONS,
    integration::OPERATIONS,
    later::OPERATIONS,
    model::OPERATIONS,
    route::OPERATIONS,
    routing_rule::OPERATIONS,
    stage::OPERATIONS,
    tags::OPERATIONS,
    vpc_link::OPERATIONS,
];
