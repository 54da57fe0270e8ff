//! `stanchion version`

use clap::Args;
use serde::Serialize;

use crate::error::Failure;
use crate::output::{self, Format, Report, Row};

/// None besides the global ones.
#[derive(Debug, Args)]
pub(crate) struct Arguments {}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Build {
    version: &'static str,
    commit: &'static str,
    target: &'static str,
    etcd_api: &'static str,
    store_format: u32,
}

impl Report for Build {
    fn rows(&self) -> Vec<Row> {
        vec![
            ("version", self.version.to_owned()),
            ("commit", self.commit.to_owned()),
            ("target", self.target.to_owned()),
            ("etcd API", self.etcd_api.to_owned()),
            ("store format", self.store_format.to_string()),
        ]
    }
}

/// Prints what this program is.
pub(crate) fn run(_arguments: &Arguments, format: Format) -> Result<(), Failure> {
    let build = Build {
        version: env!("CARGO_PKG_VERSION"),
        commit: env!("STANCHION_COMMIT"),
        target: env!("STANCHION_TARGET"),
        etcd_api: stanchion_store::API_VERSION,
        store_format: stanchion_store::core::batch::FORMAT_VERSION,
    };
    output::report(&build, format)
}
