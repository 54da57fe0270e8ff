//! One module per subcommand.

pub(crate) mod agent;
pub(crate) mod apiserver;
pub(crate) mod completions;
pub(crate) mod crd;
pub(crate) mod databases;
pub(crate) mod db;
pub(crate) mod doctor;
pub(crate) mod down;
pub(crate) mod etcd;
pub(crate) mod explain;
pub(crate) mod files;
pub(crate) mod node;
pub(crate) mod part;
pub(crate) mod rehearse;
pub(crate) mod remote;
pub(crate) mod store;
pub(crate) mod up;
pub(crate) mod version;

use crate::cli::{Cli, Command};
use crate::error::Failure;

/// Carries out the command line.
pub(crate) fn run(cli: Cli) -> Result<(), Failure> {
    match cli.command {
        Command::Apiserver(arguments) => apiserver::run(*arguments),
        Command::Up(arguments) => up::run(&arguments),
        Command::Down(arguments) => down::down(&arguments),
        Command::Reset(arguments) => down::reset(&arguments),
        Command::Scheduler(arguments) => part::scheduler(&arguments),
        Command::Controllers(arguments) => part::controllers(&arguments),
        Command::Node(arguments) => node::run(&arguments),
        Command::Operator(arguments) => databases::operator(&arguments),
        Command::Ha(arguments) => databases::manager(&arguments),
        Command::Db(command) => db::run(&command, cli.output.plain()?),
        Command::Rehearse(command) => rehearse::run(&command, cli.output.plain()?),
        Command::Agent(command) => agent::run(&command),
        Command::Doctor(arguments) => doctor::run(&arguments, cli.output),
        Command::Etcd(command) => etcd::run(&command, cli.output.plain()?),
        Command::Crd(arguments) => crd::run(&arguments),
        Command::Explain(command) => explain::run(&command, cli.output.plain()?),
        Command::Store(command) => store::run(command, cli.output.plain()?),
        Command::Version(arguments) => version::run(&arguments, cli.output.plain()?),
        Command::Completions(arguments) => {
            completions::run(&arguments);
            Ok(())
        }
    }
}
