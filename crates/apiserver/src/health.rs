//! Health: `/livez`, `/readyz`, `/healthz`, and their single checks.

use std::time::Duration;

use crate::api::Api;
use crate::http::{Query, Reply};

/// How long the store may take to answer before it counts as gone.
const STORE: Duration = Duration::from_secs(2);

/// One thing that is looked at.
struct Check {
    name: &'static str,
    ok: bool,
}

/// Returns whether a path asks for health.
pub(crate) fn is(path: &str) -> bool {
    ["/livez", "/readyz", "/healthz"]
        .iter()
        .any(|root| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

/// Answers whether all is well; with `verbose`, check by check.
pub(crate) async fn answer(api: &Api, path: &str, query: &Query) -> Reply {
    let mut words = path.split('/').filter(|word| !word.is_empty());
    let (root, one) = (words.next().unwrap_or(""), words.next());
    let etcd = api.cache.is_current() && reaches_store(api).await;
    let mut checks = vec![Check { name: "ping", ok: true }, Check { name: "etcd", ok: etcd }];
    if root == "readyz" {
        checks.push(Check { name: "informer-sync", ok: api.cache.revision() > 0 });
        checks.push(Check { name: "shutdown", ok: !api.stopping.is_cancelled() });
    }
    if let Some(one) = one {
        checks.retain(|check| check.name == one);
        if checks.is_empty() {
            return Reply::text(404, "404 page not found\n");
        }
    }
    let excluded: Vec<&str> = query.all("exclude").collect();
    let lines = checks.iter().map(|check| match (excluded.contains(&check.name), check.ok) {
        (true, _) => format!("[+]{} excluded: ok\n", check.name),
        (false, true) => format!("[+]{} ok\n", check.name),
        (false, false) => format!("[-]{} failed: reason withheld\n", check.name),
    });
    let report: String = lines.collect();
    let healthy = checks.iter().all(|check| check.ok || excluded.contains(&check.name));
    match (healthy, query.has("verbose")) {
        (true, false) => Reply::text(200, "ok"),
        (true, true) => Reply::text(200, format!("{report}{root} check passed\n")),
        (false, _) => Reply::text(500, format!("{report}{root} check failed\n")),
    }
}

/// Asks the store, for a watch alone does not show that it hangs.
async fn reaches_store(api: &Api) -> bool {
    matches!(tokio::time::timeout(STORE, api.storage.revision()).await, Ok(Ok(_)))
}
