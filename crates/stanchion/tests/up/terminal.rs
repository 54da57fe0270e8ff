//! `kubectl exec -it`: a terminal on both sides.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use tokio::process::{Child, Command};

use crate::LIMIT;
use crate::ground::Ground;
use crate::support::command::{spawn, split};
use crate::support::{PATIENCE, within};

/// Between two looks at the screen.
const LOOK: Duration = Duration::from_millis(10);

const SLEEPER: &str = r"
apiVersion: v1
kind: Pod
metadata: {name: sleeper}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: c, image: busybox, command: [sh, -c, 'trap exit TERM; while :; do sleep 0.1; done']}]
";

/// kubectl at a terminal of its own.
struct Terminal {
    child: Child,
    keyboard: File,
    screen: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    /// Starts kubectl with words as the terminal's foreground.
    fn start(ground: &Ground, words: &str, (columns, rows): (u16, u16)) -> Self {
        let ours =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
        grantpt(&ours).expect("granted");
        unlockpt(&ours).expect("unlocked");
        let name = ptsname(&ours, Vec::new()).expect("it has a name");
        let name = name.to_str().expect("a path");
        let theirs = File::options().read(true).write(true).open(name).expect("opened");
        resize(&ours, columns, rows);
        let end = || Stdio::from(theirs.try_clone().expect("cloned"));
        // It takes the terminal as its controlling one, so that the kernel tells it about sizes.
        let mut command = Command::new("setsid");
        command.args(["--ctty", "--wait"]).arg(crate::ground::program()).args(ground.kubectl_arguments());
        command.args(split(words)).kill_on_drop(true).stdin(end()).stdout(end()).stderr(end());
        let child = spawn(&mut command);
        let keyboard = File::from(ours);
        let (screen, mut output) = (Arc::new(Mutex::new(Vec::new())), keyboard.try_clone().expect("cloned"));
        let shown = Arc::clone(&screen);
        // Reading fails when the last of the other side is closed.
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut buffer) {
                shown.lock().expect("nobody panics").extend_from_slice(&buffer[..count]);
            }
        });
        Self { child, keyboard, screen }
    }

    fn type_in(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).expect("typed");
    }

    fn resize(&self, columns: u16, rows: u16) {
        resize(&self.keyboard, columns, rows);
    }

    fn screen(&self) -> String {
        String::from_utf8_lossy(&self.screen.lock().expect("nobody panics")).into_owned()
    }

    async fn shows(&self, text: &str) {
        let seen = async {
            while !self.screen().contains(text) {
                tokio::time::sleep(LOOK).await;
            }
        };
        let seen = tokio::time::timeout(PATIENCE, seen).await;
        assert!(seen.is_ok(), "the terminal does not show {text:?}: {:?}", self.screen());
    }

    async fn end(mut self) -> Option<i32> {
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        ended.unwrap_or_else(|_| panic!("it does not end: {:?}", self.screen())).expect("waited for").code()
    }
}

fn resize(terminal: impl AsFd, columns: u16, rows: u16) {
    let size = Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(terminal, size).expect("resized");
}

#[tokio::test]
async fn a_terminal_has_its_size_and_follows_it() {
    within(LIMIT, async {
        let ground = Ground::start(&[]).await;
        ground.apply(SLEEPER).await;
        ground.kubectl("wait --for=condition=Ready pod/sleeper --timeout=30s").await.done();
        let mut terminal = Terminal::start(&ground, "exec -it sleeper -- sh", (101, 31));
        // The shell tells the size by itself until it is the one; the command line is echoed, its output is not quoted.
        terminal.type_in(
            "until [ \"$(stty size)\" = '31 101' ]; do sleep 0.05; done; echo is'-'first a'-'$TERM; tty\n",
        );
        terminal.shows("is-first a-xterm").await;
        terminal.shows("/dev/pts/").await;
        terminal.resize(77, 22);
        terminal.type_in("until [ \"$(stty size)\" = '22 77' ]; do sleep 0.05; done; echo is'-'second\n");
        terminal.shows("is-second").await;
        // The keys of the terminal are those of the command's.
        terminal.type_in("echo is'-'busy; sleep 1000\n");
        terminal.shows("is-busy").await;
        terminal.type_in("\x03");
        // What is typed before the shell asks again could be thrown away with the interrupted line.
        terminal.shows("^C\r\n# ").await;
        terminal.type_in("echo still'-'here; exit 5\n");
        terminal.shows("still-here").await;
        assert_eq!(terminal.end().await, Some(5));

        let plain = ground.kubectl("exec sleeper -- sh -c 'exit 6'").await;
        assert_eq!(plain.code, Some(6));
        let given = ground.kubectl_with("exit 7\n", "exec -i sleeper -- sh").await;
        assert_eq!(given.code, Some(7));
        let gone = Terminal::start(&ground, "exec -it sleeper -- no-such-program", (80, 24));
        gone.shows("executable file not found in $PATH").await;
        assert_ne!(gone.end().await, Some(0));
    })
    .await;
}

#[tokio::test]
async fn who_debugs_is_told_that_it_cannot_be_done() {
    within(LIMIT, async {
        let ground = Ground::start(&[]).await;
        ground.apply(SLEEPER).await;
        ground.kubectl("wait --for=condition=Ready pod/sleeper --timeout=30s").await.done();
        ground.kubectl("debug sleeper --image=busybox --container=debugger -- true").await.done();
        let message = ".status.ephemeralContainerStatuses[0].state.terminated.message";
        let text = "ephemeral containers are not supported on this node: use kubectl exec";
        ground.wait_field("pod/sleeper", message, text).await;
        assert_eq!(ground.field("pod/sleeper", ".status.phase").await, "Running");
    })
    .await;
}
