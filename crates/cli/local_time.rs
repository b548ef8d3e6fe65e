//! Instants as people read them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// What clocks of a time zone show, to the minute.
pub fn local_time(instant: Timestamp, zone: &TimeZone) -> String {
    let shown = instant.to_zoned(zone.clone());
    shown.strftime("%Y-%m-%d %H:%M %Z").to_string()
}
