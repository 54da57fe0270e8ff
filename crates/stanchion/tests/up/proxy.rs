//! What nodes answer through the API server, asked with kubectl.

use serde_json::Value;

use crate::LIMIT;
use crate::ground::Ground;
use crate::support::within;

/// A path at the node that is this machine.
const NODE: &str = "/api/v1/nodes/here/proxy";

/// A Pod that says more than is handed on at a time.
const TALKS: &str = "
apiVersion: v1
kind: Pod
metadata: {name: talks}
spec:
  nodeName: here
  restartPolicy: Never
  containers: [{name: c, image: busybox, command: [sh, -c, 'seq 1 100000']}]
";

/// Asks for a path, and returns the JSON of the answer.
async fn get(ground: &Ground, path: &str) -> Value {
    let said = ground.kubectl(&format!("get --raw {path}")).await.done();
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{path}: {error}: {said}"))
}

/// Asks for a path, and returns why it is refused.
async fn refused(ground: &Ground, words: &str) -> String {
    ground.kubectl(words).await.failed(1)
}

#[tokio::test]
async fn a_node_answers_through_the_api_server() {
    within(LIMIT, async {
        let more = ["--eviction-hard", "nodefs.available<3%", "--system-reserved", "memory=64Mi,cpu=10m"];
        let own = ["--node-name", "here", "--simulate-nodes", "1", "--no-databases"];
        let ground = Ground::start(&[&own[..], &more].concat()).await;
        let said = get(&ground, &format!("{NODE}/configz")).await;
        let kubelet = &said["kubeletconfig"];
        let hard = serde_json::json!({"memory.available": "100Mi", "nodefs.available": "3%", "nodefs.inodesFree": "1%"});
        assert_eq!(kubelet["evictionHard"], hard, "{said:#}");
        assert_eq!(kubelet["systemReserved"], serde_json::json!({"memory": "64Mi", "cpu": "10m"}), "{said:#}");
        let range = ground.field("node/here", ".spec.podCIDR").await;
        assert_eq!(kubelet["podCIDR"], range.as_str(), "{said:#}");
        assert!(kubelet.get("rotateCertificates").is_none(), "it has no certificate to renew: {said:#}");
        what_is_kept(&ground).await;
        paths(&ground, &said).await;
        refusals(&ground).await;
        rights(&ground).await;
        let resources = get(&ground, "/api/v1").await;
        let listed = resources["resources"].as_array().expect("a list").iter();
        let kinds: Vec<_> = listed
            .filter(|one| one["name"].as_str().is_some_and(|name| name.ends_with("/proxy")))
            .map(|one| (one["name"].as_str().unwrap_or_default(), one["kind"].as_str().unwrap_or_default()))
            .collect();
        let expected = [
            ("nodes/proxy", "NodeProxyOptions"),
            ("pods/proxy", "PodProxyOptions"),
            ("services/proxy", "ServiceProxyOptions"),
        ];
        assert_eq!(kinds, expected);
    })
    .await;
}

/// What the node keeps back is not for Pods.
async fn what_is_kept(ground: &Ground) {
    let memory = async |of: &str| {
        let text = ground.field("node/here", &format!(".status.{of}.memory")).await;
        let number = |text: &str, unit: i64| text.parse::<i64>().expect("a number") * unit;
        match (text.strip_suffix("Ki"), text.strip_suffix("Mi")) {
            (Some(kibi), _) => number(kibi, 1),
            (_, Some(mebi)) => number(mebi, 1024),
            (None, None) => panic!("{text} is neither of Ki nor of Mi"),
        }
    };
    let kept = memory("capacity").await - memory("allocatable").await;
    assert_eq!(kept, (256 + 64 + 100) * 1024, "for the node, for the system, and what has to stay free");
}

/// Every path is handed on, and what the node says to it is handed back.
async fn paths(ground: &Ground, configz: &Value) {
    assert_eq!(ground.kubectl(&format!("get --raw {NODE}/healthz")).await.done(), "ok");
    let port = &configz["kubeletconfig"]["port"];
    for name in [format!("here:{port}"), format!("https:here:{port}")] {
        assert_eq!(get(ground, &format!("/api/v1/nodes/{name}/proxy/configz")).await, *configz, "{name}");
    }
    let pods = get(ground, &format!("{NODE}/pods?limit=1")).await;
    assert_eq!(pods["kind"], "PodList");
    ground.apply(TALKS).await;
    ground.wait_field("pod/talks", ".status.phase", "Succeeded").await;
    let path = format!("{NODE}/containerLogs/default/talks/c");
    let log = ground.kubectl(&format!("get --raw {path}")).await.done();
    assert_eq!((log.lines().count(), log.lines().last()), (100_000, Some("100000")));
    let log = ground.kubectl(&format!("get --raw {path}?tailLines=2")).await.done();
    assert_eq!(log, "99999\n100000\n", "the query goes with it");
    let unknown = refused(ground, &format!("get --raw {NODE}/nothing")).await;
    assert!(unknown.contains("could not find the requested resource"), "{unknown}");
}

/// What is not handed on is refused with a reason.
async fn refusals(ground: &Ground) {
    for (words, why) in [
        ("get --raw /api/v1/nodes/here:22/proxy/configz", "which its status names, and not at 22"),
        ("get --raw /api/v1/nodes/http:here:1/proxy/configz", "over https alone"),
        ("get --raw /api/v1/nodes/nowhere/proxy/configz", "nodes \"nowhere\" not found"),
        ("get --raw /api/v1/nodes/sim-0001/proxy/configz", "its status names no port"),
        ("get --raw /api/v1/nodes/here/proxy/x/%2e%2e/configz", "must not contain '.' or '..'"),
        ("delete --raw /api/v1/nodes/here/proxy/configz", "only GET is handed on to nodes"),
    ] {
        let refused = refused(ground, words).await;
        assert!(refused.contains(why), "{words}: {refused}");
    }
}

/// It takes the right to get `nodes/proxy`, and that of the node alone if a role names it.
async fn rights(ground: &Ground) {
    ground.kubectl("create serviceaccount looks").await.done();
    let ask = format!("get --raw {NODE}/configz --as system:serviceaccount:default:looks");
    let forbidden = refused(ground, &ask).await;
    assert!(forbidden.contains("cannot get resource \"nodes/proxy\""), "{forbidden}");
    let role = "create clusterrole looks --verb=get --resource=nodes/proxy --resource-name=here";
    ground.kubectl(role).await.done();
    let bind = "create clusterrolebinding looks --clusterrole=looks --serviceaccount=default:looks";
    ground.kubectl(bind).await.done();
    ground.kubectl(&ask).await.done();
    let another = ask.replace("/here/", "/sim-0001/");
    assert!(refused(ground, &another).await.contains("cannot get resource \"nodes/proxy\""));
    let delete = ask.replace("get --raw", "delete --raw");
    assert!(refused(ground, &delete).await.contains("cannot delete resource \"nodes/proxy\""));
}
