//! A stage of a REST API.

use super::{CompiledStage, DefaultEndpoint, ManagedStage, StagePlace};
use crate::resources::rest_stage::{Definition, Stage};
use crate::snapshot::{Api, Protocol, RouteTable};

/// Compiles a stage. `release` is what the stage's deployment froze; `canary` is what its canary's
/// deployment froze, where the stage has one.
pub fn compile_rest_stage(
    place: &StagePlace<'_>,
    stage: &Stage,
    release: &Definition,
    _canary: Option<&Definition>,
) -> CompiledStage {
    CompiledStage {
        stage: ManagedStage {
            api_id: place.api_id.into(),
            region: place.region.into(),
            name: stage.stage_name.as_str().into(),
            protocol: Protocol::Rest,
            default_endpoint: DefaultEndpoint::of(release.api.disable_execute_api_endpoint),
            release: Api {
                id: place.api_id.into(),
                name: release.api.name.as_str().into(),
                protocol: Protocol::Rest,
                domain: None,
                base_path: "".into(),
                stage: stage.stage_name.as_str().into(),
                table: RouteTable::build(Protocol::Rest, &[], 0),
                routes: Box::default(),
                access_log: None,
            },
            canary: None,
            upstreams: Box::default(),
        },
        upstreams: Vec::new(),
        warnings: Vec::new(),
    }
}
