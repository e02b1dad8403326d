//! The operations of `apigatewayv2` (2018-11-29), v2: HTTP and WebSocket APIs.

mod api;
mod api_mapping;
mod authorizer;
pub(super) mod deployment;
mod domain_name;
mod integration;
mod integration_check;
mod integration_response;
mod later;
mod mapping;
mod members;
mod model;
mod model_template;
mod quick_create;
mod route;
mod route_response;
mod routing_rule;
mod service_action;
mod show;
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
    integration_response::OPERATIONS,
    later::OPERATIONS,
    model::OPERATIONS,
    route::OPERATIONS,
    route_response::OPERATIONS,
    routing_rule::OPERATIONS,
    stage::OPERATIONS,
    tags::OPERATIONS,
    vpc_link::OPERATIONS,
];

#[cfg(test)]
mod tests {
    use super::super::operation::Access;
    use super::TABLES;
    use crate::aws::shapes;
    use std::collections::BTreeSet;

    #[test]
    fn every_operation_is_one_of_the_service_once_and_only_reads_are_read() {
        let mut names = BTreeSet::new();
        for operation in TABLES.iter().copied().flatten() {
            assert!(names.insert(operation.name), "{} is there twice", operation.name);
            let model = shapes::apigatewayv2().operation(operation.name);
            let method = model.expect(operation.name).method;
            assert_eq!(operation.access == Access::Read, method == "GET", "{}", operation.name);
        }
    }
}
