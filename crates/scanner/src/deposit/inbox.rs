//! Reads what lies in an agent's `log` folder and sorts it: reports that can be taken, reports that
//! can't, reports that were met before, reports that are still being written. Decides nothing about
//! backups.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256 as Sha256Hasher};
use vigie_domain::{AgentId, Report, Sha256};

use crate::cycle::selection::Candidate;
use crate::deposit::LogFolder;
use crate::deposit::archive::ReadFile;
use crate::deposit::identity::FileIdentity;
use crate::{DepositError, ReportKey, ScannerSettings, SeenReport};

/// A report that tells of long ago and whose file is not older than this was not sent late: its agent's
/// clock is behind.
const JUST_ARRIVED: SignedDuration = SignedDuration::from_hours(24);

/// What lay in an agent's `log` folder.
#[derive(Debug)]
pub(crate) struct Inbox {
    pub agent: AgentId,
    letters: Vec<Letter>,
    /// How many are left for the next cycle, as there are so many.
    pub left: usize,
    /// What is named like a report and is none.
    pub ignored: Vec<(String, String)>,
    /// What could not be read.
    pub unreadable: Vec<DepositError>,
}

/// A report as it was read.
#[derive(Debug)]
struct Letter {
    file: ReadFile,
    bytes: Vec<u8>,
    is_too_large: bool,
}

/// The letters of an agent, sorted.
#[derive(Debug, Default)]
pub(crate) struct Sorted {
    /// The reports that can be taken.
    pub candidates: Vec<Candidate>,
    /// The reports that can't.
    pub refused: Vec<RefusedReport>,
    /// The reports that were taken before.
    pub repeated: Vec<ReadFile>,
    /// How many are still being written, or wait for another one that is the same.
    pub pending: usize,
}

/// A report that can be taken.
#[derive(Debug)]
pub(crate) struct ReceivedReport {
    pub file: ReadFile,
    pub report: Report,
}

/// A report that can't be taken.
#[derive(Debug)]
pub(crate) struct RefusedReport {
    pub file: ReadFile,
    pub field: Option<String>,
    pub reason: String,
    /// Whether it was refused before.
    pub is_repeated: bool,
}

impl Inbox {
    /// An inbox in which there is nothing.
    pub(crate) fn empty(agent: AgentId) -> Self {
        Self {
            agent,
            letters: Vec::new(),
            left: 0,
            ignored: Vec::new(),
            unreadable: Vec::new(),
        }
    }

    pub(crate) fn read(
        log: &LogFolder,
        agent: AgentId,
        settings: &ScannerSettings,
    ) -> Result<Self, DepositError> {
        let (reports, bytes) = (settings.reports_per_agent, settings.report_bytes_per_agent);
        let listing = log.list(reports.get(), bytes)?;
        let mut inbox = Self {
            ignored: listing.ignored,
            left: listing.left,
            ..Self::empty(agent)
        };
        for name in listing.reports {
            match read_letter(log, name, settings.report_max_size) {
                Ok(None) => {}
                Ok(Some(letter)) => inbox.letters.push(letter),
                Err(error) => inbox.unreadable.push(error),
            }
        }
        Ok(inbox)
    }

    /// Whether there is nothing at all to do or to tell.
    pub(crate) fn is_empty(&self) -> bool {
        self.letters.is_empty()
            && self.left == 0
            && self.ignored.is_empty()
            && self.unreadable.is_empty()
    }

    /// Whether reports were read.
    pub(crate) fn has_reports(&self) -> bool {
        !self.letters.is_empty()
    }

    /// How many reports lay there, whole or not.
    pub(crate) fn found(&self) -> usize {
        self.letters.len() + self.left + self.unreadable.len()
    }

    /// How many bytes of reports are held.
    pub(crate) fn bytes(&self) -> usize {
        self.letters.iter().map(|letter| letter.bytes.len()).sum()
    }

    /// What the reports may be known by: by their content if they were taken, by their place too if they
    /// were refused.
    pub(crate) fn keys(&self) -> impl Iterator<Item = ReportKey> + '_ {
        let digests = self
            .letters
            .iter()
            .flat_map(|letter| [letter.file.sha256, letter.file.known_by_place()]);
        digests.map(|sha256| ReportKey {
            agent: self.agent.clone(),
            sha256,
        })
    }

    /// Sorts what was read, with what is known of these reports by their digests. What was taken before
    /// is not parsed again.
    pub(crate) fn sort(
        self,
        mut seen: HashMap<Sha256, SeenReport>,
        settings: &ScannerSettings,
        now: Timestamp,
    ) -> Sorted {
        let mut sorted = Sorted::default();
        let mut met = HashSet::new();
        for letter in self.letters {
            let known = seen.get(&letter.file.sha256);
            if known.is_some_and(|known| known.retry.is_empty()) {
                sorted.repeated.push(letter.file);
                continue;
            }
            match letter.parse(&self.agent, settings, now) {
                Parsed::Incomplete => sorted.pending += 1,
                Parsed::Refused(mut refused) => {
                    refused.is_repeated = seen.contains_key(&refused.file.sha256);
                    sorted.refused.push(refused);
                }
                // The second of two that are the same waits: it is known as a repetition once the first
                // is committed, and not before.
                Parsed::Received(received) if !met.insert(received.file.sha256) => {
                    sorted.pending += 1;
                }
                Parsed::Received(received) => {
                    let known = seen.remove(&received.file.sha256);
                    sorted.candidates.push(Candidate {
                        received,
                        retry: known.map(|known| known.retry),
                    });
                }
            }
        }
        sorted
    }
}

fn read_letter(
    log: &LogFolder,
    name: String,
    max_size: u64,
) -> Result<Option<Letter>, DepositError> {
    // One byte more than is allowed tells that there is more.
    let Some((mut bytes, identity)) = log.read(&name, max_size.saturating_add(1))? else {
        return Ok(None);
    };
    let is_too_large = bytes.len() as u64 > max_size;
    let sha256 = digest_of(&bytes, identity, is_too_large);
    if is_too_large {
        bytes = Vec::new();
    }
    Ok(Some(Letter {
        file: ReadFile {
            name,
            sha256,
            identity,
        },
        bytes,
        is_too_large,
    }))
}

enum Parsed {
    Received(ReceivedReport),
    Refused(RefusedReport),
    /// It is still being written.
    Incomplete,
}

impl Letter {
    fn parse(self, agent: &AgentId, settings: &ScannerSettings, now: Timestamp) -> Parsed {
        let Self {
            file,
            bytes,
            is_too_large,
        } = self;
        let refuse = |file: ReadFile, field: Option<&str>, reason| {
            Parsed::Refused(RefusedReport {
                file: ReadFile {
                    sha256: file.known_by_place(),
                    ..file
                },
                field: field.map(str::to_owned),
                reason,
                is_repeated: false,
            })
        };
        if is_too_large {
            let (size, limit) = (file.identity.size, settings.report_max_size);
            let reason = format!(
                "the report has {size} bytes, more than the {limit} that `report_max_size` allows"
            );
            return refuse(file, None, reason);
        }
        let (time_zone, limits) = (&settings.time_zone, &settings.report_limits);
        match Report::parse_within(&bytes, agent, time_zone, limits) {
            Err(error) if error.is_incomplete() && file.identity.is_fresh(now, settings.settle) => {
                Parsed::Incomplete
            }
            Err(error) => refuse(file, error.field.as_deref(), error.to_string()),
            Ok(report) => match too_old(&report, file.identity, settings.report_max_age, now) {
                Some(reason) => refuse(file, Some("operation_end_time"), reason),
                None => Parsed::Received(ReceivedReport { file, report }),
            },
        }
    }
}

impl ReadFile {
    /// What can't be taken is known by its name and time too: an agent that drops an empty report
    /// each night is told of each night.
    fn known_by_place(&self) -> Sha256 {
        let mut hasher = Sha256Hasher::new();
        hasher.update(self.sha256.as_bytes());
        hasher.update(&self.name);
        hasher.update(self.identity.modified_at().to_le_bytes());
        Sha256::from(<[u8; 32]>::from(hasher.finalize()))
    }
}

/// What a report is known by when it is met again. Of one that is too large the start and the size
/// are enough.
fn digest_of(bytes: &[u8], identity: FileIdentity, is_too_large: bool) -> Sha256 {
    let mut hasher = Sha256Hasher::new();
    hasher.update(bytes);
    if is_too_large {
        hasher.update(identity.size.to_le_bytes());
    }
    Sha256::from(<[u8; 32]>::from(hasher.finalize()))
}

fn too_old(
    report: &Report,
    identity: FileIdentity,
    max_age: Duration,
    now: Timestamp,
) -> Option<String> {
    let age = Duration::try_from(now.duration_since(report.operation_ended_at)).ok()?;
    let hint = if identity.is_older_than(JUST_ARRIVED, now) {
        ""
    } else {
        ", or the agent's clock is behind, as the file has just come"
    };
    (age > max_age).then(|| {
        format!(
            "operation_end_time is {}, longer ago than `report_max_age` allows: the report says \
             nothing about today{hint}",
            report.operation_ended_at
        )
    })
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File, FileTimes};
    use std::time::SystemTime;

    use vigie_domain::Schedule;

    use super::*;
    use crate::deposit::Deposit;
    use crate::watchdog::pulse::Pulse;

    /// A `log` folder with reports of so many bytes, each a minute newer than the one before it, whatever
    /// their names say.
    fn read_of(reports: usize, bytes: usize) -> (tempfile::TempDir, Inbox) {
        let root = tempfile::tempdir().unwrap();
        let log = root.path().join("A_B_C/log");
        fs::create_dir_all(&log).unwrap();
        for number in 0..reports {
            let path = log.join(format!("{:06}.json", reports - number));
            fs::write(&path, vec![b' '; bytes]).unwrap();
            let age = Duration::from_secs(60 * number as u64);
            let times = FileTimes::new().set_modified(SystemTime::UNIX_EPOCH + age);
            let file = File::options().write(true).open(&path).unwrap();
            file.set_times(times).unwrap();
        }
        let daily = Schedule::every(Duration::from_hours(24), Duration::ZERO).unwrap();
        let settings = ScannerSettings::new(root.path(), daily);
        let agent = AgentId::new("A_B_C").unwrap();
        let deposit = Deposit::open(root.path()).unwrap();
        let log = deposit
            .agent(&agent, &Pulse::default())
            .unwrap()
            .log()
            .unwrap()
            .unwrap();
        let inbox = Inbox::read(&log, agent, &settings).unwrap();
        (root, inbox)
    }

    fn names(inbox: &Inbox) -> Vec<&str> {
        let letters = inbox.letters.iter();
        letters.map(|letter| letter.file.name.as_str()).collect()
    }

    #[test]
    fn of_large_reports_the_newest_are_read_first() {
        let (_root, inbox) = read_of(7, 1024 * 1024);
        assert_eq!(inbox.left, 3);
        let newest = ["000001.json", "000002.json", "000003.json", "000004.json"];
        assert_eq!(names(&inbox), newest);
    }

    #[test]
    fn of_many_reports_the_newest_are_read_first() {
        let (_root, inbox) = read_of(501, 1);
        assert_eq!(inbox.left, 1);
        assert!(!names(&inbox).contains(&"000501.json"));
    }
}
