use serde_json::json;

use super::*;

fn asked(path: &[&str], query: &str) -> Result<String, String> {
    let path: Vec<String> = path.iter().map(|segment| (*segment).to_owned()).collect();
    let request = request(&path, &Query::parse(query)).map_err(|status| status.message)?;
    let request = request.body(()).expect("a request");
    assert_eq!(request.headers().len(), 0, "nothing of what the client has shown goes on");
    Ok(request.uri().to_string())
}

#[test]
fn paths_and_queries_are_handed_on_as_they_were_meant() {
    let said = |path: &[&str], query: &str| asked(path, query).expect("it is handed on");
    assert_eq!(said(&[], ""), "/");
    assert_eq!(said(&["configz"], ""), "/configz");
    assert_eq!(said(&["logs", ""], ""), "/logs/");
    assert_eq!(said(&["a b", "c/d", "e?f#g%2e", "ü"], ""), "/a%20b/c%2Fd/e%3Ff%23g%252e/%C3%BC");
    assert_eq!(said(&["x"], "b=1&a=%26+&b=2"), "/x?b=1&a=%26+&b=2");
}

#[test]
fn nothing_leads_up() {
    for path in [&["..", "x"][..], &["a", "."], &["a", "..", ".."], &["a/../../b"], &["..\\b"]] {
        let refused = asked(path, "").expect_err("it leads up");
        assert!(refused.contains("must not contain '.' or '..'"), "{path:?}: {refused}");
    }
    assert_eq!(asked(&["...", ".a", "b.."], ""), Ok("/.../.a/b..".to_owned()));
}

#[test]
fn nodes_are_asked_at_their_own_port_alone() {
    let node = json!({"metadata": {"name": "a"}, "status": {
        "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
    }});
    let endpoint = Endpoint::of(&node).expect("reachable");
    let ask = |text: &str| {
        let asked = Asked::parse(text).map_err(|status| status.message)?;
        asked.check(&endpoint).map_err(|status| status.message)?;
        Ok::<_, String>(asked.name.to_owned())
    };
    for text in ["a", "a:10250", "https:a:10250", "https:a:", ":a:", "a:"] {
        assert_eq!(ask(text), Ok("a".to_owned()), "{text}");
    }
    let refused = ask("a:22").expect_err("another port");
    assert!(refused.contains("at port 10250 alone") && refused.ends_with("not at 22"), "{refused}");
    assert!(ask("http:a:10250").is_err_and(|text| text.contains("over https alone")));
    for text in ["", ":10250", "a:b", "a:70000", "ftp:a:1", "https:a:1:2"] {
        assert!(ask(text).is_err_and(|refused| refused.starts_with("invalid node request")), "{text}");
    }
}
