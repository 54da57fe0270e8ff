use proptest::prelude::*;
use serde_json::{Value, json};

use super::probes::{Asks, asks};
use super::*;

fn container(value: Value) -> Container {
    serde_json::from_value(value).expect("a container")
}

fn engine(value: Value) -> Option<&'static str> {
    recognise(&container(value)).map(|database| database.engine.name)
}

#[test]
fn images_of_databases_are_recognised() {
    for (image, name) in [
        ("mariadb:10.11", "MariaDB"),
        ("docker.io/bitnami/mariadb-galera:11", "MariaDB"),
        ("mysql", "MySQL"),
        ("container-registry.oracle.com/mysql/community-server:8.4", ""),
        ("mysql/mysql-server@sha256:00", "MySQL"),
        ("percona/percona-xtradb-cluster:8.0.36-28.1", "MySQL"),
        ("percona/percona-server-mongodb:7", "MongoDB"),
        ("postgres:16-alpine", "PostgreSQL"),
        ("ghcr.io/cloudnative-pg/postgresql:16.2", "PostgreSQL"),
        ("registry.redhat.io/rhel9/postgresql-15", "PostgreSQL"),
        ("localhost:5000/timescale/timescaledb-ha:pg16", "PostgreSQL"),
        ("ghcr.io/zalando/spilo-16:3.2", "PostgreSQL"),
        ("mongodb/mongodb-community-server:7", "MongoDB"),
        ("redis/redis-stack-server", "Redis"),
        ("valkey/valkey:8", "Valkey"),
        ("registry.k8s.io/etcd:3.5.12-0", "etcd"),
        ("docker.elastic.co/elasticsearch/elasticsearch:8", "Elasticsearch"),
        ("opensearchproject/opensearch:2", "OpenSearch"),
        ("confluentinc/cp-kafka:7", "Kafka"),
        ("neo4j:5", "Neo4j"),
    ] {
        assert_eq!(engine(json!({"image": image})), Some(name).filter(|name| !name.is_empty()), "{image}");
    }
}

#[test]
fn what_is_about_databases_is_none() {
    for image in [
        "prom/mysqld-exporter",
        "quay.io/prometheuscommunity/postgres-exporter:v0.15",
        "phpmyadmin:5",
        "pgbouncer",
        "bitnami/pgpool",
        "mysql/mysql-router",
        "mysql-operator",
        "mongo-express",
        "redis-commander",
        "bitnami/redis-sentinel",
        "provectuslabs/kafka-ui",
        "confluentinc/cp-kafka-connect",
        "dpage/pgadmin4",
        "opensearchproject/opensearch-dashboards",
        "postgres-backup-local",
        "mariadb-operator/mariadb-operator",
        "mcr/my-redis-client",
        "nginx",
        "etcd-druid",
        "percona/percona-xtrabackup",
        "elasticsearch-curator",
        "",
    ] {
        assert_eq!(engine(json!({"image": image})), None, "{image}");
    }
}

#[test]
fn what_is_started_decides() {
    let of = |image: &str, command: &[&str], args: &[&str]| {
        engine(json!({"image": image, "command": command, "args": args}))
    };
    assert_eq!(of("corp/data", &["/usr/sbin/mysqld"], &["--port=3306"]), Some("MySQL"));
    assert_eq!(of("mariadb", &["mysqld"], &[]), Some("MariaDB"));
    assert_eq!(
        of("corp/data", &["tini", "--", "gosu", "postgres", "postgres", "-D", "/d"], &[]),
        Some("PostgreSQL")
    );
    assert_eq!(of("corp/data", &["sh", "-c", "chown x /d && exec redis-server /etc/r"], &[]), Some("Redis"));
    assert_eq!(
        of("corp/data", &["/bin/bash"], &["-c", "while ! nc db 1; do :; done\nmongod"]),
        Some("MongoDB")
    );
    assert_eq!(
        of("corp/java", &["java", "-Xmx1g", "org.apache.cassandra.service.CassandraDaemon"], &[]),
        Some("Cassandra")
    );
    assert_eq!(of("mysql:8", &[], &["--max-connections=500"]), Some("MySQL"));
    assert_eq!(of("postgres:16", &[], &["postgres", "-c", "x=1"]), Some("PostgreSQL"));
    assert_eq!(of("cockroachdb/cockroach", &[], &["start-single-node"]), Some("CockroachDB"));
    assert_eq!(of("mysql:8", &["docker-entrypoint.sh"], &["mysqld"]), Some("MySQL"));
    assert_eq!(
        of("strimzi/kafka", &["/opt/kafka/kafka_run.sh"], &[]),
        None,
        "it listens to no port of Kafka"
    );

    assert_eq!(of("mysql:8", &["mysqldump", "-h", "db"], &[]), None);
    assert_eq!(of("mysql:8", &[], &["mysqldump", "-h", "db"]), None);
    assert_eq!(of("postgres:16", &["psql", "-U", "postgres"], &[]), None);
    assert_eq!(
        of("postgres:16", &["sh", "-c", "while true; do pg_dump -U postgres; sleep 9; done"], &[]),
        None
    );
    assert_eq!(of("redis:7", &["redis-server", "/etc/s.conf", "--sentinel"], &[]), None);
    assert_eq!(of("redis:7", &["sleep", "infinity"], &[]), None);
    assert_eq!(of("strimzi/kafka", &["/opt/kafka/kafka_exporter_run.sh"], &[]), None);
    assert_eq!(of("etcd:3.5", &["etcdctl", "watch"], &[]), None);
    assert_eq!(of("mariadb:11", &["mariadbd", "--initialize"], &[]), None);
    assert_eq!(of("mongo:7", &["mongos", "--configdb", "x"], &[]), None);
}

#[test]
fn a_script_called_after_a_database_needs_its_port() {
    let of = |port: u16| {
        engine(
            json!({"image": "corp/data", "command": ["/start-mysql.sh"], "ports": [{"containerPort": port}]}),
        )
    };
    assert_eq!((of(3306), of(8080)), (Some("MySQL"), None));
    let proxy = json!({"image": "haproxy:2.9", "ports": [{"name": "mysql", "containerPort": 3306}]});
    assert_eq!(engine(proxy), None);
}

#[test]
fn what_ends_by_itself_has_no_database() {
    let pod = |policy: &str| {
        let value = json!({"restartPolicy": policy, "containers": [{"image": "mysql:8"}],
            "initContainers": [{"image": "postgres:16"}]});
        let template: Template = serde_json::from_value(value).expect("a template");
        of(&template).count()
    };
    assert_eq!((pod("Always"), pod("Never"), pod("OnFailure")), (1, 0, 0));
}

#[test]
fn probes_ask_the_database_or_its_manager() {
    let asked = |container_of: Value, probe: Value| {
        let container = container(container_of);
        let database = recognise(&container).expect("a database");
        asks(&container, database, &serde_json::from_value(probe).expect("a probe"))
    };
    let mysql = || json!({"image": "mysql:8", "ports": [{"name": "sql", "containerPort": 3306}]});
    let is_database = |asks: Asks| matches!(asks, Asks::Database(_));
    assert!(is_database(asked(mysql(), json!({"exec": {"command": ["mysqladmin", "ping"]}}))));
    assert!(is_database(asked(
        mysql(),
        json!({"exec": {"command": ["bash", "-ec", "timeout 5 mysql -e 'SELECT 1'"]}})
    )));
    assert!(is_database(asked(mysql(), json!({"tcpSocket": {"port": "sql"}}))));
    assert!(is_database(asked(mysql(), json!({"httpGet": {"path": "/", "port": 8080}}))));
    assert_eq!(
        asked(mysql(), json!({"exec": {"command": ["/health/live.sh"]}})),
        Asks::Script("live.sh".to_owned())
    );
    assert_eq!(
        asked(mysql(), json!({"exec": {"command": ["sh", "-c", "pgrep mysqld > /dev/null"]}})),
        Asks::Others
    );
    let etcd = || json!({"image": "registry.k8s.io/etcd:3.5.12-0", "command": ["etcd"]});
    assert_eq!(asked(etcd(), json!({"httpGet": {"path": "/livez", "port": 2381}})), Asks::Others);
    let serializable =
        json!({"httpGet": {"path": "/health?exclude=NOSPACE&serializable=true", "port": 2381}});
    assert_eq!(asked(etcd(), serializable), Asks::Others);
    assert!(is_database(asked(etcd(), json!({"httpGet": {"path": "/health", "port": 2379}}))));

    let agent = || {
        json!({"image": "mariadb:10.11", "command": ["/stanchion/stanchion", "agent", "run", "--config", "x"],
            "ports": [{"name": "mariadb", "containerPort": 3306}, {"name": "agent", "containerPort": 8377}]})
    };
    assert_eq!(asked(agent(), json!({"httpGet": {"path": "/livez", "port": "agent"}})), Asks::Others);
    assert!(is_database(asked(agent(), json!({"tcpSocket": {"port": "mariadb"}}))));
    let spilo = || json!({"image": "ghcr.io/zalando/spilo-16:3.2"});
    assert_eq!(asked(spilo(), json!({"httpGet": {"path": "/liveness", "port": 8008}})), Asks::Others);
    assert!(is_database(asked(spilo(), json!({"exec": {"command": ["pg_isready"]}}))));
    let cnpg = || json!({"image": "ghcr.io/cloudnative-pg/postgresql:16", "command": ["/controller/manager", "instance", "run"]});
    assert_eq!(asked(cnpg(), json!({"httpGet": {"path": "/healthz", "port": 8000}})), Asks::Others);
}

proptest! {
    #[test]
    fn whatever_is_started_is_judged(
        image in "[a-z0-9:/@._-]{0,30}",
        line in prop::collection::vec(
            prop_oneof!["sh", "-c", "--", "exec", "gosu", "mysqld", "docker-entrypoint.sh", "[a-z$;& '-]{0,20}"], 0..40),
        in_command in any::<bool>(),
    ) {
        let (command, args) = if in_command { (line, Vec::new()) } else { (Vec::new(), line) };
        let container = container(json!({"image": image, "command": command, "args": args,
            "livenessProbe": {"exec": {"command": command}}}));
        if let (Some(database), Some(probe)) = (recognise(&container), &container.liveness_probe) {
            asks(&container, database, probe);
        }
    }
}
