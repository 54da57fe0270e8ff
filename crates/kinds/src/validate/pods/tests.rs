//! What is wrong with objects, word by word.

mod changes;
mod workloads;

use serde_json::{Value, json};
use stanchion_machinery::field::{FieldError, FieldErrors};

use super::*;
use crate::defaults::pods::{apply, prepare_create};

/// Shows errors as clients see them.
fn shown(errors: &FieldErrors) -> Vec<String> {
    errors.iter().map(FieldError::to_string).collect()
}

/// Makes an object as the server does and shows what is wrong with it.
fn made(group: &str, kind: &str, object: Value) -> Vec<String> {
    let mut object = object;
    apply(group, kind, &mut object);
    prepare_create(group, kind, &mut object);
    shown(&create(group, kind, &object).expect("a kind with Pods"))
}

/// Puts the entries of a map over those of another, deep down; null takes them out.
fn over(base: &mut Value, patch: Value) {
    match (base, patch) {
        (Value::Object(base), Value::Object(patch)) => {
            for (key, value) in patch {
                if value.is_null() {
                    base.remove(&key);
                } else {
                    over(base.entry(key).or_insert(Value::Null), value);
                }
            }
        }
        (base, patch) => *base = patch,
    }
}

/// What is wrong with a Pod whose spec has these fields.
fn pod(spec: Value) -> Vec<String> {
    let mut whole = json!({"containers": [{"name": "c", "image": "x"}]});
    over(&mut whole, spec);
    made("", "Pod", json!({"metadata": {"name": "p"}, "spec": whole}))
}

/// What is wrong with a Pod whose only container has these fields.
fn container(fields: Value) -> Vec<String> {
    let mut whole = json!({"name": "c", "image": "x"});
    over(&mut whole, fields);
    pod(
        json!({"containers": [whole], "volumes": [{"name": "v"}, {"name": "w", "persistentVolumeClaim": {"claimName": "w"}}]}),
    )
}

const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn specs_of_pods_are_checked() {
    let cases = [
        (json!({"containers": null}), vec!["spec.containers: Required value"]),
        (
            json!({"restartPolicy": "Sometimes"}),
            vec![
                r#"spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never""#,
            ],
        ),
        (
            json!({"dnsPolicy": "Other"}),
            vec![
                r#"spec.dnsPolicy: Unsupported value: "Other": supported values: "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None""#,
            ],
        ),
        (
            json!({"dnsPolicy": "None"}),
            vec!["spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"],
        ),
        (
            json!({"dnsConfig": {"nameservers": ["a"]}}),
            vec![
                r#"spec.dnsConfig.nameservers[0]: Invalid value: "a": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"#,
            ],
        ),
        (
            json!({"activeDeadlineSeconds": 0}),
            vec!["spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive"],
        ),
        (
            json!({"tolerations": [{"operator": "Equal"}]}),
            vec![
                r#"spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values and all keys""#,
            ],
        ),
        (
            json!({"tolerations": [{"key": "a", "operator": "Like", "effect": "Never"}]}),
            vec![
                r#"spec.tolerations[0].operator: Unsupported value: "Like": supported values: "Equal", "Exists""#,
                r#"spec.tolerations[0].effect: Unsupported value: "Never": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute""#,
            ],
        ),
        (
            json!({"tolerations": [{"key": "a", "operator": "Exists", "value": "v", "effect": "NoSchedule", "tolerationSeconds": 1}]}),
            vec![
                r#"spec.tolerations[0].effect: Invalid value: "NoSchedule": effect must be 'NoExecute' when `tolerationSeconds` is set"#,
                r#"spec.tolerations[0].operator: Invalid value: "v": value must be empty when `operator` is 'Exists'"#,
            ],
        ),
        (
            json!({"schedulingGates": [{"name": "a"}, {"name": "a"}], "nodeName": "n"}),
            vec![
                r#"spec.schedulingGates[1]: Duplicate value: "a""#,
                "spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared",
            ],
        ),
        (
            json!({"ephemeralContainers": [{"name": "e", "image": "x"}]}),
            vec!["spec.ephemeralContainers: Forbidden: cannot be set on create"],
        ),
        (
            json!({"preemptionPolicy": "Maybe"}),
            vec![
                r#"spec.preemptionPolicy: Unsupported value: "Maybe": supported values: "PreemptLowerPriority", "Never""#,
            ],
        ),
        (
            json!({"os": {"name": "beos"}}),
            vec![r#"spec.os: Unsupported value: "beos": supported values: "linux", "windows""#],
        ),
        (
            json!({"hostAliases": [{"ip": "x"}]}),
            vec![
                r#"spec.hostAliases[0].ip: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"#,
            ],
        ),
        (
            json!({"hostUsers": false, "hostNetwork": true}),
            vec!["spec.hostNetwork: Forbidden: when `pod.Spec.HostUsers` is false"],
        ),
        (
            json!({"overhead": {"cpu": "-1"}}),
            vec![r#"spec.overhead.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0"#],
        ),
        (
            json!({"securityContext": {"runAsUser": -1, "fsGroupChangePolicy": "Often"}}),
            vec![
                "spec.securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive",
                r#"spec.securityContext.fsGroupChangePolicy: Unsupported value: "Often": supported values: "Always", "OnRootMismatch""#,
            ],
        ),
        (
            json!({"securityContext": {"seccompProfile": {"type": "Localhost"}}}),
            vec![
                "spec.securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost",
            ],
        ),
        (
            json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}}}),
            vec![
                "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Required value: must have at least one node selector term",
            ],
        ),
        (
            json!({"affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 0, "preference": {"matchExpressions": [{"key": "a", "operator": "Near"}]}}]}}}),
            vec![
                "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 0: must be in the range 1-100",
                r#"spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchExpressions[0].operator: Invalid value: "Near": not a valid selector operator"#,
            ],
        ),
        (
            json!({"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "zone", "matchLabelKeys": ["a"]}]}}}),
            vec![
                "spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].matchLabelKeys: Forbidden: must not be specified when labelSelector is not set",
            ],
        ),
        (
            json!({"topologySpreadConstraints": [{"maxSkew": 0, "topologyKey": "", "whenUnsatisfiable": "Cry", "minDomains": 1}]}),
            vec![
                "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero",
                "spec.topologySpreadConstraints[0].topologyKey: Required value: can not be empty",
                r#"spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: "Cry": supported values: "DoNotSchedule", "ScheduleAnyway""#,
                "spec.topologySpreadConstraints[0].minDomains: Invalid value: 1: can only use minDomains if whenUnsatisfiable=DoNotSchedule, not Cry",
            ],
        ),
        (
            json!({"resourceClaims": [{"name": "a"}]}),
            vec![
                r#"spec.resourceClaims[0]: Invalid value: {"name":"a"}: must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"#,
            ],
        ),
        (
            json!({"initContainers": [{"name": "c", "image": "x", "livenessProbe": {"exec": {"command": ["a"]}}}]}),
            vec![
                r#"spec.initContainers[0].name: Duplicate value: "c""#,
                "spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always",
            ],
        ),
        (
            json!({"initContainers": [{"name": "i", "image": "x", "restartPolicy": "Always", "livenessProbe": {"exec": {"command": ["a"]}}}]}),
            vec![],
        ),
    ];
    for (spec, expected) in cases {
        assert_eq!(pod(spec.clone()), expected, "{spec}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn containers_are_checked() {
    let name = format!(r#"spec.containers[0].name: Invalid value: "C_": {LABEL}"#);
    let cases = [
        (json!({"name": ""}), vec!["spec.containers[0].name: Required value"]),
        (json!({"name": "C_"}), vec![name.as_str()]),
        (json!({"image": ""}), vec!["spec.containers[0].image: Required value"]),
        (
            json!({"image": " x"}),
            vec![
                r#"spec.containers[0].image: Invalid value: " x": must not have leading or trailing whitespace"#,
            ],
        ),
        (
            json!({"imagePullPolicy": "Often"}),
            vec![
                r#"spec.containers[0].imagePullPolicy: Unsupported value: "Often": supported values: "Always", "IfNotPresent", "Never""#,
            ],
        ),
        (
            json!({"ports": [{"containerPort": 0}]}),
            vec!["spec.containers[0].ports[0].containerPort: Required value"],
        ),
        (
            json!({"ports": [{"containerPort": 65536, "protocol": "ICMP"}]}),
            vec![
                "spec.containers[0].ports[0].containerPort: Invalid value: 65536: must be between 1 and 65535, inclusive",
                r#"spec.containers[0].ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP""#,
            ],
        ),
        (
            json!({"ports": [{"containerPort": 1, "name": "a", "hostPort": 9}, {"containerPort": 2, "name": "a", "hostPort": 9}]}),
            vec![
                r#"spec.containers[0].ports[1].name: Duplicate value: "a""#,
                r#"spec.containers[0].ports[1].hostPort: Duplicate value: "TCP//9""#,
            ],
        ),
        (
            json!({"env": [{"name": "A=B"}]}),
            vec![
                r#"spec.containers[0].env[0].name: Invalid value: "A=B": a valid environment variable name must consist only of printable ASCII characters other than '='"#,
            ],
        ),
        (
            json!({"env": [{"name": "A", "value": "1", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}),
            vec![
                r#"spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty"#,
            ],
        ),
        (
            json!({"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}, "configMapKeyRef": {"name": "s", "key": "k"}}}]}),
            vec![
                r#"spec.containers[0].env[0].valueFrom: Invalid value: "": may not have more than one field specified at a time"#,
            ],
        ),
        (
            json!({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.nope"}}}]}),
            vec![
                r#"spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "spec.nope": error converting fieldPath: field label not supported: spec.nope"#,
            ],
        ),
        (
            json!({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "status.phase"}}}]}),
            vec![
                r#"spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Unsupported value: "status.phase": supported values: "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs""#,
            ],
        ),
        (
            json!({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['a']"}}}]}),
            vec![],
        ),
        (
            json!({"env": [{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "2"}}}]}),
            vec![
                r#"spec.containers[0].env[0].valueFrom.resourceFieldRef.divisor: Invalid value: "limits.cpu": only divisor's values 1m and 1 are supported with the cpu resource"#,
            ],
        ),
        (
            json!({"envFrom": [{"prefix": "a"}]}),
            vec![
                r#"spec.containers[0].envFrom: Invalid value: "": must specify one of: `configMapRef` or `secretRef`"#,
            ],
        ),
        (
            json!({"volumeMounts": [{"name": "x", "mountPath": "/a"}]}),
            vec![r#"spec.containers[0].volumeMounts[0].name: Not found: "x""#],
        ),
        (
            json!({"volumeMounts": [{"name": "v", "mountPath": "/a"}, {"name": "v", "mountPath": "/a", "subPath": "../b"}]}),
            vec![
                r#"spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/a": must be unique"#,
                r#"spec.containers[0].volumeMounts.subPath: Invalid value: "../b": must not contain '..'"#,
            ],
        ),
        (
            json!({"volumeMounts": [{"name": "v", "mountPath": "/a", "mountPropagation": "Bidirectional"}]}),
            vec![
                "spec.containers[0].volumeMounts.mountPropagation: Forbidden: Bidirectional mount propagation is available only to privileged containers",
            ],
        ),
        (
            json!({"volumeDevices": [{"name": "v", "devicePath": "/a"}, {"name": "w", "devicePath": "/b"}]}),
            vec![
                r#"spec.containers[0].volumeDevices[0].name: Invalid value: "v": can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"#,
            ],
        ),
        (
            json!({"resources": {"requests": {"cpu": "1"}, "limits": {"cpu": "0.5"}}}),
            vec![
                r#"spec.containers[0].resources.requests: Invalid value: "1": must be less than or equal to cpu limit of 500m"#,
            ],
        ),
        (
            json!({"resources": {"limits": {"memory": "-1", "chips": "1", "example.com/gpu": "500m"}}}),
            vec![
                r#"spec.containers[0].resources.limits[chips]: Invalid value: "chips": must be a standard resource type or fully qualified"#,
                r#"spec.containers[0].resources.limits[chips]: Invalid value: "chips": must be a standard resource for containers"#,
                r#"spec.containers[0].resources.limits[example.com/gpu]: Invalid value: "500m": must be an integer"#,
                r#"spec.containers[0].resources.limits[memory]: Invalid value: "-1": must be greater than or equal to 0"#,
                r#"spec.containers[0].resources.requests[chips]: Invalid value: "chips": must be a standard resource type or fully qualified"#,
                r#"spec.containers[0].resources.requests[chips]: Invalid value: "chips": must be a standard resource for containers"#,
                r#"spec.containers[0].resources.requests[example.com/gpu]: Invalid value: "500m": must be an integer"#,
                r#"spec.containers[0].resources.requests[memory]: Invalid value: "-1": must be greater than or equal to 0"#,
            ],
        ),
        (
            json!({"resources": {"limits": {"hugepages-2Mi": "3Mi"}}}),
            vec![
                r#"spec.containers[0].resources.limits[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi"#,
                r#"spec.containers[0].resources.requests[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi"#,
                "spec.containers[0].resources: Forbidden: HugePages require cpu or memory",
            ],
        ),
        (
            json!({"resources": {"requests": {"example.com/gpu": "1"}}}),
            vec![
                "spec.containers[0].resources.limits: Required value: Limit must be set for non overcommitable resources",
            ],
        ),
        (
            json!({"resources": {"claims": [{"name": "a"}]}}),
            vec![
                r#"spec.containers[0].resources.claims[0]: Not found: "a": must be one of the names in pod.spec.resourceClaims which is empty"#,
            ],
        ),
        (
            json!({"livenessProbe": {}}),
            vec!["spec.containers[0].livenessProbe: Required value: must specify a handler type"],
        ),
        (
            json!({"livenessProbe": {"exec": {"command": ["a"]}, "tcpSocket": {"port": 1}, "successThreshold": 2}}),
            vec![
                "spec.containers[0].livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type",
                "spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1",
            ],
        ),
        (
            json!({"readinessProbe": {"httpGet": {"port": "Web", "scheme": "FTP"}, "periodSeconds": -1, "successThreshold": 2}}),
            vec![
                r#"spec.containers[0].readinessProbe.httpGet.port: Invalid value: "Web": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"#,
                r#"spec.containers[0].readinessProbe.httpGet.scheme: Unsupported value: "FTP": supported values: "HTTP", "HTTPS""#,
                "spec.containers[0].readinessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0",
            ],
        ),
        (
            json!({"lifecycle": {"preStop": {"sleep": {"seconds": 31}}}}),
            vec![
                "spec.containers[0].lifecycle.preStop.sleep: Invalid value: 31: must be non-negative and less than terminationGracePeriodSeconds (30)",
            ],
        ),
        (
            json!({"securityContext": {"privileged": true, "allowPrivilegeEscalation": false}}),
            vec![
                r#"spec.containers[0].securityContext: Invalid value: {"allowPrivilegeEscalation":false,"privileged":true}: cannot set `allowPrivilegeEscalation` to false and `privileged` to true"#,
            ],
        ),
        (
            json!({"restartPolicyRules": [{"action": "Hide", "exitCodes": {"operator": "Is"}}]}),
            vec![
                "spec.containers[0].restartPolicy: Required value: must specify restartPolicy when restart rules are used",
                r#"spec.containers[0].restartPolicyRules[0].action: Unsupported value: "Hide": supported values: "Restart", "RestartAllContainers""#,
                r#"spec.containers[0].restartPolicyRules[0].exitCodes.operator: Unsupported value: "Is": supported values: "In", "NotIn""#,
            ],
        ),
        (
            json!({"terminationMessagePolicy": "Mail"}),
            vec![
                r#"spec.containers[0].terminationMessagePolicy: Unsupported value: "Mail": supported values: "File", "FallbackToLogsOnError""#,
            ],
        ),
    ];
    for (fields, expected) in cases {
        assert_eq!(container(fields.clone()), expected, "{fields}");
    }
}

#[test]
fn volumes_are_checked() {
    let volumes = |volumes: Value| pod(json!({"volumes": volumes}));
    let cases = [
        (json!([{"name": "a"}, {"name": "a"}]), vec![r#"spec.volumes[1].name: Duplicate value: "a""#]),
        (json!([{"emptyDir": {}}]), vec!["spec.volumes[0].name: Required value"]),
        (
            json!([{"name": "a", "emptyDir": {}, "secret": {"secretName": "s"}}]),
            vec!["spec.volumes[0].secret: Forbidden: may not specify more than 1 volume type"],
        ),
        (
            json!([{"name": "a", "nonesuch": {}}]),
            vec!["spec.volumes[0]: Required value: must specify a volume type"],
        ),
        (
            json!([{"name": "a", "secret": {}}, {"name": "b", "configMap": {"defaultMode": 512}}]),
            vec![
                "spec.volumes[0].secret.secretName: Required value",
                "spec.volumes[1].configMap.name: Required value",
                "spec.volumes[1].configMap.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive",
            ],
        ),
        (
            json!([{"name": "a", "hostPath": {"path": "/a/../b", "type": "Door"}}]),
            vec![
                r#"spec.volumes[0].hostPath.path: Invalid value: "/a/../b": must not contain '..'"#,
                r#"spec.volumes[0].hostPath.type: Unsupported value: "Door": supported values: "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket""#,
            ],
        ),
        (
            json!([{"name": "a", "secret": {"secretName": "s", "items": [{"key": "k", "path": "/p"}]}}]),
            vec![r#"spec.volumes[0].secret.items[0].path: Invalid value: "/p": must be a relative path"#],
        ),
        (
            json!([{"name": "a", "persistentVolumeClaim": {}}]),
            vec!["spec.volumes[0].persistentVolumeClaim.claimName: Required value"],
        ),
        (
            json!([{"name": "a", "projected": {"sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 60}}]}}]),
            vec![
                "spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 60: may not specify a duration less than 10 minutes",
                "spec.volumes[0].projected.sources[0].serviceAccountToken: Forbidden: must not be specified when serviceAccountName is not set",
            ],
        ),
        (
            json!([{"name": "a", "nfs": {"server": "s", "path": "p"}}]),
            vec![r#"spec.volumes[0].nfs.path: Invalid value: "p": must be an absolute path"#],
        ),
        (
            json!([{"name": "a", "csi": {"driver": "A_"}}]),
            vec![
                r#"spec.volumes[0].csi.driver: Invalid value: "A_": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"#,
            ],
        ),
    ];
    for (list, expected) in cases {
        assert_eq!(volumes(list.clone()), expected, "{list}");
    }
}

#[test]
fn claims_of_resources_are_used_once() {
    let using = |claims: Value| {
        let container = json!({"name": "c", "image": "x", "resources": {"claims": claims}});
        pod(json!({"containers": [container], "resourceClaims": [{"name": "a", "resourceClaimName": "a"}]}))
    };
    assert_eq!(
        using(json!([{"name": "a", "request": "x"}, {"name": "a", "request": "y"}])),
        Vec::<String>::new()
    );
    let duplicate =
        |value: &str| format!("spec.containers[0].resources.claims[1]: Duplicate value: {value:?}");
    assert_eq!(using(json!([{"name": "a"}, {"name": "a", "request": "y"}])), [duplicate("a")]);
    assert_eq!(using(json!([{"name": "a", "request": "y"}, {"name": "a"}])), [duplicate("a")]);
    assert_eq!(
        using(json!([{"name": "a", "request": "y"}, {"name": "a", "request": "y"}])),
        [duplicate("a/y")]
    );
    assert_eq!(
        using(json!([{"name": "b"}])),
        [
            r#"spec.containers[0].resources.claims[0]: Not found: "b": must be one of the names in pod.spec.resourceClaims: a"#
        ]
    );
}

#[test]
fn names_and_annotations_are_checked() {
    let named = |name: &str| {
        made(
            "",
            "Pod",
            json!({"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "x"}]}}),
        )
    };
    assert_eq!(named("a.b"), Vec::<String>::new());
    assert_eq!(named("A").len(), 1);
    let annotated = |annotations: Value| {
        let metadata = json!({"name": "p", "annotations": annotations});
        made("", "Pod", json!({"metadata": metadata, "spec": {"containers": [{"name": "c", "image": "x"}]}}))
    };
    assert_eq!(
        annotated(json!({"controller.kubernetes.io/pod-deletion-cost": "+1"})),
        [
            r#"metadata.annotations[controller.kubernetes.io/pod-deletion-cost]: Invalid value: "+1": must be a 32bit integer"#
        ]
    );
    assert_eq!(
        annotated(json!({"kubernetes.io/config.mirror": "x"})),
        [
            r#"metadata.annotations[kubernetes.io/config.mirror]: Invalid value: "x": must set spec.nodeName if mirror pod annotation is set"#
        ]
    );
}
