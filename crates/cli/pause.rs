//! A pause of a job, told to people.

use vigie_domain::Pause;

use crate::printable::printable;

/// Until when, by whom, and why.
pub fn pause_in_words(pause: &Pause) -> String {
    let mut told = match pause.until {
        Some(until) => format!("until {}", until.strftime("%Y-%m-%d %H:%M UTC")),
        None => "until resumed".to_owned(),
    };
    if let Some(by) = &pause.by {
        told = format!("{told}, by {}", printable(by));
    }
    if let Some(reason) = &pause.reason {
        told = format!("{told}: {}", printable(reason));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_told_with_its_end_and_its_reason() {
        let mut pause = Pause {
            since: "2025-06-19T00:00:00Z".parse().unwrap(),
            until: None,
            by: None,
            reason: None,
        };
        assert_eq!(pause_in_words(&pause), "until resumed");
        pause.until = "2025-06-23T06:00:00Z".parse().ok();
        pause.by = Some("Ngono".to_owned());
        pause.reason = Some("the site\nmoves".to_owned());
        assert_eq!(
            pause_in_words(&pause),
            "until 2025-06-23 06:00 UTC, by Ngono: the site\u{FFFD}moves"
        );
    }
}
