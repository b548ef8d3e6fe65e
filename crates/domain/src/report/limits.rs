//! How much a report may hold. Knows no report.

/// How much a report may hold. Agents are remote machines: without limits a report of a few megabytes
/// could take a hundred times that in memory, in the store and in mails.
///
/// ```
/// use jiff::tz::TimeZone;
/// use vigie_domain::{AgentId, Report, ReportLimits};
///
/// let limits = ReportLimits { max_databases: 1, ..ReportLimits::default() };
/// let agent = AgentId::new("A_B_C")?;
/// let json = br#"{"agent_id": "A_B_C", "operation_end_time": "2025-06-20T08:37:35",
///     "databases": {"X": {}, "Y": {}}}"#;
/// let error = Report::parse_within(json, &agent, &TimeZone::UTC, &limits).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "databases names 2 databases, more than the 1 that `report_max_databases` allows"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportLimits {
    /// How many objects and arrays may lie within each other, the report itself included. More than
    /// [`DEEPEST`](Self::DEEPEST) are never taken.
    pub max_depth: usize,
    /// How many databases it may name.
    pub max_databases: usize,
    /// How long the name of a database or of a staged file may be, in bytes. A staged file's is never
    /// longer than 255, as file systems take no more.
    pub max_name: usize,
    /// How long a message, an error or a summary of a log may be, in characters. What is longer is cut,
    /// and says so.
    pub max_text: usize,
}

impl ReportLimits {
    /// The least depth with which the smallest report can be read: the report, its databases, one of
    /// them, a stage of it and the lines of a message.
    pub const SHALLOWEST: usize = 5;

    /// The largest depth: what is nested deeper is a matter for the stack.
    pub const DEEPEST: usize = 100;
}

impl Default for ReportLimits {
    /// 32 levels, 1000 databases, names of 255 bytes and texts of 16000 characters.
    fn default() -> Self {
        Self {
            max_depth: 32,
            max_databases: 1000,
            max_name: 255,
            max_text: 16_000,
        }
    }
}
