//! What belongs to the account: its settings, VPC links, client certificates.

use super::rest::Map;
use super::{Entity, Timestamp};
use serde::{Deserialize, Serialize};

/// Settings per region. Owner: none; id: `account`. Absent is the default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Account {
    /// Lets API Gateway log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloudwatch_role_arn: Option<String>,
    /// `UsagePlans`.
    pub features: Vec<String>,
}

impl Entity for Account {
    const KIND: &'static str = "account";
}

/// A private way to a network load balancer, for REST APIs. Owner: none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VpcLink {
    /// Six characters.
    pub id: String,
    /// Not unique.
    pub name: String,
    /// Free text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// One load balancer.
    pub target_arns: Vec<String>,
    /// `AVAILABLE` and others.
    pub status: String,
    /// Says more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_message: Option<String>,
    /// Tags.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub tags: Map,
}

impl Entity for VpcLink {
    const KIND: &'static str = "vpc-link";
}

/// A private way into a network, for HTTP APIs and (v2) others. Owner: none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpVpcLink {
    /// Six characters.
    pub vpc_link_id: String,
    /// Not unique.
    pub name: String,
    /// As given.
    pub security_group_ids: Vec<String>,
    /// As given.
    pub subnet_ids: Vec<String>,
    /// `AVAILABLE` and others.
    pub vpc_link_status: String,
    /// Says more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc_link_status_message: Option<String>,
    /// `V2`.
    pub vpc_link_version: String,
    /// When it was made.
    pub created_date: Timestamp,
    /// Tags.
    pub tags: Map,
}

impl Entity for HttpVpcLink {
    const KIND: &'static str = "http-vpc-link";
}

/// What a stage shows to back ends. Owner: none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientCertificate {
    /// Six characters.
    pub client_certificate_id: String,
    /// Free text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The public half.
    pub pem_encoded_certificate: String,
    /// The secret half, PEM. Never shown, never logged.
    pub private_key: String,
    /// When it was made.
    pub created_date: Timestamp,
    /// A year later.
    pub expiration_date: Timestamp,
    /// Tags.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub tags: Map,
}

impl Entity for ClientCertificate {
    const KIND: &'static str = "client-certificate";
    const SECRETS: &'static [&'static str] = &["privateKey"];
}
