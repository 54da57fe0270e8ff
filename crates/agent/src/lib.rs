//! PID 1 of a database's container: supervises the database, reports into the store, does what the topology asks.
