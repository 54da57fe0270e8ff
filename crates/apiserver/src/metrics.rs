//! Metrics, under the names of kube-apiserver where it has the thing.

use std::fmt;
use std::time::Duration;

use http::Method;
use parking_lot::Mutex;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::api::Api;
use crate::http::{Query, Reply, Target};

/// Upper ends of the buckets of latencies, in seconds.
const BUCKETS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0];

/// What a request was. Values are bounded: names that are not served count as none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    verb: &'static str,
    group: String,
    version: String,
    resource: String,
    subresource: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CodeLabels {
    verb: &'static str,
    group: String,
    version: String,
    resource: String,
    subresource: String,
    code: u32,
}

/// A deprecated version that was asked for. None of those that are served is known to go with a certain release.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DeprecatedLabels {
    group: String,
    version: String,
    resource: String,
    subresource: String,
    removed_release: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResourceLabels {
    resource: String,
}

type Latency = Family<RequestLabels, Histogram, fn() -> Histogram>;

/// Everything that is counted.
pub(crate) struct Metrics {
    registry: Mutex<Registry>,
    requests: Family<CodeLabels, Counter>,
    latency: Latency,
    deprecated: Family<DeprecatedLabels, Gauge>,
    watchers: Gauge,
    objects: Family<ResourceLabels, Gauge>,
    revision: Gauge<i64, std::sync::atomic::AtomicI64>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::default();
        let requests = Family::default();
        let latency: Latency = Family::new_with_constructor(|| Histogram::new(BUCKETS));
        let deprecated = Family::default();
        let (watchers, objects, revision) = (Gauge::default(), Family::default(), Gauge::default());
        registry.register(
            "apiserver_request",
            "Requests by what they were and the code of the answer",
            requests.clone(),
        );
        registry.register(
            "apiserver_request_duration_seconds",
            "Seconds until an answer began, by what was asked; watches excluded",
            latency.clone(),
        );
        registry.register(
            "apiserver_requested_deprecated_apis",
            "1 for each deprecated version of the API that was asked for",
            deprecated.clone(),
        );
        registry.register("apiserver_longrunning_requests", "Watches that are open", watchers.clone());
        registry.register("apiserver_storage_objects", "Objects by resource", objects.clone());
        registry.register(
            "apiserver_watch_cache_revision",
            "The revision that the cache is at",
            revision.clone(),
        );
        Self { registry: Mutex::new(registry), requests, latency, deprecated, watchers, objects, revision }
    }

    /// Counts an answer.
    pub(crate) fn observe(
        &self,
        api: &Api,
        method: &Method,
        query: &Query,
        target: &Target,
        code: u16,
        took: Duration,
    ) {
        let labels = labels(api, method, query, target);
        let RequestLabels { verb, group, version, resource, subresource } = labels.clone();
        // Whoever was sent away has not used it.
        if is_deprecated(api, target) && !matches!(code, 401 | 403) {
            let labels = DeprecatedLabels {
                group: group.clone(),
                version: version.clone(),
                resource: resource.clone(),
                subresource: subresource.clone(),
                removed_release: "",
            };
            self.deprecated.get_or_create(&labels).set(1);
        }
        let code = u32::from(code);
        self.requests.get_or_create(&CodeLabels { verb, group, version, resource, subresource, code }).inc();
        if verb != "WATCH" {
            self.latency.get_or_create(&labels).observe(took.as_secs_f64());
        }
    }

    /// Answers with everything in the text format.
    pub(crate) fn text(&self, api: &Api) -> Reply {
        let open = crate::verbs::watch::LIMIT - api.watches.available_permits();
        self.watchers.set(i64::try_from(open).unwrap_or(i64::MAX));
        self.revision.set(api.cache.revision());
        for (prefix, size) in api.cache.sizes() {
            let labels = ResourceLabels { resource: prefix.to_string() };
            self.objects.get_or_create(&labels).set(i64::try_from(size).unwrap_or(i64::MAX));
        }
        let mut text = String::new();
        match encode(&mut text, &self.registry.lock()) {
            Ok(()) => Reply::new(
                200,
                "text/plain; version=0.0.4; charset=utf-8; escaping=underscores",
                prometheus(&text),
            ),
            Err(error) => Reply::text(500, error.to_string()),
        }
    }
}

/// Turns `OpenMetrics` into the older text format: there a counter is described under the name of its samples.
fn prometheus(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 256);
    let counters: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter")).collect();
    for line in text.lines() {
        let described = ["# HELP ", "# TYPE "].iter().find_map(|head| {
            let (name, rest) = line.strip_prefix(head)?.split_once(' ')?;
            counters.contains(&name).then(|| format!("{head}{name}_total {rest}"))
        });
        match described {
            Some(line) => out.push_str(&line),
            None if line == "# EOF" => continue,
            None => out.push_str(line),
        }
        out.push('\n');
    }
    out
}

fn is_deprecated(api: &Api, target: &Target) -> bool {
    let Target::Resource(target) = target else { return false };
    let resource = api.catalog.find(&target.group, &target.version, &target.plural);
    resource.is_some_and(|resource| resource.deprecation().is_some())
}

fn labels(api: &Api, method: &Method, query: &Query, target: &Target) -> RequestLabels {
    let plain = match *method {
        Method::GET | Method::HEAD => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    };
    let Target::Resource(target) = target else {
        return RequestLabels { verb: plain, ..RequestLabels::default() };
    };
    let Some(resource) = api.catalog.find(&target.group, &target.version, &target.plural) else {
        return RequestLabels { verb: plain, ..RequestLabels::default() };
    };
    let verb = match (plain, target.name.is_empty(), target.watch || query.flag("watch")) {
        ("GET", true, true) => "WATCH",
        ("GET", true, false) => "LIST",
        ("DELETE", true, _) => "DELETECOLLECTION",
        (verb, _, _) => verb,
    };
    let known = resource.subresources().into_iter().find(|sub| sub.as_str() == target.subresource);
    RequestLabels {
        verb,
        group: target.group.clone(),
        version: target.version.clone(),
        resource: target.plural.clone(),
        subresource: known.map_or("", |sub| sub.as_str()).to_owned(),
    }
}
