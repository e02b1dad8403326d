//! Where a noun is: region, owner, kind, id.

/// Orders everything of one API together, and in it everything of one kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The region; empty for what is unique over all regions.
    pub region: Box<str>,
    /// What it belongs to, e.g. an API's id; empty for what stands alone. What belongs to a part of
    /// an API is owned by `{api}/{part}`.
    pub owner: Box<str>,
    /// [`super::Entity::KIND`].
    pub kind: &'static str,
    /// Its id among its kind and owner.
    pub id: Box<str>,
}

impl Key {
    /// A key from its parts.
    pub fn new(region: &str, owner: &str, kind: &'static str, id: &str) -> Self {
        Self { region: region.into(), owner: owner.into(), kind, id: id.into() }
    }
}
