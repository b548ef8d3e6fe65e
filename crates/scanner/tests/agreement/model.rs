//! What a cycle has to come to: one agent after the other, every folder listed, every file read, nothing
//! remembered but what was decided. Written from the rules, without any of the scanner's own modules.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ffi::OsString;
use std::fs::{self, FileType, Metadata};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest, Sha256 as Hasher};
use vigie_domain::{
    AgentId, BackupEntry, BackupEntryStatus, DatabaseReport, DomainEvent, EventKind,
    ExpectedBackupJob, Finding, ProofNeeded, ProvenBackup, Report, Sha256, judge_deadline,
    judge_warnings, record_entry, register_job, validated_file_name, version_file_name,
};
use vigie_scanner::{
    AgentError, IgnoredFile, ReportCounts, ReportRecord, RetiredJob, ScannerSettings,
    UndeclaredDatabase,
};

use crate::store::{JobKey, key_of, number_of};

/// What was decided so far.
#[derive(Default)]
pub struct Model {
    pub jobs: BTreeMap<JobKey, ExpectedBackupJob>,
    /// The keys in the order in which the jobs became known.
    pub order: Vec<JobKey>,
    pub reports: BTreeMap<(String, Sha256), ReportRecord>,
    pub proven: BTreeMap<JobKey, Vec<ProvenBackup>>,
    /// The copy of each job that was kept last.
    copies: BTreeMap<JobKey, Copy>,
}

/// A copy in the validated tree.
struct Copy {
    path: String,
    sha256: Sha256,
    size: u64,
}

/// What one cycle found and did.
#[derive(Default)]
pub struct Told {
    pub reports: ReportCounts,
    pub entries: Vec<(AgentId, String, BackupEntry)>,
    pub events: Vec<DomainEvent>,
    pub undeclared: BTreeSet<UndeclaredDatabase>,
    pub retired: BTreeSet<RetiredJob>,
    pub ignored: Vec<IgnoredFile>,
    pub errors: Vec<AgentError>,
    /// The backups that were judged after all, once the server could.
    pub retried: usize,
}

/// A file in a `log` folder that can be read as a report.
struct Received {
    name: String,
    sha256: Sha256,
    report: Report,
    arrived_at: Timestamp,
    /// The databases that are left to try of a report that was committed before.
    retry: Option<Vec<String>>,
}

struct Visit<'a> {
    model: &'a mut Model,
    told: &'a mut Told,
    settings: &'a ScannerSettings,
    now: Timestamp,
    agent: AgentId,
    folder: PathBuf,
}

impl Model {
    pub fn put(&mut self, job: ExpectedBackupJob) {
        let key = key_of(&job);
        if self.jobs.insert(key.clone(), job).is_none() {
            self.order.push(key);
        }
    }

    /// One cycle; `None` when the deposit or the validated tree can't be used.
    pub fn cycle(&mut self, settings: &ScannerSettings, now: Timestamp) -> Option<Told> {
        let mut told = Told::default();
        let names = names_in(&settings.root)?;
        if let Some(tree) = &settings.validated {
            fs::create_dir_all(tree).ok()?;
        }
        for agent in self.agents(settings, names, &mut told) {
            let visit = Visit {
                folder: settings.root.join(agent.as_str()),
                model: &mut *self,
                told: &mut told,
                settings,
                now,
                agent: agent.clone(),
            };
            if let Err(error) = visit.take_all() {
                told.errors.push(AgentError { agent, error });
            }
        }
        let overdue = self
            .jobs
            .values()
            .filter_map(|job| judge_deadline(job, now));
        for moved in overdue.collect::<Vec<_>>() {
            told.events.extend(moved.events);
            self.put(moved.job);
        }
        Some(told)
    }

    /// The agents whose folders are served.
    fn agents(
        &self,
        settings: &ScannerSettings,
        names: Vec<OsString>,
        told: &mut Told,
    ) -> Vec<AgentId> {
        let mut ignore = |agent: &str, reason: String| {
            told.ignored.push(IgnoredFile {
                agent: agent.to_owned(),
                name: None,
                reason,
            });
        };
        let mut by_key: BTreeMap<String, Vec<AgentId>> = BTreeMap::new();
        for name in names {
            if !kind_at(&settings.root.join(&name)).is_some_and(|kind| kind.is_dir()) {
                continue;
            }
            let Some(name) = name.to_str() else {
                ignore(&name.to_string_lossy(), "its name is no UTF-8".to_owned());
                continue;
            };
            if name.starts_with('.') {
                continue;
            }
            match AgentId::new(name) {
                Ok(agent) => by_key.entry(agent.key()).or_default().push(agent),
                Err(error) => ignore(name, error.to_string()),
            }
        }
        let mut served = Vec::new();
        for (key, twins) in by_key {
            let first_job = self.order.iter().find(|(agent, _)| *agent == key);
            let known = first_job.map(|job| self.jobs[job].agent.clone());
            let known = known.filter(|known| twins.contains(known));
            let chosen = known.unwrap_or_else(|| twins[0].clone());
            for twin in twins.iter().filter(|twin| **twin != chosen) {
                let reason = format!(
                    "its name differs from {chosen} in case alone: rename or remove one of them"
                );
                ignore(twin.as_str(), reason);
            }
            served.push(chosen);
        }
        served
    }
}

impl Visit<'_> {
    fn take_all(mut self) -> Result<(), String> {
        let log = self.folder.join("log");
        match kind_at(&log) {
            None => return Ok(()),
            Some(kind) if kind.is_dir() => {}
            Some(kind) => {
                return Err(format!(
                    "could not open {}: {}",
                    log.display(),
                    no_folder("log", kind)
                ));
            }
        }
        let mut candidates = Vec::new();
        for name in names_in(&log).unwrap() {
            self.read(&log, &name, &mut candidates);
        }
        // Of reports that are the same to the byte the first is taken; the others wait.
        let mut met = HashSet::new();
        let before = candidates.len();
        candidates.retain(|report: &Received| met.insert(report.sha256));
        self.told.reports.pending += before - candidates.len();
        self.make_jobs(&candidates);
        self.judge(candidates);
        Ok(())
    }

    fn known(&self, sha256: Sha256) -> Option<&ReportRecord> {
        self.model.reports.get(&(self.agent.key(), sha256))
    }

    fn job(&self, database: &str) -> Option<&ExpectedBackupJob> {
        self.model
            .jobs
            .get(&(self.agent.key(), database.to_owned()))
    }

    fn read(&mut self, log: &Path, os_name: &OsString, candidates: &mut Vec<Received>) {
        let path = log.join(os_name);
        let shown = os_name.to_string_lossy().into_owned();
        let is_json = path
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
        if !is_json || shown.starts_with('.') {
            return;
        }
        let metadata = path.symlink_metadata().unwrap();
        let ignored = if os_name.to_str().is_none() {
            Some("its name is no UTF-8, so it can't be told in a report's name".to_owned())
        } else if metadata.is_file() {
            None
        } else {
            Some(format!(
                "it is {}, not a file",
                word_for(metadata.file_type())
            ))
        };
        if let Some(reason) = ignored {
            self.told.ignored.push(IgnoredFile {
                agent: self.agent.to_string(),
                name: Some(shown),
                reason,
            });
            return;
        }
        self.told.reports.found += 1;
        let bytes = fs::read(&path).unwrap();
        self.sort_in(shown, &metadata, &bytes, candidates);
    }

    fn sort_in(
        &mut self,
        name: String,
        metadata: &Metadata,
        bytes: &[u8],
        candidates: &mut Vec<Received>,
    ) {
        let limit = self.settings.report_max_size;
        let size = bytes.len() as u64;
        if size > limit {
            let start = &bytes[..=usize::try_from(limit).unwrap()];
            let digest = hash(&[start, &size.to_le_bytes()]);
            let reason = format!(
                "the report has {size} bytes, more than the {limit} that `report_max_size` allows"
            );
            return self.refuse(&name, metadata, digest, None, &reason);
        }
        let sha256 = hash(&[bytes]);
        let known = self.known(sha256).map(|known| known.retry.clone());
        if known.as_ref().is_some_and(Vec::is_empty) {
            // It was taken once, whatever it would be called now.
            self.told.reports.repeated += 1;
            return self.set_aside(&name, sha256, "_archive", None);
        }
        let (time_zone, limits) = (&self.settings.time_zone, &self.settings.report_limits);
        match Report::parse_within(bytes, &self.agent, time_zone, limits) {
            Err(error) if error.is_incomplete() && self.is_fresh(metadata) => {
                self.told.reports.pending += 1;
            }
            Err(error) => {
                self.refuse(
                    &name,
                    metadata,
                    sha256,
                    error.field.clone(),
                    &error.to_string(),
                );
            }
            Ok(report) if self.is_too_old(&report) => {
                let hint = if metadata.ctime() < self.now.as_second() - 24 * 3600 {
                    ""
                } else {
                    ", or the agent's clock is behind, as the file has just come"
                };
                let reason = format!(
                    "operation_end_time is {}, longer ago than `report_max_age` allows: the report \
                     says nothing about today{hint}",
                    report.operation_ended_at
                );
                let field = Some("operation_end_time".to_owned());
                self.refuse(&name, metadata, sha256, field, &reason);
            }
            Ok(report) => candidates.push(Received {
                name,
                sha256,
                report,
                arrived_at: Timestamp::new(
                    metadata.ctime(),
                    i32::try_from(metadata.ctime_nsec()).unwrap(),
                )
                .unwrap(),
                retry: known,
            }),
        }
    }

    fn is_too_old(&self, report: &Report) -> bool {
        let age = self.now.duration_since(report.operation_ended_at);
        Duration::try_from(age).is_ok_and(|age| age > self.settings.report_max_age)
    }

    fn is_fresh(&self, metadata: &Metadata) -> bool {
        let settle = i64::try_from(self.settings.settle.as_secs()).unwrap();
        let since = self.now.as_second() - settle;
        settle > 0 && metadata.mtime() > since && metadata.ctime() > since
    }

    fn refuse(
        &mut self,
        name: &str,
        metadata: &Metadata,
        content: Sha256,
        field: Option<String>,
        reason: &str,
    ) {
        let modified =
            i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
        let sha256 = hash(&[content.as_bytes(), name.as_bytes(), &modified.to_le_bytes()]);
        if self.known(sha256).is_some() {
            self.told.reports.repeated += 1;
        } else {
            self.told.reports.rejected += 1;
            self.told.events.push(DomainEvent {
                at: self.now,
                kind: EventKind::ReportRejected {
                    agent: self.agent.clone(),
                    report: name.to_owned(),
                    field,
                    reason: reason.to_owned(),
                },
            });
            self.remember(name, sha256, None, Some(reason.to_owned()), Vec::new());
        }
        self.set_aside(name, sha256, "_rejected", Some(reason));
    }

    fn remember(
        &mut self,
        name: &str,
        sha256: Sha256,
        ended_at: Option<Timestamp>,
        rejection: Option<String>,
        retry: Vec<String>,
    ) {
        let record = ReportRecord {
            agent: self.agent.clone(),
            file_name: name.to_owned(),
            sha256,
            operation_ended_at: ended_at,
            received_at: self.now,
            rejection,
            retry: retry.clone(),
        };
        let key = (self.agent.key(), sha256);
        self.model.reports.entry(key).or_insert(record).retry = retry;
    }

    /// Notes what the reports say of retired jobs, and of databases that are no jobs or become ones.
    fn make_jobs(&mut self, candidates: &[Received]) {
        let sections = candidates.iter().flat_map(|one| &one.report.databases);
        let names: BTreeSet<&String> = sections.map(|section| &section.database).collect();
        for database in names {
            let (agent, name) = (self.agent.clone(), database.clone());
            match self.job(database) {
                Some(job) if job.retired_at.is_some() => {
                    let database = name;
                    self.told.retired.insert(RetiredJob { agent, database });
                }
                Some(_) => {}
                None if self.settings.auto_register => {
                    let id = number_of(&agent, database);
                    let schedule = self.settings.default_schedule.clone();
                    let job = ExpectedBackupJob::new(id, agent, name, schedule, self.now);
                    let known = register_job(job);
                    self.told.events.extend(known.events);
                    self.model.put(known.job);
                }
                None => {
                    let database = name;
                    let undeclared = UndeclaredDatabase { agent, database };
                    self.told.undeclared.insert(undeclared);
                }
            }
        }
    }

    /// Takes the reports from the oldest to the newest. Of each database only the newest that is to be
    /// tried counts, unless one that is newer still was taken in an earlier cycle.
    fn judge(&mut self, mut candidates: Vec<Received>) {
        let now = self.now;
        candidates.sort_by_key(|one| {
            let ended_at = one.report.operation_ended_at;
            let no_later_than = if ended_at > now {
                one.arrived_at.min(now)
            } else {
                ended_at
            };
            (no_later_than, ended_at, one.name.clone())
        });
        for (index, candidate) in candidates.iter().enumerate() {
            let ended_at = candidate.report.operation_ended_at.min(now);
            let mut speaks_for = Vec::new();
            for section in &candidate.report.databases {
                let later = &candidates[index + 1..];
                let is_outdone = later.iter().any(|one| one.is_to_try(&section.database));
                let is_heard = self.job(&section.database).is_some_and(|job| {
                    job.is_watched() && job.last_report_at.is_none_or(|last| last <= ended_at)
                });
                if candidate.is_to_try(&section.database) && !is_outdone && is_heard {
                    speaks_for.push(section);
                }
            }
            self.record(candidate, &speaks_for);
        }
    }

    fn record(&mut self, received: &Received, speaks_for: &[&DatabaseReport]) {
        let mut retry = Vec::new();
        let mut is_news = received.retry.is_none();
        for section in speaks_for {
            let entry = self.entry(received, section);
            if entry.is_server_fault() {
                retry.push(section.database.clone());
                if received.retry.is_some() {
                    continue;
                }
            }
            is_news = true;
            self.told.retried += usize::from(received.retry.is_some());
            self.move_job(section, entry);
        }
        if is_news || retry.is_empty() {
            let ended_at = Some(received.report.operation_ended_at);
            self.remember(
                &received.name,
                received.sha256,
                ended_at,
                None,
                retry.clone(),
            );
        }
        if retry.is_empty() {
            self.told.reports.processed += 1;
            self.set_aside(&received.name, received.sha256, "_archive", None);
        } else {
            self.told.reports.pending += 1;
        }
    }

    fn entry(&mut self, received: &Received, section: &DatabaseReport) -> BackupEntry {
        let job = &self.job(&section.database).unwrap().clone();
        let (name, report) = (&received.name, &received.report);
        let needed = section.proof_needed();
        let (finding, bytes) = needed
            .as_ref()
            .map_or((Finding::NotNeeded, Vec::new()), |needed| self.look(needed));
        let mut entry = BackupEntry::judged(job, name, report, section, &finding, self.now);
        if entry.status != BackupEntryStatus::Success {
            return entry;
        }
        let Some(tree) = &self.settings.validated else {
            return entry;
        };
        let known = self.model.copies.get(&key_of(job));
        match keep(
            tree,
            job,
            known,
            &entry,
            &bytes,
            self.settings.keep_versions,
        ) {
            Err(error) => entry.not_kept(error),
            Ok(path) => {
                entry.validated_path = Some(path.clone());
                let copy = Copy {
                    path,
                    sha256: entry.actual_sha256.unwrap(),
                    size: entry.actual_size.unwrap(),
                };
                self.model.copies.insert(key_of(job), copy);
                entry
            }
        }
    }

    fn move_job(&mut self, section: &DatabaseReport, entry: BackupEntry) {
        let before = self.job(&section.database).unwrap().clone();
        let proven = self.model.proven.entry(key_of(&before)).or_default();
        let history = &proven[proven.len().saturating_sub(100)..];
        let recorded = record_entry(&before, &entry, self.now);
        let moved = judge_warnings(&before, recorded, &entry, history, &self.settings.warnings);
        proven.extend(ProvenBackup::of(&before, &moved.job, &entry));
        self.told.events.extend(moved.events);
        self.told
            .entries
            .push((self.agent.clone(), section.database.clone(), entry));
        self.model.put(moved.job);
    }

    /// What lies where the staged file should be, and its bytes when they count.
    fn look(&self, needed: &ProofNeeded) -> (Finding, Vec<u8>) {
        for folder_name in ["databases", "database"] {
            let folder = self.folder.join(folder_name);
            match kind_at(&folder) {
                None => continue,
                Some(kind) if kind.is_dir() => {}
                Some(kind) => {
                    let error = no_folder(folder_name, kind);
                    return (Finding::Unreadable { error }, Vec::new());
                }
            }
            let path = folder.join(&needed.staged_file_name);
            let Ok(metadata) = path.symlink_metadata() else {
                continue;
            };
            if !metadata.is_file() {
                let kind = word_for(metadata.file_type());
                return (Finding::NotRegular { kind }, Vec::new());
            }
            let bytes = fs::read(path).unwrap();
            let size = bytes.len() as u64;
            let is_told_by_size = size == 0 || needed.size.is_some_and(|expected| expected != size);
            let sha256 = (!is_told_by_size).then(|| hash(&[&bytes]));
            return (
                Finding::Measured {
                    size,
                    sha256,
                    content: None,
                },
                bytes,
            );
        }
        (Finding::Absent, Vec::new())
    }

    fn set_aside(&mut self, name: &str, sha256: Sha256, folder_name: &str, reason: Option<&str>) {
        let log = self.folder.join("log");
        let folder = log.join(folder_name);
        if kind_at(&folder).is_none() {
            fs::create_dir(&folder).unwrap();
        }
        let kind = kind_at(&folder).unwrap();
        if !kind.is_dir() {
            let error = format!(
                "could not open {}: {}",
                folder.display(),
                no_folder(folder_name, kind)
            );
            let agent = self.agent.clone();
            return self.told.errors.push(AgentError { agent, error });
        }
        let mut target = name.to_owned();
        if kind_at(&folder.join(name)).is_some() {
            let stem = Path::new(name).file_stem().unwrap().to_str().unwrap();
            let end = stem.floor_char_boundary(200);
            target = format!("{}.{}.json", &stem[..end], &sha256.to_string()[..12]);
        }
        if let Some(reason) = reason {
            let end = target.floor_char_boundary(255 - ".reason.txt".len());
            let path = folder.join(format!("{}.reason.txt", &target[..end]));
            fs::write(path, format!("{reason}\n")).unwrap();
        }
        fs::rename(log.join(name), folder.join(target)).unwrap();
    }
}

impl Received {
    fn is_to_try(&self, database: &str) -> bool {
        let is_named = self
            .report
            .databases
            .iter()
            .any(|section| section.database == database);
        let retry = self.retry.as_ref();
        is_named && retry.is_none_or(|retry| retry.iter().any(|name| name == database))
    }
}

/// Where the copy of a proven backup is, or why there is none. What stands there already is not copied
/// again.
fn keep(
    tree: &Path,
    job: &ExpectedBackupJob,
    known: Option<&Copy>,
    entry: &BackupEntry,
    bytes: &[u8],
    keep_versions: bool,
) -> Result<String, String> {
    if let Some(Copy { path, sha256, size }) = known
        && Some(*sha256) == entry.expected_sha256
        && is_plain_way(tree, path.rsplit_once('/').unwrap().0)
    {
        let standing = tree.join(path).symlink_metadata();
        if standing.is_ok_and(|found| found.is_file() && found.len() == *size) {
            return Ok(path.clone());
        }
    }
    let mut folder = tree.to_owned();
    for component in job.validated_folder.split('/') {
        folder.push(component);
        match kind_at(&folder) {
            None => fs::create_dir(&folder).unwrap(),
            Some(kind) if kind.is_dir() => {}
            Some(kind) => return Err(no_folder(component, kind)),
        }
    }
    let staged = entry.staged_file_name.as_ref().unwrap();
    let name = if keep_versions {
        let sha256 = entry.actual_sha256.unwrap();
        version_file_name(entry.operation_ended_at, entry.recorded_at, sha256, staged)
    } else {
        validated_file_name(staged)
    };
    let path = format!("{}/{name}", job.validated_folder);
    let arriving = folder.join(".arriving");
    fs::write(&arriving, bytes).unwrap();
    fs::rename(&arriving, tree.join(&path)).map_err(|error| {
        fs::remove_file(&arriving).unwrap();
        error.to_string()
    })?;
    Ok(path)
}

/// Whether all on the way to the folder are folders themselves, and no links to some.
fn is_plain_way(tree: &Path, folder: &str) -> bool {
    let mut way = tree.to_owned();
    folder.split('/').all(|component| {
        way.push(component);
        kind_at(&way).is_some_and(|kind| kind.is_dir())
    })
}

fn names_in(folder: &Path) -> Option<Vec<OsString>> {
    let entries = fs::read_dir(folder).ok()?;
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    Some(names)
}

fn kind_at(path: &Path) -> Option<FileType> {
    Some(path.symlink_metadata().ok()?.file_type())
}

fn word_for(kind: FileType) -> &'static str {
    match kind {
        kind if kind.is_symlink() => "a symbolic link",
        kind if kind.is_dir() => "a directory",
        kind if kind.is_fifo() => "a named pipe",
        kind if kind.is_socket() => "a socket",
        _ => "a device",
    }
}

fn no_folder(name: &str, kind: FileType) -> String {
    let found = if kind.is_file() {
        "a file"
    } else {
        word_for(kind)
    };
    format!("{name} is {found}, not a folder")
}

pub fn hash(parts: &[&[u8]]) -> Sha256 {
    let mut hasher = Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    Sha256::from(<[u8; 32]>::from(hasher.finalize()))
}
