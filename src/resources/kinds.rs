//! From a stored row back to a noun: the kinds that there are.

use super::{Entity, Object, account, domain, function, http, http_stage, rest, rest_stage, usage};
use std::sync::Arc;

/// A row of a kind that this version does not know: a newer one wrote it.
#[derive(Debug, thiserror::Error)]
#[error("kind {0:?} is unknown to this version of ringgate")]
pub struct UnknownKind(pub String);

struct KindEntry {
    name: &'static str,
    decode: fn(&str) -> serde_json::Result<Arc<dyn Object>>,
}

impl KindEntry {
    const fn of<T: Entity>() -> Self {
        Self {
            name: T::KIND,
            decode: |json| Ok(Arc::new(serde_json::from_str::<T>(json)?) as Arc<dyn Object>),
        }
    }
}

static KINDS: &[KindEntry] = &[
    KindEntry::of::<rest::RestApi>(),
    KindEntry::of::<rest::Resource>(),
    KindEntry::of::<rest::Model>(),
    KindEntry::of::<rest::RequestValidator>(),
    KindEntry::of::<rest::Authorizer>(),
    KindEntry::of::<rest::GatewayResponse>(),
    KindEntry::of::<rest::DocumentationPart>(),
    KindEntry::of::<rest::DocumentationVersion>(),
    KindEntry::of::<rest_stage::Deployment>(),
    KindEntry::of::<rest_stage::Definition>(),
    KindEntry::of::<rest_stage::Stage>(),
    KindEntry::of::<rest_stage::AuthorizerFlush>(),
    KindEntry::of::<http::Api>(),
    KindEntry::of::<http::Route>(),
    KindEntry::of::<http::RouteResponse>(),
    KindEntry::of::<http::Integration>(),
    KindEntry::of::<http::IntegrationResponse>(),
    KindEntry::of::<http::Model>(),
    KindEntry::of::<http::Authorizer>(),
    KindEntry::of::<http_stage::Deployment>(),
    KindEntry::of::<http_stage::Definition>(),
    KindEntry::of::<http_stage::Stage>(),
    KindEntry::of::<usage::ApiKey>(),
    KindEntry::of::<usage::ApiKeyValue>(),
    KindEntry::of::<usage::UsagePlan>(),
    KindEntry::of::<usage::UsagePlanKey>(),
    KindEntry::of::<usage::Usage>(),
    KindEntry::of::<domain::DomainName>(),
    KindEntry::of::<domain::DomainClaim>(),
    KindEntry::of::<domain::ApiMapping>(),
    KindEntry::of::<domain::RoutingRule>(),
    KindEntry::of::<domain::AccessAssociation>(),
    KindEntry::of::<function::Function>(),
    KindEntry::of::<function::FunctionVersion>(),
    KindEntry::of::<function::FunctionCode>(),
    KindEntry::of::<function::FunctionAlias>(),
    KindEntry::of::<function::FunctionPolicy>(),
    KindEntry::of::<function::FunctionUrl>(),
    KindEntry::of::<function::FunctionEventConfig>(),
    KindEntry::of::<account::Account>(),
    KindEntry::of::<account::VpcLink>(),
    KindEntry::of::<account::HttpVpcLink>(),
    KindEntry::of::<account::ClientCertificate>(),
];

/// Reads a stored noun.
///
/// # Errors
/// The kind is unknown, or the text is not what this version stores.
pub fn decode(kind: &str, json: &str) -> Result<(&'static str, Arc<dyn Object>), DecodeError> {
    let entry = KINDS
        .iter()
        .find(|entry| entry.name == kind)
        .ok_or_else(|| UnknownKind(kind.to_owned()))?;
    Ok((entry.name, (entry.decode)(json)?))
}

/// The kind as the nouns name it.
///
/// # Errors
/// This version has no such kind.
pub fn known_kind(kind: &str) -> Result<&'static str, UnknownKind> {
    let entry = KINDS.iter().find(|entry| entry.name == kind);
    entry.map(|entry| entry.name).ok_or_else(|| UnknownKind(kind.to_owned()))
}

/// Why a row is no noun.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The kind.
    #[error(transparent)]
    Kind(#[from] UnknownKind),
    /// The text.
    #[error("stored text cannot be read: {0}")]
    Body(#[from] serde_json::Error),
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn kinds_are_distinct() {
        let names: BTreeSet<_> = KINDS.iter().map(|entry| entry.name).collect();
        assert_eq!(names.len(), KINDS.len());
    }

    #[test]
    fn a_noun_survives_its_row() {
        let plan = usage::UsagePlan { id: "abc123".into(), ..Default::default() };
        let json = Object::to_json(&plan);
        let (kind, object) = decode("usage-plan", &json).unwrap();
        assert_eq!(kind, "usage-plan");
        assert_eq!(super::super::downcast::<usage::UsagePlan>(&object).as_deref(), Some(&plan));
        assert!(super::super::downcast::<usage::ApiKey>(&object).is_none());
    }

    #[test]
    fn a_newer_kind_is_told() {
        let error = decode("portal", "{}").unwrap_err();
        assert!(error.to_string().contains("\"portal\""), "{error}");
    }

    #[test]
    fn secrets_are_not_shown() {
        let key = usage::ApiKey { value: "s3cr3t".into(), ..Default::default() };
        assert!(!Object::to_redacted(&key).to_string().contains("s3cr3t"));
    }
}
