//! Where a job's validated backups are kept: untrusted words as safe file names, reversibly enough
//! that two different words never give the same name. Touches no file system.

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::{ExpectedBackupJob, JobId, Sha256};

/// The list of what a folder of validated backups holds, as `sha256sum -c` reads it. No backup there has
/// this name.
pub const MANIFEST: &str = "SHA256SUMS";

/// The longest file name that common file systems take, in bytes.
const MAX_BYTES: usize = 255;

/// A name as one safe component of a path.
///
/// Letters, digits and most punctuation stay as they are. What could leave the folder, hide the
/// file, end a line or turn the reading direction is written as `%` and two hex digits a byte, as
/// is `%` itself, so that different names stay different. A name that would be too long for a file
/// system is cut and ends in `%~` and a checksum of the whole.
///
/// ```
/// use vigie_domain::file_name_of;
///
/// assert_eq!(file_name_of("XAFRIC_2025.sql.zst"), "XAFRIC_2025.sql.zst");
/// assert_eq!(file_name_of("../etc/passwd"), "%2E.%2Fetc%2Fpasswd");
/// assert_eq!(file_name_of("a\nb"), "a%0Ab");
/// ```
#[must_use]
pub fn file_name_of(name: &str) -> String {
    let mut safe = String::with_capacity(name.len());
    let last = name.chars().count().saturating_sub(1);
    for (index, character) in name.chars().enumerate() {
        let is_edge_risk = (index == 0 && matches!(character, '.' | '-' | '~' | ' '))
            || (index == last && matches!(character, '.' | ' '));
        if is_edge_risk || is_unsafe(character) {
            let mut bytes = [0; 4];
            for byte in character.encode_utf8(&mut bytes).bytes() {
                // Writing to a String can't fail.
                let _ = write!(safe, "%{byte:02X}");
            }
        } else {
            safe.push(character);
        }
    }
    if safe.is_empty() {
        return "%".to_owned();
    }
    if safe.len() > MAX_BYTES {
        let suffix = format!("%~{:016x}", checksum(name));
        let mut end = MAX_BYTES - suffix.len();
        while !safe.is_char_boundary(end) {
            end -= 1;
        }
        safe.truncate(end);
        safe.push_str(&suffix);
    }
    safe
}

/// The name under which a staged file is kept when it takes the place of the one before it:
/// [`file_name_of`] it, unless that is the name of something else.
///
/// ```
/// use vigie_domain::validated_file_name;
///
/// assert_eq!(validated_file_name("XAFRIC_2025.sql.zst"), "XAFRIC_2025.sql.zst");
/// assert_eq!(validated_file_name("SHA256SUMS"), "%53HA256SUMS");
/// ```
#[must_use]
pub fn validated_file_name(staged: &str) -> String {
    if staged == MANIFEST {
        // `file_name_of` writes only what it has to as hex digits, so it gives this to no other name.
        return format!("%{:02X}{}", MANIFEST.as_bytes()[0], &MANIFEST[1..]);
    }
    file_name_of(staged)
}

/// The name under which a staged file is kept beside those before it: the end of its run, which is held
/// to be `now` when an agent says that it is yet to come, the beginning of its hash, and its own name.
///
/// The same report gives the same name, and an agent can't choose that of another content.
///
/// ```
/// use vigie_domain::{Sha256, version_file_name};
///
/// let (ended_at, now) = ("2025-06-19T02:00:00Z".parse()?, "2025-06-19T06:00:00Z".parse()?);
/// let sha256 = Sha256::from([0xAB; 32]);
/// assert_eq!(
///     version_file_name(ended_at, now, sha256, "XAFRIC_2025.sql.zst"),
///     "20250619T020000Z_abababababababab_XAFRIC_2025.sql.zst"
/// );
/// # Ok::<(), jiff::Error>(())
/// ```
#[must_use]
pub fn version_file_name(
    ended_at: Timestamp,
    now: Timestamp,
    sha256: Sha256,
    staged: &str,
) -> String {
    let time = ended_at.min(now).strftime("%Y%m%dT%H%M%SZ");
    let sha256 = sha256.to_string();
    file_name_of(&format!("{time}_{}_{staged}", &sha256[..16]))
}

fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '/' | '\\' | '%' | ':' | '*' | '?' | '"' | '<' | '>' | '|'
                // Marks and overrides of the reading direction, and line ends of Unicode.
                | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}'
        )
}

/// FNV-1a: enough to keep long names apart, and the same for ever, which `std`'s hasher is not.
fn checksum(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

pub(crate) fn validated_folder(job: &ExpectedBackupJob, distinct: Option<JobId>) -> String {
    let or_else = |word: &str, absent: &str| {
        if word.trim().is_empty() {
            absent.to_owned()
        } else {
            file_name_of(word)
        }
    };
    let year = job
        .year
        .map_or_else(|| "no-year".to_owned(), |year| year.to_string());
    let mut folder = [
        or_else(&job.company, "no-company"),
        or_else(&job.city, "no-city"),
        or_else(&job.neighborhood, "no-neighborhood"),
        year,
        file_name_of(&job.database),
    ]
    .join("/");
    if let Some(id) = distinct {
        // No name of `file_name_of` holds `%` and `#`, so this is nobody's preferred folder.
        let _ = write!(folder, "/%#{id}");
    }
    folder
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::{AgentId, Schedule};

    #[test]
    fn a_job_has_its_folder_by_site_year_and_database() {
        let schedule = Schedule::every(Duration::from_mins(1), Duration::ZERO).unwrap();
        let agent = AgentId::new("SDMC_DOUALA").unwrap();
        let mut job =
            ExpectedBackupJob::new(JobId(7), agent, "X/Y_2025", schedule, Timestamp::UNIX_EPOCH);
        assert_eq!(
            job.validated_folder,
            "SDMC/DOUALA/no-neighborhood/2025/X%2FY_2025"
        );
        job.company = "..".to_owned();
        assert_eq!(
            job.distinct_validated_folder(),
            "%2E%2E/DOUALA/no-neighborhood/2025/X%2FY_2025/%#7"
        );
    }

    fn hostile_name() -> impl Strategy<Value = String> {
        prop_oneof![
            "\\PC{0,300}",
            "[./\\\\%~ \\n\\x00-]{0,6}",
            "[a-c%/]{0,4}",
            "(\\.\\./){0,4}[a-z]{0,4}",
        ]
    }

    proptest! {
        #[test]
        fn a_name_is_one_component_that_stays_in_its_folder(name in hostile_name()) {
            let safe = file_name_of(&name);
            prop_assert!(!safe.is_empty() && safe.len() <= MAX_BYTES);
            prop_assert!(!safe.starts_with('.') && !safe.contains(['/', '\\', '\0', '\n']));
        }

        #[test]
        fn no_backup_has_the_name_of_the_manifest(name in hostile_name()) {
            for name in [name.as_str(), MANIFEST, "%53HA256SUMS"] {
                let sha256 = Sha256::from([7; 32]);
                let now = Timestamp::UNIX_EPOCH;
                let version = version_file_name(now, now, sha256, name);
                for kept in [validated_file_name(name), version] {
                    prop_assert!(kept != MANIFEST && kept.len() <= MAX_BYTES, "{kept}");
                }
                let is_that_of_another = validated_file_name(name) == validated_file_name(MANIFEST);
                prop_assert_eq!(is_that_of_another, name == MANIFEST);
            }
        }

        #[test]
        fn different_names_stay_different(one in hostile_name(), other in hostile_name()) {
            prop_assert_eq!(file_name_of(&one) == file_name_of(&other), one == other);
        }
    }
}
