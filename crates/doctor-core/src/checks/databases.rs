//! Tells containers that are databases from others.
//!
//! A container is one if its command starts a server of a database, or if it runs the image of one in the usual way.
//! Images are compared by whole words of their name, all of which must be known: `postgres-exporter` and `mysql-router` are
//! none. What is started in another way in such an image (a dump, a migration) is none either. In doubt it is none: what
//! is said of databases must not be said of others.

mod engines;
mod images;
pub(super) mod probes;
mod programs;

use crate::facts::kube::template::{Container, Template};
pub(super) use engines::Engine;
use programs::Program;

/// A database in a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Database {
    /// Which.
    pub(super) engine: &'static Engine,
    /// Who starts and watches it in the same container, if somebody does: its probes may ask that one.
    pub(super) manager: Option<&'static str>,
}

/// Returns the databases of a Pod, with their containers. Pods that end by themselves have none.
pub(super) fn of(template: &Template) -> impl Iterator<Item = (&Container, Database)> {
    let stays = matches!(template.restart_policy.as_str(), "Always" | "");
    let containers = template.running().filter(move |_| stays);
    containers.filter_map(|container| recognise(container).map(|database| (container, database)))
}

/// Returns whether a Pod has a database.
pub(super) fn is_one(template: &Template) -> bool {
    of(template).next().is_some()
}

/// Recognises a database in a container.
pub(super) fn recognise(container: &Container) -> Option<Database> {
    let of_image = images::engine(&container.image);
    let of_manager = images::manager(&container.image);
    match programs::of(container) {
        Program::Server(engine) => {
            // The one that both MySQL and MariaDB call mysqld is told by its image.
            let engine = of_image.filter(|other| other.ports == engine.ports).unwrap_or(engine);
            Some(Database { engine, manager: of_manager })
        }
        Program::Manager(name) => Some(Database { engine: of_image?, manager: Some(name) }),
        Program::OfImage => Some(Database { engine: of_image?, manager: of_manager }),
        Program::Named(engine) => {
            let listens = container.ports.iter().any(|port| engine.ports.contains(&port.number));
            listens.then_some(Database { engine: of_image.unwrap_or(engine), manager: of_manager })
        }
        Program::Other => None,
    }
}

#[cfg(test)]
mod tests;
