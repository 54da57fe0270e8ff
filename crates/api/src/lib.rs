//! The kinds of stanchion.dev: DatabaseCluster with schema, defaults and rules.
