//! What an authorizer's function gets.

use super::Identities;
use crate::exchange::event::{
    Empty, EventFacts, Format, Object, Tells, text, text_inside, write_http_1_context,
    write_parameters, write_request_1, write_request_2, write_rest_context, write_stage_variables,
};
use crate::snapshot::{AuthorizerKind, LambdaAuthorizer};

/// Appends the event. `method_arn` is the request's own (`event::write_method_arn`).
pub fn write_event(
    authorizer: &LambdaAuthorizer,
    facts: &EventFacts<'_>,
    identities: &Identities<'_>,
    method_arn: &str,
    out: &mut Vec<u8>,
) {
    let mut event = Object::begin(out);
    match authorizer.kind {
        AuthorizerKind::Token => {
            event.text("type", "TOKEN");
            event.text("methodArn", method_arn);
            event.bytes("authorizationToken", identities.first().map_or(b"", |it| &**it));
        }
        AuthorizerKind::Request => {
            event.text("type", "REQUEST");
            event.text("methodArn", method_arn);
            write_request_1(facts, Format::Rest, Empty::Object, &mut event);
            write_rest_context(facts, Tells::NoAuthorizer, event.member("requestContext"));
        }
        AuthorizerKind::Http1 => {
            event.own("version", b"1.0");
            event.text("type", "REQUEST");
            event.text("methodArn", method_arn);
            write_joined(identities, event.member("identitySource"));
            write_joined(identities, event.member("authorizationToken"));
            write_request_1(facts, Format::Http1, Empty::Object, &mut event);
            write_parameters(facts, Format::Http1, Empty::Object, &mut event);
            write_stage_variables(facts, Empty::Object, &mut event);
            write_http_1_context(facts, Tells::NoAuthorizer, event.member("requestContext"));
        }
        AuthorizerKind::Http2Policy | AuthorizerKind::Http2Simple => {
            event.own("version", b"2.0");
            event.text("type", "REQUEST");
            event.text("routeArn", method_arn);
            write_list(identities, event.member("identitySource"));
            write_request_2(facts, Tells::NoAuthorizer, &mut event);
        }
    }
    event.end();
}

/// `"v1,v2"`; `null` where the authorizer has no sources.
fn write_joined(identities: &Identities<'_>, out: &mut Vec<u8>) {
    if identities.is_empty() {
        return out.extend_from_slice(b"null");
    }
    out.push(b'"');
    for (index, identity) in identities.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        text_inside(out, identity);
    }
    out.push(b'"');
}

/// `["v1","v2"]`; `null` where the authorizer has no sources.
fn write_list(identities: &Identities<'_>, out: &mut Vec<u8>) {
    if identities.is_empty() {
        return out.extend_from_slice(b"null");
    }
    out.push(b'[');
    for (index, identity) in identities.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        text(out, identity);
    }
    out.push(b']');
}
