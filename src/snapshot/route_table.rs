//! Method and path to route, as Amazon API Gateway chooses it.

use arrayvec::ArrayVec;

use super::{Protocol, RouteIndex};
use crate::model::RouteKey;

/// Most path parameters of one route. Checked when a route key is read.
pub const PARAMETERS_MAX: usize = 16;

/// Values of a matched route's parameters from left to right: raw slices of the request's path,
/// still percent-encoded, greedy ones with their slashes. The names are in `Route::parameters`.
pub type PathParameters<'p> = ArrayVec<&'p [u8], PARAMETERS_MAX>;

/// Finds routes.
#[derive(Debug, Clone)]
pub struct RouteTable {}

impl RouteTable {
    /// Builds the table; a key's position becomes its [`RouteIndex`]. `seed` keys the hash.
    pub fn build<'k>(
        protocol: Protocol,
        keys: impl IntoIterator<Item = &'k RouteKey>,
        seed: u64,
    ) -> Self {
        let _ = (protocol, keys.into_iter().count(), seed);
        Self {}
    }

    /// The route for a method and a path (after the base path, without query), with its parameters.
    pub fn find<'p>(
        &self,
        method: &str,
        path: &'p [u8],
        parameters: &mut PathParameters<'p>,
    ) -> Option<RouteIndex> {
        let _ = (method, path);
        parameters.clear();
        None
    }
}
