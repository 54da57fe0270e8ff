//! The database that applications use.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The database that applications use. It is made when the cluster begins, and its names stay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DatabaseSpec {
    /// Its name.
    #[serde(default = "app")]
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[A-Za-z0-9_]+$"))]
    pub name: String,
    /// The account that may do everything in it; its password is in the Secret NAME-credentials.
    #[serde(default = "app")]
    #[schemars(length(min = 1, max = 32), regex(pattern = "^[A-Za-z0-9_]+$"))]
    pub user: String,
}

impl Default for DatabaseSpec {
    fn default() -> Self {
        Self { name: app(), user: app() }
    }
}

fn app() -> String {
    "app".to_owned()
}
