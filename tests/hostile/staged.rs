//! What lies where a staged file should be.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::{Value, json};

use super::case::{
    AGENT, CONTENT, Case, Expected, Run, case, entries, forbid, good, good_report, make_pipe,
    report, staged,
};
use super::files::{make_device, make_socket};
use crate::site::{Backup, Site, sha256_of};

/// Something in the place of the staged file.
fn staged_is(site: &Site, put: impl FnOnce(&Path)) {
    put(&staged(site).join("X.sql.zst"));
    site.deliver_report_only(&good_report());
}

/// Something in the place of the folder of staged files.
fn folder_is(site: &Site, put: impl FnOnce(&Path)) {
    fs::remove_dir(staged(site)).unwrap();
    put(&staged(site));
    site.deliver_report_only(&good_report());
}

fn says_name(site: &Site, name: &str) {
    let backup = good().saying("/staged_file_name", json!(name));
    site.deliver_report_only(&report(vec![backup]));
}

/// The longest file that the file system takes, all of it a hole.
fn sparse(site: &Site) -> u64 {
    let file = File::create(staged(site).join("X.sql.zst")).unwrap();
    let sizes = [(1 << 63) - 4096, (1 << 44) - 4096, 1 << 42];
    let taken = sizes.into_iter().find(|size| file.set_len(*size).is_ok());
    taken.unwrap()
}

fn says_size(site: &Site, bytes: u64) {
    let backup = good().saying("/COMPRESS/size", json!(bytes));
    site.deliver_report_only(&report(vec![backup]));
}

/// Some pieces, so that things can happen between them.
fn large() -> Vec<u8> {
    (0..=250).cycle().take(24 << 20).collect()
}

fn deliver_large(site: &Site) {
    site.deliver(&report(vec![Backup::good("X", &large())]));
}

/// What is kept is what the report promised, whatever happened meanwhile.
fn what_is_kept_is_proven(site: &Site, result: &Value) {
    let entries = entries(result);
    let folder = AGENT.replace('_', "/");
    let kept = site.path(format!("validated/{folder}/no-year/X/X.sql.zst"));
    let is_good = entries.iter().any(|entry| entry["status"] == "SUCCESS");
    assert_eq!(kept.exists(), is_good);
    if is_good {
        assert_eq!(sha256_of(&fs::read(kept).unwrap()), sha256_of(&large()));
    }
}

pub fn cases() -> Vec<Case> {
    let mut all = no_files();
    all.extend(no_folders());
    all.extend(names());
    all.extend(holes());
    all.extend(changing());
    all
}

fn no_files() -> Vec<Case> {
    let failed = |kind| Expected::Entry("FAILED", kind);
    vec![
        case(
            "a pipe as a staged file",
            |site| staged_is(site, make_pipe),
            failed("is a named pipe"),
        ),
        case(
            "a socket as a staged file",
            |site| {
                staged_is(site, |path| {
                    make_socket(path.parent().unwrap(), "X.sql.zst");
                });
            },
            failed("is a socket"),
        ),
        case(
            "a device as a staged file",
            |site| staged_is(site, |path| make_device(site, path)),
            failed("is a device"),
        ),
        case(
            "a folder as a staged file",
            |site| staged_is(site, |path| fs::create_dir(path).unwrap()),
            failed("is a directory"),
        ),
        case(
            "a link to a file that has what is expected",
            |site| {
                staged_is(site, |path| {
                    symlink(site.path("foreign/X.sql.zst"), path).unwrap();
                });
            },
            failed("is a symbolic link"),
        ),
        case(
            "a link to /etc/shadow",
            |site| staged_is(site, |path| symlink("/etc/shadow", path).unwrap()),
            failed("is a symbolic link"),
        ),
        case(
            "a link that leads nowhere as a staged file",
            |site| staged_is(site, |path| symlink("nowhere", path).unwrap()),
            failed("is a symbolic link"),
        ),
        case(
            "a link to itself as a staged file",
            |site| staged_is(site, |path| symlink("X.sql.zst", path).unwrap()),
            failed("is a symbolic link"),
        ),
        // No system tells it from a file of its own: an agent with a shell on this machine is trusted
        // with what it may read there.
        case(
            "a hard link to a file outside of the deposit",
            |site| {
                staged_is(site, |path| {
                    fs::hard_link(site.path("foreign/X.sql.zst"), path).unwrap();
                });
            },
            Expected::Entry("SUCCESS", ""),
        ),
        case(
            "a staged file that may not be read",
            |site| {
                site.deliver(&good_report());
                forbid(&staged(site).join("X.sql.zst"), 0o000);
            },
            failed("could not read the staged file: Permission denied"),
        )
        .run_as(Run::WithoutPrivilege),
    ]
}

fn no_folders() -> Vec<Case> {
    let failed = |kind| Expected::Entry("FAILED", kind);
    vec![
        case(
            "a staged folder that is a link",
            |site| folder_is(site, |path| symlink(site.path("foreign"), path).unwrap()),
            failed("databases is a symbolic link, not a folder"),
        ),
        case(
            "a staged folder that is a link to another agent's",
            |site| {
                folder_is(site, |path| {
                    symlink("../ZZZ_LAST_SITE/databases", path).unwrap();
                });
            },
            failed("databases is a symbolic link, not a folder"),
        ),
        case(
            "a staged folder that is a file",
            |site| folder_is(site, |path| fs::write(path, CONTENT).unwrap()),
            failed("databases is a file, not a folder"),
        ),
        case(
            "a staged folder that is a pipe",
            |site| folder_is(site, make_pipe),
            failed("databases is a named pipe, not a folder"),
        ),
        case(
            "no staged folder",
            |site| folder_is(site, |_| ()),
            Expected::Entry("MISSING", "not there"),
        ),
        case(
            "a staged folder that may not be entered",
            |site| {
                site.deliver(&good_report());
                forbid(&staged(site), 0o000);
            },
            failed("Permission denied"),
        )
        .run_as(Run::WithoutPrivilege),
        case(
            "a staged folder that may not be written to",
            |site| {
                site.deliver(&good_report());
                forbid(&staged(site), 0o500);
            },
            Expected::Entry("SUCCESS", ""),
        )
        .run_as(Run::WithoutPrivilege),
    ]
}

fn names() -> Vec<Case> {
    let leaves = || Expected::Rejected("leave the agent's folder");
    vec![
        case(
            "a staged file of another agent",
            |site| says_name(site, "../../ZZZ_LAST_SITE/databases/LAST.sql.zst"),
            leaves(),
        ),
        case(
            "a staged file called ..",
            |site| says_name(site, ".."),
            leaves(),
        ),
        case(
            "a staged file with a Windows path upwards",
            |site| says_name(site, "a\\..\\..\\foreign\\X.sql.zst"),
            leaves(),
        ),
        case(
            "a staged file with an absolute path",
            |site| says_name(site, "/etc/passwd"),
            Expected::Entry("MISSING", "not there"),
        ),
        case(
            "a staged file that is a folder's name",
            |site| says_name(site, "/srv/backups/"),
            Expected::Entry("FAILED", "staged_file_name is no file name"),
        ),
        case(
            "a staged file called .",
            |site| says_name(site, "."),
            Expected::Entry("FAILED", "staged_file_name is no file name"),
        ),
        case(
            "a staged file with a NUL",
            |site| says_name(site, "X.sql.zst\0.png"),
            Expected::Entry("FAILED", "staged_file_name is no file name"),
        ),
        case(
            "a staged file whose name has two lines and is turned around",
            |site| {
                let name = "X\n\u{202e}tsz.\u{1b}[2J";
                site.deliver(&report(vec![good().staged_under(name)]));
            },
            Expected::Entry("SUCCESS", ""),
        ),
        case(
            "a staged file called .vigie-partial",
            |site| site.deliver(&report(vec![good().staged_under(".vigie-partial")])),
            Expected::Entry("SUCCESS", ""),
        ),
    ]
}

fn holes() -> Vec<Case> {
    vec![
        case(
            "exabytes of holes where kilobytes are expected",
            |site| {
                sparse(site);
                site.deliver_report_only(&good_report());
            },
            Expected::Entry("TRANSFER_INTEGRITY_FAILED", "another size"),
        ),
        case(
            "exabytes of holes as the report says",
            |site| {
                let size = sparse(site);
                says_size(site, size);
            },
            Expected::Entry("FAILED", "a sparse file with next to nothing in it"),
        ),
        case(
            "exabytes of holes of which no size is said",
            |site| {
                sparse(site);
                let silent = good().saying("/COMPRESS/size", json!(null));
                site.deliver_report_only(&report(vec![silent]));
            },
            Expected::Entry("FAILED", "a sparse file with next to nothing in it"),
        ),
        case(
            "a small file with holes",
            |site| {
                let content = [vec![0; 1 << 20], b"end".to_vec()].concat();
                site.deliver(&report(vec![Backup::good("X", &content)]));
                let file = File::create(staged(site).join("X.sql.zst")).unwrap();
                file.set_len(1 << 20).unwrap();
                std::os::unix::fs::FileExt::write_all_at(&file, b"end", 1 << 20).unwrap();
            },
            Expected::Entry("SUCCESS", ""),
        ),
    ]
}

fn changing() -> Vec<Case> {
    let proven = || Expected::Checked("what is kept is what was promised");
    let changing = |input, meanwhile| {
        case(input, deliver_large, proven())
            .run_as(Run::Meanwhile(meanwhile))
            .check(what_is_kept_is_proven)
    };
    vec![
        changing("a staged file that grows all the time", |site| {
            use std::io::Write;
            let file = File::options()
                .append(true)
                .open(staged(site).join("X.sql.zst"));
            file.unwrap().write_all(b"more").unwrap();
            std::thread::sleep(std::time::Duration::from_millis(1));
        }),
        changing("a staged file that changes all the time", |site| {
            let file = File::options()
                .write(true)
                .open(staged(site).join("X.sql.zst"))
                .unwrap();
            for at in [0, 12 << 20, 24 << 20] {
                std::os::unix::fs::FileExt::write_all_at(&file, b"other", at - at / 24).unwrap();
            }
        }),
        changing("a staged file that is cut short all the time", |site| {
            let file = File::options()
                .write(true)
                .open(staged(site).join("X.sql.zst"))
                .unwrap();
            file.set_len(1 << 20).unwrap();
            file.set_len(24 << 20).unwrap();
        }),
        changing("a staged file that is replaced all the time", |site| {
            let arriving = staged(site).join(".arriving");
            fs::write(&arriving, b"other").unwrap();
            fs::rename(&arriving, staged(site).join("X.sql.zst")).unwrap();
            fs::write(&arriving, large()).unwrap();
            fs::rename(&arriving, staged(site).join("X.sql.zst")).unwrap();
        }),
        changing("a staged file that comes and goes", |site| {
            let (path, away) = (staged(site).join("X.sql.zst"), staged(site).join("away"));
            fs::rename(&path, &away).unwrap();
            fs::rename(&away, &path).unwrap();
        }),
        changing("a staged folder that becomes a link and back", |site| {
            let away = staged(site).with_file_name("away");
            fs::rename(staged(site), &away).unwrap();
            symlink(site.path("foreign"), staged(site)).unwrap();
            fs::remove_file(staged(site)).unwrap();
            fs::rename(&away, staged(site)).unwrap();
        }),
        changing("a staged file that becomes a link and back", |site| {
            let (path, away) = (staged(site).join("X.sql.zst"), staged(site).join("away"));
            fs::rename(&path, &away).unwrap();
            symlink(site.path("foreign/X.sql.zst"), &path).unwrap();
            fs::rename(&away, &path).unwrap();
        }),
        changing("an agent's folder that becomes a link and back", |site| {
            let folder = site.path(format!("deposit/{AGENT}"));
            fs::rename(&folder, site.path("deposit/.away")).unwrap();
            symlink("ZZZ_LAST_SITE", &folder).unwrap();
            fs::remove_file(&folder).unwrap();
            fs::rename(site.path("deposit/.away"), &folder).unwrap();
        }),
    ]
}
