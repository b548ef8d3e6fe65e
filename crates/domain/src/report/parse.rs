//! Reads a report from bytes: tolerant of everything that agents in the field write, strict about
//! what a decision needs.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::field::{boolean, count, instant, is_nothing, size, text, type_of};
use super::kept::{Passed, Unread, kept};
use super::surrogate::replace_lone_surrogates;
use super::{
    DatabaseReport, Report, ReportError, ReportLimits, ReportProblem, SectionFault, Stage,
    StageName, Stages,
};
use crate::{AgentId, Sha256};

/// The longest file name that common file systems take, in bytes.
const MAX_FILE_NAME_BYTES: usize = 255;

/// How many characters there are at most, over all databases, of a text that a report has for all of
/// them: each gets a copy of it.
const MAX_COPIED: usize = 1024 * 1024;

impl Report {
    /// Reads the report that lies in the folder of `agent`. Times without an offset are meant in
    /// `time_zone`.
    ///
    /// ```
    /// use jiff::tz::TimeZone;
    /// use vigie_domain::{AgentId, Report};
    ///
    /// let agent = AgentId::new("SDMC_DOUALA_AKWA")?;
    /// let json = br#"{
    ///     "agent_id": "sdmc_douala_akwa",
    ///     "operation_end_time": "2025-06-20 08:37:35.142592",
    ///     "databases": {
    ///         "XAFRIC_2025": {
    ///             "BACKUP": {"status": "True"},
    ///             "COMPRESS": {"status": "True", "size": "1024", "sha256_checksum": "None"},
    ///             "TRANSFER": {"status": "True"},
    ///             "staged_file_name": "/home/lam/Backup/XAFRIC_2025.zst"
    ///         }
    ///     }
    /// }"#;
    /// let report = Report::parse(json, &agent, &TimeZone::UTC)?;
    /// let database = &report.databases[0];
    /// assert_eq!(database.staged_file_name.as_deref(), Some("XAFRIC_2025.zst"));
    /// assert_eq!(database.stages.compress.size, Some(1024));
    /// assert_eq!(database.stages.compress.sha256, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the bytes are no UTF-8 or no JSON; when `agent_id`, `operation_end_time` or `databases`
    /// is missing or unreadable; when the report speaks for another agent; when a staged file's
    /// path would leave the agent's folder. What is wrong with one database alone is a
    /// [`SectionFault`] of it.
    ///
    /// The report may hold what [`ReportLimits::default`] allows; [`parse_within`](Self::parse_within)
    /// takes other limits.
    pub fn parse(bytes: &[u8], agent: &AgentId, time_zone: &TimeZone) -> Result<Self, ReportError> {
        Self::parse_within(bytes, agent, time_zone, &ReportLimits::default())
    }

    /// The same as [`parse`](Self::parse), with limits of one's own.
    ///
    /// # Errors
    ///
    /// As `parse`, and when a limit is passed. Messages that are too long are cut instead.
    pub fn parse_within(
        bytes: &[u8],
        agent: &AgentId,
        time_zone: &TimeZone,
        limits: &ReportLimits,
    ) -> Result<Self, ReportError> {
        let report = match json(bytes, limits)? {
            Value::Object(report) => report,
            other => return Err(whole(wrong_type("an object", &other))),
        };
        check_agent(&report, agent)?;
        let ended = required(&report, "operation_end_time")?;
        let operation_ended_at =
            instant(ended, time_zone).ok_or_else(|| field("operation_end_time", no_time(ended)))?;
        let databases = match required(&report, "databases")? {
            Value::Object(databases) => databases,
            other => return Err(field("databases", wrong_type("an object", other))),
        };
        let longest_copied = limits.max_text.min(MAX_COPIED / databases.len().max(1));
        let copied = |key| optional(&report, key).and_then(|value| text(value, longest_copied));
        let reading = Reading {
            time_zone,
            limits,
            logs_summary: copied("logs_summary"),
        };
        Ok(Self {
            operation_started_at: time_of(&report, "operation_start_time", time_zone),
            operation_ended_at,
            overall_status: copied("overall_status"),
            databases: databases
                .iter()
                .map(|(name, section)| reading.database(name, section))
                .collect::<Result<_, _>>()?,
        })
    }
}

fn json(bytes: &[u8], limits: &ReportLimits) -> Result<Value, ReportError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let offset = error.valid_up_to();
        whole(match (error.error_len(), bytes.get(offset)) {
            // The file ends within a character.
            (None, _) | (_, None) => ReportProblem::Incomplete,
            (Some(_), Some(&byte)) => ReportProblem::NotUtf8 { byte, offset },
        })
    })?;
    if text.contains('\0') {
        // A writer that sets the length first leaves zeros where its bytes are yet to come.
        return Err(whole(ReportProblem::Incomplete));
    }
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let parsed = kept(text, limits).or_else(|unread| match unread {
        Unread::Json(_) => kept(&replace_lone_surrogates(text), limits),
        Unread::Passed(_) => Err(unread),
    });
    parsed.map_err(|unread| match unread {
        Unread::Json(error) if error.is_eof() => whole(ReportProblem::Incomplete),
        Unread::Json(error) => whole(ReportProblem::NotJson(error.to_string())),
        Unread::Passed(limit) => limit.into_error(limits),
    })
}

impl Passed {
    fn into_error(self, limits: &ReportLimits) -> ReportError {
        let in_databases = |problem| field("databases", problem);
        match self {
            Self::Depth => whole(ReportProblem::TooDeep(limits.max_depth)),
            Self::Databases(count) => in_databases(ReportProblem::TooMany {
                count,
                limit: limits.max_databases,
            }),
            Self::Name(start, bytes) => in_databases(ReportProblem::NameTooLong {
                start,
                bytes,
                limit: limits.max_name,
            }),
        }
    }
}

fn check_agent(report: &Map<String, Value>, folder: &AgentId) -> Result<(), ReportError> {
    let value = required(report, "agent_id")?;
    let Value::String(found) = value else {
        return Err(field("agent_id", wrong_type("a string", value)));
    };
    let is_folders = |found: &str| AgentId::new(found).is_ok_and(|agent| agent.is_same_as(folder));
    if is_folders(found) || is_folders(found.trim()) {
        return Ok(());
    }
    Err(field(
        "agent_id",
        ReportProblem::OtherAgent {
            found: found.chars().take(255).collect(),
            folder: folder.to_string(),
        },
    ))
}

/// How the sections of one report are read.
struct Reading<'a> {
    time_zone: &'a TimeZone,
    limits: &'a ReportLimits,
    /// What the report says for all of its databases.
    logs_summary: Option<String>,
}

impl Reading<'_> {
    fn database(&self, name: &str, section: &Value) -> Result<DatabaseReport, ReportError> {
        let mut report = DatabaseReport {
            database: name.to_owned(),
            ..DatabaseReport::default()
        };
        let Value::Object(section) = section else {
            report.fault = Some(SectionFault {
                field: String::new(),
                problem: format!("is {}, not an object", type_of(section)),
            });
            return Ok(report);
        };
        let mut faults = Faults::default();
        report.stages = Stages {
            backup: self.stage(section, StageName::Backup, &mut faults),
            compress: self.stage(section, StageName::Compress, &mut faults),
            transfer: self.stage(section, StageName::Transfer, &mut faults),
        };
        report.staged_file_name =
            staged_file_name(name, section, self.limits.max_name, &mut faults)?;
        let own = optional(section, "logs_summary").and_then(|value| self.text(value));
        report.logs_summary = own.or_else(|| self.logs_summary.clone());
        report.fault = faults.first;
        Ok(report)
    }

    fn text(&self, value: &Value) -> Option<String> {
        text(value, self.limits.max_text)
    }
}

/// The first fault of a section: one is enough to tell the reader where to look.
#[derive(Default)]
struct Faults {
    first: Option<SectionFault>,
}

impl Faults {
    fn note(&mut self, field: String, problem: String) {
        self.first.get_or_insert(SectionFault { field, problem });
    }
}

impl Reading<'_> {
    fn stage(&self, section: &Map<String, Value>, name: StageName, faults: &mut Faults) -> Stage {
        let stage = match optional(section, name.as_str()) {
            None => return Stage::default(),
            Some(Value::Object(stage)) => stage,
            Some(other) => {
                faults.note(
                    name.to_string(),
                    format!("is {}, not an object", type_of(other)),
                );
                return Stage::default();
            }
        };
        let mut read = Stage {
            started_at: time_of(stage, "start_time", self.time_zone),
            ended_at: time_of(stage, "end_time", self.time_zone),
            message: ["error_message", "message", "error"]
                .iter()
                .find_map(|key| optional(stage, key).and_then(|value| self.text(value))),
            attempts: attempts(stage),
            ..Stage::default()
        };
        let mut note = |key: &str, problem| faults.note(format!("{name}.{key}"), problem);
        match optional(stage, "status").map_or(Ok(None), boolean) {
            Ok(succeeded) => read.succeeded = succeeded,
            Err(problem) => note("status", problem),
        }
        // Only the compressed file is compared with; what is odd about the others decides nothing.
        let is_of_record = name == StageName::Compress;
        match optional(stage, "size").map_or(Ok(None), size) {
            Ok(size) => read.size = size,
            Err(problem) if is_of_record => note("size", problem),
            Err(_) => {}
        }
        for key in ["sha256", "sha256_checksum"] {
            let Some(written) = optional(stage, key) else {
                continue;
            };
            match text(written, usize::MAX).and_then(|hash| hash.parse::<Sha256>().ok()) {
                Some(hash) => {
                    read.sha256.get_or_insert(hash);
                }
                None if is_of_record => {
                    note(key, "is no SHA-256 of 64 hexadecimal digits".to_owned());
                }
                None => {}
            }
        }
        read
    }
}

/// How many attempts a stage took, or how many times it was tried again. No decision hangs on it, so
/// what is no number is taken for nothing.
fn attempts(stage: &Map<String, Value>) -> Option<u32> {
    let number = |key| u32::try_from(optional(stage, key).and_then(count)?).ok();
    let attempts = ["attempts", "attempt_count"].into_iter().find_map(number);
    let retries = || ["retries", "retry_count"].into_iter().find_map(number);
    attempts.or_else(|| retries()?.checked_add(1))
}

/// The last component of the path that the agent gives, which may be one of its own file system.
fn staged_file_name(
    database: &str,
    section: &Map<String, Value>,
    longest: usize,
    faults: &mut Faults,
) -> Result<Option<String>, ReportError> {
    const KEY: &str = "staged_file_name";
    let path = match optional(section, KEY) {
        None => return Ok(None),
        Some(Value::String(path)) => path.trim(),
        Some(other) => {
            faults.note(
                KEY.to_owned(),
                format!("is {}, not a string", type_of(other)),
            );
            return Ok(None);
        }
    };
    let components: Vec<&str> = path.split(['/', '\\']).collect();
    let name = components.last().copied().unwrap_or_default();
    let is_absolute = components[0].is_empty() || components[0].ends_with(':');
    if name == ".." || (!is_absolute && components.contains(&"..")) {
        let path = path.chars().take(255).collect();
        return Err(field(
            &format!("databases.{database}.{KEY}"),
            ReportProblem::LeavesFolder(path),
        ));
    }
    if matches!(name, "" | ".") || name.contains('\0') {
        faults.note(KEY.to_owned(), "is no file name".to_owned());
        return Ok(None);
    }
    let longest = longest.min(MAX_FILE_NAME_BYTES);
    if name.len() > longest {
        let bytes = name.len();
        let problem = format!("has {bytes} bytes, where a file's name has {longest} at most");
        faults.note(KEY.to_owned(), problem);
        return Ok(None);
    }
    Ok(Some(name.to_owned()))
}

/// A field that says something. The names of stages vary in case, so all names may.
fn optional<'a>(object: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    object
        .get(key)
        .or_else(|| {
            let mut others = object.iter();
            others.find_map(|(name, value)| name.eq_ignore_ascii_case(key).then_some(value))
        })
        .filter(|value| !is_nothing(value))
}

fn required<'a>(object: &'a Map<String, Value>, key: &str) -> Result<&'a Value, ReportError> {
    optional(object, key).ok_or_else(|| field(key, ReportProblem::Missing))
}

fn time_of(object: &Map<String, Value>, key: &str, time_zone: &TimeZone) -> Option<Timestamp> {
    optional(object, key).and_then(|value| instant(value, time_zone))
}

fn no_time(value: &Value) -> ReportProblem {
    match text(value, usize::MAX) {
        Some(text) => ReportProblem::NoTime(text.chars().take(60).collect()),
        None => wrong_type("a date and time", value),
    }
}

fn wrong_type(expected: &'static str, found: &Value) -> ReportProblem {
    ReportProblem::WrongType {
        expected,
        found: type_of(found),
    }
}

fn field(field: &str, problem: ReportProblem) -> ReportError {
    ReportError {
        field: Some(field.to_owned()),
        problem,
    }
}

fn whole(problem: ReportProblem) -> ReportError {
    ReportError {
        field: None,
        problem,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn agent() -> AgentId {
        AgentId::new("SDMC_DOUALA_AKWA").unwrap()
    }

    fn read(report: &Value) -> Result<Report, ReportError> {
        Report::parse(report.to_string().as_bytes(), &agent(), &TimeZone::UTC)
    }

    fn report_of(databases: &Value) -> Value {
        json!({
            "agent_id": "SDMC_DOUALA_AKWA",
            "operation_start_time": "2025-06-20T08:30:00",
            "operation_end_time": "2025-06-20T08:37:35",
            "databases": databases,
            "an_extra_field": {"of": ["no", "concern"]},
        })
    }

    fn section(staged_file_name: &str) -> Value {
        json!({
            "BACKUP": {"status": true},
            "COMPRESS": {"status": true, "sha256": "AB".repeat(32), "size": 3},
            "TRANSFER": {"status": true},
            "staged_file_name": staged_file_name,
        })
    }

    #[test]
    fn attempts_are_counted_under_several_names_and_decide_nothing() {
        let attempts = |stage: Value| {
            let database = read(&report_of(&json!({"X": {"TRANSFER": stage}})))
                .unwrap()
                .databases
                .remove(0);
            assert_eq!(database.fault, None);
            database.stages.transfer.attempts
        };
        assert_eq!(attempts(json!({"attempts": 3})), Some(3));
        assert_eq!(attempts(json!({"attempt_count": "2"})), Some(2));
        assert_eq!(attempts(json!({"retries": 0})), Some(1));
        assert_eq!(attempts(json!({"retry_count": 2})), Some(3));
        for nothing in [
            json!({}),
            json!({"attempts": "often"}),
            json!({"retries": null}),
            json!({"retries": u64::MAX}),
        ] {
            assert_eq!(attempts(nothing), None);
        }
    }

    #[test]
    fn the_hash_has_two_names_and_either_case() {
        let hash: Sha256 = "ab".repeat(32).parse().unwrap();
        for key in ["sha256", "sha256_checksum"] {
            for text in ["AB".repeat(32), "ab".repeat(32)] {
                let report = read(&report_of(&json!({"X": {"COMPRESS": {key: text}}}))).unwrap();
                assert_eq!(report.databases[0].stages.compress.sha256, Some(hash));
            }
        }
        let null_beside = json!({"X": {"COMPRESS": {"sha256": "None", "sha256_checksum": hash}}});
        let report = read(&report_of(&null_beside)).unwrap();
        assert_eq!(report.databases[0].stages.compress.sha256, Some(hash));
    }

    #[test]
    fn only_the_last_component_of_the_agents_own_path_counts() {
        for path in [
            "X.zst",
            "/home/lam/Backup/X.zst",
            "C:\\Backup\\X.zst",
            "/a/../X.zst",
            "out/X.zst",
        ] {
            let report = read(&report_of(&json!({"X": section(path)}))).unwrap();
            assert_eq!(
                report.databases[0].staged_file_name.as_deref(),
                Some("X.zst"),
                "{path}"
            );
        }
    }

    #[test]
    fn a_path_that_would_leave_the_folder_rejects_the_report() {
        for path in [
            "../X.zst",
            "../../B_C_D/databases/X.zst",
            "a/../../X",
            "..",
            "/home/..",
        ] {
            let error = read(&report_of(&json!({"X": section(path)}))).unwrap_err();
            assert_eq!(
                error.field.as_deref(),
                Some("databases.X.staged_file_name"),
                "{path}"
            );
            assert!(matches!(error.problem, ReportProblem::LeavesFolder(_)));
        }
    }

    #[test]
    fn one_bad_section_spoils_its_own_database_only() {
        let report = read(&report_of(&json!({
            "GOOD": section("G.zst"),
            "TEXT": "oops",
            "NULL": null,
            "SIZE": {"COMPRESS": {"status": true, "size": "many"}},
            "HASH": {"COMPRESS": {"status": true, "sha256": "abc"}},
            "FLAG": {"BACKUP": {"status": "perhaps"}},
            "STAGE": {"TRANSFER": [true]},
            "NAME": {"staged_file_name": 7},
        })))
        .unwrap();
        let faults: Vec<_> = report
            .databases
            .iter()
            .map(|database| {
                let field = database.fault.as_ref().map(|fault| fault.field.as_str());
                (database.database.as_str(), field)
            })
            .collect();
        let fault_of = |name| {
            faults
                .iter()
                .find(|(database, _)| *database == name)
                .unwrap()
                .1
        };
        assert_eq!(fault_of("GOOD"), None);
        assert_eq!(fault_of("TEXT"), Some(""));
        assert_eq!(fault_of("NULL"), Some(""));
        assert_eq!(fault_of("SIZE"), Some("COMPRESS.size"));
        assert_eq!(fault_of("HASH"), Some("COMPRESS.sha256"));
        assert_eq!(fault_of("FLAG"), Some("BACKUP.status"));
        assert_eq!(fault_of("STAGE"), Some("TRANSFER"));
        assert_eq!(fault_of("NAME"), Some("staged_file_name"));
    }

    #[test]
    fn what_must_be_there_is_named_when_it_is_not() {
        for key in ["agent_id", "operation_end_time", "databases"] {
            for nothing in [
                None,
                Some(json!("None")),
                Some(json!(null)),
                Some(json!("")),
            ] {
                let mut report = report_of(&json!({}));
                match nothing {
                    Some(nothing) => report[key] = nothing,
                    None => drop(report.as_object_mut().unwrap().remove(key)),
                }
                let error = read(&report).unwrap_err();
                assert_eq!(error.to_string(), format!("{key} is missing"));
            }
        }
    }

    #[test]
    fn a_report_for_another_agent_is_refused_and_another_case_is_not() {
        let mut report = report_of(&json!({}));
        report["agent_id"] = json!("sdmc_Douala_akwa");
        assert!(read(&report).is_ok());
        report["agent_id"] = json!("SDMC_DOUALA_BONAPRISO");
        assert_eq!(
            read(&report).unwrap_err().to_string(),
            "agent_id is \"SDMC_DOUALA_BONAPRISO\", \
             but the report lies in the folder of \"SDMC_DOUALA_AKWA\""
        );
    }

    #[test]
    fn what_is_no_report_says_what_it_is() {
        let refusal = |bytes: &[u8]| {
            Report::parse(bytes, &agent(), &TimeZone::UTC)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(refusal(b"[]"), "the report is an array, not an object");
        assert_eq!(
            refusal(b"{\"a\": \xE9}"),
            "the file is no UTF-8: byte 0xE9 at offset 6"
        );
        assert!(refusal(b"{broken").starts_with("the file is no JSON: "));
        let mut report = report_of(&json!([]));
        assert_eq!(
            read(&report).unwrap_err().to_string(),
            "databases is an array, not an object"
        );
        report["operation_end_time"] = json!("yesterday");
        assert_eq!(
            read(&report).unwrap_err().to_string(),
            "operation_end_time is \"yesterday\", which is no date and time"
        );
    }

    #[test]
    fn half_a_surrogate_pair_spoils_nothing() {
        let text = report_of(&json!({"X": {"logs_summary": "MARK"}})).to_string();
        let text = text.replace("MARK", "caf\\udce9");
        let report = Report::parse(text.as_bytes(), &agent(), &TimeZone::UTC).unwrap();
        assert_eq!(
            report.databases[0].logs_summary.as_deref(),
            Some("caf\u{FFFD}")
        );
    }

    #[test]
    fn zeros_are_bytes_that_are_yet_to_come() {
        let mut bytes = report_of(&json!({})).to_string().into_bytes();
        bytes.extend([0; 100]);
        for bytes in [&bytes[..], &[0; 10]] {
            let error = Report::parse(bytes, &agent(), &TimeZone::UTC).unwrap_err();
            assert!(error.is_incomplete());
        }
    }

    #[test]
    fn a_report_that_passes_a_limit_is_refused_by_what_can_be_raised() {
        let limits = ReportLimits {
            max_depth: 5,
            max_databases: 2,
            max_name: 7,
            ..ReportLimits::default()
        };
        let refusal = |report: &Value| {
            let bytes = report.to_string();
            Report::parse_within(bytes.as_bytes(), &agent(), &TimeZone::UTC, &limits)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            refusal(&report_of(&json!({"X": {}, "Y": {}, "Z": {}}))),
            "databases names 3 databases, more than the 2 that `report_max_databases` allows"
        );
        assert_eq!(
            refusal(&report_of(
                &json!({"X": {"BACKUP": {"status": [[[true]]]}}})
            )),
            "the report is nested more deeply than the 5 levels that `report_max_depth` allows"
        );
        assert_eq!(
            refusal(&report_of(&json!({"XAFRICÉ": {}}))),
            "databases names a database with 8 bytes, more than the 7 that `report_max_name` \
             allows: \"XAFRICÉ\"…"
        );
    }

    #[test]
    fn a_staged_file_whose_name_no_file_system_takes_spoils_its_own_database_only() {
        let databases = json!({"X": section(&"x".repeat(256)), "Y": section("Y.zst")});
        let report = read(&report_of(&databases)).unwrap();
        let fault = report.databases[0].fault.clone().unwrap();
        assert_eq!(fault.field, "staged_file_name");
        assert_eq!(
            fault.problem,
            "has 256 bytes, where a file's name has 255 at most"
        );
        assert_eq!(report.databases[1].fault, None);
    }

    #[test]
    fn what_is_said_for_all_databases_is_cut_where_there_are_many() {
        let databases: Map<String, Value> = (0..1000)
            .map(|number| (number.to_string(), json!({})))
            .collect();
        let mut report = report_of(&Value::Object(databases));
        let long = "é".repeat(16_000);
        report["logs_summary"] = json!(long);
        report["overall_status"] = json!(long);
        let report = read(&report).unwrap();
        let copies = report.databases.iter().filter_map(|database| {
            let summary = database.logs_summary.as_ref()?;
            Some(summary.chars().count())
        });
        let characters: usize = copies.sum();
        assert!(
            (MAX_COPIED / 2..MAX_COPIED * 2).contains(&characters),
            "{characters}"
        );
        assert!(
            report
                .overall_status
                .unwrap()
                .ends_with(" more characters)")
        );
    }

    #[test]
    fn long_texts_are_cut_with_a_note() {
        let long = "é".repeat(100_000);
        let mut report = report_of(&json!({"X": {"BACKUP": {"error_message": long}}}));
        report["logs_summary"] = json!(long);
        let report = read(&report).unwrap();
        for text in [
            report.databases[0].logs_summary.as_deref(),
            report.databases[0].stages.error(),
        ] {
            let text = text.unwrap();
            assert!(
                text.ends_with("… (84000 more characters)"),
                "{}",
                text.len()
            );
            assert!(text.len() < 40_000);
        }
    }

    #[test]
    fn a_byte_order_mark_is_no_matter() {
        let mut bytes = b"\xEF\xBB\xBF".to_vec();
        bytes.extend(report_of(&json!({})).to_string().bytes());
        assert!(Report::parse(&bytes, &agent(), &TimeZone::UTC).is_ok());
    }

    #[test]
    fn the_agents_error_is_that_of_the_first_stage_that_failed() {
        let report = read(&report_of(&json!({"X": {
            "BACKUP": {"status": true, "message": "all is well"},
            "COMPRESS": {"status": "False", "error_message": "No space left on device"},
            "TRANSFER": {"status": false, "error_message": "nothing to send"},
        }})))
        .unwrap();
        assert_eq!(
            report.databases[0].stages.error(),
            Some("No space left on device")
        );
    }

    proptest! {
        #[test]
        fn a_report_cut_anywhere_is_incomplete(cut in 0.0..1.0_f64) {
            let whole = report_of(&json!({"É_2025": section("É.zst")})).to_string();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
            let cut = (whole.len() as f64 * cut) as usize;
            let error = Report::parse(&whole.as_bytes()[..cut], &agent(), &TimeZone::UTC).unwrap_err();
            prop_assert!(error.is_incomplete());
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = Report::parse(&bytes, &agent(), &TimeZone::UTC);
        }

        #[test]
        fn a_staged_file_never_lies_outside_the_folder(path in "[./\\\\a-zC:\\x00-\\x1f]{0,20}") {
            if let Ok(report) = read(&report_of(&json!({"X": section(&path)})))
                && let Some(name) = &report.databases[0].staged_file_name
            {
                prop_assert!(!name.is_empty() && name != "." && name != "..");
                prop_assert!(!name.contains(['/', '\\', '\0']));
            }
        }
    }
}
