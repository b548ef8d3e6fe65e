//! The deposit of the demo: what eight agents drop on two days, in the ways that agents in the
//! field have. Knows nothing of how it is judged.

use std::fs::{self, File, FileTimes};
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// When the jobs of the config become known.
pub const DECLARED_AT: &str = "2025-06-18T12:00:00Z";

/// When the deposit of the second day is scanned.
pub const SCANNED_AT: &str = "2025-06-20T06:00:00Z";

/// One day's backups.
pub struct Day {
    /// The day's date, for names and times.
    date: &'static str,
    /// When the deposit is scanned on that day.
    pub read_at: &'static str,
    /// Whether things go wrong on it.
    has_faults: bool,
}

pub const DAY_BEFORE: Day = Day {
    date: "2025-06-19",
    read_at: "2025-06-19T06:00:00Z",
    has_faults: false,
};

pub const TODAY: Day = Day {
    date: "2025-06-20",
    read_at: SCANNED_AT,
    has_faults: true,
};

pub const CONFIG: &str = r#"# The config of the demo. `vigie init` writes one that explains every key.

[deposit]
root = "deposit"
validated = "validated"

[schedule]
every = "24h"
grace = "2h"

[mail]
transport = "file"
directory = "mails"
from = "Vigie <vigie@example.com>"
admin_email_recipient = "admin@example.com"

# Databases register themselves when a report speaks of them. This one has never been heard of, so
# that only a declaration can tell that it is missing.
[[jobs]]
agent = "ACME_LILLE_VIEUX"
database = "ARCHIVES_2025"
"#;

/// What goes wrong with a database's backup on the second day.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// The same content as the day before.
    Unchanged,
    /// The agent says that the dump failed.
    Dump,
    /// The staged file never arrived.
    Absent,
    /// The staged file was cut short.
    CutShort,
    /// One byte of the staged file is another one.
    Flipped,
    /// The report gives no hash.
    NoHash,
    /// The report is no JSON.
    BrokenReport,
}

const BACKUPS: [(&str, &[(&str, Fault)]); 7] = [
    (
        "ACME_PARIS_CENTRE",
        &[("SHOP_2025", Fault::None), ("SHOP_2024", Fault::Unchanged)],
    ),
    ("SDMC_DOUALA_AKWA", &[("XAFRIC_2025", Fault::Dump)]),
    ("SDMC_DOUALA_BONAPRISO", &[("PAYROLL_2025", Fault::Absent)]),
    ("SDMC_YAOUNDE_BASTOS", &[("LEDGER_2025", Fault::CutShort)]),
    ("SDMC_YAOUNDE_MVAN", &[("STOCK_2025", Fault::Flipped)]),
    ("ACME_LYON_CONFLUENCE", &[("CRM_2025", Fault::NoHash)]),
    ("ACME_NANTES_ILE", &[("INVOICES_2025", Fault::BrokenReport)]),
];

/// Does what the agents do in the night before `day` is read.
pub fn drop_reports(root: &Path, day: &Day) -> anyhow::Result<()> {
    for (agent, databases) in BACKUPS {
        let folder = root.join(agent);
        let mut sections = serde_json::Map::new();
        let mut is_broken = false;
        for (database, fault) in databases {
            let fault = if day.has_faults { *fault } else { Fault::None };
            is_broken |= fault == Fault::BrokenReport;
            let section = stage(&folder, database, fault, day)?;
            sections.insert((*database).to_owned(), section);
        }
        let report = json!({
            "agent_id": agent,
            "operation_start_time": format!("{}T02:00:00", day.date),
            "operation_end_time": format!("{}T02:10:35.142592", day.date),
            "overall_status": "completed",
            "databases": sections,
        });
        let mut text = serde_json::to_string_pretty(&report)?;
        if is_broken {
            text = text.replacen(':', "=", 1);
        }
        let name = format!("{}_021035_{agent}.json", day.date.replace('-', ""));
        write(&folder.join("log").join(name), text.as_bytes(), day)?;
    }
    Ok(())
}

/// Stages one database's backup, and gives what the report says of it.
fn stage(folder: &Path, database: &str, fault: Fault, day: &Day) -> anyhow::Result<Value> {
    let dump = dump_of(
        database,
        if fault == Fault::Unchanged {
            "2025-06-19"
        } else {
            day.date
        },
    );
    let mut file = zstd::encode_all(dump.as_bytes(), 3).context("could not compress a dump")?;
    let is_dumped = fault != Fault::Dump;
    let hash = |bytes: &[u8]| {
        let digest: [u8; 32] = Sha256::digest(bytes).into();
        vigie_domain::Sha256::from(digest).to_string()
    };
    let mut section = json!({
        "BACKUP": {"status": true, "sha256_checksum": hash(dump.as_bytes()), "size": dump.len()},
        "COMPRESS": {"status": "True", "sha256_checksum": hash(&file), "size": file.len()},
        "TRANSFER": {"status": true, "error_message": null},
        "staged_file_name": format!("/home/backup/out/{database}.sql.zst"),
    });
    match fault {
        Fault::Dump => {
            let error = "pg_dump: error: connection to server at \"127.0.0.1\", port 5432 failed: \
                         Connection refused";
            section["BACKUP"] = json!({"status": false, "error_message": error, "size": 0});
            section["COMPRESS"] = json!({"status": false, "sha256_checksum": "", "size": 0});
            section["TRANSFER"] = json!({"status": false});
        }
        Fault::NoHash => section["COMPRESS"]["sha256_checksum"] = json!("None"),
        Fault::CutShort => file.truncate(file.len() / 2),
        Fault::Flipped => {
            let middle = file.len() / 2;
            file[middle] ^= 1;
        }
        Fault::None | Fault::Unchanged | Fault::Absent | Fault::BrokenReport => {}
    }
    let path = folder.join("databases").join(format!("{database}.sql.zst"));
    if fault == Fault::Absent {
        fs::remove_file(&path).with_context(|| format!("could not remove {}", path.display()))?;
    } else if is_dumped {
        write(&path, &file, day)?;
    }
    Ok(section)
}

/// A dump that differs from day to day, large enough to be worth compressing.
fn dump_of(database: &str, date: &str) -> String {
    let rows = (1..=2_000_u32).map(|id| {
        let amount = id.wrapping_mul(2_654_435_761) % 100_000;
        format!("INSERT INTO orders VALUES ({id}, DATE '{date}', {amount});\n")
    });
    format!("-- PostgreSQL database dump of {database}\n")
        + &rows.collect::<String>()
        + "-- PostgreSQL database dump complete\n"
}

/// Writes a file as old as the demo's night, so that nobody takes it for one that is being written.
fn write(path: &Path, bytes: &[u8], day: &Day) -> anyhow::Result<()> {
    let written_at: Timestamp = format!("{}T02:10:40Z", day.date).parse()?;
    let since_epoch = Duration::try_from(written_at.as_duration())?;
    let times = FileTimes::new().set_modified(SystemTime::UNIX_EPOCH + since_epoch);
    let failed = || format!("could not write {}", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(failed)?;
    }
    fs::write(path, bytes).with_context(failed)?;
    let file = File::options()
        .write(true)
        .open(path)
        .with_context(failed)?;
    file.set_times(times).with_context(failed)
}
