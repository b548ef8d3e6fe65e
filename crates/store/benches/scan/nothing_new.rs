//! The case `unchanged`: what was all new has been taken, and nothing has come since.

use crate::arguments::Arguments;
use crate::child::Task;
use crate::new_jobs::NewJobs;
use crate::table::{Line, alone, median, peak, quoted};
use crate::{AGENTS, JOBS_OF_AGENT};

const CASE: &str = "unchanged";

/// Of the ancestor, for as many.
const QUOTED_SECONDS: f64 = 14.0;

/// How many cycles a scanner does after its first.
const LATER: usize = 9;

pub(crate) fn measure(arguments: &Arguments) -> Vec<Line> {
    let agents = arguments.scaled(AGENTS);
    let jobs = NewJobs::make(agents, false);
    jobs.take_all("vigie.db");
    let task = Task::FindNothing {
        deposit: jobs.root(),
        database: jobs.database("vigie.db"),
        later: LATER,
    };
    let (mut first, mut later, mut peaks) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..arguments.rounds {
        let outcome = task.in_child();
        first.push(outcome.seconds[0]);
        later.extend_from_slice(&outcome.seconds[1..]);
        peaks.push(outcome.peak);
    }
    let known = agents * JOBS_OF_AGENT;
    let lines = [("first", &first), ("later", &later)].map(|(which, seconds)| {
        let measured = format!("{known} jobs, nothing new, {which} cycle");
        if arguments.is_full() {
            quoted(CASE, measured, median(seconds), QUOTED_SECONDS, 500.0)
        } else {
            alone(CASE, measured, median(seconds))
        }
    });
    let mut lines = Vec::from(lines);
    lines.push(peak(CASE, format!("{agents} agents"), median(&peaks)));
    lines
}
