//! Database engines: configuration, processes, replication, clones. MariaDB.
