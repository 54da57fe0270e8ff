//! The databases that are known: a catalogue.

/// A kind of database.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::checks) struct Engine {
    /// What people call it.
    pub(in crate::checks) name: &'static str,
    /// Words in the names of its images.
    pub(super) words: &'static [&'static str],
    /// Where it listens.
    pub(super) ports: &'static [u16],
    /// The programs that serve, and scripts that start them.
    pub(super) servers: &'static [&'static str],
    /// Programs that ask it.
    pub(super) clients: &'static [&'static str],
    /// Whether one of several writes and the others copy it; of others each may hold what no other has.
    pub(in crate::checks) is_replicated: bool,
    /// Where it puts temporary files that grow with queries, if that is not where its data is.
    pub(in crate::checks) temp: Option<&'static str>,
    /// Whether it has to write much of its memory to the disk when it is told to end.
    pub(in crate::checks) flushes: bool,
}

const NONE: Engine = Engine {
    name: "",
    words: &[],
    ports: &[],
    servers: &[],
    clients: &[],
    is_replicated: false,
    temp: None,
    flushes: false,
};

/// Programs that ask MariaDB or `MySQL`.
const MYSQL_CLIENTS: [&str; 6] =
    ["mysqladmin", "mariadb-admin", "mysql", "mariadb", "healthcheck.sh", "mysqlcheck"];

/// All of them. A word is of one engine alone.
pub(super) const ALL: &[Engine] = &[
    Engine {
        name: "MariaDB",
        words: &["mariadb"],
        ports: &[3306],
        servers: &["mariadbd", "mariadbd-safe"],
        clients: &MYSQL_CLIENTS,
        is_replicated: true,
        temp: Some("/tmp"),
        flushes: true,
    },
    Engine {
        name: "MySQL",
        words: &["mysql", "percona", "xtradb"],
        ports: &[3306],
        servers: &["mysqld", "mysqld_safe", "run-mysqld"],
        clients: &MYSQL_CLIENTS,
        is_replicated: true,
        temp: Some("/tmp"),
        flushes: true,
    },
    Engine {
        name: "PostgreSQL",
        words: &["postgres", "postgresql", "postgis", "timescaledb", "pgvector", "spilo"],
        ports: &[5432],
        servers: &["postgres", "postmaster", "run-postgresql"],
        clients: &["psql", "pg_isready"],
        is_replicated: true,
        flushes: true,
        ..NONE
    },
    Engine {
        name: "MongoDB",
        words: &["mongo", "mongodb"],
        ports: &[27017],
        servers: &["mongod"],
        clients: &["mongo", "mongosh"],
        flushes: true,
        ..NONE
    },
    Engine {
        name: "Redis",
        words: &["redis", "keydb", "dragonfly"],
        ports: &[6379],
        servers: &["redis-server", "keydb-server"],
        clients: &["redis-cli", "keydb-cli"],
        ..NONE
    },
    Engine {
        name: "Valkey",
        words: &["valkey"],
        ports: &[6379],
        servers: &["valkey-server"],
        clients: &["valkey-cli", "redis-cli"],
        ..NONE
    },
    Engine {
        name: "etcd",
        words: &["etcd"],
        ports: &[2379, 2381],
        servers: &["etcd"],
        clients: &["etcdctl"],
        is_replicated: true,
        ..NONE
    },
    Engine {
        name: "Cassandra",
        words: &["cassandra"],
        ports: &[9042],
        servers: &["cassandra"],
        clients: &["cqlsh", "nodetool"],
        ..NONE
    },
    Engine {
        name: "ScyllaDB",
        words: &["scylla", "scylladb"],
        ports: &[9042],
        servers: &["scylla"],
        clients: &["cqlsh", "nodetool"],
        ..NONE
    },
    Engine {
        name: "Elasticsearch",
        words: &["elasticsearch"],
        ports: &[9200],
        servers: &["elasticsearch"],
        clients: &["curl", "wget"],
        ..NONE
    },
    Engine {
        name: "OpenSearch",
        words: &["opensearch"],
        ports: &[9200],
        servers: &["opensearch"],
        clients: &["curl", "wget"],
        ..NONE
    },
    Engine {
        name: "Kafka",
        words: &["kafka", "redpanda"],
        ports: &[9092],
        servers: &["kafka-server-start.sh", "kafka-server-start", "redpanda"],
        clients: &["kafka-topics.sh", "kafka-broker-api-versions.sh", "rpk"],
        ..NONE
    },
    Engine {
        name: "ClickHouse",
        words: &["clickhouse"],
        ports: &[8123, 9000],
        servers: &["clickhouse-server"],
        clients: &["clickhouse-client"],
        ..NONE
    },
    Engine {
        name: "CockroachDB",
        words: &["cockroach", "cockroachdb"],
        ports: &[26257, 8080],
        servers: &["cockroach"],
        clients: &["cockroach"],
        ..NONE
    },
    Engine {
        name: "RabbitMQ",
        words: &["rabbitmq"],
        ports: &[5672],
        servers: &["rabbitmq-server"],
        clients: &["rabbitmq-diagnostics", "rabbitmqctl"],
        ..NONE
    },
    Engine {
        name: "Neo4j",
        words: &["neo4j"],
        ports: &[7687, 7474],
        servers: &["neo4j"],
        clients: &["cypher-shell"],
        ..NONE
    },
    Engine {
        name: "InfluxDB",
        words: &["influxdb"],
        ports: &[8086],
        servers: &["influxd"],
        clients: &["influx"],
        ..NONE
    },
    Engine {
        name: "CouchDB",
        words: &["couchdb"],
        ports: &[5984],
        servers: &["couchdb"],
        clients: &["curl", "wget"],
        ..NONE
    },
];
