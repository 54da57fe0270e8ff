//! Real servers.

#[path = "mariadb/copies.rs"]
mod copies;
#[path = "mariadb/failover.rs"]
mod failover;
#[path = "mariadb/lives.rs"]
mod lives;
#[path = "mariadb/replication.rs"]
mod replication;
#[path = "mariadb/support.rs"]
mod support;
