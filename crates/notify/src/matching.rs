//! Which jobs, and what of them, a route or a silence is about. Knows no recipient and no time.

use std::fmt;
use std::str::FromStr;

use glob::{MatchOptions, Pattern};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use vigie_domain::{ExpectedBackupJob, JobStatus};

use crate::NoticeClass;

/// A slash is a letter as any other in the names that are compared here.
const AS_TEXT: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: false,
    require_literal_leading_dot: false,
};

/// A name with placeholders: `*` for any letters or none, `?` for one, `[ab]`, `[a-d]` and `[!ab]` for
/// one of these or none of these. `[*]` is the star itself.
///
/// ```
/// use vigie_notify::Glob;
///
/// let glob: Glob = "SDMC_*_AKWA".parse()?;
/// assert!(glob.matches("SDMC_DOUALA_AKWA"));
/// assert!(!glob.matches("sdmc_douala_akwa"));
/// assert!(glob.matches_in_any_case("sdmc_douala_akwa"));
/// # Ok::<(), vigie_notify::InvalidGlob>(())
/// ```
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Glob {
    exact: Pattern,
    in_small_letters: Pattern,
}

/// A text that is no [`Glob`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{glob:?} is no pattern: {problem}")]
pub struct InvalidGlob {
    /// The text that was given.
    pub glob: String,
    /// What is wrong with it, and what to write.
    pub problem: &'static str,
}

impl Glob {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// When it is empty, holds a control character or `**`, or has a `[` that is not closed.
    pub fn new(text: &str) -> Result<Self, InvalidGlob> {
        let invalid = |problem| InvalidGlob {
            glob: text.to_owned(),
            problem,
        };
        if text.trim().is_empty() {
            return Err(invalid("it is empty; write * for any name"));
        }
        if text.contains(char::is_control) {
            return Err(invalid(
                "it holds a line break or another control character",
            ));
        }
        if text.contains("**") {
            return Err(invalid("it holds **; one * stands for any letters"));
        }
        let pattern = |text: &str| {
            Pattern::new(text)
                .map_err(|_| invalid("it has a [ that is not closed; write [[] for the letter"))
        };
        Ok(Self {
            exact: pattern(text)?,
            in_small_letters: pattern(&text.to_lowercase())?,
        })
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.exact.as_str()
    }

    /// Whether it stands for this name, as it is spelled.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        self.exact.matches_with(name, AS_TEXT)
    }

    /// Whether it stands for this name in upper or lower case.
    #[must_use]
    pub fn matches_in_any_case(&self, name: &str) -> bool {
        self.in_small_letters
            .matches_with(&name.to_lowercase(), AS_TEXT)
    }
}

impl PartialEq for Glob {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Glob {}

impl fmt::Debug for Glob {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), formatter)
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl FromStr for Glob {
    type Err = InvalidGlob;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

impl TryFrom<String> for Glob {
    type Error = InvalidGlob;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text)
    }
}

impl From<Glob> for String {
    fn from(glob: Glob) -> Self {
        glob.as_str().to_owned()
    }
}

/// How much something matters that people are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertSeverity {
    /// A job is not OK, still is not, or is OK again: all that an incident is made of.
    Critical,
    /// A job is OK, and its backup is odd.
    Warning,
}

impl AlertSeverity {
    /// Both, in the order in which they are documented.
    pub const ALL: [Self; 2] = [Self::Critical, Self::Warning];

    /// Its name in config and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
        }
    }
}

impl From<NoticeClass> for AlertSeverity {
    fn from(class: NoticeClass) -> Self {
        match class {
            NoticeClass::Problem | NoticeClass::Recovery => Self::Critical,
            NoticeClass::Warning => Self::Warning,
        }
    }
}

impl fmt::Display for AlertSeverity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// What people would be told of: a job, what became of it, and how much that matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject<'a> {
    /// The customer that the database belongs to.
    pub company: &'a str,
    /// The city of the site.
    pub city: &'a str,
    /// The agent.
    pub agent: &'a str,
    /// The database, as reports name it.
    pub database: &'a str,
    /// The year that the database is about.
    pub year: Option<i16>,
    /// What the job is.
    pub status: JobStatus,
    /// How much it matters.
    pub severity: AlertSeverity,
}

impl<'a> Subject<'a> {
    /// A job as it is now.
    #[must_use]
    pub fn of(job: &'a ExpectedBackupJob, severity: AlertSeverity) -> Self {
        Self {
            company: &job.company,
            city: &job.city,
            agent: job.agent.as_str(),
            database: &job.database,
            year: job.year,
            status: job.current_status,
            severity,
        }
    }
}

/// What a route, a silence or a window is about. An empty list stands for any; otherwise one of the
/// list has to match, and each of the lists has to.
///
/// Companies, cities and agents match in upper or lower case, databases as they are spelled.
///
/// ```
/// use vigie_domain::JobStatus;
/// use vigie_notify::{AlertSeverity, Matchers, Subject, samples};
///
/// let matchers = Matchers {
///     agents: vec!["sdmc_*".parse()?],
///     statuses: vec![JobStatus::Missing],
///     ..Matchers::default()
/// };
/// assert_eq!(matchers.to_string(), "agent sdmc_*, status MISSING");
/// let job = samples::missing_full().job;
/// assert!(matchers.matches(&Subject::of(&job, AlertSeverity::Critical)));
/// # Ok::<(), vigie_notify::InvalidGlob>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
// What is not known here would narrow it: without that it would be about more than was meant.
#[serde(default, deny_unknown_fields)]
pub struct Matchers {
    /// The customers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub companies: Vec<Glob>,
    /// The cities.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cities: Vec<Glob>,
    /// The agents.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub agents: Vec<Glob>,
    /// The databases.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub databases: Vec<Glob>,
    /// The years of databases; one without a year is of none of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub years: Vec<i16>,
    /// What jobs are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub statuses: Vec<JobStatus>,
    /// How much it matters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub severities: Vec<AlertSeverity>,
}

impl Matchers {
    /// Whether they are about this.
    #[must_use]
    pub fn matches(&self, subject: &Subject<'_>) -> bool {
        let in_any_case =
            |globs: &[Glob], name: &str| any_or_some(globs, |glob| glob.matches_in_any_case(name));
        in_any_case(&self.companies, subject.company)
            && in_any_case(&self.cities, subject.city)
            && in_any_case(&self.agents, subject.agent)
            && any_or_some(&self.databases, |glob| glob.matches(subject.database))
            && any_or_some(&self.years, |year| Some(*year) == subject.year)
            && any_or_some(&self.statuses, |status| *status == subject.status)
            && any_or_some(&self.severities, |severity| *severity == subject.severity)
    }

    /// Whether nothing narrows them.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether these are surely about all that `others` are about. Patterns are compared as they are
    /// written, so that `A*` is not seen to cover `AB*`.
    #[must_use]
    pub fn covers(&self, others: &Self) -> bool {
        let globs = |own: &[Glob], others: &[Glob]| {
            own.iter().any(|glob| glob.as_str() == "*") || covers(own, others, &[])
        };
        globs(&self.companies, &others.companies)
            && globs(&self.cities, &others.cities)
            && globs(&self.agents, &others.agents)
            && globs(&self.databases, &others.databases)
            && covers(&self.years, &others.years, &[])
            && covers(&self.statuses, &others.statuses, &JobStatus::ALL)
            && covers(&self.severities, &others.severities, &AlertSeverity::ALL)
    }
}

fn any_or_some<T>(wanted: &[T], is_it: impl Fn(&T) -> bool) -> bool {
    wanted.is_empty() || wanted.iter().any(is_it)
}

/// Where an empty list stands for `all`, which is empty when they can't be told.
fn covers<T: PartialEq>(own: &[T], others: &[T], all: &[T]) -> bool {
    let others = if others.is_empty() { all } else { others };
    own.is_empty() || !others.is_empty() && others.iter().all(|other| own.contains(other))
}

/// In words: `agent SDMC_* or LPG_*, status MISSING`.
impl fmt::Display for Matchers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            part("company", &self.companies),
            part("city", &self.cities),
            part("agent", &self.agents),
            part("database", &self.databases),
            part("year", &self.years),
            part("status", &self.statuses),
            part("severity", &self.severities),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        if parts.is_empty() {
            formatter.write_str("every job")
        } else {
            formatter.write_str(&parts.join(", "))
        }
    }
}

fn part<T: fmt::Display>(name: &str, values: &[T]) -> Option<String> {
    let words: Vec<String> = values.iter().map(|value| word(value.to_string())).collect();
    (!words.is_empty()).then(|| format!("{name} {}", words.join(" or ")))
}

/// What would not be seen to be one word stands in quotes.
fn word(text: String) -> String {
    if text.contains([' ', ',', '"']) {
        format!("{text:?}")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const SUBJECT: Subject<'static> = Subject {
        company: "SDMC",
        city: "Yaoundé",
        agent: "SDMC_YAOUNDE_BASTOS",
        database: "XAFRIC_2025",
        year: Some(2025),
        status: JobStatus::Missing,
        severity: AlertSeverity::Critical,
    };

    fn glob(text: &str) -> Glob {
        Glob::new(text).unwrap()
    }

    fn globs(texts: &[&str]) -> Vec<Glob> {
        texts.iter().map(|text| glob(text)).collect()
    }

    #[test]
    fn a_pattern_stands_for_the_names_that_it_describes() {
        let cases = [
            ("XAFRIC_2025", "XAFRIC_2025", true),
            ("XAFRIC_2025", "XAFRIC_20250", false),
            ("X*", "X", true),
            ("*_2025", "XAFRIC_2025", true),
            ("X?", "X", false),
            ("X?", "Xé", true),
            ("X_202[45]", "X_2025", true),
            ("X_202[!45]", "X_2025", false),
            ("X_202[1-4]", "X_2025", false),
            ("*", "a/b.c d", true),
            ("*", ".hidden", true),
            ("[*]", "X", false),
            ("[*]", "*", true),
            ("X.2025", "Xa2025", false),
        ];
        for (pattern, name, is_match) in cases {
            assert_eq!(glob(pattern).matches(name), is_match, "{pattern} {name}");
        }
    }

    #[test]
    fn case_counts_only_where_it_is_told_to() {
        assert!(!glob("yaound[é]").matches("YAOUNDÉ"));
        assert!(glob("yaound[é]").matches_in_any_case("YAOUNDÉ"));
        assert!(glob("SDMC_[A-D]*").matches_in_any_case("sdmc_douala"));
    }

    #[test]
    fn what_is_no_pattern_says_why() {
        let cases = [
            ("", "it is empty; write * for any name"),
            ("A\nB", "it holds a line break or another control character"),
            ("A**", "it holds **; one * stands for any letters"),
            (
                "A[",
                "it has a [ that is not closed; write [[] for the letter",
            ),
            (
                "A[]",
                "it has a [ that is not closed; write [[] for the letter",
            ),
        ];
        for (text, problem) in cases {
            assert_eq!(Glob::new(text).unwrap_err().problem, problem, "{text:?}");
        }
    }

    #[test]
    fn all_that_is_given_has_to_match_and_of_each_list_one() {
        let matchers = Matchers {
            companies: globs(&["lpg", "sdmc"]),
            cities: globs(&["yaound?"]),
            agents: globs(&["sdmc_*"]),
            databases: globs(&["XAFRIC_*"]),
            years: vec![2024, 2025],
            statuses: vec![JobStatus::Failed, JobStatus::Missing],
            severities: vec![AlertSeverity::Critical],
        };
        assert!(matchers.matches(&SUBJECT));
        let others = [
            Subject {
                company: "TRADEX",
                ..SUBJECT
            },
            Subject {
                city: "Douala",
                ..SUBJECT
            },
            Subject {
                agent: "LPG_YAOUNDE_BASTOS",
                ..SUBJECT
            },
            Subject {
                database: "xafric_2025",
                ..SUBJECT
            },
            Subject {
                year: None,
                ..SUBJECT
            },
            Subject {
                status: JobStatus::Unknown,
                ..SUBJECT
            },
            Subject {
                severity: AlertSeverity::Warning,
                ..SUBJECT
            },
        ];
        for other in others {
            assert!(!matchers.matches(&other), "{other:?}");
        }
        assert!(Matchers::default().matches(&SUBJECT));
    }

    #[test]
    fn they_are_told_in_words() {
        let matchers = Matchers {
            companies: globs(&["SDMC SA"]),
            agents: globs(&["SDMC_*", "LPG_*"]),
            years: vec![2025],
            severities: vec![AlertSeverity::Warning],
            ..Matchers::default()
        };
        assert_eq!(
            matchers.to_string(),
            "company \"SDMC SA\", agent SDMC_* or LPG_*, year 2025, severity warning"
        );
        assert_eq!(Matchers::default().to_string(), "every job");
    }

    #[test]
    fn they_are_kept_as_json_and_none_that_is_not_understood_is_left_out() {
        let matchers = Matchers {
            agents: globs(&["SDMC_*"]),
            statuses: vec![JobStatus::HashMismatch],
            ..Matchers::default()
        };
        let kept = json!({"agents": ["SDMC_*"], "statuses": ["HASH_MISMATCH"]});
        assert_eq!(serde_json::to_value(&matchers).unwrap(), kept);
        assert_eq!(serde_json::from_value::<Matchers>(kept).unwrap(), matchers);
        for other in [json!({"colours": ["red"]}), json!({"agents": ["["]})] {
            assert!(serde_json::from_value::<Matchers>(other).is_err());
        }
    }

    #[test]
    fn what_covers_all_is_known_to() {
        let star = Matchers {
            agents: globs(&["A", "*"]),
            statuses: JobStatus::ALL.to_vec(),
            severities: AlertSeverity::ALL.to_vec(),
            ..Matchers::default()
        };
        assert!(star.covers(&Matchers::default()));
        let failed = Matchers {
            statuses: vec![JobStatus::Failed],
            ..Matchers::default()
        };
        assert!(star.covers(&failed));
        assert!(!failed.covers(&star));
        assert!(!failed.covers(&Matchers::default()));
    }

    fn names() -> impl Strategy<Value = Vec<Glob>> {
        prop::collection::vec("[AB*?]{1,2}", 0..3).prop_map(|texts| {
            let globs = texts.iter().map(|text| Glob::new(text));
            globs.filter_map(Result::ok).collect()
        })
    }

    fn any_matchers() -> impl Strategy<Value = Matchers> {
        let statuses = prop::sample::subsequence(JobStatus::ALL.to_vec(), 0..=6);
        let severities = prop::sample::subsequence(AlertSeverity::ALL.to_vec(), 0..=2);
        let years = prop::collection::vec(2024..2026_i16, 0..2);
        (names(), names(), years, statuses, severities).prop_map(
            |(agents, databases, years, statuses, severities)| Matchers {
                agents,
                databases,
                years,
                statuses,
                severities,
                ..Matchers::default()
            },
        )
    }

    proptest! {
        #[test]
        fn a_name_without_placeholders_stands_for_itself_alone(
            name in "[A-Za-zé_0-9.-]{1,9}",
            other in "[A-Za-zé_0-9.-]{1,9}",
        ) {
            prop_assert!(glob(&name).matches(&name));
            prop_assert_eq!(glob(&name).matches(&other), name == other);
            prop_assert!(glob(&name).matches_in_any_case(&name.to_uppercase()));
        }

        #[test]
        fn no_text_is_too_odd_to_be_read_or_compared(
            text in any::<String>(),
            name in any::<String>(),
        ) {
            if let Ok(glob) = Glob::new(&text) {
                let _ = (glob.matches(&name), glob.matches_in_any_case(&name));
                prop_assert_eq!(glob.as_str(), text);
            }
        }

        #[test]
        fn what_covers_others_matches_all_that_they_match(
            one in any_matchers(),
            other in any_matchers(),
            agent in "[AB]{1,2}",
            database in "[AB]{1,2}",
            year in prop::option::of(2024..2026_i16),
            status in prop::sample::select(JobStatus::ALL.to_vec()),
            severity in prop::sample::select(AlertSeverity::ALL.to_vec()),
        ) {
            let (agent, database) = (agent.as_str(), database.as_str());
            let subject = Subject { agent, database, year, status, severity, ..SUBJECT };
            if one.covers(&other) && other.matches(&subject) {
                prop_assert!(one.matches(&subject));
            }
            prop_assert!(one.covers(&one));
        }
    }
}
