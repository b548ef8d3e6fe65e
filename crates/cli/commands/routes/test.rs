//! `vigie routes test`: who would be told of a job, why, and whether that is held. Sends nothing.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use vigie_domain::{ExpectedBackupJob, JobId, JobStatus, declare_job};
use vigie_notify::{
    AlertSeverity, Clock, Held, HeldBy, Locale, Quiet, Routed, RoutedBy, RoutedRecipient, Subject,
    SystemClock,
};

use crate::age::age;
use crate::arguments::{Format, RoutesTestArguments};
use crate::config::{Config, RecipientConfig};
use crate::local_time::local_time;
use crate::printable::printable;
use crate::table::print_table;
use crate::vigie::open_existing;

/// What is known of the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Known {
    /// It is declared in the config.
    Declared,
    /// A report spoke of it.
    Registered,
    /// Nothing: the rest is what its names imply.
    Unknown,
}

/// What would be told, as `--format json` shows it. The keys are stable.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    agent: &'a str,
    database: &'a str,
    company: &'a str,
    city: &'a str,
    year: Option<i16>,
    status: JobStatus,
    severity: AlertSeverity,
    job: Known,
    recipients: Vec<ShownRecipient<'a>>,
    /// Null when people would be told at once.
    held: Option<ShownHeld<'a>>,
}

#[derive(Debug, Serialize)]
struct ShownRecipient<'a> {
    address: &'a str,
    by: &'static str,
    /// Null unless a route names them.
    route: Option<ShownRoute<'a>>,
    locale: &'a str,
    timezone: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct ShownRoute<'a> {
    number: usize,
    name: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct ShownHeld<'a> {
    until: Timestamp,
    by: &'a HeldBy,
}

/// What is asked, and the answer.
struct Answer<'a> {
    config: &'a Config,
    job: &'a ExpectedBackupJob,
    known: Known,
    severity: AlertSeverity,
    routed: Routed,
    held: Option<Held>,
}

pub async fn run(config: &Config, arguments: &RoutesTestArguments) -> anyhow::Result<ExitCode> {
    let zone = &config.mail.time_zone;
    let at = arguments.at.map(|at| at.in_zone(zone)).transpose();
    let now = at.context("--at")?.unwrap_or_else(|| SystemClock.now());
    let store = open_existing(config).await?;
    let (registered, silences) = match &store {
        Some(store) => {
            let jobs = store.jobs_of_database(&arguments.database, Some(&arguments.agent));
            let job = jobs.await?.into_iter().next();
            (job, store.open_silences(now).await?)
        }
        None => (None, Vec::new()),
    };
    let (mut job, known) = job(config, arguments, registered, now);
    change(&mut job, arguments);
    let quiet = Quiet {
        silences,
        windows: config.windows.clone(),
    };
    let administrators = &config.mail.admin_email_recipient;
    let severity = arguments.severity;
    let answer = Answer {
        config,
        job: &job,
        known,
        severity,
        routed: config.routing.recipients_of(&job, severity, administrators),
        held: quiet.until(&Subject::of(&job, severity), now),
    };
    let mut out = io::stdout().lock();
    match arguments.output.format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, &answer.shown())?;
            writeln!(out)?;
        }
        Format::Text => answer.print(&mut out, now)?,
    }
    let is_nobody = answer.routed.recipients.is_empty();
    Ok(ExitCode::from(u8::from(is_nobody)))
}

/// The job as the next cycle would have it.
fn job(
    config: &Config,
    arguments: &RoutesTestArguments,
    registered: Option<ExpectedBackupJob>,
    now: Timestamp,
) -> (ExpectedBackupJob, Known) {
    let declaration = config.jobs.iter().find(|declared| {
        declared.agent.is_same_as(&arguments.agent) && declared.database == arguments.database
    });
    if let Some(declaration) = declaration {
        let id = registered.as_ref().map_or(JobId(0), |job| job.id);
        let declared = declare_job(id, declaration, registered.as_ref(), now);
        return (declared.job, Known::Declared);
    }
    if let Some(registered) = registered {
        return (registered, Known::Registered);
    }
    let job = ExpectedBackupJob::new(
        JobId(0),
        arguments.agent.clone(),
        &arguments.database,
        config.schedule.clone(),
        now,
    );
    (job, Known::Unknown)
}

/// Makes the job what is asked about.
fn change(job: &mut ExpectedBackupJob, arguments: &RoutesTestArguments) {
    job.current_status = arguments.status;
    if let Some(company) = &arguments.company {
        job.company.clone_from(company);
    }
    if let Some(city) = &arguments.city {
        job.city.clone_from(city);
    }
    job.year = arguments.year.or(job.year);
}

impl Answer<'_> {
    fn shown(&self) -> Shown<'_> {
        let job = self.job;
        let recipients = self.routed.recipients.iter();
        Shown {
            agent: job.agent.as_str(),
            database: &job.database,
            company: &job.company,
            city: &job.city,
            year: job.year,
            status: job.current_status,
            severity: self.severity,
            job: self.known,
            recipients: recipients.map(|one| self.shown_recipient(one)).collect(),
            held: self.held.as_ref().map(|held| ShownHeld {
                until: held.until,
                by: &held.by,
            }),
        }
    }

    fn shown_recipient<'a>(&'a self, recipient: &'a RoutedRecipient) -> ShownRecipient<'a> {
        let (locale, zone) = self.language_of(&recipient.address);
        let (by, route) = match recipient.by {
            RoutedBy::Job => ("job", None),
            RoutedBy::Route(index) => ("route", Some(index)),
            RoutedBy::Default => ("default", None),
        };
        ShownRecipient {
            address: &recipient.address,
            by,
            route: route.map(|index| ShownRoute {
                number: index + 1,
                name: self.config.routing.routes[index].name.as_deref(),
            }),
            locale: locale.as_str(),
            timezone: zone.iana_name(),
        }
    }

    fn language_of(&self, address: &str) -> (&Locale, &TimeZone) {
        let mail = &self.config.mail;
        let is_theirs = |known: &&RecipientConfig| known.address.eq_ignore_ascii_case(address);
        let wanted = mail.preferences.iter().find(is_theirs);
        let locale = wanted.and_then(|wanted| wanted.locale.as_ref());
        let zone = wanted.and_then(|wanted| wanted.time_zone.as_ref());
        (
            locale.unwrap_or(&mail.locale),
            zone.unwrap_or(&mail.time_zone),
        )
    }

    fn print(&self, out: &mut dyn Write, now: Timestamp) -> io::Result<()> {
        self.print_job(out)?;
        if self.routed.recipients.is_empty() {
            return writeln!(
                out,
                "nobody would be told: the job names nobody, no route matches, and \
                 mail.admin_email_recipient is not set"
            );
        }
        let recipients = self.routed.recipients.iter();
        let rows = recipients.map(|recipient| {
            let shown = self.shown_recipient(recipient);
            [
                shown.address.to_owned(),
                self.why(recipient.by),
                shown.locale.to_owned(),
                shown.timezone.unwrap_or("-").to_owned(),
            ]
        });
        let head = ["RECIPIENT", "TOLD BY", "LANGUAGE", "TIME ZONE"];
        print_table(out, head, &rows.collect::<Vec<_>>())?;
        self.print_held(out, now)
    }

    fn print_job(&self, out: &mut dyn Write) -> io::Result<()> {
        let job = self.job;
        let year = job.year.map(|year| format!(", year {year}"));
        let known = match self.known {
            Known::Declared => "declared in the config",
            Known::Registered => "known from its reports",
            Known::Unknown => "not known: taken from its names",
        };
        writeln!(
            out,
            "{} of {} ({}, {})\ncompany {}, city {}{}; {known}\n",
            printable(&job.database),
            printable(job.agent.as_str()),
            job.current_status,
            self.severity,
            printable(&job.company),
            printable(&job.city),
            year.unwrap_or_default(),
        )
    }

    fn why(&self, by: RoutedBy) -> String {
        match by {
            RoutedBy::Job => "the job".to_owned(),
            RoutedBy::Default => "[mail], as nobody else is told".to_owned(),
            RoutedBy::Route(index) => match &self.config.routing.routes[index].name {
                Some(name) => format!("route {} ({})", index + 1, printable(name)),
                None => format!("route {}", index + 1),
            },
        }
    }

    fn print_held(&self, out: &mut dyn Write, now: Timestamp) -> io::Result<()> {
        let Some(held) = &self.held else {
            return writeln!(out, "\nnothing holds it back");
        };
        let by = match &held.by {
            HeldBy::Maintenance { name } => format!("window {name}"),
            by @ HeldBy::Silence { .. } => by.to_string(),
        };
        writeln!(
            out,
            "\nheld until {} (for {}): {}",
            local_time(held.until, &self.config.mail.time_zone),
            age(now, held.until),
            printable(&by)
        )
    }
}
