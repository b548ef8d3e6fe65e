//! Reports that hold too much, or hold what is no report.

use std::fs;

use serde_json::{Map, Value, json};

use super::case::{
    AGENT, Case, Expected, LAST, Run, case, drop_text, entries, good, good_report, log, report,
    staged,
};
use crate::site::{Backup, Report, Site};

fn nested(levels: usize) -> Value {
    (0..levels).fold(json!(0), |inner, _| json!([inner]))
}

fn nested_by_hand(levels: usize) -> String {
    let text = good_report().saying("extra", json!("HERE")).text();
    let nested = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    text.replace("\"HERE\"", &nested)
}

fn empty_sections(count: usize) -> Value {
    let sections = (0..count).map(|number| (format!("D{number}"), json!({})));
    Value::Object(sections.collect::<Map<_, _>>())
}

fn says(pointer: &str, value: Value) -> Report {
    report(vec![good().saying(pointer, value)])
}

/// The only job of the hostile agent, as `status` shows it.
fn entry_of(site: &Site, database: &str) -> Value {
    site.job(database)["latest_entry"].clone()
}

pub fn cases() -> Vec<Case> {
    let mut all = too_much();
    all.extend(no_reports());
    all.extend(odd_values());
    all
}

fn too_much() -> Vec<Case> {
    vec![
        case(
            "a report of 5 MiB",
            |site| {
                site.deliver(&good_report().saying("padding", json!("x".repeat(5 << 20))));
            },
            Expected::Rejected("report_max_size"),
        ),
        case(
            "a report of 4 GiB of holes",
            |site| {
                let file = fs::File::create(log(site).join("r.json")).unwrap();
                file.set_len(4 << 30).unwrap();
            },
            Expected::Rejected("report_max_size"),
        ),
        case(
            "a million arrays within each other",
            |site| drop_text(site, nested_by_hand(1_000_000).as_bytes()),
            Expected::Rejected("32 levels that `report_max_depth` allows"),
        ),
        case(
            "a million arrays that never end",
            |site| drop_text(site, &b"["[..].repeat(1_000_000)),
            Expected::Rejected("report_max_depth"),
        ),
        case(
            "objects within each other where a field is read",
            |site| site.deliver(&says("/BACKUP/status", nested(40))),
            Expected::Rejected("report_max_depth"),
        ),
        case(
            "nesting that is just allowed",
            |site| drop_good(site, &nested_by_hand(31)),
            Expected::Entry("SUCCESS", ""),
        ),
        case(
            "1,001 databases",
            |site| site.deliver(&good_report().saying("databases", empty_sections(1001))),
            Expected::Rejected("1001 databases, more than the 1000 that `report_max_databases`"),
        ),
        case(
            "200,000 databases",
            |site| {
                let text = good_report()
                    .saying("databases", empty_sections(200_000))
                    .text();
                drop_text(site, text.replace([' ', '\n'], "").as_bytes());
            },
            Expected::Rejected("200000 databases"),
        ),
        case(
            "1,000 databases with one long log summary for all",
            |site| {
                let summary = json!("é".repeat(1_000_000));
                let many = good_report().saying("databases", empty_sections(1000));
                site.deliver(&many.saying("logs_summary", summary));
            },
            Expected::Entry("FAILED", "does not say that BACKUP succeeded"),
        )
        .check(|site, _| {
            let stored = fs::metadata(site.path("vigie.db")).unwrap().len();
            assert!(stored < 32 << 20, "{stored} bytes are stored");
            let summary = entry_of(site, "D7")["logs_summary"].clone();
            assert!(summary.as_str().unwrap().ends_with(" more characters)"));
        }),
        case(
            "a database with a name of 256 bytes",
            |site| {
                site.deliver(&report(vec![
                    Backup::good(&"x".repeat(128), b"c").not_staged(),
                    Backup::good(&"é".repeat(128), b"c").not_staged(),
                ]));
            },
            Expected::Rejected("256 bytes, more than the 255 that `report_max_name` allows"),
        ),
        case(
            "a database with a name of 1 MiB",
            |site| {
                let name = "x".repeat(1 << 20);
                site.deliver(&report(vec![Backup::good(&name, b"c").not_staged()]));
            },
            Expected::Rejected("1048576 bytes"),
        ),
        case(
            "a staged file with a name of 256 bytes",
            |site| {
                let name = json!("x".repeat(256));
                site.deliver_report_only(&says("/staged_file_name", name));
            },
            Expected::Entry("FAILED", "has 256 bytes"),
        ),
        case(
            "an error message of 1 MB",
            |site| {
                let failed = good().saying("/BACKUP/status", json!(false));
                let message = json!("é".repeat(1_000_000));
                site.deliver(&report(vec![
                    failed.saying("/BACKUP/error_message", message),
                ]));
            },
            Expected::Entry("FAILED", "BACKUP failed"),
        )
        .check(|site, _| {
            let error = entry_of(site, "X")["agent_error"].clone();
            let error = error.as_str().unwrap();
            assert!(error.ends_with("é… (984000 more characters)"), "{error}");
        }),
        case(
            "a log summary of a million empty lines",
            |site| {
                let text = says("/logs_summary", json!("HERE")).text();
                let lines = format!("[{}\"end\"]", "\"\",".repeat(1_000_000));
                drop_good(site, &text.replace("\"HERE\"", &lines));
            },
            Expected::Entry("SUCCESS", ""),
        ),
        case(
            "600 reports at once",
            |site| {
                for number in 0..600 {
                    let name = format!("r{number:04}.json");
                    site.deliver(&good_report().saying("n", json!(number)).named(&name));
                }
            },
            Expected::Left(100),
        ),
        case(
            "three reports of 3 MiB",
            |site| {
                for number in 0..3 {
                    let padding = json!(number.to_string().repeat(3 << 20));
                    let name = format!("r{number}.json");
                    site.deliver(&good_report().saying("p", padding).named(&name));
                }
            },
            Expected::Left(1),
        ),
        case(
            "half a million objects that nobody asks for, with 128 MiB to take them in",
            |site| {
                let text = good_report().saying("extra", json!("HERE")).text();
                let objects = format!("[{}0]", "{\"\":0},".repeat(500_000));
                drop_good(site, &text.replace("\"HERE\"", &objects));
            },
            Expected::Entry("SUCCESS", ""),
        )
        .run_as(Run::Limited("--data=134217728")),
    ]
}

/// Stages the file and drops this text as its report.
fn drop_good(site: &Site, text: &str) {
    good_report().stage(&site.deposit());
    drop_text(site, text.as_bytes());
}

fn no_reports() -> Vec<Case> {
    vec![
        case(
            "an empty report",
            |site| drop_text(site, b""),
            Expected::Rejected("the file ends before the report does"),
        ),
        case(
            "a report of zeros",
            |site| drop_text(site, &[0; 5000]),
            Expected::Rejected("the file ends before the report does"),
        ),
        case(
            "a report in UTF-16",
            |site| {
                let units = good_report().text();
                let units = units.encode_utf16().flat_map(u16::to_le_bytes);
                let bytes: Vec<u8> = [0xFF, 0xFE].into_iter().chain(units).collect();
                drop_text(site, &bytes);
            },
            Expected::Rejected("no UTF-8"),
        ),
        case(
            "random bytes",
            |site| {
                let mut random = fastrand::Rng::with_seed(7);
                let bytes: Vec<u8> = (0..100_000).map(|_| random.u8(..)).collect();
                drop_text(site, &bytes);
            },
            Expected::Rejected("no UTF-8"),
        ),
        case(
            "two reports in one file",
            |site| {
                let text = good_report().text();
                drop_text(site, format!("{text}{text}").as_bytes());
            },
            Expected::Rejected("trailing characters"),
        ),
        case(
            "a string in place of a report",
            |site| drop_text(site, b"\"../../etc/passwd\""),
            Expected::Rejected("the report is a string, not an object"),
        ),
        case(
            "an escape sequence in place of a report",
            |site| drop_text(site, b"\x1b]0;owned\x07\x1b[2J"),
            Expected::Rejected("no JSON"),
        ),
        case(
            "a time that holds an escape sequence",
            |site| {
                let time = json!("\u{1b}[2J\n2025\u{202e}");
                site.deliver(&good_report().saying("operation_end_time", time));
            },
            Expected::Rejected("which is no date and time"),
        ),
    ]
}

fn odd_values() -> Vec<Case> {
    vec![
        case(
            "two databases of 16 EiB each",
            |site| {
                let huge = |name| {
                    let backup = Backup::good(name, b"small");
                    backup.saying("/COMPRESS/size", json!(u64::MAX))
                };
                site.deliver(&report(vec![huge("X"), huge("Y")]));
            },
            Expected::Entry("TRANSFER_INTEGRITY_FAILED", "another size"),
        ),
        case(
            "a negative size",
            |site| site.deliver(&says("/COMPRESS/size", json!(-1))),
            Expected::Entry("FAILED", "COMPRESS.size is -1"),
        ),
        case(
            "a size beyond all numbers",
            |site| {
                let text = says("/COMPRESS/size", json!("HERE")).text();
                drop_text(site, text.replace("\"HERE\"", "1e999").as_bytes());
            },
            Expected::Rejected("number out of range"),
        ),
        case(
            "an empty file that is said to be empty",
            |site| site.deliver(&report(vec![Backup::good("X", b"")])),
            Expected::Entry("FAILED", "is empty"),
        ),
        case(
            "a hash that is a path",
            |site| {
                site.deliver(&says(
                    "/COMPRESS/sha256_checksum",
                    json!("../../etc/shadow"),
                ));
            },
            Expected::Entry("FAILED", "no SHA-256"),
        ),
        case(
            "a database twice in one report",
            |site| {
                let text = good_report().text();
                let again = "\"databases\": {\"X\": {\"BACKUP\": {\"status\": false}},";
                drop_good(site, &text.replacen("\"databases\": {", again, 1));
            },
            Expected::Entry("SUCCESS", ""),
        )
        .check(|_, result| assert_eq!(entries(result).len(), 1)),
        case(
            "more attempts than there are numbers",
            |site| {
                let text = says("/TRANSFER/attempts", json!("HERE")).text();
                drop_good(site, &text.replace("\"HERE\"", &"9".repeat(300)));
            },
            Expected::Entry("SUCCESS", ""),
        ),
        case(
            "every field an object",
            |site| {
                let text = good_report().text();
                drop_good(site, &text.replace("true", "{\"a\": true}"));
            },
            Expected::Entry("FAILED", "neither true nor false"),
        )
        .check(|site, _| {
            assert_eq!(site.job("X")["agent"], AGENT);
            assert_eq!(site.status_of(LAST.1), "OK");
            assert_eq!(site.files_in(&staged_below()), ["X.sql.zst"]);
            assert!(staged(site).is_dir());
        }),
    ]
}

fn staged_below() -> String {
    format!("deposit/{AGENT}/databases")
}
