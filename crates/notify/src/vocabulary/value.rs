//! Helpers that put one value in words. Know no layout.

use std::sync::Arc;

use handlebars::{
    Context, Handlebars, Helper, HelperDef, JsonValue, RenderContext, RenderError,
    RenderErrorReason, ScopedJson,
};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::{is_nothing, present, present_at};
use crate::wording::{Wording, short_hash};

pub(super) fn register(registry: &mut Handlebars<'static>, wording: &Arc<Wording>) {
    let mut value = |name: &'static str, write: ValueWriter| {
        let wording = wording.clone();
        let helper = ValueHelper {
            name,
            wording,
            write,
        };
        registry.register_helper(name, Box::new(helper));
    };
    value("date", |wording, value, _| {
        Some(wording.date(&instant(value)?))
    });
    value("time", |_, value, _| {
        Some(instant(value)?.strftime("%H:%M").to_string())
    });
    value("relative", |wording, value, context| {
        let now = instant(context.get("now")?)?;
        Some(wording.relative(&instant(value)?, &now))
    });
    value("duration", |wording, value, _| {
        Some(wording.duration(value.as_u64()?))
    });
    value("bytes", |wording, value, _| {
        Some(wording.bytes(value.as_u64()?))
    });
    value("short_hash", |_, value, _| {
        Some(short_hash(value.as_str()?))
    });
    value("status_name", |wording, value, _| {
        Some(wording.status(value.as_str()?)?.to_owned())
    });
    value("upper", |_, value, _| Some(value.as_str()?.to_uppercase()));
    registry.register_helper("default", Box::new(DefaultHelper));
}

/// Puts a value in words, knowing the mail's context; `None` when it is not of the type that the
/// helper takes.
type ValueWriter = fn(&Wording, &JsonValue, &JsonValue) -> Option<String>;

/// Writes one value in words.
struct ValueHelper {
    name: &'static str,
    wording: Arc<Wording>,
    write: ValueWriter,
}

impl HelperDef for ValueHelper {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        context: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        let value = present(helper, self.name)?;
        let words = if value.is_null() {
            let default = helper
                .hash_get("default")
                .and_then(|text| text.value().as_str());
            default.unwrap_or("-").to_owned()
        } else {
            (self.write)(&self.wording, value, context.data()).ok_or_else(|| {
                RenderErrorReason::Other(format!("`{}` can't write the value {value}", self.name))
            })?
        };
        Ok(ScopedJson::Derived(words.into()))
    }
}

/// Writes a value, or a text in its place when there is nothing to write.
struct DefaultHelper;

impl HelperDef for DefaultHelper {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        let value = present(helper, "default")?;
        let instead = present_at(helper, "default", 1)?;
        let chosen = if is_nothing(value) { instead } else { value };
        Ok(ScopedJson::Derived(chosen.clone()))
    }
}

pub(super) fn instant(value: &JsonValue) -> Option<Zoned> {
    let text = value.as_str()?;
    let in_utc = || {
        text.parse::<Timestamp>()
            .ok()
            .map(|at| at.to_zoned(TimeZone::UTC))
    };
    text.parse().ok().or_else(in_utc)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn render(template: &str, context: &JsonValue) -> Result<String, RenderError> {
        let english = include_str!("../../templates/en/wording.toml");
        let mut registry = Handlebars::new();
        registry.set_strict_mode(true);
        register(&mut registry, &Arc::new(Wording::read(&[english]).unwrap()));
        registry.render_template(template, context)
    }

    #[test]
    fn a_value_is_written_in_words_and_an_absent_one_by_its_default() {
        let context = json!({
            "now": "2025-06-20T10:37:35Z",
            "at": "2025-06-20T09:37:35+01:00[Africa/Douala]",
            "size": 0,
            "no": null,
            "blank": " ",
            "state": "HASH_MISMATCH",
        });
        for (template, written) in [
            ("{{date at}}", "Fri 20 Jun 2025, 09:37:35 WAT (UTC+01:00)"),
            ("{{relative at}}", "2 h ago"),
            ("{{time at}}", "09:37"),
            (r#"{{bytes size default="none"}}"#, "0 bytes"),
            (r#"{{bytes no default="none"}} {{date no}}"#, "none -"),
            (r#"{{default no "unknown"}}"#, "unknown"),
            (r#"{{default blank "unknown"}}"#, "unknown"),
            ("{{default blank state}}", "HASH_MISMATCH"),
            ("{{status_name state}}", "different content"),
            ("{{upper (status_name state)}}", "DIFFERENT CONTENT"),
        ] {
            assert_eq!(render(template, &context).unwrap(), written, "{template}");
        }
    }

    #[test]
    fn a_misspelt_variable_or_a_value_of_another_type_is_an_error() {
        let context = json!({"at": "2025-06-20T08:37:35Z"});
        for template in [
            "{{date att}}",
            r#"{{default att "x"}}"#,
            "{{default at}}",
            "{{default at att}}",
            "{{date}}",
            "{{duration at}}",
            "{{status_name at}}",
        ] {
            assert!(render(template, &context).is_err(), "{template}");
        }
    }
}
