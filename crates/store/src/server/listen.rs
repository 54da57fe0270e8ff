//! Listening: URLs as etcd's flags have them, loopback unless there is TLS, handshakes that hold nobody up.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;

use super::Peer;
use super::conn::Conn;
use super::tls::TlsSource;
use crate::Store;

/// A TLS handshake may take this long.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Connections that are established and not yet taken.
const BACKLOG: usize = 128;
/// How long to wait after an accept failed, for example for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How a listener speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Plain text.
    Http,
    /// TLS.
    Https,
}

/// `http://host:port` or `https://host:port`, as in etcd's flags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenUrl {
    /// Plain or TLS.
    pub scheme: Scheme,
    /// A host name or an address.
    pub host: String,
    /// The port; 0 lets the system choose.
    pub port: u16,
}

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The text is no URL of this kind.
    #[error("{url:?} is no listen URL; give http://HOST:PORT or https://HOST:PORT")]
    Url {
        /// The text.
        url: String,
    },
    /// The address cannot be taken.
    #[error("cannot listen on {url}")]
    Bind {
        /// The address.
        url: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// TLS is called for, but there is no certificate.
    #[error("{url} needs a certificate: give --cert-file and --key-file")]
    NoCertificate {
        /// The address.
        url: String,
    },
    /// The address can be reached by others, and nothing protects it.
    #[error(
        "{url} can be reached from other machines and has no TLS: use https:// with --cert-file, --key-file \
         and --client-cert-auth, or listen on 127.0.0.1, or say --allow-insecure-listen if the network is trusted"
    )]
    Exposed {
        /// The address.
        url: String,
    },
}

impl ListenUrl {
    /// Returns the plain URL of a port on this machine.
    pub fn loopback(port: u16) -> Self {
        Self { scheme: Scheme::Http, host: Ipv4Addr::LOCALHOST.to_string(), port }
    }

    fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.address().is_some_and(|address| address.is_loopback())
    }

    fn address(&self) -> Option<IpAddr> {
        self.host.trim_start_matches('[').trim_end_matches(']').parse().ok()
    }
}

impl fmt::Display for ListenUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

impl FromStr for ListenUrl {
    type Err = ListenError;

    fn from_str(url: &str) -> Result<Self, ListenError> {
        let bad = || ListenError::Url { url: url.to_owned() };
        let (scheme, rest) = url.split_once("://").ok_or_else(bad)?;
        let scheme = match scheme {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(bad()),
        };
        let (host, port) = rest.trim_end_matches('/').rsplit_once(':').ok_or_else(bad)?;
        let port = port.parse().map_err(|_| bad())?;
        if host.is_empty() || host.contains('/') {
            return Err(bad());
        }
        Ok(Self { scheme, host: host.to_owned(), port })
    }
}

/// Refuses addresses that would be open to others, and TLS without certificates.
pub(super) fn check<'a>(
    urls: impl Iterator<Item = &'a ListenUrl>,
    has_tls: bool,
    allow_insecure: bool,
) -> Result<(), ListenError> {
    for url in urls {
        match url.scheme {
            Scheme::Https if !has_tls => return Err(ListenError::NoCertificate { url: url.to_string() }),
            Scheme::Http if !url.is_loopback() && !allow_insecure => {
                return Err(ListenError::Exposed { url: url.to_string() });
            }
            Scheme::Http | Scheme::Https => {}
        }
    }
    Ok(())
}

/// An address that is listened on.
#[derive(Debug)]
pub(super) struct Listener {
    url: ListenUrl,
    socket: TcpListener,
    tls: Option<TlsSource>,
    store: Store,
}

impl Listener {
    pub(super) async fn bind(
        url: &ListenUrl,
        tls: Option<TlsSource>,
        store: Store,
    ) -> Result<Self, ListenError> {
        let bind = |source| ListenError::Bind { url: url.to_string(), source };
        let host = url.host.trim_start_matches('[').trim_end_matches(']');
        let socket = TcpListener::bind((host, url.port)).await.map_err(bind)?;
        let port = socket.local_addr().map_err(bind)?.port();
        let tls = tls.filter(|_| url.scheme == Scheme::Https);
        Ok(Self { url: ListenUrl { port, ..url.clone() }, socket, tls, store })
    }

    /// Returns the address, with the port that was chosen.
    pub(super) fn url(&self) -> ListenUrl {
        self.url.clone()
    }

    /// Accepts connections until nobody wants them.
    pub(super) fn incoming(self) -> impl Stream<Item = io::Result<Conn>> {
        let (ready, connections) = mpsc::channel(BACKLOG);
        tokio::spawn(self.accept_all(ready));
        ReceiverStream::new(connections)
    }

    /// Turns the listener into one for plain HTTP services.
    pub(super) fn into_http(self) -> HttpListener {
        let (ready, connections) = mpsc::channel(BACKLOG);
        let local = self.socket.local_addr();
        tokio::spawn(self.accept_all(ready));
        HttpListener { connections, local: local.ok() }
    }

    async fn accept_all(self, ready: mpsc::Sender<io::Result<Conn>>) {
        loop {
            let accepted = tokio::select! {
                accepted = self.socket.accept() => accepted,
                () = ready.closed() => return,
            };
            match accepted {
                Ok((stream, peer)) => self.establish(stream, peer, &ready).await,
                Err(error) => {
                    tracing::warn!(url = %self.url, %error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    async fn establish(&self, stream: TcpStream, peer: Peer, ready: &mpsc::Sender<io::Result<Conn>>) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%peer, %error, "cannot set TCP_NODELAY");
        }
        let Some(tls) = &self.tls else {
            // The receiver is gone when the server stops.
            drop(ready.send(Ok(Conn::plain(stream, self.store.counters()))).await);
            return;
        };
        let (acceptor, ready) = (tls.acceptor(), ready.clone());
        let metrics = std::sync::Arc::clone(self.store.counters());
        tokio::spawn(async move {
            match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => drop(ready.send(Ok(Conn::tls(stream, &metrics))).await),
                Ok(Err(error)) => tracing::info!(%peer, %error, "TLS handshake failed"),
                Err(_) => tracing::info!(%peer, "TLS handshake took too long"),
            }
        });
    }
}

/// Connections for plain HTTP services.
#[derive(Debug)]
pub(super) struct HttpListener {
    connections: mpsc::Receiver<io::Result<Conn>>,
    local: Option<SocketAddr>,
}

impl axum::serve::Listener for HttpListener {
    type Io = Conn;
    type Addr = Option<SocketAddr>;

    async fn accept(&mut self) -> (Conn, Self::Addr) {
        loop {
            match self.connections.recv().await {
                Some(Ok(conn)) => return (conn, None),
                Some(Err(error)) => tracing::debug!(%error, "a connection was not established"),
                None => std::future::pending().await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Ok(self.local)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> ListenUrl {
        text.parse().unwrap()
    }

    #[test]
    fn urls_are_read_and_written() {
        for text in ["http://127.0.0.1:2379", "https://[::1]:0", "https://db.example:1"] {
            assert_eq!(url(text).to_string(), text);
        }
        for text in ["127.0.0.1:2379", "ftp://a:1", "http://a", "http://:1", "http://a:70000", "unix://x:1"] {
            assert!(text.parse::<ListenUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn open_addresses_need_tls_or_a_word() {
        let check = |text: &str, tls, insecure| super::check([url(text)].iter(), tls, insecure);
        assert!(check("http://127.0.0.1:1", false, false).is_ok());
        assert!(check("http://localhost:1", false, false).is_ok());
        assert!(check("http://[::1]:1", false, false).is_ok());
        assert!(matches!(check("http://0.0.0.0:1", true, false), Err(ListenError::Exposed { .. })));
        assert!(matches!(check("http://db.example:1", false, false), Err(ListenError::Exposed { .. })));
        assert!(check("http://0.0.0.0:1", false, true).is_ok());
        assert!(matches!(check("https://0.0.0.0:1", false, true), Err(ListenError::NoCertificate { .. })));
        assert!(check("https://0.0.0.0:1", true, false).is_ok());
    }
}
