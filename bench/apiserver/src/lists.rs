//! Lists of all Pods, in the forms that clients ask for.

use std::time::Instant;

use anyhow::Result;
use serde_json::Value;

use crate::figures::{LIST_CPU, LIST_RATE, LIST_SIZE, LIST_TIME};
use stanchion_bench_kit::client::{Call, Client, Connection, Version};
use stanchion_bench_kit::process::Process;
use stanchion_bench_kit::report::Report;
use stanchion_bench_kit::stats;

const GROUP: &str = "Lists of all Pods";
const PODS: &str = "/api/v1/pods";

const FORMS: [(&str, &str, bool); 5] = [
    ("JSON", "application/json", false),
    ("JSON, compressed", "application/json", true),
    ("Table", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json", false),
    ("metadata", "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json", false),
    ("protobuf or JSON", "application/vnd.kubernetes.protobuf,application/json", false),
];

pub(crate) async fn run(client: &Client, server: Process, times: usize, report: &mut Report) -> Result<()> {
    let mut connection = client.connect(Version::Http2).await?;
    for (case, accept, gzip) in FORMS {
        for _ in 0..times {
            let call = Call { accept, gzip, ..Call::get(PODS) };
            let before = server.cpu()?;
            let started = Instant::now();
            let length = connection.send(call).await?;
            add(report, case, started, length, before, server)?;
        }
    }
    for _ in 0..times {
        let before = server.cpu()?;
        let started = Instant::now();
        let length = chunks(&mut connection).await?;
        add(report, "JSON, chunks of 500", started, length, before, server)?;
    }
    Ok(())
}

fn add(
    report: &mut Report,
    case: &str,
    started: Instant,
    length: usize,
    before: Option<std::time::Duration>,
    server: Process,
) -> Result<()> {
    let took = started.elapsed();
    let size = stats::as_f64(length) / 1e6;
    report.add(GROUP, case, LIST_TIME, stats::milliseconds(took));
    report.add(GROUP, case, LIST_SIZE, size);
    report.add(GROUP, case, LIST_RATE, size / took.as_secs_f64());
    let cpu = server.cpu()?.zip(before).map(|(after, before)| after.saturating_sub(before));
    report.add_known(GROUP, case, LIST_CPU, cpu.map(stats::milliseconds));
    Ok(())
}

async fn chunks(connection: &mut Connection) -> Result<usize> {
    let (mut length, mut next) = (0, String::new());
    loop {
        let chunk = connection.fetch(Call::get(format!("{PODS}?limit=500{next}"))).await?;
        length += chunk.len();
        // The metadata comes before the items; reading the whole would cost more than serving it.
        let head = memchr::memmem::find(&chunk, b",\"items\":[").unwrap_or(0);
        let head: Value = serde_json::from_slice(&[&chunk[..head], b"}"].concat())?;
        match head["metadata"]["continue"].as_str() {
            None | Some("") => return Ok(length),
            Some(token) => next = format!("&continue={token}"),
        }
    }
}
