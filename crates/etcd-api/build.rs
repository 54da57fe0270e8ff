//! Generates the Rust types of the etcd v3 API from `proto/`.
//!
//! Needs `protoc` (Debian: `protobuf-compiler`), or its path in `PROTOC`.

use std::io;

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=proto");
    tonic_prost_build::configure()
        // Keys and values stay slices of the request's buffer instead of being copied.
        .bytes(".")
        .build_client(true)
        .build_server(true)
        .compile_protos(&["proto/kv.proto", "proto/rpc.proto"], &["proto"])
}
