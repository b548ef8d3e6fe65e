//! The helpers that templates can call. Knows no mail and no sentence.
//!
//! | helper | what it writes |
//! | --- | --- |
//! | `{{date at}}` | an instant, with its time zone |
//! | `{{duration seconds}}` | a duration in its two largest units |
//! | `{{bytes size}}` | a size, as people say it and exact |
//! | `{{short_hash digest}}` | the first digits of a digest |
//! | `{{or_else value "text"}}` | the value, or the text when it is null or empty |
//! | `{{pad text 12}}` | the text, filled up with spaces to a width |
//! | `{{quote text}}` | text from outside: in the text part each line is marked, so that none can pass for a line of the mail |
//! | `{{#wrap lead="Reason  "}}…{{/wrap}}` | in the text part, prose broken into short lines behind a lead |
//! | `{{#step 1}}…{{/step}}` | one step of a list of things to do |
//!
//! The first four take `default="text"` for a value that is null. A value that does not exist at
//! all, which is one that is misspelt, is an error.

use handlebars::{
    Context, Handlebars, Helper, HelperDef, HelperResult, JsonValue, Output, RenderContext,
    RenderError, RenderErrorReason, Renderable, ScopedJson, StringOutput,
};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::{Locale, wording};

/// The longest line of prose in the text part.
const LINE: usize = 76;

/// How much of a quoted line fits behind its mark.
const QUOTED_LINE: usize = 72;

/// Which part of a mail a template writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// HTML: values are escaped, lines are broken by the reader's program.
    Html,
    /// Plain text: values are as they are, lines are broken here.
    Text,
}

/// Makes the helpers known to the templates of one language and one part.
pub(crate) fn register(registry: &mut Handlebars<'static>, locale: Locale, format: Format) {
    let mut value = |name: &'static str, write: ValueWriter| {
        registry.register_helper(
            name,
            Box::new(ValueHelper {
                name,
                locale,
                write,
            }),
        );
    };
    value("date", |_, value| {
        instant(value).map(|at| wording::date(&at))
    });
    value("duration", |locale, value| {
        Some(wording::duration(locale, value.as_u64()?))
    });
    value("bytes", |locale, value| {
        Some(wording::bytes(locale, value.as_u64()?))
    });
    value("short_hash", |_, value| {
        Some(wording::short_hash(value.as_str()?))
    });
    registry.register_helper("or_else", Box::new(OrElseHelper));
    registry.register_helper("pad", Box::new(PadHelper));
    registry.register_helper("quote", Box::new(QuoteHelper(format)));
    registry.register_helper("wrap", Box::new(WrapHelper(format)));
    registry.register_helper("step", Box::new(StepHelper(format)));
}

/// Puts a value in words; `None` when it is not of the type that the helper takes.
type ValueWriter = fn(Locale, &JsonValue) -> Option<String>;

/// Writes one value in words.
struct ValueHelper {
    name: &'static str,
    locale: Locale,
    write: ValueWriter,
}

impl HelperDef for ValueHelper {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        let value = present(helper, self.name)?;
        let words = if value.is_null() {
            let default = helper
                .hash_get("default")
                .and_then(|text| text.value().as_str());
            default.unwrap_or("-").to_owned()
        } else {
            (self.write)(self.locale, value).ok_or_else(|| {
                RenderErrorReason::Other(format!("`{}` can't write the value {value}", self.name))
            })?
        };
        Ok(ScopedJson::Derived(words.into()))
    }
}

/// Writes a value, or a text in its place when there is nothing to write.
struct OrElseHelper;

impl HelperDef for OrElseHelper {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        let value = present(helper, "or_else")?;
        let is_nothing =
            value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty());
        let chosen = if is_nothing {
            let default = helper.param(1);
            default
                .ok_or(RenderErrorReason::ParamNotFoundForIndex("or_else", 1))?
                .value()
        } else {
            value
        };
        Ok(ScopedJson::Derived(chosen.clone()))
    }
}

/// Fills a text up with spaces to a width.
struct PadHelper;

impl HelperDef for PadHelper {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        let text = present(helper, "pad")?.as_str().unwrap_or_default();
        let width = helper
            .param(1)
            .and_then(|width| usize::try_from(width.value().as_u64()?).ok())
            .ok_or(RenderErrorReason::ParamNotFoundForIndex("pad", 1))?;
        Ok(ScopedJson::Derived(format!("{text:width$}").into()))
    }
}

/// Writes text from outside so that none of its lines can pass for a line of the mail.
struct QuoteHelper(Format);

impl HelperDef for QuoteHelper {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        let text = present(helper, "quote")?.as_str().unwrap_or_default();
        let quoted = match self.0 {
            Format::Html => text.to_owned(),
            Format::Text => quote(text),
        };
        Ok(ScopedJson::Derived(quoted.into()))
    }
}

/// Breaks prose into short lines.
struct WrapHelper(Format);

impl HelperDef for WrapHelper {
    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        registry: &'reg Handlebars<'reg>,
        context: &'rc Context,
        render_context: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        let prose = inner(helper, registry, context, render_context)?;
        let lead = helper
            .hash_get("lead")
            .and_then(|lead| lead.value().as_str());
        match self.0 {
            Format::Html => out.write(prose.trim())?,
            Format::Text => out.write(&wrap(lead.unwrap_or_default(), &prose))?,
        }
        out.write("\n")?;
        Ok(())
    }
}

/// Writes one step of a list of things to do.
struct StepHelper(Format);

impl HelperDef for StepHelper {
    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        registry: &'reg Handlebars<'reg>,
        context: &'rc Context,
        render_context: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        let number = present(helper, "step")?.to_string();
        let prose = inner(helper, registry, context, render_context)?;
        match self.0 {
            Format::Html => writeln_to(
                out,
                &format!("<li style=\"margin:0 0 6px\">{}</li>", prose.trim()),
            ),
            Format::Text => writeln_to(out, &wrap(&format!("  {number}. "), &prose)),
        }
    }
}

fn writeln_to(out: &mut dyn Output, text: &str) -> HelperResult {
    out.write(text)?;
    out.write("\n")?;
    Ok(())
}

/// The helper's first argument, which must exist although it may be null.
fn present<'helper>(
    helper: &'helper Helper<'_>,
    name: &'static str,
) -> Result<&'helper JsonValue, RenderError> {
    let argument = helper
        .param(0)
        .ok_or(RenderErrorReason::ParamNotFoundForIndex(name, 0))?;
    if argument.is_value_missing() {
        let variable = argument.relative_path().cloned();
        return Err(RenderErrorReason::MissingVariable(variable).into());
    }
    Ok(argument.value())
}

/// What stands within a block helper, rendered.
fn inner<'reg: 'rc, 'rc>(
    helper: &Helper<'rc>,
    registry: &'reg Handlebars<'reg>,
    context: &'rc Context,
    render_context: &mut RenderContext<'reg, 'rc>,
) -> Result<String, RenderError> {
    let mut rendered = StringOutput::new();
    if let Some(template) = helper.template() {
        template.render(registry, context, render_context, &mut rendered)?;
    }
    Ok(rendered.into_string().map_err(RenderErrorReason::from)?)
}

fn instant(value: &JsonValue) -> Option<Zoned> {
    let text = value.as_str()?;
    let in_utc = || {
        text.parse::<Timestamp>()
            .ok()
            .map(|at| at.to_zoned(TimeZone::UTC))
    };
    text.parse().ok().or_else(in_utc)
}

/// Prose in lines of at most [`LINE`] characters where its words allow, the first one behind
/// `lead`, the others indented by as much. Only plain spaces and line ends separate words, so that
/// what a no-break space joins stays together.
fn wrap(lead: &str, prose: &str) -> String {
    let margin = lead.chars().count();
    let mut wrapped = lead.to_owned();
    let mut column = margin;
    let mut is_line_empty = true;
    for word in prose.split([' ', '\n']).filter(|word| !word.is_empty()) {
        let width = word.chars().count();
        if !is_line_empty && column + 1 + width > LINE {
            wrapped.push('\n');
            wrapped.extend(std::iter::repeat_n(' ', margin));
            column = margin;
        } else if !is_line_empty {
            wrapped.push(' ');
            column += 1;
        }
        wrapped.push_str(word);
        column += width;
        is_line_empty = false;
    }
    wrapped
}

/// Each line behind a mark, those that are too long broken.
fn quote(text: &str) -> String {
    let mut quoted = Vec::new();
    for line in text.lines() {
        let mut rest = line;
        loop {
            let (head, tail) = broken(rest);
            quoted.push(format!("  | {head}"));
            if tail.is_empty() {
                break;
            }
            rest = tail;
        }
    }
    quoted.join("\n")
}

/// The line up to the last space that fits, or up to what fits of a word that is longer.
fn broken(line: &str) -> (&str, &str) {
    let Some((end, _)) = line.char_indices().nth(QUOTED_LINE) else {
        return (line, "");
    };
    match line[..end].rfind(' ') {
        Some(space) if space > 0 => (&line[..space], &line[space + 1..]),
        _ => line.split_at(end),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn render(format: Format, template: &str, context: &JsonValue) -> Result<String, RenderError> {
        let mut registry = Handlebars::new();
        registry.set_strict_mode(true);
        register(&mut registry, Locale::En, format);
        registry.render_template(template, context)
    }

    fn text(template: &str, context: &JsonValue) -> String {
        render(Format::Text, template, context).unwrap()
    }

    #[test]
    fn a_value_is_written_in_words_and_an_absent_one_by_its_default() {
        let context =
            json!({"at": "2025-06-20T09:37:35+01:00[Africa/Douala]", "size": 0, "no": null});
        assert_eq!(
            text("{{date at}}", &context),
            "2025-06-20 09:37:35 WAT (UTC+01:00)"
        );
        assert_eq!(
            text(r#"{{bytes size default="none"}}"#, &context),
            "0 bytes"
        );
        assert_eq!(
            text(r#"{{bytes no default="none"}} {{date no}}"#, &context),
            "none -"
        );
        assert_eq!(text(r#"{{or_else no "unknown"}}"#, &context), "unknown");
    }

    #[test]
    fn a_misspelt_variable_or_a_value_of_another_type_is_an_error() {
        let context = json!({"at": "2025-06-20T08:37:35Z"});
        for template in [
            "{{date att}}",
            r#"{{or_else att "x"}}"#,
            "{{quote att}}",
            "{{date}}",
            "{{duration at}}",
        ] {
            assert!(
                render(Format::Text, template, &context).is_err(),
                "{template}"
            );
        }
    }

    #[test]
    fn prose_is_broken_behind_its_lead_in_text_only() {
        let context = json!({"words": "word ".repeat(30)});
        let template = "{{#wrap lead=\"Reason  \"}}\n{{words}}\n{{/wrap}}\n";
        let wrapped = text(template, &context);
        assert!(wrapped.starts_with("Reason  word word"));
        assert!(
            wrapped
                .lines()
                .skip(1)
                .all(|line| line.starts_with("        word"))
        );
        assert!(wrapped.lines().all(|line| line.chars().count() <= LINE));
        let html = render(
            Format::Html,
            "{{#step 1}}\n{{words}}<\n{{/step}}\n",
            &json!({"words": "<b>"}),
        );
        assert_eq!(
            html.unwrap(),
            "<li style=\"margin:0 0 6px\">&lt;b&gt;<</li>\n"
        );
    }

    #[test]
    fn no_quoted_line_can_pass_for_a_line_of_the_mail() {
        let context = json!({"log": format!("all good\nWHAT TO DO\n\n{}", "x".repeat(100))});
        let quoted = text("{{quote log}}", &context);
        assert!(quoted.lines().all(|line| line.starts_with("  | ")));
        assert_eq!(quoted.lines().count(), 5);
    }

    proptest! {
        #[test]
        fn quoting_loses_nothing_and_no_line_is_too_long(text in "[ a-zé]{0,300}") {
            let quoted = quote(&text);
            prop_assert!(quoted.lines().all(|line| line.chars().count() <= QUOTED_LINE + 4));
            let letters = |text: &str| text.replace([' ', '|', '\n'], "");
            prop_assert_eq!(letters(&quoted), letters(&text));
        }
    }
}
