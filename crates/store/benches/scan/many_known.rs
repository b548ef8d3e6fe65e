//! The case `known`: many agents and jobs are known, nothing has come, a few jobs are overdue. The files are
//! held against one look at each agent's folder, the database against a smaller one.

use crate::arguments::Arguments;
use crate::child::Task;
use crate::deposit::Deposit;
use crate::table::{Line, Rounds, Target, Unit, median, peak};
use crate::temporary;

const CASE: &str = "known";

const FOLDERS: usize = 10_000;

const KNOWN: [usize; 3] = [10_000, 100_000, 1_000_000];

/// How many jobs are overdue.
const DUE: usize = 10;

/// How many cycles a scanner does after its first; as often each folder is looked at.
const LATER: usize = 9;

/// How often due jobs are judged. More often than all else, as a single fsync takes as long as the rest.
const JUDGED: usize = 49;

/// How much more is still flat: a tree that is deeper by a level, pages that are in no cache yet, noise.
/// Did it follow what is known, it would be 10 and 100.
const FLAT: f64 = 1.5;

pub(crate) fn measure(arguments: &Arguments) -> Vec<Line> {
    let mut lines = files(arguments);
    lines.extend(database(arguments));
    lines
}

fn files(arguments: &Arguments) -> Vec<Line> {
    let agents = arguments.scaled(FOLDERS);
    let (mut first, mut later) = (Vec::new(), Vec::new());
    let (mut bare, mut peaks) = (Vec::new(), Vec::new());
    let folder = temporary();
    let deposit = Deposit::of_silent_agents(folder.path().join("deposit"), agents);
    for _ in 0..arguments.rounds {
        let ours = look_through(&deposit);
        first.push(ours.seconds[0]);
        later.push(median(&ours.seconds[1..]));
        peaks.push(ours.peak);
        bare.push(stat_each(&deposit));
    }
    let twice = Deposit::of_silent_agents(folder.path().join("twice"), 2 * agents);
    let peak_of_twice = look_through(&twice).peak;
    let rounds = |ours| Rounds {
        ours,
        theirs: &bare,
    };
    let measured = |which| {
        let measured = format!("{agents} silent agents, {which} cycle, files");
        (measured, Unit::Seconds)
    };
    let target = Some(Target::AtMost(2.0));
    vec![
        rounds(&later).line(CASE, measured("later"), "one stat each", target),
        rounds(&first).line(CASE, measured("first"), "one stat each", None),
        peak(CASE, format!("{agents} agents"), median(&peaks)),
        peak(CASE, format!("{} agents", 2 * agents), peak_of_twice),
    ]
}

fn look_through(deposit: &Deposit) -> crate::child::Outcome {
    let task = Task::FindNothingInFiles {
        deposit: deposit.root.clone(),
        later: LATER,
    };
    task.in_child()
}

fn stat_each(deposit: &Deposit) -> f64 {
    let task = Task::StatEach {
        deposit: deposit.root.clone(),
        agents: deposit.agents,
        times: LATER,
    };
    median(&task.in_child().seconds)
}

fn database(arguments: &Arguments) -> Vec<Line> {
    // There are enough to be overdue in each.
    let known = KNOWN.map(|known| arguments.scaled(known).max(DUE * (JUDGED + 1)));
    let task = Task::JudgeDue {
        known: known.to_vec(),
        due: DUE,
        rounds: JUDGED,
    };
    let outcome = task.in_child();
    let took = |position: usize| -> Vec<f64> {
        let rounds = outcome.seconds.chunks(KNOWN.len());
        rounds.map(|round| round[position]).collect()
    };
    let (fewest, most) = (known[0], known[known.len() - 1]);
    let least = took(0);
    let lines = known.iter().enumerate().map(|(position, known)| {
        let rounds = Rounds {
            ours: &took(position),
            theirs: &least,
        };
        let measured = format!("{DUE} due of {known} jobs, judged and kept");
        let target = (position > 0).then_some(Target::AtMost(FLAT));
        let against = format!("{fewest} jobs");
        rounds.line(CASE, (measured, Unit::Seconds), against, target)
    });
    let mut lines: Vec<Line> = lines.collect();
    lines.push(peak(
        CASE,
        format!("{most} jobs, with their making"),
        outcome.peak,
    ));
    lines
}
