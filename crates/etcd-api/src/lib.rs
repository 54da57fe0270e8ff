//! The etcd v3 API as Rust types: messages, clients and server traits.
//!
//! Everything here is generated from `proto/`, which states the wire format (names, numbers and
//! types) of etcd 3.6. The crate stands alone because generated code compiles slowly and changes
//! rarely. It holds no behaviour.

/// Key-value pairs and events (`mvccpb`).
pub mod mvccpb {
    #![expect(clippy::pedantic, reason = "generated code")]
    tonic::include_proto!("mvccpb");
}

/// Requests, responses and services (`etcdserverpb`).
pub mod etcdserverpb {
    #![expect(clippy::pedantic, reason = "generated code")]
    tonic::include_proto!("etcdserverpb");
}
