//! Single values as agents really write them: nothing in five spellings, booleans and numbers as
//! strings, times with and without an offset. Knows no report.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Value;

/// Whether an agent means nothing by it.
pub(super) fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => {
            let text = text.trim();
            text.is_empty()
                || text.eq_ignore_ascii_case("null")
                || text.eq_ignore_ascii_case("none")
        }
        _ => false,
    }
}

/// The name of a value's JSON type, as part of a sentence.
pub(super) fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// A text of at most `longest` characters, or a list of texts as its lines. Anything else is taken for
/// nothing, as no decision hangs on it.
pub(super) fn text(value: &Value, longest: usize) -> Option<String> {
    match value {
        _ if is_nothing(value) => None,
        Value::String(text) => Some(cut(text.trim(), longest)),
        Value::Number(number) => Some(number.to_string()),
        Value::Array(lines) => {
            let lines: Vec<&str> = lines.iter().filter_map(Value::as_str).collect();
            (!lines.is_empty()).then(|| cut(lines.join("\n").trim(), longest))
        }
        _ => None,
    }
}

fn cut(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        None => text.to_owned(),
        Some((end, _)) => {
            let left_out = text[end..].chars().count();
            format!("{}… ({left_out} more characters)", &text[..end])
        }
    }
}

pub(super) fn boolean(value: &Value) -> Result<Option<bool>, String> {
    match value {
        _ if is_nothing(value) => Ok(None),
        Value::Bool(boolean) => Ok(Some(*boolean)),
        Value::String(text) if text.trim().eq_ignore_ascii_case("true") => Ok(Some(true)),
        Value::String(text) if text.trim().eq_ignore_ascii_case("false") => Ok(Some(false)),
        other => Err(format!("is {}, neither true nor false", shown(other))),
    }
}

pub(super) fn size(value: &Value) -> Result<Option<u64>, String> {
    let size = match value {
        _ if is_nothing(value) => return Ok(None),
        Value::Number(number) => number.as_u64().or_else(|| whole(number.as_f64()?)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    match size {
        Some(size) => Ok(Some(size)),
        None => Err(format!("is {}, no number of bytes", shown(value))),
    }
}

pub(super) fn count(value: &Value) -> Option<u64> {
    size(value).ok().flatten()
}

/// Some agents' JSON libraries write every number as a float.
fn whole(number: f64) -> Option<u64> {
    // Beyond 2^53 a float no longer tells one number of bytes from the next.
    let is_exact = number.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&number);
    is_exact
        .then(|| format!("{number:.0}").parse().ok())
        .flatten()
}

/// An instant, to the microsecond. A time without an offset is meant in `time_zone`.
pub(super) fn instant(value: &Value, time_zone: &TimeZone) -> Option<Timestamp> {
    let text = value.as_str()?.trim();
    let instant = text.parse::<Timestamp>().ok().or_else(|| {
        let naive: DateTime = text.parse().ok()?;
        time_zone.to_timestamp(naive).ok()
    })?;
    // Stores keep microseconds; what is compared must be what was kept.
    Timestamp::from_microsecond(instant.as_microsecond()).ok()
}

/// A value as part of a sentence, not longer than a reader can take.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) if text.chars().count() > 60 => {
            let start: String = text.chars().take(60).collect();
            format!("{start:?}…")
        }
        Value::String(text) => format!("{text:?}"),
        Value::Number(number) => number.to_string(),
        other => type_of(other).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_has_many_spellings() {
        for nothing in [
            json!(null),
            json!("null"),
            json!("None"),
            json!(""),
            json!(" NULL "),
        ] {
            assert!(is_nothing(&nothing), "{nothing}");
            assert_eq!(text(&nothing, 100), None);
            assert_eq!(boolean(&nothing), Ok(None));
            assert_eq!(size(&nothing), Ok(None));
        }
        assert!(!is_nothing(&json!(false)) && !is_nothing(&json!(0)));
    }

    #[test]
    fn a_text_may_come_as_its_lines() {
        let lines = json!(["tables dumped", "archive closed"]);
        assert_eq!(
            text(&lines, 100).as_deref(),
            Some("tables dumped\narchive closed")
        );
        assert_eq!(text(&json!([]), 100), None);
        assert_eq!(text(&json!({"lines": 2}), 100), None);
    }

    #[test]
    fn booleans_come_as_strings_too() {
        assert_eq!(boolean(&json!("True")), Ok(Some(true)));
        assert_eq!(boolean(&json!("False")), Ok(Some(false)));
        assert_eq!(boolean(&json!(false)), Ok(Some(false)));
        assert!(boolean(&json!("perhaps")).unwrap_err().contains("perhaps"));
        assert!(boolean(&json!(1)).is_err());
    }

    #[test]
    fn sizes_come_as_strings_and_floats_too() {
        assert_eq!(size(&json!("1048576")), Ok(Some(1_048_576)));
        assert_eq!(size(&json!(1_048_576.0)), Ok(Some(1_048_576)));
        assert_eq!(size(&json!(u64::MAX)), Ok(Some(u64::MAX)));
        for wrong in [
            json!(-1),
            json!(1.5),
            json!(1e300),
            json!("12 kB"),
            json!([1]),
        ] {
            assert!(size(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_time_without_an_offset_is_meant_in_the_agents_zone() {
        let douala = TimeZone::get("Africa/Douala").unwrap();
        let expected = Some("2025-06-20T07:37:35.142592Z".parse().unwrap());
        for naive in ["2025-06-20 08:37:35.142592", "2025-06-20T08:37:35.142592"] {
            assert_eq!(instant(&json!(naive), &douala), expected);
        }
        for exact in [
            "2025-06-20 07:37:35.142592+00:00",
            "2025-06-20T07:37:35.142592+0000",
            "2025-06-20T07:37:35.142592Z",
            "2025-06-20T09:37:35.142592+02:00",
        ] {
            assert_eq!(instant(&json!(exact), &douala), expected);
        }
        for wrong in [
            json!("yesterday"),
            json!("2025-13-01T00:00:00"),
            json!(1_750_000_000),
        ] {
            assert_eq!(instant(&wrong, &douala), None, "{wrong}");
        }
    }
}
