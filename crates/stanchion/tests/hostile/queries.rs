//! Queries and headers that make no sense.

use crate::LIMIT;
use crate::client::{Client, unharmed};
use crate::support::cluster::Cluster;
use crate::support::within;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const BODY: &str = "{\"metadata\":{\"name\":\"queried\"}}";
const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn queries_that_make_no_sense_are_refused() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let admin = Client::admin(&cluster).await;
        let token = "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6LTUsInN0YXJ0IjoiYSJ9";
        let lists = [
            "labelSelector=a%20in",
            "labelSelector=a%20in%20(",
            "labelSelector=%3D%3D",
            "labelSelector=!",
            "labelSelector=a%3Db%2C%2C%2C",
            "labelSelector=a%20%3E%20b",
            "labelSelector=-a-%3D_",
            "fieldSelector=spec.nothing%3Da",
            "fieldSelector=%3D",
            "fieldSelector=metadata.name",
            "fieldSelector=metadata.name%3D%5C",
            "limit=-1",
            "limit=x",
            "limit=99999999999999999999999",
            "resourceVersion=-1",
            "resourceVersion=x",
            "resourceVersion=99999999999999999999999999",
            "resourceVersion=1&resourceVersionMatch=Odd",
            "resourceVersionMatch=Exact",
            "resourceVersion=0&resourceVersionMatch=Exact",
            "continue=x",
            "continue=%00",
            "limit=1&continue=e30",
            "sendInitialEvents=true",
            "timeoutSeconds=x",
            "watch=true&resourceVersion=x",
            "watch=true&continue=x&sendInitialEvents=true&resourceVersionMatch=NotOlderThan",
            "watch=true&resourceVersionMatch=Exact",
            "watch=true&sendInitialEvents=true",
            "watch=true&timeoutSeconds=x",
        ];
        for query in lists.into_iter().map(str::to_owned).chain([format!("continue={token}")]) {
            admin.get(&format!("{MAPS}?{query}")).await.refused(&query);
        }
        let writes = [
            "dryRun=None",
            "dryRun=all",
            "dryRun=All&dryRun=x",
            "fieldValidation=strict",
            "fieldValidation=Odd",
        ];
        for query in writes {
            let path = format!("{MAPS}?{query}");
            admin.send("POST", &path, &[JSON], BODY).await.refused(query);
            admin
                .send("PUT", &format!("{MAPS}/kube-root-ca.crt?{query}"), &[JSON], BODY)
                .await
                .refused(query);
        }
        let manager = "m".repeat(129);
        for manager in [manager.as_str(), "%00", "%0a", "a%07"] {
            let path = format!("{MAPS}?fieldManager={manager}");
            admin.send("POST", &path, &[JSON], BODY).await.refused(manager);
        }
        for query in [
            "propagationPolicy=Odd",
            "propagationPolicy=Orphan&orphanDependents=true",
            "gracePeriodSeconds=x",
            "dryRun=x",
        ] {
            let path = format!("{MAPS}/nothing?{query}");
            admin.send("DELETE", &path, &[JSON], "").await.refused(query);
            admin.send("DELETE", &format!("{MAPS}?{query}"), &[JSON], "").await.refused(query);
        }
        let bodies = [
            "{\"propagationPolicy\":\"Odd\"}",
            "{\"gracePeriodSeconds\":\"x\"}",
            "{\"preconditions\":{\"uid\":5}}",
            "{\"kind\":\"Pod\"}",
            "{\"dryRun\":[\"x\"]}",
            "{\"dryRun\":\"All\"}",
        ];
        for body in bodies {
            admin.send("DELETE", &format!("{MAPS}/nothing"), &[JSON], body).await.refused(body);
        }
        unharmed(&cluster, &admin).await;
    })
    .await;
}

#[tokio::test]
async fn what_is_only_tried_is_not_done() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let admin = Client::admin(&cluster).await;
        let map = format!("{MAPS}/queried");
        admin.send("POST", &format!("{MAPS}?dryRun=All"), &[JSON], BODY).await.done("create");
        admin.get(&map).await.refused_with(404, "created");
        admin.send("POST", MAPS, &[JSON], BODY).await.done("create");
        let body = "{\"dryRun\":[\"All\"]}";
        for (path, body) in [(map.clone(), body), (format!("{map}?dryRun=All"), ""), (MAPS.to_owned(), body)]
        {
            admin.send("DELETE", &path, &[JSON], body).await.done(&path);
            admin.get(&map).await.done(&path);
        }
        unharmed(&cluster, &admin).await;
    })
    .await;
}

#[tokio::test]
async fn queries_that_are_unknown_or_extreme_do_no_harm() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let admin = Client::admin(&cluster).await;
        let long = "x".repeat(30_000);
        let many = "a=b&".repeat(10_000);
        let terms = "a,".repeat(3000) + "a";
        let max = i64::MAX;
        let fine = [
            "nothing=1".to_owned(), "&&&===".to_owned(), "%ff=%fe".to_owned(), format!("pretty={long}"), many,
            format!("labelSelector={terms}"), format!("limit={max}"), "timeoutSeconds=-5".to_owned(),
            "resourceVersion=0".to_owned(), "limit=".to_owned(),
        ];
        for query in fine {
            admin.get(&format!("{MAPS}?{query}")).await.done(&format!("{query:.60}"));
        }
        for seconds in [max.to_string(), (max / 1000).to_string(), "99999999999".to_owned(), "0".to_owned()] {
            let path = format!("{MAPS}?watch=true&timeoutSeconds={seconds}&resourceVersion=0");
            let watch = admin.again().await.open("GET", &path, &[], "").await.expect("a watch begins");
            assert_eq!(watch.status(), 200, "{seconds}");
            let mut body = watch.into_body();
            let first = http_body_util::BodyExt::frame(&mut body).await.expect("there is something").expect("to read");
            assert!(first.data_ref().is_some_and(|data| data.starts_with(b"{\"type\":\"ADDED\"")), "{seconds}");
            let next = tokio::time::timeout(std::time::Duration::from_millis(300), http_body_util::BodyExt::frame(&mut body));
            assert!(next.await.is_err(), "{seconds}: the watch goes on");
        }
        let pods = "/api/v1/namespaces/default/pods";
        let pod = "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"nodeName\":\"n\",\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}";
        admin.send("POST", pods, &[JSON], pod).await.done("create");
        for seconds in [max, i64::MIN, -1, max - 1, 5, i64::MIN + 1] {
            let path = format!("{pods}/p?gracePeriodSeconds={seconds}");
            admin.send("DELETE", &path, &[], "").await.sane(&path);
        }
        unharmed(&cluster, &admin).await;
    })
    .await;
}

#[tokio::test]
async fn headers_that_make_no_sense_are_refused() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let admin = Client::admin(&cluster).await;
        let accepts = [
            "text/html",
            "application/xml",
            "application/json;as=Odd;v=v1;g=meta.k8s.io",
            "application/json;as=Table;v=v9;g=meta.k8s.io",
            "x",
            "application/cbor",
        ];
        for accept in accepts {
            for path in [MAPS.to_owned(), format!("{MAPS}/kube-root-ca.crt"), format!("{MAPS}?watch=true")] {
                let answer = admin.send("GET", &path, &[("accept", accept)], "").await;
                answer.refused_with(406, &format!("{path} {accept}"));
            }
            admin.send("POST", MAPS, &[("accept", accept), JSON], BODY).await.refused_with(406, accept);
        }
        let long = "a,".repeat(20_000);
        for (name, value) in [
            ("accept", long.as_str()),
            ("user-agent", "\u{1f4a3}"),
            ("accept-encoding", "gzip;q=x"),
            ("if-none-match", "*"),
            ("content-length", "0"),
            ("expect", "100-continue"),
            ("upgrade", "h2c"),
        ] {
            if let Ok(answer) = admin.again().await.open("GET", MAPS, &[(name, value)], "").await {
                assert!(answer.status().as_u16() < 500, "{name}");
            }
        }
        for head in [
            "content-length: -1",
            "content-length: 99999999999999999999",
            "content-length: 1\r\ncontent-length: 2",
            "transfer-encoding: chunked\r\ncontent-length: 5",
            "transfer-encoding: odd",
            "x: \0",
            ": x",
            "host: b",
        ] {
            let request =
                format!("POST {MAPS} HTTP/1.1\r\nhost: a\r\n{head}\r\nconnection: close\r\n\r\nzz\r\n");
            let answer = admin.shout(request.as_bytes()).await;
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{head:?}: {answer:.200}");
        }
        unharmed(&cluster, &admin).await;
    })
    .await;
}
