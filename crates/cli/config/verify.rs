//! `[verify]`: how deep staged files are looked into, of all jobs or of one.

use std::num::NonZeroU64;

use vigie_domain::VerifyLevel;

use super::choice::one_of;
use super::problem::Complaint;
use super::raw::RawVerify;
use super::reading::Reading;

const MAX_EXPANSION: NonZeroU64 = NonZeroU64::new(1000).unwrap();

/// How deep staged files are looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifyConfig {
    /// What is so for all jobs that do not say otherwise.
    pub level: VerifyLevel,
    /// How many times its own size a file may decode to, and one GiB more.
    pub max_expansion: NonZeroU64,
}

pub fn read(raw: &RawVerify, reading: &mut Reading) -> VerifyConfig {
    VerifyConfig {
        level: reading
            .parse("verify.level", raw.level.as_deref(), level)
            .unwrap_or_default(),
        max_expansion: raw
            .max_expansion
            .and_then(|number| reading.accept("verify.max_expansion", times(number)))
            .unwrap_or(MAX_EXPANSION),
    }
}

pub fn level(text: &str) -> Result<VerifyLevel, Complaint> {
    one_of(text, &VerifyLevel::ALL.map(|level| (level.as_str(), level)))
}

fn times(number: i64) -> Result<NonZeroU64, Complaint> {
    let times = u64::try_from(number).ok().and_then(NonZeroU64::new);
    times.ok_or_else(|| {
        let remedy = "write how many times its size a file may decode to, such as 1000";
        Complaint::new(format!("is {number}"), remedy)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{config, problems};

    const JOB: &str = "[[jobs]]\nagent = 'A_B_C'\ndatabase = 'X'\n";

    #[test]
    fn what_is_recognised_is_looked_into_unless_told_otherwise() {
        let verify = config("").verify;
        assert_eq!(verify.level, VerifyLevel::Recognised);
        assert_eq!(verify.max_expansion.get(), 1000);
        let verify = config("[verify]\nlevel = 'hash'\nmax_expansion = 50000").verify;
        assert_eq!(verify.level, VerifyLevel::Hash);
        assert_eq!(verify.max_expansion.get(), 50_000);
    }

    #[test]
    fn a_job_says_what_differs_for_it() {
        let of_job = |text: &str| config(text).jobs[0].verify;
        assert_eq!(of_job(&format!("verify.level = 'decode'\n{JOB}")), None);
        for level in VerifyLevel::ALL {
            assert_eq!(of_job(&format!("{JOB}verify = '{level}'")), Some(level));
        }
    }

    #[test]
    fn a_wrong_value_says_what_to_write() {
        let words = "write \"recognised\", \"hash\", \"decode\" or \"content\"";
        let cases = [
            ("level = 'deep'", format!("level is \"deep\"; {words}")),
            (
                "max_expansion = 0",
                "max_expansion is 0; write how many times its size a file may decode to, such as \
                 1000"
                    .to_owned(),
            ),
            (
                "levle = 'hash'",
                "levle is no known key; did you mean verify.level?".to_owned(),
            ),
        ];
        for (line, problem) in cases {
            let expected = [format!("vigie.toml:2: verify.{problem}")];
            assert_eq!(problems(&format!("verify.{line}")), expected);
        }
        assert_eq!(
            problems(&format!("{JOB}verify = 'sha256'")),
            [format!(
                "vigie.toml:5: jobs[1].verify is \"sha256\"; {words}"
            )]
        );
    }
}
