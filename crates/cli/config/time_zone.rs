//! Time zones by their IANA names. Knows no key.

use jiff::tz::{TimeZone, db};

use super::nearest::nearest;
use super::problem::Complaint;

pub fn parse(name: &str) -> Result<TimeZone, Complaint> {
    TimeZone::get(name).map_err(|_| {
        let remedy = match meant(name) {
            Some(meant) => format!("did you mean {meant:?}?"),
            None => "write a name such as \"UTC\" or \"Africa/Douala\"".to_owned(),
        };
        Complaint::new(format!("is {name:?}, which is no IANA time zone"), remedy)
    })
}

/// The zone that a misspelt name, or the name of its city alone, stands for.
fn meant(name: &str) -> Option<String> {
    let zones: Vec<String> = db()
        .available()
        .map(|zone| zone.as_str().to_owned())
        .collect();
    let city = name.replace(' ', "_");
    zones
        .iter()
        .find(|zone| {
            let last = zone
                .rsplit_once('/')
                .map_or(zone.as_str(), |(_, last)| last);
            last.eq_ignore_ascii_case(&city)
        })
        .map(String::as_str)
        .or_else(|| nearest(name, zones.iter().map(String::as_str)))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_known_by_its_name() {
        for name in ["UTC", "Africa/Douala", "Europe/Paris"] {
            assert_eq!(parse(name).unwrap().iana_name(), Some(name));
        }
    }

    #[test]
    fn a_zone_that_is_not_known_says_which_was_meant() {
        let cases = [
            ("Douala", "did you mean \"Africa/Douala\"?"),
            ("Africa/Duala", "did you mean \"Africa/Douala\"?"),
            ("", "write a name such as \"UTC\" or \"Africa/Douala\""),
        ];
        for (name, remedy) in cases {
            let complaint = parse(name).unwrap_err();
            assert_eq!(
                complaint.what,
                format!("is {name:?}, which is no IANA time zone")
            );
            assert_eq!(complaint.remedy, remedy);
        }
    }
}
