//! Where in HTML a value would not be safe although it is escaped. Knows no template.

/// The attributes whose values are more than text.
const ACTIVE: [&str; 7] = [
    "href",
    "src",
    "srcset",
    "action",
    "formaction",
    "style",
    "background",
];

/// Why no value from outside may follow this HTML.
pub(super) fn hazard(before: &str) -> Option<String> {
    let lower = before.to_ascii_lowercase();
    for element in ["script", "style"] {
        let opened = lower.rfind(&format!("<{element}"));
        if opened > lower.rfind(&format!("</{element}")) {
            return Some(format!(
                "stands within `<{element}>`, where it could be code"
            ));
        }
    }
    let tag = &lower[lower.rfind('<')?..];
    if tag.starts_with("<!--") || ends_outside_of_tag(tag) {
        return None;
    }
    let Some((name, value)) = open_attribute(tag) else {
        return Some("stands among the names of attributes, where it could be one".to_owned());
    };
    if !value.starts_with(['"', '\'']) {
        return Some(format!(
            "stands in `{name}=` without quotes, where it could end the value"
        ));
    }
    let is_active = ACTIVE.contains(&name) || name.starts_with("on");
    is_active.then(|| format!("stands in `{name}=`, where it could be code"))
}

/// Whether a tag is closed; `>` within quotes closes none.
fn ends_outside_of_tag(tag: &str) -> bool {
    let mut quote = None;
    for character in tag.chars() {
        match (quote, character) {
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            (None, '>') => return true,
            _ => {}
        }
    }
    false
}

/// The attribute whose value is not at its end yet, with what there is of the value.
fn open_attribute(tag: &str) -> Option<(&str, &str)> {
    let mut quote = None;
    let mut equals = None;
    for (offset, character) in tag.char_indices() {
        match (quote, character) {
            (None, '=') => equals = Some(offset),
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), _) if open == character => {
                quote = None;
                equals = None;
            }
            (None, space) if space.is_whitespace() => {
                let is_value = equals.is_some_and(|at| !tag[at + 1..offset].trim().is_empty());
                if is_value {
                    equals = None;
                }
            }
            _ => {}
        }
    }
    let equals = equals?;
    let name = tag[..equals].trim_end();
    let name = name.rsplit(|character: char| !character.is_alphanumeric() && character != '-');
    Some((name.into_iter().next()?, tag[equals + 1..].trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_safe_as_text_and_in_quotes() {
        for before in [
            "",
            "<p>",
            "<p title=\"a > b\">text ",
            "<p title=\"",
            "<p class='x' aria-label='",
            "<style>p {}</style><p>",
            "<!-- ",
            "a < b ",
        ] {
            let problem = hazard(before);
            assert_eq!(
                problem.is_some(),
                before == "a < b ",
                "{before}: {problem:?}"
            );
        }
    }

    #[test]
    fn a_value_is_not_safe_where_it_could_be_code() {
        for (before, told) in [
            ("<a href=\"", "`href=`"),
            ("<a HREF='x", "`href=`"),
            ("<p title=", "without quotes"),
            ("<p title=a", "without quotes"),
            ("<p ", "names of attributes"),
            ("<p title=\"a\" ", "names of attributes"),
            ("<p onclick=\"", "`onclick=`"),
            ("<td style=\"color:", "`style=`"),
            ("<script>x = '", "`<script>`"),
            ("<style>", "`<style>`"),
        ] {
            let problem = hazard(before).unwrap_or_default();
            assert!(problem.contains(told), "{before}: {problem}");
        }
    }
}
