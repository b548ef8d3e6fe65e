//! Kept backups that are damaged, as samples. Knows no mail about several.

use jiff::Timestamp;
use vigie_domain::{
    ExpectedBackupJob, IntactCopies, JobStatus, Sha256, ValidatedFault, ValidatedFile,
    ValidatedFileId,
};

use super::{ARRIVED, LAST_GOOD, SIZE, at, full_job, minimal_job};
use crate::Notice;

/// A kept backup that is damaged, which a mail is written about.
#[derive(Debug, Clone)]
pub struct DamagedSample {
    /// What it is a sample of: `damaged.full` or `damaged.minimal`.
    pub name: String,
    /// The job.
    pub job: ExpectedBackupJob,
    /// The kept backup; its fault says what is wrong.
    pub file: ValidatedFile,
    /// When it was last found as it should be.
    pub intact_at: Option<Timestamp>,
    /// What else is kept of the job.
    pub others: IntactCopies,
    /// The instant as of which the mail is written.
    pub now: Timestamp,
}

impl DamagedSample {
    /// What there is to tell of it.
    #[must_use]
    pub fn notice(&self) -> Notice {
        Notice::Damage {
            job: Box::new(self.job.clone()),
            file: Box::new(self.file.clone()),
            intact_at: self.intact_at,
            others: Box::new(self.others.clone()),
        }
    }
}

/// The last good backup of a job: a disk gives other bytes than were written to it. An older one is left.
#[must_use]
pub fn damaged_full() -> DamagedSample {
    let mut job = full_job();
    job.current_status = JobStatus::Ok;
    job.incident_since = None;
    let folder = &job.validated_folder;
    let file = ValidatedFile {
        id: ValidatedFileId(732),
        job_id: job.id,
        path: format!("{folder}/XAFRIC_2025.sql.zst"),
        sha256: digest(LAST_GOOD),
        size: SIZE,
        kept_at: at("2025-06-19T00:45:02Z"),
        checked_at: at("2025-07-19T03:12:40Z"),
        fault: Some(ValidatedFault::ContentDiffers {
            sha256: digest(ARRIVED),
        }),
    };
    let older = ValidatedFile {
        id: ValidatedFileId(710),
        path: format!("{folder}/XAFRIC_2025_0611.sql.zst"),
        sha256: digest(super::MADE),
        size: SIZE - 20_480,
        kept_at: at("2025-06-11T00:45:03Z"),
        checked_at: at("2025-07-11T02:50:12Z"),
        fault: None,
        ..file.clone()
    };
    DamagedSample {
        name: "damaged.full".to_owned(),
        job,
        file,
        intact_at: Some(at("2025-06-19T00:45:02Z")),
        others: IntactCopies {
            count: 4,
            newest: Some(older),
        },
        now: at("2025-07-19T03:13:05Z"),
    }
}

/// The only backup that was kept of a job, of which something was wrong before: it is gone.
#[must_use]
pub fn damaged_minimal() -> DamagedSample {
    let mut job = minimal_job();
    job.current_status = JobStatus::Ok;
    let file = ValidatedFile {
        id: ValidatedFileId(1),
        job_id: job.id,
        path: "X.zst".to_owned(),
        sha256: digest(LAST_GOOD),
        size: 7,
        kept_at: at("2025-06-19T00:45:02Z"),
        checked_at: at("2025-06-20T02:00:00Z"),
        fault: Some(ValidatedFault::Gone),
    };
    DamagedSample {
        name: "damaged.minimal".to_owned(),
        job,
        file,
        intact_at: None,
        others: IntactCopies::default(),
        now: at("2025-06-20T02:00:01Z"),
    }
}

/// Each thing that can be wrong, with an intact copy beside it and with none.
#[must_use]
pub fn with_each_fault() -> Vec<DamagedSample> {
    let sha256 = digest(ARRIVED);
    let kind = "a symbolic link".to_owned();
    let error = "Input/output error (os error 5)".to_owned();
    let mut samples = Vec::new();
    for fault in [
        ValidatedFault::Gone,
        ValidatedFault::NotRegular { kind },
        ValidatedFault::SizeDiffers {
            size: 1_073_741_824,
        },
        ValidatedFault::ContentDiffers { sha256 },
        ValidatedFault::Unreadable { error },
    ] {
        for mut sample in [damaged_full(), damaged_minimal()] {
            sample.file.fault = Some(fault.clone());
            samples.push(sample);
        }
    }
    samples
}

fn digest(hex: &str) -> Sha256 {
    hex.parse().expect("it is a digest")
}
