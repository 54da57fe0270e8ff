//! Descriptors that the async runtime watches.

use std::io;
use std::os::fd::OwnedFd;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Lets the async runtime watch `fd`.
#[expect(
    deprecated,
    reason = "its successor is unsafe for types that could lie about their descriptor; an `OwnedFd` does not"
)]
pub(crate) fn watch(fd: OwnedFd, interest: Interest) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(fd, interest)
}
