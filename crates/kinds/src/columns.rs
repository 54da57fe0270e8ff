//! What tables show of objects: the columns of each kind and the cells of its rows.
//!
//! A set of columns is data plus one function that makes the cells, so that both stay in step; there are always as
//! many cells as columns, whatever is missing in the object. Where a kind has none of its own its tables show the
//! name and the time of creation. [`custom`] makes those of custom resources.

use serde_json::{Value, json};

mod age;
mod batch;
mod cluster;
mod config;
mod custom;
mod defaults;
mod events;
mod network;
mod path;
mod pod;
mod rbac;
mod read;
mod scaling;
mod selector;
mod storage;
#[cfg(test)]
mod tests;
mod volumes;
mod workloads;

pub use custom::custom;

/// One column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column<'a> {
    /// The heading.
    pub name: &'a str,
    /// The type of the cells: `string`, `integer`, `number`, `boolean` or `date`.
    pub kind: &'a str,
    /// The format of the cells; `name` marks the column that names the object.
    pub format: &'a str,
    /// What the column shows.
    pub description: &'a str,
    /// 0 for a column that is always shown, more for one of wide tables.
    pub priority: i64,
}

impl Column<'static> {
    const fn new(name: &'static str, kind: &'static str, description: &'static str) -> Self {
        Self::full(name, kind, "", description, 0)
    }

    const fn full(
        name: &'static str,
        kind: &'static str,
        format: &'static str,
        description: &'static str,
        priority: i64,
    ) -> Self {
        Self { name, kind, format, description, priority }
    }

    /// Makes the column that names the object.
    const fn name() -> Self {
        Self::full("Name", "string", "name", "The name of the object.", 0)
    }

    /// Makes the column that says how long the object has existed.
    const fn age() -> Self {
        Self::new("Age", "string", "The time since the object was created.")
    }

    const fn text(name: &'static str, description: &'static str) -> Self {
        Self::new(name, "string", description)
    }

    const fn integer(name: &'static str, description: &'static str) -> Self {
        Self::new(name, "integer", description)
    }

    const fn boolean(name: &'static str, description: &'static str) -> Self {
        Self::new(name, "boolean", description)
    }

    /// Makes a column of text that only wide tables show.
    const fn wide(name: &'static str, description: &'static str) -> Self {
        Self::full(name, "string", "", description, 1)
    }
}

impl Column<'_> {
    fn definition(self) -> Value {
        json!({
            "name": self.name,
            "type": self.kind,
            "format": self.format,
            "description": self.description,
            "priority": self.priority,
        })
    }
}

/// Makes the cells of an object at a time in seconds since 1970.
type MakeCells = fn(&Value, i64) -> Vec<Value>;

/// Makes the conditions of the row of an object.
type MakeConditions = fn(&Value) -> Vec<Value>;

/// How much of each object a row carries along, as clients ask with `includeObject`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Include {
    /// Nothing.
    Nothing,
    /// The metadata, which is what a row carries unless told otherwise.
    Metadata,
    /// All of it.
    Object,
}

/// The columns of a kind.
#[derive(Debug)]
pub struct Columns(Source);

#[derive(Debug)]
enum Source {
    Known { columns: &'static [Column<'static>], cells: MakeCells, conditions: MakeConditions },
    Custom(Vec<custom::CustomColumn>),
}

impl Columns {
    const fn known(columns: &'static [Column<'static>], cells: MakeCells) -> Self {
        Self::with_conditions(columns, cells, |_| Vec::new())
    }

    const fn with_conditions(
        columns: &'static [Column<'static>],
        cells: MakeCells,
        conditions: MakeConditions,
    ) -> Self {
        Self(Source::Known { columns, cells, conditions })
    }

    /// Returns the columns in their order.
    pub fn columns(&self) -> Vec<Column<'_>> {
        match &self.0 {
            Source::Known { columns, .. } => columns.to_vec(),
            Source::Custom(columns) => columns.iter().map(custom::CustomColumn::column).collect(),
        }
    }

    /// Returns the columns as they stand in a `Table`.
    pub fn definitions(&self) -> Vec<Value> {
        self.columns().into_iter().map(Column::definition).collect()
    }

    /// Returns the cells of an object, one for each column, at a time in seconds since 1970.
    pub fn cells(&self, object: &Value, now: i64) -> Vec<Value> {
        match &self.0 {
            Source::Known { cells, .. } => cells(object, now),
            Source::Custom(columns) => columns.iter().map(|column| column.cell(object, now)).collect(),
        }
    }

    fn conditions(&self, object: &Value) -> Vec<Value> {
        match &self.0 {
            Source::Known { conditions, .. } => conditions(object),
            Source::Custom(_) => Vec::new(),
        }
    }

    /// Returns the row of an object as it stands in a `Table`.
    pub fn row(&self, object: &Value, now: i64, include: Include) -> Value {
        let mut row = json!({ "cells": self.cells(object, now) });
        let conditions = self.conditions(object);
        if !conditions.is_empty() {
            row["conditions"] = Value::Array(conditions);
        }
        row["object"] = match include {
            Include::Nothing => Value::Null,
            Include::Metadata => json!({
                "kind": "PartialObjectMetadata",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": object.get("metadata").cloned().unwrap_or_else(|| json!({})),
            }),
            Include::Object => object.clone(),
        };
        row
    }
}

/// Returns the columns of a kind; those of any kind if it has none of its own.
pub fn of(group: &str, kind: &str) -> &'static Columns {
    let known = match group {
        "" => core(kind),
        "apps" => workloads::of(kind),
        "batch" => batch::of(kind),
        "autoscaling" | "policy" => scaling::of(group, kind),
        "events.k8s.io" if kind == "Event" => Some(&events::EVENT),
        "discovery.k8s.io" | "networking.k8s.io" => network::of(kind),
        "storage.k8s.io" => storage::of(kind),
        "rbac.authorization.k8s.io" => rbac::of(kind),
        "coordination.k8s.io" | "scheduling.k8s.io" => cluster::of(kind),
        _ => None,
    };
    known.unwrap_or(&defaults::ANY)
}

fn core(kind: &str) -> Option<&'static Columns> {
    Some(match kind {
        "Pod" => &pod::POD,
        "Event" => &events::EVENT,
        "Status" => &defaults::STATUS,
        "PersistentVolume" => &volumes::VOLUME,
        "PersistentVolumeClaim" => &volumes::CLAIM,
        "ReplicationController" => &workloads::REPLICATION_CONTROLLER,
        "PodTemplate" => &workloads::POD_TEMPLATE,
        "Service" => &network::SERVICE,
        "Endpoints" => &network::ENDPOINTS,
        "Node" => &cluster::NODE,
        "Namespace" => &cluster::NAMESPACE,
        "ComponentStatus" => &cluster::COMPONENT_STATUS,
        _ => return config::of(kind),
    })
}
