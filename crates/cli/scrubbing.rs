//! Reads kept backups again: joins a scrubber as the config says, and spreads its work over time beside the
//! cycles of a program that goes on. Sends nothing.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tracing::{debug, error, info, warn};
use vigie_notify::{Clock, SystemClock, TreeState};
use vigie_scanner::{
    DuePlace, Observer, ScrubError, ScrubOrder, ScrubResult, ScrubSettings, ScrubStore,
    ScrubSurroundings, Scrubber,
};
use vigie_store::SqliteStore;

use crate::causes::causes;
use crate::lock::CycleLock;
use crate::vigie::{TreeWatch, Vigie};

/// The longest time between two looks at what is due.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// How long what is kept is taken to have as many bytes as it had.
const SUM_UP_EVERY: Duration = Duration::from_mins(10);

/// How many times as much is read while some files were not read in time, as after a machine was off.
const CATCH_UP: u128 = 4;

/// What is being read may end by itself for so long.
const PATIENCE: Duration = Duration::from_secs(2);

/// A scrubber of what the config has kept, on as many cores.
pub fn scrubber(vigie: &Vigie, cores: NonZeroUsize, validated: &Path) -> Scrubber<SqliteStore> {
    let config = &vigie.config;
    let settings = ScrubSettings {
        validated: validated.to_owned(),
        cores,
        max_read_rate: config.scrub.max_read_rate.or(config.scan.max_read_rate),
    };
    Scrubber::new(settings, vigie.store.clone())
}

/// What a scrub on this database asks and tells.
pub fn surroundings(database: &Path, observe: Observer) -> ScrubSurroundings {
    let database = database.to_owned();
    ScrubSurroundings {
        clock: Arc::new(|| SystemClock.now()),
        is_cycle_at_work: Arc::new(move || CycleLock::take(&database).is_err()),
        observe,
    }
}

/// What a scrub tells of the tree as a whole.
pub fn tree_state(scrubbed: &Result<ScrubResult, ScrubError>) -> TreeState {
    match scrubbed {
        // With nothing due nobody looked.
        Ok(result) if result.bytes_begun == 0 => TreeState::NotLooked,
        Ok(_) => TreeState::Stands,
        Err(ScrubError::Tree(error)) => TreeState::Unreachable(error.to_string()),
        Err(ScrubError::Store(_)) => TreeState::NotLooked,
    }
}

/// Logs what was found of single files.
pub fn log(result: &ScrubResult) {
    for damaged in result.damaged.iter().filter(|damaged| damaged.is_new) {
        error!(
            agent = %damaged.agent,
            database = damaged.database,
            path = damaged.path,
            "a kept backup is damaged: {}",
            damaged.reason
        );
    }
    for restored in &result.restored {
        info!(
            agent = %restored.agent,
            database = restored.database,
            path = restored.path,
            "a kept backup is as it was kept again, of which was told: {}",
            restored.fault
        );
    }
}

/// Reads kept backups again beside all else until it is stopped: so much at a time that each is read once
/// within the time of the config.
pub struct ScrubTask {
    scrubber: Arc<Scrubber<SqliteStore>>,
    task: JoinHandle<()>,
}

impl ScrubTask {
    /// `None` when nothing is kept, or it is not to be read again.
    pub fn start(vigie: &Vigie) -> Option<Self> {
        let every = vigie.config.scrub.every?;
        let validated = vigie.config.deposit.validated.as_ref()?;
        // One core, and a pace of its own: scans have all others, and wait for none of it.
        let scrubber = Arc::new(scrubber(vigie, NonZeroUsize::MIN, validated));
        let rounds = Rounds {
            scrubber: scrubber.clone(),
            store: vigie.store.clone(),
            around: surroundings(&vigie.config.database.path, Arc::new(|_| ())),
            tree: vigie.tree.clone(),
            every,
            look_every: vigie.config.scan.interval.min(LOOK_EVERY),
            was_missing: false,
        };
        let task = tokio::spawn(rounds.go_on());
        Some(Self { scrubber, task })
    }

    /// Ends between two pieces of a file. One that can't be read to its end any more is left alone.
    pub async fn stop(mut self) {
        self.scrubber.stop();
        if timeout(PATIENCE, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

struct Rounds {
    scrubber: Arc<Scrubber<SqliteStore>>,
    store: SqliteStore,
    around: ScrubSurroundings,
    tree: TreeWatch,
    every: Duration,
    look_every: Duration,
    /// Whether the tree was not there at the last look.
    was_missing: bool,
}

impl Rounds {
    async fn go_on(mut self) {
        let mut allowance = Allowance::new(self.every);
        let mut tick = interval(self.look_every);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut last, mut total) = (Instant::now(), Total::default());
        let mut complaint = None;
        loop {
            tick.tick().await;
            let elapsed = last.elapsed();
            last = Instant::now();
            let round = self.round(elapsed, &mut total, &mut allowance).await;
            let failure = match round {
                Ok(None) => continue,
                Ok(Some(result)) => told(&result),
                Err(failure) => Some(causes(&failure)),
            };
            // Once, and not each minute.
            if let Some(failure) = &failure
                && complaint.as_ref() != Some(failure)
            {
                warn!("kept backups could not be read again: {failure}");
            }
            complaint = failure;
        }
    }

    /// Reads what there is time for by now, if there is any.
    async fn round(
        &mut self,
        elapsed: Duration,
        total: &mut Total,
        allowance: &mut Allowance,
    ) -> anyhow::Result<Option<ScrubResult>> {
        let now = (self.around.clock)();
        self.check_tree().await?;
        self.store.clamp_checks(now).await?;
        let bytes = total.look(&self.store, now, self.every).await?;
        allowance.grow(elapsed, bytes, self.is_behind(now).await?);
        let Some(max_bytes) = allowance.bytes() else {
            return Ok(None);
        };
        let order = ScrubOrder {
            before: now,
            max_bytes: Some(max_bytes),
            accepts_loss: false,
        };
        let scrubbed = self.scrubber.scrub(&order, &self.around).await;
        match tree_state(&scrubbed) {
            TreeState::NotLooked => {}
            state => self.tree.see(state),
        }
        let result = scrubbed?;
        allowance.spend(result.bytes_begun);
        log(&result);
        debug!(
            files = result.files_checked,
            bytes = result.bytes_read,
            damaged = result.damaged.len(),
            files_left = result.files_left,
            "kept backups were read again"
        );
        Ok(Some(result))
    }

    /// Tells when the tree is gone, and when it is back.
    async fn check_tree(&mut self) -> Result<(), ScrubError> {
        let checked = self.scrubber.check_tree().await;
        match &checked {
            Err(ScrubError::Tree(error)) => {
                self.tree.see(TreeState::Unreachable(error.to_string()));
                self.was_missing = true;
            }
            Ok(()) if self.was_missing => {
                self.tree.see(TreeState::Stands);
                self.was_missing = false;
            }
            _ => {}
        }
        checked
    }

    /// Whether some file was not read for longer than it should have been.
    async fn is_behind(&self, now: Timestamp) -> anyhow::Result<bool> {
        let every = SignedDuration::try_from(self.every).unwrap_or(SignedDuration::MAX);
        let before = now.saturating_sub(every).unwrap_or(Timestamp::MIN);
        let late = self.store.files_due(before, DuePlace::default(), 1).await?;
        Ok(!late.is_empty())
    }
}

/// What could not be looked at.
fn told(result: &ScrubResult) -> Option<String> {
    let first = result.errors.first()?;
    Some(format!(
        "{} of them, the first of which is {}: {}",
        result.failed, first.path, first.error
    ))
}

/// How many bytes are kept, as of not long ago.
#[derive(Debug, Default)]
struct Total {
    bytes: u64,
    looked_at: Option<Instant>,
}

impl Total {
    async fn look(
        &mut self,
        store: &SqliteStore,
        now: Timestamp,
        every: Duration,
    ) -> anyhow::Result<u64> {
        let fresh = (every / 100).min(SUM_UP_EVERY);
        let is_fresh = self.looked_at.is_some_and(|at| at.elapsed() < fresh);
        if self.bytes == 0 || !is_fresh {
            self.bytes = store.due_totals(now).await?.bytes;
            self.looked_at = Some(Instant::now());
        }
        Ok(self.bytes)
    }
}

/// How many bytes may be read by now so that all are read once in a time.
#[derive(Debug)]
struct Allowance {
    every: u128,
    /// In bytes, times the nanoseconds of `every`: of few bytes there is less than one in a minute.
    credit: u128,
    debt: u128,
}

impl Allowance {
    fn new(every: Duration) -> Self {
        Self {
            every: every.as_nanos().max(1),
            credit: 0,
            debt: 0,
        }
    }

    /// Lets time pass. However long that was, no more is read at once than there is.
    fn grow(&mut self, elapsed: Duration, total: u64, is_behind: bool) {
        let times = if is_behind { CATCH_UP } else { 1 };
        let most = u128::from(total) * self.every;
        let more = (u128::from(total) * elapsed.as_nanos() * times).min(most);
        let paid = more.min(self.debt);
        self.debt -= paid;
        self.credit = (self.credit + more - paid).min(most);
    }

    /// How many bytes may be read now; `None` for none.
    fn bytes(&self) -> Option<u64> {
        let bytes = u64::try_from(self.credit.div_ceil(self.every)).unwrap_or(u64::MAX);
        (bytes > 0).then_some(bytes)
    }

    /// Notes that so many bytes were read. A large file may have more than there was time for: then nothing
    /// is read until that is made up for.
    fn spend(&mut self, bytes: u64) {
        let spent = u128::from(bytes) * self.every;
        let paid = spent.min(self.credit);
        self.credit -= paid;
        self.debt += spent - paid;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);
    const MONTH: Duration = Duration::from_hours(30 * 24);

    /// How many bytes of so many are read in these minutes, in files of this size.
    fn read_in(minutes: u64, total: u64, file: u64, is_behind: bool) -> u64 {
        let mut allowance = Allowance::new(MONTH);
        let mut read = 0;
        for _ in 0..minutes {
            allowance.grow(MINUTE, total, is_behind);
            let Some(bytes) = allowance.bytes() else {
                continue;
            };
            let begun = bytes.div_ceil(file) * file;
            allowance.spend(begun);
            read += begun;
        }
        read
    }

    #[test]
    fn all_is_read_once_in_the_time_whatever_the_files_are_like() {
        let month = 30 * 24 * 60;
        for (total, file) in [(1 << 40, 1 << 20), (1 << 40, 1 << 36), (1000, 10), (7, 7)] {
            let read = read_in(month, total, file, false);
            assert!(read >= total && read <= total + file, "{read} of {total}");
        }
    }

    #[test]
    fn what_was_missed_is_made_up_for_four_times_as_fast() {
        let day = 24 * 60;
        let (even, behind) = (
            read_in(day, 1 << 40, 1 << 20, false),
            read_in(day, 1 << 40, 1 << 20, true),
        );
        let times = behind / even;
        assert!((3..=4).contains(&times), "{even} and {behind}");
    }

    #[test]
    fn a_long_pause_is_no_reason_to_read_more_than_there_is() {
        let mut allowance = Allowance::new(Duration::from_secs(1));
        for _ in 0..3 {
            allowance.grow(MONTH, 1000, true);
        }
        assert_eq!(allowance.bytes(), Some(1000));
    }

    #[test]
    fn of_nothing_nothing_is_read() {
        assert_eq!(read_in(100, 0, 1, true), 0);
    }
}
