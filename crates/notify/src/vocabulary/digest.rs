//! Helpers that show where two digests differ. Know no file.

use handlebars::{
    Context, Handlebars, Helper, HelperDef, HelperResult, Output, RenderContext, RenderError,
    ScopedJson, html_escape,
};

use super::{Format, is_nothing, present};

/// What digits that differ are marked with in HTML: not by their color alone. Mostly nearly all of
/// them differ, so a line below each would only make them harder to read.
const MARK: &str = "<b class=\"differs\" style=\"background-color:#fbdcd8;color:#8a1a10\">";

pub(super) fn register(registry: &mut Handlebars<'static>, format: Format) {
    registry.register_helper("digest", Box::new(DigestHelper(format)));
    registry.register_helper("carets", Box::new(CaretsHelper));
}

/// Writes a digest; in HTML what differs from another one is marked.
struct DigestHelper(Format);

impl HelperDef for DigestHelper {
    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        let value = present(helper, "digest")?;
        let default = helper
            .hash_get("default")
            .and_then(|text| text.value().as_str());
        let text = value.as_str().or(default).unwrap_or("-");
        match (self.0, other(helper)) {
            (Format::Text, _) => out.write(text)?,
            (Format::Html, Some(other)) if !is_nothing(value) => out.write(&marked(text, other))?,
            (Format::Html, _) => out.write(&html_escape(text))?,
        }
        Ok(())
    }
}

/// Writes a caret for each digit that differs from another digest, and a space for each other.
struct CaretsHelper;

impl HelperDef for CaretsHelper {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        let text = present(helper, "carets")?.as_str();
        let carets = match (text, other(helper)) {
            (Some(text), Some(other)) => carets(text, other),
            _ => String::new(),
        };
        Ok(ScopedJson::Derived(carets.into()))
    }
}

/// The digest to compare with, if there is one.
fn other<'helper>(helper: &'helper Helper<'_>) -> Option<&'helper str> {
    helper.hash_get("unlike")?.value().as_str()
}

/// Each character, and whether the other text has another one in its place.
fn compared<'text>(
    text: &'text str,
    other: &'text str,
) -> impl Iterator<Item = (char, bool)> + 'text {
    let mut others = other.chars();
    text.chars()
        .map(move |character| (character, others.next() != Some(character)))
}

fn carets(text: &str, other: &str) -> String {
    let carets: String = compared(text, other)
        .map(|(_, differs)| if differs { '^' } else { ' ' })
        .collect();
    carets.trim_end().to_owned()
}

fn marked(text: &str, other: &str) -> String {
    let mut marked = String::new();
    let mut is_open = false;
    for (character, differs) in compared(text, other) {
        match (is_open, differs) {
            (false, true) => marked.push_str(MARK),
            (true, false) => marked.push_str("</b>"),
            _ => {}
        }
        is_open = differs;
        marked.push_str(&html_escape(&character.to_string()));
    }
    if is_open {
        marked.push_str("</b>");
    }
    marked
}

#[cfg(test)]
mod tests {
    use handlebars::JsonValue;
    use serde_json::json;

    use super::*;

    fn render(format: Format, template: &str, context: &JsonValue) -> String {
        let mut registry = Handlebars::new();
        registry.set_strict_mode(true);
        register(&mut registry, format);
        registry.render_template(template, context).unwrap()
    }

    #[test]
    fn the_digits_that_differ_are_seen() {
        let context = json!({"expected": "abcdef", "actual": "abXdeY", "no": null});
        let html = render(Format::Html, "{{digest actual unlike=expected}}", &context);
        let text = html.replace(MARK, "[").replace("</b>", "]");
        assert_eq!(text, "ab[X]de[Y]");
        let template = "{{digest actual unlike=expected}}|{{carets actual unlike=expected}}";
        assert_eq!(render(Format::Text, template, &context), "abXdeY|  ^  ^");
    }

    #[test]
    fn without_another_digest_nothing_is_marked() {
        let context = json!({"actual": "ab<", "no": null});
        for (template, written) in [
            ("{{digest actual}}", "ab&lt;"),
            ("{{digest actual unlike=no}}", "ab&lt;"),
            (r#"{{digest no unlike=actual default="none"}}"#, "none"),
            ("{{carets no unlike=actual}}{{carets actual unlike=no}}", ""),
        ] {
            assert_eq!(render(Format::Html, template, &context), written);
        }
    }
}
