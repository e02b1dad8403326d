//! Another gateway's APIs in the declared form: what its `Get` calls answer, read as our own nouns.
//!
//! The nouns' serde form is Amazon's answer, so an answer becomes a noun as it is, and the export does
//! the rest. What a gateway outside of Amazon cannot carry over, or only with somebody's help, is told.

use super::{File, Secrets};
use crate::resources::rest::{Resource, RestApi};
use crate::resources::rest_stage::{Definition, Deployment, Stage};
use crate::resources::{Draft, Entity, Key, Object, State, account, domain, http};
use crate::resources::{http_stage, usage};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Something that is not, or not wholly, carried over.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Remark {
    /// What kind of thing, as a heading.
    pub topic: Topic,
    /// Which one.
    pub place: String,
}

/// Why something is not carried over as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// An answer that could not be read as a noun.
    Unreadable,
    /// AWS Lambda.
    Function,
    /// Other AWS services behind a method.
    AwsService,
    /// Roles of integrations and authorizers.
    Role,
    /// Amazon Cognito.
    Cognito,
    /// Signed requests of IAM users.
    Iam,
    /// A load balancer in a VPC.
    VpcLink,
    /// A certificate of ACM.
    Certificate,
    /// A key pair that Amazon made.
    ClientCertificate,
    /// Values of API keys.
    ApiKeyValue,
    /// AWS WAF.
    WebAcl,
    /// Logs in CloudWatch or Firehose.
    Logs,
    /// AWS X-Ray.
    Tracing,
    /// CloudFront in front of an API or name.
    Edge,
    /// Reachable from a VPC only.
    Private,
    /// What a stage serves may not be what is edited.
    Deployment,
    /// Canary releases.
    Canary,
    /// Frozen documentation.
    Documentation,
}

impl Topic {
    /// A heading, and what it means for whoever reads the report.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Topic::Unreadable => {
                ("Not read", "The answer was not what Amazon's model says. It is left out.")
            }
            Topic::Function => (
                "Lambda functions",
                "The integration or authorizer is carried over with its function's ARN, the function's code is not. Point it to an HTTP back end, or bring the function along.",
            ),
            Topic::AwsService => (
                "Integrations with AWS services",
                "Carried over as they are declared. They need the service, and credentials for it, from where ringgate runs.",
            ),
            Topic::Role => (
                "IAM roles",
                "The ARN is carried over. There is nobody here to assume the role: whatever it allowed must be allowed otherwise.",
            ),
            Topic::Cognito => (
                "Cognito authorizers",
                "Carried over with the user pool's ARN. The pool stays at Amazon; its tokens are JWTs, so a JWT authorizer with the pool's issuer does the same.",
            ),
            Topic::Iam => (
                "Methods with AWS_IAM authorization",
                "Carried over as declared. IAM's users and policies are not: clients need other credentials.",
            ),
            Topic::VpcLink => (
                "VPC links",
                "Carried over with its ARNs or subnets. There is no VPC here: give its integrations a host that is reachable from here.",
            ),
            Topic::Certificate => (
                "Certificates of ACM",
                "The ARN is carried over. ACM does not hand out private keys: give the name a certificate in ringgate's own configuration.",
            ),
            Topic::ClientCertificate => (
                "Client certificates",
                "Amazon does not hand out the private key: a new pair is made, which back ends must be told to trust.",
            ),
            Topic::ApiKeyValue => (
                "Values of API keys",
                "Left out, so that the files can be kept in git: new values are made. With `--with-secrets` they are read and written.",
            ),
            Topic::WebAcl => (
                "Web ACLs of AWS WAF",
                "Left out. Rate limits are usage plans and throttling; the other rules have no counterpart.",
            ),
            Topic::Logs => (
                "Logs in CloudWatch and Firehose",
                "Carried over as declared. Nothing is sent to AWS: access logs and metrics are ringgate's own.",
            ),
            Topic::Tracing => {
                ("Traces of X-Ray", "Carried over as declared. Nothing is sent to AWS.")
            }
            Topic::Edge => (
                "Edge-optimized endpoints",
                "Carried over as declared, and served as any other: there is no CloudFront in front of it.",
            ),
            Topic::Private => (
                "Private endpoints",
                "Carried over as declared. Who may connect is decided by your network, not by VPC endpoints.",
            ),
            Topic::Deployment => (
                "What stages serve",
                "A deployment cannot be read. The files declare what is edited now, which is what will be served; compare with the console if somebody may have edited without deploying.",
            ),
            Topic::Canary => (
                "Canary releases",
                "Carried over, but stage and canary both begin with what is edited now, because deployments cannot be read.",
            ),
            Topic::Documentation => (
                "Documentation versions",
                "Carried over by name. Their content is that of the parts as they are now.",
            ),
        }
    }
}

/// What was read so far.
#[derive(Debug, Default)]
pub struct Adoption {
    region: String,
    objects: BTreeMap<Key, Arc<dyn Object>>,
    remarks: Vec<Remark>,
}

/// Members with a date, which each service and each imitation of it writes in its own way. None of them
/// is in the declared form.
const DATES: [&str; 6] = [
    "createdDate",
    "lastUpdatedDate",
    "certificateUploadDate",
    "regionalCertificateUploadDate",
    "expirationDate",
    "created_at",
];

impl Adoption {
    /// Nothing read yet.
    pub fn new(region: &str) -> Self {
        Self { region: region.to_owned(), ..Self::default() }
    }

    /// Tells of something.
    pub fn remark(&mut self, topic: Topic, place: impl Into<String>) {
        self.remarks.push(Remark { topic, place: place.into() });
    }

    /// Keeps an answer as a noun. What cannot be read as one is told of and left out.
    pub fn keep<T: Entity + DeserializeOwned>(
        &mut self,
        owner: &str,
        id: &str,
        answer: &Value,
    ) -> Option<Arc<T>> {
        let mut answer = cleaned(answer);
        complete(T::KIND, &mut answer);
        match serde_json::from_value::<T>(answer) {
            Ok(noun) => Some(self.put(owner, id, noun)),
            Err(error) => {
                let owner = if owner.is_empty() { String::new() } else { format!(" of {owner}") };
                self.remark(Topic::Unreadable, format!("{} {id}{owner}: {error}", T::KIND));
                None
            }
        }
    }

    fn put<T: Entity>(&mut self, owner: &str, id: &str, noun: T) -> Arc<T> {
        let noun = Arc::new(noun);
        let key = Key::new(&self.region, owner, T::KIND, id);
        self.objects.insert(key, Arc::clone(&noun) as Arc<dyn Object>);
        noun
    }

    /// A REST API's own answer.
    pub fn rest_api(&mut self, answer: &Value) -> Option<Arc<RestApi>> {
        let mut answer = answer.clone();
        // Shown with a backslash before each quotation mark.
        if let Some(policy) = answer.get("policy").and_then(Value::as_str)
            && serde_json::from_str::<Value>(policy).is_err()
            && let Ok(plain) = serde_json::from_str::<String>(&format!("\"{policy}\""))
        {
            answer["policy"] = Value::from(plain);
        }
        let id = answer["id"].as_str().unwrap_or_default().to_owned();
        let api = self.keep::<RestApi>("", &id, &answer)?;
        let place = format!("REST API {} ({id})", api.name);
        match api.endpoint_configuration.types.first().map(String::as_str) {
            Some("EDGE") => self.remark(Topic::Edge, place),
            Some("PRIVATE") => self.remark(Topic::Private, place),
            _ => {}
        }
        Some(api)
    }

    /// One node of a REST API's tree, with its methods.
    pub fn resource(&mut self, api: &RestApi, answer: &Value) {
        let id = answer["id"].as_str().unwrap_or_default().to_owned();
        let Some(resource) = self.keep::<Resource>(&api.id, &id, answer) else { return };
        for (verb, method) in &resource.resource_methods {
            let place = format!("{}: {verb} {}", api.name, resource.path);
            if method.authorization_type == "AWS_IAM" {
                self.remark(Topic::Iam, place.clone());
            }
            let Some(integration) = &method.method_integration else { continue };
            let uri = integration.uri.as_deref().unwrap_or_default();
            self.integration(&place, &integration.r#type, uri, integration.credentials.as_deref());
        }
    }

    /// What an integration needs.
    fn integration(&mut self, place: &str, kind: &str, uri: &str, role: Option<&str>) {
        if kind.starts_with("AWS") {
            let topic = match uri.contains(":lambda:") || uri.contains(":function:") {
                true => Topic::Function,
                false => Topic::AwsService,
            };
            self.remark(topic, format!("{place}: {uri}"));
        }
        if let Some(role) = role {
            self.remark(Topic::Role, format!("{place}: {role}"));
        }
    }

    /// A REST API's authorizer.
    pub fn authorizer(&mut self, api: &RestApi, answer: &Value) {
        let id = answer["id"].as_str().unwrap_or_default();
        let noun = self.keep::<crate::resources::rest::Authorizer>(&api.id, id, answer);
        let Some(noun) = noun else { return };
        let place = format!("{}: authorizer {}", api.name, noun.name);
        match noun.r#type.as_str() {
            "COGNITO_USER_POOLS" => self.remark(Topic::Cognito, place.clone()),
            "TOKEN" | "REQUEST" => self.remark(Topic::Function, place.clone()),
            _ => {}
        }
        if let Some(role) = &noun.authorizer_credentials {
            self.remark(Topic::Role, format!("{place}: {role}"));
        }
    }

    /// A REST API's stage. Everything else of the API must have been read.
    pub fn stage(&mut self, api: &Arc<RestApi>, answer: &Value) {
        let name = answer["stageName"].as_str().unwrap_or_default();
        let Some(stage) = self.keep::<Stage>(&api.id, name, answer) else { return };
        let place = format!("{}: stage {name}", api.name);
        let mut frozen = vec![stage.deployment_id.clone()];
        if let Some(canary) = &stage.canary_settings {
            frozen.push(canary.deployment_id.clone());
            self.remark(Topic::Canary, place.clone());
        }
        for id in frozen {
            let deployment = Deployment { id: id.clone(), ..Deployment::default() };
            self.put(&api.id, &id, deployment);
            // The closest to what it froze that can be read.
            let now = self.definition(api);
            self.put(&api.id, &id, now);
        }
        self.remark(Topic::Deployment, place.clone());
        if stage.web_acl_arn.is_some() {
            self.remark(Topic::WebAcl, place.clone());
        }
        if stage.tracing_enabled {
            self.remark(Topic::Tracing, place.clone());
        }
        let is_logging = |it: &crate::resources::rest_stage::MethodSetting| {
            it.logging_level.as_deref().is_some_and(|level| level != "OFF")
        };
        if stage.access_log_settings.is_some() || stage.method_settings.values().any(is_logging) {
            self.remark(Topic::Logs, place);
        }
    }

    fn definition(&self, api: &Arc<RestApi>) -> Definition {
        let state = State::new(self.objects.clone());
        Definition::of(&Draft::new(&state, &self.region), api)
    }

    /// An HTTP or WebSocket API's part, and what it needs.
    pub fn http_integration(&mut self, api: &http::Api, answer: &Value) {
        let id = answer["integrationId"].as_str().unwrap_or_default();
        let Some(noun) = self.keep::<http::Integration>(&api.api_id, id, answer) else { return };
        let uri = noun.integration_uri.as_deref().or(noun.integration_subtype.as_deref());
        let place = format!("{}: integration {id}", api.name);
        let role = noun.credentials_arn.as_deref();
        self.integration(&place, &noun.integration_type, uri.unwrap_or_default(), role);
    }

    /// An HTTP or WebSocket API's authorizer.
    pub fn http_authorizer(&mut self, api: &http::Api, answer: &Value) {
        let id = answer["authorizerId"].as_str().unwrap_or_default();
        let Some(noun) = self.keep::<http::Authorizer>(&api.api_id, id, answer) else { return };
        let place = format!("{}: authorizer {}", api.name, noun.name);
        if noun.authorizer_type == "REQUEST" {
            self.remark(Topic::Function, place.clone());
        }
        if let Some(role) = &noun.authorizer_credentials_arn {
            self.remark(Topic::Role, format!("{place}: {role}"));
        }
    }

    /// An HTTP or WebSocket API's route.
    pub fn route(&mut self, api: &http::Api, answer: &Value) {
        let id = answer["routeId"].as_str().unwrap_or_default();
        let Some(noun) = self.keep::<http::Route>(&api.api_id, id, answer) else { return };
        if noun.authorization_type == "AWS_IAM" {
            self.remark(Topic::Iam, format!("{}: {}", api.name, noun.route_key));
        }
    }

    /// An HTTP or WebSocket API's stage. Everything else of the API must have been read.
    pub fn http_stage(&mut self, api: &Arc<http::Api>, answer: &Value) {
        let name = answer["stageName"].as_str().unwrap_or_default();
        let noun = self.keep::<http_stage::Stage>(&api.api_id, name, answer);
        let Some(stage) = noun else { return };
        let place = format!("{}: stage {name}", api.name);
        if let Some(id) = stage.deployment_id.as_deref().filter(|_| !stage.auto_deploy) {
            let state = State::new(self.objects.clone());
            let now = http_stage::Definition::of(&Draft::new(&state, &self.region), api);
            self.put(&api.api_id, id, now);
            self.remark(Topic::Deployment, place.clone());
        }
        let level = stage.default_route_settings.logging_level.as_deref().unwrap_or("OFF");
        if stage.access_log_settings.is_some() || level != "OFF" {
            self.remark(Topic::Logs, place);
        }
    }

    /// An API key.
    pub fn api_key(&mut self, answer: &Value, secrets: Secrets) {
        let id = answer["id"].as_str().unwrap_or_default();
        let Some(noun) = self.keep::<usage::ApiKey>("", id, answer) else { return };
        if secrets == Secrets::Hidden {
            self.remark(Topic::ApiKeyValue, noun.name.clone().unwrap_or_else(|| id.to_owned()));
        }
    }

    /// A domain name. Returns the owner of its mappings.
    pub fn domain_name(&mut self, answer: &Value) -> Option<String> {
        let name = answer["domainName"].as_str().unwrap_or_default().to_owned();
        let id = match answer["domainNameId"].as_str() {
            Some(id) => format!("{name}+{id}"),
            None => name.clone(),
        };
        let noun = self.keep::<domain::DomainName>("", &id, answer)?;
        if noun.certificate_arn.is_some() || noun.regional_certificate_arn.is_some() {
            self.remark(Topic::Certificate, name.clone());
        }
        if noun.endpoint_configuration.types.iter().any(|kind| kind == "EDGE") {
            self.remark(Topic::Edge, format!("domain name {name}"));
        }
        Some(id)
    }

    /// A client certificate.
    pub fn client_certificate(&mut self, answer: &Value) {
        let id = answer["clientCertificateId"].as_str().unwrap_or_default();
        if self.keep::<account::ClientCertificate>("", id, answer).is_some() {
            self.remark(Topic::ClientCertificate, id);
        }
    }

    /// The files, and what is to be told.
    pub fn finish(mut self, secrets: Secrets, layout: Layout) -> (Vec<File>, Vec<Remark>) {
        let state = State::new(std::mem::take(&mut self.objects));
        let draft = Draft::new(&state, &self.region);
        let files = match layout {
            Layout::Folder => super::export_files(&draft, secrets, &[]),
            Layout::File => {
                let text = super::export(&draft, secrets, &[]);
                vec![File { name: format!("{}.toml", self.region), text }]
            }
        };
        self.remarks.sort();
        self.remarks.dedup();
        (files, self.remarks)
    }
}

/// How files are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// All in one.
    File,
    /// One for each API.
    Folder,
}

/// The report, as Markdown.
pub fn report(region: &str, place: &str, remarks: &[Remark]) -> String {
    let mut out = format!(
        "# What was adopted from {place}, region {region}\n\nThe files declare everything that could be read. This is what they cannot carry over as it is.\n"
    );
    if remarks.is_empty() {
        out.push_str("\nNothing: all of it is carried over.\n");
    }
    let mut last = None;
    for remark in remarks {
        if last != Some(remark.topic) {
            let (heading, words) = remark.topic.words();
            out.push_str(&format!("\n## {heading}\n{words}\n\n"));
            last = Some(remark.topic);
        }
        out.push_str(&format!("- {}\n", remark.place));
    }
    out
}

/// Fills in what Amazon always says, and other services may leave out.
fn complete(kind: &str, answer: &mut Value) {
    let defaults: &[(&str, Value)] = match kind {
        <RestApi as Entity>::KIND => &[
            ("apiKeySource", json!("HEADER")),
            ("endpointConfiguration", json!({"types": ["EDGE"]})),
        ],
        <http::Api as Entity>::KIND => &[
            ("apiKeySelectionExpression", json!("$request.header.x-api-key")),
            ("routeSelectionExpression", json!("$request.method $request.path")),
            ("ipAddressType", json!("ipv4")),
        ],
        <http::Integration as Entity>::KIND => {
            &[("connectionType", json!("INTERNET")), ("timeoutInMillis", json!(30_000))]
        }
        <http::Route as Entity>::KIND => &[("authorizationType", json!("NONE"))],
        <domain::DomainName as Entity>::KIND => &[
            ("securityPolicy", json!("TLS_1_2")),
            ("routingMode", json!("BASE_PATH_MAPPING_ONLY")),
        ],
        _ => &[],
    };
    fill(answer, defaults);
    if kind == <Resource as Entity>::KIND
        && let Some(methods) = answer.get_mut("resourceMethods").and_then(Value::as_object_mut)
    {
        for (verb, method) in methods {
            fill(method, &[("authorizationType", json!("NONE")), ("httpMethod", json!(verb))]);
            let integration = method.get_mut("methodIntegration");
            if let Some(integration) = integration.filter(|it| it.is_object()) {
                fill(integration, &[("timeoutInMillis", json!(29_000))]);
            }
        }
    }
}

fn fill(answer: &mut Value, defaults: &[(&str, Value)]) {
    let Some(members) = answer.as_object_mut() else { return };
    for (member, value) in defaults {
        members.entry(*member).or_insert_with(|| value.clone());
    }
}

/// An answer without dates and nulls.
fn cleaned(answer: &Value) -> Value {
    match answer {
        Value::Object(members) => members
            .iter()
            .filter(|(name, value)| !value.is_null() && !DATES.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), cleaned(value)))
            .collect(),
        Value::Array(list) => list.iter().map(cleaned).collect(),
        // A whole rate may be a whole number, and the other way round.
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_become_files_and_what_stays_behind_is_told() {
        let mut adoption = Adoption::new("us-east-1");
        let api = adoption
            .rest_api(&json!({
                "id": "a1b2c3d4e5", "name": "pets", "createdDate": "2026-01-01T00:00:00+00:00",
                "rootResourceId": "root", "apiKeySource": "HEADER", "description": null,
                "endpointConfiguration": {"types": ["EDGE"]},
                "policy": "{\\\"Version\\\":\\\"2012-10-17\\\"}",
            }))
            .unwrap();
        adoption.resource(&api, &json!({"id": "root", "path": "/", "resourceMethods": {"GET": {
            "httpMethod": "GET", "authorizationType": "AWS_IAM", "apiKeyRequired": false,
            "methodIntegration": {"type": "AWS_PROXY", "httpMethod": "POST", "credentials": "arn:aws:iam::1:role/r",
                "uri": "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:1:function:f/invocations",
                "timeoutInMillis": 29000, "cacheNamespace": "root"}}}}));
        adoption.stage(&api, &json!({"stageName": "prod", "deploymentId": "d", "tracingEnabled": true, "webAclArn": "arn:aws:wafv2:x"}));
        assert!(adoption.authorizer_is_refused());
        let (files, remarks) = adoption.finish(Secrets::Hidden, Layout::Folder);
        assert_eq!(files.len(), 1);
        let text = &files[0].text;
        assert!(text.contains("policy = '{\"Version\":\"2012-10-17\"}'"), "{text}");
        assert!(text.contains("[rest_api.stage.prod]\ntracing_enabled = true\n"), "{text}");
        assert!(!text.contains("manual"), "a stage is deployed when it is applied: {text}");
        let topics: Vec<Topic> = remarks.iter().map(|remark| remark.topic).collect();
        let expected = [
            Topic::Unreadable,
            Topic::Function,
            Topic::Role,
            Topic::Iam,
            Topic::WebAcl,
            Topic::Tracing,
            Topic::Edge,
            Topic::Deployment,
        ];
        assert_eq!(topics, expected);
        let report = report("us-east-1", "Amazon", &remarks);
        assert!(
            report.contains("## IAM roles\n")
                && report.contains("- pets: GET /: arn:aws:iam::1:role/r\n")
        );
    }

    impl Adoption {
        /// Reads an authorizer that is none.
        fn authorizer_is_refused(&mut self) -> bool {
            let api = RestApi { id: "a1b2c3d4e5".into(), ..RestApi::default() };
            self.authorizer(&api, &json!({"id": "x", "name": 7}));
            self.remarks.iter().any(|remark| remark.topic == Topic::Unreadable)
        }
    }
}
