//! From the reports that have to be judged to those that are: each goes its own way through the workshop,
//! beside the others, and a bounded number of them. Decides nothing.

use std::sync::Arc;

use futures_util::future::join_all;
use tokio::sync::mpsc::{Receiver, Sender};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};
use vigie_domain::AgentId;

use crate::DepositError;
use crate::cycle::judging::Judging;
use crate::cycle::workshop::Workshop;
use crate::deposit::archive::ReadFile;
use crate::deposit::inbox::RefusedReport;

/// How many reports are on their way at once. Of a large report there are fewer.
const REPORTS_AT_ONCE: u32 = 256;

/// How many reports wait at once for files that are still being written; the others are left for the next
/// cycle.
const WAITING_AT_ONCE: u32 = 2048;

/// For each so many bytes a report counts once more.
const BYTES: u64 = 16 * 1024;

/// And for each so many databases.
const SECTIONS: u64 = 64;

/// A report of which all is known that can be known without the store.
#[derive(Debug)]
pub(crate) enum Proven {
    /// These of one agent can be decided, in this order. The place is held for as long as they are in
    /// memory.
    Judged(Vec<Judging>, Place),
    /// It can't be taken.
    Refused(AgentId, RefusedReport),
    /// It was taken before.
    Repeated(AgentId, ReadFile),
    /// Its files could not be looked at.
    Failed(AgentId, DepositError),
    /// So many reports wait for their files that this one is left for the next cycle.
    Left(AgentId),
}

/// Proves the staged files of all reports that are taken.
pub(crate) async fn prove_all(
    workshop: Arc<Workshop>,
    mut to_prove: Receiver<Vec<Judging>>,
    proven: Sender<Proven>,
) {
    let going = Room::new(REPORTS_AT_ONCE);
    let waiting = Room::new(WAITING_AT_ONCE);
    let mut tasks = JoinSet::new();
    loop {
        let next = tokio::select! {
            next = to_prove.recv() => next,
            Some(done) = tasks.join_next() => {
                pass_on(done);
                continue;
            }
        };
        let Some(judging) = next else {
            break;
        };
        let place = going.enter(&judging).await;
        let (workshop, waiting, proven) = (workshop.clone(), waiting.clone(), proven.clone());
        tasks.spawn(async move { prove(&workshop, judging, place, &waiting, &proven).await });
    }
    while let Some(done) = tasks.join_next().await {
        pass_on(done);
    }
}

/// Proves the staged files of an agent's reports. What is at rest goes on together; each of the others
/// when it is.
async fn prove(
    workshop: &Arc<Workshop>,
    judging: Vec<Judging>,
    place: Place,
    waiting: &Room,
    proven: &Sender<Proven>,
) {
    let looked = judging.into_iter().map(|judging| async {
        let agent = judging.agent.clone();
        let looked = workshop.look(judging).await;
        looked.map_err(|error| Proven::Failed(agent, error))
    });
    let (mut settled, mut unsettled, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for looked in join_all(looked).await {
        match looked {
            Ok(judging) if judging.is_settled() => settled.push(judging),
            Ok(judging) => match waiting.try_enter(&judging) {
                Some(place) => unsettled.push((judging, place)),
                None => others.push(Proven::Left(judging.agent)),
            },
            Err(failed) => others.push(failed),
        }
    }
    if settled.is_empty() {
        // What waits has a place of its own.
        drop(place);
    } else {
        others.push(Proven::Judged(settled, place));
    }
    for one in others {
        let _ = proven.send(one).await;
    }
    let settling = unsettled.into_iter().map(|(judging, place)| async {
        let agent = judging.agent.clone();
        let done = match workshop.settle(judging).await {
            Ok(judging) => Proven::Judged(vec![judging], place),
            Err(error) => Proven::Failed(agent, error),
        };
        let _ = proven.send(done).await;
    });
    join_all(settling).await;
}

/// A task that failed has to fail the cycle.
fn pass_on(done: Result<(), JoinError>) {
    if let Err(error) = done
        && error.is_panic()
    {
        std::panic::resume_unwind(error.into_panic());
    }
}

/// Room for so many reports in memory.
#[derive(Debug, Clone)]
struct Room {
    places: Arc<Semaphore>,
    all: u32,
}

/// Held for as long as reports are in memory.
pub(crate) type Place = OwnedSemaphorePermit;

impl Room {
    fn new(all: u32) -> Self {
        let places = Arc::new(Semaphore::new(all as usize));
        Self { places, all }
    }

    async fn enter(&self, judging: &[Judging]) -> Place {
        let needed = judging.iter().map(|judging| self.needed_for(judging));
        let needed = needed.fold(0, u32::saturating_add).min(self.all);
        match self.places.clone().acquire_many_owned(needed).await {
            Ok(place) => place,
            // Nobody closes it.
            Err(_) => std::future::pending().await,
        }
    }

    fn try_enter(&self, judging: &Judging) -> Option<Place> {
        let places = self.places.clone();
        places.try_acquire_many_owned(self.needed_for(judging)).ok()
    }

    fn needed_for(&self, judging: &Judging) -> u32 {
        let sections = judging.sections.len() as u64;
        let more = judging.report.file.identity.size / BYTES + sections / SECTIONS;
        u32::try_from(more).map_or(self.all, |more| more.saturating_add(1).min(self.all))
    }
}
