//! The schema of the built-in kinds, read once from the table of facts.

use std::sync::LazyLock;

use stanchion_machinery::facts;
use stanchion_machinery::schema::{Schema, SchemaSet};

/// The table of facts, as it is committed.
pub const TABLE: &str = include_str!("../facts.txt");

static SCHEMAS: LazyLock<SchemaSet> =
    LazyLock::new(|| facts::parse(TABLE).expect("a test reads the committed table"));

/// Returns the types of all built-in kinds.
pub fn all() -> &'static SchemaSet {
    &SCHEMAS
}

/// Returns a type by its published name, such as `io.k8s.api.core.v1.Pod`.
pub fn named(name: &str) -> Option<Schema<'static>> {
    SCHEMAS.named(name)
}

#[cfg(test)]
mod tests {
    use stanchion_machinery::schema::{ListKind, Schema, Shape};

    #[test]
    fn the_committed_table_can_be_read() {
        let spec = super::named("io.k8s.api.core.v1.PodSpec").expect("Pods have a spec");
        let containers = spec.child("containers").expect("with containers");
        let Shape::List { kind, .. } = containers.shape() else { panic!("that are a list") };
        assert_eq!(*kind, ListKind::Map(vec!["name".to_owned()]));
        let port =
            containers.items().and_then(|c| c.child("ports")).and_then(Schema::items).expect("with ports");
        assert_eq!(port.field("protocol").and_then(|f| f.default.clone()), Some("TCP".into()));
    }
}
