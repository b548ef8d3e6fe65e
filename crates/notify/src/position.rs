//! Where something stands in a text, as people and editors count. Knows no text's meaning.

/// The line and column of an offset, counted from 1, the column in characters.
pub(crate) fn position(source: &str, offset: usize) -> (usize, usize) {
    let before = source.get(..offset).unwrap_or(source);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_are_counted_from_1_in_characters() {
        let text = "é{{a}}\nü{{b}}";
        for (offset, place) in [
            (0, (1, 1)),
            (2, (1, 2)),
            (8, (2, 1)),
            (10, (2, 2)),
            (99, (2, 7)),
        ] {
            assert_eq!(position(text, offset), place, "{offset}");
        }
    }
}
