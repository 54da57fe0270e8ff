//! How kubelets are set.

use std::collections::BTreeMap;

use serde::Deserialize;

/// How a kubelet is set, as it says at `/configz`: what a file and the command line say, and else the defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Kubelet {
    /// Its node.
    #[serde(skip)]
    pub node: String,
    /// How many other nodes of its version were not asked, and are taken to be set as this one.
    #[serde(skip)]
    pub others: usize,
    /// How many Pods it takes.
    pub max_pods: Option<i64>,
    /// At which amounts Pods are evicted at once, by what is measured.
    pub eviction_hard: BTreeMap<String, String>,
    /// From which use of the disk on images are removed, in per cent.
    #[serde(rename = "imageGCHighThresholdPercent")]
    pub image_gc_high: Option<i64>,
    /// Down to which, in per cent.
    #[serde(rename = "imageGCLowThresholdPercent")]
    pub image_gc_low: Option<i64>,
    /// Whether it renews the certificate by which the API server knows it; kubelets leave it out where they do not.
    pub rotate_certificates: Option<bool>,
    /// How often it looks at its Pods: every kubelet says so, and whoever does says nothing of what is off.
    pub sync_frequency: Option<String>,
    /// Whether the authority of the cluster makes the certificate that it shows.
    #[serde(rename = "serverTLSBootstrap")]
    pub server_tls_bootstrap: Option<bool>,
    /// What is kept back for the machine's own programs, as it was written.
    pub system_reserved: BTreeMap<String, String>,
    /// What is kept back for the kubelet and the container runtime.
    pub kube_reserved: BTreeMap<String, String>,
}

/// Whether a kubelet renews the certificate by which the API server knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// It does.
    On,
    /// It has one, and does not.
    Off,
    /// It does not, and whether it has one is not known: other programs may log it in.
    NotAsked,
    /// It does not say.
    Unknown,
}

impl Kubelet {
    /// Returns whether it renews its certificate.
    pub fn rotation(&self) -> Rotation {
        match (self.rotate_certificates, &self.sync_frequency) {
            (Some(true), _) => Rotation::On,
            (Some(false), _) => Rotation::Off,
            (None, Some(_)) => Rotation::NotAsked,
            (None, None) => Rotation::Unknown,
        }
    }
}

/// What a kubelet answers at `/configz`.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Configz {
    /// How it is set.
    #[serde(rename = "kubeletconfig")]
    pub kubelet: Kubelet,
}
