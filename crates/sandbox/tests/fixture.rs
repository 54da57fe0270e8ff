//! A program that is shim, init and exec helper for the suites; and a caller that can be killed.
//!
//! `sandbox-fixture start STATE PARENT CONFIG` starts the container described in the file CONFIG and waits for ever.

use std::process::ExitCode;

use stanchion_sandbox::{ContainerConfig, Options, Runtime};

fn main() -> ExitCode {
    if let Some(code) = stanchion_sandbox::helper_main(std::env::args_os()) {
        return code;
    }
    let arguments: Vec<String> = std::env::args().collect();
    match &arguments[1..] {
        [command, state, parent, config] if command == "start" => start(state, parent, config),
        _ => ExitCode::FAILURE,
    }
}

fn start(state: &str, parent: &str, config: &str) -> ExitCode {
    let config: ContainerConfig =
        serde_json::from_slice(&std::fs::read(config).expect("a file")).expect("a configuration");
    let threads = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    threads.block_on(async {
        let runtime = Runtime::open(Options::new(state, parent)).await.expect("opened");
        runtime.start(&config).await.expect("started");
        std::future::pending::<ExitCode>().await
    })
}
