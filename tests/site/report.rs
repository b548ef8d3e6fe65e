use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// One report, with the backups that it speaks of.
pub struct Report {
    folder: String,
    file_name: String,
    staged_folder: String,
    json: Value,
    staged: Vec<(String, Vec<u8>)>,
}

/// One database's backup: what the report says of it, and what is staged.
pub struct Backup {
    database: String,
    section: Value,
    staged: Option<(String, Vec<u8>)>,
}

pub fn sha256_of(bytes: &[u8]) -> String {
    vigie_domain::Sha256::from(<[u8; 32]>::from(Sha256::digest(bytes))).to_string()
}

impl Backup {
    /// A good backup, staged whole.
    pub fn good(database: &str, content: &[u8]) -> Self {
        let file_name = format!("{database}.sql.zst");
        let section = json!({
            "BACKUP": {
                "status": true,
                "start_time": "2025-06-19T02:00:00",
                "end_time": "2025-06-19T02:05:00",
                "size": 10 * content.len(),
            },
            "COMPRESS": {
                "status": true,
                "sha256_checksum": sha256_of(content),
                "size": content.len(),
            },
            "TRANSFER": {"status": true, "error_message": null},
            "staged_file_name": file_name,
            "logs_summary": "pg_dump: all tables dumped",
        });
        Self {
            database: database.to_owned(),
            section,
            staged: Some((file_name, content.to_vec())),
        }
    }

    /// Stages these bytes instead of those that the report speaks of.
    pub fn staged_as(mut self, content: &[u8]) -> Self {
        if let Some((_, staged)) = &mut self.staged {
            *staged = content.to_vec();
        }
        self
    }

    /// Stages the file under this name, and says so.
    pub fn staged_under(mut self, name: &str) -> Self {
        if let Some((staged, _)) = &mut self.staged {
            name.clone_into(staged);
        }
        self.saying("/staged_file_name", json!(name))
    }

    /// Stages nothing.
    pub fn not_staged(mut self) -> Self {
        self.staged = None;
        self
    }

    /// Sets what the report says at a JSON pointer in the database's section.
    pub fn saying(mut self, pointer: &str, value: Value) -> Self {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        self.section.pointer_mut(parent).unwrap()[key] = value;
        self
    }

    /// The report's section as a whole is this.
    pub fn section(mut self, section: Value) -> Self {
        self.section = section;
        self
    }
}

impl Report {
    /// A report of a run of `agent` that ended at `ended_at`.
    pub fn new(agent: &str, ended_at: &str, backups: Vec<Backup>) -> Self {
        let mut databases = Map::new();
        let mut staged = Vec::new();
        for backup in backups {
            databases.insert(backup.database, backup.section);
            staged.extend(backup.staged);
        }
        let digits: String = ended_at.chars().filter(char::is_ascii_digit).collect();
        Self {
            folder: agent.to_owned(),
            file_name: format!("{}_{}_{agent}.json", &digits[..8], &digits[8..14]),
            staged_folder: "databases".to_owned(),
            json: json!({
                "agent_id": agent,
                "operation_end_time": ended_at,
                "overall_status": "completed",
                "databases": databases,
            }),
            staged,
        }
    }

    /// Sets a field of the report.
    pub fn saying(mut self, field: &str, value: Value) -> Self {
        self.json[field] = value;
        self
    }

    pub fn named(mut self, file_name: &str) -> Self {
        file_name.clone_into(&mut self.file_name);
        self
    }

    pub fn in_folder(mut self, folder: &str) -> Self {
        folder.clone_into(&mut self.folder);
        self
    }

    pub fn staged_in(mut self, staged_folder: &str) -> Self {
        staged_folder.clone_into(&mut self.staged_folder);
        self
    }

    pub fn text(&self) -> String {
        serde_json::to_string_pretty(&self.json).unwrap()
    }

    pub fn file_name(&self) -> &str {
        &self.file_name
    }

    /// Where the report lies below the deposit.
    pub fn path(&self) -> String {
        format!("{}/log/{}", self.folder, self.file_name)
    }

    pub fn stage(&self, deposit: &Path) {
        let folder = deposit.join(&self.folder).join(&self.staged_folder);
        fs::create_dir_all(&folder).unwrap();
        for (name, content) in &self.staged {
            fs::write(folder.join(name), content).unwrap();
        }
    }

    pub fn deliver(&self, deposit: &Path) {
        self.stage(deposit);
        self.deliver_text(deposit, self.text().as_bytes());
    }

    /// Drops these bytes as the report.
    pub fn deliver_text(&self, deposit: &Path, text: &[u8]) {
        let folder = deposit.join(&self.folder).join("log");
        fs::create_dir_all(&folder).unwrap();
        // As rsync does: whole, under its final name.
        let hidden = folder.join(".arriving");
        fs::write(&hidden, text).unwrap();
        fs::rename(hidden, folder.join(&self.file_name)).unwrap();
    }
}
