//! Function URLs: an address that leads to a function without an API.
//!
//! One is compiled like the `$default` stage of an HTTP API with a single route: events and results have
//! format 2.0. What differs is how it is addressed ([`DefaultEndpoint::FunctionUrl`]), which permission is
//! asked for, and that preflights never reach the function.

use super::rest::SEED;
use super::{
    CompiledStage, Cors, DefaultEndpoint, FunctionPlace, ManagedStage, Shared, StagePlace,
};
use crate::model::RouteKey;
use crate::resources::function::FunctionUrl;
use crate::resources::http;
use crate::resources::rest::Map;
use crate::snapshot::function::{Lambda, LambdaFacts, PayloadFormat};
use crate::snapshot::{Api, Integration, Phase, Program, Protocol, Refusing, Route, RouteTable};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::time::Duration;

/// The stage's name, as events tell it.
pub const URL_STAGE: &str = "$default";

/// How long a client waits: a function may take 15 minutes, and a worker has to come up for it.
const TIMEOUT: Duration = Duration::from_secs(15 * 60 + 25);

/// `Cors`, as the Lambda API writes it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Declared {
    allow_credentials: Option<bool>,
    allow_headers: Option<Vec<String>>,
    allow_methods: Option<Vec<String>>,
    allow_origins: Option<Vec<String>>,
    expose_headers: Option<Vec<String>>,
    max_age: Option<i64>,
}

/// Compiles a URL of the function or alias at that place.
pub fn compile_function_url(
    place: &FunctionPlace<'_>,
    name: &str,
    url: &FunctionUrl,
) -> CompiledStage {
    let mut warnings = Vec::new();
    let stage_place = StagePlace::of(place.region, place.account_id, &url.url_id);
    let (phase, integration) = match url.auth_type.as_str() {
        "NONE" => (Phase::Integrate, Integration::Lambda(lambda(place, name, &url.invoke_mode))),
        auth_type => {
            let of = place.arn(name);
            warnings.push(format!(
                "the URL of {of} refuses everybody: AuthType {auth_type} is not served"
            ));
            (Phase::Refuse(Refusing::UrlUnsigned), Integration::Misconfigured)
        }
    };
    let declared = url.cors.clone().and_then(|cors| serde_json::from_value(cors).ok());
    let shared = Shared {
        cors: declared.as_ref().and_then(cors),
        ..Shared::of(&stage_place, "", &Map::new())
    };
    let route = Route {
        key: "$default".into(),
        parameters: Box::default(),
        program: Program { phases: [phase].into() },
        integration,
        validation: None,
        resource_id: Box::default(),
    };
    CompiledStage {
        stage: ManagedStage {
            api_id: url.url_id.as_str().into(),
            region: place.region.into(),
            name: URL_STAGE.into(),
            protocol: Protocol::Http,
            default_endpoint: DefaultEndpoint::FunctionUrl,
            release: Api {
                id: url.url_id.as_str().into(),
                name: name.into(),
                protocol: Protocol::Http,
                domain: None,
                base_path: "".into(),
                stage: URL_STAGE.into(),
                table: RouteTable::build(Protocol::Http, &[RouteKey::Default], SEED),
                routes: [route].into(),
                access_log: None,
                authorizers: Box::default(),
                shared: Some(shared.into()),
            },
            canary: None,
            upstreams: Box::default(),
        },
        upstreams: Vec::new(),
        roles: BTreeSet::new(),
        warnings,
    }
}

fn lambda(place: &FunctionPlace<'_>, name: &str, invoke_mode: &str) -> Lambda {
    Lambda {
        function: place.arn(name).into(),
        payload_format: PayloadFormat::V2,
        timeout: TIMEOUT,
        needs_permission: true,
        facts: Box::new(LambdaFacts {
            region: place.region.into(),
            // Whom Amazon's events name where nobody has to say who they are.
            account_id: "anonymous".into(),
            is_function_url: true,
            // Amazon documents no shorter pause than the longest run of a function.
            streams: (invoke_mode == "RESPONSE_STREAM").then_some(TIMEOUT),
            ..LambdaFacts::default()
        }),
        edits: None,
    }
}

fn cors(declared: &Declared) -> Option<Cors> {
    let mut cors = Cors::of(&http::Cors {
        allow_credentials: declared.allow_credentials,
        allow_headers: declared.allow_headers.clone(),
        allow_methods: declared.allow_methods.clone(),
        allow_origins: declared.allow_origins.clone(),
        expose_headers: declared.expose_headers.clone(),
        max_age: declared.max_age,
    })?;
    cors.takes_every_preflight = true;
    Some(cors)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(auth_type: &str, cors: Option<serde_json::Value>) -> CompiledStage {
        let place = FunctionPlace { region: "eu-west-1", account_id: "1", qualifier: Some("prod") };
        let url = FunctionUrl {
            url_id: "u".repeat(32),
            auth_type: auth_type.into(),
            cors,
            ..FunctionUrl::default()
        };
        compile_function_url(&place, "f", &url)
    }

    #[test]
    fn a_url_leads_to_its_function_or_alias() {
        let stage = compiled("NONE", None).stage;
        let Integration::Lambda(lambda) = &stage.release.routes[0].integration else {
            panic!("no function")
        };
        assert_eq!(&*lambda.function, "arn:aws:lambda:eu-west-1:1:function:f:prod");
        assert!(stage.release.shared.unwrap().cors.is_none());
    }

    #[test]
    fn one_that_asks_for_signatures_lets_nobody_in() {
        let compiled = compiled("AWS_IAM", None);
        let phases = &compiled.stage.release.routes[0].program.phases;
        assert_eq!(**phases, [Phase::Refuse(Refusing::UrlUnsigned)]);
        assert_eq!(compiled.warnings.len(), 1);
    }

    #[test]
    fn its_rules_for_browsers_are_read() {
        let cors = serde_json::json!({ "AllowOrigins": ["https://a.test"], "MaxAge": 60 });
        let shared = compiled("NONE", Some(cors)).stage.release.shared.unwrap();
        let cors = shared.cors.as_ref().unwrap();
        assert!(cors.takes_every_preflight);
        assert!(cors.allows(b"https://a.test").is_some());
        assert!(cors.allows(b"https://b.test").is_none());
    }
}
