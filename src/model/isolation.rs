//! How far a function's workers are kept apart from all else: what `[functions]` says of all of them, and
//! a `[[function]]` of its own.

use super::reader::Reader;
use super::reference::{Absent, Key, Kind};

/// `system_call_filter` of `[functions]`.
pub(super) const FILTER_OF_ALL: Key = Key {
    name: "system_call_filter",
    kind: Kind::Flag,
    absent: Absent::Default("true"),
    example: "true",
    about: "Whether workers are refused system calls that functions have no use for: `ptrace`, `mount`, `unshare`, `bpf` and others ([the list](functions.md#isolation-and-what-it-is-not)). For functions that do not say it themselves; of the Lambda API's, for workers that start later.",
};

/// `namespaces` of `[functions]`.
pub(super) const NAMESPACES_OF_ALL: Key = Key {
    name: "namespaces",
    kind: Kind::Flag,
    absent: Absent::Means(
        "none where every listener is on loopback; else as far as the host allows it, with a warning where it does not",
    ),
    example: "# true",
    about: "Whether each worker has name spaces of its own: it sees no other processes, `/tmp` and `/dev/shm` are its own, and whatever it starts ends with it. With `true` a worker that the host does not allow them is not started. For functions that do not say it themselves; of the Lambda API's, for workers that start later.",
};

/// `system_call_filter` of a `[[function]]`.
pub(super) const FILTER: Key = Key {
    absent: Absent::Means("`system_call_filter` of `[functions]`"),
    about: "Whether this function's workers are refused system calls that functions have no use for. `false` is for one that has a use for them, as browsers have for a sandbox of their own.",
    ..FILTER_OF_ALL
};

/// `namespaces` of a `[[function]]`.
pub(super) const NAMESPACES: Key = Key {
    absent: Absent::Means("`namespaces` of `[functions]`"),
    about: "Whether this function's workers have name spaces of their own. `false` is for one that works with files in the host's `/tmp` or looks at the host's processes.",
    ..NAMESPACES_OF_ALL
};

/// How far workers are kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Isolation {
    /// Whether their system calls are filtered.
    pub system_call_filter: bool,
    /// Whether they have name spaces of their own.
    pub namespaces: Namespaces,
}

impl Isolation {
    /// That of a file which says nothing. `is_open`: a listener can be reached from elsewhere. A gateway on loopback
    /// alone is a developer's own, and what functions share with the host, files below `/tmp` and the numbers of
    /// processes, is worth more there than a wall.
    pub fn unsaid(is_open: bool) -> Self {
        let namespaces = if is_open { Namespaces::Tried } else { Namespaces::Never };
        Self { system_call_filter: true, namespaces }
    }
}

/// Whether workers have name spaces of their own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Namespaces {
    /// No.
    #[default]
    Never,
    /// As far as the host allows it.
    Tried,
    /// Yes, or they are not started.
    Required,
}

impl From<bool> for Namespaces {
    fn from(wanted: bool) -> Self {
        if wanted { Self::Required } else { Self::Never }
    }
}

/// Reads both keys; `others` is what holds where they are absent.
pub(super) fn read(reader: &Reader<'_>, others: Isolation) -> Isolation {
    Isolation {
        system_call_filter: reader
            .flag_if_set("system_call_filter")
            .unwrap_or(others.system_call_filter),
        namespaces: reader.flag_if_set("namespaces").map_or(others.namespaces, Namespaces::from),
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;
    use std::path::Path;

    #[test]
    fn workers_get_name_spaces_where_somebody_else_can_reach_the_gateway() {
        let read = |text: &str| {
            let model = parse(Path::new("a.toml"), text.to_owned()).expect("a valid configuration");
            model.all_functions.isolation.namespaces
        };
        assert_eq!(read(""), Namespaces::Never);
        assert_eq!(read("[server]\nlisten = [\"127.0.0.1:0\", \"[::1]:0\"]\n"), Namespaces::Never);
        assert_eq!(
            read("[server]\nlisten = [\"127.0.0.1:0\", \"0.0.0.0:0\"]\n"),
            Namespaces::Tried
        );
        assert_eq!(read("[functions]\nnamespaces = true\n"), Namespaces::Required);
        let open = "[server]\nlisten = [\"0.0.0.0:0\"]\n[functions]\nnamespaces = false\n";
        assert_eq!(read(open), Namespaces::Never);
    }
}
