//! `[store]`: where management writes are kept. Stored here, used by later parts.

/// The store's address.
#[derive(Clone, PartialEq, Eq)]
pub struct Store {
    /// `sqlite:FILE`, `postgres://…` or `memory`. May hold a password: never printed.
    pub url: String,
}

impl std::fmt::Debug for Store {
    /// Shows the kind only: the rest may hold a password.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = self.url.split(':').next().unwrap_or_default();
        formatter.debug_struct("Store").field("url", &kind).finish()
    }
}
