//! The keys of what belongs to no API.

use super::{Absent, Form, Kind, map, of, text, texts, whole};

pub(in super::super) static ACCOUNT: Form =
    Form { header: "[account]", members: &[text("cloudwatch_role_arn", "cloudwatchRoleArn")] };

pub(in super::super) static CLIENT_CERTIFICATE: Form = Form {
    header: "[[client_certificate]]",
    members: &[
        text("id", "clientCertificateId"),
        text("description", "description"),
        text("certificate", ""),
        of("private_key", "", Kind::Secret),
        map("tags", "tags"),
    ],
};

pub(in super::super) static VPC_LINK: Form = Form {
    header: "[[vpc_link]]",
    members: &[
        text("name", "name").needed("\"back-ends\""),
        text("id", "id"),
        text("description", "description"),
        texts("target_arns", "targetArns"),
        map("tags", "tags"),
    ],
};

pub(in super::super) static HTTP_VPC_LINK: Form = Form {
    header: "[[http_vpc_link]]",
    members: &[
        text("name", "name").needed("\"back-ends\""),
        text("id", "vpcLinkId"),
        texts("subnet_ids", "subnetIds"),
        texts("security_group_ids", "securityGroupIds"),
        map("tags", "tags"),
    ],
};

pub(in super::super) static API_KEY: Form = Form {
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

pub(in super::super) static USAGE_PLAN: Form = Form {
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
    members: &[of("rate_limit", "rateLimit", Kind::Number), whole("burst_limit", "burstLimit")],
};

static QUOTA: Form = Form {
    header: "[usage_plan.quota]",
    members: &[
        whole("limit", "limit").needed("1000"),
        text("period", "period").needed("\"DAY\""),
        whole("offset", "offset").or(Absent::Whole(0)),
    ],
};

pub(in super::super) static PLAN_STAGE: Form = Form {
    header: "[[usage_plan.stage]]",
    members: &[
        text("api", "").needed("\"pets\""),
        text("stage", "stage").needed("\"prod\""),
        of("throttle", "", Kind::Named(&THROTTLE)),
    ],
};

pub(in super::super) static PLAN_THROTTLE: &Form = &THROTTLE;

pub(in super::super) static DOMAIN_NAME: Form = Form {
    header: "[[domain_name]]",
    members: &[
        text("name", "domainName").needed("\"api.example.com\""),
        text("id", "domainNameId"),
        text("endpoint", "").or(Absent::Text("EDGE")),
        text("ip_address_type", ""),
        text("security_policy", "securityPolicy").or(Absent::Text("TLS_1_2")),
        text("endpoint_access_mode", "endpointAccessMode"),
        text("certificate_name", "certificateName"),
        text("certificate_body", ""),
        text("certificate_chain", ""),
        of("certificate_private_key", "", Kind::Secret),
        text("certificate_arn", "certificateArn"),
        text("regional_certificate_name", "regionalCertificateName"),
        text("regional_certificate_arn", "regionalCertificateArn"),
        text("ownership_verification_certificate_arn", "ownershipVerificationCertificateArn"),
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

pub(in super::super) static MAPPING: Form = Form {
    header: "[domain_name.mapping.PATH]",
    members: &[text("api", "").needed("\"pets\""), text("stage", "stage")],
};

pub(in super::super) static ROUTING_RULE: Form = Form {
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
