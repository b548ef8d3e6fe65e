//! What each level of `verify` catches of dumps that were cut or damaged before they were hashed, so
//! that all of them arrive as they were sent.

mod servers;

use std::collections::HashMap;
use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::site::{Backup, MORNING, Report, Site, tell};

const COMPRESSIONS: [&str; 5] = ["none", "zstd", "gzip", "xz", "bzip2"];

const LEVELS: [&str; 4] = ["hash", "decode", "content", "recognised"];

/// How many times each dump is damaged in each way.
const TIMES: usize = 20;

/// In the headers of some formats there are bits that say nothing of the content.
const HEADER_BYTES: usize = 32;

/// How a dump is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Damage {
    Cut,
    Flipped,
}

/// A dump, compressed in one way, as one agent sends it: whole, and damaged.
struct Sent {
    agent: String,
    kind: &'static str,
    compression: &'static str,
    whole: Vec<u8>,
    raw: Vec<u8>,
    damaged: Vec<(Damage, Vec<u8>)>,
}

#[test]
fn what_can_not_be_read_back_is_found_whatever_its_hash() {
    let sent = everything_sent();
    let caught = LEVELS.map(|level| (level, caught_at(level, &sent)));
    for line in table(&sent, &caught) {
        tell(&line);
    }
    let caught: HashMap<_, _> = caught.into_iter().collect();
    for one in &sent {
        let of = |level: &str| caught[level][&one.agent];
        let name = format!("{} by {}", one.kind, one.compression);
        let none = Caught::default();
        assert_eq!(of("hash"), none, "{name}");
        assert_eq!(of("content").cut, TIMES, "{name}");
        if one.compression == "none" {
            assert_eq!(of("decode").cut, 0, "{name}");
        } else {
            for level in ["decode", "content", "recognised"] {
                let caught = of(level);
                assert_eq!(caught.cut, TIMES, "{name}: {level}");
                assert_eq!(caught.flipped + caught.harmless, TIMES, "{name}: {level}");
            }
        }
    }
}

/// How many damaged dumps were caught.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Caught {
    cut: usize,
    flipped: usize,
    /// Those with a bit flipped that are the same once they are decoded.
    harmless: usize,
}

impl Sent {
    /// Whether the tool makes of it what was compressed: bits that fill up the last byte say nothing.
    fn is_harmless(&self, damaged: &[u8]) -> bool {
        self.compression != "none" && {
            let mut tool = Command::new(self.compression);
            tool.args(["-d", "-c"]);
            servers::try_feed(tool, damaged).as_ref() == Some(&self.raw)
        }
    }
}

fn everything_sent() -> Vec<Sent> {
    let mut random = fastrand::Rng::with_seed(41);
    let mut sent = Vec::new();
    for (kind, raw) in servers::dumps() {
        for compression in COMPRESSIONS {
            let whole = if compression == "none" {
                raw.clone()
            } else {
                let mut tool = Command::new(compression);
                tool.arg("-c");
                servers::feed(tool, &raw)
            };
            let mut damaged = Vec::new();
            for _ in 0..TIMES {
                let length = random.usize(1..length_that_counts(kind, compression, &whole));
                damaged.push((Damage::Cut, whole[..length].to_vec()));
                let mut flipped = whole.clone();
                let at = random.usize(HEADER_BYTES..flipped.len());
                flipped[at] ^= 1 << random.u32(..8);
                damaged.push((Damage::Flipped, flipped));
            }
            sent.push(Sent {
                agent: format!("SITE_{}_{compression}", sent.len()),
                kind,
                compression,
                whole,
                raw: raw.clone(),
                damaged,
            });
        }
    }
    sent
}

/// Up to where a dump has to be whole: behind it stand zeros that fill it up, or the rest of a comment.
fn length_that_counts(kind: &str, compression: &str, whole: &[u8]) -> usize {
    if compression != "none" {
        return whole.len();
    }
    let last = |is_one: fn(&u8) -> bool| whole.iter().rposition(is_one).unwrap();
    match kind {
        "tar" | "pg_dump -Ft" => last(|byte| *byte != 0),
        "pg_dump" | "pg_dumpall" | "mariadb-dump" => {
            let text = String::from_utf8_lossy(whole);
            text.rfind(" complete").unwrap()
        }
        _ => whole.len(),
    }
}

/// Has all of it scanned at one level, and tells what was caught of each agent's.
fn caught_at(level: &str, sent: &[Sent]) -> HashMap<String, Caught> {
    let site = Site::with_config(&format!(
        "[deposit]\nroot = 'deposit'\nsettle = '0s'\n[verify]\nlevel = '{level}'\n[mail]\n\
         directory = 'mails'\nfrom = 'vigie@example.com'\n"
    ));
    for one in sent {
        let backup = |name: &str, content: &[u8]| {
            let raw_size = if name == "whole" {
                json!(one.raw.len())
            } else {
                Value::Null
            };
            Backup::good(name, content).saying("/BACKUP/size", raw_size)
        };
        let mut backups = vec![backup("whole", &one.whole)];
        for (number, (damage, content)) in one.damaged.iter().enumerate() {
            backups.push(backup(&format!("{damage:?} {number}"), content));
        }
        site.deliver(&Report::new(&one.agent, "2025-06-19T02:00:00", backups));
    }
    let result = site.scan(MORNING);
    let mut caught: HashMap<String, Caught> = HashMap::new();
    for entry in result["entries"].as_array().unwrap() {
        let agent = entry["agent"].as_str().unwrap();
        let caught = caught.entry(agent.to_owned()).or_default();
        let is_good = entry["status"] == "SUCCESS";
        let database = entry["database"].as_str().unwrap();
        assert!(is_good || entry["status"] == "FAILED", "{entry:#}");
        if database == "whole" {
            assert!(is_good, "{level}: {entry:#}");
            let content = entry["content"].as_str().unwrap_or_default();
            let is_checked = ["content", "recognised"].contains(&level);
            assert_eq!(
                content.contains("a complete "),
                is_checked,
                "{level}: {entry:#}"
            );
            continue;
        }
        let (damage, number) = database.split_once(' ').unwrap();
        let one = sent.iter().find(|one| one.agent == agent).unwrap();
        let content = &one.damaged[number.parse::<usize>().unwrap()].1;
        match damage {
            "Cut" => caught.cut += usize::from(!is_good),
            _ if is_good && level != "hash" && one.is_harmless(content) => caught.harmless += 1,
            _ => caught.flipped += usize::from(!is_good),
        }
    }
    caught
}

fn table(sent: &[Sent], caught: &[(&str, HashMap<String, Caught>)]) -> Vec<String> {
    let mut lines = vec![format!(
        "{:22} {:6} {:>8}  of {TIMES} cut and {TIMES} flipped: {}",
        "dump",
        "by",
        "bytes",
        LEVELS.map(|level| format!("{level:>12}")).concat()
    )];
    for one in sent {
        let counts = caught.iter().map(|(_, caught)| {
            let Caught { cut, flipped, .. } = caught[&one.agent];
            format!("{:>12}", format!("{cut} + {flipped}"))
        });
        lines.push(format!(
            "{:22} {:6} {:>8}  {:28}{}",
            one.kind,
            one.compression,
            one.whole.len(),
            "",
            counts.collect::<String>()
        ));
    }
    lines
}

const AGENT: &str = "SDMC_DOUALA_AKWA";

fn zstd(content: &[u8]) -> Vec<u8> {
    let mut tool = Command::new("zstd");
    tool.args(["-q", "-c"]);
    servers::feed(tool, content)
}

/// One night's backup of one database, at the level of `sections`.
fn scan_one(sections: &str, backup: Backup) -> (Site, Value) {
    let site = Site::with(sections);
    site.deliver(&Report::new(AGENT, "2025-06-19T02:00:00", vec![backup]));
    let result = site.scan(MORNING);
    let entry = result["entries"][0].clone();
    (site, entry)
}

#[test]
fn a_backup_that_can_not_be_read_back_is_told_and_not_kept() {
    let dump = zstd(b"some rows\n".repeat(1000).as_slice());
    let cut = &dump[..dump.len() - 5];
    let (site, entry) = scan_one("", Backup::good("X", cut));
    assert_eq!(entry["status"], "FAILED");
    let reason = "the staged file arrived as it was sent, but can't be read back: the zstd stream \
                  stops before its end";
    assert_eq!(entry["reason"], reason);
    assert!(
        site.files_in("validated/SDMC/DOUALA/AKWA/no-year/X")
            .is_empty()
    );
    let job = site.job("X");
    assert_eq!(job["status"], "FAILED");
    assert_eq!(job["last_good"], Value::Null);
    assert_eq!(job["latest_entry"]["reason"]["fault"]["code"], "stream_cut");
    let history = site.run(&["history", "X"]);
    assert!(String::from_utf8_lossy(&history.stdout).contains(reason));
    let mail = site.only_mail();
    assert!(mail.subject.contains("FAILED"), "{}", mail.subject);
}

#[test]
fn without_a_hash_to_compare_with_a_backup_can_still_be_found_to_be_none() {
    let dump = zstd(b"rows");
    let unhashed = |content: &[u8]| {
        Backup::good("X", content)
            .saying("/COMPRESS/sha256_checksum", Value::Null)
            .saying("/BACKUP/size", json!(4))
    };
    let (_, entry) = scan_one("", unhashed(&dump));
    assert_eq!(entry["status"], "UNKNOWN");
    assert_eq!(entry["content"], "zstd, 4 B raw");
    let (_, entry) = scan_one("", unhashed(&dump[..dump.len() - 1]));
    assert_eq!(entry["status"], "FAILED");
    assert_eq!(
        entry["reason"],
        "the staged file can't be read back: the zstd stream stops before its end"
    );
}

#[test]
fn what_comes_out_has_to_be_what_the_agent_dumped() {
    let dump = zstd(b"rows");
    let saying = |key: &str, value: Value| {
        let backup = Backup::good("X", &dump).saying("/BACKUP/size", Value::Null);
        scan_one("", backup.saying(&format!("/BACKUP/{key}"), value)).1
    };
    assert_eq!(saying("size", json!(4))["status"], "SUCCESS");
    for size in [3, 5] {
        let entry = saying("size", json!(size));
        assert_eq!(entry["status"], "FAILED", "{entry:#}");
    }
    let right = crate::site::sha256_of(b"rows");
    let wrong = crate::site::sha256_of(b"ROWS");
    assert_eq!(saying("sha256_checksum", json!(right))["status"], "SUCCESS");
    assert_eq!(
        saying("sha256_checksum", json!(wrong))["reason"],
        "the staged file arrived as it was sent, but can't be read back: decoded it has another \
         SHA-256 than the agent reported of its dump"
    );
}

#[test]
fn a_job_may_be_looked_into_deeper_than_the_others_or_less() {
    let text = b"neither compressed nor a dump";
    let job = |level: &str| {
        format!("\n[[jobs]]\nagent = '{AGENT}'\ndatabase = 'X'\nverify = '{level}'\n")
    };
    for (sections, status) in [
        (String::new(), "SUCCESS"),
        ("\n[verify]\nlevel = 'decode'\n".to_owned(), "FAILED"),
        (job("content"), "FAILED"),
        (
            format!("\n[verify]\nlevel = 'content'\n{}", job("hash")),
            "SUCCESS",
        ),
    ] {
        let (_, entry) = scan_one(&sections, Backup::good("X", text));
        assert_eq!(entry["status"], status, "{sections}");
        if status == "FAILED" {
            assert_eq!(
                entry["reason"],
                "the staged file arrived as it was sent, but is nothing that Vigie can look into"
            );
        }
    }
}

#[test]
fn a_decompression_bomb_is_given_up_before_it_has_gone_off() {
    // 3 GiB of zeros.
    let mut tool = Command::new("sh");
    tool.args(["-c", "head -c 3221225472 /dev/zero | zstd -q -1 -c"]);
    let bomb = servers::succeed(tool);
    let unsized_backup = Backup::good("X", &bomb).saying("/BACKUP/size", Value::Null);
    let (_, entry) = scan_one("\n[verify]\nmax_expansion = 1\n", unsized_backup);
    assert_eq!(entry["status"], "FAILED");
    let reason = entry["reason"].as_str().unwrap();
    assert!(reason.contains("raise verify.max_expansion"), "{reason}");
    let (_, entry) = scan_one(
        "",
        Backup::good("X", &bomb).saying("/BACKUP/size", json!(1_000_000)),
    );
    let reason = entry["reason"].as_str().unwrap();
    assert!(reason.ends_with("decoded it has more than the 1000000 bytes that the agent reported"));
}

#[test]
fn a_level_that_is_raised_has_a_known_file_read_again() {
    let site = Site::with("");
    let text = b"neither compressed nor a dump";
    let path = site.path(format!("deposit/{AGENT}/databases/X.sql.zst"));
    let deliver = |ended_at| {
        let report = Report::new(AGENT, ended_at, vec![Backup::good("X", text)]);
        if path.exists() {
            site.deliver_report_only(&report);
        } else {
            site.deliver(&report);
            // Long ago, so that it is known again.
            let times = fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH);
            fs::File::options()
                .write(true)
                .open(&path)
                .unwrap()
                .set_times(times)
                .unwrap();
        }
    };
    deliver("2025-06-19T02:00:00");
    assert_eq!(site.scan(MORNING)["work"]["files_read"], 1);
    let config = fs::read_to_string(site.path("vigie.toml")).unwrap();
    let raised = format!("{config}\n[verify]\nlevel = 'content'\n");
    fs::write(site.path("vigie.toml"), raised).unwrap();
    deliver("2025-06-20T02:00:00");
    let result = site.scan("2025-06-20T06:00:00Z");
    assert_eq!(result["entries"][0]["status"], "FAILED", "{result:#}");
}
