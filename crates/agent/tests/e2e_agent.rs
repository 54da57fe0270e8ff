//! Agents with real databases and a real store; the test is their manager.

#[path = "agent/bench.rs"]
mod bench;
#[path = "agent/stories.rs"]
mod stories;
