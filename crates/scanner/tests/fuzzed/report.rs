//! Any bytes as a report.

use jiff::tz::TimeZone;
use vigie_domain::{AgentId, Report};

pub fn run(data: &[u8]) {
    let agent = AgentId::new("A_B_C").unwrap();
    let parsed = Report::parse(data, &agent, &TimeZone::UTC);
    // The same bytes say the same whoever reads them, and however often.
    assert_eq!(parsed, Report::parse(data, &agent, &TimeZone::UTC));
    let report = match parsed {
        Ok(report) => report,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    for database in &report.databases {
        let Some(needed) = database.proof_needed() else {
            continue;
        };
        let name = &needed.staged_file_name;
        assert!(!name.is_empty() && name.len() <= 255, "{name:?}");
        assert!(!name.contains(['/', '\0']), "{name:?}");
        assert!(name != "." && name != "..", "{name:?}");
    }
}
