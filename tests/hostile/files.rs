//! What lies in an agent's `log` folder and is no report, and folders in the place of others.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::case::{AGENT, CONTENT, Case, Expected, Run, case, forbid, good_report, log, make_pipe};
use crate::site::Site;

/// Something in the place of the archive, and a report that should get there.
fn archive_is(site: &Site, put: impl FnOnce(&Path)) {
    put(&log(site).join("_archive"));
    site.deliver(&good_report());
}

/// The report was taken, and lies where it was.
fn is_taken_and_left(site: &Site, _: &Value) {
    assert_eq!(site.status_of("X"), "OK");
    let left = site.files_in(&format!("deposit/{AGENT}/log"));
    assert!(
        left.contains(&good_report().file_name().to_owned()),
        "{left:?}"
    );
    assert_eq!(site.files_in("foreign"), ["X.sql.zst", "secret.json"]);
}

/// Something else in the place of the `log` folder.
fn log_is(site: &Site, put: impl FnOnce(&Path)) {
    fs::remove_dir(log(site)).unwrap();
    put(&log(site));
}

/// Makes a device as nobody but the superuser can; the case is skipped by anybody else.
pub fn make_device(site: &Site, path: &Path) {
    let mut mknod = Command::new("mknod");
    let output = mknod.arg(path).args(["c", "1", "5"]).output().unwrap();
    if !output.status.success() {
        fs::write(site.path("skip"), "").unwrap();
    }
}

/// A socket may not have a long path.
pub fn make_socket(folder: &Path, name: &str) {
    let short = tempfile::tempdir_in("/tmp").unwrap();
    UnixListener::bind(short.path().join("s")).unwrap();
    fs::rename(short.path().join("s"), folder.join(name)).unwrap();
}

pub fn cases() -> Vec<Case> {
    let mut all = no_reports();
    all.extend(no_log_folders());
    all.extend(no_archives());
    all
}

fn no_reports() -> Vec<Case> {
    vec![
        case(
            "a pipe as a report",
            |site| make_pipe(&log(site).join("r.json")),
            Expected::Ignored("a named pipe"),
        ),
        case(
            "a socket as a report",
            |site| make_socket(&log(site), "r.json"),
            Expected::Ignored("a socket"),
        ),
        case(
            "a device as a report",
            |site| make_device(site, &log(site).join("r.json")),
            Expected::Ignored("a device"),
        ),
        case(
            "a folder as a report",
            |site| fs::create_dir(log(site).join("r.json")).unwrap(),
            Expected::Ignored("a directory"),
        ),
        case(
            "a link to a report elsewhere",
            |site| symlink(site.path("foreign/secret.json"), log(site).join("r.json")).unwrap(),
            Expected::Ignored("a symbolic link"),
        ),
        case(
            "a link that leads nowhere as a report",
            |site| symlink("nowhere", log(site).join("r.json")).unwrap(),
            Expected::Ignored("a symbolic link"),
        ),
        case(
            "a link to itself as a report",
            |site| symlink("r.json", log(site).join("r.json")).unwrap(),
            Expected::Ignored("a symbolic link"),
        ),
        case(
            "10,000 files that are no reports",
            |site| {
                for number in 0..10_000 {
                    fs::write(log(site).join(format!("{number}.tmp")), "").unwrap();
                }
                site.deliver(&good_report());
            },
            Expected::Entry("SUCCESS", ""),
        ),
        case(
            "1,000 reports that are pipes",
            |site| {
                let pipes: Vec<String> = (0..1000).map(|number| format!("{number}.json")).collect();
                let mut make = Command::new("mkfifo");
                assert!(
                    make.current_dir(log(site))
                        .args(pipes)
                        .status()
                        .unwrap()
                        .success()
                );
            },
            Expected::Ignored("a named pipe"),
        ),
        case(
            "a report that is replaced all the time",
            |site| site.deliver(&good_report()),
            Expected::Checked("none is lost, and none is set aside unread"),
        )
        .run_as(Run::Meanwhile(|site| {
            // What is read and what is set aside is never the same.
            let number = fs::read_dir("/proc/self/task").unwrap().count();
            let other = good_report().saying("n", json!(number)).named("r.json");
            site.deliver_report_only(&other);
        }))
        .check(|site, result| {
            let archived = site.files_in(&format!("deposit/{AGENT}/log/_archive"));
            let taken = &result["reports"]["processed"];
            assert!(
                archived.len() as u64 <= taken.as_u64().unwrap(),
                "{archived:?}"
            );
            let left = site.files_in(&format!("deposit/{AGENT}/log"));
            assert!(left.contains(&"r.json".to_owned()), "{left:?}");
        }),
        case(
            "a report that comes and goes",
            |site| site.deliver(&good_report()),
            Expected::Checked("it is taken, or it is not there"),
        )
        .run_as(Run::Meanwhile(|site| {
            let path = log(site).join("r.json");
            let _ = fs::remove_file(&path);
            fs::write(&path, good_report().text()).unwrap();
        })),
        case(
            "a report that may not be read, whose name looks like lines of the log",
            |site| {
                let path = log(site).join("a\nWARN forged \u{1b}[2J\u{202e}\u{9b}.json");
                fs::write(&path, good_report().text()).unwrap();
                forbid(&path, 0o000);
            },
            Expected::Error("Permission denied"),
        )
        .run_as(Run::WithoutPrivilege),
        case(
            "a report that may not be read",
            |site| {
                let path = log(site).join("r.json");
                fs::write(&path, good_report().text()).unwrap();
                forbid(&path, 0o000);
            },
            Expected::Error("r.json: Permission denied"),
        )
        .run_as(Run::WithoutPrivilege),
    ]
}

fn no_log_folders() -> Vec<Case> {
    vec![
        case(
            "a log folder that is a link",
            |site| log_is(site, |log| symlink(site.path("foreign"), log).unwrap()),
            Expected::Error("log is a symbolic link, not a folder"),
        ),
        case(
            "a log folder that is a link to another agent's",
            |site| log_is(site, |log| symlink("../ZZZ_LAST_SITE/log", log).unwrap()),
            Expected::Error("log is a symbolic link, not a folder"),
        ),
        case(
            "a log folder that is a pipe",
            |site| log_is(site, make_pipe),
            Expected::Error("log is a named pipe, not a folder"),
        ),
        case(
            "a log folder that is a file",
            |site| log_is(site, |log| fs::write(log, CONTENT).unwrap()),
            Expected::Error("log is a file, not a folder"),
        ),
        case(
            "no log folder",
            |site| log_is(site, |_| ()),
            Expected::Nothing,
        ),
        case(
            "a log folder that may not be listed",
            |site| {
                site.deliver(&good_report());
                forbid(&log(site), 0o300);
            },
            Expected::Error("log: Permission denied"),
        )
        .run_as(Run::WithoutPrivilege),
        case(
            "a log folder that may not be entered",
            |site| {
                site.deliver(&good_report());
                forbid(&log(site), 0o000);
            },
            Expected::Error("Permission denied"),
        )
        .run_as(Run::WithoutPrivilege),
        case(
            "a log folder that may not be written to",
            |site| {
                site.deliver(&good_report());
                forbid(&log(site), 0o500);
            },
            Expected::Error("_archive: Permission denied"),
        )
        .run_as(Run::WithoutPrivilege)
        .check(is_taken_and_left),
        case(
            "an agent's folder that may not be entered",
            |site| {
                site.deliver(&good_report());
                forbid(log(site).parent().unwrap(), 0o000);
            },
            Expected::Error("Permission denied"),
        )
        .run_as(Run::WithoutPrivilege),
        case(
            "an agent's folder that may not be written to",
            |site| {
                site.deliver(&good_report());
                forbid(log(site).parent().unwrap(), 0o500);
            },
            Expected::Entry("SUCCESS", ""),
        )
        .run_as(Run::WithoutPrivilege),
    ]
}

fn no_archives() -> Vec<Case> {
    vec![
        case(
            "an archive that is a link",
            |site| {
                archive_is(site, |archive| {
                    symlink(site.path("foreign"), archive).unwrap();
                });
            },
            Expected::Error("_archive is a symbolic link, not a folder"),
        )
        .check(is_taken_and_left),
        case(
            "an archive that is a link to nowhere",
            |site| archive_is(site, |archive| symlink("nowhere", archive).unwrap()),
            Expected::Error("_archive is a symbolic link, not a folder"),
        )
        .check(is_taken_and_left),
        case(
            "an archive that is a file",
            |site| archive_is(site, |archive| fs::write(archive, "in the way").unwrap()),
            Expected::Error("_archive is a file, not a folder"),
        )
        .check(is_taken_and_left),
        case(
            "an archive that is a pipe",
            |site| archive_is(site, make_pipe),
            Expected::Error("_archive is a named pipe, not a folder"),
        )
        .check(is_taken_and_left),
        case(
            "an archive that may not be written to",
            |site| {
                archive_is(site, |archive| {
                    fs::create_dir(archive).unwrap();
                    forbid(archive, 0o500);
                });
            },
            Expected::Error("Permission denied"),
        )
        .run_as(Run::WithoutPrivilege)
        .check(is_taken_and_left),
        case(
            "an archive in which links lie under the report's name",
            |site| {
                let archive = log(site).join("_archive");
                fs::create_dir(&archive).unwrap();
                let target = archive.join(good_report().file_name());
                symlink(site.path("foreign/X.sql.zst"), target).unwrap();
                site.deliver(&good_report());
            },
            Expected::Entry("SUCCESS", ""),
        ),
        case(
            "a folder of rejected reports that is a file",
            |site| {
                fs::write(log(site).join("_rejected"), "in the way").unwrap();
                super::case::drop_text(site, b"{broken");
            },
            Expected::Error("_rejected is a file, not a folder"),
        ),
        case(
            "a reason that is a link, where a report is rejected",
            |site| {
                let rejected = log(site).join("_rejected");
                fs::create_dir(&rejected).unwrap();
                let reason = format!("{}.reason.txt", good_report().file_name());
                symlink(site.path("foreign/X.sql.zst"), rejected.join(reason)).unwrap();
                super::case::drop_text(site, b"{broken");
            },
            Expected::Rejected("no JSON"),
        ),
        case(
            "a reason that is a link to another report, where a report is rejected",
            |site| {
                let rejected = log(site).join("_rejected");
                fs::create_dir(&rejected).unwrap();
                fs::write(rejected.join("other.json"), CONTENT).unwrap();
                let reason = format!("{}.reason.txt", good_report().file_name());
                symlink("other.json", rejected.join(reason)).unwrap();
                super::case::drop_text(site, b"{broken");
            },
            Expected::Rejected("no JSON"),
        )
        .check(|site, _| {
            let other = format!("deposit/{AGENT}/log/_rejected/other.json");
            assert_eq!(fs::read(site.path(other)).unwrap(), CONTENT);
        }),
        case(
            "a reason that is a pipe, where a report is rejected",
            |site| {
                let rejected = log(site).join("_rejected");
                fs::create_dir(&rejected).unwrap();
                let reason = format!("{}.reason.txt", good_report().file_name());
                make_pipe(&rejected.join(reason));
                super::case::drop_text(site, b"{broken");
            },
            Expected::Rejected("no JSON"),
        ),
    ]
}
