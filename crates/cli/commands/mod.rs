//! The commands, a module each.

pub mod ack;
pub mod config_check;
mod damage;
pub mod demo;
mod held_back;
pub mod history;
pub mod init;
pub mod jobs;
pub mod mail_test;
pub mod outbox;
pub mod prune;
pub mod routes;
pub mod run;
pub mod scan;
pub mod scrub;
pub mod silence;
pub mod status;
pub mod templates;
