//! Load through this crate's HTTP/2 client: a task per connection, a slot per client.

use std::{net::SocketAddr, time::Instant};

use anyhow::{Result, ensure};

use super::{KeySource, Plan, Start, Tally, Tasks, Window, shares};
use crate::{
    http2::{connection::Connection, request::Request, session::Answer},
    keys::{Family, KEY_LENGTH},
    operation::Operation,
};

/// A request whose key is overwritten in place.
struct Template {
    request: Request,
    /// Where the key stands in the message; a transaction names it three times.
    key_at: Vec<usize>,
}

struct Driver {
    connection: Connection,
    operation: Operation,
    template: Template,
    keys: KeySource,
    /// When each slot's call began.
    started: Vec<Instant>,
    /// Slots whose call the server's window delays.
    delayed: Vec<usize>,
    in_flight: usize,
    tally: Tally,
}

/// Opens the connections; their tasks wait for the start.
pub(super) async fn spawn(plan: &Plan, address: SocketAddr) -> Result<Tasks> {
    let (mut tasks, start) = Tasks::new();
    for (index, slots) in shares(plan.clients, plan.connections).enumerate() {
        let mut keys = plan.keyspace.source(plan.operation, index);
        let driver = Driver {
            connection: Connection::open(address, slots).await?,
            operation: plan.operation,
            template: Template::new(plan.operation, address, &mut keys)?,
            keys,
            started: vec![Instant::now(); slots],
            delayed: Vec::new(),
            in_flight: 0,
            tally: Tally::default(),
        };
        tasks.running.spawn(driver.run(start.clone()));
    }
    Ok(tasks)
}

impl Driver {
    async fn run(mut self, start: Start) -> Result<Tally> {
        let window = start.wait().await?;
        for slot in 0..self.started.len() {
            self.call(slot, Instant::now())?;
        }
        let mut answers = Vec::new();
        while self.in_flight > 0 {
            self.connection.exchange(&mut answers).await?;
            let now = Instant::now();
            self.retry_delayed()?;
            for answer in answers.drain(..) {
                self.take(&answer, window, now)?;
            }
        }
        Ok(self.tally)
    }

    fn take(&mut self, answer: &Answer, window: Window, now: Instant) -> Result<()> {
        self.in_flight -= 1;
        ensure!(
            answer.length >= self.operation.shortest_answer(),
            "the answer to a {} has only {} bytes",
            self.operation.name(),
            answer.length
        );
        if let Some(message) = &answer.message {
            self.operation.check(message)?;
        }
        self.tally.record(window, self.started[answer.slot], now);
        if window.is_over(now) { Ok(()) } else { self.call(answer.slot, now) }
    }

    fn call(&mut self, slot: usize, now: Instant) -> Result<()> {
        self.started[slot] = now;
        self.in_flight += 1;
        self.send(slot)
    }

    fn retry_delayed(&mut self) -> Result<()> {
        for slot in std::mem::take(&mut self.delayed) {
            self.send(slot)?;
        }
        Ok(())
    }

    fn send(&mut self, slot: usize) -> Result<()> {
        self.template.aim(&mut self.keys);
        if !self.connection.call(slot, &mut self.template.request)? {
            self.delayed.push(slot);
        }
        Ok(())
    }
}

impl Template {
    fn new(operation: Operation, address: SocketAddr, keys: &mut KeySource) -> Result<Self> {
        let key = Family::Loaded.key(0);
        let message = operation.encode(&key, keys.value());
        let is_key = |window: &(usize, &[u8])| window.1 == key;
        let key_at = message.windows(KEY_LENGTH).enumerate().filter(is_key).map(|(at, _)| at).collect();
        let request = Request::new(operation.path(), &address.to_string(), &message)?;
        Ok(Self { request, key_at })
    }

    fn aim(&mut self, keys: &mut KeySource) {
        let key = keys.next();
        let message = self.request.message_mut();
        for &at in &self.key_at {
            message[at..at + KEY_LENGTH].copy_from_slice(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use stanchion_etcd_api::etcdserverpb::TxnRequest;

    use super::*;
    use crate::{load::Keyspace, operation};

    #[test]
    fn patching_changes_every_key_of_a_request_and_nothing_else() {
        let address = SocketAddr::from(([127, 0, 0, 1], 2379));
        let keyspace = Keyspace::new(10_000);
        let mut template =
            Template::new(Operation::Txn, address, &mut keyspace.source(Operation::Txn, 7)).unwrap();
        assert_eq!(template.key_at.len(), 3);

        let mut keys = keyspace.source(Operation::Txn, 7);
        let value = keys.value();
        keys.next();
        template.aim(&mut keys);
        let message = TxnRequest::decode(&*template.request.message_mut()).unwrap();
        assert_eq!(message, operation::create(&Family::Created.scattered_key(1), value));
    }
}
