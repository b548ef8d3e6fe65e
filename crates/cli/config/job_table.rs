//! Jobs as a table in CSV (RFC 4180), as spreadsheets write it: its columns are the keys of `[[jobs]]`.

use std::collections::HashMap;
use std::path::Path;

use csv::{Position, ReaderBuilder, StringRecord, Trim};
use vigie_domain::JobDeclaration;

use super::Config;
use super::job_file::ListedJob;
use super::nearest::nearest;
use super::one_or_several::{OneOrSeveral, TextOrTable};
use super::problem::{Complaint, Problem};
use super::raw::RawJob;
use super::schedule::Schedules;

const COLUMNS: [&str; 14] = [
    "agent",
    "database",
    "every",
    "cron",
    "grace",
    "early",
    "timezone",
    "company",
    "city",
    "neighborhood",
    "year",
    "recipients",
    "active",
    "verify",
];

/// The jobs of the table, and all that is wrong with it.
pub fn read(config: &Config, text: &str, file: &Path) -> (Vec<ListedJob>, Vec<Problem>) {
    let text = text.trim_start_matches('\u{feff}');
    let mut reader = ReaderBuilder::new()
        .delimiter(delimiter_of(text))
        .flexible(true)
        .trim(Trim::All)
        .from_reader(text.as_bytes());
    let mut table = Table {
        config,
        file,
        text,
        ends: text.match_indices('\n').map(|(at, _)| at).collect(),
        columns: Vec::new(),
        jobs: Vec::new(),
        schedules: Schedules::default(),
        lines: HashMap::new(),
        problems: Vec::new(),
    };
    match reader.headers() {
        Ok(head) => table.read_head(&head.clone()),
        Err(error) => table.complain_of_syntax(&error),
    }
    // Of a table whose columns are not known nothing can be said.
    if table.problems.is_empty() {
        let mut row = StringRecord::new();
        loop {
            match reader.read_record(&mut row) {
                Ok(true) => table.read_row(&row),
                Ok(false) => break,
                Err(error) => {
                    table.complain_of_syntax(&error);
                    break;
                }
            }
        }
    }
    (table.jobs, table.problems)
}

/// Spreadsheets write semicolons where the comma is the decimal sign.
fn delimiter_of(text: &str) -> u8 {
    let head = text.lines().next().unwrap_or_default();
    let delimiter = [b';', b'\t'].into_iter();
    let mut present = delimiter.filter(|delimiter| head.as_bytes().contains(delimiter));
    present.next().unwrap_or(b',')
}

struct Table<'a> {
    config: &'a Config,
    file: &'a Path,
    text: &'a str,
    /// Where each of its lines ends.
    ends: Vec<usize>,
    columns: Vec<&'static str>,
    jobs: Vec<ListedJob>,
    schedules: Schedules,
    /// On which line each agent's database stands.
    lines: HashMap<(String, String), usize>,
    problems: Vec<Problem>,
}

impl Table<'_> {
    fn read_head(&mut self, head: &StringRecord) {
        for name in head {
            let known = COLUMNS
                .into_iter()
                .find(|known| known.eq_ignore_ascii_case(name));
            let complaint = match known {
                None => unknown(name),
                Some(known) if self.columns.contains(&known) => {
                    Complaint::new("stands there twice", "keep one of them")
                }
                Some(known) => {
                    self.columns.push(known);
                    continue;
                }
            };
            self.complain(1, Some(name), complaint);
        }
        for name in ["agent", "database"] {
            if self.problems.is_empty() && !self.columns.contains(&name) {
                let remedy =
                    "name the columns on the first line, as the keys of [[jobs]] are called";
                self.complain(1, Some(name), Complaint::new("is no column here", remedy));
            }
        }
    }

    fn read_row(&mut self, row: &StringRecord) {
        if row.iter().all(str::is_empty) {
            return;
        }
        let line = self.line_of(row.position());
        if row.len() != self.columns.len() {
            let what = format!(
                "this row has {} values, and the first line names {} columns",
                row.len(),
                self.columns.len()
            );
            let remedy = "put what holds the separator in quotes, and leave no column out";
            self.complain(line, None, Complaint::new(what, remedy));
            return;
        }
        let raw = self.raw_of(row, line);
        match (self.config.read_job(raw.job, self.file), raw.is_sound) {
            (Ok(declaration), true) => self.take(line, declaration),
            (Ok(_), false) => {}
            (Err(problems), _) => {
                let told = problems.into_iter().map(|problem| Problem {
                    line: Some(line),
                    key: problem.key.filter(|key| !key.is_empty()),
                    ..problem
                });
                self.problems.extend(told);
            }
        }
    }

    fn take(&mut self, line: usize, mut declaration: JobDeclaration) {
        declaration.schedule = self.schedules.share(declaration.schedule);
        let identity = (declaration.agent.key(), declaration.database.clone());
        if let Some(twin) = self.lines.get(&identity) {
            let what = format!(
                "this row is for the same backup as line {twin}: {:?} of {}",
                declaration.database, declaration.agent
            );
            self.complain(line, None, Complaint::new(what, "keep one of them"));
            return;
        }
        self.lines.insert(identity, line);
        self.jobs.push(ListedJob {
            line: Some(line),
            declaration,
        });
    }

    fn raw_of(&mut self, row: &StringRecord, line: usize) -> RawRow {
        let mut job = RawJob::default();
        let mut is_sound = true;
        let columns = self.columns.clone();
        for (column, cell) in columns.into_iter().zip(row) {
            if cell.is_empty() {
                continue;
            }
            let complaint = fill(&mut job, column, cell).err();
            is_sound &= complaint.is_none();
            if let Some(complaint) = complaint {
                self.complain(line, Some(column), complaint);
            }
        }
        RawRow { job, is_sound }
    }

    fn complain(&mut self, line: usize, column: Option<&str>, complaint: Complaint) {
        self.problems.push(Problem {
            line: Some(line),
            key: column.map(str::to_owned),
            ..Problem::of_file(self.file, complaint)
        });
    }

    fn complain_of_syntax(&mut self, error: &csv::Error) {
        let complaint = Complaint::new(format!("is no CSV: {error}"), "save it as CSV anew");
        self.complain(self.line_of(error.position()), None, complaint);
    }

    /// The reader counts a row that follows `\r\n` or blank lines to the line before these.
    fn line_of(&self, position: Option<&Position>) -> usize {
        let offset = position.map_or(0, Position::byte);
        let offset = usize::try_from(offset).unwrap_or_default();
        let left = self.text.get(offset..).unwrap_or_default();
        let row = offset + left.len() - left.trim_start_matches(['\r', '\n']).len();
        self.ends.partition_point(|end| *end < row) + 1
    }
}

struct RawRow {
    job: RawJob,
    is_sound: bool,
}

/// Puts a value that is there where the config has it.
fn fill(job: &mut RawJob, column: &str, cell: &str) -> Result<(), Complaint> {
    let text = Some(cell.to_owned());
    match column {
        "agent" => job.agent = text,
        "database" => job.database = text,
        "every" => job.every = text,
        "cron" => job.cron = text,
        "grace" => job.grace = text,
        "early" => job.early = text,
        "timezone" => job.timezone = text,
        "company" => job.company = text,
        "city" => job.city = text,
        "neighborhood" => job.neighborhood = text,
        "year" => job.year = Some(year(cell)?),
        "verify" => job.verify = text,
        "recipients" => {
            let addresses = cell.split(';').map(str::trim);
            let addresses = addresses.filter(|address| !address.is_empty());
            let addresses = addresses.map(|address| TextOrTable::Text(address.to_owned()));
            job.recipients = Some(OneOrSeveral::Several(addresses.collect()));
        }
        _ => job.active = Some(yes_or_no(cell)?),
    }
    Ok(())
}

fn year(cell: &str) -> Result<i64, Complaint> {
    cell.parse().map_err(|_| {
        let what = format!("is {cell:?}, which is no year");
        Complaint::new(what, "write one such as 2025, or leave it out")
    })
}

fn yes_or_no(cell: &str) -> Result<bool, Complaint> {
    match cell.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" => Ok(false),
        _ => Err(Complaint::new(
            format!("is {cell:?}"),
            "write true or false",
        )),
    }
}

fn unknown(name: &str) -> Complaint {
    let remedy = match nearest(name, COLUMNS) {
        Some(meant) => format!("did you mean {meant}?"),
        None => format!("known are {}", COLUMNS.join(", ")),
    };
    Complaint::new("is no known column", remedy)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use vigie_domain::{AgentId, Schedule, VerifyLevel};

    use super::*;
    use crate::config::tests::config;

    const HOUR: Duration = Duration::from_hours(1);

    fn jobs(text: &str) -> Vec<JobDeclaration> {
        let (jobs, problems) = read(&config(""), text, Path::new("jobs.csv"));
        assert_eq!(problems, []);
        jobs.into_iter().map(|job| job.declaration).collect()
    }

    fn problems(text: &str) -> Vec<String> {
        let problems = read(&config(""), text, Path::new("jobs.csv")).1;
        problems.iter().map(Problem::to_string).collect()
    }

    #[test]
    fn each_column_is_a_key_of_a_job() {
        let text = "\
agent,database,every,grace,company,city,neighborhood,year,recipients,active,verify
A_B_C,X,12h,1h,\"One, Ltd\",Yaoundé,\"the \"\"old\"\" one\",2024,a@example.com; b@example.com,no,decode
";
        let expected = JobDeclaration {
            agent: AgentId::new("A_B_C").unwrap(),
            database: "X".to_owned(),
            company: Some("One, Ltd".to_owned()),
            city: Some("Yaoundé".to_owned()),
            neighborhood: Some("the \"old\" one".to_owned()),
            year: Some(2024),
            schedule: Schedule::every(12 * HOUR, HOUR).unwrap(),
            recipients: vec!["a@example.com".to_owned(), "b@example.com".to_owned()],
            active: false,
            warnings: None,
            verify: Some(VerifyLevel::Decode),
        };
        assert_eq!(jobs(text), [expected]);
    }

    #[test]
    fn what_a_spreadsheet_writes_is_the_same_table() {
        let plain = "agent,database,cron,timezone,early\nA,X,0 1 * * *,Africa/Douala,10m\nB,Y,,,\n";
        let expected = jobs(plain);
        let nightly = Schedule::cron(
            "0 1 * * *",
            "Africa/Douala",
            2 * HOUR,
            Some(Duration::from_mins(10)),
        );
        assert_eq!(expected[0].schedule, nightly.unwrap());
        for other in [
            format!("\u{feff}{}", plain.replace('\n', "\r\n")),
            plain.replace(',', ";"),
            plain.replace(',', "\t"),
            "DATABASE, timezone ,Agent,early,cron\nX , Africa/Douala,A,10m,0 1 * * *\n,,,,\n\nY,,B,,"
                .to_owned(),
        ] {
            assert_eq!(jobs(&other), expected, "{other:?}");
        }
    }

    #[test]
    fn every_wrong_row_is_told_with_its_line_and_column() {
        let text = "agent,database,every,cron,year,recipients,active\r
A,X,24,,,,\r
../etc,,1h,0 1 * * *,20x,,maybe\r
\"A\",\"two
lines\",,,,,\r
B,Y,,,,ops;dba@example.com,\r
C,Z,,\r
D,V,,,,,\r
d,V,,,,,\r
";
        assert_eq!(
            problems(text),
            [
                "jobs.csv:2: every is \"24\", which is no duration; write a number and a unit, \
                 such as \"90s\", \"15m\", \"24h\" or \"7d\"",
                "jobs.csv:3: year is \"20x\", which is no year; write one such as 2025, or leave \
                 it out",
                "jobs.csv:3: active is \"maybe\"; write true or false",
                "jobs.csv:3: cron is given together with every; keep one of them",
                "jobs.csv:3: agent is \"../etc\", which is no agent id: it holds a path separator; \
                 write it as the agent's folder is called, such as \"SDMC_DOUALA_AKWA\"",
                "jobs.csv:3: database is not set; name the agent and the database of each job",
                "jobs.csv:4: database holds a line break or another control character; write it on \
                 one line",
                "jobs.csv:6: recipients[1] is \"ops\", which is no mail address; write one such as \
                 \"admin@example.com\"",
                "jobs.csv:7: this row has 4 values, and the first line names 7 columns; put what \
                 holds the separator in quotes, and leave no column out",
                "jobs.csv:9: this row is for the same backup as line 8: \"V\" of d; keep one of \
                 them",
            ]
        );
    }

    #[test]
    fn a_column_that_is_not_known_says_which_was_meant() {
        let cases = [
            (
                "agnet,database",
                "jobs.csv:1: agnet is no known column; did you mean agent?",
            ),
            (
                "agent,database,agent",
                "jobs.csv:1: agent stands there twice; keep one of them",
            ),
            (
                "agent",
                "jobs.csv:1: database is no column here; name the columns on the first line, as \
                 the keys of [[jobs]] are called",
            ),
        ];
        for (head, problem) in cases {
            assert_eq!(problems(&format!("{head}\nA,X,B\n")), [problem]);
        }
    }
}
