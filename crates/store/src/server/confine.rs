//! Keeping each client to keys of its own.
//!
//! A server that has a [root](super::ServerOptions::confine) goes by the common name of a client's certificate, as etcd's users of
//! certificates do: a client reads, writes and watches keys below `ROOT<common name>/`, renews leases, and can do nothing else. What
//! it asks for beyond that is refused as etcd refuses it, with `PermissionDenied`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use rustls::pki_types::CertificateDer;
use stanchion_store_core::{KeyRange, Op, StoreError, Txn};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{Service, status};

/// What is open to clients that are confined; of keys, those that are theirs.
const OPEN: [&str; 7] = [
    "/etcdserverpb.KV/Range",
    "/etcdserverpb.KV/Put",
    "/etcdserverpb.KV/DeleteRange",
    "/etcdserverpb.KV/Txn",
    "/etcdserverpb.Watch/Watch",
    "/etcdserverpb.Lease/LeaseGrant",
    "/etcdserverpb.Lease/LeaseKeepAlive",
];

/// Who is at the other end of a connection: the common name of the certificate that was shown, if there is one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct User(Option<Arc<str>>);

impl User {
    /// Reads the certificates that a client has shown, of which the first is its own.
    pub(super) fn of(certificates: Option<&[CertificateDer<'_>]>) -> Self {
        let name = certificates.and_then(<[_]>::first).and_then(|certificate| {
            let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
            let name = parsed.subject().iter_common_name().next()?.as_str().ok()?;
            Some(Arc::from(name)).filter(|name: &Arc<str>| !name.is_empty())
        });
        Self(name)
    }
}

/// The keys that a client may use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Home(Option<KeyRange>);

impl Home {
    /// Returns the home of whoever makes a call; those of a server that confines nobody may use every key.
    pub(super) fn of<T>(request: &tonic::Request<T>) -> Self {
        request.extensions().get().cloned().unwrap_or_default()
    }

    fn below(root: &str, user: &str) -> Self {
        Self(Some(KeyRange::prefix(Bytes::from(format!("{root}{user}/")))))
    }

    /// Refuses a range that reaches beyond.
    pub(super) fn admit(&self, range: &KeyRange) -> Result<(), StoreError> {
        let Some(KeyRange::Between(first, end)) = &self.0 else { return Ok(()) };
        let inside = match range {
            KeyRange::One(key) => first <= key && key < end,
            KeyRange::Between(from, to) => first <= from && to <= end,
            KeyRange::From(_) => false,
        };
        if inside { Ok(()) } else { Err(StoreError::PermissionDenied) }
    }

    /// Refuses a key that is elsewhere.
    pub(super) fn admit_key(&self, key: &Bytes) -> Result<(), StoreError> {
        self.admit(&KeyRange::One(key.clone()))
    }

    /// Refuses a transaction that compares, reads or writes anything beyond, whichever branch it would take.
    pub(super) fn admit_txn(&self, txn: &Txn) -> Result<(), StoreError> {
        for compare in &txn.compares {
            self.admit(&compare.range)?;
        }
        for op in txn.success.iter().chain(&txn.failure) {
            match op {
                Op::Range(query) => self.admit(&query.range)?,
                Op::Put(put) => self.admit_key(&put.key)?,
                Op::Delete(delete) => self.admit(&delete.range)?,
                Op::Txn(nested) => self.admit_txn(nested)?,
            }
        }
        Ok(())
    }
}

/// Lets a call in and tells it which keys it may use, or refuses it.
pub(super) async fn admit(State(service): State<Service>, mut request: Request, next: Next) -> Response {
    let Some(root) = &service.confine else { return next.run(request).await };
    let user = request.extensions().get::<User>().and_then(|user| user.0.as_deref());
    match user {
        Some(user) if OPEN.contains(&request.uri().path()) => {
            let home = Home::below(root, user);
            request.extensions_mut().insert(home);
            next.run(request).await
        }
        _ => status::status(&StoreError::PermissionDenied).into_http::<axum::body::Body>().into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stanchion_store_core::{Compare, CompareResult, Put, RangeQuery, Test};

    fn home() -> Home {
        Home::below("/root/", "shop/orders")
    }

    fn between(from: &'static str, to: &'static str) -> KeyRange {
        KeyRange::Between(from.into(), to.into())
    }

    #[test]
    fn a_home_is_what_lies_below_it() {
        for inside in [
            KeyRange::One("/root/shop/orders/topology".into()),
            KeyRange::prefix("/root/shop/orders/".into()),
            KeyRange::prefix("/root/shop/orders/health/".into()),
            between("/root/shop/orders/a", "/root/shop/orders/b"),
        ] {
            assert_eq!(home().admit(&inside), Ok(()), "{inside:?}");
        }
        for outside in [
            KeyRange::One("/root/shop/orders".into()),
            KeyRange::One("/root/shop/orders2/topology".into()),
            KeyRange::One("".into()),
            KeyRange::prefix("/root/shop/".into()),
            KeyRange::prefix("/root/shop/orders".into()),
            between("/root/shop/orders/a", "/root/shop/orders1"),
            between("/root/", "/root/shop/orders/b"),
            KeyRange::From("/root/shop/orders/a".into()),
            KeyRange::all(),
        ] {
            assert_eq!(home().admit(&outside), Err(StoreError::PermissionDenied), "{outside:?}");
            assert_eq!(Home::default().admit(&outside), Ok(()), "nobody is confined");
        }
    }

    #[test]
    fn all_of_a_transaction_has_to_be_inside() {
        let (own, other) = ("/root/shop/orders/a", "/root/shop/bills/a");
        let read = |key: &'static str| Op::Range(RangeQuery::new(KeyRange::One(key.into())));
        let put = |key: &'static str| Op::Put(Put { key: key.into(), ..Put::default() });
        let compare = |key: &'static str| Compare {
            range: KeyRange::One(key.into()),
            test: Test::Version(0),
            result: CompareResult::Equal,
        };
        let txn =
            |compares: Vec<Compare>, success: Vec<Op>, failure: Vec<Op>| Txn { compares, success, failure };
        let inside = txn(vec![compare(own)], vec![put(own)], vec![read(own)]);
        assert_eq!(home().admit_txn(&inside), Ok(()));
        for outside in [
            txn(vec![compare(other)], vec![put(own)], vec![]),
            txn(vec![compare(own)], vec![put(other)], vec![]),
            txn(vec![compare(own)], vec![put(own)], vec![read(other)]),
            txn(vec![], vec![Op::Txn(txn(vec![], vec![], vec![put(other)]))], vec![]),
        ] {
            assert_eq!(home().admit_txn(&outside), Err(StoreError::PermissionDenied), "{outside:?}");
        }
    }
}
