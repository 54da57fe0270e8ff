use super::*;

#[test]
fn new_services() {
    let port = |port: Value| json!({ "spec": { "ports": [port] } });
    created(
        "",
        "Service",
        &[
            (json!({ "spec": { "ports": [] } }), &["spec.ports: Required value"]),
            (json!({ "spec": { "ports": [], "clusterIP": "None" } }), &[]),
            (
                json!({ "spec": { "ports": [{ "port": 80 }, { "port": 80, "name": "a" }] } }),
                &[
                    "spec.ports[0].name: Required value",
                    "spec.ports[1]: Duplicate value: {\"AppProtocol\":null,\"Name\":\"\",\"NodePort\":0,\"Port\":80,\"Protocol\":\"TCP\",\"TargetPort\":0}",
                ],
            ),
            (
                port(json!({ "port": 70000, "targetPort": 1 })),
                &["spec.ports[0].port: Invalid value: 70000: must be between 1 and 65535, inclusive"],
            ),
            (
                port(json!({ "port": 1, "protocol": "HTTP" })),
                &[
                    "spec.ports[0].protocol: Unsupported value: \"HTTP\": supported values: \"SCTP\", \"TCP\", \"UDP\"",
                ],
            ),
            (
                port(json!({ "port": 1, "nodePort": 30000 })),
                &["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
            ),
            (
                json!({ "spec": { "type": "Other" } }),
                &[
                    "spec.type: Unsupported value: \"Other\": supported values: \"ClusterIP\", \"ExternalName\", \"LoadBalancer\", \"NodePort\"",
                ],
            ),
            (json!({ "spec": { "type": "ExternalName", "externalName": "a.b" } }), &[]),
            (json!({ "spec": { "type": "NodePort" } }), &[]),
        ],
    );
    let status = json!({ "spec": { "type": "ClusterIP" }, "status": { "loadBalancer": { "ingress": [{ "ip": "x" }] } } });
    assert_eq!(
        shown(update_status("", "Service", &status, &json!({}))),
        ["status.loadBalancer.ingress: Forbidden: may only be used when `spec.type` is \"LoadBalancer\""]
    );
}

#[test]
fn endpoints_and_slices() {
    created(
        "",
        "Endpoints",
        &[
            (
                json!({ "subsets": [{}] }),
                &["subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`"],
            ),
            (
                json!({ "subsets": [{ "addresses": [{ "ip": "169.254.0.1" }], "ports": [{ "port": 0 }] }] }),
                &[
                    "subsets[0].addresses[0].ip: Invalid value: \"169.254.0.1\": may not be in the link-local range (169.254.0.0/16, fe80::/10)",
                    "subsets[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
                ],
            ),
        ],
    );
    let many: Vec<Value> = (0..1001).map(|_| json!({ "addresses": ["10.0.0.1"] })).collect();
    created(
        "discovery.k8s.io",
        "EndpointSlice",
        &[
            (json!({ "addressType": "" }), &["addressType: Required value"]),
            (
                json!({ "addressType": "IP" }),
                &["addressType: Unsupported value: \"IP\": supported values: \"FQDN\", \"IPv4\", \"IPv6\""],
            ),
            (json!({ "endpoints": many }), &["endpoints: Too many: 1001: must have at most 1000 items"]),
            (
                json!({ "endpoints": [{ "addresses": ["2001:db8::1"] }, { "addresses": [] }] }),
                &[
                    "endpoints[0].addresses[0]: Invalid value: \"2001:db8::1\": must be an IPv4 address",
                    "endpoints[1].addresses: Required value: must contain at least 1 address",
                ],
            ),
            (json!({ "ports": [{}, {}] }), &["ports[1].name: Duplicate value: \"\""]),
        ],
    );
    updated(
        "discovery.k8s.io",
        "EndpointSlice",
        minimal("discovery.k8s.io", "EndpointSlice"),
        &[(
            json!({ "addressType": "FQDN", "endpoints": [] }),
            &["addressType: Invalid value: \"FQDN\": field is immutable"],
        )],
    );
}

#[test]
fn ingresses() {
    let path = |path: Value| json!({ "spec": { "rules": [{ "http": { "paths": [path] } }] } });
    let backend = json!({ "service": { "name": "s", "port": { "number": 80 } } });
    created(
        NETWORKING,
        "Ingress",
        &[
            (
                json!({ "spec": { "defaultBackend": null } }),
                &["spec: Invalid value: null: either `defaultBackend` or `rules` must be specified"],
            ),
            (
                path(json!({ "path": "x", "pathType": "Prefix", "backend": backend })),
                &["spec.rules[0].http.paths[0].path: Invalid value: \"x\": must be an absolute path"],
            ),
            (
                path(json!({ "path": "/a//b/..", "pathType": "Exact", "backend": backend })),
                &[
                    "spec.rules[0].http.paths[0].path: Invalid value: \"/a//b/..\": must not contain '//'",
                    "spec.rules[0].http.paths[0].path: Invalid value: \"/a//b/..\": cannot end with '/..'",
                ],
            ),
            (
                path(json!({})),
                &["spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified"],
            ),
            (
                path(json!({ "pathType": "ImplementationSpecific", "backend": {} })),
                &[
                    "spec.rules[0].http.paths[0].backend: Invalid value: \"\": resource or service backend is required",
                ],
            ),
            (
                json!({ "spec": { "defaultBackend": { "service": { "port": { "name": "http" } } } } }),
                &["spec.defaultBackend: Invalid value: \"\": cannot set both port name & port number"],
            ),
            (
                json!({ "spec": { "rules": [{ "host": "10.0.0.1" }] } }),
                &["spec.rules[0].host: Invalid value: \"10.0.0.1\": must be a DNS name, not an IP address"],
            ),
            (
                json!({ "metadata": { "annotations": { "kubernetes.io/ingress.class": "a" } }, "spec": { "ingressClassName": "b" } }),
                &[
                    "annotations.kubernetes.io/ingress.class: Invalid value: \"a\": must match `ingressClassName` when both are specified",
                ],
            ),
        ],
    );
    created(
        NETWORKING,
        "IngressClass",
        &[
            (json!({ "spec": { "controller": null } }), &["spec.controller: Required value"]),
            (
                json!({ "spec": { "controller": "foo" } }),
                &[
                    "spec.controller: Invalid value: \"foo\": must be a domain-prefixed path (such as \"acme.io/foo\")",
                ],
            ),
            (
                json!({ "spec": { "parameters": { "kind": "K", "name": "n", "namespace": "x" } } }),
                &["spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'"],
            ),
        ],
    );
    updated(
        NETWORKING,
        "IngressClass",
        minimal(NETWORKING, "IngressClass"),
        &[(
            json!({ "spec": { "controller": "acme.io/bar" } }),
            &["spec.controller: Invalid value: \"acme.io/bar\": field is immutable"],
        )],
    );
}

#[test]
fn network_policies() {
    let peer = |peer: Value| json!({ "spec": { "ingress": [{ "from": [peer] }] } });
    let port = |port: Value| json!({ "spec": { "ingress": [{ "ports": [port] }] } });
    created(
        NETWORKING,
        "NetworkPolicy",
        &[
            (peer(json!({})), &["spec.ingress[0].from[0]: Required value: must specify a peer"]),
            (
                peer(json!({ "podSelector": {}, "ipBlock": { "cidr": "10.0.0.0/8" } })),
                &["spec.ingress[0].from[0]: Forbidden: may not specify both ipBlock and another peer"],
            ),
            (
                peer(
                    json!({ "ipBlock": { "cidr": "10.0.0.0/8", "except": ["10.1.0.0/16", "11.0.0.0/16"] } }),
                ),
                &[
                    "spec.ingress[0].from[0].ipBlock.except[1]: Invalid value: \"11.0.0.0/16\": must be a strict subset of `cidr`",
                ],
            ),
            (
                port(json!({ "port": 80, "endPort": 79 })),
                &[
                    "spec.ingress[0].ports[0].endPort: Invalid value: 79: must be greater than or equal to `port`",
                ],
            ),
            (
                port(json!({ "endPort": 79 })),
                &[
                    "spec.ingress[0].ports[0].endPort: Invalid value: 79: may not be specified when `port` is not specified",
                ],
            ),
            (
                port(json!({ "protocol": "X" })),
                &[
                    "spec.ingress[0].ports[0].protocol: Unsupported value: \"X\": supported values: \"TCP\", \"UDP\", \"SCTP\"",
                ],
            ),
            (
                json!({ "spec": { "policyTypes": ["In"] } }),
                &[
                    "spec.policyTypes[0]: Unsupported value: \"In\": supported values: \"Ingress\", \"Egress\"",
                ],
            ),
        ],
    );
}

#[test]
fn addresses_of_services() {
    created(
        NETWORKING,
        "IPAddress",
        &[(json!({ "spec": { "parentRef": null } }), &["spec.parentRef: Required value"])],
    );
    created(
        NETWORKING,
        "ServiceCIDR",
        &[
            (json!({ "spec": { "cidrs": [] } }), &["spec.cidrs: Required value: at least one CIDR required"]),
            (
                json!({ "spec": { "cidrs": ["10.0.0.0/16", "10.1.0.0/16"] } }),
                &[
                    "spec.cidrs: Invalid value: [\"10.0.0.0/16\",\"10.1.0.0/16\"]: may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64",
                ],
            ),
        ],
    );
    updated(
        NETWORKING,
        "ServiceCIDR",
        minimal(NETWORKING, "ServiceCIDR"),
        &[
            (json!({ "spec": { "cidrs": ["10.0.0.0/16", "2001:db8::/64"] } }), &[]),
            (
                json!({ "spec": { "cidrs": ["10.1.0.0/16"] } }),
                &["spec.cidrs[0]: Invalid value: \"10.1.0.0/16\": field is immutable"],
            ),
        ],
    );
}
