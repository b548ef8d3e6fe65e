//! Helpers that lay out text: prose in lines, rows, quotes, steps, padding. Know no value's meaning.

use std::io;

use handlebars::{
    Context, Handlebars, Helper, HelperDef, HelperResult, Output, RenderContext, RenderError,
    RenderErrorReason, Renderable, ScopedJson, html_escape,
};

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::{Format, present};

/// The longest line of prose in the text part.
pub(super) const LINE: usize = 76;

/// The longest line of a quote with its mark: no line of a mail should have more (RFC 5322, section
/// 2.1.1), and one of prose fits behind a mark of two.
const QUOTED_LINE: usize = 78;

/// What marks the lines of a quote.
const QUOTE_MARK: &str = "  | ";

/// How wide the labels of rows are in the text part, with the gap behind them.
const LABEL: usize = 16;

/// A row's label in HTML. What programs for mail would make of a heading cell is undone.
const LABEL_CELL: &str = "<th scope=\"row\" class=\"label line\" width=\"150\" align=\"left\" \
                          valign=\"top\" style=\"padding:7px 12px 7px 0;border-bottom:1px solid \
                          #dfe3e8;color:#55606e;font-weight:normal;text-align:left;\
                          overflow-wrap:anywhere\">";

/// A row's value in HTML. Names without a space are broken anywhere, so that none widens the mail.
const VALUE_CELL: &str = "<td class=\"value line\" valign=\"top\" style=\"padding:7px 0;\
                          border-bottom:1px solid #dfe3e8;color:#1d2939;overflow-wrap:anywhere;\
                          word-break:break-word\">";

/// The longest that a block of prose may be.
const LONGEST: usize = 256 * 1024;

/// The widest that a text is filled up to: more would only be a slip.
const WIDEST: usize = 200;

pub(super) fn register(registry: &mut Handlebars<'static>, format: Format) {
    registry.register_helper("pad", Box::new(PadHelper));
    registry.register_helper("quote", Box::new(QuoteHelper(format)));
    registry.register_helper("wrap", Box::new(WrapHelper(format)));
    registry.register_helper("step", Box::new(StepHelper(format)));
    registry.register_helper("row", Box::new(RowHelper(format)));
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
        Ok(ScopedJson::Derived(filled(text, width).into()))
    }
}

/// Writes text from outside so that none of its lines can pass for a line of the mail.
struct QuoteHelper(Format);

impl HelperDef for QuoteHelper {
    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        let text = present(helper, "quote")?.as_str().unwrap_or_default();
        let lead = helper
            .hash_get("lead")
            .and_then(|lead| lead.value().as_str())
            .unwrap_or(QUOTE_MARK);
        if lead.trim().is_empty() || lead.width() >= QUOTED_LINE / 2 {
            let problem = "`quote` takes a lead that marks each line, such as \"| \"";
            return Err(RenderErrorReason::Other(problem.to_owned()).into());
        }
        match self.0 {
            // Not every program for mail keeps line ends, even where it is told to.
            Format::Html => out.write(&html_escape(text).replace('\n', "<br>"))?,
            Format::Text => out.write(&quote(lead, text))?,
        }
        Ok(())
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
                &format!("<li style=\"margin:0 0 8px\">{}</li>", prose.trim()),
            ),
            Format::Text => writeln_to(out, &wrap(&format!("  {number}. "), &prose)),
        }
    }
}

/// Writes one row of a table of labels and values.
struct RowHelper(Format);

impl HelperDef for RowHelper {
    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        registry: &'reg Handlebars<'reg>,
        context: &'rc Context,
        render_context: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        let label = present(helper, "row")?.as_str().unwrap_or_default();
        let value = inner(helper, registry, context, render_context)?;
        match self.0 {
            Format::Html => {
                let (label, value) = (html_escape(label), value.trim());
                writeln_to(
                    out,
                    &format!("<tr>{LABEL_CELL}{label}</th>{VALUE_CELL}{value}</td></tr>"),
                )
            }
            Format::Text => {
                let width = LABEL - 1;
                writeln_to(out, &wrap(&format!("{} ", filled(label, width)), &value))
            }
        }
    }
}

/// A text with as many spaces behind it as it lacks columns.
pub(super) fn filled(text: &str, width: usize) -> String {
    text.to_owned() + &" ".repeat(width.saturating_sub(text.width()))
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
    let mut rendered = Bounded(String::new());
    if let Some(template) = helper.template() {
        template.render(registry, context, render_context, &mut rendered)?;
    }
    Ok(rendered.0)
}

/// What is rendered, up to a length: it is held in memory until it is laid out.
struct Bounded(String);

impl Output for Bounded {
    fn write(&mut self, text: &str) -> io::Result<()> {
        if self.0.len() + text.len() > LONGEST {
            return Err(io::Error::other("a block writes more than 256 KiB"));
        }
        self.0.push_str(text);
        Ok(())
    }
}

/// Prose in lines of at most [`LINE`] characters where its words allow, the first one behind
/// `lead`, the others indented by as much. Only plain spaces and line ends separate words, so that
/// what a no-break space joins stays together.
fn wrap(lead: &str, prose: &str) -> String {
    let margin = lead.width();
    let mut wrapped = lead.to_owned();
    let mut column = margin;
    let mut is_line_empty = true;
    for word in prose.split([' ', '\n']).filter(|word| !word.is_empty()) {
        let width = word.width();
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
fn quote(lead: &str, text: &str) -> String {
    let width = QUOTED_LINE - lead.width();
    let mut quoted = Vec::new();
    for line in text.lines() {
        let mut rest = line;
        loop {
            let (head, tail) = broken(rest, width);
            quoted.push(format!("{lead}{head}"));
            if tail.is_empty() {
                break;
            }
            rest = tail;
        }
    }
    quoted.join("\n")
}

/// The line up to the last space that fits, or up to what fits of a word that is longer.
fn broken(line: &str, width: usize) -> (&str, &str) {
    let mut columns = 0;
    let too_far = line.char_indices().find(|(_, character)| {
        columns += character.width().unwrap_or_default();
        columns > width
    });
    let Some((end, _)) = too_far else {
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
        assert_eq!(html, "<li style=\"margin:0 0 8px\">&lt;b&gt;<</li>\n");
    }

    #[test]
    fn a_row_is_a_line_of_text_or_a_row_of_a_table() {
        let context = json!({"words": "word ".repeat(20), "name": "A<b"});
        let template = "{{#row \"Schedule\"}}\n{{words}}\n{{/row}}\n{{#row \"A long label of a \
                        row\"}}\n{{words}}\n{{/row}}\n";
        let text = render(Format::Text, template, &context);
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines.iter().all(|line| line.chars().count() <= LINE),
            "{text}"
        );
        assert!(lines[0].starts_with("Schedule        word word"), "{text}");
        assert!(lines[1].starts_with("                word"), "{text}");
        assert!(lines[2].starts_with("A long label of a row word"), "{text}");

        let html = render(Format::Html, "{{#row \"R&D\"}}{{name}}{{/row}}", &context);
        assert!(html.starts_with("<tr><th scope=\"row\""), "{html}");
        assert!(html.contains(">R&amp;D</th>"), "{html}");
        assert!(html.ends_with(">A&lt;b</td></tr>\n"), "{html}");
        let mut registry = Handlebars::new();
        registry.set_strict_mode(true);
        register(&mut registry, Format::Html);
        assert!(
            registry
                .render_template("{{#row labl}}x{{/row}}", &context)
                .is_err()
        );
    }

    #[test]
    fn the_lines_of_a_quote_are_kept_in_html() {
        let context = json!({"log": "a < b\n\nc"});
        assert_eq!(
            render(Format::Html, "{{quote log}}", &context),
            "a &lt; b<br><br>c"
        );
    }

    #[test]
    fn wide_letters_take_two_columns() {
        let context = json!({"words": "数据库 ".repeat(30), "log": "数".repeat(60)});
        let wrapped = render(Format::Text, "{{#wrap}}{{words}}{{/wrap}}", &context);
        let quoted = render(Format::Text, "{{quote log}}", &context);
        for line in wrapped.lines().chain(quoted.lines()) {
            assert!(line.width() <= QUOTED_LINE, "{line}");
        }
        assert_eq!(quoted.lines().count(), 2);
    }

    #[test]
    fn no_quoted_line_can_pass_for_a_line_of_the_mail() {
        let context = json!({"log": format!("all good\nWHAT TO DO\n\n{}", "x".repeat(100))});
        let quoted = render(Format::Text, "{{quote log}}", &context);
        assert!(quoted.lines().all(|line| line.starts_with("  | ")));
        assert_eq!(quoted.lines().count(), 5);
    }

    #[test]
    fn prose_is_quoted_whole_behind_a_narrow_lead_and_no_line_goes_without_one() {
        let context = json!({"text": format!("{}\n\nend", "x".repeat(LINE))});
        let quoted = render(Format::Text, "{{quote text lead=\"| \"}}", &context);
        let lines: Vec<&str> = quoted.lines().collect();
        assert_eq!(lines.len(), 3, "{quoted}");
        assert!(lines.iter().all(|line| line.starts_with("| ")), "{quoted}");
        let mut registry = Handlebars::new();
        register(&mut registry, Format::Text);
        for lead in ["", "  "] {
            let template = format!("{{{{quote text lead=\"{lead}\"}}}}");
            assert!(registry.render_template(&template, &context).is_err());
        }
    }

    proptest! {
        #[test]
        fn quoting_loses_nothing_and_no_line_is_too_long(text in "[ a-zé]{0,300}") {
            let quoted = quote(QUOTE_MARK, &text);
            prop_assert!(quoted.lines().all(|line| line.chars().count() <= QUOTED_LINE));
            let letters = |text: &str| text.replace([' ', '|', '\n'], "");
            prop_assert_eq!(letters(&quoted), letters(&text));
        }
    }
}
