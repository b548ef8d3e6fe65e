//! `[scan]`: when the deposit is scanned, and how much of the machine that may take.

use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::time::Duration;

use super::problem::Complaint;
use super::raw::RawScan;
use super::reading::Reading;
use super::{byte_size, duration, read_rate};

const INTERVAL: Duration = Duration::from_mins(1);

const STALL_TIMEOUT: Duration = Duration::from_mins(1);

const FULL_SWEEP_EVERY: NonZeroU32 = NonZeroU32::new(60).unwrap();

const REPORTS_PER_AGENT: NonZeroUsize = NonZeroUsize::new(500).unwrap();

const REPORT_BYTES_PER_AGENT: u64 = 4 << 20;

/// More than any machine has.
const MOST_CORES: usize = 1024;

/// When the deposit is scanned, and how much of the machine that may take.
#[derive(Debug, Clone)]
pub struct ScanConfig {
    /// The longest time between the starts of two cycles.
    pub interval: Duration,
    /// Whether a report that arrives is taken before the interval is over, where the system tells of it.
    pub watch: bool,
    /// On how many cores staged files are hashed at once; on all of them when `None`.
    pub cores: Option<NonZeroUsize>,
    /// How many bytes of staged files are read in a second, at most; any number when `None`.
    pub max_read_rate: Option<NonZeroU64>,
    /// How many reports of one agent are read in a cycle.
    pub reports_per_agent: NonZeroUsize,
    /// How many bytes of them, the last report on top.
    pub report_bytes_per_agent: u64,
    /// How long a folder may not answer before its agent is passed over.
    pub stall_timeout: Duration,
    /// Each cycle of so many lists every agent's folder, changed or not.
    pub full_sweep_every: NonZeroU32,
}

pub fn read(raw: &RawScan, reading: &mut Reading) -> ScanConfig {
    let interval = raw.interval.as_deref();
    let stall_timeout = raw.stall_timeout.as_deref();
    ScanConfig {
        interval: reading
            .parse("scan.interval", interval, duration::positive)
            .unwrap_or(INTERVAL),
        watch: raw.watch.unwrap_or(true),
        cores: raw
            .cores
            .and_then(|number| reading.accept("scan.cores", cores(number))),
        max_read_rate: raw
            .max_read_rate
            .as_ref()
            .and_then(|rate| reading.accept("scan.max_read_rate", read_rate::read(rate))),
        reports_per_agent: raw
            .reports_per_agent
            .and_then(|number| reading.accept("scan.reports_per_agent", reports(number)))
            .unwrap_or(REPORTS_PER_AGENT),
        report_bytes_per_agent: raw
            .report_bytes_per_agent
            .as_ref()
            .and_then(|size| reading.accept("scan.report_bytes_per_agent", byte_size::read(size)))
            .unwrap_or(REPORT_BYTES_PER_AGENT),
        stall_timeout: reading
            .parse("scan.stall_timeout", stall_timeout, duration::positive)
            .unwrap_or(STALL_TIMEOUT),
        full_sweep_every: raw
            .full_sweep_every
            .and_then(|number| reading.accept("scan.full_sweep_every", cycles(number)))
            .unwrap_or(FULL_SWEEP_EVERY),
    }
}

fn cores(number: i64) -> Result<NonZeroUsize, Complaint> {
    let cores = usize::try_from(number).ok().and_then(NonZeroUsize::new);
    cores
        .filter(|cores| cores.get() <= MOST_CORES)
        .ok_or_else(|| {
            let remedy =
                format!("write a number from 1 to {MOST_CORES}, or leave the key out for all");
            Complaint::new(format!("is {number}"), remedy)
        })
}

fn reports(number: i64) -> Result<NonZeroUsize, Complaint> {
    let reports = usize::try_from(number).ok().and_then(NonZeroUsize::new);
    reports.ok_or_else(|| {
        Complaint::new(
            format!("is {number}"),
            "write a number of reports from 1 on",
        )
    })
}

fn cycles(number: i64) -> Result<NonZeroU32, Complaint> {
    let cycles = u32::try_from(number).ok().and_then(NonZeroU32::new);
    cycles.ok_or_else(|| {
        let remedy = "write a number of cycles from 1 on, of which 1 means every cycle";
        Complaint::new(format!("is {number}"), remedy)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{config, problems};

    #[test]
    fn a_scan_takes_what_the_machine_has_unless_told_otherwise() {
        let scan = config("").scan;
        assert_eq!(scan.interval, Duration::from_mins(1));
        assert!(scan.watch);
        assert_eq!(scan.cores, None);
        assert_eq!(scan.max_read_rate, None);
        assert_eq!(scan.stall_timeout, Duration::from_mins(1));
        assert_eq!(scan.full_sweep_every.get(), 60);
    }

    #[test]
    fn each_value_can_be_given() {
        let text = "
[scan]
interval = '5m'
watch = false
reports_per_agent = 20
report_bytes_per_agent = '1MiB'
cores = 2
max_read_rate = '200MiB'
stall_timeout = '30s'
full_sweep_every = 1
";
        let scan = config(text).scan;
        assert_eq!(scan.interval, Duration::from_mins(5));
        assert!(!scan.watch);
        assert_eq!(scan.reports_per_agent.get(), 20);
        assert_eq!(scan.report_bytes_per_agent, 1 << 20);
        assert_eq!(scan.cores, NonZeroUsize::new(2));
        assert_eq!(scan.max_read_rate, NonZeroU64::new(200 << 20));
        assert_eq!(scan.stall_timeout, Duration::from_secs(30));
        assert_eq!(scan.full_sweep_every.get(), 1);
    }

    #[test]
    fn a_wrong_value_says_what_to_write() {
        let cases = [
            (
                "interval = '0s'",
                "vigie.toml:2: scan.interval is zero; give a longer time",
            ),
            (
                "watch = 'yes'",
                "vigie.toml:2: scan.watch is a string; write true or false",
            ),
            (
                "cores = 0",
                "vigie.toml:2: scan.cores is 0; write a number from 1 to 1024, or leave the key out \
                 for all",
            ),
            (
                "cores = 4096",
                "vigie.toml:2: scan.cores is 4096; write a number from 1 to 1024, or leave the key \
                 out for all",
            ),
            (
                "cores = 'all'",
                "vigie.toml:2: scan.cores is a string; write a whole number, without quotes",
            ),
            (
                "max_read_rate = 51200",
                "vigie.toml:2: scan.max_read_rate is 51200, which could be bytes or KiB a second; \
                 write the unit too, such as \"50MB/s\" or \"200MiB/s\"",
            ),
            (
                "max_read_rate = true",
                "vigie.toml:2: scan.max_read_rate is a boolean; write a string such as \"50MB/s\"",
            ),
            (
                "reports_per_agent = 0",
                "vigie.toml:2: scan.reports_per_agent is 0; write a number of reports from 1 on",
            ),
            (
                "report_bytes_per_agent = 0",
                "vigie.toml:2: scan.report_bytes_per_agent is zero; give a number of bytes above zero",
            ),
            (
                "stall_timeout = '0s'",
                "vigie.toml:2: scan.stall_timeout is zero; give a longer time",
            ),
            (
                "full_sweep_every = 0",
                "vigie.toml:2: scan.full_sweep_every is 0; write a number of cycles from 1 on, of \
                 which 1 means every cycle",
            ),
            (
                "full_sweep_every = '1h'",
                "vigie.toml:2: scan.full_sweep_every is a string; write a whole number, without \
                 quotes",
            ),
            (
                "max_reed_rate = '50MB'",
                "vigie.toml:2: scan.max_reed_rate is no known key; did you mean scan.max_read_rate?",
            ),
        ];
        for (line, problem) in cases {
            assert_eq!(problems(&format!("scan.{line}")), [problem]);
        }
    }
}
