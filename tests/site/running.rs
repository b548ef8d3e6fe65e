use std::fs::{self, File};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use super::Site;

/// `vigie run` at a site, ended with this value.
pub struct Running {
    pub site: Site,
    process: Process,
}

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    /// Starts, and waits for the first cycle.
    pub fn start(site: Site) -> Self {
        Self::start_with(site, &[])
    }

    /// The same, with more arguments.
    pub fn start_with(site: Site, arguments: &[&str]) -> Self {
        let mut run = site.command();
        run.arg("run").args(arguments);
        Self::start_by(site, run)
    }

    /// The same, started by this command.
    pub fn start_by(site: Site, mut run: Command) -> Self {
        let log = File::create(site.path("log")).unwrap();
        let process = Process(run.stderr(log).spawn().unwrap());
        let running = Self { site, process };
        running.wait_for("cycle done", 1);
        running
    }

    /// Waits until something is so, for not too long.
    #[track_caller]
    pub fn wait_until(&self, what: &str, is_done: impl Fn() -> bool) {
        let started = Instant::now();
        while !is_done() {
            let log = self.log();
            assert!(
                started.elapsed() < Duration::from_secs(30),
                "{what} did not happen:\n{log}"
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until something was logged so many times.
    #[track_caller]
    pub fn wait_for(&self, words: &str, times: usize) {
        self.wait_until(words, || self.log().matches(words).count() >= times);
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.site.path("log")).unwrap()
    }

    pub fn hang_up(&self) {
        self.signal("HUP");
    }

    /// Tells it to stop, and gives the site once it has.
    pub fn stop(mut self) -> Site {
        self.signal("TERM");
        assert!(self.process.0.wait().unwrap().success());
        self.site
    }

    fn signal(&self, name: &str) {
        let mut kill = Command::new("sh");
        kill.args(["-c", "kill -$1 $0"])
            .args([self.process.0.id().to_string(), name.to_owned()]);
        assert!(kill.status().unwrap().success());
    }

    pub fn edit_config(&self, from: &str, to: &str) {
        let path = self.site.path("vigie.toml");
        let config = fs::read_to_string(&path).unwrap();
        assert!(config.contains(from));
        fs::write(path, config.replace(from, to)).unwrap();
    }
}
