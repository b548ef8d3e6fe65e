//! Random reports, in all the spellings of the field and a few that can't be taken. Knows no file.

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::model::hash;
use crate::one_in;

/// What an agent says of one database.
pub struct Claim<'a> {
    pub database: &'a str,
    pub file_name: &'a str,
    /// What the agent believes to have sent.
    pub content: &'a [u8],
}

/// A report's bytes.
pub fn report(rng: &mut Rng, agent: &str, ended_at: Timestamp, claims: &[Claim<'_>]) -> Vec<u8> {
    let mut databases = Map::new();
    for claim in claims {
        databases.insert(claim.database.to_owned(), section(rng, claim));
    }
    let mut report = json!({
        "agent_id": agent,
        "operation_end_time": time(rng, ended_at),
        "databases": databases,
    });
    let fields = report.as_object_mut().unwrap();
    if rng.bool() {
        fields.insert("operation_start_time".to_owned(), nothing(rng));
        fields.insert("overall_status".to_owned(), json!("completed"));
        fields.insert("logs_summary".to_owned(), json!(["all", "is well"]));
        fields.insert("of_no_concern".to_owned(), json!({"of": ["no", "concern"]}));
    }
    if one_in(rng, 25) {
        spoil(rng, fields);
    }
    let mut bytes = report.to_string().into_bytes();
    if one_in(rng, 10) {
        bytes.splice(..0, *b"\xEF\xBB\xBF");
    }
    if one_in(rng, 25) {
        damage(rng, &mut bytes);
    }
    if one_in(rng, 30) {
        bytes.extend(vec![b' '; rng.usize(1..3_000)]);
    }
    bytes
}

/// What makes a report one that can't be taken.
fn spoil(rng: &mut Rng, fields: &mut Map<String, Value>) {
    let key = ["agent_id", "operation_end_time", "databases"][rng.usize(0..3)];
    match rng.u8(0..4) {
        0 => drop(fields.remove(key)),
        1 => drop(fields.insert(key.to_owned(), nothing(rng))),
        2 => drop(fields.insert("agent_id".to_owned(), json!("SOMEBODY_ELSE"))),
        _ => drop(fields.insert(key.to_owned(), json!(["odd"]))),
    }
}

fn damage(rng: &mut Rng, bytes: &mut Vec<u8>) {
    match rng.u8(0..6) {
        0..3 => bytes.truncate(rng.usize(0..bytes.len())),
        3 => bytes[0] = b'!',
        4 => bytes.push(0xE9),
        _ => bytes.extend([0; 5]),
    }
}

fn section(rng: &mut Rng, claim: &Claim<'_>) -> Value {
    if one_in(rng, 60) {
        return json!("oops");
    }
    let path = match rng.u8(0..40) {
        0..20 => claim.file_name.to_owned(),
        20..30 => format!("/home/lam/Backup/{}", claim.file_name),
        30..38 => format!("C:\\Backup\\{}", claim.file_name),
        38 => format!("/a/../{}", claim.file_name),
        _ => String::new(),
    };
    let mut compress = json!({"status": yes(rng)});
    let stage = compress.as_object_mut().unwrap();
    for key in if rng.bool() {
        ["sha256", "other"]
    } else {
        ["sha256_checksum", "sha256"]
    } {
        stage.insert(key.to_owned(), digest(rng, claim.content));
    }
    if !one_in(rng, 5) {
        stage.insert("size".to_owned(), size(rng, claim.content.len()));
    }
    let mut transfer = json!({"status": yes(rng), "error_message": nothing(rng)});
    if one_in(rng, 20) {
        transfer["attempts"] = json!(rng.u8(0..4));
    }
    let mut section = json!({
        "BACKUP": {"status": yes(rng)},
        "COMPRESS": compress,
        "TRANSFER": transfer,
        "staged_file_name": path,
    });
    if one_in(rng, 12) {
        let stage = ["BACKUP", "COMPRESS", "TRANSFER"][rng.usize(0..3)];
        section[stage]["status"] =
            [json!(false), json!("False"), json!("perhaps"), json!(null)][rng.usize(0..4)].clone();
        section[stage]["error_message"] = json!("No space left on device");
    }
    if one_in(rng, 60) {
        section["staged_file_name"] = json!("../../etc/passwd");
    }
    section
}

fn digest(rng: &mut Rng, content: &[u8]) -> Value {
    let digest = hash(&[content]).to_string();
    match rng.u8(0..40) {
        0..10 => json!(digest.to_uppercase()),
        10..13 => nothing(rng),
        13 => json!("abc"),
        14 => json!(hash(&[b"another"]).to_string()),
        _ => json!(digest),
    }
}

fn size(rng: &mut Rng, size: usize) -> Value {
    match rng.u8(0..30) {
        0..10 => json!(size.to_string()),
        10..13 => nothing(rng),
        13 => json!("many"),
        14 => json!(size + 1),
        _ => json!(size),
    }
}

fn yes(rng: &mut Rng) -> Value {
    [json!(true), json!("True"), json!("true")][rng.usize(0..3)].clone()
}

fn nothing(rng: &mut Rng) -> Value {
    [json!(null), json!("null"), json!("None"), json!("")][rng.usize(0..4)].clone()
}

fn time(rng: &mut Rng, at: Timestamp) -> String {
    match rng.u8(0..4) {
        0 => at.to_string(),
        1 => at.strftime("%Y-%m-%d %H:%M:%S%.6f").to_string(),
        2 => at.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
        _ => {
            let later = at + SignedDuration::from_hours(2);
            later.strftime("%Y-%m-%dT%H:%M:%S%.6f+02:00").to_string()
        }
    }
}

/// When a run ended: mostly of late, sometimes out of order, too long ago, or not yet.
pub fn end_of_run(rng: &mut Rng, now: Timestamp) -> Timestamp {
    let minutes = match rng.u8(0..40) {
        0 => -60 * 24 * rng.i64(20..60),
        1 => rng.i64(1..120),
        2 => 60 * 24 * rng.i64(1..20_000),
        3..8 => -60 * rng.i64(0..72),
        8..12 => 0,
        _ => -rng.i64(0..120),
    };
    now + SignedDuration::from_mins(minutes)
}
