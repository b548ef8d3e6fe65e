//! The fields of what is logged, made harmless: names and errors in them come from agents, and none may
//! begin a line of its own, move the cursor or turn the text around it. Knows no event.

use std::fmt::{self, Debug};

use tracing::field::Field;
use tracing_subscriber::fmt::format::Writer;

use crate::printable::printable;

/// Stands before each further line of what is one value.
const CONTINUED: &str = "\n    ";

/// Writes one field, the message without its name.
pub fn write_field(writer: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> fmt::Result {
    let value = harmless(&format!("{value:?}"));
    match field.name() {
        "message" => writer.write_str(&value),
        // In italics, as the subscriber itself would.
        name if writer.has_ansi_escapes() => write!(writer, "\u{1b}[3m{name}\u{1b}[0m={value}"),
        name => write!(writer, "{name}={value}"),
    }
}

fn harmless(value: &str) -> String {
    let lines: Vec<String> = value.split('\n').map(printable).collect();
    lines.join(CONTINUED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_several_lines_is_told_from_several_events() {
        assert_eq!(
            harmless("A\nWARN all is well\r\u{202e}\u{1b}[2J\u{85} É"),
            "A\n    WARN all is well\u{FFFD}\u{FFFD}\u{FFFD}[2J\u{FFFD} É"
        );
    }
}
