//! Random histories, each kind with a different mixture of steps.

use proptest::collection::vec;
use proptest::prelude::*;

use super::machine::run;
use super::steps::{alarms, compactions, leases, reads, restarts, scans, times, transactions, writes};

/// How many histories of each kind are tried; 20 times as many in the long suites.
fn config() -> ProptestConfig {
    let times = if std::env::var_os("STANCHION_LONG").is_some() { 20 } else { 1 };
    ProptestConfig { cases: 256 * times, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_history_is_the_models(steps in vec(
        prop_oneof![
            6 => writes(),
            3 => transactions(),
            2 => reads(),
            2 => scans(),
            2 => compactions(),
            2 => leases(),
            2 => times(),
            1 => alarms(),
            2 => restarts(),
        ],
        1..60,
    )) {
        run(&steps)?;
    }

    #[test]
    fn histories_of_transactions_are_the_models(steps in vec(
        prop_oneof![
            2 => writes(),
            8 => transactions(),
            1 => leases(),
            1 => compactions(),
            1 => restarts(),
        ],
        1..24,
    )) {
        run(&steps)?;
    }

    #[test]
    fn histories_of_leases_are_the_models(steps in vec(
        prop_oneof![3 => writes(), 1 => transactions(), 4 => leases(), 4 => times(), 2 => restarts()],
        1..60,
    )) {
        run(&steps)?;
    }

    #[test]
    fn rewritten_histories_are_the_models(steps in vec(
        prop_oneof![6 => writes(), 2 => transactions(), 3 => compactions(), 4 => restarts(), 1 => leases()],
        1..60,
    )) {
        run(&steps)?;
    }

    #[test]
    fn ranges_are_the_models(
        history in vec(prop_oneof![10 => writes(), 1 => compactions()], 1..20),
        questions in vec(prop_oneof![3 => reads(), 1 => scans()], 1..30),
    ) {
        run(&[history, questions].concat())?;
    }
}
