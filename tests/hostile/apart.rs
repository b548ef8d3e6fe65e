use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::site::{Backup, MORNING, Report, Site};

const AGENT: &str = "SDMC_DOUALA_AKWA";
const ENDED_AT: &str = "2025-06-19T02:10:00";
const CONTENT: &[u8] = b"the compressed dump";

fn good() -> Backup {
    Backup::good("X", CONTENT)
}

/// Harms the site, scans it, and checks that another agent was served in the same cycle.
#[track_caller]
fn scan_harmed(harm: impl FnOnce(&Site)) -> (Site, serde_json::Value) {
    let site = Site::new();
    site.deliver(&Report::new(
        "ZZZ_LAST_SITE",
        ENDED_AT,
        vec![Backup::good("OTHER", b"good")],
    ));
    fs::create_dir_all(site.path(format!("deposit/{AGENT}/log"))).unwrap();
    fs::create_dir_all(site.path(format!("deposit/{AGENT}/databases"))).unwrap();
    harm(&site);
    let output = site.run(&["scan", "--now", MORNING, "--format", "json"]);
    let result = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(site.status_of("OTHER"), "OK", "{output:?}");
    (site, result)
}

fn make_pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn plain_files_and_links_in_the_root_are_nobodys() {
    let (_, result) = scan_harmed(|site| {
        fs::write(site.path("deposit/README"), "hello").unwrap();
        symlink("/etc", site.path("deposit/LINK_TO_ETC")).unwrap();
        make_pipe(&site.path("deposit/PIPE"));
    });
    assert_eq!(result["errors"], json!([]));
}

#[test]
fn what_is_named_like_a_report_and_is_none_is_left_alone_and_told() {
    let (site, result) = scan_harmed(|site| {
        let log = site.path(format!("deposit/{AGENT}/log"));
        fs::create_dir(log.join("directory.json")).unwrap();
        symlink("/etc/hostname", log.join("link.json")).unwrap();
        make_pipe(&log.join("pipe.json"));
        let latin_1 = std::ffi::OsStr::from_bytes(b"\xE9.json");
        fs::write(log.join(latin_1), "{}").unwrap();
    });
    let reasons: Vec<_> = result["ignored"]
        .as_array()
        .unwrap()
        .iter()
        .map(|ignored| ignored["reason"].as_str().unwrap().to_owned())
        .collect();
    for kind in ["a directory", "a symbolic link", "a named pipe", "no UTF-8"] {
        assert!(
            reasons.iter().any(|reason| reason.contains(kind)),
            "{reasons:?}"
        );
    }
    assert_eq!(result["reports"]["found"], 1);
    assert_eq!(site.files_in(&format!("deposit/{AGENT}/log")).len(), 4);
}

#[test]
fn a_staged_link_is_not_followed() {
    let (site, _) = scan_harmed(|site| {
        // A file outside the deposit that has just the content that the report asks for.
        fs::write(site.path("foreign"), CONTENT).unwrap();
        let staged = site.path(format!("deposit/{AGENT}/databases/X.sql.zst"));
        symlink(site.path("foreign"), staged).unwrap();
        site.deliver(&Report::new(AGENT, ENDED_AT, vec![good().not_staged()]));
    });
    assert_eq!(site.status_of("X"), "FAILED");
    let entry = &site.job("X")["latest_entry"];
    assert_eq!(entry["reason"]["kind"], "a symbolic link");
    assert_eq!(entry["actual_sha256"], json!(null));
    assert_eq!(site.files_in("validated/SDMC"), Vec::<String>::new());
}

#[test]
fn a_staged_folder_that_is_a_link_is_not_followed() {
    let (site, _) = scan_harmed(|site| {
        fs::create_dir(site.path("foreign")).unwrap();
        fs::write(site.path("foreign/X.sql.zst"), CONTENT).unwrap();
        let staged = site.path(format!("deposit/{AGENT}/databases"));
        fs::remove_dir(&staged).unwrap();
        symlink(site.path("foreign"), staged).unwrap();
        site.deliver_report_only(&Report::new(AGENT, ENDED_AT, vec![good()]));
    });
    assert_eq!(site.status_of("X"), "FAILED");
}

#[test]
fn a_pipe_in_place_of_a_backup_blocks_nothing() {
    let (site, _) = scan_harmed(|site| {
        make_pipe(&site.path(format!("deposit/{AGENT}/databases/X.sql.zst")));
        site.deliver(&Report::new(AGENT, ENDED_AT, vec![good().not_staged()]));
    });
    assert_eq!(site.status_of("X"), "FAILED");
}

#[test]
fn a_log_folder_that_is_a_link_is_an_error_of_that_agent() {
    let (site, result) = scan_harmed(|site| {
        let log = site.path(format!("deposit/{AGENT}/log"));
        fs::remove_dir(&log).unwrap();
        fs::create_dir(site.path("foreign")).unwrap();
        fs::write(site.path("foreign/r.json"), "{}").unwrap();
        symlink(site.path("foreign"), log).unwrap();
    });
    assert_eq!(result["errors"][0]["agent"], AGENT);
    assert_eq!(site.files_in("foreign"), ["r.json"]);
}

#[test]
fn an_archive_that_is_a_link_takes_no_report_out_of_the_folder() {
    let (site, result) = scan_harmed(|site| {
        fs::create_dir(site.path("foreign")).unwrap();
        symlink(
            site.path("foreign"),
            site.path(format!("deposit/{AGENT}/log/_archive")),
        )
        .unwrap();
        site.deliver(&Report::new(AGENT, ENDED_AT, vec![good()]));
    });
    assert_eq!(result["errors"][0]["agent"], AGENT);
    assert_eq!(site.files_in("foreign"), Vec::<String>::new());
    assert_eq!(site.status_of("X"), "OK");
}

#[test]
fn a_report_that_can_not_be_set_aside_keeps_none_after_it_from_being_taken() {
    let site = Site::new();
    let log = site.path(format!("deposit/{AGENT}/log"));
    fs::create_dir_all(&log).unwrap();
    fs::write(log.join("_archive"), "in the way").unwrap();
    site.deliver(&Report::new(AGENT, ENDED_AT, vec![good()]));
    site.run(&["scan", "--now", MORNING]);
    let next = Backup::good("X", b"the next night's dump");
    site.deliver(&Report::new(AGENT, "2025-06-20T02:10:00", vec![next]));
    let output = site.run(&["scan", "--now", "2025-06-20T06:00:00Z"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(site.job("X")["last_success_at"], "2025-06-20T02:10:00Z");
    let history = site.json(&["history", "X"]);
    assert_eq!(history["jobs"][0]["entries"].as_array().unwrap().len(), 2);
}

#[test]
fn a_folder_that_differs_in_case_alone_can_not_speak_for_the_agent() {
    let (site, result) = scan_harmed(|site| {
        site.deliver(&Report::new(AGENT, ENDED_AT, vec![good()]));
        site.scan(MORNING);
        let twin = Report::new(AGENT, "2025-06-19T03:00:00", vec![good().not_staged()])
            .in_folder("SDMC_DOUALA_akwa");
        site.deliver(&twin);
    });
    assert_eq!(site.status_of("X"), "OK");
    let reason = result["ignored"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("case alone"), "{reason}");
}

#[test]
fn names_that_would_write_headers_or_markup_still_alert_and_do_no_harm() {
    let names = [
        "X\nBcc: evil@example.com",
        "X\r\n\r\nbody",
        "<script>alert(1)</script>",
        "{{database}}{{> partial}}",
        "\u{202e}5202_CIRFAX",
        "=?utf-8?q?X?=",
        "'; DROP TABLE jobs; --",
    ];
    let told = |config: &str| {
        let (site, _) = scan_harmed(|site| {
            let path = site.path("vigie.toml");
            fs::write(&path, fs::read_to_string(&path).unwrap() + config).unwrap();
            let backups = names
                .map(|name| Backup::good(name, b"c").not_staged())
                .into();
            site.deliver(&Report::new(AGENT, ENDED_AT, backups));
        });
        site.mails()
    };
    let together = told("");
    let mails = told("\n[alerts]\ngroup_by = \"none\"\n");
    assert_eq!((together.len(), mails.len()), (1, names.len()));
    for mail in mails.iter().chain(&together) {
        assert_eq!(mail.to, "admin@example.com");
        assert!(mail.header("Bcc").is_none());
        assert!(mail.subject.starts_with("[MISSING] "), "{}", mail.subject);
        assert!(!mail.subject.contains(['\n', '\r', '\u{202e}']));
        assert!(!mail.html.contains("<script") && !mail.html.contains('\u{202e}'));
    }
    assert!(
        mails
            .iter()
            .any(|mail| mail.text.contains("{{database}}{{> partial}}"))
    );
}

#[test]
fn a_report_without_permission_is_an_error_that_keeps_no_other_report_from_being_taken() {
    let site = Site::new();
    let unreadable = Report::new(AGENT, ENDED_AT, vec![good()]).named("a.json");
    site.deliver(&unreadable);
    let path = site.deposit().join(unreadable.path());
    fs::set_permissions(path, fs::Permissions::from_mode(0o000)).unwrap();
    let readable = Report::new(AGENT, ENDED_AT, vec![Backup::good("Y", b"good")]).named("b.json");
    site.deliver(&readable);
    let mut vigie = site.command();
    vigie.args(["scan", "--now", MORNING, "--format", "json"]);
    let is_superuser = fs::metadata("/proc/self").unwrap().uid() == 0;
    let output = if is_superuser {
        // Without the privilege by which the superuser reads everything.
        Command::new("/usr/bin/setpriv")
            .arg("--bounding-set=-dac_override,-dac_read_search")
            .arg(vigie.get_program())
            .args(vigie.get_args())
            .env_clear()
            .current_dir(site.path(""))
            .output()
    } else {
        vigie.output()
    };
    let output = output.unwrap();
    let result: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = result["errors"][0]["error"].as_str().unwrap();
    assert!(error.contains("a.json: Permission denied"), "{error}");
    assert_eq!(site.status_of("Y"), "OK");
}

#[test]
fn a_report_that_was_refused_for_a_limit_is_taken_once_the_limit_is_raised() {
    let config = |limits: &str| {
        format!(
            "[deposit]\nroot = \"deposit\"\nsettle = \"0s\"\n{limits}\n\
             [mail]\nadmin_email_recipient = \"a@example.com\"\n"
        )
    };
    let limits = "report_max_depth = 6\nreport_max_databases = 1\nreport_max_name = 2";
    let site = Site::with_config(&config(limits));
    let deep = Report::new(AGENT, ENDED_AT, vec![good()]).named("deep.json");
    site.deliver(&deep.saying("extra", json!([[[[[[[[0]]]]]]]])));
    let named = |names: &[&str], file: &str| {
        let backups = names.iter().map(|name| Backup::good(name, CONTENT));
        site.deliver(&Report::new(AGENT, ENDED_AT, backups.collect()).named(file));
    };
    named(&["X", "Y"], "many.json");
    named(&["LONG"], "long.json");
    let result = site.scan(MORNING);
    let reasons: Vec<&str> = result["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["reason"].as_str().unwrap())
        .collect();
    let keys = [
        "report_max_depth",
        "report_max_name",
        "report_max_databases",
    ];
    for key in keys {
        assert!(
            reasons.iter().any(|reason| reason.contains(key)),
            "{reasons:?}"
        );
    }
    fs::write(site.path("vigie.toml"), config("report_max_text = 5")).unwrap();
    let rejected = site.path(format!("deposit/{AGENT}/log/_rejected"));
    for file in ["deep.json", "many.json", "long.json"] {
        fs::rename(rejected.join(file), rejected.join("..").join(file)).unwrap();
    }
    let result = site.scan(MORNING);
    assert_eq!(result["reports"]["processed"], 3, "{result:#}");
    let summary = site.job("LONG")["latest_entry"]["logs_summary"].clone();
    assert_eq!(summary, "pg_du… (21 more characters)");
}

#[test]
fn a_limit_of_nothing_is_a_problem_of_the_config() {
    let config = "[deposit]\nroot = \"deposit\"\nreport_max_databases = 0\nreport_max_depth = 0\n\
                  [scan]\nreports_per_agent = 0";
    let output = Site::with_config(config).run(&["config", "check"]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    for key in [
        "report_max_databases is 0",
        "report_max_depth is 0",
        "reports_per_agent is 0",
    ] {
        assert!(told.contains(key), "{told}");
    }
}

#[test]
fn what_a_scan_tells_people_is_printable() {
    let (site, _) = scan_harmed(|_| ());
    let log = site.path(format!("deposit/{AGENT}/log"));
    let odd = "\u{1b}[2J\u{202e}\u{2028}\n";
    fs::create_dir(log.join(format!("{odd}.json"))).unwrap();
    fs::create_dir(site.path(format!("deposit/A_B_{odd}"))).unwrap();
    let name = "A_\u{202e}_\u{2028}";
    let failed = Backup::good(odd, b"c").saying("/BACKUP/status", json!(odd));
    site.deliver(&Report::new(name, ENDED_AT, vec![failed]).named("r.json"));
    let other = Report::new(AGENT, ENDED_AT, vec![]).saying("agent_id", json!(odd));
    site.deliver(&other.named(&format!("r{odd}.json")));
    let output = site.run(&["scan", "--now", MORNING]);
    for told in [&output.stdout, &output.stderr] {
        let told = String::from_utf8_lossy(told);
        assert!(
            !told.contains(['\u{1b}', '\u{202e}', '\u{2028}']),
            "{told:?}"
        );
        assert!(told.contains("rejected"), "{told}");
    }
}

#[test]
fn the_terminal_is_shown_no_control_characters() {
    let (site, _) = scan_harmed(|site| {
        let hostile = Backup::good("X\u{1b}[2J\u{7}", b"c").not_staged();
        site.deliver(&Report::new(AGENT, ENDED_AT, vec![hostile]));
    });
    for command in ["status", "scan"] {
        let output = site.run(&[command]);
        let shown = String::from_utf8(output.stdout).unwrap();
        assert!(!shown.contains(['\u{1b}', '\u{7}']), "{shown:?}");
    }
}
