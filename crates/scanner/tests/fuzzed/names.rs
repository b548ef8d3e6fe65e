//! Any text as the name of an agent, of a database and of a file.

use std::time::Duration;

use jiff::Timestamp;
use vigie_domain::{AgentId, ExpectedBackupJob, JobId, Schedule, file_name_of};

/// Two names, with a line feed between them.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (one, other) = text.split_once('\n').unwrap_or((text, ""));
    let [safe, safe_other] = [one, other].map(file_name_of);
    for safe in [&safe, &safe_other] {
        assert!(!safe.is_empty() && safe.len() <= 255, "{safe:?}");
        assert!(!safe.starts_with('.') && !safe.contains(['/', '\\']));
        assert!(!safe.chars().any(char::is_control), "{safe:?}");
    }
    assert_eq!(safe == safe_other, one == other, "{one:?} and {other:?}");
    let Ok(agent) = AgentId::new(one) else {
        return;
    };
    assert!(agent.is_same_as(&AgentId::new(agent.key()).unwrap()));
    assert!(!agent.as_str().contains(['/', '\0']) && !agent.as_str().starts_with('.'));
    let schedule = Schedule::every(Duration::from_hours(24), Duration::ZERO).unwrap();
    let job = ExpectedBackupJob::new(JobId(1), agent, other, schedule, Timestamp::UNIX_EPOCH);
    let folder = job.preferred_validated_folder();
    assert_eq!(folder.split('/').count(), 5, "{folder:?}");
    for component in folder.split('/') {
        assert!(!component.is_empty() && component.len() <= 255);
        assert!(!component.starts_with('.'), "{folder:?}");
    }
    assert_ne!(job.distinct_validated_folder(), folder);
}
