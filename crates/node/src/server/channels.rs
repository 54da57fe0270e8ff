//! The channels of a command in one WebSocket: the subprotocols `v4.channel.k8s.io` and `v5.channel.k8s.io`.
//!
//! Each message is binary, and its first byte says the channel: 0 input, 1 output, 2 error output, 3 the end as a
//! `Status`, 4 the size of the terminal. With v5 a message of 255 and a channel says that the channel ends.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use stanchion_sandbox::TerminalSize;

/// The subprotocols, the best first.
pub(super) const PROTOCOLS: [&str; 2] = ["v5.channel.k8s.io", "v4.channel.k8s.io"];

pub(super) const OUTPUT: u8 = 1;
pub(super) const ERRORS: u8 = 2;
const INPUT: u8 = 0;
const STATUS: u8 = 3;
const RESIZE: u8 = 4;
const CLOSE: u8 = 255;

/// What a client sends.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// Input.
    Input(Bytes),
    /// There is no more input.
    InputEnds,
    /// The size of the terminal.
    Resize(TerminalSize),
    /// Nothing that means anything here.
    Nothing,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Size {
    width: u16,
    height: u16,
}

/// Chooses the best subprotocol that a client offers.
pub(super) fn choose(offered: &str) -> Option<&'static str> {
    let offered: Vec<&str> = offered.split(',').map(str::trim).collect();
    PROTOCOLS.into_iter().find(|known| offered.contains(known))
}

/// Reads a message.
pub(super) fn read(message: &Bytes) -> Sent {
    match message.first() {
        Some(&INPUT) => Sent::Input(message.slice(1..)),
        Some(&CLOSE) if message.get(1) == Some(&INPUT) => Sent::InputEnds,
        Some(&RESIZE) => match serde_json::from_slice(&message[1..]) {
            Ok(Size { width, height }) => Sent::Resize(TerminalSize { columns: width, rows: height }),
            Err(_) => Sent::Nothing,
        },
        Some(_) | None => Sent::Nothing,
    }
}

/// Makes a message of a channel.
pub(super) fn write(channel: u8, data: &[u8]) -> Bytes {
    let mut message = Vec::with_capacity(data.len() + 1);
    message.push(channel);
    message.extend_from_slice(data);
    message.into()
}

/// Makes the message that says how a command ended.
pub(super) fn ended(code: i32) -> Bytes {
    let status = if code == 0 {
        json!({"metadata": {}, "status": "Success"})
    } else {
        json!({
            "metadata": {}, "status": "Failure", "reason": "NonZeroExitCode",
            "message": format!("command terminated with non-zero exit code: exit status {code}"),
            "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]},
        })
    };
    last(&status)
}

/// Makes the message that says that a command was not run, or not to its end.
pub(super) fn failed(problem: &str) -> Bytes {
    last(&json!({
        "metadata": {}, "status": "Failure", "reason": "InternalError", "code": 500,
        "message": format!("Internal error occurred: {problem}"),
        "details": {"causes": [{"message": problem}]},
    }))
}

fn last(status: &Value) -> Bytes {
    write(STATUS, status.to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_and_written() {
        let bytes = |data: &[u8]| Bytes::copy_from_slice(data);
        assert_eq!(read(&bytes(b"\0abc")), Sent::Input(bytes(b"abc")));
        assert_eq!(read(&bytes(b"\xff\0")), Sent::InputEnds);
        assert_eq!(read(&bytes(b"\xff\x01")), Sent::Nothing);
        let size = TerminalSize { columns: 80, rows: 24 };
        assert_eq!(read(&bytes(b"\x04{\"Width\":80,\"Height\":24}")), Sent::Resize(size));
        for nothing in [b"".as_slice(), b"\x04{", b"\x01x", b"\x09"] {
            assert_eq!(read(&bytes(nothing)), Sent::Nothing);
        }
        assert_eq!(write(OUTPUT, b"x"), bytes(b"\x01x"));
        let failure: Value = serde_json::from_slice(&ended(3)[1..]).expect("JSON");
        assert_eq!(failure["details"]["causes"][0], json!({"reason": "ExitCode", "message": "3"}));
        assert_eq!(&ended(0)[..], b"\x03{\"metadata\":{},\"status\":\"Success\"}");
    }

    #[test]
    fn the_best_subprotocol_is_chosen() {
        assert_eq!(choose("v4.channel.k8s.io, v5.channel.k8s.io"), Some("v5.channel.k8s.io"));
        assert_eq!(choose("v4.channel.k8s.io"), Some("v4.channel.k8s.io"));
        assert_eq!(choose("channel.k8s.io"), None);
    }
}
