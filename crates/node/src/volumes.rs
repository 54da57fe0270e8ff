//! The volumes of a Pod on disk.
//!
//! ```text
//! <state>/pods/<uid>/volumes/<name>     emptyDir (a tmpfs if in memory), and what the node writes
//! ```
//! Everything else stays where it is (hostPath, local volumes) and is only looked at. What the node writes is replaced
//! as a whole ([`atomic`]) whenever what it is made from changes; tokens are renewed before they end.

mod atomic;
mod host_path;
mod owner;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::authentication::v1::{
    BoundObjectReference, TokenRequest as ApiTokenRequest, TokenRequestSpec,
};
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod, PodSpec, ServiceAccount};
use kube::Api;
use kube::api::PostParams;
use rustix::mount::{MountFlags, UnmountFlags};
use stanchion_node_core::Moment;
use stanchion_node_core::downward::Surroundings;
use stanchion_node_core::names::PodRef;
use stanchion_node_core::volumes::{self, Content, HostPathKind, Ingredients, TokenRequest, Volume};

use crate::calls::{CallError, call};
use crate::clock;
use crate::follow::Topic;
use crate::node::Node;
use crate::sources::{FetchError, References};

/// Why the volumes of a Pod are not there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VolumesError {
    #[error("{0}")]
    Plan(#[from] volumes::VolumeError),
    #[error("MountVolume.SetUp failed for volume {volume:?} : {problem}")]
    SetUp { volume: String, problem: String },
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("failed to fetch token for service account {account:?}")]
    Token {
        account: String,
        #[source]
        source: CallError,
    },
    #[error("cannot read {what}")]
    Claim {
        what: String,
        #[source]
        source: CallError,
    },
}

impl VolumesError {
    fn set_up(volume: &str, problem: impl std::fmt::Display) -> Self {
        Self::SetUp { volume: volume.to_owned(), problem: problem.to_string() }
    }
}

/// A token, and when it is time for a new one.
#[derive(Clone, Debug)]
struct Token {
    text: String,
    renew: Moment,
}

/// The volumes of a Pod, ready to be mounted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Volumes {
    /// What each is.
    pub(crate) plan: BTreeMap<String, Volume>,
    /// Where each is on this machine.
    pub(crate) paths: BTreeMap<String, PathBuf>,
    /// What was left out, in words for an Event.
    pub(crate) left_out: Vec<String>,
    tokens: BTreeMap<TokenRequest, Token>,
}

impl Volumes {
    /// Makes the volumes of a Pod, or brings those it has up to date.
    pub(crate) async fn make(
        node: &Arc<Node>,
        pod: &Arc<Pod>,
        pod_ips: &[String],
        before: Option<&Self>,
    ) -> Result<Self, VolumesError> {
        let fallback = PodSpec::default();
        let spec = pod.spec.as_ref().unwrap_or(&fallback);
        let mut made = Self {
            plan: volumes::plan(spec)?,
            tokens: before.map(|before| before.tokens.clone()).unwrap_or_default(),
            ..Self::default()
        };
        let reference = PodRef::of(pod);
        let root = node.pod_dir(&reference.uid).join("volumes");
        let plan = made.plan.clone();
        for (name, volume) in &plan {
            let path = match volume {
                Volume::EmptyDir { in_memory, size_limit } => {
                    let (path, group) = (root.join(name), group_of(spec));
                    let allocatable =
                        node.allocatable.get("memory").map_or(node.memory, |memory| memory.value());
                    let size = volumes::memory_size(spec, *size_limit, allocatable);
                    let memory = in_memory.then_some(size);
                    let work = move || empty_dir(&path, memory, group).map(|left_out| (path, left_out));
                    let (path, left_out) =
                        blocking(work).await.map_err(|error| VolumesError::set_up(name, error))?;
                    made.left_out.extend(left_out.map(|why| format!("volume {name:?}: {why}")));
                    path
                }
                Volume::HostPath { path, kind, .. } => use_path(name, path, *kind).await?,
                Volume::Claim { name: claim, read_only } => {
                    let (path, resolved) =
                        claimed(node, name, &reference.namespace, claim, *read_only, spec).await?;
                    made.plan.insert(name.clone(), resolved);
                    path
                }
                Volume::Files(content) => {
                    made.renew_tokens(node, pod, content).await?;
                    made.write(node, pod, pod_ips, name, content, &root, group_of(spec)).await?
                }
            };
            made.paths.insert(name.clone(), path);
        }
        Ok(made)
    }

    /// Returns the objects that its files are made from.
    pub(crate) fn topics(&self, namespace: &str) -> BTreeSet<Topic> {
        let mut topics = BTreeSet::new();
        for volume in self.plan.values() {
            let Volume::Files(content) = volume else { continue };
            let (config_maps, secrets) = content.references();
            let owned = |name: &str| (namespace.to_owned(), name.to_owned());
            topics.extend(
                config_maps
                    .into_iter()
                    .map(owned)
                    .map(|(namespace, name)| Topic::ConfigMap { namespace, name }),
            );
            topics.extend(
                secrets.into_iter().map(owned).map(|(namespace, name)| Topic::Secret { namespace, name }),
            );
        }
        topics
    }

    /// Returns whether something of it may change while the Pod runs.
    pub(crate) fn has_files(&self) -> bool {
        self.plan.values().any(|volume| matches!(volume, Volume::Files(_)))
    }

    #[expect(clippy::too_many_arguments, reason = "each is needed once, here")]
    async fn write(
        &self,
        node: &Arc<Node>,
        pod: &Pod,
        pod_ips: &[String],
        name: &str,
        content: &Content,
        root: &Path,
        group: Option<u32>,
    ) -> Result<PathBuf, VolumesError> {
        let (config_maps, secrets) = content.references();
        let references = References {
            config_maps: config_maps.into_iter().map(str::to_owned).collect(),
            secrets: secrets.into_iter().map(str::to_owned).collect(),
        };
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        let sources = references.fetch(&node.client, namespace).await?;
        let tokens =
            self.tokens.iter().map(|(request, token)| (request.clone(), token.text.clone())).collect();
        let host_ips = node.host_ips();
        let surroundings = Surroundings { host_ips: &host_ips, pod_ips, allocatable: &node.allocatable };
        let from = Ingredients { pod, surroundings: &surroundings, sources: &sources, tokens: &tokens };
        let files = content.files(&from).map_err(|error| VolumesError::set_up(name, chain(&error)))?;
        let path = root.join(name);
        let target = path.clone();
        let stamp = clock::now().millis();
        let written = blocking(move || atomic::write(&target, &files, group, stamp)).await;
        written.map_err(|error| VolumesError::set_up(name, error))?;
        Ok(path)
    }

    /// Asks for the tokens that are not there, or have little time left.
    async fn renew_tokens(&mut self, node: &Node, pod: &Pod, content: &Content) -> Result<(), VolumesError> {
        for request in content.tokens() {
            let now = clock::now();
            if self.tokens.get(request).is_some_and(|token| now < token.renew) {
                continue;
            }
            match token(node, pod, request, now).await {
                Ok(token) => drop(self.tokens.insert(request.clone(), token)),
                // The one that is there is good for a while.
                Err(error) if self.tokens.contains_key(request) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "a token cannot be renewed yet");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Removes what a Pod has on disk. What is elsewhere (hostPath, local volumes) is not touched.
pub(crate) async fn remove(dir: PathBuf) -> io::Result<()> {
    blocking(move || {
        unmount_below(&dir)?;
        match std::fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    })
    .await
}

/// Takes away the mounts in a directory, the innermost first.
pub(crate) fn unmount_below(dir: &Path) -> io::Result<()> {
    let dir = match std::fs::canonicalize(dir) {
        Ok(dir) => dir,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let table = std::fs::read_to_string("/proc/self/mountinfo")?;
    let places = table.lines().filter_map(|line| line.split(' ').nth(4)).map(unescape);
    let mut below: Vec<PathBuf> = places.map(PathBuf::from).filter(|place| place.starts_with(&dir)).collect();
    below.sort();
    for place in below.iter().rev() {
        rustix::mount::unmount(place, UnmountFlags::DETACH)?;
    }
    Ok(())
}

/// Reads a path of the table of mounts, in which blanks stand as octal numbers.
fn unescape(text: &str) -> String {
    text.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

/// Makes an empty directory, in memory up to a size if there is one; says what it does not have.
fn empty_dir(path: &Path, memory: Option<i64>, group: Option<u32>) -> io::Result<Option<String>> {
    if path.exists() {
        return Ok(None);
    }
    std::fs::create_dir_all(path)?;
    let mut left_out = None;
    if let Some(size) = memory {
        let options = std::ffi::CString::new(format!("size={size},mode=0777")).map_err(io::Error::other)?;
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        if let Err(errno) = rustix::mount::mount("tmpfs", path, "tmpfs", flags, options.as_c_str()) {
            left_out =
                Some(format!("it is on disk and has no size limit, memory cannot be mounted here: {errno}"));
        }
    }
    owner::set_mode(path, 0o777)?;
    owner::share(path, group)?;
    Ok(left_out)
}

/// Looks at a path of the machine, and makes what a Pod wants to be made.
async fn use_path(volume: &str, path: &str, kind: HostPathKind) -> Result<PathBuf, VolumesError> {
    let path = PathBuf::from(path);
    let target = path.clone();
    let done = blocking(move || Ok(host_path::prepare(&target, kind))).await;
    match done {
        Ok(Ok(())) => Ok(path),
        Ok(Err(problem)) => Err(VolumesError::set_up(volume, problem)),
        Err(error) => Err(VolumesError::set_up(volume, error)),
    }
}

/// Finds the volume of a claim.
async fn claimed(
    node: &Node,
    volume: &str,
    namespace: &str,
    name: &str,
    read_only: bool,
    spec: &PodSpec,
) -> Result<(PathBuf, Volume), VolumesError> {
    let failed = |what: String| move |source| VolumesError::Claim { what, source };
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(node.client.clone(), namespace);
    let claim =
        call(claims.get_opt(name)).await.map_err(failed(format!("persistentvolumeclaim {name:?}")))?;
    let claim = claim
        .ok_or_else(|| VolumesError::set_up(volume, format!("persistentvolumeclaim {name:?} not found")))?;
    let bound = claim.spec.as_ref().and_then(|spec| spec.volume_name.clone()).unwrap_or_default();
    let all: Api<PersistentVolume> = Api::all(node.client.clone());
    let persistent = if bound.is_empty() {
        None
    } else {
        call(all.get_opt(&bound)).await.map_err(failed(format!("persistentvolume {bound:?}")))?
    };
    let resolved = volumes::of_claim(&claim, persistent.as_ref(), read_only);
    let resolved = resolved.map_err(|error| VolumesError::set_up(volume, error))?;
    let Volume::HostPath { path, kind, .. } = &resolved else {
        return Err(VolumesError::set_up(volume, "it is of a kind that this node does not have"));
    };
    let path = use_path(volume, path, *kind).await?;
    let (shared, group) = (path.clone(), group_of(spec));
    if !read_only {
        let done = blocking(move || owner::share(&shared, group)).await;
        done.map_err(|error| VolumesError::set_up(volume, error))?;
    }
    Ok((path, resolved))
}

/// Asks for a token of a Pod's service account.
async fn token(node: &Node, pod: &Pod, request: &TokenRequest, now: Moment) -> Result<Token, VolumesError> {
    let account = pod.spec.as_ref().and_then(|spec| spec.service_account_name.clone());
    let account = account.filter(|name| !name.is_empty()).unwrap_or_else(|| "default".to_owned());
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let api: Api<ServiceAccount> = Api::namespaced(node.client.clone(), namespace);
    let asked = ApiTokenRequest {
        spec: Some(TokenRequestSpec {
            audiences: Some(request.audience.iter().cloned().collect()),
            expiration_seconds: Some(request.expiration_seconds),
            bound_object_ref: Some(BoundObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some("Pod".to_owned()),
                name: pod.metadata.name.clone(),
                uid: pod.metadata.uid.clone(),
            }),
        }),
        ..ApiTokenRequest::default()
    };
    let failed = |source| VolumesError::Token { account: account.clone(), source };
    let answer =
        call(api.create_token_request(&account, &PostParams::default(), &asked)).await.map_err(failed)?;
    let status = answer.status.unwrap_or_default();
    let life =
        status.expiration_timestamp.as_ref().map_or(Duration::ZERO, |end| Moment::from(end).since(now));
    Ok(Token { text: status.token.unwrap_or_default(), renew: now + life * 4 / 5 })
}

/// Returns the group that shares the volumes of a Pod.
fn group_of(spec: &PodSpec) -> Option<u32> {
    let context = spec.security_context.as_ref();
    context.and_then(|context| context.fs_group).and_then(|group| u32::try_from(group).ok())
}

/// Words an error with what is behind it.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text = format!("{text}: {source}");
        next = source.source();
    }
    text
}

/// Does what waits for the disk off the runtime's threads.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests;
