//! Host and base path to API.

use super::ApiIndex;

/// Which API a host and path belong to.
#[derive(Debug, Clone)]
pub struct Addresses {}

impl Addresses {
    pub(super) fn find(&self, host: &[u8], path: &[u8]) -> Option<(ApiIndex, usize)> {
        let _ = (host, path);
        None
    }
}
