//! Reads of a report's JSON what somebody asks for, and keeps nothing of the rest, however much it is.
//! Stops where a limit is passed. Knows which fields there are and not what they mean.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::limits::ReportLimits;

const OF_REPORT: [&str; 5] = [
    "agent_id",
    "operation_start_time",
    "operation_end_time",
    "overall_status",
    "logs_summary",
];
const DATABASES: &str = "databases";
const STAGES: [&str; 3] = ["BACKUP", "COMPRESS", "TRANSFER"];
const OF_SECTION: [&str; 2] = ["staged_file_name", "logs_summary"];
const OF_STAGE: [&str; 13] = [
    "status",
    "start_time",
    "end_time",
    "error_message",
    "message",
    "error",
    "size",
    "sha256",
    "sha256_checksum",
    "attempts",
    "attempt_count",
    "retries",
    "retry_count",
];

/// Which limit a report passes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Passed {
    Depth,
    /// It names so many databases.
    Databases(usize),
    /// The name of this database, of which this is the start, has so many bytes.
    Name(String, usize),
}

/// Why a text gives no value.
#[derive(Debug)]
pub(super) enum Unread {
    Json(serde_json::Error),
    Passed(Passed),
}

/// What the text holds of a report. Objects and arrays in places where a report has none are there, and
/// empty; the lines of a text are one.
pub(super) fn kept(json: &str, limits: &ReportLimits) -> Result<Value, Unread> {
    let walk = Walk {
        limits,
        passed: RefCell::default(),
    };
    let seed = Seed {
        walk: &walk,
        place: Place::Report,
        depth: 0,
    };
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let read = seed.deserialize(&mut deserializer);
    let read = read.and_then(|value| deserializer.end().map(|()| value));
    match walk.passed.into_inner() {
        Some(passed) => Err(Unread::Passed(passed)),
        None => read.map_err(Unread::Json),
    }
}

struct Walk<'a> {
    limits: &'a ReportLimits,
    passed: RefCell<Option<Passed>>,
}

/// Where in a report a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Report,
    Databases,
    Section,
    Stage,
    Field,
    Line,
    /// Nobody asks for it.
    Nowhere,
}

impl Place {
    /// Where the value of this key stands, and whether the key is spelled as it should be.
    fn below(self, key: &str) -> (Self, bool) {
        let one_of = |names: &[&str]| {
            let mut alike = names.iter().filter(|name| name.eq_ignore_ascii_case(key));
            alike.next().map(|name| *name == key)
        };
        let known: &[(Self, &[&str])] = match self {
            Self::Report => &[(Self::Field, &OF_REPORT), (Self::Databases, &[DATABASES])],
            Self::Databases => return (Self::Section, true),
            Self::Section => &[(Self::Stage, &STAGES), (Self::Field, &OF_SECTION)],
            Self::Stage => &[(Self::Field, &OF_STAGE)],
            Self::Field | Self::Line | Self::Nowhere => &[],
        };
        let mut found = known
            .iter()
            .filter_map(|(place, names)| Some((*place, one_of(names)?)));
        found.next().unwrap_or((Self::Nowhere, false))
    }
}

#[derive(Clone, Copy)]
struct Seed<'a> {
    walk: &'a Walk<'a>,
    place: Place,
    /// How many objects and arrays it lies in.
    depth: usize,
}

impl Seed<'_> {
    fn enter<E: serde::de::Error>(self) -> Result<usize, E> {
        let depth = self.depth + 1;
        let deepest = self.walk.limits.max_depth.min(ReportLimits::DEEPEST);
        if depth > deepest {
            return Err(self.pass(Passed::Depth));
        }
        Ok(depth)
    }

    fn pass<E: serde::de::Error>(self, limit: Passed) -> E {
        self.walk.passed.borrow_mut().get_or_insert(limit);
        E::custom("a limit is passed")
    }

    fn at(self, place: Place, depth: usize) -> Self {
        Self {
            place,
            depth,
            ..self
        }
    }

    /// What has to become of the value of a key in this object.
    fn place_of<E: serde::de::Error>(
        self,
        key: &str,
        object: &Map<String, Value>,
    ) -> Result<Place, E> {
        let limits = self.walk.limits;
        let (place, is_exact) = self.place.below(key);
        if self.place == Place::Databases {
            if key.len() > limits.max_name {
                let start = key.chars().take(60).collect();
                return Err(self.pass(Passed::Name(start, key.len())));
            }
            if object.len() >= limits.max_databases && !object.contains_key(key) {
                return Ok(Place::Nowhere);
            }
            return Ok(place);
        }
        // Of all the spellings of a field one is kept besides the right one.
        let is_kept_already = || object.keys().any(|kept| kept.eq_ignore_ascii_case(key));
        if !is_exact && is_kept_already() {
            return Ok(Place::Nowhere);
        }
        Ok(place)
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, boolean: bool) -> Result<Value, E> {
        Ok(Value::Bool(boolean))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(match self.place {
            Place::Nowhere => Value::Null,
            _ => Value::String(text.to_owned()),
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let depth = self.enter()?;
        let below = if self.place == Place::Field {
            Place::Line
        } else {
            Place::Nowhere
        };
        let mut text: Option<String> = None;
        while let Some(item) = items.next_element_seed(self.at(below, depth))? {
            let Value::String(line) = item else {
                continue;
            };
            match &mut text {
                None => text = Some(line),
                Some(text) => {
                    text.push('\n');
                    text.push_str(&line);
                }
            }
        }
        Ok(Value::Array(text.map(Value::String).into_iter().collect()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let depth = self.enter()?;
        let mut object = Map::new();
        let mut left_out = 0;
        loop {
            let key = Key {
                object: &object,
                of: self,
            };
            let Some((key, place)) = entries.next_key_seed(key)? else {
                break;
            };
            let value = entries.next_value_seed(self.at(place, depth))?;
            match key {
                Some(key) => drop(object.insert(key, value)),
                None => left_out += 1,
            }
        }
        if self.place == Place::Databases && left_out > 0 {
            return Err(self.pass(Passed::Databases(object.len() + left_out)));
        }
        Ok(Value::Object(object))
    }
}

/// A key, which is kept when its value is.
struct Key<'a> {
    object: &'a Map<String, Value>,
    of: Seed<'a>,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = (Option<String>, Place);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = (Option<String>, Place);

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<Self::Value, E> {
        let place = self.of.place_of(key, self.object)?;
        let is_kept = place != Place::Nowhere;
        Ok((is_kept.then(|| key.to_owned()), place))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(json: &str) -> Value {
        kept(json, &ReportLimits::default()).unwrap()
    }

    #[test]
    fn what_nobody_asks_for_is_not_kept() {
        let json = r#"{"agent_id": "A", "Databases": {"X": {
                "backup": {"STATUS": true, "size": [[1], {"a": 2}], "host": {"cpu": [1, 2]}},
                "staged_file_name": {"of": "no concern"}, "tables": ["a", "b"]
            }, "Y": "oops"}, "host": {"name": "a", "disks": [{}, {}]}}"#;
        assert_eq!(
            of(json),
            json!({"agent_id": "A", "Databases": {
                "X": {"backup": {"STATUS": true, "size": []}, "staged_file_name": {}},
                "Y": "oops",
            }})
        );
    }

    #[test]
    fn the_lines_of_a_text_are_one() {
        let json = r#"{"logs_summary": ["one", 2, "three", ["four"]]}"#;
        assert_eq!(of(json), json!({"logs_summary": ["one\nthree"]}));
    }

    #[test]
    fn of_many_spellings_of_a_field_the_right_one_and_one_other_are_kept() {
        let json = r#"{"AGENT_ID": 1, "Agent_id": 2, "agent_ID": 3, "agent_id": 4}"#;
        assert_eq!(of(json), json!({"AGENT_ID": 1, "agent_id": 4}));
    }

    #[test]
    fn depth_is_counted_wherever_it_is() {
        let limits = ReportLimits {
            max_depth: 5,
            ..ReportLimits::default()
        };
        let nested = |levels: usize| {
            let (open, close) = ("[".repeat(levels), "]".repeat(levels));
            [
                format!("{{\"x\": {open}{close}}}"),
                format!("{{\"logs_summary\": {open}{close}}}"),
                format!(
                    "{{\"x\": {}0{}}}",
                    "{\"a\":".repeat(levels),
                    "}".repeat(levels)
                ),
            ]
        };
        for json in nested(4) {
            assert!(kept(&json, &limits).is_ok(), "{json}");
        }
        for json in nested(5).iter().chain(&nested(1_000_000)) {
            let passed = kept(json, &limits).unwrap_err();
            assert!(matches!(passed, Unread::Passed(Passed::Depth)));
        }
        let quoted = format!("{{\"agent_id\": \"{}\"}}", "[{".repeat(1000));
        assert!(kept(&quoted, &limits).is_ok());
    }

    #[test]
    fn all_databases_are_counted_and_few_are_kept() {
        let limits = ReportLimits {
            max_databases: 2,
            ..ReportLimits::default()
        };
        let of = |names: &[&str]| {
            let sections: Vec<_> = names
                .iter()
                .map(|name| format!("\"{name}\": {{}}"))
                .collect();
            kept(
                &format!("{{\"databases\": {{{}}}}}", sections.join(",")),
                &limits,
            )
        };
        assert!(of(&["X", "Y", "X", "X"]).is_ok());
        let passed = of(&["X", "Y", "Z", "W"]).unwrap_err();
        assert!(matches!(passed, Unread::Passed(Passed::Databases(4))));
    }
}
