//! How much may stand in a template, told before it is compiled: compiling goes as deep as its blocks
//! stand within each other, and a stack that overflows takes the program with it. Knows no helper and
//! no variable.

/// How many blocks a file may have, each `{{else if …}}` counted as one. However they stand, they
/// can't stand deeper within each other than this.
const MOST_BLOCKS: usize = 500;

/// How many tags a file may have: compiling takes time with the square of them.
const MOST_TAGS: usize = 2_000;

/// How many parentheses a file may open, in tags and elsewhere.
const MOST_PARENTHESES: usize = 1_000;

/// Why a template is too large to be compiled.
pub(crate) fn too_large(source: &str) -> Option<String> {
    let tags = source.matches("{{").count();
    if tags > MOST_TAGS {
        return Some(format!(
            "this has {tags} tags, and more than {MOST_TAGS} are not taken; put some of them into \
             partials"
        ));
    }
    let blocks = source
        .split("{{")
        .skip(1)
        .filter(|tag| is_block(tag))
        .count();
    if blocks > MOST_BLOCKS {
        return Some(format!(
            "this has {blocks} blocks, and more than {MOST_BLOCKS} are not taken; put some of them \
             into partials"
        ));
    }
    let parentheses = source.matches('(').count();
    (parentheses > MOST_PARENTHESES).then(|| {
        format!(
            "this opens {parentheses} parentheses, and more than {MOST_PARENTHESES} are not taken"
        )
    })
}

/// Whether what follows two braces may begin a block or a branch. When in doubt it does: what is
/// counted is a bound.
fn is_block(tag: &str) -> bool {
    let tag = tag.trim_start_matches(['{', '~']).trim_start();
    tag.starts_with(['#', '^']) || tag.starts_with("else")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_not_too_large() {
        let template =
            "{{#if (eq a b)}}{{else if (eq b c)}}{{~#each c}}x{{/each}}{{^}}y{{/if}} (z)";
        assert_eq!(too_large(&template.repeat(100)), None);
    }

    #[test]
    fn what_would_overflow_a_stack_is_told_however_it_is_written() {
        for block in [
            "{{#if a}}",
            "{{~#if a}}",
            "\\{{/if}}{{#if a}}",
            "{{else\tif a}}",
            "{{ else if a}}",
            "{{{{/raw}}}}{{#a}}",
            "{{^}}",
            "{{#> a}}",
        ] {
            let problem = too_large(&block.repeat(501)).unwrap();
            assert!(problem.contains("more than 500"), "{problem}");
        }
        assert!(too_large(&"{{a}}".repeat(2_001)).is_some());
        let expression = format!("{{{{or {}a{}}}}}", "(or ".repeat(5_000), ")".repeat(5_000));
        assert!(too_large(&expression).unwrap().contains("parentheses"));
    }
}
