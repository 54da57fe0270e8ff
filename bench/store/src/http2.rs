//! The client half of HTTP/2 that unary gRPC calls need, written to cost little processor time.
//!
//! Client and server share the machine's cores, so each microsecond spent here is taken from the
//! server under test and hides the difference between two servers. Hence: requests are encoded once
//! and patched, header blocks of answers are not decoded unless a call failed, and an answer's body
//! is counted, not kept.
//!
//! ```text
//! load ── open(slot, request) ──▶ Session ── outgoing bytes ──▶ Connection ──▶ socket
//! load ◀─ Answer { slot, length } ─ Session ◀─ incoming bytes ── Connection ◀── socket
//! ```
//!
//! [`session::Session`] does no I/O; [`connection::Connection`] does nothing else. Flow control is
//! kept in both directions ([`window`]). Left out, and an error when a server uses it: padding.

pub(crate) mod connection;
pub(crate) mod frame;
pub(crate) mod hpack;
pub(crate) mod request;
pub(crate) mod session;
pub(crate) mod window;
