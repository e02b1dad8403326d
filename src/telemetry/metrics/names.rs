//! Names: what the indexes in a batch are called.

/// What the indexes of one snapshot are called. The order is the snapshot's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// By [`crate::telemetry::Finished::api`].
    pub apis: Vec<ApiName>,
    /// By [`crate::telemetry::Finished::route`].
    pub routes: Vec<RouteName>,
    /// By upstream index: the upstream's name.
    pub upstreams: Vec<String>,
}

/// One stage of one API.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApiName {
    /// The API's id.
    pub id: String,
    /// The API's name.
    pub name: String,
    /// The stage's name, `$default` included.
    pub stage: String,
}

/// One route.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RouteName {
    /// The API stage it belongs to.
    pub api: u32,
    /// The route key, `GET /products/{id}`.
    pub key: String,
}
