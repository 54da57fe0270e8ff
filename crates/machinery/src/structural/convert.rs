//! The schema that patches and apply walk, made from a structural one.

use std::collections::HashMap;

use super::{Additional, ListType, Structural, Type};
use crate::schema::{Field, ListKind, Node, NodeId, PatchRule, Presence, Scalar, Schema, SchemaSet, Shape};

/// Converts a schema; the root and embedded resources get `apiVersion`, `kind` and `metadata`.
pub(super) fn convert(schema: &Structural, object_meta: Schema<'_>) -> (SchemaSet, NodeId) {
    let mut maker = Maker { set: SchemaSet::default(), metadata: None, copied: HashMap::new() };
    let metadata = maker.copy(object_meta);
    maker.metadata = Some(metadata);
    let root = maker.node(schema, true);
    (maker.set, root)
}

struct Maker {
    set: SchemaSet,
    metadata: Option<NodeId>,
    copied: HashMap<NodeId, NodeId>,
}

impl Maker {
    fn add(&mut self, shape: Shape) -> NodeId {
        self.set.add(Node { name: String::new(), shape })
    }

    fn copy(&mut self, from: Schema<'_>) -> NodeId {
        if let Some(id) = self.copied.get(&from.id()) {
            return *id;
        }
        let id = self.set.add(Node { name: from.name().to_owned(), shape: Shape::Any });
        self.copied.insert(from.id(), id);
        let shape = match from.shape() {
            Shape::Any => Shape::Any,
            Shape::Scalar(scalar) => Shape::Scalar(*scalar),
            Shape::Struct { fields, open, atomic } => {
                let copied = fields
                    .iter()
                    .map(|field| Field { node: self.copy(from.at(field.node)), ..field.clone() });
                Shape::Struct { fields: copied.collect(), open: *open, atomic: *atomic }
            }
            Shape::Map { values, atomic } => {
                Shape::Map { values: self.copy(from.at(*values)), atomic: *atomic }
            }
            Shape::List { items, kind } => {
                Shape::List { items: self.copy(from.at(*items)), kind: kind.clone() }
            }
        };
        self.set.set(id, shape);
        id
    }

    fn node(&mut self, schema: &Structural, root: bool) -> NodeId {
        if schema.int_or_string {
            return self.add(Shape::Scalar(Scalar::IntOrString));
        }
        let shape = match schema.kind {
            None if root => self.object(schema, true),
            None => Shape::Any,
            Some(Type::Boolean) => Shape::Scalar(Scalar::Boolean),
            Some(Type::Integer) if schema.checks.format == "int32" => Shape::Scalar(Scalar::Int32),
            Some(Type::Integer) => Shape::Scalar(Scalar::Int64),
            Some(Type::Number) => Shape::Scalar(Scalar::Double),
            Some(Type::String) => Shape::Scalar(Scalar::String),
            Some(Type::Array) => self.list(schema),
            Some(Type::Object) => self.object(schema, root || schema.embedded_resource),
        };
        self.add(shape)
    }

    fn list(&mut self, schema: &Structural) -> Shape {
        let items = match &schema.items {
            Some(items) => self.node(items, false),
            None => self.add(Shape::Any),
        };
        let kind = match schema.list_type {
            Some(ListType::Map) => ListKind::Map(schema.list_map_keys.clone()),
            Some(ListType::Set) => ListKind::Set,
            Some(ListType::Atomic) | None => ListKind::Atomic,
        };
        Shape::List { items, kind }
    }

    fn object(&mut self, schema: &Structural, resource: bool) -> Shape {
        let atomic = schema.map_atomic == Some(true);
        let plain = schema.properties.is_empty() && !resource;
        match &schema.additional {
            Additional::Schema(values) if plain => {
                return Shape::Map { values: self.node(values, false), atomic };
            }
            Additional::Allowed(true) if plain => {
                return Shape::Map { values: self.add(Shape::Any), atomic };
            }
            Additional::Schema(_) | Additional::Allowed(_) | Additional::Undefined => {}
        }
        let mut fields = Vec::with_capacity(schema.properties.len() + 3);
        for (name, property) in &schema.properties {
            if resource && matches!(name.as_str(), "apiVersion" | "kind" | "metadata") {
                continue;
            }
            let node = self.node(property, false);
            let required = schema.checks.required.contains(name);
            fields.push(field(name, node, required, property.default.clone()));
        }
        if resource {
            for name in ["apiVersion", "kind"] {
                let node = self.add(Shape::Scalar(Scalar::String));
                fields.push(field(name, node, false, None));
            }
            if let Some(metadata) = self.metadata {
                fields.push(field("metadata", metadata, false, None));
            }
        }
        fields.sort_by(|a, b| a.name.cmp(&b.name));
        Shape::Struct { fields, open: schema.preserve_unknown, atomic }
    }
}

fn field(name: &str, node: NodeId, required: bool, default: Option<serde_json::Value>) -> Field {
    Field {
        name: name.to_owned(),
        node,
        number: 0,
        embedded_in: 0,
        required,
        presence: Presence::default(),
        atomic: false,
        patch: PatchRule::default(),
        default,
    }
}
