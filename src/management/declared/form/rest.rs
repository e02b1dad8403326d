//! The keys of REST APIs.

use super::{Absent, Form, Kind, flag, map, of, text, texts, whole};

pub(in super::super) static REST_API: Form = Form {
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

pub(in super::super) static AUTHORIZER: Form = Form {
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

pub(in super::super) static REQUEST_VALIDATOR: Form = Form {
    header: "[rest_api.request_validator.NAME]",
    members: &[
        // Names are not unique: where two share one, the table's name is the id.
        text("name", ""),
        flag("body", "validateRequestBody"),
        flag("parameters", "validateRequestParameters"),
    ],
};

pub(in super::super) static MODEL: Form = Form {
    header: "[rest_api.model.NAME]",
    members: &[
        text("description", "description"),
        text("content_type", "contentType").or(Absent::Text("application/json")),
        text("schema", "schema"),
    ],
};

pub(in super::super) static GATEWAY_RESPONSE: Form = Form {
    header: "[rest_api.gateway_response.TYPE]",
    members: &[
        text("status_code", "statusCode"),
        map("parameters", "responseParameters"),
        map("templates", "responseTemplates"),
    ],
};

pub(in super::super) static METHOD: Form = Form {
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

pub(in super::super) static METHOD_RESPONSE: Form = Form {
    header: "[rest_api.path.PATH.METHOD.response.STATUS]",
    members: &[
        of("parameters", "responseParameters", Kind::FlagMap),
        map("models", "responseModels"),
    ],
};

pub(in super::super) static INTEGRATION: Form = Form {
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

pub(in super::super) static INTEGRATION_RESPONSE: Form = Form {
    header: "[rest_api.path.PATH.METHOD.integration.response.STATUS]",
    members: &[
        text("selection_pattern", "selectionPattern"),
        text("content_handling", "contentHandling"),
        map("parameters", "responseParameters"),
        map("templates", "responseTemplates"),
    ],
};

pub(in super::super) static DOCUMENTATION: Form = Form {
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

pub(in super::super) static DOCUMENTATION_VERSION: Form = Form {
    header: "[rest_api.documentation_version.VERSION]",
    members: &[text("description", "description")],
};

pub(in super::super) static STAGE: Form = Form {
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

pub(in super::super) static ACCESS_LOG: Form = Form {
    header: "[….access_log]",
    members: &[text("destination_arn", "destinationArn"), text("format", "format")],
};

pub(in super::super) static METHOD_SETTING: Form = Form {
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

pub(in super::super) static CANARY: Form = Form {
    header: "[rest_api.stage.NAME.canary]",
    members: &[
        of("percent_traffic", "percentTraffic", Kind::Number).needed("10"),
        flag("use_stage_cache", "useStageCache"),
        map("variables", "stageVariableOverrides"),
    ],
};
