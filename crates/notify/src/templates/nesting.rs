//! How deep a template nests, told before it is compiled: compiling and rendering go as deep, and a
//! stack that overflows takes the program with it. Knows no helper and no variable.

use crate::position::position;

/// How many blocks may stand within each other, each `{{else if …}}` counted as one.
const DEEPEST: usize = 60;

/// How many parentheses may be open at once.
const DEEPEST_EXPRESSION: usize = 20;

/// Where a template nests too deep: the line and column, counted from 1.
pub(crate) fn too_deep(source: &str) -> Option<(usize, usize)> {
    let mut open: Vec<usize> = Vec::new();
    let mut rest = source;
    while let Some(start) = rest.find("{{") {
        let tag = &rest[start..];
        if let Some(comment) = tag.strip_prefix("{{!--") {
            // What stands in a comment nests nothing.
            rest = comment.find("--}}").map_or("", |end| &comment[end..]);
            continue;
        }
        let inside = tag.trim_start_matches('{');
        let content = inside.trim_start_matches('~').trim_start();
        if content.starts_with(['#', '^']) {
            open.push(1);
        } else if content.starts_with('/') {
            open.pop();
        } else if content.starts_with("else ")
            && let Some(chain) = open.last_mut()
        {
            *chain += 1;
        }
        let end = inside.find("}}").unwrap_or(inside.len());
        let is_too_deep = open.iter().sum::<usize>() > DEEPEST
            || deepest_parenthesis(&inside[..end]) > DEEPEST_EXPRESSION;
        if is_too_deep {
            return Some(position(source, source.len() - tag.len()));
        }
        rest = &inside[end..];
    }
    None
}

fn deepest_parenthesis(expression: &str) -> usize {
    let mut depth = 0_usize;
    let mut deepest = 0;
    for byte in expression.bytes() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_not_too_deep() {
        let template = "{{!-- {{#if}} --}}{{#if a}}{{else if b}}{{~#each c}}x{{/each}}{{/if}}";
        assert_eq!(too_deep(&template.repeat(200)), None);
        let chain = "{{#if a}}".to_owned() + &"{{else if b}}".repeat(40) + "{{/if}}";
        assert_eq!(too_deep(&chain), None);
    }

    #[test]
    fn what_would_overflow_a_stack_is_told_with_its_place() {
        let blocks = "\n".to_owned() + &"{{#if a}}".repeat(100_000);
        assert_eq!(too_deep(&blocks), Some((2, 541)));
        let chain = "{{#if a}}".to_owned() + &"{{else if b}}".repeat(100_000);
        assert!(too_deep(&chain).is_some());
        let expression = format!(
            "{{{{or {}a{}}}}}",
            "(or ".repeat(50_000),
            ")".repeat(50_000)
        );
        assert_eq!(too_deep(&expression), Some((1, 1)));
    }
}
