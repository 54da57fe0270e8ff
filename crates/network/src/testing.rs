//! What tests with sockets share.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::time::timeout;

/// Far more than anything here takes.
const SOON: Duration = Duration::from_secs(20);

/// Returns an address that no other test has: 127.128.0.0/9 holds eight million.
pub(crate) fn address() -> Ipv4Addr {
    let [_, high, middle, low] = rand::random::<u32>().to_be_bytes();
    Ipv4Addr::new(127, 128 | high, middle, low)
}

/// Waits for what happens within the deadline.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(SOON, what).await.expect("within the deadline")
}
