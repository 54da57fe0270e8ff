//! Hand-made bytes, and random objects of all types of the real table.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::facts;
use crate::schema::{Presence, Scalar, SchemaSet, Shape};

static SCHEMAS: LazyLock<SchemaSet> =
    LazyLock::new(|| facts::parse(include_str!("../../../kinds/facts.txt")).expect("a table"));
static NAMES: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let mut names: Vec<&str> = SCHEMAS.names().collect();
    names.sort_unstable();
    names
});

fn schema(name: &str) -> Schema<'static> {
    SCHEMAS.named(name).expect("a known type")
}

fn core(name: &str) -> Schema<'static> {
    schema(&format!("io.k8s.api.core.v1.{name}"))
}

/// A field of bytes that is shorter than 128.
fn field(number: u8, bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    let mut out = vec![number << 3 | 2, u8::try_from(bytes.len()).expect("short")];
    assert!(out[1] < 128);
    out.extend_from_slice(bytes);
    out
}

fn props(name: &str) -> Schema<'static> {
    schema(&format!("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.{name}"))
}

#[test]
fn the_envelope_of_a_real_body() {
    let body = b"k8s\0\n\x0f\n\x02v1\x12\tConfigMap\x12\x03\n\x01x\x1a\x00\"\x00";
    let envelope = decode_envelope(body).expect("an envelope");
    let expected = Envelope { api_version: "v1", kind: "ConfigMap", raw: b"\n\x01x", ..Envelope::default() };
    assert_eq!(envelope, expected);
    assert_eq!(encode_envelope("v1", "ConfigMap", b"\n\x01x"), body);
    assert_eq!(decode_envelope(b"{}"), Err(ProtobufError::NoMagic));
    assert_eq!(decode_envelope(b"k8s\0\n\x02\n\x05"), Err(ProtobufError::Truncated));
    let other = decode_envelope(b"k8s\0\x1a\x04gzip\"\x10application/json").expect("an envelope");
    assert_eq!((other.content_encoding, other.content_type), ("gzip", "application/json"));
}

/// What kubectl 1.32 sends for `create deployment d --image=nginx:1 --replicas=0 --port=80` and `create pdb`.
#[test]
fn what_kubectl_sends() {
    let body = b"k8s\0\n\x15\n\x07apps/v1\x12\nDeployment\x12\xb2\x01\n\x1b\n\x01d\x12\0\x1a\0\"\0*\x002\08\0B\0Z\x08\n\x03app\
        \x12\x01d\x12\x84\x01\x08\0\x12\n\n\x08\n\x03app\x12\x01d\x1al\n\x1a\n\0\x12\0\x1a\0\"\0*\x002\08\0B\0Z\x08\n\x03app\x12\x01d\x12N\
        \x120\n\x05nginx\x12\x07nginx:1*\x002\n\n\0\x10\0\x18P\"\0*\0B\0j\0r\0\x80\x01\0\x88\x01\0\x90\x01\0\xa2\x01\0\x1a\x002\0B\0J\0R\0\
        X\0`\0h\0\x82\x01\0\x8a\x01\0\x9a\x01\0\xc2\x01\0\"\x02\n\0(\08\0\x1a\x0c\x08\0\x10\0\x18\0 \0(\08\0\x1a\0\"\0";
    let envelope = decode_envelope(body).expect("an envelope");
    assert_eq!((envelope.api_version, envelope.kind), ("apps/v1", "Deployment"));
    let deployment = json!({
        "metadata": {"name": "d", "labels": {"app": "d"}},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": "d"}},
            "template": {
                "metadata": {"labels": {"app": "d"}},
                "spec": {"containers": [
                    {"name": "nginx", "image": "nginx:1", "ports": [{"containerPort": 80}], "resources": {}},
                ]},
            },
            "strategy": {},
        },
        "status": {},
    });
    assert_eq!(decode(envelope.raw, schema("io.k8s.api.apps.v1.Deployment")), Ok(deployment));
    let body = b"k8s\0\n \n\tpolicy/v1\x12\x13PodDisruptionBudget\x126\n\x11\n\x01p\x12\0\x1a\0\"\0*\x002\08\0B\0\x12\x15\n\t\
        \x08\x01\x10\0\x1a\x0350%\x12\x08\n\x06\n\x01a\x12\x01b\x1a\n\x08\0\x18\0 \0(\x000\0\x1a\0\"\0";
    let budget = json!({
        "metadata": {"name": "p"},
        "spec": {"minAvailable": "50%", "selector": {"matchLabels": {"a": "b"}}},
        "status": {"disruptionsAllowed": 0, "currentHealthy": 0, "desiredHealthy": 0, "expectedPods": 0},
    });
    let raw = decode_envelope(body).expect("an envelope").raw;
    assert_eq!(decode(raw, schema("io.k8s.api.policy.v1.PodDisruptionBudget")), Ok(budget));
}

#[test]
fn what_go_sends_for_a_secret() {
    // Go sends the zero of every scalar that is no pointer, here `namespace`, `generation` and the moment.
    let metadata =
        [field(1, "s"), field(3, ""), vec![0x38, 0], field(8, ""), field(11, field(1, "k"))].concat();
    let entry = [field(1, "a"), field(2, [0xff, 0])].concat();
    let bytes = [field(1, metadata), field(2, entry), field(3, "Opaque"), vec![0x28, 0]].concat();
    let secret = json!({
        "metadata": {"name": "s", "labels": {"k": ""}},
        "data": {"a": "/wA="},
        "type": "Opaque",
        "immutable": false,
    });
    assert_eq!(decode(&bytes, core("Secret")), Ok(secret));
}

#[test]
fn a_zero_stays_where_go_has_a_pointer_or_always_writes_it() {
    let spec = schema("io.k8s.api.apps.v1.StatefulSetSpec");
    let bytes = [vec![8, 0], vec![0x48, 0], field(5, "")].concat();
    assert_eq!(decode(&bytes, spec), Ok(json!({"replicas": 0, "serviceName": ""})));
    assert_eq!(decode(&[0x48, 7, 0x48, 0], spec), Ok(json!({})), "the last one counts");
}

#[test]
fn inlined_fields_are_nested() {
    let volume = json!({"name": "v", "hostPath": {"path": "/p", "type": ""}});
    let source = field(1, [field(1, "/p"), field(2, "")].concat());
    let bytes = [field(1, "v"), field(2, source)].concat();
    assert_eq!(encode(&volume, core("Volume")).as_ref(), Ok(&bytes));
    assert_eq!(decode(&bytes, core("Volume")), Ok(volume));
    let twice = [field(2, field(1, field(1, "/p"))), field(2, field(1, field(2, "")))].concat();
    let merged = json!({"hostPath": {"path": "/p", "type": ""}});
    assert_eq!(decode(&twice, core("Volume")), Ok(merged), "occurrences merge");
    let reference = json!({"name": "c", "key": "k"});
    let bytes = [field(1, field(1, "c")), field(2, "k")].concat();
    assert_eq!(encode(&reference, core("ConfigMapKeySelector")), Ok(bytes));
}

#[test]
fn types_with_a_form_of_their_own() {
    let minus_one = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
    let port = |int: &[u8], kind, text| [vec![8, kind, 16], int.to_vec(), field(3, text)].concat();
    let extra = [field(1, "k"), field(2, [field(1, "a"), field(1, "")].concat())].concat();
    let meta = "io.k8s.apimachinery.pkg.apis.meta.v1";
    for (schema, bytes, value) in [
        (core("TCPSocketAction"), field(1, port(&minus_one, 0, "")), json!({"port": -1})),
        (core("TCPSocketAction"), field(1, port(&[0], 1, "http")), json!({"port": "http"})),
        (
            core("ResourceQuotaSpec"),
            field(1, [field(1, "c"), field(2, field(1, "2"))].concat()),
            json!({"hard": {"c": "2"}}),
        ),
        (
            schema("io.k8s.api.authentication.v1.UserInfo"),
            field(4, extra),
            json!({"extra": {"k": ["a", ""]}}),
        ),
        (
            schema("io.k8s.api.apps.v1.ControllerRevision"),
            field(2, field(1, r#"{"a":[1]}"#)),
            json!({"data": {"a": [1]}}),
        ),
        (
            schema(&format!("{meta}.ManagedFieldsEntry")),
            [field(4, [8, 60, 16, 0]), field(7, field(1, "{}"))].concat(),
            json!({"time": "1970-01-01T00:01:00Z", "fieldsV1": {}}),
        ),
        (
            schema("io.k8s.api.coordination.v1.LeaseSpec"),
            field(3, [8, 1, 16, 0xb8, 0x17]),
            json!({"acquireTime": "1970-01-01T00:00:01.000003Z"}),
        ),
        (props("CustomResourceSubresources"), field(1, ""), json!({"status": {}})),
        (props("JSONSchemaProps"), field(8, field(1, r#""x""#)), json!({"default": "x"})),
        (
            props("JSONSchemaProps"),
            [vec![0x49], 1.5_f64.to_le_bytes().to_vec()].concat(),
            json!({"maximum": 1.5}),
        ),
        (
            props("JSONSchemaProps"),
            [vec![0x49], 0_f64.to_le_bytes().to_vec()].concat(),
            json!({"maximum": 0}),
        ),
        (props("JSONSchemaPropsOrBool"), vec![8, 0], json!(false)),
        (
            props("JSONSchemaPropsOrBool"),
            [vec![8, 1], field(2, field(5, "string"))].concat(),
            json!({"type": "string"}),
        ),
        (props("JSONSchemaPropsOrArray"), field(1, field(5, "string")), json!({"type": "string"})),
        (
            props("JSONSchemaPropsOrArray"),
            [field(2, ""), field(2, field(5, "t"))].concat(),
            json!([{}, {"type": "t"}]),
        ),
        (props("JSONSchemaPropsOrStringArray"), field(2, "p"), json!(["p"])),
    ] {
        // Encoding keeps fractions of seconds that JSON has, and JSON has no more than these bytes say.
        assert_eq!(decode(&bytes, schema).as_ref(), Ok(&value), "{}", schema.name());
        assert_eq!(encode(&value, schema).as_ref(), Ok(&bytes), "{value}");
    }
}

#[test]
fn an_object_within_an_object_may_have_an_envelope() {
    let revision = schema("io.k8s.api.apps.v1.ControllerRevision");
    let within = |body: &[u8]| decode(&field(2, field(1, body)), revision);
    let map = field(2, [field(1, "a"), field(2, "b")].concat());
    assert_eq!(
        within(&encode_envelope("v1", "ConfigMap", &map)),
        Ok(json!({"data": {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "b"}}}))
    );
    let unknown = within(&encode_envelope("example.com/v1", "Foo", &map)).expect_err("not known");
    assert_eq!(unknown.to_string(), r#"no kind "Foo" is registered for "example.com/v1""#);
}

#[test]
fn unknown_fields_are_skipped_and_known_ones_must_fit() {
    let map = core("ConfigMap");
    let group = [0x3b, 0x3b, 8, 1, 0x3c, 0x12, 1, 0, 0x3c];
    let unknown = [
        &group[..],
        &[0x78, 1],
        &[0x79, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0x7d, 0, 0, 0, 0],
        &[0x7a, 1, 0],
        &[0x20, 1],
    ]
    .concat();
    assert_eq!(decode(&unknown, map), Ok(json!({"immutable": true})));
    for (bytes, error) in [
        (&[0x22_u8, 1, 0][..], "proto: wrong wireType = 2 for field immutable"),
        (&[0x20], "unexpected EOF"),
        (&[0x7a, 2, 0], "unexpected EOF"),
        (&[0x3b, 0x3b, 0x3c], "unexpected EOF"),
        (&[0x3c], "proto: unexpected end of group"),
        (&[0x00], "proto: illegal tag 0"),
        (&[0x07], "proto: illegal tag 7"),
        (&[0x0e], "proto: illegal tag 14"),
        (&[0x20, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1], "proto: integer overflow"),
        (&[0x12, 3, 10, 1, 0xff], "string field contains invalid UTF-8"),
    ] {
        assert_eq!(decode(bytes, map).expect_err("refused").to_string(), error, "{bytes:?}");
    }
    let packed = decode(&[0x22, 3, 1, 2, 0x7f], core("PodSecurityContext"));
    assert_eq!(packed, Ok(json!({"supplementalGroups": [1, 2, 127]})));
    assert_eq!(decode(&[0x22, 0], core("PodSecurityContext")), Ok(json!({})));
}

#[test]
fn depth_is_bounded_both_ways() {
    let nested = |depth| (0..depth).fold(json!({"type": "x"}), |inner, _| json!({"not": inner}));
    let schema = props("JSONSchemaProps");
    let bytes = encode(&nested(MAX_DEPTH - 1), schema).expect("deep enough");
    assert_eq!(decode(&bytes, schema), Ok(nested(MAX_DEPTH - 1)));
    assert_eq!(encode(&nested(MAX_DEPTH), schema), Err(ProtobufError::TooDeep));
    let mut out = Vec::new();
    put_bytes(27, &bytes, &mut out);
    assert_eq!(decode(&out, schema), Err(ProtobufError::TooDeep));
}

#[test]
fn lists_and_events() {
    let (meta, items) = (json!({"resourceVersion": "7"}), [json!({"data": {"a": "b"}}), json!({})]);
    let list_meta = schema("io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta");
    let list = encode_list(&meta, list_meta, &items, core("ConfigMap")).expect("a list");
    let data = field(2, [field(1, "a"), field(2, "b")].concat());
    assert_eq!(list, [field(1, field(2, "7")), field(2, data), field(2, "")].concat());
    assert_eq!(
        encode_watch_event("ADDED", b"k8s\0"),
        [field(1, "ADDED"), field(2, field(1, "k8s\0"))].concat()
    );
}

#[test]
fn values_of_another_type_are_refused() {
    for (value, error) in [
        (json!({"immutable": 1}), "immutable: not a boolean"),
        (json!({"data": []}), "data: not an object"),
        (json!({"data": {"a": 1}}), "data: not a string"),
        (json!({"binaryData": {"a": "?"}}), "binaryData: not base64"),
        (json!({"metadata": {"deletionTimestamp": "today"}}), "deletionTimestamp: not a time of RFC 3339"),
        (json!({"metadata": {"finalizers": "x"}}), "finalizers: not a list"),
        (json!({"metadata": {"generation": 1.5}}), "generation: not an integer"),
    ] {
        assert_eq!(encode(&value, core("ConfigMap")).expect_err("refused").to_string(), error);
    }
    let nothing = json!({"apiVersion": "v1", "kind": "ConfigMap", "unknown": 1, "data": null, "metadata": {"finalizers": []}});
    assert_eq!(encode(&nothing, core("ConfigMap")), Ok(field(1, "")));
}

/// Makes objects out of arbitrary bytes: the same bytes, the same object; no bytes, nothing optional.
struct Choices<'a>(std::slice::Iter<'a, u8>);

impl Choices<'_> {
    fn next(&mut self) -> u8 {
        self.0.next().copied().unwrap_or(0)
    }

    fn flip(&mut self) -> bool {
        self.next().is_multiple_of(2)
    }

    fn word(&mut self) -> String {
        ["a", "b/c", "ü", "x=\"y\"", "0"][usize::from(self.next() % 5)].to_owned()
    }

    fn value(&mut self, schema: Schema<'_>, zero: bool, depth: usize) -> Value {
        match schema.shape() {
            Shape::Struct { fields, .. } => {
                let mut object = Map::new();
                for field in fields.iter().filter(|field| field.number != 0) {
                    if depth < 12 && self.next() % 4 == 3 {
                        let zero = field.presence != Presence::Optional;
                        let value = self.value(schema.at(field.node), zero, depth + 1);
                        object.insert(field.name.clone(), value);
                    }
                }
                Value::Object(object)
            }
            Shape::List { items, .. } => {
                (0..=self.next() % 3).map(|_| self.value(schema.at(*items), true, depth + 1)).collect()
            }
            Shape::Map { values, .. } => {
                let pairs = (0..=self.next() % 3)
                    .map(|_| (self.word(), self.value(schema.at(*values), true, depth + 1)));
                Value::Object(pairs.collect())
            }
            Shape::Scalar(kind) => self.scalar(*kind, zero),
            Shape::Any => self.opaque(schema, depth),
        }
    }

    fn scalar(&mut self, kind: Scalar, zero: bool) -> Value {
        let number = i64::from(self.next()) - 128;
        let number = if number == 0 && !zero { 1 } else { number };
        match kind {
            Scalar::Boolean => Value::Bool(!zero || number > 0),
            Scalar::Int32 => number.into(),
            Scalar::Int64 => (number << 40).into(),
            Scalar::Double | Scalar::IntOrString if number % 2 == 0 => number.into(),
            Scalar::Double => json!(f64::from(i32::try_from(number).expect("small")) / 8.0),
            Scalar::String if zero && number == 0 => "".into(),
            Scalar::String | Scalar::IntOrString => self.word().into(),
            Scalar::Bytes => base64::encode(&[self.next()]).into(),
            Scalar::Quantity => format!("{number}Mi").into(),
            Scalar::Time => time::moment_text(number << 24, None).into(),
            Scalar::MicroTime => time::moment_text(number << 24, Some(self.next().into())).into(),
            Scalar::Duration => time::duration_text(number << 30).into(),
        }
    }

    fn opaque(&mut self, schema: Schema<'_>, depth: usize) -> Value {
        let props = props("JSONSchemaProps");
        match schema.name().rsplit('.').next() {
            Some("CustomResourceSubresourceStatus") => json!({}),
            Some("JSONSchemaPropsOrBool") if self.flip() => (self.flip()).into(),
            Some("JSONSchemaPropsOrArray") if self.flip() => vec![self.value(props, true, depth + 1)].into(),
            Some("JSONSchemaPropsOrStringArray") if self.flip() => vec![self.word()].into(),
            Some(name) if name.starts_with("JSONSchemaPropsOr") => self.value(props, true, depth + 1),
            _ => json!({"f:a": [self.next(), null, {".": self.word()}]}),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn what_is_encoded_decodes(name: prop::sample::Index, choices in prop::collection::vec(any::<u8>(), 0..600)) {
        let schema = schema(name.get::<&str>(&NAMES));
        let value = Choices(choices.iter()).value(schema, true, 0);
        let bytes = encode(&value, schema).expect("a value of its type");
        prop_assert_eq!(decode(&bytes, schema), Ok(value));
        for end in 0..bytes.len() {
            // Cut anywhere it may still be a message, but nothing panics.
            drop(decode(&bytes[..end], schema));
        }
    }

    #[test]
    fn changed_bytes_do_not_panic(
        name: prop::sample::Index,
        choices in prop::collection::vec(any::<u8>(), 0..300),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let schema = schema(name.get::<&str>(&NAMES));
        let value = Choices(choices.iter()).value(schema, true, 0);
        let mut bytes = encode(&value, schema).expect("a value of its type");
        for (at, byte) in changes.iter().filter(|_| !bytes.is_empty()).collect::<Vec<_>>() {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        if let Ok(value) = decode(&bytes, schema) {
            // Whatever decodes is an object that has bytes.
            prop_assert!(encode(&value, schema).is_ok(), "{value}");
        }
    }

    #[test]
    fn garbage_does_not_panic(name: prop::sample::Index, bytes: Vec<u8>) {
        drop(decode(&bytes, schema(name.get::<&str>(&NAMES))));
        drop(decode_envelope(&[MAGIC, &bytes].concat()));
    }
}
