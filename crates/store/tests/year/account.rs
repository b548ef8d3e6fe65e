//! What readers were told, held against what they should have been: the rules of alerting, written down a
//! second time. Knows no way in which they are kept.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use jiff::{SignedDuration, Timestamp};
use vigie_domain::{ExpectedBackupJob, JobId, JobStatus};
use vigie_notify::{
    AlertSeverity, Incident, IncidentKey, Mail, NotificationId, NotificationKind,
    NotificationSubject, PendingNotification, Plan, PlannedMail, Quiet, Routing, Subject,
};

/// How long a reader may be wrong about a job in fair weather: an hour of too many mails, an hour between
/// two looks, and what cycles take.
const PATIENCE: SignedDuration = SignedDuration::from_mins(150);

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// Why a mail is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Purpose {
    /// It tells of jobs.
    Jobs,
    /// It tells of a fault of the whole system.
    Fault,
    /// It tells of a mail that was refused.
    Notice,
}

/// What one mail tells of one job.
struct Tell {
    job: JobId,
    kind: NotificationKind,
    /// With what the job was last in it; `None` for a warning.
    incident: Option<(IncidentKey, JobStatus)>,
}

/// What one mail tells.
struct Letter {
    number: u64,
    reader: String,
    tells: Vec<Tell>,
    has_arrived: bool,
}

/// What a reader was last told of a job.
#[derive(Debug, Clone, Copy)]
struct Word {
    number: u64,
    is_wrong: bool,
    incident: IncidentKey,
    status: JobStatus,
}

pub struct Account {
    pub routing: Routing,
    pub administrators: Vec<String>,
    pub quiet: Quiet,
    pub max_per_hour: usize,
    pub truth: Timestamp,
    /// By the clock on the wall.
    pub now: Timestamp,
    pub jobs: BTreeMap<JobId, ExpectedBackupJob>,
    names: HashMap<String, JobId>,
    readers: RefCell<HashMap<(JobId, JobStatus), Vec<String>>>,
    incidents: HashMap<IncidentKey, Incident>,
    open: HashMap<JobId, IncidentKey>,
    /// With as many changes as the incident had then.
    acknowledged: HashMap<IncidentKey, usize>,
    pending: HashMap<NotificationId, PendingNotification>,
    letters: HashMap<String, Letter>,
    mailed: HashSet<(String, IncidentKey)>,
    words: BTreeMap<(String, JobId), Word>,
    /// How many warnings of a job a reader has not got yet.
    warnings: BTreeMap<(String, JobId), u32>,
    /// Whose mails are refused.
    pub unreachable: BTreeSet<String>,
    written: HashMap<String, VecDeque<Timestamp>>,
    /// Since when a reader has been wrong about a job in fair weather.
    wrong_since: BTreeMap<(String, JobId), Timestamp>,
    /// The same of a warning that they wait for.
    unwarned_since: BTreeMap<(String, JobId), Timestamp>,
    pub counts: Counts,
}

/// What is printed at the end.
#[derive(Default)]
pub struct Counts {
    pub incidents: u64,
    pub mails: HashMap<Purpose, u64>,
    /// By the first word of the subject.
    pub tags: BTreeMap<String, u64>,
    /// By reader and day.
    pub by_day: BTreeMap<String, BTreeMap<String, u64>>,
    pub naive_by_day: BTreeMap<String, BTreeMap<String, u64>>,
    /// Mails above the limit, as they tell of the system and not of jobs.
    pub above_limit: u64,
    pub checks: u64,
}

impl Account {
    pub fn new(
        routing: Routing,
        administrators: &[&str],
        jobs: Vec<ExpectedBackupJob>,
        max_per_hour: u32,
    ) -> Self {
        let name = |job: &ExpectedBackupJob| (job.database.clone(), job.id);
        Self {
            routing,
            administrators: administrators.iter().map(|&one| one.to_owned()).collect(),
            quiet: Quiet::default(),
            max_per_hour: usize::try_from(max_per_hour).unwrap(),
            truth: Timestamp::UNIX_EPOCH,
            now: Timestamp::UNIX_EPOCH,
            names: jobs.iter().map(name).collect(),
            jobs: jobs.into_iter().map(|job| (job.id, job)).collect(),
            readers: RefCell::default(),
            incidents: HashMap::new(),
            open: HashMap::new(),
            acknowledged: HashMap::new(),
            pending: HashMap::new(),
            letters: HashMap::new(),
            mailed: HashSet::new(),
            words: BTreeMap::new(),
            warnings: BTreeMap::new(),
            unreachable: BTreeSet::new(),
            written: HashMap::new(),
            wrong_since: BTreeMap::new(),
            unwarned_since: BTreeMap::new(),
            counts: Counts::default(),
        }
    }

    /// Numbers stand for these.
    pub fn know(&mut self, pending: &[PendingNotification]) {
        let pending = pending.iter().map(|pending| (pending.id, pending.clone()));
        self.pending.extend(pending);
    }

    /// A plan was kept.
    pub fn keep(&mut self, plan: &Plan) {
        let incidents = plan.incidents.iter().map(|(incident, _)| incident);
        let (closed, open): (Vec<_>, Vec<_>) =
            incidents.partition(|incident| incident.closed_at.is_some());
        for incident in closed.into_iter().chain(open) {
            self.keep_incident(incident);
        }
        for planned in &plan.mails {
            if planned.tells.is_empty() {
                self.check_names(&planned.mail, &BTreeSet::new());
                self.keep_mail(&planned.mail, Purpose::Fault, Vec::new());
            } else {
                self.keep_letter(planned);
            }
        }
    }

    fn keep_incident(&mut self, incident: &Incident) {
        let key = incident.key();
        let known = self.incidents.insert(key, incident.clone());
        let was_closed = known
            .as_ref()
            .is_some_and(|known| known.closed_at.is_some());
        assert!(!was_closed, "{} opens or closes twice: {key:?}", self.at());
        self.counts.incidents += u64::from(known.is_none());
        if incident.closed_at.is_some() {
            self.open.remove(&key.job);
            return;
        }
        let before = self.open.insert(key.job, key);
        let is_the_same = before.is_none_or(|before| before == key);
        assert!(
            is_the_same,
            "{} two are open: {key:?}, {before:?}",
            self.at()
        );
    }

    fn keep_letter(&mut self, planned: &PlannedMail) {
        let reader = planned.mail.recipient();
        let mut tells = Vec::with_capacity(planned.tells.len());
        for id in &planned.tells {
            let pending = self.pending.remove(id).expect("it was given out before");
            assert_eq!(recipient_of(&pending.reader), reader);
            let incident = match pending.subject {
                NotificationSubject::Incident(key) => {
                    let incident = &self.incidents[&key];
                    let status = incident.changes.last().unwrap().status;
                    self.check_tell(&reader, &pending, incident, status);
                    Some((key, status))
                }
                NotificationSubject::Event(_) => {
                    self.check_warning(&reader, &pending);
                    None
                }
            };
            tells.push(Tell {
                job: pending.job.id,
                kind: pending.kind,
                incident,
            });
        }
        for tell in &tells {
            if let (true, Some((key, _))) = (tell.kind != NotificationKind::Recovery, tell.incident)
            {
                self.mailed.insert((reader.clone(), key));
            }
        }
        let told = tells.iter().map(|tell| tell.job).collect();
        self.check_names(&planned.mail, &told);
        self.keep_mail(&planned.mail, Purpose::Jobs, tells);
    }

    fn check_warning(&self, reader: &str, pending: &PendingNotification) {
        let job = &self.jobs[&pending.job.id];
        let subject = Subject::of(job, AlertSeverity::Warning);
        let quiet = self.quiet.until(&subject, self.now);
        assert!(quiet.is_none(), "{} although {quiet:?}", self.at());
        assert_eq!(pending.kind, NotificationKind::Warning);
        let place = (reader.to_owned(), job.id);
        let is_owed = self.warnings.contains_key(&place);
        assert!(
            is_owed,
            "{} {reader} is warned of {}",
            self.at(),
            job.database
        );
    }

    fn check_tell(
        &self,
        reader: &str,
        pending: &PendingNotification,
        incident: &Incident,
        status: JobStatus,
    ) {
        let (key, kind) = (incident.key(), pending.kind);
        let at = || format!("{} {kind} of {key:?} to {reader}", self.at());
        let job = &self.jobs[&key.job];
        let subject = subject_of(job, status);
        let quiet = self.quiet.until(&subject, self.now);
        assert!(quiet.is_none(), "{} although {quiet:?}", at());
        match kind {
            NotificationKind::Alert | NotificationKind::Reminder => {
                assert_eq!(incident.closed_at, None, "{} is over", at());
                assert!(
                    self.is_routed(reader, job, status),
                    "{} is not routed",
                    at()
                );
            }
            NotificationKind::Recovery => {
                assert!(incident.closed_at.is_some(), "{} is not over", at());
                let was_mailed = self.mailed.contains(&(reader.to_owned(), key));
                assert!(was_mailed, "{} of what they do not know", at());
            }
            NotificationKind::Damage | NotificationKind::Warning | NotificationKind::Passed => {
                panic!("{}", at())
            }
        }
        if kind == NotificationKind::Reminder {
            let taken_on = self.acknowledged.get(&key);
            let is_taken_on = taken_on.is_some_and(|changes| *changes == incident.changes.len());
            assert!(!is_taken_on, "{} although it is taken on", at());
        }
    }

    /// A mail names those jobs that it tells of, and no others.
    fn check_names(&self, mail: &Mail, told: &BTreeSet<JobId>) {
        for part in [&mail.text, &mail.html] {
            let named = self.names_in(part);
            let others: Vec<_> = named.difference(told).collect();
            assert!(
                others.is_empty(),
                "{} {} names {others:?}",
                self.at(),
                mail.subject
            );
            // More are counted, not listed.
            let is_complete = named == *told || told.len() > 200;
            assert!(
                is_complete,
                "{} {} leaves jobs out",
                self.at(),
                mail.subject
            );
        }
        let in_subject = self.names_in(&mail.subject);
        assert!(in_subject.is_subset(told), "{} {}", self.at(), mail.subject);
    }

    fn names_in(&self, text: &str) -> BTreeSet<JobId> {
        let starts = text.match_indices("DB").map(|(start, _)| start);
        let names = starts.filter_map(|start| text.get(start..start + 7));
        names
            .filter_map(|name| self.names.get(name).copied())
            .collect()
    }

    /// Mails about refused mails were kept. They name what others than the administrators are told of
    /// themselves.
    pub fn keep_notices(&mut self, mails: &[Mail]) {
        for mail in mails {
            let reader = mail.recipient();
            if !self.administrators.contains(&reader) {
                for job in self
                    .names_in(&mail.subject)
                    .union(&self.names_in(&mail.text))
                {
                    let job = &self.jobs[job];
                    let is_theirs = JobStatus::ALL
                        .into_iter()
                        .any(|status| self.is_routed(&reader, job, status));
                    assert!(
                        is_theirs,
                        "{} {reader} reads of {}",
                        self.at(),
                        job.database
                    );
                }
            }
            self.keep_mail(mail, Purpose::Notice, Vec::new());
        }
    }

    fn keep_mail(&mut self, mail: &Mail, purpose: Purpose, tells: Vec<Tell>) {
        let reader = mail.recipient();
        let written = self.written.entry(reader.clone()).or_default();
        written.push_back(mail.date);
        while written[0].duration_until(mail.date) >= HOUR {
            written.pop_front();
        }
        if written.len() > self.max_per_hour {
            let at = self.truth;
            let is_of_jobs = purpose == Purpose::Jobs;
            assert!(
                !is_of_jobs,
                "{at}: too many mails to {reader}: {}",
                mail.subject
            );
            self.counts.above_limit += 1;
        }
        *self.counts.mails.entry(purpose).or_default() += 1;
        let tag = mail.subject.split(']').next().unwrap_or_default();
        *self.counts.tags.entry(format!("{tag}]")).or_default() += 1;
        let days = self.counts.by_day.entry(reader.clone()).or_default();
        *days.entry(day(self.truth)).or_default() += 1;
        let letter = Letter {
            number: self.letters.len() as u64,
            reader,
            tells,
            has_arrived: false,
        };
        let other = self.letters.insert(mail.message_id.clone(), letter);
        assert!(
            other.is_none(),
            "{} two mails are {}",
            self.at(),
            mail.message_id
        );
    }

    /// The clock was put back: an hour of it comes twice.
    pub fn forget_hours(&mut self) {
        self.written.clear();
    }

    /// Somebody took the open incident of a job on.
    pub fn acknowledge(&mut self, job: JobId) {
        if let Some(key) = self.open.get(&job) {
            let changes = self.incidents[key].changes.len();
            self.acknowledged.insert(*key, changes);
        }
    }

    pub fn open_jobs(&self) -> Vec<JobId> {
        let mut open: Vec<JobId> = self.open.keys().copied().collect();
        open.sort();
        open
    }

    /// A report brought something odd.
    pub fn warn(&mut self, job: &ExpectedBackupJob) {
        let severity = AlertSeverity::Warning;
        let routed = self
            .routing
            .recipients_of(job, severity, &self.administrators);
        for reader in routed.recipients {
            let place = (recipient_of(&reader.address), job.id);
            *self.warnings.entry(place).or_default() += 1;
        }
    }

    /// A mail arrived, maybe again.
    pub fn receive(&mut self, mail: &Mail) {
        let letter = self
            .letters
            .get_mut(&mail.message_id)
            .expect("it was planned");
        if std::mem::replace(&mut letter.has_arrived, true) {
            return;
        }
        for tell in &letter.tells {
            let place = (letter.reader.clone(), tell.job);
            let Some((incident, status)) = tell.incident else {
                let owed = self.warnings.get_mut(&place);
                let owed = owed.expect("nobody is warned twice");
                *owed -= 1;
                if *owed == 0 {
                    self.warnings.remove(&place);
                }
                continue;
            };
            let word = Word {
                number: letter.number,
                is_wrong: tell.kind != NotificationKind::Recovery,
                incident,
                status,
            };
            let last = self.words.get(&place).copied();
            let is_news = last.is_none_or(|last| {
                let contradicts = last.number == word.number && last.is_wrong != word.is_wrong;
                assert!(!contradicts, "{}: {} says both", self.truth, mail.subject);
                last.number < word.number
            });
            if is_news {
                self.words.insert(place, word);
            }
        }
    }

    /// The incidents that are open are those of the jobs that are not OK.
    pub fn check_incidents(&self) {
        let wrong = self
            .jobs
            .values()
            .filter_map(|job| Some((job.id, job.incident_since?)));
        let wrong: BTreeMap<JobId, Timestamp> = wrong.collect();
        let open = self.open.values().map(|key| (key.job, key.opened_at));
        assert_eq!(wrong, open.collect(), "{} open incidents", self.at());
    }

    /// Foul weather: nobody need know anything.
    pub fn excuse_all(&mut self) {
        self.wrong_since.clear();
        self.unwarned_since.clear();
    }

    /// Everybody knows what is wrong and theirs, and takes nothing else to be wrong; or has not been wrong
    /// about it for long.
    pub fn check_words(&mut self, waits: &BTreeSet<String>) {
        let mut mistaken = BTreeMap::new();
        for job in self
            .jobs
            .values()
            .filter(|job| job.incident_since.is_some())
        {
            for reader in self.readers_of(job, job.current_status) {
                let knows = self
                    .words
                    .get(&(reader.clone(), job.id))
                    .is_some_and(|word| word.is_wrong && word.status == job.current_status);
                if !knows {
                    mistaken.insert((reader, job.id), job.current_status);
                }
            }
        }
        for ((reader, job), word) in &self.words {
            if word.is_wrong && self.jobs[job].incident_since.is_none() {
                let last = self.incidents[&word.incident].changes.last();
                mistaken.insert((reader.clone(), *job), last.unwrap().status);
            }
        }
        let is_known = |(reader, _): &(String, JobId)| {
            !waits.contains(reader) && !self.unreachable.contains(reader)
        };
        mistaken.retain(|place, status| {
            let subject = subject_of(&self.jobs[&place.1], *status);
            is_known(place) && self.quiet.until(&subject, self.now).is_none()
        });
        let mut unwarned: Vec<_> = self.warnings.keys().cloned().collect();
        unwarned.retain(|place| {
            let subject = Subject::of(&self.jobs[&place.1], AlertSeverity::Warning);
            is_known(place) && self.quiet.until(&subject, self.now).is_none()
        });
        let mistaken = mistaken.into_keys();
        self.wrong_since = self.still(&self.wrong_since, mistaken, "mistaken");
        self.unwarned_since = self.still(&self.unwarned_since, unwarned, "unwarned");
        self.counts.checks += 1;
    }

    /// Since when they have been so, each of them not for long.
    fn still(
        &self,
        before: &BTreeMap<(String, JobId), Timestamp>,
        now: impl IntoIterator<Item = (String, JobId)>,
        what: &str,
    ) -> BTreeMap<(String, JobId), Timestamp> {
        let since = |place: (String, JobId)| {
            let since = before.get(&place).copied().unwrap_or(self.truth);
            assert!(
                since.duration_until(self.truth) <= PATIENCE,
                "{} {} is {what} since {since} about {:#?}, having heard {:?}",
                self.at(),
                place.0,
                self.jobs[&place.1],
                self.words.get(&place),
            );
            (place, since)
        };
        now.into_iter().map(since).collect()
    }

    /// What a mail per job, reader and scan would be.
    pub fn count_naive(&mut self) {
        let today = day(self.truth);
        let wrong = self
            .jobs
            .values()
            .filter(|job| job.incident_since.is_some());
        let readers: Vec<String> = wrong
            .flat_map(|job| self.readers_of(job, job.current_status))
            .collect();
        for reader in readers {
            let days = self.counts.naive_by_day.entry(reader).or_default();
            *days.entry(today.clone()).or_default() += 1;
        }
    }

    /// Routes do not change, so that they are gone through once for each job and status.
    fn readers_of(&self, job: &ExpectedBackupJob, status: JobStatus) -> Vec<String> {
        let mut known = self.readers.borrow_mut();
        let known = known.entry((job.id, status));
        known.or_insert_with(|| self.route(job, status)).clone()
    }

    fn route(&self, job: &ExpectedBackupJob, status: JobStatus) -> Vec<String> {
        let mut job = job.clone();
        job.current_status = status;
        let critical = AlertSeverity::Critical;
        let routed = self
            .routing
            .recipients_of(&job, critical, &self.administrators);
        let readers = routed.recipients.iter();
        readers
            .map(|reader| recipient_of(&reader.address))
            .collect()
    }

    fn is_routed(&self, reader: &str, job: &ExpectedBackupJob, status: JobStatus) -> bool {
        self.readers_of(job, status).iter().any(|one| one == reader)
    }

    fn at(&self) -> String {
        format!("{} ({} on the wall):", self.truth, self.now)
    }
}

fn subject_of(job: &ExpectedBackupJob, status: JobStatus) -> Subject<'_> {
    Subject {
        status,
        ..Subject::of(job, AlertSeverity::Critical)
    }
}

pub fn recipient_of(address: &str) -> String {
    let start = address.find('<').map_or(0, |start| start + 1);
    address[start..].trim_end_matches('>').to_ascii_lowercase()
}

fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}
