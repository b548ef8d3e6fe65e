//! Somebody's own template files, from a folder or from memory. Knows nothing of what is in them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use super::fault::TemplateFault;

/// The largest file: a mail must stay below 100 KB, and so no template is larger.
const LARGEST: u64 = 256 * 1024;

/// How many files a folder may hold. A slip in a path must not read a whole disk.
const MOST: usize = 2_000;

/// How deep folders are read: locale, mail, file.
const DEEPEST: usize = 4;

/// Template files, each by its path below the folder of templates: `en/missing/subject.txt.hbs`.
///
/// Two that are equal hold the same; so a folder is read again and compared to learn whether a file
/// in it has changed.
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
    /// the rest. Names that start with a dot, `README` files and what editors leave behind are passed
    /// over.
    #[must_use]
    pub fn read(folder: &Path) -> Self {
        let mut files = Self::default();
        if let Err(error) = files.read_below(folder, "", 0) {
            let problem = format!("the folder {} can't be read: {error}", folder.display());
            files.faults.push(TemplateFault::error("", problem));
        }
        files
    }

    /// The same files with one more, or with another one in its place.
    #[must_use]
    pub fn with(mut self, path: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        self.contents.insert(path.into(), content.into());
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

    fn read_below(&mut self, folder: &Path, prefix: &str, depth: usize) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                let problem = format!("the name {} is no UTF-8", entry.file_name().display());
                self.faults.push(TemplateFault::error(prefix, problem));
                continue;
            };
            if is_passed_over(&name, depth) {
                continue;
            }
            let path = format!("{prefix}{name}");
            if self.contents.len() >= MOST {
                return Err(io::Error::other(format!("it holds more than {MOST} files")));
            }
            if let Err(error) = self.read_entry(&entry.path(), &path, depth) {
                let problem = format!("this can't be read: {error}");
                self.faults.push(TemplateFault::error(&path, problem));
            }
        }
        Ok(())
    }

    fn read_entry(&mut self, found: &Path, path: &str, depth: usize) -> io::Result<()> {
        // Links are followed: whoever can write here can write templates, and some tools that keep
        // configs in folders work with links.
        let metadata = fs::metadata(found)?;
        if metadata.is_dir() {
            if depth + 1 >= DEEPEST {
                return Err(io::Error::other("it lies too deep for a template"));
            }
            return self.read_below(found, &format!("{path}/"), depth + 1);
        }
        // Opening a pipe would wait for somebody to write to it.
        if !metadata.is_file() {
            return Err(io::Error::other("it is no regular file"));
        }
        let mut content = Vec::new();
        File::open(found)?
            .take(LARGEST + 1)
            .read_to_end(&mut content)?;
        if content.len() as u64 > LARGEST {
            let problem = format!("it is larger than {} KiB", LARGEST / 1024);
            return Err(io::Error::other(problem));
        }
        self.contents.insert(path.to_owned(), content);
        Ok(())
    }
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
        assert_eq!(files.iter().count(), 1);
        let mut faults: Vec<String> = files.faults().iter().map(ToString::to_string).collect();
        faults.sort();
        assert_eq!(
            faults,
            [
                "en/missing/a/b: this can't be read: it lies too deep for a template",
                "en/missing/body.txt.hbs: this can't be read: it is larger than 256 KiB",
                "en/missing/subject.txt.hbs: this can't be read: No such file or directory (os \
                 error 2)",
            ]
        );
    }

    #[test]
    fn a_folder_that_is_not_there_is_a_fault() {
        let files = TemplateFiles::read(Path::new("/nowhere/at/all"));
        let fault = files.faults()[0].to_string();
        assert!(fault.starts_with("the folder /nowhere/at/all can't be read"));
        assert!(!files.is_none());
    }
}
