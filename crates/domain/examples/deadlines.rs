//! When the next backups are expected on a night when the clocks change, and when each is given up.
//!
//! ```sh
//! cargo run -p vigie-domain --example deadlines
//! ```

use std::error::Error;
use std::time::Duration;

use jiff::Timestamp;
use vigie_domain::Schedule;

fn main() -> Result<(), Box<dyn Error>> {
    let hour = Duration::from_hours(1);
    let nightly = Schedule::cron("30 2 * * *", "Europe/Paris", hour, None)?;
    let mut covered_until: Timestamp = "2025-03-28T12:00:00Z".parse()?;
    for _ in 0..4 {
        let expected = nightly.next_expected(covered_until);
        let expected = expected.ok_or("the schedule has ended")?;
        let deadline = nightly.deadline_of(expected).ok_or("out of range")?;
        println!("expected {expected}, missing after {deadline}");
        covered_until = nightly.cover(covered_until, expected);
    }
    Ok(())
}
