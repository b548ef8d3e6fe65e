//! The program from outside: the real binary on real deposits in temporary folders.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

/// A place to run the program in: config, deposit, mails.
mod site;

/// What status each kind of backup gets, and which mail.
mod statuses;

/// Reports as agents in the field really write them.
mod quirks;

/// Reports that can't be taken: set aside with a reason, and nobody else is held up.
mod rejected_reports;

/// What is expected and never comes.
mod deadlines;

/// The same scan again, reports out of order, recovery.
mod again;
mod alerts;

/// What is odd about backups that are proven, over weeks of nights.
mod warnings;

/// Files that are still on their way.
mod settling;

/// The tree of validated backups.
mod validated;

/// Backups that arrive as they were sent and can't be read back.
mod dumps;

/// What becomes of what is kept, and who is told.
mod scrub;

/// Which validated backups stay, and the lists of them.
mod retention;

/// What agents put into the deposit to harm.
mod hostile;

/// Mounts that do not answer.
mod stalls;

/// kill -9 at every step.
mod crashes;

/// kill -9 at every step between an alert and the mail server that takes it.
mod mail_crashes;

/// A mail server that nobody here wrote.
mod smtp;

/// What is told of an incident from its first alert to its end.
mod incidents;

/// What is told after each cycle to who would miss it.
mod ping;

/// What people do about jobs without the config.
mod jobs;

/// The mails on their way: how they wait, and what people do about them.
mod outbox;

/// Signatures, as code that nobody here wrote sees them.
mod dkim;

/// A command that takes the mails of its machine.
mod sendmail;

/// Who is told in which language, and what a broken template costs them: nothing.
mod recipients;

/// Who would be told of what, and why.
mod routes;

/// When people do not want to be told.
mod silence;

/// What `vigie run` takes over while it goes on.
mod reload;

/// What makes `vigie run` do a cycle before its time.
mod arrivals;

/// How far a scan is, as people are shown it.
mod progress;

/// The command line: help, exit statuses, config errors, output.
mod commands;

/// Mails in an ops team's own words.
mod templates;

/// The demo that the README begins with.
mod demo;

/// How all is, and what is told when quiet ends.
mod digests;
