use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;
use std::{fs, process};

use super::trial::Trial;

const SIGKILL: i32 = 9;

/// Scans with a kill -9 in place of the `step`-th of these calls; tells whether it came to that.
pub fn scan_killed_at(trial: &Trial, calls: &str, step: usize) -> bool {
    let mut scan = command(trial, "scan");
    scan.env("LD_PRELOAD", killer())
        .env("KILL_CALLS", calls)
        .env("KILL_AT", step.to_string());
    let status = scan.status().unwrap();
    match (status.signal(), status.code()) {
        (Some(SIGKILL), _) => true,
        (None, Some(0)) => false,
        _ => panic!("{calls} {step}: the scan ended with {status}"),
    }
}

/// Kills the program once the server stops answering, or after this time; tells whether it was still
/// there to be killed.
pub fn killed_within(trial: &Trial, subcommand: &str, lifetime: Duration) -> bool {
    let mut program = command(trial, subcommand).spawn().unwrap();
    trial.server.wait_for_stall(&mut program, lifetime);
    program.kill().unwrap();
    program.wait().unwrap().signal() == Some(SIGKILL)
}

fn command(trial: &Trial, subcommand: &str) -> Command {
    let mut command = trial.site.command();
    command.arg(subcommand);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// What counts a program's calls from within it.
fn killer() -> &'static Path {
    static KILLER: OnceLock<PathBuf> = OnceLock::new();
    KILLER.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mail_crashes/killer.c");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let built = folder.join(format!("killer-{}.so", process::id()));
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-Wall", "-Werror", "-o"]);
        let status = compiler.arg(&built).arg(source).status();
        assert!(status.expect("a C compiler").success());
        let killer = folder.join("killer.so");
        fs::rename(built, &killer).unwrap();
        killer
    })
}
