//! What a container sees of the machine's files, and what the machine sees of the container's.

mod support;

use std::fs;
use std::os::unix::fs::symlink;

use stanchion_sandbox::{Feature, Mount, Propagation, StartError};
use support::{Bench, volume};

#[tokio::test]
async fn what_a_container_writes_is_its_own() {
    let bench = Bench::open().await;
    if !bench.skips(&[Feature::Root]) {
        let mark = bench.scratch.path().file_name().expect("a name").to_string_lossy().into_owned();
        let script = format!(
            "for dir in / /etc /usr /opt /tmp /var/tmp /run /root /home /var/lib; do \
               echo x > $dir/{mark}; cat $dir/{mark}; done; rm /etc/passwd; ls /etc/passwd"
        );
        let config = bench.shell(&script);
        bench.run(&config).await;
        assert_eq!(bench.output(&config).matches("x\n").count(), 10, "{}", bench.output(&config));
        for dir in ["/", "/etc", "/usr", "/opt", "/tmp", "/var/tmp", "/run", "/root", "/home", "/var/lib"] {
            let path = std::path::Path::new(dir).join(&mark);
            assert!(path.is_dir() || !path.exists(), "{}", path.display());
        }
        assert!(fs::exists("/etc/passwd").expect("readable"));

        let other = bench.shell(&format!("cat /etc/{mark} /tmp/{mark}; cat /etc/passwd | wc -l"));
        bench.run(&other).await;
        assert!(bench.output(&other).contains("No such file"), "{}", bench.output(&other));
    }
    bench.close().await;
}

#[tokio::test]
async fn the_machines_secrets_are_not_seen() {
    let bench = Bench::open().await;
    if !bench.skips(&[Feature::Root]) {
        // Outside of /tmp, which is hidden as a whole.
        let secret = tempfile::tempdir_in("/var/lib").expect("a directory");
        let beside = tempfile::tempdir_in("/var/lib").expect("a directory");
        fs::write(secret.path().join("key"), "secret").expect("written");
        fs::write(beside.path().join("key"), "open").expect("written");
        let hiding = Bench::with(|mut options| {
            options.hidden.push(secret.path().to_owned());
            options.state = secret.path().join("state");
            options
        })
        .await;
        let config = hiding.shell(&format!(
            "ls -A {} /root /home /tmp | grep -v : | grep .; cat {}/key",
            secret.path().display(),
            beside.path().display()
        ));
        hiding.run(&config).await;
        assert_eq!(hiding.output(&config), "open\n");
        hiding.close().await;
    }
    bench.close().await;
}

#[tokio::test]
async fn volumes_are_mounted_as_asked() {
    let bench = Bench::open().await;
    if !bench.skips(&[Feature::Root]) {
        let dir = bench.scratch.path().join("volume");
        fs::create_dir_all(dir.join("sub")).expect("made");
        fs::write(dir.join("sub/file"), "content\n").expect("written");
        let mut config = bench.shell(
            "cat /ro/sub/file /data/sub/file /one/file /deep/er/file; echo new > /data/made; \
             (echo no > /ro/made) 2>&1; ls /sub/path; touch /data/inner/x; (touch /ro/x) 2>&1; echo end",
        );
        let inner = bench.scratch.path().join("inner");
        fs::create_dir(&inner).expect("made");
        config.mounts = vec![
            volume(&inner, "/data/inner"),
            volume(&dir, "/data"),
            Mount { read_only: true, ..volume(&dir, "/ro") },
            volume(&dir.join("sub/file"), "/one/file"),
            Mount { sub_path: Some("sub/file".into()), ..volume(&dir, "/deep/er/file") },
            Mount { sub_path: Some("created/by/us".into()), ..volume(&dir, "/sub/path") },
        ];
        bench.run(&config).await;
        let output = bench.output(&config);
        assert_eq!(output.matches("content\n").count(), 4, "{output}");
        assert_eq!(output.matches("Read-only file system").count(), 2, "{output}");
        assert!(output.ends_with("end\n"), "{output}");
        assert_eq!(fs::read_to_string(dir.join("made")).expect("there"), "new\n");
        assert!(dir.join("created/by/us").is_dir() && inner.join("x").exists());
    }
    bench.close().await;
}

#[tokio::test]
async fn a_sub_path_does_not_lead_out_of_its_volume() {
    let bench = Bench::open().await;
    if !bench.skips(&[Feature::Root]) {
        let dir = bench.scratch.path().join("volume");
        fs::create_dir(&dir).expect("made");
        symlink("/etc", dir.join("escape")).expect("linked");
        let mut config = bench.command(&["true"]);
        config.mounts = vec![Mount { sub_path: Some("escape".into()), ..volume(&dir, "/data") }];
        match bench.runtime.start(&config).await {
            Err(StartError::Command { code: 128, message }) => {
                assert!(message.contains("leads out of the volume"), "{message}");
            }
            other => panic!("{other:?}"),
        }
    }
    bench.close().await;
}

#[tokio::test]
async fn propagation_that_is_not_possible_is_refused() {
    let bench = Bench::open().await;
    let mut config = bench.command(&["true"]);
    config.mounts =
        vec![Mount { propagation: Propagation::Bidirectional, ..volume(bench.scratch.path(), "/data") }];
    let refused = bench.runtime.start(&config).await;
    assert!(
        matches!(&refused, Err(StartError::Invalid { what, .. }) if what.contains("privileged")),
        "{refused:?}"
    );
    bench.close().await;
}

#[tokio::test]
async fn a_read_only_root_leaves_volumes_writable() {
    let bench = Bench::open().await;
    if !bench.skips(&[Feature::Root]) {
        let dir = bench.scratch.path().join("volume");
        fs::create_dir(&dir).expect("made");
        let mut config = bench
            .shell("for p in /x /etc/x /tmp/x /data/x /dev/shm/x; do touch $p 2>/dev/null && echo $p; done");
        config.security.read_only_root = true;
        config.mounts = vec![volume(&dir, "/data")];
        bench.run(&config).await;
        assert_eq!(bench.output(&config), "/data/x\n/dev/shm/x\n");
    }
    bench.close().await;
}

#[tokio::test]
async fn the_kernels_files_are_the_containers_or_read_only() {
    let bench = Bench::open().await;
    if !bench.skips(&[Feature::Root, Feature::PidNamespace]) {
        let mut config = bench.shell(
            "for f in null zero full random urandom tty ptmx stdin stdout stderr fd shm mqueue pts; do \
               [ -e /dev/$f ] || [ -L /dev/$f ] || echo missing $f; done; \
             head -c 4 /dev/urandom | wc -c; echo x > /dev/null && echo null; \
             (echo 1 > /proc/sys/kernel/panic) 2>/dev/null || echo read-only proc; \
             mkdir /sys/x 2>/dev/null || echo read-only sys; \
             wc -c < /proc/kcore; ls /dev | grep -c vda; \
             mknod /tmp/disk b 254 0 2>/dev/null || echo no devices; \
             echo to-stderr > /dev/stderr; cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max",
        );
        config.resources.memory_limit = Some(64 * 1024 * 1024);
        bench.run(&config).await;
        let output = bench.output(&config);
        for expected in
            ["4\n", "null\n", "read-only proc\n", "read-only sys\n", "no devices\n", "to-stderr\n"]
        {
            assert!(output.contains(expected), "{expected}: {output}");
        }
        assert!(!output.contains("missing"), "{output}");
        if !bench.skips(&[Feature::MemoryLimit]) {
            assert!(output.contains("67108864\n"), "it sees its own limit: {output}");
        }
    }
    bench.close().await;
}

#[tokio::test]
async fn the_pods_files_of_etc_and_the_message() {
    let bench = Bench::open().await;
    if !bench.skips(&[Feature::Root, Feature::Hostname]) {
        let mut config =
            bench.shell("cat /etc/hosts /etc/resolv.conf /etc/hostname; printf done > /dev/termination-log");
        config.hostname = Some("db-1".to_owned());
        config.etc.hosts = Some("127.0.0.9 db-1\n".to_owned());
        config.etc.resolv_conf = Some("nameserver 127.0.0.10\n".to_owned());
        config.termination_message = Some("/dev/termination-log".into());
        let before = fs::read_to_string("/etc/hosts").ok();
        let exit = bench.run(&config).await;
        assert_eq!(bench.output(&config), "127.0.0.9 db-1\nnameserver 127.0.0.10\ndb-1\n");
        assert_eq!(exit.message.as_deref(), Some("done"));
        assert_eq!(fs::read_to_string("/etc/hosts").ok(), before);

        let mut long = bench.shell("head -c 10000 /dev/zero | tr '\\0' x > /message");
        long.termination_message = Some("/message".into());
        assert_eq!(bench.run(&long).await.message.map(|text| text.len()), Some(4096));
    }
    bench.close().await;
}
