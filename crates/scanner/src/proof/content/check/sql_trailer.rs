//! Dumps in SQL, which end with a comment that says so: those of `pg_dump`, `pg_dumpall`, `mysqldump`
//! and `mariadb-dump`. Knows no SQL beside comments.

use memchr::memmem;
use vigie_domain::ContentKind;

use super::{Check, Trouble};

/// The end of a dump is looked for in so many bytes. After it only comments and the like stand.
const TAIL_BYTES: usize = 4096;

/// What dumps of `MariaDB` may begin with: a comment that only its own client reads as a command.
const SANDBOX: &str = "/*M!999999\\- enable the sandbox mode */";

/// How lines begin that may stand after the end: comments, and the command of `psql` that ends what
/// `\restrict` began.
const AFTER_END: [&str; 3] = ["--", "\\unrestrict ", "/*"];

/// What a dump of PostgreSQL may be followed by in one file: dumps of the other kind.
const POSTGRES: [&str; 2] = [
    "-- PostgreSQL database dump complete",
    "-- PostgreSQL database cluster dump complete",
];

pub(super) struct SqlTrailer {
    trailer: &'static str,
    tail: Vec<u8>,
    /// Whether the trailer stands anywhere. What follows it then is somebody's own.
    is_over: bool,
}

/// Which dump begins with these bytes.
pub(super) fn recognise(start: &[u8]) -> Option<ContentKind> {
    let start = String::from_utf8_lossy(start);
    let mut lines = start.lines();
    let first = lines.next()?;
    if first == "--" {
        return match lines.next()? {
            "-- PostgreSQL database dump" => Some(ContentKind::PostgresPlain),
            "-- PostgreSQL database cluster dump" => Some(ContentKind::PostgresCluster),
            _ => None,
        };
    }
    let first = if first.trim_end() == SANDBOX {
        lines.next()?
    } else {
        first
    };
    if first.starts_with("-- MySQL dump ") {
        Some(ContentKind::Mysql)
    } else if first.starts_with("-- MariaDB dump ") {
        Some(ContentKind::Mariadb)
    } else {
        None
    }
}

impl SqlTrailer {
    pub(super) fn new(kind: ContentKind) -> Self {
        Self {
            trailer: match kind {
                ContentKind::PostgresPlain => "-- PostgreSQL database dump complete",
                ContentKind::PostgresCluster => "-- PostgreSQL database cluster dump complete",
                _ => "-- Dump completed",
            },
            tail: Vec::new(),
            is_over: false,
        }
    }

    fn is_trailer(&self, line: &str) -> bool {
        let is_after = |trailer: &str| {
            let rest = line.strip_prefix(trailer);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(" on "))
        };
        let may_follow = self.is_over && POSTGRES.contains(&self.trailer);
        is_after(self.trailer) || may_follow && POSTGRES.into_iter().any(is_after)
    }

    /// Looks for the trailer in what comes, and in what it may have begun in before.
    fn look_for_trailer(&mut self, bytes: &[u8]) {
        if self.is_over {
            return;
        }
        let line = ["\n", self.trailer].concat();
        let finder = memmem::Finder::new(&line);
        let length = line.len();
        let before = &self.tail[self.tail.len().saturating_sub(length)..];
        let seam = [before, &bytes[..bytes.len().min(length)]].concat();
        self.is_over = finder.find(&seam).is_some() || finder.find(bytes).is_some();
    }
}

impl Check for SqlTrailer {
    fn push(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        self.look_for_trailer(bytes);
        let last = &bytes[bytes.len().saturating_sub(TAIL_BYTES)..];
        let keep = TAIL_BYTES - last.len();
        let drop = self.tail.len().saturating_sub(keep);
        self.tail.drain(..drop);
        self.tail.extend_from_slice(last);
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Trouble> {
        let tail = String::from_utf8_lossy(&self.tail);
        for line in tail.lines().rev() {
            if self.is_trailer(line) {
                return Ok(());
            }
            let may_follow = AFTER_END.iter().any(|start| line.starts_with(start));
            if !may_follow && !line.trim().is_empty() {
                break;
            }
        }
        Err(if self.is_over {
            Trouble::Unknown
        } else {
            Trouble::Cut
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(kind: ContentKind, text: &str) -> Result<(), Trouble> {
        let mut check = SqlTrailer::new(kind);
        for piece in text.as_bytes().chunks(1000) {
            check.push(piece)?;
        }
        check.finish()
    }

    #[test]
    fn what_follows_a_whole_dump_is_no_fault() {
        let globals = "--\n-- PostgreSQL database cluster dump\n--\nCREATE ROLE x;\n--\n\
                       -- PostgreSQL database cluster dump complete\n--\n";
        let dump = "--\n-- PostgreSQL database dump\n--\nCREATE TABLE x ();\n--\n\
                    -- PostgreSQL database dump complete\n--\n";
        let cluster = ContentKind::PostgresCluster;
        assert_eq!(verdict(cluster, &[globals, dump].concat()), Ok(()));
        assert_eq!(
            verdict(ContentKind::PostgresPlain, &[dump, globals].concat()),
            Ok(())
        );
        // A dump of all databases that ends after one of them has not ended.
        let cut = [&globals[..60], dump].concat();
        assert_eq!(verdict(cluster, &cut), Err(Trouble::Cut));
        let more = [dump, &"ANALYZE;\n".repeat(1000)].concat();
        let plain = ContentKind::PostgresPlain;
        assert_eq!(verdict(plain, &more), Err(Trouble::Unknown));
    }

    #[test]
    fn a_dump_is_recognised_by_the_comment_that_it_begins_with() {
        let of = |start: &str| recognise(start.as_bytes());
        assert_eq!(
            of("--\n-- PostgreSQL database dump\n--\n\n\\restrict x\n"),
            Some(ContentKind::PostgresPlain)
        );
        assert_eq!(
            of("--\r\n-- PostgreSQL database cluster dump\r\n--\r\n"),
            Some(ContentKind::PostgresCluster)
        );
        assert_eq!(
            of("-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)\n--\n"),
            Some(ContentKind::Mysql)
        );
        assert_eq!(
            of("/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19  Distrib\n"),
            Some(ContentKind::Mariadb)
        );
        assert_eq!(of("SELECT 1; -- PostgreSQL database dump\n"), None);
        assert_eq!(of("--\n-- Some notes\n"), None);
    }

    #[test]
    fn after_its_end_only_comments_may_stand_or_nobody_knows() {
        let kind = ContentKind::PostgresPlain;
        let end = "--\n-- PostgreSQL database dump complete\n--\n\n";
        let data = "1\ta\n".repeat(10_000);
        assert_eq!(verdict(kind, &format!("{data}{end}")), Ok(()));
        assert_eq!(
            verdict(kind, &format!("{data}{end}\\unrestrict abc\n\n")),
            Ok(())
        );
        assert_eq!(
            verdict(kind, &format!("{data}{end}").replace('\n', "\r\n")),
            Ok(())
        );
        assert_eq!(
            verdict(kind, &format!("{data}{end}{data}")),
            Err(Trouble::Unknown)
        );
        assert_eq!(
            verdict(kind, &format!("{end}CREATE TABLE x")),
            Err(Trouble::Unknown)
        );
        assert_eq!(verdict(kind, &data), Err(Trouble::Cut));
        let cut = "--\n-- PostgreSQL database dump comp";
        assert_eq!(verdict(kind, &format!("{data}{cut}")), Err(Trouble::Cut));
    }

    #[test]
    fn a_dump_of_mysql_may_say_when_it_ended() {
        for end in [
            "-- Dump completed",
            "-- Dump completed on 2025-06-19  2:00:01\n",
        ] {
            assert_eq!(verdict(ContentKind::Mysql, end), Ok(()));
        }
        assert_eq!(
            verdict(ContentKind::Mysql, "-- Dump completed not\n"),
            Err(Trouble::Cut)
        );
    }
}
