//! What the tests of apply share: schemas, people who write, and random sets.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::facts;
use crate::schema::SchemaSet;

mod applies;
mod random;
mod sets;
mod updates;

pub(super) static KINDS: LazyLock<SchemaSet> = LazyLock::new(|| {
    facts::parse(include_str!("../../../kinds/facts.txt")).expect("the committed table can be read")
});

/// A kind with a field of every sort.
pub(super) static TOY: LazyLock<SchemaSet> = LazyLock::new(|| {
    let mut set = facts::parse(
        "type Meta\n  annotations 0 {}string\n  labels 0 {}string\n  name 0 string\n  uid 0 string\n\
         type Port\n  number 0 int32\n  protocol 0 string default=\"TCP\"\n  target 0 string\n\
         type Inner\n  deep 0 =Inner\n  map 0 {}string\n  x 0 int32\n  y 0 string\n\
         type Rigid atomic\n  a 0 int32\n  b 0 int32\n\
         type Item\n  inner 0 =Inner\n  name 0 string\n  tags 0 []string list=set\n  value 0 int32\n\
         type Open\n  known 0 int32\n\
         type Opaque any\n\
         type Toy\n  apiVersion 0 string\n  kind 0 string\n  metadata 0 =Meta\n  any 0 =Opaque\n  flag 0 bool\n\
         \x20 frozen 0 {}string atomic\n  inner 0 =Inner\n  items 0 []=Item list=map:name\n  list 0 []int32\n\
         \x20 maps 0 {}=Inner\n  open 0 =Open\n  ports 0 []=Port list=map:number,protocol\n\
         \x20 rigid 0 =Rigid\n  rigids 0 []=Rigid\n  set 0 []string list=set\n  status 0 =Inner\n",
    )
    .expect("a table");
    let open = set.id_of("Open").expect("described");
    let crate::schema::Shape::Struct { fields, atomic, .. } = set.at(open).shape().clone() else {
        panic!("a struct")
    };
    set.set(open, crate::schema::Shape::Struct { fields, atomic, open: true });
    set
});

pub(super) fn toy() -> Schema<'static> {
    TOY.named("Toy").expect("described")
}

pub(super) fn kind(name: &str) -> Schema<'static> {
    KINDS.named(name).expect("a published type")
}

pub(super) const NOTHING: &FieldSet = &FieldSet::EMPTY;

/// Someone who writes toys at a second of the same minute.
pub(super) fn who(name: &'static str, second: u8) -> Manager<'static> {
    const TIMES: [&str; 4] =
        ["2026-01-02T03:04:00Z", "2026-01-02T03:04:01Z", "2026-01-02T03:04:02Z", "2026-01-02T03:04:03Z"];
    Manager {
        name,
        operation: Operation::Update,
        api_version: "toys/v1",
        subresource: "",
        time: TIMES[usize::from(second)],
    }
}

/// Makes a toy of its fields.
pub(super) fn a_toy(fields: Value) -> Value {
    let mut object = json!({"apiVersion": "toys/v1", "kind": "Toy", "metadata": {"name": "t", "uid": "u"}});
    let Value::Object(fields) = fields else { panic!("fields") };
    object.as_object_mut().expect("an object").extend(fields);
    object
}

pub(super) fn created(fields: Value, manager: &Manager<'_>) -> Value {
    let mut object = a_toy(fields);
    update(toy(), None, &mut object, manager, NOTHING);
    object
}

pub(super) fn updated(live: &Value, fields: Value, manager: &Manager<'_>) -> Value {
    let mut object = a_toy(fields);
    update(toy(), Some(live), &mut object, manager, NOTHING);
    object
}

pub(super) fn applied(
    live: Option<&Value>,
    fields: Value,
    manager: &Manager<'_>,
    force: bool,
) -> Result<Value, ApplyError> {
    apply(toy(), live, &a_toy(fields), manager, force, NOTHING)
}

/// Lists who owns what: name, operation, and paths without those of the metadata.
pub(super) fn owners(object: &Value) -> Vec<(String, Vec<String>)> {
    let entries = managed_fields(object).and_then(Value::as_array).into_iter().flatten();
    entries
        .map(|entry| {
            let text = |key: &str| entry[key].as_str().unwrap_or("").to_owned();
            let fields = FieldSet::from_fields_v1(&entry["fieldsV1"]).expect("fields");
            let paths = fields.paths().map(|path| path.to_string()).collect();
            (format!("{} {}", text("manager"), text("operation")), paths)
        })
        .collect()
}

pub(super) fn owned_by(name: &str, paths: &[&str]) -> (String, Vec<String>) {
    (name.to_owned(), paths.iter().map(|path| (*path).to_owned()).collect())
}

/// Returns an object without who owns what.
pub(super) fn bare(mut object: Value) -> Value {
    take_managed_fields(&mut object);
    object
}

/// Makes any set of fields.
pub(super) fn any_set() -> impl Strategy<Value = FieldSet> {
    any_paths().prop_map(FieldSet::from_paths)
}

pub(super) fn any_paths() -> impl Strategy<Value = Vec<FieldPath>> {
    prop::collection::vec(prop::collection::vec(any_element(), 1..4).prop_map(FieldPath), 0..12)
}

fn any_element() -> impl Strategy<Value = PathElement> {
    let scalar = prop_oneof![
        (0..3i64).prop_map(Value::from),
        "[ab\"<\u{1}]{0,2}".prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
    ];
    prop_oneof![
        4 => "[a-c.:]{1,2}".prop_map(PathElement::Field),
        2 => prop::collection::btree_map("[kp]", scalar.clone(), 1..3)
            .prop_map(|keys| PathElement::key(keys.into_iter().collect())),
        1 => scalar.prop_map(PathElement::Value),
        1 => (0..3usize).prop_map(PathElement::Index),
    ]
}
