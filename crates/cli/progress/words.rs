//! How far a cycle is, in words. Counts nothing and prints nothing.

use std::time::Duration;

use super::counters::{LargeFile, Snapshot};
use crate::binary_size::binary_size;
use crate::printable::printable_within;

/// How much of a name is told, in characters: the rest of the line is about the file too.
const WIDEST_NAME: usize = 40;

/// Before this, what was done says little about what is to come.
const GUESSED_AFTER: Duration = Duration::from_secs(5);

/// A line about all of it: what was done of what is to be done, what goes on, how long it will take.
pub fn line(now: &Snapshot) -> String {
    let mut parts = done(now);
    match now.at_work {
        0 => {}
        1 => parts.push("1 file at work".to_owned()),
        files => parts.push(format!("{files} files at work")),
    }
    parts.extend(going_on(now));
    parts.join(", ")
}

/// The same beside a bar: how fast it goes instead of how many files are at work.
pub fn beside_bar(now: &Snapshot) -> String {
    let mut parts = done(now);
    if let Some(rate) = rate(now) {
        parts.push(format!("{}/s", binary_size(rate)));
    }
    parts.extend(going_on(now));
    parts.join(", ")
}

/// A line about one file beside its bar.
pub fn of_file(file: &LargeFile) -> String {
    format!(
        "{} of {}  {}  {}",
        binary_size(file.read),
        binary_size(file.bytes),
        printable_within(&file.agent, WIDEST_NAME),
        printable_within(&file.name, WIDEST_NAME),
    )
}

/// How much of all that is to be done was done: so much, of so much.
pub fn share(now: &Snapshot) -> (u64, u64) {
    if now.to_read > 0 {
        (now.read, estimate(now))
    } else {
        (now.visited, now.agents)
    }
}

fn done(now: &Snapshot) -> Vec<String> {
    let mut parts = Vec::new();
    if now.to_read > 0 {
        let (read, to_read) = (binary_size(now.read), binary_size(now.to_read));
        parts.push(format!("{read} of {to_read} read"));
    }
    // A scrub knows files alone.
    if now.agents > 0 {
        parts.push(format!("{} of {} agents", now.visited, now.agents));
    }
    parts
}

fn going_on(now: &Snapshot) -> Vec<String> {
    if now.is_judging {
        return vec!["judging deadlines".to_owned()];
    }
    let waiting = match now.settling {
        0 => None,
        1 => Some("1 report waits for files that are still being written".to_owned()),
        reports => Some(format!(
            "{reports} reports wait for files that are still being written"
        )),
    };
    waiting.into_iter().chain(time_left(now)).collect()
}

/// The bytes of all agents: those that were not visited yet are taken to be as those that were.
fn estimate(now: &Snapshot) -> u64 {
    let (visited, agents) = (u128::from(now.visited.max(1)), u128::from(now.agents));
    let all = u128::from(now.to_read) * agents.max(1) / visited;
    u64::try_from(all).unwrap_or(u64::MAX).max(now.to_read)
}

/// Bytes a second, over all of the time.
fn rate(now: &Snapshot) -> Option<u64> {
    let milliseconds = now.elapsed.as_millis();
    if now.is_judging || now.read == 0 || milliseconds == 0 {
        return None;
    }
    u64::try_from(u128::from(now.read) * 1000 / milliseconds).ok()
}

fn time_left(now: &Snapshot) -> Option<String> {
    let left = estimate(now).saturating_sub(now.read);
    if now.elapsed < GUESSED_AFTER || now.read == 0 || left == 0 {
        return None;
    }
    let seconds = now.elapsed.as_millis() * u128::from(left) / u128::from(now.read) / 1000;
    Some(match seconds {
        0..10 => "a few seconds left".to_owned(),
        10..90 => format!("about {} s left", seconds / 10 * 10),
        90..5400 => format!("about {} min left", (seconds + 30) / 60),
        _ => format!("about {} h left", (seconds + 1800) / 3600),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn half_done() -> Snapshot {
        Snapshot {
            elapsed: Duration::from_mins(1),
            agents: 1000,
            visited: 1000,
            to_read: 40 * GIB,
            read: 10 * GIB,
            at_work: 4,
            ..Snapshot::default()
        }
    }

    #[test]
    fn a_line_tells_what_was_done_what_goes_on_and_how_long_it_will_take() {
        assert_eq!(
            line(&half_done()),
            "10.0 GiB of 40.0 GiB read, 1000 of 1000 agents, 4 files at work, about 3 min left"
        );
        let waiting = Snapshot {
            read: 40 * GIB,
            at_work: 0,
            settling: 2,
            ..half_done()
        };
        assert_eq!(
            line(&waiting),
            "40.0 GiB of 40.0 GiB read, 1000 of 1000 agents, 2 reports wait for files that are \
             still being written"
        );
        let judging = Snapshot {
            is_judging: true,
            settling: 0,
            ..waiting
        };
        assert_eq!(
            line(&judging),
            "40.0 GiB of 40.0 GiB read, 1000 of 1000 agents, judging deadlines"
        );
    }

    #[test]
    fn a_deposit_in_which_nothing_is_read_is_told_by_its_agents() {
        let listing = Snapshot {
            to_read: 0,
            read: 0,
            visited: 310,
            at_work: 0,
            ..half_done()
        };
        assert_eq!(line(&listing), "310 of 1000 agents");
        assert_eq!(share(&listing), (310, 1000));
        assert_eq!(line(&Snapshot::default()), "");
    }

    #[test]
    fn a_bar_tells_how_fast_it_goes() {
        assert_eq!(
            beside_bar(&half_done()),
            "10.0 GiB of 40.0 GiB read, 1000 of 1000 agents, 170.7 MiB/s, about 3 min left"
        );
    }

    #[test]
    fn agents_that_were_not_visited_yet_count_as_those_that_were() {
        let early = Snapshot {
            visited: 250,
            ..half_done()
        };
        assert_eq!(share(&early), (10 * GIB, 160 * GIB));
        assert!(line(&early).ends_with("about 15 min left"), "{early:?}");
    }

    #[test]
    fn time_is_told_as_exactly_as_it_can_be_known() {
        let told = |seconds, read| {
            let now = Snapshot {
                elapsed: Duration::from_secs(seconds),
                to_read: 1000,
                read,
                ..half_done()
            };
            time_left(&now)
        };
        let cases = [
            (4, 500, None),
            (60, 0, None),
            (60, 1000, None),
            (9, 500, Some("a few seconds left")),
            (45, 500, Some("about 40 s left")),
            (100, 500, Some("about 2 min left")),
            (5400, 500, Some("about 2 h left")),
        ];
        for (seconds, read, expected) in cases {
            assert_eq!(told(seconds, read).as_deref(), expected, "{seconds} {read}");
        }
    }

    #[test]
    fn a_file_is_told_with_names_that_can_do_no_harm() {
        let file = LargeFile {
            number: 0,
            agent: "A_B_C".to_owned(),
            name: "X\u{1b}[2J\n.zst".to_owned(),
            bytes: 3 * GIB,
            read: GIB,
        };
        assert_eq!(
            of_file(&file),
            "1.0 GiB of 3.0 GiB  A_B_C  X\u{FFFD}[2J\u{FFFD}.zst"
        );
        let long = LargeFile {
            name: "x".repeat(300),
            ..file
        };
        assert!(of_file(&long).chars().count() < 80);
    }
}
