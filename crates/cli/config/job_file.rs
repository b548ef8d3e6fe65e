//! Jobs that stand elsewhere than in the config: a TOML file of `[[jobs]]`, a table in a CSV file, or
//! the arguments of a command. The rules are those of the config, and so is the default schedule.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;

use toml::de::DeTable;
use vigie_domain::JobDeclaration;

use super::places::Places;
use super::problem::{Complaint, ConfigErrors, Problem};
use super::raw::RawJob;
use super::reading::Reading;
use super::recipient::AddressBook;
use super::{Config, document, job, job_table, known_key};

/// A job of a file, and the line that it begins on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedJob {
    pub line: Option<usize>,
    pub declaration: JobDeclaration,
}

impl Config {
    /// Reads the jobs of a file, each of which stands there once and is none of the config's own.
    ///
    /// # Errors
    ///
    /// When the file can't be read, or with all that is wrong in it.
    pub fn read_job_file(&self, path: &Path) -> Result<Vec<ListedJob>, ConfigErrors> {
        let wrong = |what: String, remedy: &str| {
            ConfigErrors::from(Problem::of_file(path, Complaint::new(what, remedy)))
        };
        let bytes = fs::read(path).map_err(|error| {
            let remedy = "name a file that the one who runs this can read";
            wrong(format!("can't be read: {error}"), remedy)
        })?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let sound = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = String::from_utf8_lossy(sound).matches('\n').count() + 1;
            let remedy = "save it as UTF-8 (\"CSV UTF-8\" in a spreadsheet)";
            wrong(format!("is no UTF-8 text: see line {line}"), remedy)
        })?;
        let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
        let (jobs, mut problems) = match extension.to_str() {
            Some("csv") => job_table::read(self, &text, path),
            Some("toml") => self.read_toml(&text, path)?,
            _ => {
                let what = "is neither a .csv nor a .toml file".to_owned();
                return Err(wrong(what, "name it after what it is"));
            }
        };
        problems.extend(self.declared_here(&jobs, path));
        if problems.is_empty() {
            Ok(jobs)
        } else {
            Err(ConfigErrors::new(problems))
        }
    }

    /// Reads one job whose keys stand in no table, or all that is wrong with it.
    ///
    /// # Errors
    ///
    /// With all that is wrong with it.
    pub fn read_job(&self, raw: RawJob, file: &Path) -> Result<JobDeclaration, Vec<Problem>> {
        let mut reading = self.reading(Places::new(file, BTreeMap::new()));
        let mut book = AddressBook::default();
        let job = job::read_one(raw, &self.job_defaults, "", &mut book, &mut reading);
        match job {
            Some(job) if reading.problems.is_empty() => Ok(job),
            _ => Err(reading.problems),
        }
    }

    fn read_toml(
        &self,
        text: &str,
        path: &Path,
    ) -> Result<(Vec<ListedJob>, Vec<Problem>), ConfigErrors> {
        let mut table = document::parse(text, path)?;
        let mut reading = self.reading(Places::new(path, document::lines(&table, text)));
        remove_all_but_jobs(&mut table, &mut reading);
        known_key::remove_unknown(&mut table, &mut reading);
        let raw = document::take_values(table, &mut reading).jobs;
        let mut book = AddressBook::default();
        let default = &self.job_defaults;
        let jobs = job::read_each(raw, default, &mut book, &mut reading);
        for key in book.keys() {
            let complaint = Complaint::new(
                "says in which language or time zone somebody reads",
                "give the address alone, and say that below [[recipients]] in the config",
            );
            reading.complain(key, complaint);
        }
        // With a problem the numbers of the jobs may not be those of the file; nothing is made of them.
        let listed = |(index, declaration)| ListedJob {
            line: reading.places.line_of(&document::element("jobs", index)),
            declaration,
        };
        let listed = jobs.into_iter().enumerate().map(listed).collect();
        Ok((listed, reading.problems))
    }

    fn reading(&self, places: Places) -> Reading {
        let folder = self.path.parent().unwrap_or(&self.path);
        Reading::new(places, folder, folder)
    }

    /// The config has the last word on its own jobs, so that a file that says something else of them
    /// would be undone at the next start.
    fn declared_here(&self, jobs: &[ListedJob], path: &Path) -> Vec<Problem> {
        let identity = |job: &JobDeclaration| (job.agent.key(), job.database.clone());
        let declared: HashSet<_> = self.jobs.iter().map(identity).collect();
        let is_declared = |job: &&ListedJob| declared.contains(&identity(&job.declaration));
        let problem = |job: &ListedJob| {
            let JobDeclaration {
                agent, database, ..
            } = &job.declaration;
            let complaint = Complaint::new(
                format!("{database:?} of {agent} is declared by the config"),
                "edit the config instead, or take the job out of it",
            );
            Problem {
                line: job.line,
                ..Problem::of_file(path, complaint)
            }
        };
        jobs.iter().filter(is_declared).map(problem).collect()
    }
}

fn remove_all_but_jobs(table: &mut DeTable<'_>, reading: &mut Reading) {
    let others: Vec<String> = table
        .keys()
        .map(|key| key.get_ref().to_string())
        .filter(|key| key != "jobs")
        .collect();
    for key in others {
        table.remove(key.as_str());
        let complaint = Complaint::new("is no job", "leave nothing but [[jobs]] in this file");
        reading.complain(&document::join("", &key), complaint);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use vigie_domain::Schedule;

    use super::*;
    use crate::config::tests::config;

    const HOUR: Duration = Duration::from_hours(1);

    fn read(config_text: &str, name: &str, text: &str) -> Result<Vec<ListedJob>, ConfigErrors> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        config(config_text).read_job_file(&path)
    }

    /// What is wrong, without the folder.
    fn problems(config_text: &str, name: &str, text: &str) -> Vec<String> {
        let errors = read(config_text, name, text).unwrap_err().to_string();
        let told = |line: &str| match line.find(name) {
            Some(at) => line[at..].to_owned(),
            None => line.to_owned(),
        };
        errors.lines().map(told).collect()
    }

    const JOB: &str = "[[jobs]]\nagent = 'A'\ndatabase = 'X'\n";

    #[test]
    fn the_jobs_of_a_file_follow_the_default_schedule_of_the_config() {
        let schedule = "[schedule]\ncron = '0 1 * * *'\ntimezone = 'Africa/Douala'\n";
        let text = format!("{JOB}[[jobs]]\nagent = 'B'\ndatabase = 'Y'\ncron = '0 2 * * *'");
        let jobs = read(schedule, "jobs.toml", &text).unwrap();
        assert_eq!((jobs[0].line, jobs[1].line), (Some(1), Some(4)));
        let nightly = |cron| Schedule::cron(cron, "Africa/Douala", 2 * HOUR, None).unwrap();
        assert_eq!(jobs[0].declaration.schedule, nightly("0 1 * * *"));
        assert_eq!(jobs[1].declaration.schedule, nightly("0 2 * * *"));
    }

    #[test]
    fn all_that_is_wrong_in_a_file_is_told_at_once() {
        let text = format!("{JOB}evry = '1h'\n{JOB}[smtp]\nhost = 'x'\n");
        assert_eq!(
            problems("", "jobs.toml", &text),
            [
                "jobs.toml:4: jobs[1].evry is no known key; did you mean jobs[1].every?",
                "jobs.toml:5: jobs[2] is for the same backup as jobs[1] on line 1: \"X\" of A; \
                 keep one of them",
                "jobs.toml:8: smtp is no job; leave nothing but [[jobs]] in this file",
            ]
        );
    }

    #[test]
    fn the_language_of_people_is_said_in_the_config() {
        let text = format!("{JOB}recipients = {{ address = 'a@example.com', locale = 'de' }}");
        let told = problems("", "jobs.toml", &text);
        assert!(told[0].starts_with("jobs.toml:4: jobs[1].recipients says"));
    }

    #[test]
    fn a_job_of_the_config_is_told_with_its_line() {
        let told = [
            "jobs.toml:1: \"X\" of A is declared by the config; edit the config instead, or take \
             the job out of it",
        ];
        assert_eq!(problems(JOB, "jobs.toml", JOB), told);
    }

    #[test]
    fn a_file_of_another_kind_is_refused() {
        let told = problems("", "jobs.xlsx", "");
        assert!(told[0].starts_with("jobs.xlsx: is neither a .csv nor a .toml file"));
    }
}
