//! The database program.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The database program and its options.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EngineSpec {
    /// Which program.
    #[serde(default)]
    pub kind: EngineKind,
    /// Its version: 10.11, or 10.11.PATCH for one patch level. It is the tag of the image if none is given.
    #[serde(default = "version")]
    #[schemars(length(max = 16), regex(pattern = r"^10\.11(\.[0-9]{1,3})?$"))]
    pub version: String,
    /// The image; without it `mariadb` with the version as tag. It must hold mariadbd, mariadb-backup and mariadb-binlog.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub image: Option<String>,
    /// Options of the server by their full names with underscores, such as `innodb_buffer_pool_size: 4G`. Options that
    /// failover depends on are set by Stanchion and refused here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 100, "additionalProperties" = {
        "type": "string", "maxLength": 1024, "pattern": r#"^[^\x00-\x1f\x7f"']*$"#,
    }))]
    pub parameters: BTreeMap<String, String>,
}

impl Default for EngineSpec {
    fn default() -> Self {
        Self { kind: EngineKind::default(), version: version(), image: None, parameters: BTreeMap::new() }
    }
}

/// A database program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum EngineKind {
    /// MariaDB.
    #[default]
    MariaDB,
}

fn version() -> String {
    "10.11".to_owned()
}
