//! For tests: APIs with stages that domains and usage plans can lead to, put where they belong.

use super::super::fixture::Fixture;
use crate::resources::http::Api;
use crate::resources::rest::RestApi;
use crate::resources::{Draft, Entity, http_stage, rest_stage};

/// Puts a noun where it belongs.
pub(in crate::management) fn put<T: Entity>(fixture: &mut Fixture, owner: &str, id: &str, noun: T) {
    let mut draft = Draft::new(&fixture.state, &fixture.region);
    draft.put(owner, id, noun);
    let (touched, _) = draft.finish();
    fixture.state.apply(touched);
}

/// A REST API with stages.
pub(in crate::management) fn rest_api(fixture: &mut Fixture, api: &str, stages: &[&str]) {
    put(fixture, "", api, RestApi { id: api.into(), ..RestApi::default() });
    for stage in stages {
        let noun =
            rest_stage::Stage { stage_name: (*stage).into(), ..rest_stage::Stage::default() };
        put(fixture, api, stage, noun);
    }
}

/// An HTTP or WebSocket API with stages.
pub(in crate::management) fn api(
    fixture: &mut Fixture,
    protocol: &str,
    api: &str,
    stages: &[&str],
) {
    let noun = Api { api_id: api.into(), protocol_type: protocol.into(), ..Api::default() };
    put(fixture, "", api, noun);
    for stage in stages {
        let noun =
            http_stage::Stage { stage_name: (*stage).into(), ..http_stage::Stage::default() };
        put(fixture, api, stage, noun);
    }
}

/// Status, type and text of a refusal.
pub(in crate::management) fn refusal<T: std::fmt::Debug>(
    answer: Result<T, crate::aws::Fault>,
) -> (u16, &'static str, String) {
    let fault = answer.unwrap_err();
    (fault.status, fault.kind, fault.message)
}
