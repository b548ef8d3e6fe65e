//! Faults of the machine while a hostile agent is served: disks that are full or broken, too few open
//! files.

use serde_json::{Value, json};

use super::case::{AGENT, Case, Expected, Run, case, good_report, report};
use crate::site::{Backup, DAYS_LATER, Site};

const COPY: &str = "{site}/validated/MMM/HOSTILE/SITE/no-year/X/.vigie-partial";

fn deliver_large(site: &Site) {
    let content: Vec<u8> = (0..=250).cycle().take(6 << 20).collect();
    site.deliver(&report(vec![Backup::good("X", &content)]));
}

/// When the fault is over, the next cycle makes up for it.
fn is_made_up_for(site: &Site, result: &Value) {
    assert_eq!(result["reports"]["pending"], 1, "{result:#}");
    let result = site.scan("2025-06-19T06:01:00Z");
    let entries = result["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 1, "{result:#}");
    assert_eq!(entries[0]["status"], "SUCCESS");
    assert_eq!(site.status_of("X"), "OK");
}

pub fn cases() -> Vec<Case> {
    let not_kept = || Expected::Entry("FAILED", "could not keep the proven backup: No space left");
    vec![
        case(
            "a disk that is full when a large copy is begun",
            deliver_large,
            not_kept(),
        )
        .run_as(Run::Faulty(&[
            "-P",
            COPY,
            "-e",
            "inject=fallocate:error=ENOSPC",
        ]))
        .check(is_made_up_for),
        case(
            "a disk that is full in the middle of a copy",
            deliver_large,
            not_kept(),
        )
        .run_as(Run::Faulty(&[
            "-P",
            COPY,
            "-e",
            "inject=pwrite64:error=ENOSPC:when=3+",
        ]))
        .check(is_made_up_for),
        case(
            "a disk that is full when a small copy is written",
            |site| site.deliver(&good_report()),
            not_kept(),
        )
        .run_as(Run::Faulty(&[
            "-P",
            COPY,
            "-e",
            "inject=pwrite64:error=ENOSPC",
        ]))
        .check(is_made_up_for),
        case(
            "a disk that breaks when a copy is synchronised",
            |site| site.deliver(&good_report()),
            Expected::Entry(
                "FAILED",
                "could not keep the proven backup: Input/output error",
            ),
        )
        .run_as(Run::Faulty(&["-P", COPY, "-e", "inject=fsync:error=EIO"]))
        .check(is_made_up_for),
        case(
            "a staged file on a broken disk",
            deliver_large,
            Expected::Entry(
                "FAILED",
                "could not read the staged file: Input/output error",
            ),
        )
        .run_as(Run::Faulty(&[
            "-P",
            "{site}/deposit/MMM_HOSTILE_SITE/databases/X.sql.zst",
            "-e",
            "inject=pread64:error=EIO:when=4+",
        ]))
        .check(is_made_up_for),
        case(
            "a report on a broken disk",
            |site| site.deliver(&good_report().named("r.json")),
            Expected::Error("r.json: Input/output error"),
        )
        .run_as(Run::Faulty(&[
            "-P",
            "{site}/deposit/MMM_HOSTILE_SITE/log/r.json",
            "-e",
            "inject=read:error=EIO",
        ]))
        .check(|site, _| {
            let result = site.scan("2025-06-19T06:01:00Z");
            assert_eq!(result["reports"]["processed"], 1, "{result:#}");
        }),
        case(
            "a log folder on a broken disk",
            |site| site.deliver(&good_report()),
            Expected::Error("log: Input/output error"),
        )
        .run_as(Run::Faulty(&[
            "-P",
            "{site}/deposit/MMM_HOSTILE_SITE/log",
            "-e",
            "inject=getdents64:error=EIO",
        ])),
        case(
            "200 databases with 64 open files to look at them",
            |site| {
                let many = (0..200).map(|number| Backup::good(&format!("D{number}"), b"content"));
                site.deliver(&report(many.collect()));
            },
            Expected::Entry("SUCCESS", ""),
        )
        .run_as(Run::Limited("--nofile=64"))
        .check(|site, _| {
            // Nothing of it is left over for days.
            let result = site.scan(DAYS_LATER);
            assert_eq!(result["reports"]["pending"], json!(0), "{AGENT}");
        }),
    ]
}
