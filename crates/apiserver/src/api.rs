//! The API: what all requests share, and the way of a request through it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, IF_NONE_MATCH, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, Method};
use stanchion_kinds::table::{Access, Subresource};
use stanchion_machinery::status::{Reason, Status};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::admission::Admission;
use crate::authn::{Authenticator, MASTERS, Peer, User};
use crate::authz::Authorizer;
use crate::cache::Cache;
use crate::call::Call;
use crate::catalog::{self, Catalog};
use crate::http::body::Intake;
use crate::http::target::ResourceTarget;
use crate::http::{Accept, Query, Reply, Target, Upgrade, Verb};
use crate::metrics::Metrics;
use crate::nodes::Nodes;
use crate::openapi::Documents;
use crate::options::Settings;
use crate::resource::Resource;
use crate::seats::Seats;
use crate::storage::Storage;
use crate::strategy::Part;
use crate::{discovery, health, openapi, subresources, verbs};

/// How long anything but a watch may take.
const DEADLINE: Duration = Duration::from_mins(1);

/// What all requests share.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) options: Settings,
    pub(crate) storage: Storage,
    pub(crate) cache: Arc<Cache>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) authenticator: Authenticator,
    pub(crate) authorizer: Authorizer,
    pub(crate) admission: Admission,
    pub(crate) documents: Documents,
    pub(crate) metrics: Metrics,
    pub(crate) watches: Arc<Semaphore>,
    pub(crate) intake: Intake,
    pub(crate) seats: Seats,
    pub(crate) nodes: Nodes,
    pub(crate) stopping: CancellationToken,
}

/// A request before its body is read.
struct Request<'a> {
    method: &'a Method,
    query: Query,
    accept: Accept,
    headers: &'a HeaderMap,
    user: User,
    upgrade: Upgrade,
}

impl Api {
    /// Answers a request.
    pub(crate) async fn answer<B>(self: &Arc<Self>, parts: &Parts, body: B, peer: Option<&Peer>) -> Reply
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let started = std::time::Instant::now();
        let target = Target::parse(parts.uri.path());
        let query = Query::parse(parts.uri.query().unwrap_or(""));
        let observed = query.clone();
        let result = match self.authenticate(&parts.headers, peer) {
            Err(status) => Err(status),
            Ok(user) => {
                let accept = Accept::parse(&header(&parts.headers, &ACCEPT));
                let upgrade = Upgrade::of(parts);
                let request =
                    Request { method: &parts.method, query, accept, headers: &parts.headers, user, upgrade };
                self.route(&request, &target, body).await
            }
        };
        let reply = result.unwrap_or_else(Reply::from);
        self.metrics.observe(self, &parts.method, &observed, &target, reply.code, started.elapsed());
        if parts.method == Method::HEAD {
            return reply.without_body();
        }
        if parts.method == Method::GET && gzip(&parts.headers) { reply.compress() } else { reply }
    }

    fn authenticate(&self, headers: &HeaderMap, peer: Option<&Peer>) -> Result<User, Status> {
        let user = self.authenticator.user(headers, peer)?;
        self.authorizer.impersonate(self, user, headers)
    }

    async fn route<B>(
        self: &Arc<Self>,
        request: &Request<'_>,
        target: &Target,
        body: B,
    ) -> Result<Reply, Status>
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        match target {
            Target::Path(path) => {
                self.authorizer.path(&request.user, request.method, path)?;
                self.path(request, path).await
            }
            Target::Resource(target) => {
                let verb = target.verb(request.method, &request.query).ok_or_else(not_allowed)?;
                self.authorizer.resource(&request.user, verb, target, &request.query)?;
                let resource = match self.find(target) {
                    None if !catalog::has_built_in(&target.group, &target.version) => {
                        return Ok(nothing_here());
                    }
                    found => found.ok_or_else(missing)?,
                };
                let body = tokio::time::timeout(DEADLINE, self.intake.read(body));
                let body = body.await.map_err(|_| timed_out())??;
                let call = Call {
                    verb,
                    target: target.clone(),
                    resource,
                    query: request.query.clone(),
                    accept: request.accept.clone(),
                    user: request.user.clone(),
                    user_agent: header(request.headers, &USER_AGENT),
                    content_type: header(request.headers, &CONTENT_TYPE),
                    body: body.bytes.clone(),
                    upgrade: request.upgrade.clone(),
                };
                let reply = if verb == Verb::Watch {
                    self.dispatch(&call).await
                } else {
                    let answer = async {
                        let exempt = call.user.groups.iter().any(|group| group == MASTERS);
                        let _seat = if exempt { None } else { Some(self.seats.take().await?) };
                        self.dispatch(&call).await
                    };
                    tokio::time::timeout(DEADLINE, answer).await.unwrap_or_else(|_| Err(timed_out()))
                };
                let warning = call.resource.deprecation().map(str::to_owned);
                Ok(reply.unwrap_or_else(Reply::from).warn(warning))
            }
        }
    }

    async fn path(&self, request: &Request<'_>, path: &str) -> Result<Reply, Status> {
        if !matches!(*request.method, Method::GET | Method::HEAD) {
            return Err(not_allowed());
        }
        match path {
            "/version" => Ok(discovery::version()),
            "/metrics" => Ok(self.metrics.text(self)),
            "/api" | "/apis" => {
                let known = header(request.headers, &IF_NONE_MATCH);
                Ok(discovery::groups(self, path == "/api", &request.accept, &known))
            }
            _ if health::is(path) => Ok(health::answer(self, path, &request.query).await),
            _ if path == "/openapi/v3" || path.starts_with("/openapi/v3/") => {
                let known = header(request.headers, &IF_NONE_MATCH);
                let wanted = openapi::Wanted {
                    hash: request.query.text("hash"),
                    known: &known,
                    gzip: gzip(request.headers),
                    json: request.accept.takes_json(),
                };
                Ok(openapi::answer(self, path, &wanted).unwrap_or_else(nothing_here))
            }
            "/openapi/v2" => Ok(openapi::swagger(&header(request.headers, &ACCEPT))),
            "/" => Ok(discovery::paths(self)),
            "/.well-known/openid-configuration" => Ok(self.authenticator.openid_configuration()),
            "/openid/v1/jwks" => Ok(self.authenticator.jwks()),
            _ => Ok(discovery::legacy(self, path).unwrap_or_else(nothing_here)),
        }
    }

    fn find(&self, target: &ResourceTarget) -> Option<Resource> {
        let resource = self.catalog.find(&target.group, &target.version, &target.plural)?;
        // Only a namespace itself counts as being in it: what was authorized in one must not reach others.
        let itself = target.is_namespace() && target.namespace == target.name;
        let scoped = resource.namespaced() != target.namespace.is_empty() || itself;
        let everywhere = target.namespace.is_empty() && target.name.is_empty();
        (scoped || everywhere).then_some(resource)
    }

    async fn dispatch(self: &Arc<Self>, call: &Call) -> Result<Reply, Status> {
        if !call.target.subresource.is_empty() {
            return self.subresource(call).await;
        }
        if !allowed(call) {
            return Err(not_allowed());
        }
        match call.verb {
            Verb::Get => verbs::get::get(self, call).await,
            Verb::List => verbs::list::list(self, call).await,
            Verb::Watch => verbs::watch::watch(self, call).await,
            Verb::Create => verbs::create::create(self, call).await,
            Verb::Update => verbs::update::update(self, call, Part::Main).await,
            Verb::Patch => verbs::patch::patch(self, call, Part::Main).await,
            Verb::Delete => verbs::delete::delete(self, call).await,
            Verb::DeleteCollection => verbs::delete_collection::delete_collection(self, call).await,
        }
    }

    async fn subresource(self: &Arc<Self>, call: &Call) -> Result<Reply, Status> {
        let all = call.resource.subresources();
        let found = all.iter().find(|sub| sub.as_str() == call.target.subresource);
        let subresource = *found.ok_or_else(missing)?;
        if !subresource.verbs().contains(&call.verb.as_str()) {
            return Err(not_allowed());
        }
        let part = match subresource {
            Subresource::Status => Part::Status,
            Subresource::EphemeralContainers => Part::EphemeralContainers,
            Subresource::Resize => Part::Resize,
            Subresource::Finalize => Part::Finalize,
            Subresource::Scale => return subresources::scale::answer(self, call).await,
            Subresource::Binding => return subresources::binding::bind(self, call).await,
            Subresource::Eviction => return subresources::eviction::evict(self, call).await,
            Subresource::Token => return subresources::token::issue(self, call).await,
            Subresource::Log => return subresources::log::read(self, call).await,
            Subresource::Exec => return subresources::exec::run(self, call).await,
            Subresource::NodeProxy => return subresources::proxy::read(self, call).await,
            Subresource::Attach
            | Subresource::PortForward
            | Subresource::PodProxy
            | Subresource::ServiceProxy => return Err(subresources::node::refuse(subresource)),
        };
        match call.verb {
            Verb::Get => verbs::get::get(self, call).await,
            Verb::Update => verbs::update::update(self, call, part).await,
            Verb::Patch => verbs::patch::patch(self, call, part).await,
            Verb::List | Verb::Watch | Verb::Create | Verb::Delete | Verb::DeleteCollection => {
                Err(not_allowed())
            }
        }
    }
}

/// Returns whether a verb makes sense without a subresource.
fn allowed(call: &Call) -> bool {
    let everywhere = call.resource.namespaced() && call.target.namespace.is_empty();
    let one = !call.target.name.is_empty();
    let placed = match call.verb {
        Verb::Create => !one && !everywhere,
        Verb::Update | Verb::Patch | Verb::Delete => one,
        Verb::DeleteCollection => !everywhere,
        Verb::Get | Verb::List | Verb::Watch => true,
    };
    let access = match call.resource.access() {
        Access::Stored => true,
        Access::Review => call.verb == Verb::Create,
        Access::ReadOnly => matches!(call.verb, Verb::Get | Verb::List),
    };
    placed && access
}

/// Answers for a path at which there is no group of resources.
fn nothing_here() -> Reply {
    Reply::text(404, "404 page not found\n")
}

/// Refuses a resource that its group does not have.
fn missing() -> Status {
    let mut status = Status::new(Reason::NotFound, "the server could not find the requested resource");
    status.details_mut();
    status
}

pub(crate) fn not_allowed() -> Status {
    Status::new(Reason::MethodNotAllowed, "the server does not allow this method on the requested resource")
}

fn timed_out() -> Status {
    Status::new(Reason::Timeout, "the server was unable to return a response in the time allotted")
}

/// Returns whether the client takes compressed answers.
fn gzip(headers: &HeaderMap) -> bool {
    let accepted = header(headers, &ACCEPT_ENCODING);
    accepted.split(',').any(|coding| coding.split(';').next().unwrap_or("").trim() == "gzip")
}

fn header(headers: &HeaderMap, name: &http::HeaderName) -> String {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.collect::<Vec<_>>().join(",")
}
