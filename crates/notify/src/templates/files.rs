//! Somebody's own template files, from a folder or from memory. Knows nothing of what is in them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use super::fault::TemplateFault;

/// The largest file: a mail must stay below 100 KB, and so no template is larger.
const LARGEST: u64 = 256 * 1024;

/// How many entries are looked at, folders and what can't be read among them. A slip in a path must
/// not read a whole disk.
const MOST_ENTRIES: usize = 2_000;

/// How many bytes are read of all files together, for the same reason.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// How deep folders are read: locale, mail, file.
const DEEPEST: usize = 4;

/// What some editors start a file of UTF-8 with.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Template files, each by its path below the folder of templates: `en/missing/subject.txt.hbs`.
///
/// Two that are equal hold the same; so a folder is read again and compared to learn whether a file
/// in it has changed. Windows' line ends and byte-order marks are left out on the way in: mails are
/// the same whatever editor a template was saved with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TemplateFiles {
    contents: BTreeMap<String, Vec<u8>>,
    faults: Vec<TemplateFault>,
}

impl TemplateFiles {
    /// No files: all mails are as they ship.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Reads a folder that holds the same tree as the built-in templates, or some of it.
    ///
    /// What can't be read is a fault of the templates that are built of this, and takes nothing from
    /// the rest; only a folder that holds far more than templates counts as none. Names that start
    /// with a dot, `README` files and what editors leave behind are passed over.
    #[must_use]
    pub fn read(folder: &Path) -> Self {
        let mut reading = Reading::default();
        match reading.read_below(folder, "", 0) {
            Ok(()) => {}
            Err(Failure::Entry(error)) => {
                let problem = format!("the folder {} can't be read: {error}", folder.display());
                reading.complain("", problem);
            }
            Err(Failure::TooMuch(limit)) => {
                // Which files came first is up to the file system: with some of them, two readings
                // of the same folder could differ.
                reading = Reading::default();
                let problem = format!(
                    "the folder {} holds more than {limit}, and so nothing in it is used; name one \
                     that holds templates alone",
                    folder.display()
                );
                reading.complain("", problem);
            }
        }
        // The order in which a folder lists its entries tells nothing, and can vary.
        reading.files.faults.sort();
        reading.files
    }

    /// The same files with one more, or with another one in its place.
    #[must_use]
    pub fn with(mut self, path: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        let content = without_marks_of_editors(content.into());
        self.contents.insert(path.into(), content);
        self
    }

    /// The content of a file.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&[u8]> {
        self.contents.get(path).map(Vec::as_slice)
    }

    /// Every file, in the order of their paths.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.contents
            .iter()
            .map(|(path, content)| (path.as_str(), content.as_slice()))
    }

    pub(crate) fn is_none(&self) -> bool {
        self.contents.is_empty() && self.faults.is_empty()
    }

    pub(crate) fn faults(&self) -> &[TemplateFault] {
        &self.faults
    }
}

/// Files while they are read, and what that has cost so far.
#[derive(Default)]
struct Reading {
    files: TemplateFiles,
    entries: usize,
    bytes: u64,
}

/// Why something is not read.
enum Failure {
    /// It is of no use; what lies beside it may be.
    Entry(io::Error),
    /// The whole folder is more than this, and can't be meant.
    TooMuch(String),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Entry(error)
    }
}

impl Reading {
    fn complain(&mut self, path: &str, problem: String) {
        self.files.faults.push(TemplateFault::error(path, problem));
    }

    fn read_below(&mut self, folder: &Path, prefix: &str, depth: usize) -> Result<(), Failure> {
        for entry in fs::read_dir(folder)? {
            self.entries += 1;
            if self.entries > MOST_ENTRIES {
                return Err(Failure::TooMuch(format!(
                    "{MOST_ENTRIES} files and folders"
                )));
            }
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                let problem = format!("the name {} is no UTF-8", entry.file_name().display());
                self.complain(prefix, problem);
                continue;
            };
            if is_passed_over(&name, depth) {
                continue;
            }
            let path = format!("{prefix}{name}");
            match self.read_entry(&entry.path(), &path, depth) {
                Err(Failure::Entry(error)) => {
                    self.complain(&path, format!("this can't be read: {error}"));
                }
                outcome => outcome?,
            }
        }
        Ok(())
    }

    fn read_entry(&mut self, found: &Path, path: &str, depth: usize) -> Result<(), Failure> {
        // Links are followed: whoever can write here can write templates, and some tools that keep
        // configs in folders work with links.
        let metadata = fs::metadata(found)?;
        if metadata.is_dir() {
            if is_template(path) {
                return Err(io::Error::other("it is a folder").into());
            }
            // No template lies as deep; that it is there is told.
            if depth + 1 >= DEEPEST {
                self.files.contents.insert(path.to_owned(), Vec::new());
                return Ok(());
            }
            return self.read_below(found, &format!("{path}/"), depth + 1);
        }
        // Opening a pipe would wait for somebody to write to it.
        if !metadata.is_file() {
            return Err(io::Error::other("it is no regular file").into());
        }
        // That it is there is told; there are files that are never read to their end.
        if !is_template(path) {
            self.files.contents.insert(path.to_owned(), Vec::new());
            return Ok(());
        }
        let left = MOST_BYTES - self.bytes;
        let mut content = Vec::new();
        let read = File::open(found)?
            .take(left.min(LARGEST) + 1)
            .read_to_end(&mut content);
        // What was read before a failure has cost as much.
        let length = content.len() as u64;
        if length > left {
            let limit = format!("{} MiB", MOST_BYTES / 1024 / 1024);
            return Err(Failure::TooMuch(limit));
        }
        self.bytes += length;
        read?;
        if length > LARGEST {
            let problem = format!("it is larger than {} KiB", LARGEST / 1024);
            return Err(io::Error::other(problem).into());
        }
        let content = without_marks_of_editors(content);
        self.files.contents.insert(path.to_owned(), content);
        Ok(())
    }
}

/// Whether something is named as templates are.
fn is_template(path: &str) -> bool {
    let extension = Path::new(path).extension();
    extension.is_some_and(|extension| extension == "hbs") || path.ends_with("wording.toml")
}

/// The content without what an editor on Windows puts into it: a byte-order mark, and a carriage
/// return before each line end, which mails would take for a character of their text.
fn without_marks_of_editors(mut content: Vec<u8>) -> Vec<u8> {
    if content.starts_with(BYTE_ORDER_MARK) {
        content.drain(..BYTE_ORDER_MARK.len());
    }
    if content.contains(&b'\r') {
        let mut kept = Vec::with_capacity(content.len());
        for (index, byte) in content.iter().enumerate() {
            if *byte != b'\r' || content.get(index + 1) != Some(&b'\n') {
                kept.push(*byte);
            }
        }
        return kept;
    }
    content
}

/// Whether a name is none that anybody meant as a template.
fn is_passed_over(name: &str, depth: usize) -> bool {
    let is_leftover = name.ends_with('~')
        || ["bak", "orig", "rej", "swp", "tmp"]
            .iter()
            .any(|ending| name.ends_with(&format!(".{ending}")));
    name.starts_with(['.', '#']) || is_leftover || (depth == 0 && name.starts_with("README"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_read_with_all_below_it_but_not_what_nobody_meant() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("en/missing")).unwrap();
        fs::create_dir_all(root.join(".git")).unwrap();
        for name in [
            "README.md",
            ".origins.toml",
            ".git/HEAD",
            "en/missing/subject.txt.hbs~",
            "en/missing/.subject.txt.hbs.swp",
        ] {
            fs::write(root.join(name), "x").unwrap();
        }
        fs::write(root.join("en/missing/subject.txt.hbs"), "Hello").unwrap();
        let files = TemplateFiles::read(root);
        assert!(files.faults().is_empty());
        let found: Vec<_> = files.iter().collect();
        assert_eq!(found, [("en/missing/subject.txt.hbs", b"Hello".as_slice())]);
        let same = TemplateFiles::none().with("en/missing/subject.txt.hbs", "Hello");
        assert_eq!(files, same);
        assert_ne!(files, same.with("en/missing/subject.txt.hbs", "Hullo"));
    }

    #[test]
    fn what_can_not_be_read_is_told_and_takes_nothing_from_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("en/missing/a/b/c")).unwrap();
        fs::write(root.join("en/wording.toml"), "").unwrap();
        let large = "x".repeat(300 * 1024);
        fs::write(root.join("en/missing/body.txt.hbs"), large).unwrap();
        std::os::unix::fs::symlink("nowhere", root.join("en/missing/subject.txt.hbs")).unwrap();
        let files = TemplateFiles::read(root);
        let paths: Vec<&str> = files.iter().map(|(path, _)| path).collect();
        assert_eq!(paths, ["en/missing/a/b", "en/wording.toml"]);
        let faults: Vec<String> = files.faults().iter().map(ToString::to_string).collect();
        assert_eq!(
            faults,
            [
                "en/missing/body.txt.hbs: this can't be read: it is larger than 256 KiB",
                "en/missing/subject.txt.hbs: this can't be read: No such file or directory (os \
                 error 2)",
            ]
        );
    }

    #[test]
    fn what_is_named_otherwise_is_told_and_never_opened() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("en/missing/subject.txt.hbs")).unwrap();
        fs::write(root.join("LICENSE"), "x").unwrap();
        let files = TemplateFiles::read(root);
        assert_eq!(files.get("LICENSE"), Some(b"".as_slice()));
        let faults: Vec<String> = files.faults().iter().map(ToString::to_string).collect();
        assert_eq!(
            faults,
            ["en/missing/subject.txt.hbs: this can't be read: it is a folder"]
        );
    }

    #[test]
    fn a_folder_that_is_not_there_is_a_fault() {
        let files = TemplateFiles::read(Path::new("/nowhere/at/all"));
        let fault = files.faults()[0].to_string();
        assert!(fault.starts_with("the folder /nowhere/at/all can't be read"));
        assert!(!files.is_none());
    }

    #[track_caller]
    fn assert_too_much(folder: &Path, limit: &str) {
        let files = TemplateFiles::read(folder);
        assert_eq!(files.iter().count(), 0);
        let [fault] = files.faults() else {
            panic!("{} faults", files.faults().len());
        };
        assert_eq!(fault.path, "");
        let problem = format!("holds more than {limit}, and so nothing in it is used");
        assert!(fault.problem.contains(&problem), "{fault}");
        assert_eq!(files, TemplateFiles::read(folder));
    }

    #[test]
    fn a_folder_of_more_entries_than_templates_can_be_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let create = |numbers: std::ops::Range<usize>| {
            for number in numbers {
                let parent = root.join(["en", "fr"][number % 2]);
                // None of these is a file that can be read.
                match number % 3 {
                    0 => fs::create_dir_all(parent.join(number.to_string())).unwrap(),
                    1 => {
                        fs::create_dir_all(&parent).unwrap();
                        let link = parent.join(number.to_string());
                        std::os::unix::fs::symlink("nowhere", link).unwrap();
                    }
                    _ => fs::create_dir_all(parent.join(format!(".{number}"))).unwrap(),
                }
            }
        };
        fs::create_dir(root.join("en")).unwrap();
        fs::write(root.join("en/wording.toml"), "").unwrap();
        // The two folders and the file are entries too.
        create(0..1_997);
        let files = TemplateFiles::read(root);
        assert_eq!(files.iter().count(), 1);
        assert!(files.faults().iter().all(|fault| !fault.path.is_empty()));
        assert!(files.faults().is_sorted());
        create(1_997..1_998);
        assert_too_much(root, "2000 files and folders");
    }

    #[test]
    fn a_folder_of_more_bytes_than_templates_can_be_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let write = |number: usize, length: usize| {
            fs::write(
                folder.path().join(format!("{number}.hbs")),
                vec![b'x'; length],
            )
            .unwrap();
        };
        (0..64).for_each(|number| write(number, 256 * 1024));
        let files = TemplateFiles::read(folder.path());
        assert_eq!((files.iter().count(), files.faults().len()), (64, 0));
        write(64, 1);
        assert_too_much(folder.path(), "16 MiB");
    }

    #[test]
    fn what_an_editor_on_windows_adds_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let saved = "\u{FEFF}one\r\ntwo\r \r\r\nthree\r";
        fs::write(folder.path().join("x.hbs"), saved).unwrap();
        let files = TemplateFiles::read(folder.path());
        let kept = "one\ntwo\r \r\nthree\r";
        assert_eq!(files.get("x.hbs"), Some(kept.as_bytes()));
        assert_eq!(files, TemplateFiles::none().with("x.hbs", saved));
    }
}
