//! Agents with real databases and a real store; the test is their manager.

#![expect(clippy::unwrap_used, reason = "what cannot be set up fails the test")]

#[path = "agent/bench.rs"]
mod bench;
#[path = "agent/stories.rs"]
mod stories;
