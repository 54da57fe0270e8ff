//! One line at the bottom of the terminal that is written over and over, below lines that stay.
//!
//! Logs, notes and the live line go to stderr from several threads. All of them go through here, so that what stays never
//! ends up in the middle of the line that does not. Without a terminal there is no live line.

use std::io::{self, IsTerminal as _, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::termios::tcgetwinsize;

/// Back to the beginning of the line, and away with what stands there.
const ERASE: &str = "\r\x1b[K";
/// The width of a terminal that does not tell its own.
const WIDTH: usize = 80;

/// The live line that is shown.
static LINE: Mutex<Option<String>> = Mutex::new(None);

/// Whether there is a terminal for a live line.
pub(crate) fn is_possible() -> bool {
    io::stderr().is_terminal()
}

/// Shows a live line, in place of the one before.
pub(crate) fn show(text: &str) {
    if is_possible() {
        *change() = Some(text.to_owned());
        paint(|_| Ok(()));
    }
}

/// Takes the live line away.
pub(crate) fn clear() {
    let had = change().take().is_some();
    if had {
        let mut stderr = io::stderr().lock();
        // Nobody can be told that nobody can be told.
        drop(stderr.write_all(ERASE.as_bytes()));
    }
}

/// Writes a line that stays.
pub(crate) fn note(text: &str) {
    paint(|stderr| writeln!(stderr, "{text}"));
}

/// Where logs go: lines that stay.
pub(crate) struct Log;

impl Write for Log {
    /// Takes whole lines, as logs are written.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        paint(|stderr| stderr.write_all(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn change() -> MutexGuard<'static, Option<String>> {
    LINE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes above the live line.
fn paint(write: impl FnOnce(&mut io::StderrLock<'_>) -> io::Result<()>) {
    let line = change();
    let mut stderr = io::stderr().lock();
    let painted = (|| {
        if line.is_some() {
            stderr.write_all(ERASE.as_bytes())?;
        }
        write(&mut stderr)?;
        if let Some(line) = line.as_deref() {
            stderr.write_all(fitting(line, width()).as_bytes())?;
        }
        stderr.flush()
    })();
    // Nobody can be told that nobody can be told.
    drop(painted);
}

fn width() -> usize {
    let told = tcgetwinsize(io::stderr()).map_or(0, |size| usize::from(size.ws_col));
    if told > 0 { told } else { WIDTH }
}

/// Cuts a line so that the terminal does not break it: a second line could not be erased.
fn fitting(line: &str, width: usize) -> String {
    let room = width - 1;
    if line.chars().count() <= room {
        return line.to_owned();
    }
    line.chars().take(room.saturating_sub(1)).chain(Some('…').filter(|_| room > 0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_fits() {
        assert_eq!(fitting("orders", 7), "orders");
        assert_eq!(fitting("orders is Ready", 7), "order…");
        assert_eq!((fitting("orders", 1), fitting("ü", 2)), (String::new(), "ü".to_owned()));
    }
}
