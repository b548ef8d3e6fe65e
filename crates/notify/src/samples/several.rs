//! Mails about several jobs and about the whole system, as samples. Knows no refused mail and no digest.

use jiff::{SignedDuration, Timestamp};
use vigie_domain::{BackupEntryStatus, ExpectedBackupJob, JobId};

use super::{
    JobSample, RecoverySample, ReminderSample, agent, at, damaged_full, entry_full, missing_full,
    missing_minimal, recovery_full, reminder_full, warning_full, with_each_fault,
};
use crate::{GroupBy, GroupScope, Notice, Outage, ReminderNumber, SummaryCause, SystemFault};

/// Several jobs that have something in common, which a mail is written about.
#[derive(Debug, Clone)]
pub struct GroupSample {
    /// What it is a sample of, such as `group.full` or `group.recovery.full`.
    pub name: String,
    /// What the jobs have in common.
    pub scope: GroupScope,
    /// What there is to tell, all of one class.
    pub notices: Vec<Notice>,
    /// The instant as of which the mail is written.
    pub now: Timestamp,
}

/// A fault of the whole system, which a mail is written about.
#[derive(Debug, Clone)]
pub struct OutageSample {
    /// What it is a sample of, such as `outage.deposit_unreachable.full`.
    pub name: String,
    /// The fault.
    pub outage: Outage,
    /// What there is to tell of jobs.
    pub notices: Vec<Notice>,
    /// The instant as of which the mail is written.
    pub now: Timestamp,
}

/// What would have been too many mails, of which one is written.
#[derive(Debug, Clone)]
pub struct SummarySample {
    /// What it is a sample of, such as `summary.full`.
    pub name: String,
    /// Why there is one mail.
    pub cause: SummaryCause,
    /// What there is to tell, of any class.
    pub notices: Vec<Notice>,
    /// How many jobs failed and recovered meanwhile.
    pub came_and_went: u32,
    /// The instant as of which the mail is written.
    pub now: Timestamp,
}

/// An agent of which no report came for any of its three databases.
#[must_use]
pub fn group_full() -> GroupSample {
    group("group.full", of_agent(), silent(), missing_full().now)
}

/// Jobs of one customer that are not OK, each for another reason, and one of them for long.
#[must_use]
pub fn group_mixed_full() -> GroupSample {
    let mut long = reminder_full();
    named(&mut long.job, 44, "COMPTA_2025", "SDMC_YAOUNDE_BASTOS");
    let notices = vec![
        alert(entry_full(BackupEntryStatus::Failed), 42, "XAFRIC_2024"),
        alert(entry_full(BackupEntryStatus::HashMismatch), 43, "PAIE_2025"),
        reminder(long),
        alert(missing_full(), 41, "XAFRIC_2025"),
    ];
    let now = at("2025-06-23T02:00:05Z");
    group("group.mixed.full", of_company(), notices, now)
}

/// An agent whose backups arrive again.
#[must_use]
pub fn group_recovery_full() -> GroupSample {
    let ended = |id, database| {
        let mut ended = recovery_full();
        named(&mut ended.job, id, database, "SDMC_DOUALA_AKWA");
        recovery(ended)
    };
    let notices = vec![ended(41, "XAFRIC_2025"), ended(42, "XAFRIC_2024")];
    group(
        "group.recovery.full",
        of_agent(),
        notices,
        recovery_full().now,
    )
}

/// Jobs of one city whose backups are odd.
#[must_use]
pub fn group_warning_full() -> GroupSample {
    let mut other = warning_full();
    named(&mut other.job, 51, "STOCK_2025", "SDMC_DOUALA_BONABERI");
    other.warnings.remove(0);
    let notices = vec![warning_full().notice(), other.notice()];
    let scope = GroupScope {
        by: GroupBy::City,
        name: "DOUALA".to_owned(),
    };
    group("group.warning.full", scope, notices, warning_full().now)
}

/// Kept backups of one agent that a dying disk has lost, each in another way.
#[must_use]
pub fn group_damaged_full() -> GroupSample {
    let with_each = with_each_fault().into_iter().step_by(2);
    let databases = [
        "ARCHIVE_2019",
        "COMPTA_2025",
        "PAIE_2025",
        "STOCK_2025",
        "XAFRIC_2025",
    ];
    let notices = (41..).zip(databases).zip(with_each);
    let notices = notices.map(|((id, database), mut sample)| {
        let agent = sample.job.agent.as_str().to_owned();
        named(&mut sample.job, id, database, &agent);
        sample.file.path = format!("{}/{database}.sql.zst", sample.job.validated_folder);
        sample.notice()
    });
    let now = damaged_full().now;
    group("group.damaged.full", of_agent(), notices.collect(), now)
}

/// Two jobs of which nothing has ever been heard.
#[must_use]
pub fn group_minimal() -> GroupSample {
    let notice = |id, database: &str| {
        let mut sample = missing_minimal();
        sample.job.id = JobId(id);
        database.clone_into(&mut sample.job.database);
        notice(sample)
    };
    let scope = GroupScope {
        by: GroupBy::Agent,
        name: "SDMC".to_owned(),
    };
    let notices = vec![notice(1, "ARCHIVE"), notice(2, "COMPTA")];
    group("group.minimal", scope, notices, missing_minimal().now)
}

/// A disk with kept backups that is not mounted.
#[must_use]
pub fn outage_validated_full() -> OutageSample {
    let mut sample = outage_deposit_minimal();
    "outage.validated_unreachable.full".clone_into(&mut sample.name);
    sample.outage.fault = SystemFault::ValidatedUnreachable {
        error: "the validated tree /srv/validated is empty, though backups were kept there: is its disk \
                mounted?"
            .to_owned(),
    };
    sample
}

/// The second reminder of a deposit that can't be read.
#[must_use]
pub fn outage_deposit_full() -> OutageSample {
    let mut sample = outage_deposit_minimal();
    "outage.deposit_unreachable.full".clone_into(&mut sample.name);
    sample.outage.reminder = Some(ReminderNumber {
        which: 2,
        next_at: Some(at("2025-06-20T12:05:00Z")),
    });
    sample.now = at("2025-06-20T06:05:00Z");
    sample
}

/// A deposit that can't be read any more.
#[must_use]
pub fn outage_deposit_minimal() -> OutageSample {
    let error = "can't list /srv/deposit: Transport endpoint is not connected (os error 107)";
    let fault = SystemFault::DepositUnreachable {
        error: error.to_owned(),
    };
    outage("outage.deposit_unreachable.minimal", fault)
}

/// A deposit that can be read again.
#[must_use]
pub fn outage_deposit_ended() -> OutageSample {
    ended(outage_deposit_minimal(), "outage.deposit_ended.full")
}

/// A clock that jumped back.
#[must_use]
pub fn outage_clock_minimal() -> OutageSample {
    let fault = SystemFault::ClockJumped {
        expected: at("2025-06-20T00:05:00Z"),
        found: at("2025-06-12T21:48:13Z"),
    };
    outage("outage.clock_jumped.minimal", fault)
}

/// Backups of several agents that became missing at once.
#[must_use]
pub fn outage_many_missing_full() -> OutageSample {
    let mut notices = silent();
    for (id, agent) in [(61, "SDMC_YAOUNDE_BASTOS"), (62, "SDMC_GAROUA_CENTRE")] {
        let mut sample = missing_full();
        named(&mut sample.job, id, "COMPTA_2025", agent);
        notices.push(notice(sample));
    }
    OutageSample {
        notices,
        ..many_missing("outage.many_missing.full")
    }
}

/// Backups that became missing at once, and arrive again.
#[must_use]
pub fn outage_many_missing_ended() -> OutageSample {
    ended(
        many_missing("outage.many_missing.minimal"),
        "outage.many_missing_ended.minimal",
    )
}

/// All that there is to tell when a reader has had as many mails as are allowed.
#[must_use]
pub fn summary_full() -> SummarySample {
    let mut notices = group_mixed_full().notices;
    notices.extend(group_recovery_full().notices);
    notices.extend(group_warning_full().notices);
    notices.push(damaged_full().notice());
    SummarySample {
        name: "summary.full".to_owned(),
        cause: SummaryCause::Limit { per_hour: 20 },
        notices,
        came_and_went: 3,
        now: at("2025-06-23T02:00:05Z"),
    }
}

/// What is wrong after a while in which Vigie did not run.
#[must_use]
pub fn summary_downtime_full() -> SummarySample {
    let mut notices = silent();
    notices.truncate(1);
    SummarySample {
        name: "summary.downtime.full".to_owned(),
        cause: SummaryCause::Downtime {
            from: at("2025-06-18T21:10:00Z"),
            until: at("2025-06-20T05:19:30Z"),
        },
        notices,
        came_and_went: 1,
        now: missing_full().now,
    }
}

/// What is still wrong after a while in which mails did not reach the reader.
#[must_use]
pub fn summary_minimal() -> SummarySample {
    let GroupSample { notices, now, .. } = group_minimal();
    SummarySample {
        name: "summary.undeliverable.minimal".to_owned(),
        cause: SummaryCause::Undeliverable {
            since: at("2025-06-19T18:00:00Z"),
        },
        notices,
        came_and_went: 0,
        now,
    }
}

fn group(name: &str, scope: GroupScope, notices: Vec<Notice>, now: Timestamp) -> GroupSample {
    GroupSample {
        name: name.to_owned(),
        scope,
        notices,
        now,
    }
}

fn of_agent() -> GroupScope {
    GroupScope {
        by: GroupBy::Agent,
        name: "SDMC_DOUALA_AKWA".to_owned(),
    }
}

fn of_company() -> GroupScope {
    GroupScope {
        by: GroupBy::Company,
        name: "SDMC".to_owned(),
    }
}

/// The three databases of an agent that says nothing.
fn silent() -> Vec<Notice> {
    let databases = [(41, "XAFRIC_2025"), (42, "XAFRIC_2024"), (43, "PAIE_2025")];
    let alerts = databases.map(|(id, database)| alert(missing_full(), id, database));
    alerts.into()
}

fn alert(mut sample: JobSample, id: i64, database: &str) -> Notice {
    named(&mut sample.job, id, database, "SDMC_DOUALA_AKWA");
    notice(sample)
}

fn notice(sample: JobSample) -> Notice {
    Notice::Alert {
        job: Box::new(sample.job),
        entry: sample.entry.map(Box::new),
    }
}

fn reminder(sample: ReminderSample) -> Notice {
    Notice::Reminder {
        job: Box::new(sample.job),
        entry: sample.entry.map(Box::new),
        history: sample.history,
        reminder: sample.reminder,
    }
}

fn recovery(sample: RecoverySample) -> Notice {
    Notice::Recovery {
        job: Box::new(sample.job),
        entry: Box::new(sample.entry),
        history: sample.history,
    }
}

/// Makes a job one of another database, and of another agent.
fn named(job: &mut ExpectedBackupJob, id: i64, database: &str, of: &str) {
    job.id = JobId(id);
    database.clone_into(&mut job.database);
    job.agent = agent(of);
    let mut places = of.split('_').skip(1);
    places.next().unwrap_or_default().clone_into(&mut job.city);
    places
        .next()
        .unwrap_or_default()
        .clone_into(&mut job.neighborhood);
    if let Some(good) = &mut job.last_good {
        good.staged_file_name = format!("{database}.sql.zst");
    }
}

/// The first mail about a fault.
fn outage(name: &str, fault: SystemFault) -> OutageSample {
    let since = at("2025-06-20T00:05:00Z");
    OutageSample {
        name: name.to_owned(),
        outage: Outage {
            fault,
            since,
            reminder: None,
            ended_at: None,
        },
        notices: Vec::new(),
        now: since + SignedDuration::from_secs(2),
    }
}

fn many_missing(name: &str) -> OutageSample {
    let mut sample = outage(name, SystemFault::ManyMissing { percent: 83 });
    sample.outage.since = at("2025-06-20T02:00:05Z");
    sample.now = missing_full().now;
    sample
}

/// The last mail about the same fault, three hours later.
fn ended(mut sample: OutageSample, name: &str) -> OutageSample {
    name.clone_into(&mut sample.name);
    let ended_at = sample.outage.since + SignedDuration::from_hours(3);
    sample.outage.ended_at = Some(ended_at);
    sample.now = ended_at + SignedDuration::from_secs(2);
    sample
}
