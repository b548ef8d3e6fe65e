//! What vigie.toml says, key by key, as it says it. Knows no default and no meaning.
//!
//! These types are also the list of known keys. They have no `Debug`, as one of them holds a
//! password in plain text.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::one_or_several::{OneOrSeveral, TextOrTable};
use super::switch_or_table::SwitchOrTable;

#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
pub struct RawConfig {
    pub deposit: RawDeposit,
    pub database: RawDatabase,
    pub scan: RawScan,
    pub scrub: RawScrub,
    pub schedule: RawSchedule,
    pub alerts: RawAlerts,
    pub warnings: Option<SwitchOrTable<RawWarnings>>,
    pub verify: RawVerify,
    pub retention: Option<RawRetention>,
    pub mail: RawMail,
    pub smtp: RawSmtp,
    pub sendmail: RawSendmail,
    pub templates: RawTemplates,
    pub ping: RawPing,
    pub digest: RawDigest,
    pub recipients: Vec<RawRecipient>,
    pub routes: Vec<RawRoute>,
    pub maintenance: Vec<RawMaintenance>,
    pub holidays: Vec<RawHolidays>,
    pub jobs: Vec<RawJob>,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
pub struct RawDeposit {
    pub root: Option<String>,
    pub validated: Option<String>,
    pub auto_register: Option<bool>,
    pub report_max_age: Option<String>,
    pub report_max_size: Option<RawByteSize>,
    pub report_max_depth: Option<i64>,
    pub report_max_databases: Option<i64>,
    pub report_max_name: Option<i64>,
    pub report_max_text: Option<i64>,
    pub timezone: Option<String>,
    pub settle: Option<String>,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
pub struct RawDatabase {
    pub url: Option<String>,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
pub struct RawScan {
    pub interval: Option<String>,
    pub watch: Option<bool>,
    pub cores: Option<i64>,
    pub max_read_rate: Option<RawReadRate>,
    pub reports_per_agent: Option<i64>,
    pub report_bytes_per_agent: Option<RawByteSize>,
    pub stall_timeout: Option<String>,
    pub full_sweep_every: Option<i64>,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
pub struct RawScrub {
    pub every: Option<RawSpan>,
    pub max_read_rate: Option<RawReadRate>,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
pub struct RawSchedule {
    pub every: Option<String>,
    pub cron: Option<String>,
    pub timezone: Option<String>,
    pub grace: Option<String>,
    pub early: Option<String>,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
pub struct RawAlerts {
    pub reminders: Option<Vec<String>>,
    pub group_by: Option<String>,
    pub group_above: Option<i64>,
    pub outage_above: Option<i64>,
    pub max_per_hour: Option<i64>,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
pub struct RawWarnings {
    pub unchanged_after: Option<RawSpan>,
    pub size: Option<bool>,
    pub later: Option<bool>,
    pub retried: Option<bool>,
    pub clock: Option<bool>,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
pub struct RawVerify {
    pub level: Option<String>,
    pub max_expansion: Option<i64>,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
pub struct RawRetention {
    pub keep_last: Option<RawCount>,
    pub keep_hourly: Option<RawCount>,
    pub keep_daily: Option<RawCount>,
    pub keep_weekly: Option<RawCount>,
    pub keep_monthly: Option<RawCount>,
    pub keep_yearly: Option<RawCount>,
    pub timezone: Option<String>,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
pub struct RawMail {
    pub transport: Option<String>,
    pub directory: Option<String>,
    pub locale: Option<String>,
    pub timezone: Option<String>,
    pub max_per_minute: Option<i64>,
    pub deliver_within: Option<String>,
    pub from: Option<String>,
    pub admin_email_recipient: Option<OneOrSeveral<String>>,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
pub struct RawSmtp {
    pub host: Option<String>,
    pub port: Option<i64>,
    pub username: Option<String>,
    pub password: Option<String>,
    pub password_file: Option<String>,
    pub password_credential: Option<String>,
    pub oauth_token_file: Option<String>,
    pub oauth_token_command: Option<Vec<String>>,
    pub security: Option<String>,
    pub timeout: Option<String>,
    pub ca_file: Option<String>,
    pub client_certificate: Option<String>,
    pub client_key: Option<String>,
    pub connections: Option<i64>,
    // A fallback has neither, and so neither key where the known keys are listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dkim: Option<RawDkim>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Box<RawSmtp>>,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
pub struct RawDkim {
    pub domain: Option<String>,
    pub selector: Option<String>,
    pub key_file: Option<String>,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
pub struct RawSendmail {
    pub command: Option<OneOrSeveral<String>>,
    pub timeout: Option<String>,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
pub struct RawTemplates {
    pub directory: Option<String>,
    pub dashboard_url: Option<String>,
    pub runbook_url: Option<String>,
    pub vars: BTreeMap<String, String>,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
pub struct RawDigest {
    pub every: Option<String>,
    pub at: Option<String>,
    pub weekday: Option<String>,
    pub timezone: Option<String>,
    pub recipients: Option<OneOrSeveral<TextOrTable<RawRecipient>>>,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
pub struct RawPing {
    pub url: Option<String>,
    pub timeout: Option<String>,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
pub struct RawRecipient {
    pub address: Option<String>,
    pub locale: Option<String>,
    pub timezone: Option<String>,
}

/// Not a table of its own: routes and windows have its keys, which would lose their lines if they
/// were flattened.
pub struct RawMatchers {
    pub company: Option<OneOrSeveral<String>>,
    pub city: Option<OneOrSeveral<String>>,
    pub agent: Option<OneOrSeveral<String>>,
    pub database: Option<OneOrSeveral<String>>,
    pub year: Option<RawYears>,
    pub status: Option<OneOrSeveral<String>>,
    pub severity: Option<OneOrSeveral<String>>,
}

/// A table that has the keys of matchers beside its own.
macro_rules! with_matchers {
    ($name:ident { $($(#[$attribute:meta])* pub $key:ident: $kind:ty,)* }) => {
        #[derive(Default, Deserialize, Serialize)]
        #[serde(default)]
        pub struct $name {
            $($(#[$attribute])* pub $key: $kind,)*
            pub company: Option<OneOrSeveral<String>>,
            pub city: Option<OneOrSeveral<String>>,
            pub agent: Option<OneOrSeveral<String>>,
            pub database: Option<OneOrSeveral<String>>,
            pub year: Option<RawYears>,
            pub status: Option<OneOrSeveral<String>>,
            pub severity: Option<OneOrSeveral<String>>,
        }

        impl $name {
            /// As the list of known keys has it.
            pub fn with_matchers_shown() -> Self {
                Self {
                    company: Some(OneOrSeveral::texts()),
                    city: Some(OneOrSeveral::texts()),
                    agent: Some(OneOrSeveral::texts()),
                    database: Some(OneOrSeveral::texts()),
                    status: Some(OneOrSeveral::texts()),
                    severity: Some(OneOrSeveral::texts()),
                    ..Self::default()
                }
            }

            pub fn take_matchers(&mut self) -> RawMatchers {
                RawMatchers {
                    company: self.company.take(),
                    city: self.city.take(),
                    agent: self.agent.take(),
                    database: self.database.take(),
                    year: self.year.take(),
                    status: self.status.take(),
                    severity: self.severity.take(),
                }
            }
        }
    };
}

with_matchers!(RawRoute {
    pub name: Option<String>,
    pub recipients: Option<OneOrSeveral<TextOrTable<RawRecipient>>>,
    #[serde(rename = "continue")]
    pub continues: Option<bool>,
});

with_matchers!(RawMaintenance {
    pub name: Option<String>,
    pub days: Option<OneOrSeveral<String>>,
    pub start: Option<String>,
    pub end: Option<String>,
    pub from: Option<String>,
    pub to: Option<String>,
    pub timezone: Option<String>,
});

with_matchers!(RawHolidays {
    pub name: Option<String>,
    pub dates: Option<OneOrSeveral<String>>,
    pub timezone: Option<String>,
});

/// The keys of a schedule stand here once more: flattened, they would lose their lines.
#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
pub struct RawJob {
    pub agent: Option<String>,
    pub database: Option<String>,
    pub year: Option<i64>,
    pub company: Option<String>,
    pub city: Option<String>,
    pub neighborhood: Option<String>,
    pub every: Option<String>,
    pub cron: Option<String>,
    pub timezone: Option<String>,
    pub grace: Option<String>,
    pub early: Option<String>,
    pub recipients: Option<OneOrSeveral<TextOrTable<RawRecipient>>>,
    pub active: Option<bool>,
    pub warnings: Option<SwitchOrTable<RawWarnings>>,
    pub verify: Option<String>,
}

impl RawJob {
    pub fn take_schedule(&mut self) -> RawSchedule {
        RawSchedule {
            every: self.every.take(),
            cron: self.cron.take(),
            timezone: self.timezone.take(),
            grace: self.grace.take(),
            early: self.early.take(),
        }
    }
}

#[derive(Deserialize, Serialize)]
#[serde(
    untagged,
    expecting = "a number of bytes, or a string such as \"4MiB\""
)]
pub enum RawByteSize {
    Bytes(i64),
    Written(String),
}

#[derive(Deserialize, Serialize)]
#[serde(untagged, expecting = "a string such as \"50MB/s\"")]
pub enum RawReadRate {
    Bare(i64),
    Written(String),
}

#[derive(Deserialize, Serialize)]
#[serde(untagged, expecting = "a number of backups, or \"all\"")]
pub enum RawCount {
    Number(i64),
    Written(String),
}

#[derive(Deserialize, Serialize)]
#[serde(untagged, expecting = "a duration such as \"30d\", or false")]
pub enum RawSpan {
    Switch(bool),
    Written(String),
}

#[derive(Deserialize, Serialize)]
#[serde(untagged, expecting = "a year such as 2025, or an array of years")]
pub enum RawYears {
    One(i64),
    Several(Vec<i64>),
}
