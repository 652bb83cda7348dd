//! `keys.json`: passwords and Kerberos keys of throw-away laboratories, for the captures in and below its folder.

use crate::{Error, Kind, Tree, read};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What a `keys.json` holds.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Keys {
    /// Encryption type, key in hex, label.
    #[serde(default)]
    pub krb: Vec<(u32, String, String)>,
    /// Passwords by user, lower case.
    #[serde(default)]
    pub password: BTreeMap<String, String>,
}

impl Keys {
    /// The password of a user, whatever the case of the name; a domain in front of or behind the name there is no matter.
    pub fn password_of(&self, user: &str) -> Option<&str> {
        let bare = |name: &str| {
            let name = name.rsplit('\\').next().unwrap_or(name);
            name.split('@').next().unwrap_or(name).to_lowercase()
        };
        let user = bare(user);
        self.password.iter().find(|(name, _)| bare(name) == user).map(|(_, password)| password.as_str())
    }
}

/// Reads a `keys.json`.
pub fn load(path: &Path) -> Result<Keys, Error> {
    serde_json::from_slice(&read(path)?).map_err(|error| Error::Malformed(path.display().to_string(), error.to_string()))
}

/// Keys for a file, and where they come from.
#[derive(Debug, Clone)]
pub struct Found {
    /// Whether they lie in its folder or one above it: then they are meant for it.
    pub is_near: bool,
    /// The keys.
    pub keys: Keys,
}

/// Every readable `keys.json` of a tree, those nearest to a file first: of its folder, of one above, of others.
pub fn all_for(path: &Path, tree: &Tree) -> Vec<Found> {
    let folder = |keys: &Path| keys.parent().map(Path::to_path_buf).unwrap_or_default();
    let closeness = |keys: &PathBuf| {
        let folder = folder(keys);
        (path.starts_with(&folder), folder.components().zip(path.components()).take_while(|(a, b)| a == b).count())
    };
    let mut files: Vec<PathBuf> = tree.files(Kind::Keys).collect();
    files.sort_by_key(|file| std::cmp::Reverse(closeness(file)));
    files.iter().filter_map(|file| Some(Found { is_near: path.starts_with(folder(file)), keys: load(file).ok()? })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_in_any_case_and_with_any_domain() {
        let keys = Keys { password: BTreeMap::from([("anna".into(), "a".into()), (r"LAB\Bert".into(), "b".into())]), ..Keys::default() };
        assert_eq!((keys.password_of("ANNA"), keys.password_of("bert@lab.local"), keys.password_of("cees")), (Some("a"), Some("b"), None));
    }
}
