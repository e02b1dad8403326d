//! Whether an API may invoke a function: what `AddPermission` said, asked for each request, because a
//! permission names methods and paths.

use crate::aws::policy::{Ask, Caller, Decision, Keys};
use crate::exchange::Exchange;
use crate::snapshot::function::Permission;
use crate::snapshot::{Function, Lambda};
use std::borrow::Cow;

/// Whether the function's own policy lets the request's route invoke it.
pub fn is_permitted(exchange: &Exchange<'_>, lambda: &Lambda, function: &Function) -> bool {
    if !lambda.needs_permission {
        return true;
    }
    if lambda.facts.is_function_url {
        return is_open(function);
    }
    let (Some(admitted), Some(route)) = (exchange.api, exchange.route) else { return false };
    let (api, facts) = (admitted.api, &lambda.facts);
    let key = &api.route(route).key;
    let stage = format!(
        "arn:aws:execute-api:{}:{}:{}/{}",
        facts.region, facts.account_id, api.id, api.stage
    );
    // The method as requested, the path as declared: `GET/pets/{id}`.
    let arn = match key.split_once(' ') {
        Some((_, path)) => {
            let method = String::from_utf8_lossy(exchange.method.as_ref());
            format!("{stage}/{method}{path}")
        }
        None => format!("{stage}/{key}"),
    };
    permits(function, &arn, &facts.account_id)
}

/// Whether a function's own policy lets API Gateway invoke it in the name of this ARN.
pub fn permits(function: &Function, source_arn: &str, account_id: &str) -> bool {
    let policy = match &function.permission {
        Permission::Everybody => return true,
        Permission::Nobody => return false,
        Permission::By(policy) => policy,
    };
    let source = Source { arn: source_arn, account_id };
    let ask = Ask {
        caller: Caller::Service("apigateway.amazonaws.com"),
        action: "lambda:InvokeFunction",
        resource: &function.arn,
        keys: &source,
    };
    policy.decide(&ask) == Decision::Allowed
}

/// Whether anybody may call a function by its URL.
fn is_open(function: &Function) -> bool {
    let policy = match &function.permission {
        Permission::Everybody => return true,
        Permission::Nobody => return false,
        Permission::By(policy) => policy,
    };
    let ask = Ask {
        caller: Caller::Anonymous,
        action: "lambda:InvokeFunctionUrl",
        resource: &function.arn,
        keys: &Unsigned,
    };
    policy.decide(&ask) == Decision::Allowed
}

/// What is known of a call of a function URL without a signature.
struct Unsigned;

impl Keys for Unsigned {
    fn values(&self, key: &str) -> Vec<Cow<'_, str>> {
        match key {
            "lambda:functionurlauthtype" => vec!["NONE".into()],
            _ => Vec::new(),
        }
    }
}

/// What a permission's conditions ask about.
struct Source<'s> {
    arn: &'s str,
    account_id: &'s str,
}

impl Keys for Source<'_> {
    fn values(&self, key: &str) -> Vec<Cow<'_, str>> {
        match key {
            "aws:sourcearn" => vec![self.arn.into()],
            "aws:sourceaccount" => vec![self.account_id.into()],
            _ => Vec::new(),
        }
    }
}
