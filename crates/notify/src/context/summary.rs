//! The variables of the **summary** mail. Knows no template and no sentence.

use jiff::{Timestamp, Zoned};
use schemars::JsonSchema;
use serde::Serialize;

use super::jobs::Room;
use super::{CommonContext, JobsContext, Reader, Surroundings, WriteSingle, seconds_between};
use crate::{Notice, NoticeClass, SummaryCause};

/// The variables of the **summary** mail: it stands for what would have been too many.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct SummaryContext {
    /// What every mail has.
    #[serde(flatten)]
    pub common: CommonContext,
    /// Why there is one mail.
    pub cause: CauseContext,
    /// How many notices it tells of, each of which is a mail otherwise.
    pub count: usize,
    /// The jobs that are not OK, and the kept backups that are damaged.
    pub problems: JobsContext,
    /// The jobs that are OK again.
    pub recoveries: JobsContext,
    /// The jobs that are OK, and whose backup is odd.
    pub warnings: JobsContext,
    /// How many jobs failed and recovered meanwhile; nobody is told of these one by one.
    pub came_and_went: u32,
}

/// Why one mail tells of what would have been too many.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct CauseContext {
    /// `limit`: the reader has had as many mails in an hour as are allowed. `downtime`: Vigie did not
    /// run. `undeliverable`: mails did not reach the reader.
    #[schemars(extend("enum" = SummaryCause::CODES))]
    pub code: &'static str,
    /// How many mails are allowed in an hour; null for other causes.
    pub per_hour: Option<u32>,
    /// Since when Vigie did not run, or mails did not reach the reader; null for other causes.
    pub from: Option<Zoned>,
    /// When Vigie was back; null for other causes.
    pub until: Option<Zoned>,
    /// For how many seconds that was so; null when `from` is.
    pub seconds: Option<u64>,
}

impl SummaryContext {
    pub(super) fn new(
        (cause, notices, came_and_went): (&SummaryCause, &[Notice], u32),
        now: Timestamp,
        reader: &Reader,
        surroundings: &Surroundings,
        write: &WriteSingle<'_>,
    ) -> Self {
        let mut room = Room::new(write);
        let mut of_class = |class| {
            let of_class = notices.iter().filter(|notice| notice.class() == class);
            JobsContext::new(of_class, now, reader, &mut room)
        };
        let about = reader.wording.about("summary");
        Self {
            common: CommonContext::new(about, now, reader, surroundings),
            cause: CauseContext::new(cause, now, reader),
            count: notices.len(),
            problems: of_class(NoticeClass::Problem),
            recoveries: of_class(NoticeClass::Recovery),
            warnings: of_class(NoticeClass::Warning),
            came_and_went,
        }
    }
}

impl CauseContext {
    fn new(cause: &SummaryCause, now: Timestamp, reader: &Reader) -> Self {
        let (per_hour, from, until) = match *cause {
            SummaryCause::Limit { per_hour } => (Some(per_hour), None, None),
            SummaryCause::Downtime { from, until } => (None, Some(from), Some(until)),
            SummaryCause::Undeliverable { since } => (None, Some(since), None),
        };
        let seconds = |from| seconds_between(from, until.unwrap_or(now)).unwrap_or_default();
        Self {
            code: cause.code(),
            per_hour,
            from: from.map(|at| reader.at(at)),
            until: until.map(|at| reader.at(at)),
            seconds: from.map(seconds),
        }
    }
}
