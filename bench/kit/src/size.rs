//! How large a cluster is.

use std::str::FromStr;

use anyhow::{Context, Result, ensure};

/// How large a cluster is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Simulated Nodes.
    pub nodes: usize,
    /// Pods.
    pub pods: usize,
}

impl FromStr for Size {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (nodes, pods) = text.split_once(':').context("a size is NODES:PODS")?;
        let size = Self { nodes: nodes.parse()?, pods: pods.parse()? };
        ensure!(size.nodes > 0 && size.pods > 0, "there is nothing to measure");
        Ok(size)
    }
}
