//! `stanchion crd`

use clap::Args;

use crate::error::Failure;
use crate::output::{self, Format};

/// None besides the global ones.
#[derive(Debug, Args)]
pub(crate) struct Arguments {}

/// Prints the definition of `DatabaseCluster`, for `kubectl apply --server-side -f -`.
///
/// It is JSON, which `kubectl` reads as it reads YAML, whatever the output format: a definition is for programs.
pub(crate) fn run(_arguments: &Arguments) -> Result<(), Failure> {
    output::document(&stanchion_api::crd(), Format::Json)
}
