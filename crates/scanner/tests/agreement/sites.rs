//! The remote sites, and everything that they and others do to a deposit between two cycles. Knows no rule.

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};

use crate::deposits::{Oddity, Twice};
use crate::one_in;
use crate::reports::{Claim, end_of_run, report};

const AGENTS: [&str; 5] = [
    "SDMC_DOUALA_AKWA",
    "SDMC_DOUALA_BONAPRISO",
    "ACME_LAGOS",
    "Solo",
    "X_Ü_Z_NORD",
];

const DATABASES: [&str; 4] = ["XAFRIC_2025", "XAFRIC_2024", "LAGOS", "É/1"];

/// What the scanner needs of an agent's folder.
const WAYS: [&str; 5] = [
    "log/_archive",
    "log/_rejected",
    "databases",
    "database",
    "log",
];

/// No report yet, as it starts with a dot.
const HIDDEN: &str = ".late";

const IN_THE_WAY: &[u8] = b"in the way";

const ODDITIES: [Oddity; 3] = [Oddity::Directory, Oddity::Link, Oddity::Pipe];

/// All that lies in the deposit, and what was done to it.
pub struct Sites {
    all: Vec<Site>,
    /// What happened, for whoever looks into a failure.
    pub story: Vec<String>,
    counted: usize,
    /// Whether little happens: then there is something to remember.
    pub is_calm: bool,
}

/// One agent's site.
pub struct Site {
    /// The name of its folder.
    pub folder: &'static str,
    /// Its id as its reports spell it.
    id: String,
    staged_folder: &'static str,
    databases: Vec<Database>,
    is_away: bool,
}

struct Database {
    name: &'static str,
    file_name: String,
    /// What the agent believes to have sent last.
    content: Vec<u8>,
}

impl Sites {
    pub fn new(rng: &mut Rng) -> Self {
        let mut agents = AGENTS;
        rng.shuffle(&mut agents);
        let count = rng.usize(1..=AGENTS.len()).min(rng.usize(1..=AGENTS.len()));
        Self {
            all: agents[..count]
                .iter()
                .map(|agent| site(rng, agent))
                .collect(),
            story: Vec::new(),
            counted: 0,
            is_calm: one_in(rng, 3),
        }
    }

    pub fn folders(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.all.iter().map(|site| site.folder)
    }

    pub fn databases() -> [&'static str; 4] {
        DATABASES
    }

    /// What happens before a cycle at `now`.
    pub fn happen(&mut self, rng: &mut Rng, twice: &Twice, now: Timestamp) {
        for index in 0..self.all.len() {
            self.go_or_come_back(rng, twice, index);
            self.uncover(rng, twice, index);
            if self.is_calm && !one_in(rng, 3) {
                continue;
            }
            let acts = rng.u8(0..4);
            for _ in 0..acts {
                match rng.u8(0..20) {
                    0..10 => self.run(rng, twice, index, now),
                    10 | 11 => self.claim_again(rng, twice, index, now),
                    12 | 13 => self.tamper(rng, twice, index, now),
                    14 => self.drop_again(rng, twice, index, now),
                    15 => self.overwrite_report(rng, twice, index, now),
                    16 | 17 => self.block(rng, twice, index, now),
                    18 => self.litter(rng, twice, index, now),
                    _ => self.hide(rng, twice, index, now),
                }
            }
        }
        if one_in(rng, 12) {
            self.litter_root(rng, twice, now);
        }
        if one_in(rng, 4) {
            self.damage_validated(rng, twice, now);
        }
    }

    /// A run of the agent: staged files and, mostly, a report of them.
    fn run(&mut self, rng: &mut Rng, twice: &Twice, index: usize, now: Timestamp) {
        let count = rng.usize(1..=DATABASES.len());
        let mut chosen: Vec<usize> = (0..DATABASES.len()).collect();
        rng.shuffle(&mut chosen);
        chosen.truncate(count);
        for &database in &chosen {
            self.stage(rng, twice, index, database, now);
        }
        let site = &self.all[index];
        let claims: Vec<Claim> = chosen
            .iter()
            .map(|&database| {
                let database = &site.databases[database];
                Claim {
                    database: database.name,
                    file_name: &database.file_name,
                    content: &database.content,
                }
            })
            .collect();
        let ended_at = end_of_run(rng, now);
        let bytes = report(rng, &site.id, ended_at, &claims);
        self.counted += 1;
        let name = report_name(rng, ended_at, &site.id, self.counted);
        let path = format!("deposit/{}/log/{name}", site.folder);
        let is_moved = rng.bool();
        let modified = lately(rng, now);
        let names: Vec<_> = claims.iter().map(|claim| claim.database).collect();
        self.story
            .push(format!("report {path} of {names:?}, ended {ended_at}"));
        if is_moved {
            twice.replace(&path, &bytes, modified);
        } else {
            twice.write(&path, &bytes, modified);
        }
    }

    /// The staged file of a backup, as it arrives or does not.
    fn stage(
        &mut self,
        rng: &mut Rng,
        twice: &Twice,
        index: usize,
        database: usize,
        now: Timestamp,
    ) {
        let site = &mut self.all[index];
        let staged = &mut site.databases[database];
        if one_in(rng, 12) {
            staged.file_name = format!("{}.sql.zst", rng.u8(0..3));
        }
        let path = format!(
            "deposit/{}/{}/{}",
            site.folder, site.staged_folder, staged.file_name
        );
        let fate = rng.u8(0..32);
        if fate < 14 {
            staged.content = content(rng, staged.content.len());
        }
        let mut arrived = staged.content.clone();
        match fate {
            // Nothing arrives, and the report speaks of what is there already.
            14..20 => {
                self.story.push(format!("{path} stays"));
                return;
            }
            20 | 21 => {
                self.story.push(format!("{path} is removed"));
                twice.remove(&path);
                return;
            }
            22 => arrived.truncate(arrived.len() / 2),
            23 | 24 => flip(rng, &mut arrived),
            25 => arrived.clear(),
            26 => {
                let oddity = ODDITIES[rng.usize(0..3)];
                self.story.push(format!("{path} becomes a {oddity:?}"));
                twice.put_oddity(&path, oddity);
                return;
            }
            _ => {}
        }
        self.story
            .push(format!("{path} has {} bytes, fate {fate}", arrived.len()));
        let modified = lately(rng, now);
        if rng.bool() {
            twice.replace(&path, &arrived, modified);
        } else {
            twice.write(&path, &arrived, modified);
        }
    }

    /// Somebody puts other bytes into a staged file that was proven, so that size and time tell nothing;
    /// a report that speaks of the old ones follows.
    fn tamper(&mut self, rng: &mut Rng, twice: &Twice, index: usize, now: Timestamp) {
        let site = &self.all[index];
        let folder = format!("deposit/{}/{}", site.folder, site.staged_folder);
        let files = twice.files(&folder);
        if files.is_empty() {
            return;
        }
        let path = format!("{folder}/{}", files[rng.usize(0..files.len())]);
        let mut bytes = twice.read(&path).unwrap();
        let modified = twice.modified(&path).unwrap();
        flip(rng, &mut bytes);
        self.story
            .push(format!("{path} has another byte and the same time"));
        if rng.bool() {
            twice.write(&path, &bytes, modified);
        } else {
            twice.replace(&path, &bytes, modified);
        }
        if rng.bool() {
            self.claim_again(rng, twice, index, now);
        }
    }

    /// A report of what the agent believes to have sent, with no file arriving.
    fn claim_again(&mut self, rng: &mut Rng, twice: &Twice, index: usize, now: Timestamp) {
        let site = &self.all[index];
        let bytes = report(rng, &site.id, now, &site.claims());
        self.counted += 1;
        let name = report_name(rng, now, &site.id, self.counted);
        let path = format!("deposit/{}/log/{name}", site.folder);
        self.story
            .push(format!("report {path} of all, ended {now}"));
        twice.replace(&path, &bytes, lately(rng, now));
    }

    /// A report that was set aside is dropped once more, or two that are the same arrive.
    fn drop_again(&mut self, rng: &mut Rng, twice: &Twice, index: usize, now: Timestamp) {
        let log = format!("deposit/{}/log", self.all[index].folder);
        let from = [
            format!("{log}/_archive"),
            format!("{log}/_rejected"),
            log.clone(),
        ];
        let from = &from[rng.usize(0..3)];
        let files = twice.files(from);
        if files.is_empty() {
            return;
        }
        let name = &files[rng.usize(0..files.len())];
        let path = format!("{from}/{name}");
        let bytes = twice.read(&path).unwrap();
        let modified = if rng.bool() {
            twice.modified(&path).unwrap()
        } else {
            lately(rng, now)
        };
        let target = if rng.bool() {
            format!("{log}/{name}")
        } else {
            format!("{log}/again-{name}")
        };
        self.story
            .push(format!("{path} is dropped again as {target}"));
        twice.replace(&target, &bytes, modified);
    }

    /// A report that still lies there becomes another one in place, in its size and at its time if it can.
    fn overwrite_report(&mut self, rng: &mut Rng, twice: &Twice, index: usize, now: Timestamp) {
        let site = &self.all[index];
        let log = format!("deposit/{}/log", site.folder);
        let files = twice.files(&log);
        if files.is_empty() {
            return;
        }
        let path = format!("{log}/{}", files[rng.usize(0..files.len())]);
        let before = twice.read(&path).unwrap();
        let modified = if rng.bool() {
            twice.modified(&path).unwrap()
        } else {
            lately(rng, now)
        };
        let database = &site.databases[rng.usize(0..DATABASES.len())];
        let claim = Claim {
            database: database.name,
            file_name: &database.file_name,
            content: &database.content,
        };
        let ended_at = end_of_run(rng, now);
        let mut bytes = report(rng, &site.id, ended_at, &[claim]);
        if bytes.len() < before.len() {
            bytes.resize(before.len(), b' ');
        }
        self.story
            .push(format!("{path} becomes a report of {}", database.name));
        twice.write(&path, &bytes, modified);
    }

    /// Puts a file or a link in the way of what the scanner needs, or takes it away again.
    fn block(&mut self, rng: &mut Rng, twice: &Twice, index: usize, now: Timestamp) {
        let site = &self.all[index];
        let aside_of = |name: &str| format!("away/{}-{}", site.folder, name.replace('/', "-"));
        let mut blocked = WAYS.iter().filter(|name| twice.exists(&aside_of(name)));
        if let Some(name) = blocked.next()
            && !one_in(rng, 4)
        {
            let path = format!("deposit/{}/{name}", site.folder);
            self.story.push(format!("{path} is back"));
            twice.remove(&path);
            twice.rename(&aside_of(name), &path);
            return;
        }
        let name = WAYS[rng.usize(0..WAYS.len())];
        let (path, aside) = (format!("deposit/{}/{name}", site.folder), aside_of(name));
        if !twice.exists(&path) {
            twice.create_folder(&path);
        }
        self.story.push(format!("{path} is in the way"));
        twice.rename(&path, &aside);
        if rng.bool() {
            twice.write(&path, IN_THE_WAY, now);
        } else {
            twice.put_oddity(&path, Oddity::Link);
        }
    }

    /// Things among the reports that are none.
    fn litter(&mut self, rng: &mut Rng, twice: &Twice, index: usize, now: Timestamp) {
        let log = format!("deposit/{}/log", self.all[index].folder);
        let number = rng.u8(0..3);
        match rng.u8(0..7) {
            0 => twice.put_oddity(
                &format!("{log}/odd{number}.json"),
                ODDITIES[rng.usize(0..3)],
            ),
            1 => twice.write(&format!("{log}/.hidden.json"), b"{}", now),
            2 => twice.write(&format!("{log}/notes.txt"), b"no report", now),
            3 => twice.write(&format!("{log}/r.{number}.JSON"), b"{}", lately(rng, now)),
            4 => twice.write(
                &format!("{log}/{}.json", "long".repeat(60)),
                b"[]",
                lately(rng, now),
            ),
            5 => twice.create_unreadable_name(&log),
            _ => twice.remove(&format!("{log}/odd{number}.json")),
        };
        self.story.push(format!("something odd in {log}"));
    }

    /// A report is written under a hidden name.
    fn hide(&mut self, rng: &mut Rng, twice: &Twice, index: usize, now: Timestamp) {
        let site = &self.all[index];
        let bytes = report(rng, &site.id, now, &site.claims());
        let path = format!("deposit/{}/log/{HIDDEN}", site.folder);
        self.story
            .push(format!("report {path} of all, ended {now}"));
        twice.write(&path, &bytes, lately(rng, now));
    }

    /// It gets its name, and the folder has the size and the time that it had.
    fn uncover(&mut self, rng: &mut Rng, twice: &Twice, index: usize) {
        let log = format!("deposit/{}/log", self.all[index].folder);
        if twice.exists(&format!("{log}/{HIDDEN}")) && one_in(rng, 3) {
            self.story
                .push(format!("{log}/{HIDDEN} becomes late.json, unnoticed"));
            twice.rename_unnoticed(&log, HIDDEN, "late.json");
        }
    }

    fn go_or_come_back(&mut self, rng: &mut Rng, twice: &Twice, index: usize) {
        let site = &mut self.all[index];
        let (path, aside) = (
            format!("deposit/{}", site.folder),
            format!("away/{}", site.folder),
        );
        if site.is_away {
            if rng.bool() {
                site.is_away = false;
                self.story.push(format!("{path} is back"));
                // What came meanwhile is gone with its folder.
                twice.remove(&path);
                twice.rename(&aside, &path);
            }
        } else if one_in(rng, 25) {
            site.is_away = twice.rename(&path, &aside);
            self.story.push(format!("{path} is away"));
        }
    }

    /// Folders that are nobody's, and the twin of an agent's folder.
    fn litter_root(&mut self, rng: &mut Rng, twice: &Twice, now: Timestamp) {
        let site = &self.all[rng.usize(0..self.all.len())];
        let path = match rng.u8(0..7) {
            0 => "deposit/.tooling".to_owned(),
            1 => "deposit/a\\b".to_owned(),
            2 => "deposit/a\nb".to_owned(),
            4 => {
                twice.create_unreadable_name("deposit");
                return;
            }
            3 => {
                twice.write("deposit/file", b"no folder", now);
                return;
            }
            _ => format!("deposit/{}", site.folder.to_lowercase()),
        };
        self.story.push(format!("a folder {path:?}"));
        twice.create_folder(&path);
        let claim = Claim {
            database: "LAGOS",
            file_name: "L.zst",
            content: b"of the twin",
        };
        let bytes = report(rng, &site.id, now, &[claim]);
        twice.write(&format!("{path}/log/twin.json"), &bytes, now);
    }

    /// What is kept is removed, cut short or grows, or something is in the way of it.
    fn damage_validated(&mut self, rng: &mut Rng, twice: &Twice, now: Timestamp) {
        let tree = crate::deposits::contents(&twice.modelled.join("validated"));
        let kept: Vec<String> = tree
            .keys()
            .map(|path| format!("validated/{}", path.to_str().unwrap()))
            .filter(|path| twice.read(path).is_some())
            .collect();
        if kept.is_empty() {
            return;
        }
        let is_in_the_way = |path: &&String| twice.read(path).as_deref() == Some(IN_THE_WAY);
        if let Some(path) = kept.iter().find(is_in_the_way) {
            self.story.push(format!("{path} is in the way no more"));
            twice.remove(path);
            return;
        }
        let path = &kept[rng.usize(0..kept.len())];
        let components: Vec<&str> = path.split('/').collect();
        let mut bytes = twice.read(path).unwrap();
        self.story.push(format!("{path} is harmed"));
        match rng.u8(0..6) {
            0 | 1 => drop(twice.remove(path)),
            2 => {
                bytes.truncate(bytes.len() / 2);
                twice.write(path, &bytes, now);
            }
            3 => {
                bytes.push(0);
                twice.write(path, &bytes, now);
            }
            4 => drop(twice.put_oddity(path, ODDITIES[rng.usize(0..3)])),
            _ => {
                let folder = components[..rng.usize(2..=components.len())].join("/");
                twice.remove(&folder);
                twice.write(&folder, IN_THE_WAY, now);
            }
        }
    }
}

impl Site {
    /// What the agent believes to have sent of all its databases.
    fn claims(&self) -> Vec<Claim<'_>> {
        let claims = self.databases.iter().map(|database| Claim {
            database: database.name,
            file_name: &database.file_name,
            content: &database.content,
        });
        claims.collect()
    }
}

fn site(rng: &mut Rng, agent: &'static str) -> Site {
    let databases = DATABASES.map(|name| Database {
        name,
        file_name: if one_in(rng, 6) {
            "shared.zst".to_owned()
        } else {
            format!("{}.sql.zst", name.replace('/', "-"))
        },
        content: content(rng, 0),
    });
    let id = match rng.u8(0..4) {
        0 => agent.to_lowercase(),
        _ => agent.to_owned(),
    };
    Site {
        folder: agent,
        id,
        staged_folder: if one_in(rng, 4) {
            "database"
        } else {
            "databases"
        },
        databases: databases.into(),
        is_away: false,
    }
}

/// Other content than before, often of the same size.
fn content(rng: &mut Rng, before: usize) -> Vec<u8> {
    let size = match rng.u16(0..1_000) {
        // More than is read at once.
        0 => 300_000,
        1..500 if before > 0 && before < 1_000 => before,
        _ => rng.usize(1..120),
    };
    let mut content = vec![0; size];
    let random = size.min(200);
    rng.fill(&mut content[..random]);
    content
}

fn flip(rng: &mut Rng, bytes: &mut [u8]) {
    if !bytes.is_empty() {
        let index = rng.usize(0..bytes.len());
        bytes[index] ^= 1 << rng.u8(0..8);
    }
}

fn lately(rng: &mut Rng, now: Timestamp) -> Timestamp {
    now - SignedDuration::from_millis(rng.i64(0..180_000))
}

fn report_name(rng: &mut Rng, ended_at: Timestamp, agent: &str, number: usize) -> String {
    let format = match rng.u8(0..3) {
        0 => "%Y%m%d_%H%M%S",
        1 => "%Y-%m-%d_%H-%M-%S",
        _ => "%Y-%m-%dT%H-%M-%S",
    };
    let time = ended_at.strftime(format);
    // Two runs may well have the same name: then the later report takes the place of the earlier.
    format!("{time}_{agent}_{}.json", number % 7)
}
