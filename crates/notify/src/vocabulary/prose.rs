//! Helpers that lay out text: prose in lines, quotes, steps, padding. Know no value's meaning.

use handlebars::{
    Context, Handlebars, Helper, HelperDef, HelperResult, Output, RenderContext, RenderError,
    RenderErrorReason, Renderable, ScopedJson, StringOutput,
};

use super::{Format, present};

/// The longest line of prose in the text part.
pub(super) const LINE: usize = 76;

/// How much of a quoted line fits behind its mark.
const QUOTED_LINE: usize = 72;

/// The widest that a text is filled up to: more would only be a slip.
const WIDEST: usize = 200;

pub(super) fn register(registry: &mut Handlebars<'static>, format: Format) {
    registry.register_helper("pad", Box::new(PadHelper));
    registry.register_helper("quote", Box::new(QuoteHelper(format)));
    registry.register_helper("wrap", Box::new(WrapHelper(format)));
    registry.register_helper("step", Box::new(StepHelper(format)));
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
            .ok_or(RenderErrorReason::ParamNotFoundForIndex("pad", 1))?
            .min(WIDEST);
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
    use handlebars::JsonValue;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn render(format: Format, template: &str, context: &JsonValue) -> String {
        let mut registry = Handlebars::new();
        registry.set_strict_mode(true);
        register(&mut registry, format);
        registry.render_template(template, context).unwrap()
    }

    #[test]
    fn prose_is_broken_behind_its_lead_in_text_only() {
        let context = json!({"words": "word ".repeat(30)});
        let template = "{{#wrap lead=\"Reason  \"}}\n{{words}}\n{{/wrap}}\n";
        let wrapped = render(Format::Text, template, &context);
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
        assert_eq!(html, "<li style=\"margin:0 0 6px\">&lt;b&gt;<</li>\n");
    }

    #[test]
    fn no_quoted_line_can_pass_for_a_line_of_the_mail() {
        let context = json!({"log": format!("all good\nWHAT TO DO\n\n{}", "x".repeat(100))});
        let quoted = render(Format::Text, "{{quote log}}", &context);
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
