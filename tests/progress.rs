use std::process::{Command, Output};
use std::thread;

use crate::site::{Backup, MORNING, Report, Site};

const AGENT: &str = "SDMC_DOUALA_AKWA";

/// A site with one backup of so many bytes, of which so much is read in a second.
fn slow(bytes: usize, rate: &str) -> Site {
    let site = Site::with_config(&format!(
        "[deposit]\nroot = \"deposit\"\nsettle = \"0s\"\n[scan]\nmax_read_rate = \"{rate}\"\n\
         [mail]\nadmin_email_recipient = \"admin@example.com\"\n"
    ));
    let backup = Backup::good("XAFRIC_2025", &vec![0; bytes]);
    site.deliver(&Report::new(AGENT, "2025-06-19T02:10:00", vec![backup]));
    site
}

/// What a scan shows on a terminal of 100 columns.
fn on_a_terminal(site: &Site, options: &str) -> String {
    let scan = site.command();
    let words: Vec<&str> = [scan.get_program()]
        .into_iter()
        .chain(scan.get_args())
        .map(|word| word.to_str().unwrap())
        .collect();
    let command = format!(
        "stty cols 100 rows 30; exec {} scan --now {MORNING} {options}",
        words.join(" ")
    );
    let mut script = Command::new("script");
    script.env("TERM", "xterm").current_dir(site.path("."));
    let output = script.args(["-qefc", &command, "/dev/null"]).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn errors(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_scan_that_takes_long_shows_on_a_terminal_how_far_it_is() {
    // From 64 MiB on a file has a bar of its own.
    let site = slow(64 << 20, "25MB/s");
    let shown = on_a_terminal(&site, "");
    for part in [
        " of 64.0 MiB read, 1 of 1 agents, ",
        "MiB/s",
        &format!(" of 64.0 MiB  {AGENT}  XAFRIC_2025.sql.zst"),
    ] {
        assert!(shown.contains(part), "{part} is not in {shown:?}");
    }
    let (_, after) = shown.split_once("reports  1 found").unwrap();
    assert!(after.contains("files    1 read (64.0 MiB)"), "{after}");
    assert!(!after.contains("agents"), "{after}");
}

#[test]
fn who_wants_quiet_sees_no_bar() {
    let site = slow(64 << 20, "25MB/s");
    let shown = on_a_terminal(&site, "--quiet");
    assert!(shown.starts_with("reports  1 found"), "{shown:?}");
}

#[test]
fn a_scan_that_takes_long_prints_a_line_now_and_then_where_there_is_no_terminal() {
    let scan = |options: &[&str]| {
        let site = slow(1_300_000, "100kB/s");
        errors(&site.run(&[&["scan", "--now", MORNING], options].concat()))
    };
    let (lines, nothing) = thread::scope(|scope| {
        let quiet = scope.spawn(|| scan(&["--quiet"]));
        (scan(&[]), quiet.join().unwrap())
    });
    assert_eq!(lines.lines().count(), 1, "{lines}");
    assert!(lines.starts_with("scan: "), "{lines}");
    let told = " of 1.2 MiB read, 1 of 1 agents, 1 file at work, a few seconds left\n";
    assert!(lines.ends_with(told), "{lines}");
    assert_eq!(nothing, "");
}

#[test]
fn details_tell_how_long_each_stage_took() {
    let site = slow(10, "1GB/s");
    let details = errors(&site.run(&["scan", "--now", MORNING, "-vv"]));
    for stage in [
        "discover",
        "read reports",
        "small files",
        "commit",
        "deadlines",
    ] {
        let line = format!("took stage=\"{stage}\" times=");
        assert!(details.contains(&line), "{stage} is not in {details}");
    }
}
