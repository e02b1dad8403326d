//! What all routes of a managed API's release have in common.

use super::StagePlace;
use super::cors::Cors;
use super::gateway_response::GatewayResponses;
use super::logging::StageLogging;
use crate::resources::rest::Map;

/// What all routes of a release have in common. Shards read one copy, which never changes.
#[derive(Debug, Default)]
pub struct Shared {
    /// `$context.accountId`.
    pub account_id: Box<str>,
    /// `$context.deploymentId`.
    pub deployment_id: Box<str>,
    /// `$context.endpointType`: `EDGE`, `REGIONAL` or `PRIVATE`.
    pub endpoint_type: &'static str,
    /// `$context.isCanaryRequest`; `None`: the stage has no canary.
    pub is_canary: Option<bool>,
    /// `$stageVariables`, with a canary's on top.
    pub stage_variables: Box<[(Box<str>, Box<str>)]>,
    /// Which content is not text.
    pub binary_types: BinaryTypes,
    /// Customised answers of the gateway's own.
    pub gateway_responses: GatewayResponses,
    /// Cross-origin rules of an HTTP API.
    pub cors: Option<Cors>,
    /// Which routes are counted by themselves, by their number; empty where none is.
    pub detailed: Box<[bool]>,
    /// What is logged; `None`: nothing.
    pub logging: Option<Box<StageLogging>>,
}

impl Shared {
    /// What a stage's variables and place say.
    pub(super) fn of(place: &StagePlace<'_>, deployment_id: &str, variables: &Map) -> Self {
        let variables = variables.iter().map(|(name, value)| (&**name, &**value));
        Self {
            account_id: place.account_id.into(),
            deployment_id: deployment_id.into(),
            endpoint_type: "REGIONAL",
            stage_variables: variables.map(|(name, value)| (name.into(), value.into())).collect(),
            ..Self::default()
        }
    }

    /// A stage variable's value.
    pub fn stage_variable(&self, name: &str) -> Option<&str> {
        self.stage_variables.iter().find(|(known, _)| **known == *name).map(|(_, value)| &**value)
    }
}

/// Media types whose content is binary: `image/png`, `image/*`, `*/*`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BinaryTypes(Box<[Box<str>]>);

impl BinaryTypes {
    /// From an API's list.
    pub fn of(media_types: &[String]) -> Self {
        Self(media_types.iter().map(|it| it.trim().to_ascii_lowercase().into()).collect())
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether content of this media type is binary. Without parameters; capitals do not matter.
    pub fn has(&self, media_type: &str) -> bool {
        let (kind, _) = media_type.split_once('/').unwrap_or((media_type, ""));
        self.0.iter().any(|known| {
            let any_of_kind = known.strip_suffix("/*");
            &**known == "*/*"
                || known.eq_ignore_ascii_case(media_type)
                || any_of_kind.is_some_and(|known| known.eq_ignore_ascii_case(kind))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binary_types_are_compared_without_capitals_and_with_stars() {
        let types = BinaryTypes::of(&["image/*".into(), "Application/PDF".into()]);
        for (media_type, expected) in [
            ("image/png", true),
            ("IMAGE/GIF", true),
            ("application/pdf", true),
            ("application/json", false),
            ("imagery/png", false),
            ("*/*", false),
            ("", false),
        ] {
            assert_eq!(types.has(media_type), expected, "{media_type}");
        }
        assert!(BinaryTypes::of(&["*/*".into()]).has("text/plain"));
        assert!(!BinaryTypes::default().has("image/png"));
    }
}
