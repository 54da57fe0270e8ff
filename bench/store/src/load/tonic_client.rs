//! The same load through the generated gRPC client: the yardstick for this crate's own.

use std::{net::SocketAddr, time::Instant};

use anyhow::{Result, ensure};
use stanchion_etcd_api::etcdserverpb::kv_client::KvClient;
use tonic::transport::Channel;

use super::{KeySource, Plan, Start, Tally, Tasks, shares};
use crate::{
    admin,
    operation::{self, Operation},
};

pub(super) async fn spawn(plan: &Plan, address: SocketAddr) -> Result<Tasks> {
    let (mut tasks, start) = Tasks::new();
    for (index, clients) in shares(plan.clients, plan.connections).enumerate() {
        let channel = admin::channel(address).await?;
        for client in 0..clients {
            let keys = plan.keyspace.source(plan.operation, index * plan.clients + client);
            let kv = KvClient::new(channel.clone());
            tasks.running.spawn(run(kv, plan.operation, keys, start.clone()));
        }
    }
    Ok(tasks)
}

async fn run(
    mut kv: KvClient<Channel>,
    operation: Operation,
    mut keys: KeySource,
    start: Start,
) -> Result<Tally> {
    let value = keys.value();
    let window = start.wait().await?;
    let mut tally = Tally::default();
    let mut started = Instant::now();
    while !window.is_over(started) {
        call(&mut kv, operation, &mut keys, value.clone()).await?;
        let now = Instant::now();
        tally.record(window, started, now);
        started = now;
    }
    Ok(tally)
}

async fn call(
    kv: &mut KvClient<Channel>,
    operation: Operation,
    keys: &mut KeySource,
    value: Vec<u8>,
) -> Result<()> {
    let key = keys.next();
    match operation {
        Operation::Put => drop(kv.put(operation::put(&key, value)).await?),
        Operation::Get => drop(kv.range(operation::get(&key)).await?),
        Operation::Range => drop(kv.range(operation::range(&key)).await?),
        Operation::Txn => {
            let answer = kv.txn(operation::create(&key, value)).await?;
            ensure!(answer.get_ref().succeeded, "the fresh key exists");
        }
    }
    Ok(())
}
