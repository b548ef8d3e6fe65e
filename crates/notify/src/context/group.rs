//! The variables of the **group** mail. Knows no template and no sentence.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::jobs::Room;
use super::{CommonContext, JobsContext, Reader, Surroundings, WriteSingle};
use crate::{GroupBy, GroupScope, Notice, NoticeClass};

/// What a mail about several jobs tells of all of them.
const CLASSES: [&str; 3] = ["problem", "recovery", "warning"];

/// The variables of the **group** mail: several jobs that have something in common.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct GroupContext {
    /// What every mail has.
    #[serde(flatten)]
    pub common: CommonContext,
    /// What the jobs have in common.
    pub scope: ScopeContext,
    /// What is told of all of them: `problem`, `recovery` or `warning`.
    #[schemars(extend("enum" = CLASSES))]
    pub class: &'static str,
    /// The code of the mail: `DAMAGED` when kept backups are, or the worst status of a job, `OK` when they are OK again, or `WARNING` when
    /// they are odd.
    #[schemars(extend("enum" = CODES))]
    pub status: &'static str,
    /// Whether all are MISSING, and no report speaks of any.
    pub all_silent: bool,
    /// Whether all are kept backups that are damaged.
    pub all_damaged: bool,
    /// Whether all were told of before, and are still so.
    pub all_reminders: bool,
    /// The jobs.
    pub jobs: JobsContext,
}

/// The codes that a group mail can have.
const CODES: [&str; 8] = [
    "DAMAGED",
    "MISSING",
    "HASH_MISMATCH",
    "TRANSFER_INTEGRITY_FAILED",
    "FAILED",
    "UNKNOWN",
    "OK",
    "WARNING",
];

/// What all jobs of a mail are of.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ScopeContext {
    /// `agent`, `company` or `city`.
    #[schemars(extend("enum" = GroupBy::ALL.map(GroupBy::as_str)))]
    pub by: &'static str,
    /// The name of that agent, company or city.
    pub name: String,
}

impl GroupContext {
    pub(super) fn new(
        scope: &GroupScope,
        notices: &[Notice],
        now: Timestamp,
        reader: &Reader,
        surroundings: &Surroundings,
        write: &WriteSingle<'_>,
    ) -> Self {
        let name = reader.name(&scope.name);
        let jobs = JobsContext::new(notices, now, reader, &mut Room::new(write));
        let worst = jobs
            .statuses
            .first()
            .map_or("UNKNOWN", |worst| worst.status);
        let class = notices.first().map_or(NoticeClass::Problem, Notice::class);
        let (class, status) = match class {
            NoticeClass::Problem => (CLASSES[0], worst),
            NoticeClass::Recovery => (CLASSES[1], "OK"),
            NoticeClass::Warning => (CLASSES[2], "WARNING"),
        };
        Self {
            common: CommonContext::new(name.clone(), now, reader, surroundings),
            scope: ScopeContext {
                by: scope.by.as_str(),
                name,
            },
            class,
            status,
            all_silent: notices.iter().all(is_silent),
            all_damaged: notices
                .iter()
                .all(|notice| matches!(notice, Notice::Damage { .. })),
            all_reminders: notices
                .iter()
                .all(|notice| matches!(notice, Notice::Reminder { .. })),
            jobs,
        }
    }
}

/// Whether no report speaks of the job.
fn is_silent(notice: &Notice) -> bool {
    let entry = match notice {
        Notice::Alert { entry, .. } | Notice::Reminder { entry, .. } => entry.as_ref(),
        Notice::Recovery { .. } | Notice::Damage { .. } | Notice::Warning { .. } => return false,
    };
    entry.is_none() && notice.job().current_status == vigie_domain::JobStatus::Missing
}
