//! Places: from a log group's name to where its lines go.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Longest name of a log group (CloudWatch's limit).
const NAME_BYTES_MAX: usize = 512;

/// Where a log group's lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// A file.
    File(PathBuf),
    /// Nowhere.
    Nowhere,
}

/// Where all log groups' lines go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// Where a group without a place of its own has its file.
    pub folder: Option<PathBuf>,
    /// By name, which may end in `*`.
    pub own: BTreeMap<String, Place>,
}

impl Places {
    /// Where a log group's lines go.
    pub fn of(&self, group: &str) -> Place {
        if let Some(place) = self.own.get(group) {
            return place.clone();
        }
        let fits =
            |name: &str| name.strip_suffix('*').is_some_and(|start| group.starts_with(start));
        let fitting = self.own.iter().filter(|(name, _)| fits(name));
        if let Some((_, place)) = fitting.max_by_key(|(name, _)| name.len()) {
            return place.clone();
        }
        match &self.folder {
            Some(folder) => file_of(folder, group).map_or(Place::Nowhere, Place::File),
            None => Place::Nowhere,
        }
    }
}

/// `folder/a/b.log` for `a/b`: never outside of the folder, whatever the name is.
fn file_of(folder: &Path, group: &str) -> Option<PathBuf> {
    if group.len() > NAME_BYTES_MAX {
        return None;
    }
    let mut segments: Vec<String> = group
        .split('/')
        .filter(|segment| !segment.is_empty())
        .map(|segment| {
            let is_plain =
                |it: &char| it.is_ascii_alphanumeric() || matches!(it, '_' | '-' | '.' | '#' | '$');
            let plain: String =
                segment.chars().map(|it| if is_plain(&it) { it } else { '_' }).collect();
            // No way up, and nothing hidden.
            match plain.strip_prefix('.') {
                Some(rest) => format!("_{rest}"),
                None => plain,
            }
        })
        .collect();
    let last = segments.pop()?;
    let mut file = folder.to_owned();
    file.extend(segments);
    file.push(format!("{last}.log"));
    Some(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn places() -> Places {
        let own =
            [("a", Place::Stderr), ("API-*", Place::Stdout), ("API-Gateway-*", Place::Nowhere)];
        Places { folder: Some("logs".into()), own: own.map(|(k, v)| (k.to_owned(), v)).into() }
    }

    #[test]
    fn a_place_of_its_own_goes_before_the_folder_and_the_longest_name_counts() {
        let file = |path: &str| Place::File(path.into());
        for (group, expected) in [
            ("a", Place::Stderr),
            ("API-x", Place::Stdout),
            ("API-Gateway-x", Place::Nowhere),
            ("other", file("logs/other.log")),
            ("/aws/apigateway/x", file("logs/aws/apigateway/x.log")),
            ("Exec_abc/prod", file("logs/Exec_abc/prod.log")),
            ("../../etc/passwd", file("logs/_./_./etc/passwd.log")),
            ("a b/$default", file("logs/a_b/$default.log")),
            ("", Place::Nowhere),
            ("//", Place::Nowhere),
        ] {
            assert_eq!(places().of(group), expected, "{group}");
        }
        assert_eq!(Places::default().of("x"), Place::Nowhere);
    }

    proptest! {
        #[test]
        fn no_name_leads_out_of_the_folder(group in "\\PC{0,60}") {
            if let Place::File(file) = places().of(&group) {
                prop_assert!(file.starts_with("logs"));
                let is_up = |it| it == std::path::Component::ParentDir;
                prop_assert!(!file.components().any(is_up));
            }
        }
    }
}
