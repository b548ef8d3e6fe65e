//! The mails of Vigie: what is said of a job that is not OK, to whom, in which language, and how it
//! gets there. Knows no deposit, no report's bytes and no database.
//!
//! A [`Composer`] writes mails about a job. A [`Notifier`] sends them at once. Where none may be lost,
//! a [`Planner`] makes mails of the events in an [`Outbox`] and leaves them there, and a
//! [`DeliveryWorker`] sends them, through outages and crashes. Both send through a [`Transport`]: one
//! of those here, or your own. A [`Routing`] says who is told of which jobs, and [`Quiet`] until when
//! people do not want to be.
//!
//! ```
//! use vigie_notify::{Composer, ComposerSettings, MemoryTransport, Notifier, samples};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let composer = Composer::new(ComposerSettings {
//!     from: "Vigie <vigie@example.com>".to_owned(),
//!     admin_email_recipient: vec!["admin@example.com".to_owned()],
//!     ..ComposerSettings::default()
//! })?;
//! let outgoing = std::sync::Arc::new(MemoryTransport::new());
//! // An instant is a clock that stands still; `SystemClock` is the one that goes.
//! let missing = samples::missing_full();
//! let notifier = Notifier::new(composer, outgoing.clone(), missing.now);
//!
//! let notified = notifier.notify_backup_status_change(&missing.job, None).await;
//!
//! assert_eq!((notified.sent, notified.failed), (1, 0));
//! assert_eq!(
//!     outgoing.mails()[0].subject,
//!     "[MISSING] XAFRIC_2025: no backup report received from SDMC_DOUALA_AKWA"
//! );
//! # Ok(())
//! # }
//! ```
//!
//! The features `smtp`, `sendmail` and `file`, all on by default, bring the transports of these names.
//! Without them the crate needs no network and no TLS, and a Tokio runtime for the [`DeliveryWorker`]
//! alone.

#[cfg(all(doctest, feature = "smtp"))]
#[doc = include_str!("../README.md")]
struct ReadmeExample;

mod about;
mod arrangement;
mod clock;
mod compose;
mod context;
mod delivery;
mod desk;
mod digest;
mod fault;
mod identity;
mod incident;
mod links;
mod locale;
mod mail;
mod matching;
mod nearest;
mod notice;
mod notification;
mod notifier;
mod outbox;
mod planner;
mod position;
mod quiet;
mod routing;
pub mod samples;
mod templates;
mod transport;
mod untrusted;
mod variables;
mod vocabulary;
mod wording;

pub use about::{IncidentHistory, ReminderNumber, UndeliveredMail};
pub use arrangement::Grouping;
pub use clock::{Clock, SystemClock};
pub use compose::{Composer, ComposerError, ComposerSettings, Recipient};
pub use context::{
    AgentCountContext, BackupContext, CauseContext, ClockContext, CommonContext, ContentContext,
    ContentFaultContext, DamagedContext, DelayContext, DigestContext, DigestJobContext,
    EndingSilenceContext, EntryContext, GroupContext, IncidentContext, IntactContext, JobContext,
    JobMailContext, JobsContext, JumpedSizeContext, KeptFileContext, KeptFileFaultContext,
    LastEntryContext, LastGoodContext, LinksContext, ListContext, ListedDamageContext,
    ListedJobContext, MissingContext, OddityContext, OutageContext, ReasonContext,
    RecoveredJobContext, RecoveryContext, ReminderContext, RestContext, ScheduleContext,
    ScopeContext, SizeContext, StageContext, StatusChangeContext, StatusCountContext,
    SummaryContext, UnchangedJobContext, UndeclaredJobContext, UndeliveredContext,
    UndeliveredMailContext, WaitingMailsContext, WarningContext, WrongJobContext,
};
pub use delivery::{Delivered, DeliverySettings, DeliveryWorker};
pub use digest::{
    Digest, DigestJob, DigestPeriod, DigestSettings, EndingSilence, JumpedSize, RecoveredJob,
    UnchangedJob, UndeclaredJob, WaitingMails, WrongJob,
};
pub use fault::{ClockJump, CycleFacts, FaultRecord, TreeState, watch};
pub use incident::{
    Acknowledgement, Incident, IncidentKey, Reminders, StatusChange, Telling, follow, is_news,
    remind,
};
pub use links::{InvalidLink, Link};
pub use locale::{InvalidLocale, Locale};
pub use mail::{InvalidAddress, Mail, MailError, check_address};
pub use matching::{AlertSeverity, Glob, InvalidGlob, Matchers, Subject};
pub use notice::{
    GroupBy, GroupScope, Notice, NoticeClass, Outage, SummaryCause, SystemFault, rank,
};
pub use notification::{
    AskedNotification, Hold, HoldCause, NotificationDetail, NotificationId, NotificationKind,
    NotificationSubject, PendingJob, PendingNotification, ReaderState,
};
pub use notifier::{Notified, Notifier};
pub use outbox::{
    Attempt, Backlog, DeadDelivery, Delivery, DeliveryId, EventId, LONGEST_DELAY, Lease, Ledger,
    MemoryOutbox, OpenIncident, Outbox, OutboxError, Outcome, Plan, PlannedMail,
};
pub use planner::{AlertPolicy, Planned, Planner};
pub use quiet::{
    Held, HeldBy, HolidayDate, Quiet, QuietTimes, QuietWindow, Silence, SilenceId, never_end,
};
pub use routing::{Route, Routed, RoutedBy, RoutedRecipient, Routing};
pub use templates::{
    CopiedFrom, InvalidMailKind, InvalidOrigins, MailKind, ORIGINS, Origin, Origins, Severity,
    TemplateFault, TemplateFiles, TemplateOrigin, Templates, TemplatesBuilder,
};
#[cfg(any(feature = "file", feature = "smtp"))]
pub use transport::FallbackTransport;
#[cfg(feature = "file")]
pub use transport::FileTransport;
#[cfg(feature = "smtp")]
pub use transport::{
    DkimError, DkimRecord, DkimSettings, DkimSigner, InvalidDkimSettings, InvalidSmtpSettings,
    SmtpClientCertificate, SmtpSecurity, SmtpSettings, SmtpTokens, SmtpTransport, dkim_speaks_for,
};
pub use transport::{MemoryTransport, Receipt, Transport, TransportError};
#[cfg(feature = "sendmail")]
pub use transport::{SendmailSettings, SendmailTransport};
pub use variables::{Variable, VariableKind, variables};
pub use vocabulary::{
    ArgumentKind, HANDLEBARS_HELPERS, HELPERS, HelperDocumentation, HelperExample,
    HelperExampleError, helper_examples,
};

// What the signatures above are made of, so that nobody has to match versions.
pub use async_trait::async_trait;
pub use jiff::Timestamp;
pub use jiff::civil;
pub use jiff::tz::TimeZone;
#[cfg(feature = "smtp")]
pub use secrecy::SecretString;
