//! The command line.

use std::num::NonZeroUsize;
use std::str::FromStr;

use anyhow::{Context, Error, ensure};
use clap::{Parser, ValueEnum};

use crate::cases::Kind;

/// Measures how many decisions the scheduler makes in a second on one core.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    /// Sizes of clusters, as NODES:PODS
    #[arg(
        long,
        value_delimiter = ',',
        default_values = ["100:1000", "500:5000", "1000:5000", "2000:10000", "5000:10000", "5000:30000"]
    )]
    pub(crate) sizes: Vec<Size>,
    /// What the Pods ask for
    #[arg(long, value_delimiter = ',', value_enum, default_values = ["plain", "default-spread", "zone-spread", "anti-affinity"])]
    pub(crate) cases: Vec<Kind>,
    /// How often each is measured; the median is reported
    #[arg(long, default_value = "5")]
    pub(crate) runs: NonZeroUsize,
    /// How results are printed
    #[arg(long, value_enum, default_value = "table")]
    pub(crate) output: Format,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Format {
    /// A table of Markdown.
    Table,
    /// One document of JSON.
    Json,
}

/// How large a cluster is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) nodes: usize,
    /// How many Pods are placed, one after the other.
    pub(crate) pods: usize,
}

impl FromStr for Size {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (nodes, pods) = text.split_once(':').context("a size is NODES:PODS")?;
        let size = Self { nodes: nodes.parse()?, pods: pods.parse()? };
        ensure!(size.nodes > 0 && size.pods > 0, "a size has nodes and Pods");
        Ok(size)
    }
}
