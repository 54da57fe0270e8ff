//! Database engines: configuration, processes, replication, clones. MariaDB.
//!
//! One instance at a time: [`mariadb`] makes its files, starts its process, asks it and tells it over SQL. Nothing here
//! decides what an instance is to do; that is `ha-core`'s and the agent's.

pub mod brake;
pub mod mariadb;
