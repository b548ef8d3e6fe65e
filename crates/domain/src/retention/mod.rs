//! Which kept backups stay and which go, by restic's words and rules. Touches no file and no clock.

mod judging;
#[cfg(test)]
mod restic;
#[cfg(test)]
mod tests;

use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::ValidatedFileId;

pub use judging::judge_versions;

/// How many backups a rule keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeepCount {
    /// So many; with 0 the rule keeps none.
    AtMost(u32),
    /// Every one that the rule finds.
    All,
}

impl KeepCount {
    /// A rule that keeps nothing.
    pub const NONE: Self = Self::AtMost(0);
}

/// How many kept backups of a job stay, and for which reasons. A backup that one rule keeps is kept.
///
/// The words and rules are those of `restic forget`
/// (<https://restic.readthedocs.io/en/stable/060_forget.html>): only hours, days, weeks (from Monday on),
/// months and years with a backup in them count, of each the newest backup is kept, and the oldest backup
/// of all is kept too as long as a rule has room for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionPolicy {
    /// The last backups, whenever they were.
    pub last: KeepCount,
    /// The newest of each of the last hours.
    pub hourly: KeepCount,
    /// The newest of each of the last days.
    pub daily: KeepCount,
    /// The newest of each of the last weeks (ISO 8601).
    pub weekly: KeepCount,
    /// The newest of each of the last months.
    pub monthly: KeepCount,
    /// The newest of each of the last years.
    pub yearly: KeepCount,
    /// Where hours, days and the rest begin.
    pub time_zone: TimeZone,
}

impl RetentionPolicy {
    /// Rules that keep nothing, with hours and days in UTC: to be filled in.
    pub const EMPTY: Self = Self {
        last: KeepCount::NONE,
        hourly: KeepCount::NONE,
        daily: KeepCount::NONE,
        weekly: KeepCount::NONE,
        monthly: KeepCount::NONE,
        yearly: KeepCount::NONE,
        time_zone: TimeZone::UTC,
    };

    /// How many each rule keeps.
    #[must_use]
    pub fn count(&self, rule: KeepRule) -> KeepCount {
        match rule {
            KeepRule::Last => self.last,
            KeepRule::Hourly => self.hourly,
            KeepRule::Daily => self.daily,
            KeepRule::Weekly => self.weekly,
            KeepRule::Monthly => self.monthly,
            KeepRule::Yearly => self.yearly,
        }
    }

    /// Whether no rule keeps anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let mut rules = KeepRule::ALL.into_iter();
        rules.all(|rule| self.count(rule) == KeepCount::NONE)
    }
}

/// A rule of a [`RetentionPolicy`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeepRule {
    /// The last backups.
    Last,
    /// One of an hour.
    Hourly,
    /// One of a day.
    Daily,
    /// One of a week.
    Weekly,
    /// One of a month.
    Monthly,
    /// One of a year.
    Yearly,
}

impl KeepRule {
    /// Every rule, in the order in which restic tries them.
    pub const ALL: [Self; 6] = [
        Self::Last,
        Self::Hourly,
        Self::Daily,
        Self::Weekly,
        Self::Monthly,
        Self::Yearly,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Last => "last",
            Self::Hourly => "hourly",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
            Self::Yearly => "yearly",
        }
    }
}

/// Why a kept backup stays. `Display` says it as restic does: `daily snapshot`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum KeepReason {
    /// It is that of the job's last good backup.
    LastGood,
    /// It is the last that is not known to be damaged.
    LastIntact,
    /// None of the job's files is intact, and then none of them goes.
    NoneIntact,
    /// A rule keeps it.
    Rule {
        /// Which one.
        rule: KeepRule,
        /// Whether only as the oldest of all, for which the rule had room.
        oldest: bool,
    },
}

impl fmt::Display for KeepReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LastGood => formatter.write_str("last good backup"),
            Self::LastIntact => formatter.write_str("last intact copy"),
            Self::NoneIntact => formatter.write_str("no copy is intact"),
            Self::Rule { rule, oldest } => {
                let oldest = if *oldest { "oldest " } else { "" };
                write!(formatter, "{oldest}{} snapshot", rule.as_str())
            }
        }
    }
}

/// A backup that a kept file stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordedBackup {
    /// When it was recorded by the clock of the server. What an agent says of its own time is no measure:
    /// with false dates it could take the place of all that was kept before.
    pub recorded_at: Timestamp,
    /// Its number; a later one has a higher number, and decides among those of one instant.
    pub number: i64,
}

/// A kept file with the backups that it stands for: several when the content stayed the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The file.
    pub file: ValidatedFileId,
    /// Whether nothing is known to be wrong with it.
    pub is_intact: bool,
    /// What it stands for. A file that stands for no backup is kept by no rule.
    pub backups: Vec<RecordedBackup>,
}

impl Version {
    /// The newest backup that it stands for, by its number.
    fn last(&self) -> Option<i64> {
        self.backups.iter().map(|backup| backup.number).max()
    }
}
