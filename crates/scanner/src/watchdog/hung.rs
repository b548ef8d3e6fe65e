//! The folders that do not answer, for as long as a thread is lost to one of them. Calls nothing.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thiserror::Error;
use tokio::time::Instant;
use vigie_domain::AgentId;

use crate::watchdog::pulse::{Pulse, Seen};

/// With so many threads lost, no more are risked: tokio has 512 for work that blocks unless it is told
/// otherwise, and the others are needed.
const MOST_LOST: usize = 256;

/// Whose folder it is; `None` for the deposit itself.
pub(crate) type Owner = Option<AgentId>;

/// Why work on a folder was not waited for, or not begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum Stall {
    #[error("it has not answered for {0}: its mount may hang; it is tried again once it answers")]
    Begun(Silence),
    #[error(
        "it has still not answered, for {0} by now: its mount may hang; it is tried again once it answers"
    )]
    Still(Silence),
    #[error(
        "it was not tried, as {MOST_LOST} calls on other folders hang: their mounts, or the deposit's own, \
         may hang"
    )]
    NotTried,
}

/// How long there was no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Silence(pub Duration);

impl fmt::Display for Silence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        match seconds {
            0 => write!(formatter, "{} ms", self.0.as_millis()),
            1..180 => write!(formatter, "{seconds} s"),
            180..10_800 => write!(formatter, "{} min", seconds / 60),
            _ => write!(formatter, "{} h", seconds / 3600),
        }
    }
}

/// The folders that do not answer.
#[derive(Debug, Default)]
pub(crate) struct Hung {
    folders: Mutex<HashMap<Owner, Folder>>,
    lost: AtomicUsize,
}

#[derive(Debug)]
struct Folder {
    threads: usize,
    since: Instant,
}

impl Hung {
    /// Why this folder is not to be touched; `None` when it may be.
    pub(super) fn stall_of(&self, owner: Option<&AgentId>) -> Option<Stall> {
        let lost = self.lost.load(Ordering::Acquire);
        if lost == 0 {
            return None;
        }
        let folders = self.lock();
        let still = folders.get(&owner.cloned()).map(|folder| {
            let silence = Silence(folder.since.elapsed());
            Stall::Still(silence)
        });
        // The deposit itself has one thread at most, and without it nobody is served.
        let is_refused = owner.is_some() && lost >= MOST_LOST;
        still.or(is_refused.then_some(Stall::NotTried))
    }

    /// Gives up a thread on this folder if it has not moved since it was seen like this, and tells whether
    /// that was so.
    pub(super) fn give_up(
        &self,
        owner: Option<&AgentId>,
        pulse: &Pulse,
        seen: Seen,
        since: Instant,
    ) -> bool {
        // The thread, should it come back at this moment, waits to be known here.
        let mut folders = self.lock();
        if !pulse.give_up(seen) {
            return false;
        }
        let folder = folders.entry(owner.cloned());
        folder.or_insert(Folder { threads: 0, since }).threads += 1;
        self.lost.fetch_add(1, Ordering::AcqRel);
        true
    }

    /// A thread that was given up has come back.
    pub(super) fn came_back(&self, owner: Option<&AgentId>) {
        let (mut folders, owner) = (self.lock(), owner.cloned());
        if let Some(folder) = folders.get_mut(&owner) {
            folder.threads -= 1;
            self.lost.fetch_sub(1, Ordering::AcqRel);
            if folder.threads == 0 {
                folders.remove(&owner);
            }
        }
    }

    /// Whether any folder does not answer.
    #[cfg(test)]
    pub(super) fn has_any(&self) -> bool {
        self.lost.load(Ordering::Acquire) > 0
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Owner, Folder>> {
        self.folders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(number: usize) -> AgentId {
        AgentId::new(format!("A_B_{number}")).unwrap()
    }

    fn hang(hung: &Hung, owner: &AgentId) {
        let pulse = Pulse::default();
        assert!(hung.give_up(Some(owner), &pulse, pulse.seen(), Instant::now()));
    }

    #[test]
    fn a_folder_is_left_alone_until_all_its_threads_have_come_back() {
        let (hung, agent) = (Hung::default(), agent(0));
        hang(&hung, &agent);
        hang(&hung, &agent);
        hung.came_back(Some(&agent));
        assert!(matches!(hung.stall_of(Some(&agent)), Some(Stall::Still(_))));
        assert_eq!(hung.stall_of(None), None);
        hung.came_back(Some(&agent));
        assert_eq!(hung.stall_of(Some(&agent)), None);
    }

    #[test]
    fn when_too_many_threads_are_lost_no_more_are_risked() {
        let hung = Hung::default();
        (0..MOST_LOST).for_each(|number| hang(&hung, &agent(number)));
        let other = agent(MOST_LOST);
        assert_eq!(hung.stall_of(Some(&other)), Some(Stall::NotTried));
        hung.came_back(Some(&agent(7)));
        assert_eq!(hung.stall_of(Some(&other)), None);
    }

    #[test]
    fn how_long_there_was_no_answer_is_told_in_words() {
        let told = |seconds| Silence(Duration::from_secs(seconds)).to_string();
        assert_eq!([60, 600, 86_400].map(told), ["60 s", "10 min", "24 h"]);
        assert_eq!(Silence(Duration::from_millis(50)).to_string(), "50 ms");
    }
}
