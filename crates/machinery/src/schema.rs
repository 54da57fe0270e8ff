//! What objects look like: an arena of nodes, made from the facts of the built-in kinds or from a CRD.
//!
//! Patches, apply, defaulting, pruning and transcoding all walk a [`Schema`] beside a value. It says how things
//! are merged and laid out, not which values are valid.

use std::collections::HashMap;

use serde_json::Value;

/// The place of a node in its set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NodeId(u32);

/// A value that has no parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar {
    /// `true` or `false`.
    Boolean,
    /// An integer of 32 bits.
    Int32,
    /// An integer of 64 bits.
    Int64,
    /// A number.
    Double,
    /// A string.
    String,
    /// A string of base64.
    Bytes,
    /// A quantity such as `100m`; a string or a number.
    Quantity,
    /// An integer, or a string such as `25%` or the name of a port.
    IntOrString,
    /// A moment with seconds, RFC 3339.
    Time,
    /// A moment with microseconds, RFC 3339.
    MicroTime,
    /// A duration as Go writes it, such as `1m30s`.
    Duration,
}

/// How a list is merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListKind {
    /// As one value.
    Atomic,
    /// As a set of scalars.
    Set,
    /// As a map from the values of these fields to items.
    Map(Vec<String>),
}

/// What strategic merge patch does with a field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PatchRule {
    /// Lists are merged instead of replaced.
    pub merge: bool,
    /// Only the keys that the patch names in `$retainKeys` are kept.
    pub retain_keys: bool,
    /// The field by which items of a merged list are matched; none for a list of scalars.
    pub merge_key: Option<String>,
}

/// What Go makes of a zero in a field: `0`, `false` or an empty string in one of a scalar, `{}` in one of a struct.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Presence {
    /// It is the same as none. JSON has no zero of a scalar, and always has the struct.
    #[default]
    Optional,
    /// Go has a pointer: it is told from none and stays.
    Pointer,
    /// It is a scalar, the same as none, and JSON has the zero nevertheless.
    Always,
}

/// A field of a struct.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// The name in JSON.
    pub name: String,
    /// What stands there.
    pub node: NodeId,
    /// The number in protobuf; 0 if it has none.
    pub number: u32,
    /// The number of the nested message that protobuf has it in while JSON has it here; 0 if there is none.
    pub embedded_in: u32,
    /// Whether it must be there.
    pub required: bool,
    /// What Go makes of a zero; says something of scalars (those of JSON) and structs only.
    pub presence: Presence,
    /// A struct or map here is owned and applied as one value, whatever its type says.
    pub atomic: bool,
    /// What strategic merge patch does with it.
    pub patch: PatchRule,
    /// The published default. Most defaults of built-in kinds are not published, see `stanchion-kinds`.
    pub default: Option<Value>,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// Any JSON; opaque, owned and applied as one value.
    Any,
    /// A value without parts.
    Scalar(Scalar),
    /// Named fields, sorted by name.
    Struct {
        /// The fields.
        fields: Vec<Field>,
        /// Other fields may stand there and are kept.
        open: bool,
        /// Owned and applied as one value.
        atomic: bool,
    },
    /// Any keys, all with the same sort of value.
    Map {
        /// The values.
        values: NodeId,
        /// Owned and applied as one value.
        atomic: bool,
    },
    /// Items.
    List {
        /// The items.
        items: NodeId,
        /// How it is merged.
        kind: ListKind,
    },
}

/// A node: what it is and what it is called.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The published name of the type, such as `io.k8s.api.core.v1.PodSpec`; empty for inline ones.
    pub name: String,
    /// What it is.
    pub shape: Shape,
}

/// Nodes that refer to one another.
#[derive(Clone, Debug, Default)]
pub struct SchemaSet {
    nodes: Vec<Node>,
    names: HashMap<String, NodeId>,
}

impl SchemaSet {
    /// Adds a node; a name makes it findable.
    pub fn add(&mut self, node: Node) -> NodeId {
        let id = NodeId(u32::try_from(self.nodes.len()).expect("fewer than 2^32 nodes fit in memory"));
        if !node.name.is_empty() {
            self.names.insert(node.name.clone(), id);
        }
        self.nodes.push(node);
        id
    }

    /// Replaces what a node is, so that recursive types can be built.
    pub fn set(&mut self, id: NodeId, shape: Shape) {
        self.nodes[id.0 as usize].shape = shape;
    }

    /// Finds a type by its published name.
    pub fn named(&self, name: &str) -> Option<Schema<'_>> {
        self.names.get(name).map(|id| self.at(*id))
    }

    /// Returns the id of a type by its published name.
    pub fn id_of(&self, name: &str) -> Option<NodeId> {
        self.names.get(name).copied()
    }

    /// Looks at a node.
    pub fn at(&self, id: NodeId) -> Schema<'_> {
        Schema { set: self, id }
    }

    /// Returns all published names, in no order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }
}

/// A node together with its set: what a walk over a value carries along.
#[derive(Clone, Copy, Debug)]
pub struct Schema<'a> {
    set: &'a SchemaSet,
    id: NodeId,
}

impl<'a> Schema<'a> {
    fn node(self) -> &'a Node {
        &self.set.nodes[self.id.0 as usize]
    }

    /// Returns the place in its set.
    pub fn id(self) -> NodeId {
        self.id
    }

    /// Returns the set.
    pub fn set(self) -> &'a SchemaSet {
        self.set
    }

    /// Returns the published name of the type, empty for inline ones.
    pub fn name(self) -> &'a str {
        &self.node().name
    }

    /// Returns what it is.
    pub fn shape(self) -> &'a Shape {
        &self.node().shape
    }

    /// Looks at another node of the same set.
    #[must_use]
    pub fn at(self, id: NodeId) -> Self {
        Self { set: self.set, id }
    }

    /// Returns a declared field of a struct.
    pub fn field(self, name: &str) -> Option<&'a Field> {
        match self.shape() {
            Shape::Struct { fields, .. } => {
                fields.binary_search_by(|f| f.name.as_str().cmp(name)).ok().map(|i| &fields[i])
            }
            Shape::Any | Shape::Scalar(_) | Shape::Map { .. } | Shape::List { .. } => None,
        }
    }

    /// Returns what stands under a key: a declared field of a struct, or any value of a map.
    pub fn child(self, key: &str) -> Option<Self> {
        match self.shape() {
            Shape::Struct { .. } => self.field(key).map(|f| self.at(f.node)),
            Shape::Map { values, .. } => Some(self.at(*values)),
            Shape::Any | Shape::Scalar(_) | Shape::List { .. } => None,
        }
    }

    /// Returns what the items of a list are.
    pub fn items(self) -> Option<Self> {
        match self.shape() {
            Shape::List { items, .. } => Some(self.at(*items)),
            Shape::Any | Shape::Scalar(_) | Shape::Struct { .. } | Shape::Map { .. } => None,
        }
    }
}
