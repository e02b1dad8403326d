//! The form's tables: which keys each noun has in TOML, which member of Amazon's each is, what it takes
//! and what its absence means.
//!
//! Reading, writing, comparing and the way to the operations' input all go by these tables, so a key
//! that is in them is in all of them. Names are Amazon's in `snake_case`, shortened where the table
//! around them says the rest. What Amazon names by identifiers (authorizers, validators, APIs) is named
//! by names here, and therefore translated by hand, beside the tables: such members have no wire name.

use serde_json::{Map, Value};

/// The keys of one table.
#[derive(Debug)]
pub(super) struct Form {
    /// As messages name it.
    pub(super) header: &'static str,
    /// In the order in which they are written.
    pub(super) members: &'static [Member],
}

/// One key.
#[derive(Debug)]
pub(super) struct Member {
    /// In TOML.
    pub(super) name: &'static str,
    /// Amazon's name; empty where it is translated by hand.
    pub(super) wire: &'static str,
    pub(super) kind: Kind,
    pub(super) absent: Absent,
}

/// What a key takes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Text,
    /// A text that is written and compared only when asked for, and never shown.
    Secret,
    Whole,
    Number,
    Flag,
    Texts,
    /// Names to texts.
    TextMap,
    /// Names to flags.
    FlagMap,
    /// Names to names to texts.
    TextMaps,
    /// A table.
    Table(&'static Form),
    /// A text, or a table.
    TextOr(&'static Form),
    /// Names to tables.
    Named(&'static Form),
    /// Names to names to tables: paths to verbs.
    NamedTwice(&'static Form),
    /// An array of tables.
    List(&'static Form),
}

/// What the absence of a key means.
#[derive(Debug, Clone, Copy)]
pub(super) enum Absent {
    /// That there is none.
    Nothing,
    /// A mistake; with an example.
    Mistake(&'static str),
    False,
    True,
    Text(&'static str),
    Whole(i64),
    Number(f64),
}

const fn of(name: &'static str, wire: &'static str, kind: Kind) -> Member {
    Member { name, wire, kind, absent: Absent::Nothing }
}

const fn text(name: &'static str, wire: &'static str) -> Member {
    of(name, wire, Kind::Text)
}

const fn texts(name: &'static str, wire: &'static str) -> Member {
    of(name, wire, Kind::Texts)
}

const fn map(name: &'static str, wire: &'static str) -> Member {
    of(name, wire, Kind::TextMap)
}

const fn flag(name: &'static str, wire: &'static str) -> Member {
    of(name, wire, Kind::Flag).or(Absent::False)
}

const fn whole(name: &'static str, wire: &'static str) -> Member {
    of(name, wire, Kind::Whole)
}

impl Member {
    const fn or(self, absent: Absent) -> Self {
        Self { name: self.name, wire: self.wire, kind: self.kind, absent }
    }

    const fn needed(self, example: &'static str) -> Self {
        self.or(Absent::Mistake(example))
    }
}

impl Form {
    /// The key of this name.
    pub(super) fn member(&self, name: &str) -> Option<&'static Member> {
        self.members.iter().find(|member| member.name == name)
    }

    /// A noun's members as they are written, from Amazon's form. Members without a wire name are left
    /// to the caller.
    pub(super) fn written(&self, wire: &Value) -> Map<String, Value> {
        let mut written = Map::new();
        for member in self.members {
            let Some(value) = wire.get(member.wire).filter(|_| !member.wire.is_empty()) else {
                continue;
            };
            if let Some(value) = member.written(value) {
                written.insert(member.name.to_owned(), value);
            }
        }
        written
    }

    /// Amazon's form of what is written. Members without a wire name are left to the caller.
    pub(super) fn wire(&self, written: &Map<String, Value>) -> Map<String, Value> {
        let mut wire = Map::new();
        for member in self.members.iter().filter(|member| !member.wire.is_empty()) {
            let Some(value) = written.get(member.name) else { continue };
            let value = match (member.kind, value) {
                (Kind::Table(form), Value::Object(inner)) => Value::Object(form.wire(inner)),
                _ => value.clone(),
            };
            wire.insert(member.wire.to_owned(), value);
        }
        wire
    }

    /// What is written, with keys left out whose values say what their absence says, in the order of
    /// the table: two forms that mean the same are the same.
    pub(super) fn plain(&self, written: &Map<String, Value>) -> Map<String, Value> {
        let mut plain = Map::new();
        for member in self.members {
            let Some(value) = written.get(member.name) else { continue };
            let each = |values: &Map<String, Value>, form: &Form| -> Map<String, Value> {
                let mut names: Vec<&String> = values.keys().collect();
                names.sort();
                let of = |name: &String| Some((name.clone(), form.plain_value(values.get(name)?)));
                names.into_iter().filter_map(of).collect()
            };
            let value = match (member.kind, value) {
                (Kind::Table(form) | Kind::TextOr(form), value) => form.plain_value(value),
                (Kind::Named(form), Value::Object(values)) => Value::Object(each(values, form)),
                (Kind::NamedTwice(form), Value::Object(outer)) => {
                    let mut names: Vec<&String> = outer.keys().collect();
                    names.sort();
                    let of = |name: &String| {
                        let values = outer.get(name)?.as_object()?;
                        Some((name.clone(), Value::Object(each(values, form))))
                    };
                    Value::Object(names.into_iter().filter_map(of).collect())
                }
                (Kind::List(form), Value::Array(values)) => {
                    values.iter().map(|value| form.plain_value(value)).collect()
                }
                _ => value.clone(),
            };
            if !member.is_absence(&value) {
                plain.insert(member.name.to_owned(), value);
            }
        }
        plain
    }

    fn plain_value(&self, value: &Value) -> Value {
        match value {
            Value::Object(inner) => Value::Object(self.plain(inner)),
            other => other.clone(),
        }
    }
}

impl Member {
    /// One value from Amazon's form; nothing, where it says what its absence says.
    fn written(&self, value: &Value) -> Option<Value> {
        let value = match (self.kind, value) {
            (_, Value::Null) => return None,
            (Kind::Table(form), value) => Value::Object(form.written(value)),
            (Kind::TextMap, Value::Object(map)) => {
                // TOML has no null: where Amazon shows one, an empty text was sent.
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                map.iter().map(|(name, value)| (name.clone(), Value::from(text(value)))).collect()
            }
            (_, value) => value.clone(),
        };
        (!self.is_absence(&value)).then_some(value)
    }

    /// Whether a value says what its absence says.
    fn is_absence(&self, value: &Value) -> bool {
        match (self.absent, value) {
            (Absent::False, Value::Bool(is)) => !is,
            (Absent::True, Value::Bool(is)) => *is,
            (Absent::Text(default), Value::String(text)) => text == default,
            (Absent::Whole(default), Value::Number(number)) => number.as_i64() == Some(default),
            (Absent::Number(default), Value::Number(number)) => number.as_f64() == Some(default),
            (_, Value::Array(list)) => list.is_empty(),
            (_, Value::Object(map)) => map.is_empty(),
            _ => false,
        }
    }
}

/// A whole file.
pub(super) static FILE: Form = Form {
    header: "the file",
    members: &[
        text("region", ""),
        of("account", "", Kind::Table(&ACCOUNT)),
        of("client_certificate", "", Kind::List(&CLIENT_CERTIFICATE)),
        of("vpc_link", "", Kind::List(&VPC_LINK)),
        of("http_vpc_link", "", Kind::List(&HTTP_VPC_LINK)),
        of("rest_api", "", Kind::List(&REST_API)),
        of("http_api", "", Kind::List(&HTTP_API)),
        of("websocket_api", "", Kind::List(&WEBSOCKET_API)),
        of("api_key", "", Kind::List(&API_KEY)),
        of("usage_plan", "", Kind::List(&USAGE_PLAN)),
        of("domain_name", "", Kind::List(&DOMAIN_NAME)),
    ],
};

pub(super) static ACCOUNT: Form =
    Form { header: "[account]", members: &[text("cloudwatch_role_arn", "cloudwatchRoleArn")] };

pub(super) static CLIENT_CERTIFICATE: Form = Form {
    header: "[[client_certificate]]",
    members: &[
        text("id", "clientCertificateId"),
        text("description", "description"),
        text("certificate", ""),
        of("private_key", "", Kind::Secret),
        map("tags", "tags"),
    ],
};

pub(super) static VPC_LINK: Form = Form {
    header: "[[vpc_link]]",
    members: &[
        text("name", "name").needed("\"back-ends\""),
        text("id", "id"),
        text("description", "description"),
        texts("target_arns", "targetArns"),
        map("tags", "tags"),
    ],
};

pub(super) static HTTP_VPC_LINK: Form = Form {
    header: "[[http_vpc_link]]",
    members: &[
        text("name", "name").needed("\"back-ends\""),
        text("id", "vpcLinkId"),
        texts("subnet_ids", "subnetIds"),
        texts("security_group_ids", "securityGroupIds"),
        map("tags", "tags"),
    ],
};

pub(super) static REST_API: Form = Form {
    header: "[[rest_api]]",
    members: &[
        text("name", "name").needed("\"pets\""),
        text("id", "id"),
        text("description", "description"),
        text("version", "version"),
        text("endpoint", "").or(Absent::Text("EDGE")),
        text("ip_address_type", ""),
        texts("vpc_endpoint_ids", ""),
        text("security_policy", "securityPolicy"),
        text("endpoint_access_mode", "endpointAccessMode"),
        flag("disable_execute_api_endpoint", "disableExecuteApiEndpoint"),
        text("api_key_source", "apiKeySource").or(Absent::Text("HEADER")),
        texts("binary_media_types", "binaryMediaTypes"),
        whole("minimum_compression_size", "minimumCompressionSize"),
        text("policy", "policy"),
        map("tags", "tags"),
        of("authorizer", "", Kind::Named(&AUTHORIZER)),
        of("request_validator", "", Kind::Named(&REQUEST_VALIDATOR)),
        of("model", "", Kind::Named(&MODEL)),
        of("gateway_response", "", Kind::Named(&GATEWAY_RESPONSE)),
        of("path", "", Kind::NamedTwice(&METHOD)),
        of("documentation", "", Kind::List(&DOCUMENTATION)),
        of("documentation_version", "", Kind::Named(&DOCUMENTATION_VERSION)),
        of("stage", "", Kind::Named(&STAGE)),
    ],
};

pub(super) static AUTHORIZER: Form = Form {
    header: "[rest_api.authorizer.NAME]",
    members: &[
        text("type", "type").needed("\"TOKEN\""),
        text("uri", "authorizerUri"),
        text("credentials", "authorizerCredentials"),
        texts("provider_arns", "providerARNs"),
        text("auth_type", "authType"),
        text("identity_source", "identitySource"),
        text("identity_validation_expression", "identityValidationExpression"),
        whole("result_ttl_in_seconds", "authorizerResultTtlInSeconds"),
    ],
};

pub(super) static REQUEST_VALIDATOR: Form = Form {
    header: "[rest_api.request_validator.NAME]",
    members: &[
        // Names are not unique: where two share one, the table's name is the id.
        text("name", ""),
        flag("body", "validateRequestBody"),
        flag("parameters", "validateRequestParameters"),
    ],
};

pub(super) static MODEL: Form = Form {
    header: "[rest_api.model.NAME]",
    members: &[
        text("description", "description"),
        text("content_type", "contentType").or(Absent::Text("application/json")),
        text("schema", "schema"),
    ],
};

pub(super) static GATEWAY_RESPONSE: Form = Form {
    header: "[rest_api.gateway_response.TYPE]",
    members: &[
        text("status_code", "statusCode"),
        map("parameters", "responseParameters"),
        map("templates", "responseTemplates"),
    ],
};

pub(super) static METHOD: Form = Form {
    header: "[rest_api.path.PATH.METHOD]",
    members: &[
        text("authorization", ""),
        text("authorizer", ""),
        texts("authorization_scopes", "authorizationScopes"),
        flag("api_key_required", "apiKeyRequired"),
        text("operation_name", "operationName"),
        text("request_validator", ""),
        of("request_parameters", "requestParameters", Kind::FlagMap),
        map("request_models", "requestModels"),
        of("integration", "", Kind::Table(&INTEGRATION)),
        of("response", "", Kind::Named(&METHOD_RESPONSE)),
    ],
};

pub(super) static METHOD_RESPONSE: Form = Form {
    header: "[rest_api.path.PATH.METHOD.response.STATUS]",
    members: &[
        of("parameters", "responseParameters", Kind::FlagMap),
        map("models", "responseModels"),
    ],
};

pub(super) static INTEGRATION: Form = Form {
    header: "[rest_api.path.PATH.METHOD.integration]",
    members: &[
        text("type", "type").needed("\"HTTP_PROXY\""),
        text("method", "httpMethod"),
        text("uri", "uri"),
        text("connection_type", "connectionType").or(Absent::Text("INTERNET")),
        text("vpc_link", ""),
        text("integration_target", "integrationTarget"),
        text("credentials", "credentials"),
        text("passthrough_behavior", "passthroughBehavior").or(Absent::Text("WHEN_NO_MATCH")),
        text("content_handling", "contentHandling"),
        text("response_transfer_mode", "responseTransferMode"),
        whole("timeout_in_millis", "timeoutInMillis").or(Absent::Whole(29_000)),
        text("cache_namespace", ""),
        texts("cache_key_parameters", "cacheKeyParameters"),
        of("tls", "tlsConfig", Kind::Table(&TLS)),
        map("request_parameters", "requestParameters"),
        map("request_templates", "requestTemplates"),
        of("response", "", Kind::Named(&INTEGRATION_RESPONSE)),
    ],
};

static TLS: Form = Form {
    header: "[rest_api.path.PATH.METHOD.integration.tls]",
    members: &[flag("insecure_skip_verification", "insecureSkipVerification")],
};

pub(super) static INTEGRATION_RESPONSE: Form = Form {
    header: "[rest_api.path.PATH.METHOD.integration.response.STATUS]",
    members: &[
        text("selection_pattern", "selectionPattern"),
        text("content_handling", "contentHandling"),
        map("parameters", "responseParameters"),
        map("templates", "responseTemplates"),
    ],
};

pub(super) static DOCUMENTATION: Form = Form {
    header: "[[rest_api.documentation]]",
    members: &[
        text("type", "type").needed("\"API\""),
        text("path", "path"),
        text("method", "method"),
        text("status_code", "statusCode"),
        text("name", "name"),
        text("properties", "").needed("'{\"description\": \"all pets\"}'"),
    ],
};

pub(super) static DOCUMENTATION_VERSION: Form = Form {
    header: "[rest_api.documentation_version.VERSION]",
    members: &[text("description", "description")],
};

pub(super) static STAGE: Form = Form {
    header: "[rest_api.stage.NAME]",
    members: &[
        text("deploy", "").or(Absent::Text("auto")),
        text("description", "description"),
        flag("cache_cluster_enabled", "cacheClusterEnabled"),
        text("cache_cluster_size", "cacheClusterSize"),
        text("client_certificate", "clientCertificateId"),
        text("documentation_version", "documentationVersion"),
        flag("tracing_enabled", "tracingEnabled"),
        of("access_log", "accessLogSettings", Kind::Table(&ACCESS_LOG)),
        map("variables", "variables"),
        map("tags", "tags"),
        of("method_settings", "", Kind::Named(&METHOD_SETTING)),
        of("canary", "", Kind::Table(&CANARY)),
    ],
};

pub(super) static ACCESS_LOG: Form = Form {
    header: "[….access_log]",
    members: &[text("destination_arn", "destinationArn"), text("format", "format")],
};

pub(super) static METHOD_SETTING: Form = Form {
    header: "[rest_api.stage.NAME.method_settings.\"PATH/METHOD\"]",
    members: &[
        flag("metrics_enabled", "metricsEnabled"),
        text("logging_level", "loggingLevel"),
        flag("data_trace_enabled", "dataTraceEnabled"),
        whole("throttling_burst_limit", "throttlingBurstLimit").or(Absent::Whole(5000)),
        of("throttling_rate_limit", "throttlingRateLimit", Kind::Number)
            .or(Absent::Number(10_000.0)),
        flag("caching_enabled", "cachingEnabled"),
        whole("cache_ttl_in_seconds", "cacheTtlInSeconds").or(Absent::Whole(300)),
        flag("cache_data_encrypted", "cacheDataEncrypted"),
        of(
            "require_authorization_for_cache_control",
            "requireAuthorizationForCacheControl",
            Kind::Flag,
        )
        .or(Absent::True),
        text(
            "unauthorized_cache_control_header_strategy",
            "unauthorizedCacheControlHeaderStrategy",
        )
        .or(Absent::Text("SUCCEED_WITH_RESPONSE_HEADER")),
    ],
};

pub(super) static CANARY: Form = Form {
    header: "[rest_api.stage.NAME.canary]",
    members: &[
        of("percent_traffic", "percentTraffic", Kind::Number).needed("10"),
        flag("use_stage_cache", "useStageCache"),
        map("variables", "stageVariableOverrides"),
    ],
};

pub(super) static HTTP_API: Form = Form {
    header: "[[http_api]]",
    members: &[
        text("name", "name").needed("\"orders\""),
        text("id", "apiId"),
        text("description", "description"),
        text("version", "version"),
        flag("disable_execute_api_endpoint", "disableExecuteApiEndpoint"),
        text("ip_address_type", "ipAddressType").or(Absent::Text("ipv4")),
        text("route_selection_expression", "routeSelectionExpression")
            .or(Absent::Text("$request.method $request.path")),
        text("api_key_selection_expression", "apiKeySelectionExpression")
            .or(Absent::Text("$request.header.x-api-key")),
        map("tags", "tags"),
        of("cors", "corsConfiguration", Kind::Table(&CORS)),
        of("authorizer", "", Kind::Named(&HTTP_AUTHORIZER)),
        of("integration", "", Kind::Named(&HTTP_INTEGRATION)),
        of("route", "", Kind::Named(&ROUTE)),
        of("stage", "", Kind::Named(&HTTP_STAGE)),
    ],
};

pub(super) static WEBSOCKET_API: Form = Form {
    header: "[[websocket_api]]",
    members: &[
        text("name", "name").needed("\"chat\""),
        text("id", "apiId"),
        text("description", "description"),
        text("version", "version"),
        flag("disable_execute_api_endpoint", "disableExecuteApiEndpoint"),
        text("ip_address_type", "ipAddressType").or(Absent::Text("ipv4")),
        text("route_selection_expression", "routeSelectionExpression")
            .needed("\"$request.body.action\""),
        text("api_key_selection_expression", "apiKeySelectionExpression")
            .or(Absent::Text("$request.header.x-api-key")),
        of("disable_schema_validation", "disableSchemaValidation", Kind::Flag),
        map("tags", "tags"),
        of("authorizer", "", Kind::Named(&HTTP_AUTHORIZER)),
        of("model", "", Kind::Named(&HTTP_MODEL)),
        of("integration", "", Kind::Named(&HTTP_INTEGRATION)),
        of("route", "", Kind::Named(&ROUTE)),
        of("stage", "", Kind::Named(&HTTP_STAGE)),
    ],
};

static CORS: Form = Form {
    header: "[http_api.cors]",
    members: &[
        texts("allow_origins", "allowOrigins"),
        texts("allow_methods", "allowMethods"),
        texts("allow_headers", "allowHeaders"),
        texts("expose_headers", "exposeHeaders"),
        whole("max_age", "maxAge"),
        of("allow_credentials", "allowCredentials", Kind::Flag),
    ],
};

pub(super) static HTTP_AUTHORIZER: Form = Form {
    header: "[http_api.authorizer.NAME]",
    members: &[
        text("type", "authorizerType").needed("\"JWT\""),
        text("uri", "authorizerUri"),
        text("credentials_arn", "authorizerCredentialsArn"),
        text("payload_format_version", "authorizerPayloadFormatVersion"),
        whole("result_ttl_in_seconds", "authorizerResultTtlInSeconds"),
        of("enable_simple_responses", "enableSimpleResponses", Kind::Flag),
        texts("identity_source", "identitySource"),
        text("identity_validation_expression", "identityValidationExpression"),
        of("jwt", "jwtConfiguration", Kind::Table(&JWT)),
    ],
};

static JWT: Form = Form {
    header: "[http_api.authorizer.NAME.jwt]",
    members: &[text("issuer", "issuer"), texts("audience", "audience")],
};

pub(super) static HTTP_MODEL: Form = Form {
    header: "[websocket_api.model.NAME]",
    members: &[
        text("description", "description"),
        text("content_type", "contentType"),
        text("schema", "schema"),
    ],
};

pub(super) static HTTP_INTEGRATION: Form = Form {
    header: "the integration",
    members: &[
        // Of shared ones: those of one route are written in the route and known by it.
        text("id", ""),
        text("type", "integrationType").needed("\"HTTP_PROXY\""),
        text("subtype", "integrationSubtype"),
        text("method", "integrationMethod"),
        text("uri", "integrationUri"),
        text("connection_type", "connectionType").or(Absent::Text("INTERNET")),
        text("vpc_link", ""),
        text("credentials_arn", "credentialsArn"),
        text("description", "description"),
        text("payload_format_version", "payloadFormatVersion"),
        text("content_handling_strategy", "contentHandlingStrategy"),
        text("passthrough_behavior", "passthroughBehavior"),
        text("template_selection_expression", "templateSelectionExpression"),
        whole("timeout_in_millis", "timeoutInMillis"),
        of("tls", "tlsConfig", Kind::Table(&HTTP_TLS)),
        map("request_parameters", "requestParameters"),
        map("request_templates", "requestTemplates"),
        of("response_parameters", "responseParameters", Kind::TextMaps),
        of("response", "", Kind::Named(&HTTP_INTEGRATION_RESPONSE)),
    ],
};

static HTTP_TLS: Form = Form {
    header: "[….integration.tls]",
    members: &[text("server_name_to_verify", "serverNameToVerify")],
};

pub(super) static HTTP_INTEGRATION_RESPONSE: Form = Form {
    header: "[….integration.response.KEY]",
    members: &[
        text("content_handling_strategy", "contentHandlingStrategy"),
        text("template_selection_expression", "templateSelectionExpression"),
        map("parameters", "responseParameters"),
        map("templates", "responseTemplates"),
    ],
};

pub(super) static ROUTE: Form = Form {
    header: "[http_api.route.KEY]",
    members: &[
        text("authorization", ""),
        text("authorizer", ""),
        texts("authorization_scopes", "authorizationScopes"),
        flag("api_key_required", "apiKeyRequired"),
        text("operation_name", "operationName"),
        text("model_selection_expression", "modelSelectionExpression"),
        text("route_response_selection_expression", "routeResponseSelectionExpression"),
        map("request_models", "requestModels"),
        of("request_parameters", "", Kind::FlagMap),
        of("integration", "", Kind::TextOr(&HTTP_INTEGRATION)),
        of("response", "", Kind::Named(&ROUTE_RESPONSE)),
    ],
};

pub(super) static ROUTE_RESPONSE: Form = Form {
    header: "[websocket_api.route.KEY.response.KEY]",
    members: &[
        text("model_selection_expression", "modelSelectionExpression"),
        map("models", "responseModels"),
        of("parameters", "", Kind::FlagMap),
    ],
};

pub(super) static HTTP_STAGE: Form = Form {
    header: "[http_api.stage.NAME]",
    members: &[
        flag("auto_deploy", "autoDeploy"),
        text("deploy", "").or(Absent::Text("auto")),
        text("description", "description"),
        text("client_certificate", "clientCertificateId"),
        of("access_log", "accessLogSettings", Kind::Table(&ACCESS_LOG)),
        map("variables", "stageVariables"),
        map("tags", "tags"),
        of("default_route_settings", "defaultRouteSettings", Kind::Table(&ROUTE_SETTING)),
        of("route_settings", "", Kind::Named(&ROUTE_SETTING)),
    ],
};

pub(super) static ROUTE_SETTING: Form = Form {
    header: "the route's settings",
    members: &[
        flag("detailed_metrics_enabled", "detailedMetricsEnabled"),
        text("logging_level", "loggingLevel").or(Absent::Text("OFF")),
        flag("data_trace_enabled", "dataTraceEnabled"),
        whole("throttling_burst_limit", "throttlingBurstLimit"),
        of("throttling_rate_limit", "throttlingRateLimit", Kind::Number),
    ],
};

pub(super) static API_KEY: Form = Form {
    header: "[[api_key]]",
    members: &[
        text("name", "name"),
        text("id", "id"),
        of("value", "", Kind::Secret),
        text("customer_id", "customerId"),
        text("description", "description"),
        of("enabled", "enabled", Kind::Flag).or(Absent::True),
        map("tags", "tags"),
    ],
};

pub(super) static USAGE_PLAN: Form = Form {
    header: "[[usage_plan]]",
    members: &[
        text("name", "name").needed("\"gold\""),
        text("id", "id"),
        text("description", "description"),
        text("product_code", "productCode"),
        of("throttle", "throttle", Kind::Table(&THROTTLE)),
        of("quota", "quota", Kind::Table(&QUOTA)),
        texts("keys", ""),
        map("tags", "tags"),
        of("stage", "", Kind::List(&PLAN_STAGE)),
    ],
};

static THROTTLE: Form = Form {
    header: "[usage_plan.throttle]",
    members: &[
        of("rate_limit", "rateLimit", Kind::Number),
        whole("burst_limit", "burstLimit"),
    ],
};

static QUOTA: Form = Form {
    header: "[usage_plan.quota]",
    members: &[
        whole("limit", "limit").needed("1000"),
        text("period", "period").needed("\"DAY\""),
        whole("offset", "offset").or(Absent::Whole(0)),
    ],
};

pub(super) static PLAN_STAGE: Form = Form {
    header: "[[usage_plan.stage]]",
    members: &[
        text("api", "").needed("\"pets\""),
        text("stage", "stage").needed("\"prod\""),
        of("throttle", "", Kind::Named(&THROTTLE)),
    ],
};

pub(super) static PLAN_THROTTLE: &Form = &THROTTLE;

pub(super) static DOMAIN_NAME: Form = Form {
    header: "[[domain_name]]",
    members: &[
        text("name", "domainName").needed("\"api.example.com\""),
        text("id", "domainNameId"),
        text("endpoint", "").or(Absent::Text("EDGE")),
        text("ip_address_type", ""),
        text("security_policy", "securityPolicy").or(Absent::Text("TLS_1_2")),
        text("endpoint_access_mode", "endpointAccessMode"),
        text("certificate_name", "certificateName"),
        text("certificate_arn", "certificateArn"),
        text("regional_certificate_name", "regionalCertificateName"),
        text("regional_certificate_arn", "regionalCertificateArn"),
        text(
            "ownership_verification_certificate_arn",
            "ownershipVerificationCertificateArn",
        ),
        text("routing_mode", "routingMode").or(Absent::Text("BASE_PATH_MAPPING_ONLY")),
        text("policy", "policy"),
        text("management_policy", "managementPolicy"),
        of("mutual_tls", "mutualTlsAuthentication", Kind::Table(&MUTUAL_TLS)),
        map("tags", "tags"),
        of("mapping", "", Kind::Named(&MAPPING)),
        of("routing_rule", "", Kind::List(&ROUTING_RULE)),
    ],
};

static MUTUAL_TLS: Form = Form {
    header: "[domain_name.mutual_tls]",
    members: &[
        text("truststore_uri", "truststoreUri"),
        text("truststore_version", "truststoreVersion"),
    ],
};

pub(super) static MAPPING: Form = Form {
    header: "[domain_name.mapping.PATH]",
    members: &[text("api", "").needed("\"pets\""), text("stage", "stage")],
};

pub(super) static ROUTING_RULE: Form = Form {
    header: "[[domain_name.routing_rule]]",
    members: &[
        whole("priority", "priority").needed("100"),
        text("api", "").needed("\"pets\""),
        text("stage", "").needed("\"prod\""),
        of("strip_base_path", "", Kind::Flag),
        texts("base_paths", ""),
        of("headers", "", Kind::List(&RULE_HEADER)),
    ],
};

static RULE_HEADER: Form = Form {
    header: "headers",
    members: &[
        text("header", "header").needed("\"x-version\""),
        text("value_glob", "valueGlob").needed("\"2*\""),
    ],
};

impl Absent {
    /// What absence says, as a value.
    pub(super) fn value(self) -> Option<Value> {
        match self {
            Absent::Nothing | Absent::Mistake(_) => None,
            Absent::False => Some(Value::Bool(false)),
            Absent::True => Some(Value::Bool(true)),
            Absent::Text(text) => Some(Value::from(text)),
            Absent::Whole(whole) => Some(Value::from(whole)),
            Absent::Number(number) => Some(Value::from(number)),
        }
    }
}
