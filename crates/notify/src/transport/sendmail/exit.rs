//! What the exit status of a command says of a mail. The numbers are those of `sysexits.h`, and of a
//! shell that could not run what it should. Knows no command.

use std::process::ExitStatus;

/// What an exit status other than 0 means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// This mail will never be taken.
    Refused,
    /// This mail was not taken now.
    Temporary,
    /// No mail will be taken before somebody puts it right.
    Unusable,
}

/// What the status `code` means; there is none when a signal ended the command.
///
/// In doubt a status is about one mail and passes. Programs use most numbers for both: msmtp ends
/// with 65 when a server refuses the recipient and when it refuses the sender, with 69 when a server
/// has it wait or takes it for spam, and with 68 when its own server's name can't be looked up. To
/// try a mail again that nobody will ever take costs a process; to drop one that would have been
/// taken, or to hold all others up behind it, costs an alert. So a mail is dropped only when the
/// status can't mean anything else, and others are held up only by what can't be about one mail.
pub(super) fn meaning_of(code: Option<i32>) -> Meaning {
    match code {
        Some(EX_NOUSER) => Meaning::Refused,
        Some(EX_USAGE | EX_OSERR | EX_OSFILE | EX_NOPERM | EX_CONFIG | NOT_RUN | NOT_FOUND) => {
            Meaning::Unusable
        }
        _ => Meaning::Temporary,
    }
}

/// An exit status as people are told it.
pub(super) fn words_of(status: ExitStatus) -> String {
    let Some(code) = status.code() else {
        return format!("it was ended by a {status}");
    };
    match NAMES.iter().find(|(known, _)| *known == code) {
        Some((_, name)) => format!("exit status {code} ({name})"),
        None => format!("exit status {code}"),
    }
}

const EX_USAGE: i32 = 64;
const EX_NOUSER: i32 = 67;
const EX_OSERR: i32 = 71;
const EX_OSFILE: i32 = 72;
const EX_NOPERM: i32 = 77;
const EX_CONFIG: i32 = 78;
/// A shell found what it was to run, and could not run it.
const NOT_RUN: i32 = 126;
/// A shell did not find what it was to run.
const NOT_FOUND: i32 = 127;

const NAMES: [(i32, &str); 17] = [
    (EX_USAGE, "EX_USAGE, wrong arguments"),
    (65, "EX_DATAERR, wrong content or address"),
    (66, "EX_NOINPUT, no input"),
    (EX_NOUSER, "EX_NOUSER, no such recipient"),
    (68, "EX_NOHOST, no such host"),
    (69, "EX_UNAVAILABLE, not to be had now"),
    (70, "EX_SOFTWARE, an error of its own"),
    (EX_OSERR, "EX_OSERR, an error of the system"),
    (EX_OSFILE, "EX_OSFILE, a file of the system is missing"),
    (73, "EX_CANTCREAT, a file can't be made"),
    (74, "EX_IOERR, an input or output error"),
    (75, "EX_TEMPFAIL, try again later"),
    (76, "EX_PROTOCOL, an error of the other side"),
    (EX_NOPERM, "EX_NOPERM, not allowed"),
    (EX_CONFIG, "EX_CONFIG, wrong configuration"),
    (NOT_RUN, "it could not be run"),
    (NOT_FOUND, "a command was not found"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_missing_recipient_is_for_good_and_only_what_is_about_no_mail_stops_all() {
        let of = |wanted: Meaning| -> Vec<i32> {
            (1..=255)
                .filter(|&code| meaning_of(Some(code)) == wanted)
                .collect()
        };
        assert_eq!(of(Meaning::Refused), [67]);
        assert_eq!(of(Meaning::Unusable), [64, 71, 72, 77, 78, 126, 127]);
        assert_eq!(of(Meaning::Temporary).len(), 255 - 8);
        assert_eq!(meaning_of(None), Meaning::Temporary);
    }

    #[cfg(unix)]
    #[test]
    fn a_status_is_told_by_its_number_and_its_name() {
        use std::os::unix::process::ExitStatusExt as _;
        for (raw, told) in [
            (75 << 8, "exit status 75 (EX_TEMPFAIL, try again later)"),
            (1 << 8, "exit status 1"),
            (9, "it was ended by a signal: 9 (SIGKILL)"),
        ] {
            assert_eq!(words_of(ExitStatus::from_raw(raw)), told);
        }
    }
}
