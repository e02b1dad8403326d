//! The keys of HTTP and WebSocket APIs.

use super::rest::ACCESS_LOG;
use super::{Absent, Form, Kind, flag, map, of, text, texts, whole};

pub(in super::super) static HTTP_API: Form = Form {
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

pub(in super::super) static WEBSOCKET_API: Form = Form {
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

pub(in super::super) static HTTP_AUTHORIZER: Form = Form {
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

pub(in super::super) static HTTP_MODEL: Form = Form {
    header: "[websocket_api.model.NAME]",
    members: &[
        text("description", "description"),
        text("content_type", "contentType"),
        text("schema", "schema"),
    ],
};

pub(in super::super) static HTTP_INTEGRATION: Form = Form {
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

pub(in super::super) static HTTP_INTEGRATION_RESPONSE: Form = Form {
    header: "[….integration.response.KEY]",
    members: &[
        text("content_handling_strategy", "contentHandlingStrategy"),
        text("template_selection_expression", "templateSelectionExpression"),
        map("parameters", "responseParameters"),
        map("templates", "responseTemplates"),
    ],
};

pub(in super::super) static ROUTE: Form = Form {
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

pub(in super::super) static ROUTE_RESPONSE: Form = Form {
    header: "[websocket_api.route.KEY.response.KEY]",
    members: &[
        text("model_selection_expression", "modelSelectionExpression"),
        map("models", "responseModels"),
        of("parameters", "", Kind::FlagMap),
    ],
};

pub(in super::super) static HTTP_STAGE: Form = Form {
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

pub(in super::super) static ROUTE_SETTING: Form = Form {
    header: "the route's settings",
    members: &[
        flag("detailed_metrics_enabled", "detailedMetricsEnabled"),
        text("logging_level", "loggingLevel").or(Absent::Text("OFF")),
        flag("data_trace_enabled", "dataTraceEnabled"),
        whole("throttling_burst_limit", "throttlingBurstLimit"),
        of("throttling_rate_limit", "throttlingRateLimit", Kind::Number),
    ],
};
