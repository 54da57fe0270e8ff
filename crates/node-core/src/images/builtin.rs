//! The rows that every table has.

use super::Row;

/// Image, program, package, arguments, whether flags go to the program.
type Line = (&'static str, &'static str, &'static str, &'static [&'static str], bool);

const LINES: [Line; 24] = [
    ("mariadb", "mariadbd", "mariadb-server", &[], true),
    ("mysql", "mariadbd", "mariadb-server", &[], true),
    ("postgres", "postgres", "postgresql", &[], true),
    ("postgresql", "postgres", "postgresql", &[], true),
    ("redis", "redis-server", "redis-server", &[], true),
    ("memcached", "memcached", "memcached", &[], true),
    ("etcd", "etcd", "etcd-server", &[], true),
    ("nginx", "nginx", "nginx", &["-g", "daemon off;"], false),
    ("httpd", "apache2", "apache2", &["-DFOREGROUND"], false),
    ("haproxy", "haproxy", "haproxy", &["-f", "/usr/local/etc/haproxy/haproxy.cfg", "-W", "-db"], true),
    ("python", "python3", "python3", &[], false),
    ("perl", "perl", "perl", &["-de0"], false),
    ("ruby", "irb", "ruby", &[], false),
    ("node", "node", "nodejs", &[], true),
    ("php", "php", "php-cli", &["-a"], true),
    ("busybox", "sh", "dash", &[], false),
    ("alpine", "sh", "dash", &[], false),
    ("debian", "bash", "bash", &[], false),
    ("ubuntu", "bash", "bash", &[], false),
    ("bash", "bash", "bash", &[], true),
    ("curl", "curl", "curl", &[], true),
    ("sysbench", "sysbench", "sysbench", &[], true),
    ("socat", "socat", "socat", &[], true),
    ("pause", "sleep", "coreutils", &["infinity"], false),
];

/// Images whose arguments always go to the program.
const FIXED: [&str; 3] = ["curl", "sysbench", "socat"];

/// Where programs are that are in none of the usual directories.
const DIRECTORIES: [(&str, &str); 1] = [("postgres", "/usr/lib/postgresql/*/bin")];

/// Makes the rows.
pub(super) fn rows() -> Vec<Row> {
    LINES.iter().map(row).collect()
}

fn row(line: &Line) -> Row {
    let (image, program, package, args, takes_flags) = *line;
    let directories = DIRECTORIES.iter().filter(|(of, _)| *of == program);
    let entrypoint = if FIXED.contains(&image) { vec![program.to_owned()] } else { Vec::new() };
    Row {
        image: image.to_owned(),
        program: program.to_owned(),
        package: Some(package.to_owned()),
        directories: directories.map(|(_, directory)| (*directory).to_owned()).collect(),
        entrypoint,
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        takes_flags,
    }
}
