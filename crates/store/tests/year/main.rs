//! Months of five hundred jobs in ten time zones, through the real rules, the real store and the real
//! policy, on a clock that is put forward by a step each hour or so: agents that fall silent, single
//! backups that fail, mail servers and mailboxes that are down, a deposit that is gone, a program that is
//! killed, clocks that are wrong, silences, maintenance and people who take things on. Nobody may be told
//! too much, and nothing may be lost.
//!
//! Two months by default; the whole year takes a while longer:
//!
//! ```sh
//! VIGIE_SIMULATED_DAYS=365 cargo test --release -p vigie-store --test year -- --nocapture
//! ```
//!
//! `VIGIE_SIMULATION_SEED` gives another year.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod account;
mod cut_ledger;
mod simulation;
mod sites;
mod table;
mod weather;

use simulation::Simulation;
use vigie_notify::{GroupBy, Grouping};

const DAYS: i64 = 61;

/// How many days a small world has.
const SMALL: i64 = 40;

const SEED: u64 = 20_250_620;

fn number_of<T: std::str::FromStr>(variable: &str, default: T) -> T {
    let given = std::env::var(variable).ok();
    given
        .and_then(|given| given.parse().ok())
        .unwrap_or(default)
}

#[tokio::test]
async fn nothing_is_lost_and_nobody_is_told_too_much() {
    let days = number_of("VIGIE_SIMULATED_DAYS", DAYS);
    let seed = number_of("VIGIE_SIMULATION_SEED", SEED);
    println!("{days} days of seed {seed}");
    let mut simulation = Simulation::new(seed, days, 50, Grouping::default()).await;
    simulation.run().await;
    simulation.print();
}

/// Few sites, and policies under which mails are rare: what is held back again and again is lost first.
#[tokio::test]
async fn nothing_is_lost_in_small_worlds_with_tight_limits() {
    let groupings = [
        (None, 0, 100, 2),
        (Some(GroupBy::Agent), 1, 20, 3),
        (Some(GroupBy::Company), 3, 50, 1),
        (Some(GroupBy::City), 0, 0, 4),
    ];
    let seed = number_of("VIGIE_SIMULATION_SEED", SEED);
    for (world, (by, above, outage_above, max_per_hour)) in (seed..).zip(groupings) {
        let grouping = Grouping {
            by,
            above,
            outage_above,
            max_per_hour,
        };
        println!("{SMALL} days of seed {world} with {grouping:?}");
        let mut simulation = Simulation::new(world, SMALL, 8, grouping).await;
        simulation.run().await;
    }
}
