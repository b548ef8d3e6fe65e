//! How all is, as samples. Knows no mail about a job.

use jiff::Timestamp;
use vigie_domain::{JobId, JobStatus};

use super::{agent, at};
use crate::{
    Digest, DigestJob, DigestPeriod, EndingSilence, JumpedSize, RecoveredJob, UnchangedJob,
    UndeclaredJob, WaitingMails, WrongJob,
};

/// How all is, which a mail is written about.
#[derive(Debug, Clone)]
pub struct DigestSample {
    /// What it is a sample of: `digest.full` or `digest.minimal`.
    pub name: String,
    /// The facts.
    pub digest: Digest,
    /// The instant as of which the mail is written.
    pub now: Timestamp,
}

/// A week in which there is something to tell of everything.
#[must_use]
pub fn digest_full() -> DigestSample {
    let jumped = JumpedSize {
        job: job(46, "STOCK_2025", "SDMC_DOUALA_BONABERI"),
        size: 41_943_040,
        low: 1_100_000_000,
        high: 1_500_000_000,
        median: 1_283_457_024,
    };
    let silence = EndingSilence {
        matches: "all databases of the agent SDMC_GAROUA_CENTRE".to_owned(),
        reason: "the site moves to another building".to_owned(),
        author: "awa@example.com".to_owned(),
        ends_at: at("2025-06-21T16:00:00Z"),
    };
    let undeclared = UndeclaredJob {
        agent: agent("SDMC_GAROUA_CENTRE"),
        database: "ESSAI_2025".to_owned(),
        known_since: at("2025-06-17T01:12:40Z"),
    };
    let digest = Digest {
        period: DigestPeriod::Weekly,
        from: at("2025-06-13T05:00:00Z"),
        until: at("2025-06-20T05:00:00Z"),
        watched: 412,
        by_status: vec![
            (JobStatus::Ok, 407),
            (JobStatus::Missing, 2),
            (JobStatus::Failed, 1),
            (JobStatus::Unknown, 2),
        ],
        at_rest: 9,
        wrong: wrong(),
        recovered: vec![RecoveredJob {
            job: job(44, "COMPTA_2025", "SDMC_YAOUNDE_BASTOS"),
            opened_at: at("2025-06-16T02:00:05Z"),
            closed_at: at("2025-06-18T05:10:02Z"),
        }],
        unchanged: vec![UnchangedJob {
            job: job(45, "PAIE_2024", "SDMC_DOUALA_AKWA"),
            since: at("2025-05-30T00:41:07Z"),
        }],
        jumped: vec![jumped],
        ending_silences: vec![silence],
        undeclared: vec![undeclared],
        waiting: Some(WaitingMails {
            count: 4,
            since: at("2025-06-20T03:31:10Z"),
        }),
        held_back: 2,
    };
    DigestSample {
        name: "digest.full".to_owned(),
        digest,
        now: at("2025-06-20T05:00:01Z"),
    }
}

/// A day on which all is well.
#[must_use]
pub fn digest_minimal() -> DigestSample {
    DigestSample {
        name: "digest.minimal".to_owned(),
        digest: Digest {
            period: DigestPeriod::Daily,
            from: at("2025-06-19T05:00:00Z"),
            until: at("2025-06-20T05:00:00Z"),
            watched: 412,
            by_status: vec![(JobStatus::Ok, 412)],
            at_rest: 0,
            wrong: Vec::new(),
            recovered: Vec::new(),
            unchanged: Vec::new(),
            jumped: Vec::new(),
            ending_silences: Vec::new(),
            undeclared: Vec::new(),
            waiting: None,
            held_back: 0,
        },
        now: at("2025-06-20T05:00:01Z"),
    }
}

/// A job that nobody has seen to, one that somebody has taken on, and one that is silenced and has never
/// had a good backup.
fn wrong() -> Vec<WrongJob> {
    let wrong = |job, status, since| WrongJob {
        job,
        status,
        since: at(since),
        last_good_at: Some(at("2025-06-17T00:38:51Z")),
        acknowledged_by: None,
        is_silenced: false,
    };
    let akwa = "SDMC_DOUALA_AKWA";
    vec![
        WrongJob {
            acknowledged_by: Some("awa@example.com".to_owned()),
            ..wrong(
                job(42, "XAFRIC_2024", akwa),
                JobStatus::Failed,
                "2025-06-18T00:45:00Z",
            )
        },
        wrong(
            job(41, "XAFRIC_2025", akwa),
            JobStatus::Missing,
            "2025-06-18T02:00:05Z",
        ),
        WrongJob {
            last_good_at: None,
            is_silenced: true,
            ..wrong(
                job(47, "COMPTA_2025", "SDMC_GAROUA_CENTRE"),
                JobStatus::Missing,
                "2025-06-19T22:00:05Z",
            )
        },
    ]
}

fn job(id: i64, database: &str, of: &str) -> DigestJob {
    DigestJob {
        id: JobId(id),
        agent: agent(of),
        database: database.to_owned(),
    }
}
