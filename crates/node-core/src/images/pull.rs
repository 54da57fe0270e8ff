//! When an image is looked for.

use k8s_openapi::api::core::v1::Container;
use thiserror::Error;

use super::{ImageName, Lookup};
use crate::container::{Waiting, WaitingReason};

/// When an image is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullPolicy {
    /// At each start.
    Always,
    /// Unless it is there.
    IfNotPresent,
    /// Not at all: it is there, or the container waits.
    Never,
}

/// A policy that is unknown.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("image pull policy {0:?} is unknown")]
pub struct PullPolicyError(String);

impl PullPolicy {
    /// Reads the policy of a container. Without one, the tag `latest`, said or not, is looked for at each start.
    pub fn of(container: &Container, image: &ImageName) -> Result<Self, PullPolicyError> {
        match container.image_pull_policy.as_deref() {
            Some("Always") => Ok(Self::Always),
            Some("IfNotPresent") => Ok(Self::IfNotPresent),
            Some("Never") => Ok(Self::Never),
            None | Some("") => Ok(match (&image.digest, image.tag.as_deref()) {
                (None, None | Some("latest")) => Self::Always,
                (Some(_), _) | (None, Some(_)) => Self::IfNotPresent,
            }),
            Some(other) => Err(PullPolicyError(other.to_owned())),
        }
    }
}

/// Returns why a container has to wait for its image, if it has to.
pub fn refusal(policy: PullPolicy, image: &str, lookup: &Lookup) -> Option<Waiting> {
    let problem = lookup.problem(image)?;
    Some(match policy {
        PullPolicy::Never => Waiting {
            reason: WaitingReason::ErrImageNeverPull,
            message: format!("Container image {image:?} is not present with pull policy of Never: {problem}"),
        },
        PullPolicy::Always | PullPolicy::IfNotPresent => {
            Waiting { reason: WaitingReason::ErrImagePull, message: problem }
        }
    })
}
