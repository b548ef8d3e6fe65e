//! System calls of the program that do not return, until they are let go.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::sync::OnceLock;

use crate::site::Site;

/// What hangs.
#[derive(Clone, Copy)]
pub struct Hang {
    /// The names of system calls, with commas between them.
    pub calls: &'static str,
    /// The path that they are about, below the site's folder; with a star at its end all that begin so.
    pub path: &'static str,
    /// Which of them is the first that hangs.
    pub from: u32,
}

impl Hang {
    /// The program, with these arguments, at a place where this hangs.
    pub fn command(self, site: &Site, arguments: &[&str]) -> Command {
        let vigie = site.command();
        let mut command = Command::new(hanging());
        command
            .env_clear()
            .current_dir(site.path(""))
            .arg(self.calls)
            .arg(site.path(self.path))
            .arg(self.from.to_string())
            .arg(site.path("let-go"))
            .arg(vigie.get_program())
            .args(vigie.get_args())
            .args(arguments);
        command
    }

    /// Has all that hangs at a site return, and nothing hang any more.
    pub fn let_go(site: &Site) {
        fs::write(site.path("let-go"), "").unwrap();
    }
}

/// The program that has calls hang, built once.
fn hanging() -> &'static Path {
    static HANG: OnceLock<PathBuf> = OnceLock::new();
    HANG.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stalls/hang.c");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let built = folder.join(format!("hang-{}", process::id()));
        let mut compiler = Command::new("cc");
        compiler.args(["-Wall", "-Wextra", "-Werror", "-o"]);
        let status = compiler.arg(&built).arg(source).status();
        assert!(status.expect("a C compiler").success());
        built
    })
}
