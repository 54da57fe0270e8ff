//! Speaking for others, by those who may and those who may not.

use serde_json::json;

use crate::LIMIT;
use crate::client::{Client, unharmed};
use crate::support::cluster::Cluster;
use crate::support::{wait_for, within};

const WHO: &str = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn speaking_for_others_takes_rights_to_each_of_their_names() {
    within(LIMIT, async {
        // A user who may speak for one other, with a token, since a certificate would have to be signed.
        let folder = tempfile::tempdir().expect("a folder");
        let tokens = folder.path().join("tokens.csv");
        std::fs::write(&tokens, "actor-token,actor,1\n").expect("written");
        let file = tokens.to_str().expect("a path");
        let cluster = Cluster::start_with(&["--token-auth-file", file]).await;
        let admin = Client::admin(&cluster).await;
        let rules = json!([
            {"apiGroups": [""], "resources": ["users"], "resourceNames": ["jane", "system:anonymous"], "verbs": ["impersonate"]},
            {"apiGroups": [""], "resources": ["groups"], "resourceNames": ["dev"], "verbs": ["impersonate"]},
            {"apiGroups": [""], "resources": ["serviceaccounts"], "resourceNames": ["robot"], "verbs": ["impersonate"]},
        ]);
        admin.post(&format!("{RBAC}/clusterroles"), &json!({"metadata": {"name": "actor"}, "rules": rules})).await.done("a role");
        let binding = json!({"metadata": {"name": "actor"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "actor"},
            "subjects": [{"kind": "User", "name": "actor", "apiGroup": "rbac.authorization.k8s.io"}]});
        admin.post(&format!("{RBAC}/clusterrolebindings"), &binding).await.done("a binding");
        let actor = Client::nobody(&cluster).await.with_token("actor-token");
        wait_for("jane can be spoken for", async || {
            let answer = actor.send("POST", WHO, &[JSON, ("impersonate-user", "jane")], "{}").await;
            (answer.code == 201).then_some(())
        })
        .await;
        let user = |name| ("impersonate-user", name);
        let group = |name| ("impersonate-group", name);
        let cases: [(&[(&str, &str)], u16); 14] = [
            (&[user("jane"), group("dev")], 201),
            (&[user("jane"), group("system:masters")], 403),
            (&[user("jane"), group("dev"), group("system:masters")], 403),
            (&[user("root")], 403),
            (&[user("system:admin")], 403),
            (&[user("system:serviceaccount:default:robot")], 201),
            (&[user("system:serviceaccount:default:other")], 403),
            (&[user("system:serviceaccount:default:robot:x")], 403),
            (&[user("jane"), ("impersonate-uid", "5")], 403),
            (&[user("jane"), ("impersonate-extra-scopes", "all")], 403),
            (&[user("jane"), ("impersonate-extra-%2f%ff", "all")], 403),
            (&[user("jane"), group("")], 403),
            // Nothing may be overlooked because it is spelled oddly.
            (&[user("j\u{e4}ne")], 403),
            (&[user("jane"), group("d\u{e9}v")], 403),
        ];
        for (headers, code) in cases {
            let all = [&[JSON], headers].concat();
            let answer = actor.send("POST", WHO, &all, "{}").await;
            assert_eq!(answer.code, code, "{headers:?}: {}", answer.start());
        }
        for headers in [vec![group("dev")], vec![("impersonate-uid", "5")], vec![("impersonate-extra-a", "b")]] {
            let answer = actor.send("POST", WHO, &[&[JSON], headers.as_slice()].concat(), "{}").await;
            // Such requests are a failure of other servers as well, not a refusal.
            assert!(answer.code >= 400, "{headers:?}: {}", answer.start());
        }
        let masters = [JSON, user("jane"), group("system:unauthenticated")];
        let lowly = admin.send("POST", WHO, &masters, "{}").await;
        assert_eq!(lowly.code, 403, "who is said to be unknown has no rights of the known: {}", lowly.start());
        let anonymous = actor.send("GET", "/api", &[user("system:anonymous")], "").await;
        anonymous.refused_with(403, "speaking for nobody");
        unharmed(&cluster, &admin).await;
    })
    .await;
}
