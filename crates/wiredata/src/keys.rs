//! `keys.json`: passwords and Kerberos keys of throw-away laboratories, for the captures in and below its folder.

use crate::{Error, read};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

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
    /// The password of a user, whatever the case of the name.
    pub fn password_of(&self, user: &str) -> Option<&str> {
        self.password.get(&user.to_lowercase()).map(String::as_str)
    }
}

/// Reads a `keys.json`.
pub fn load(path: &Path) -> Result<Keys, Error> {
    serde_json::from_slice(&read(path)?).map_err(|error| Error::Malformed(path.display().to_string(), error.to_string()))
}

/// The keys for a file: of the nearest `keys.json` in its folder or one above, within the root.
pub fn nearest(path: &Path, root: &Path) -> Option<Keys> {
    path.ancestors().skip(1).take_while(|folder| folder.starts_with(root)).find_map(|folder| load(&folder.join("keys.json")).ok())
}
