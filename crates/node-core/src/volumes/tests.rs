use k8s_openapi::api::core::v1::{Container, Pod};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::capacity::Amounts;
use crate::downward::Surroundings;
use crate::environment::{Sources, Variables};

#[expect(clippy::needless_pass_by_value, reason = "a json! stands in each call")]
fn spec(volume: Value, rest: Value) -> PodSpec {
    let mut spec = rest;
    spec["containers"] = json!([{"name": "c"}]);
    spec["volumes"] = json!([volume]);
    serde_json::from_value(spec).expect("a spec")
}

fn planned(mut volume: Value) -> Result<Volume, VolumeError> {
    volume["name"] = json!("v");
    plan(&spec(volume, json!({}))).map(|mut volumes| volumes.remove("v").expect("planned"))
}

#[test]
fn kinds_are_planned_or_refused() {
    let empty = |in_memory, size_limit| Ok(Volume::EmptyDir { in_memory, size_limit });
    assert_eq!(planned(json!({})), empty(false, None));
    assert_eq!(
        planned(json!({"emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}})),
        empty(true, Some(1 << 20))
    );
    let host = Volume::HostPath { path: "/x".into(), kind: HostPathKind::Socket, read_only: false };
    assert_eq!(planned(json!({"hostPath": {"path": "/x", "type": "Socket"}})), Ok(host));
    let claim = Volume::Claim { name: "data".into(), read_only: true };
    assert_eq!(planned(json!({"persistentVolumeClaim": {"claimName": "data", "readOnly": true}})), Ok(claim));
    let table = [
        (json!({"nfs": {"server": "a", "path": "/"}}), "volume \"v\": nfs volumes are not supported"),
        (json!({"csi": {"driver": "a"}}), "volume \"v\": csi volumes are not supported"),
        (json!({"ephemeral": {}}), "volume \"v\": ephemeral volumes are not supported"),
        (json!({"emptyDir": {"medium": "HugePages"}}), {
            "volume \"v\": emptyDir medium \"HugePages\" is not supported"
        }),
        (
            json!({"hostPath": {"path": "/x", "type": "Pipe"}}),
            "volume \"v\": hostPath type \"Pipe\" is unknown",
        ),
        (json!({"projected": {"sources": [{"clusterTrustBundle": {"path": "p"}}]}}), {
            "volume \"v\": projected clusterTrustBundle volumes are not supported"
        }),
        (json!({"secret": {"secretName": "s", "items": [{"key": "k", "path": "../x"}]}}), "volume \"v\""),
    ];
    for (volume, expected) in table {
        assert_eq!(planned(volume.clone()).map_err(|e| e.to_string()), Err(expected.to_owned()), "{volume}");
    }
}

fn files(volume: Value, rest: Value) -> Result<Vec<String>, String> {
    let mut volume = volume;
    volume["name"] = json!("v");
    let Some(Volume::Files(content)) = plan(&spec(volume, rest)).expect("a plan").remove("v") else {
        panic!("not made of files");
    };
    let mut sources = Sources::new("ns");
    let map = json!({"metadata": {"name": "m"}, "data": {"a": "1", "b": "2"}});
    sources.add_config_map(&serde_json::from_value(map).expect("a ConfigMap"));
    let secret = json!({"metadata": {"name": "s"}, "data": {"pass": "c2VjcmV0"}});
    sources.add_secret(&serde_json::from_value(secret).expect("a Secret"));
    let pod: Pod = serde_json::from_value(json!({"metadata": {"name": "p"}})).expect("a Pod");
    let tokens = content.tokens().map(|request| (request.clone(), format!("{request:?}"))).collect();
    let ingredients = Ingredients {
        pod: &pod,
        surroundings: &Surroundings { host_ips: &[], pod_ips: &[], allocatable: &Amounts::new() },
        sources: &sources,
        tokens: &tokens,
    };
    let files = content.files(&ingredients).map_err(|error| error.to_string())?;
    let shown = files.into_iter().map(|file| {
        let user = file.user.map(|user| format!(" of {user}")).unwrap_or_default();
        format!("{} {:o}{user}: {}", file.path, file.mode, String::from_utf8_lossy(&file.bytes))
    });
    Ok(shown.collect())
}

#[test]
fn files_have_paths_bytes_and_modes() {
    let none = json!({});
    let ok = |lines: &[&str]| Ok(lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>());
    assert_eq!(files(json!({"configMap": {"name": "m"}}), none.clone()), ok(&["a 644: 1", "b 644: 2"]));
    let items = json!([{"key": "b", "path": "x/y", "mode": 0o600}]);
    let some = json!({"configMap": {"name": "m", "defaultMode": 0o400, "items": items}});
    assert_eq!(files(some, none.clone()), ok(&["x/y 600: 2"]));
    let secret = json!({"secret": {"secretName": "s", "defaultMode": 0o400}});
    assert_eq!(files(secret, none.clone()), ok(&["pass 400: secret"]));
    let own =
        json!({"downwardAPI": {"items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]}});
    assert_eq!(files(own, none.clone()), ok(&["name 644: p"]));
    assert_eq!(files(json!({"configMap": {"name": "no", "optional": true}}), none.clone()), ok(&[]));
    let missing = files(json!({"configMap": {"name": "no"}}), none.clone());
    assert_eq!(missing, Err("configmap \"no\" not found".to_owned()));
    let items = json!([{"key": "z", "path": "z"}]);
    let missing = files(json!({"secret": {"secretName": "s", "items": items}}), none);
    assert_eq!(missing, Err("couldn't find key z in Secret ns/s".to_owned()));
}

#[test]
fn projections_come_together() {
    let projected = json!({"projected": {"sources": [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
        {"configMap": {"name": "m", "items": [{"key": "a", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.name"}}]}},
        {"secret": {"name": "s", "items": [{"key": "pass", "path": "ca.crt"}]}},
    ]}});
    let lines = files(projected.clone(), json!({})).expect("files");
    let token = "TokenRequest { audience: None, expiration_seconds: 3607 }";
    let expected =
        ["ca.crt 644: secret".to_owned(), "namespace 644: p".to_owned(), format!("token 644: {token}")];
    assert_eq!(lines, expected);
    let user = json!({"securityContext": {"runAsUser": 1000}});
    assert_eq!(files(projected.clone(), user).expect("files")[2], format!("token 600 of 1000: {token}"));
    let group = json!({"securityContext": {"fsGroup": 5}});
    assert_eq!(files(projected, group).expect("files")[2], format!("token 600: {token}"));
}

#[test]
fn claims_lead_to_local_volumes() {
    let claim = |phase: &str, volume: &str| {
        let meta = json!({"name": "data", "uid": "u"});
        let value = json!({"metadata": meta, "spec": {"volumeName": volume}, "status": {"phase": phase}});
        serde_json::from_value(value).expect("a claim")
    };
    let volume = |spec: Value| {
        let value = json!({"metadata": {"name": "pv"}, "spec": spec});
        serde_json::from_value::<k8s_openapi::api::core::v1::PersistentVolume>(value).expect("a volume")
    };
    let local = volume(json!({"local": {"path": "/data/1"}, "claimRef": {"uid": "u"}}));
    let planned = Volume::HostPath { path: "/data/1".into(), kind: HostPathKind::Directory, read_only: true };
    assert_eq!(of_claim(&claim("Bound", "pv"), Some(&local), true), Ok(planned));
    let error =
        |phase, name, volume| of_claim(&claim(phase, name), volume, false).expect_err("refused").to_string();
    assert_eq!(error("Pending", "", None), "persistentvolumeclaim \"data\" is not bound");
    assert_eq!(error("Bound", "pv", None), "persistentvolume \"pv\" not found");
    let stolen = volume(json!({"local": {"path": "/data/1"}, "claimRef": {"uid": "other"}}));
    let expected = "persistentvolume \"pv\" is bound to another claim than \"data\"";
    assert_eq!(error("Bound", "pv", Some(&stolen)), expected);
    let nfs = volume(json!({"nfs": {"server": "a", "path": "/"}, "claimRef": {"uid": "u"}}));
    let expected = "persistentvolume \"pv\": only local and hostPath volumes are supported";
    assert_eq!(error("Bound", "pv", Some(&nfs)), expected);
    let block = volume(json!({"local": {"path": "/dev/x"}, "volumeMode": "Block", "claimRef": {"uid": "u"}}));
    assert_eq!(
        error("Bound", "pv", Some(&block)),
        "persistentvolume \"pv\": block volumes are not supported"
    );
}

#[test]
fn directories_in_memory_are_bounded() {
    let open = spec(json!({"name": "v"}), json!({}));
    let limited = spec(json!({"name": "v"}), json!({"resources": {"limits": {"memory": "100"}}}));
    let table = [(&open, None, 500), (&open, Some(50), 50), (&open, Some(900), 500), (&limited, None, 100)];
    for (spec, size_limit, expected) in table {
        assert_eq!(memory_size(spec, size_limit, 500), expected, "{size_limit:?}");
    }
    assert_eq!(memory_size(&limited, Some(70), 500), 70);
}

#[test]
fn host_paths_are_checked() {
    use HostPathKind as K;
    let make_dir = Ok(HostPathStep::MakeDirectory { mode: 0o755 });
    let table = [
        (K::Unchecked, None, make_dir),
        (K::Unchecked, Some(Entry::Other), Ok(HostPathStep::Use)),
        (K::DirectoryOrCreate, None, make_dir),
        (K::FileOrCreate, None, Ok(HostPathStep::MakeFile { mode: 0o644 })),
        (K::FileOrCreate, Some(Entry::File), Ok(HostPathStep::Use)),
        (K::FileOrCreate, Some(Entry::Directory), Err("/x is not a file")),
        (K::Directory, None, Err("/x is not a directory")),
        (K::Directory, Some(Entry::Directory), Ok(HostPathStep::Use)),
        (K::Socket, Some(Entry::File), Err("/x is not a socket file")),
        (K::CharDevice, Some(Entry::BlockDevice), Err("/x is not a character device")),
        (K::BlockDevice, Some(Entry::BlockDevice), Ok(HostPathStep::Use)),
    ];
    for (kind, entry, expected) in table {
        let expected = expected.map_err(|error| format!("hostPath type check failed: {error}"));
        assert_eq!(kind.check("/x", entry).map_err(|e| e.to_string()), expected, "{kind:?} {entry:?}");
    }
}

#[expect(clippy::needless_pass_by_value, reason = "a json! stands in each call")]
fn mounted(mounts_of: Value, privileged: bool) -> Result<Vec<Mount>, MountError> {
    let context = json!({"privileged": privileged});
    let container = json!({"name": "c", "volumeMounts": mounts_of, "securityContext": context});
    let container: Container = serde_json::from_value(container).expect("a container");
    let volumes = BTreeMap::from([
        ("v".to_owned(), Volume::EmptyDir { in_memory: false, size_limit: None }),
        ("h".to_owned(), Volume::Claim { name: "x".into(), read_only: true }),
    ]);
    let environment = Variables::from([("POD".into(), "p-0".into()), ("UP".into(), "../..".into())]);
    mounts(&container, &volumes, &environment)
}

#[test]
fn mounts_are_ordered_and_complete() {
    let planned = mounted(
        json!([
            {"name": "v", "mountPath": "/data/sub", "subPathExpr": "logs/$(POD)", "readOnly": true},
            {"name": "h", "mountPath": "/data/", "mountPropagation": "HostToContainer"},
            {"name": "v", "mountPath": "cache", "subPath": "./a//b"},
        ]),
        false,
    )
    .expect("mounts");
    let shown: Vec<_> = planned
        .iter()
        .map(|m| (m.target.as_str(), m.sub_path.as_ref().map(SafePath::as_str), m.read_only, m.propagation))
        .collect();
    let expected = [
        ("/cache", Some("a/b"), false, Propagation::None),
        ("/data", None, true, Propagation::HostToContainer),
        ("/data/sub", Some("logs/p-0"), true, Propagation::None),
    ];
    assert_eq!(shown, expected);
}

#[test]
fn mounts_that_lead_astray_are_refused() {
    let error = |mount: Value| mounted(json!([mount]), false).expect_err("refused").to_string();
    let sub = "failed to prepare subPath for volumeMount \"v\" of container \"c\"";
    assert_eq!(error(json!({"name": "v", "mountPath": "/a", "subPath": "a/../../b"})), sub);
    assert_eq!(error(json!({"name": "v", "mountPath": "/a", "subPathExpr": "$(UP)"})), sub);
    assert_eq!(error(json!({"name": "v", "mountPath": "/a", "subPath": "/etc"})), sub);
    let unknown = error(json!({"name": "v", "mountPath": "/a", "subPathExpr": "$(NO)"}));
    assert!(unknown.ends_with("missing value for \"NO\""), "{unknown}");
    assert!(error(json!({"name": "x", "mountPath": "/a"})).contains("which the Pod does not have"));
    for target in ["/", "", "/a/../b"] {
        assert!(
            error(json!({"name": "v", "mountPath": target})).contains("cannot mount anything at"),
            "{target}"
        );
    }
    let both = json!({"name": "v", "mountPath": "/a", "mountPropagation": "Bidirectional"});
    assert!(error(both.clone()).contains("needs a privileged container"));
    assert!(mounted(json!([both]), true).is_ok());
}

#[test]
fn a_group_gets_access() {
    let table = [
        ((0o400, false, true), 0o440),
        ((0o644, false, true), 0o644),
        ((0o600, false, false), 0o660),
        ((0o755, true, false), 0o2775),
        ((0o700, true, true), 0o2750),
    ];
    for ((mode, is_directory, read_only), expected) in table {
        assert_eq!(grouped_mode(mode, is_directory, read_only), expected, "{mode:o}");
    }
}

proptest! {
    /// Whatever is accepted stays below what it is joined to.
    #[test]
    fn invariant_safe_paths_never_escape(text in "[./a~\\\\\u{0}é-]{0,20}") {
        let Ok(path) = SafePath::parse(&text) else { return Ok(()) };
        let mut depth = 0_i32;
        for part in std::path::Path::new(path.as_str()).components() {
            match part {
                std::path::Component::Normal(_) => depth += 1,
                other => prop_assert!(false, "{:?} in {:?}", other, path),
            }
        }
        prop_assert!(depth > 0 && !path.as_str().contains('\0'));
        prop_assert_eq!(SafePath::parse(path.as_str()), Ok(path.clone()));
    }
}
