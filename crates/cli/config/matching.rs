//! The keys that say which jobs a route or a window is about. Knows no table that has them.

use vigie_domain::JobStatus;
use vigie_notify::{AlertSeverity, Glob, Matchers};

use super::choice;
use super::document::element;
use super::one_or_several::OneOrSeveral;
use super::problem::Complaint;
use super::raw::{RawMatchers, RawYears};
use super::reading::Reading;

/// What the table at `path` says.
pub fn read(raw: RawMatchers, path: &str, reading: &mut Reading) -> Matchers {
    let mut globs = |name: &str, given| several(&format!("{path}.{name}"), given, reading, glob);
    let companies = globs("company", raw.company);
    let cities = globs("city", raw.city);
    let agents = globs("agent", raw.agent);
    let databases = globs("database", raw.database);
    let years = years(&format!("{path}.year"), raw.year, reading);
    let statuses = several(&format!("{path}.status"), raw.status, reading, status);
    let severities = several(&format!("{path}.severity"), raw.severity, reading, severity);
    Matchers {
        companies,
        cities,
        agents,
        databases,
        years,
        statuses,
        severities,
    }
}

/// Each value of a key that takes one or several. An empty array would stand for any, which is not
/// what somebody means who writes it.
pub fn several<T>(
    key: &str,
    given: Option<OneOrSeveral<String>>,
    reading: &mut Reading,
    parse: impl Fn(&str) -> Result<T, Complaint>,
) -> Vec<T> {
    let Some(given) = given else {
        return Vec::new();
    };
    let texts = given.with_paths(key);
    if texts.is_empty() {
        reading.complain(key, empty());
    }
    let values = texts.iter();
    values
        .filter_map(|(key, text)| reading.parse(key, Some(text), &parse))
        .collect()
}

fn empty() -> Complaint {
    Complaint::new("is empty", "give it a value, or leave the key out")
}

fn glob(text: &str) -> Result<Glob, Complaint> {
    Glob::new(text).map_err(|invalid| {
        Complaint::new(
            format!("is {text:?}, which is no pattern: {}", invalid.problem),
            "* stands for any letters, ? for one",
        )
    })
}

fn status(word: &str) -> Result<JobStatus, Complaint> {
    choice::one_of(word, &JobStatus::ALL.map(|one| (one.as_str(), one)))
}

fn severity(word: &str) -> Result<AlertSeverity, Complaint> {
    choice::one_of(word, &AlertSeverity::ALL.map(|one| (one.as_str(), one)))
}

fn years(key: &str, given: Option<RawYears>, reading: &mut Reading) -> Vec<i16> {
    let years = match given {
        None => return Vec::new(),
        Some(RawYears::One(year)) => vec![(key.to_owned(), year)],
        Some(RawYears::Several(years)) => {
            let numbered = years.into_iter().enumerate();
            numbered
                .map(|(index, year)| (element(key, index), year))
                .collect()
        }
    };
    if years.is_empty() {
        reading.complain(key, empty());
    }
    let years = years.into_iter();
    years
        .filter_map(|(key, year)| reading.accept(&key, year_of(year)))
        .collect()
}

/// A year of four digits at most.
pub fn year_of(year: i64) -> Result<i16, Complaint> {
    i16::try_from(year)
        .ok()
        .filter(|year| (1..=9999).contains(year))
        .ok_or_else(|| {
            let what = format!("is {year}, which is no year");
            Complaint::new(what, "write one such as 2025, or leave it out")
        })
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{config, problems};

    const ROUTE: &str = "[[routes]]\nrecipients = 'a@example.com'\n";

    #[test]
    fn each_key_takes_one_value_or_several() {
        let text = format!(
            "{ROUTE}company = 'SDMC'\ncity = ['Douala', 'Yaound?']\nagent = 'SDMC_*'\n\
             database = ['X_*']\nyear = 2025\nstatus = ['MISSING', 'FAILED']\n\
             severity = 'critical'\n[[routes]]\nrecipients = 'b@example.com'\nyear = [2023, 2024]"
        );
        let routes = config(&text).routing.routes;
        assert_eq!(
            routes[0].matchers.to_string(),
            "company SDMC, city Douala or Yaound?, agent SDMC_*, database X_*, year 2025, \
             status MISSING or FAILED, severity critical"
        );
        assert_eq!(routes[1].matchers.to_string(), "year 2023 or 2024");
    }

    #[test]
    fn a_wrong_value_says_what_to_write() {
        let statuses = "write \"OK\", \"FAILED\", \"MISSING\", \"HASH_MISMATCH\", \
                        \"TRANSFER_INTEGRITY_FAILED\" or \"UNKNOWN\"";
        let cases = [
            (
                "status = ['MISSING', 'missing']",
                format!("status[2] is \"missing\"; {statuses}"),
            ),
            (
                "severity = 'high'",
                "severity is \"high\"; write \"critical\" or \"warning\"".to_owned(),
            ),
            (
                "agent = 'SDMC_['",
                "agent is \"SDMC_[\", which is no pattern: it has a [ that is not closed; write \
                 [[] for the letter; * stands for any letters, ? for one"
                    .to_owned(),
            ),
            (
                "agent = []",
                "agent is empty; give it a value, or leave the key out".to_owned(),
            ),
            (
                "agent = ['A', 3]",
                "agent[2] is an integer; write a string in quotes".to_owned(),
            ),
            (
                "agent = 3",
                "agent is an integer; write a string or an array of strings".to_owned(),
            ),
            (
                "year = 20255",
                "year is 20255, which is no year; write one such as 2025, or leave it out"
                    .to_owned(),
            ),
            (
                "year = '2025'",
                "year is a string; write a year such as 2025, or an array of years".to_owned(),
            ),
            (
                "year = []",
                "year is empty; give it a value, or leave the key out".to_owned(),
            ),
        ];
        for (line, problem) in cases {
            let problem = format!("vigie.toml:4: routes[1].{problem}");
            assert_eq!(problems(&format!("{ROUTE}{line}")), [problem]);
        }
    }
}
