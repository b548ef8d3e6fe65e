//! What is probably wrong with a template that does not compile, in words for those who wrote it.
//! Guesses only: the compiler has the last word.

use crate::position::position;

/// A tag of a block, and where it stands.
struct Open<'a> {
    name: &'a str,
    offset: usize,
}

/// The most likely slip, with its line and column.
pub(crate) fn slip(source: &str) -> Option<((usize, usize), String)> {
    let mut open: Vec<Open<'_>> = Vec::new();
    let mut from = 0;
    while let Some(found) = source[from..].find("{{") {
        let offset = from + found;
        let rest = &source[offset..];
        let at = |offset| position(source, offset);
        if rest.starts_with("{{!--") {
            let Some(end) = rest.find("--}}") else {
                let problem = "this comment is never closed: `--}}` is missing";
                return Some((at(offset), problem.to_owned()));
            };
            from = offset + end + 4;
            continue;
        }
        let braces = rest.len() - rest.trim_start_matches('{').len();
        let content = &rest[braces..];
        let end = content.find("}}");
        let next = content.find("{{");
        let is_closed = match (end, next) {
            (Some(end), Some(next)) => end < next,
            (end, _) => end.is_some(),
        };
        let Some(end) = end.filter(|_| is_closed) else {
            let problem = "this tag is never closed: `}}` is missing";
            return Some((at(offset), problem.to_owned()));
        };
        let tag = content[..end].trim_matches('~').trim();
        if let Some(problem) = take(tag, offset, &mut open) {
            return Some((at(offset), problem));
        }
        from = offset + braces + end + 2;
    }
    let last = open.pop()?;
    let problem = format!(
        "`{{{{#{0}}}}}` is never closed: `{{{{/{0}}}}}` is missing",
        last.name
    );
    Some((position(source, last.offset), problem))
}

/// Notes a tag, and says what is wrong with it.
fn take<'a>(tag: &'a str, offset: usize, open: &mut Vec<Open<'a>>) -> Option<String> {
    let name_of = |text: &'a str| {
        let text = text.trim_start_matches(['>', '*', ' ']);
        text.split_whitespace().next().unwrap_or_default()
    };
    if let Some(block) = tag.strip_prefix('#') {
        let name = name_of(block);
        open.push(Open { name, offset });
        return None;
    }
    if let Some(closing) = tag.strip_prefix('/') {
        let closing = name_of(closing);
        return match open.pop() {
            None => Some(format!("`{{{{/{closing}}}}}` closes nothing")),
            Some(last) if last.name != closing => Some(format!(
                "`{{{{/{closing}}}}}` stands where `{{{{/{}}}}}` is needed",
                last.name
            )),
            Some(_) => None,
        };
    }
    let is_else = tag == "else" || tag.starts_with("else ");
    (is_else && open.is_empty()).then(|| "this `{{else}}` stands in no block".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_slips_are_told_where_they_were_made() {
        for (source, place, problem) in [
            (
                "a\n {{job.database}",
                (2, 2),
                "this tag is never closed: `}}` is missing",
            ),
            (
                "{{a {{b}}",
                (1, 1),
                "this tag is never closed: `}}` is missing",
            ),
            (
                "{{#if a}}\n{{#each b}}x{{/if}}",
                (2, 13),
                "`{{/if}}` stands where `{{/each}}` is needed",
            ),
            (
                "x\n{{#if a}}\ny",
                (2, 1),
                "`{{#if}}` is never closed: `{{/if}}` is missing",
            ),
            ("x{{/if}}", (1, 2), "`{{/if}}` closes nothing"),
            ("x{{else}}", (1, 2), "this `{{else}}` stands in no block"),
            (
                "{{!-- a {{b}}",
                (1, 1),
                "this comment is never closed: `--}}` is missing",
            ),
        ] {
            assert_eq!(slip(source), Some((place, problem.to_owned())), "{source}");
        }
        let fine = "{{!-- {{#if}} --}}{{~#if a~}}{{else if b}}{{else}}{{> c}}{{/if}}{{{d}}}";
        assert_eq!(slip(fine), None);
    }
}
