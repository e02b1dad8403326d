//! Every operation of the services' models has a function here, and none has two.

use super::{http, lambda, operation, rest};
use crate::aws::shapes;
use std::collections::BTreeSet;

fn named(tables: &[&'static [operation::Operation]]) -> BTreeSet<&'static str> {
    let mut names = BTreeSet::new();
    for operation in tables.iter().flat_map(|table| table.iter()) {
        assert!(names.insert(operation.name), "{} has two functions", operation.name);
    }
    names
}

fn modelled(service: &'static shapes::Service) -> BTreeSet<&'static str> {
    service.operations().iter().map(|operation| operation.name).collect()
}

#[test]
fn every_operation_of_v1_is_there() {
    let mut there = named(rest::TABLES);
    // It waits for a back end, so it is no function of a call.
    there.insert(rest::test_invoke::TEST_INVOKE_METHOD);
    assert_eq!(there, modelled(shapes::apigateway()));
}

#[test]
fn every_operation_of_v2_is_there() {
    assert_eq!(named(http::TABLES), modelled(shapes::apigatewayv2()));
}

#[test]
fn every_operation_of_lambda_is_there() {
    let mut there = named(lambda::TABLES);
    // They wait for a worker, so they are no functions of a call.
    there.extend([lambda::INVOKE, lambda::INVOKE_STREAMING]);
    assert_eq!(there, modelled(shapes::lambda()));
}

#[test]
fn what_reads_is_asked_for_by_get_and_the_reverse() {
    let services = [
        (rest::TABLES, shapes::apigateway()),
        (http::TABLES, shapes::apigatewayv2()),
        (lambda::TABLES, shapes::lambda()),
    ];
    for (tables, service) in services {
        for operation in tables.iter().flat_map(|table| table.iter()) {
            let Some(modelled) = service.operation(operation.name) else { continue };
            let reads = operation.access == operation::Access::Read;
            // Trying a method or authorizer is posted, and changes nothing.
            let is_trial = operation.name.starts_with("TestInvoke");
            assert!(reads == (modelled.method == "GET") || is_trial, "{}", operation.name);
        }
    }
}
