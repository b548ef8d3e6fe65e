//! Text from agents, made harmless before it gets into a mail. Knows no mail and no template.
//!
//! What could end a line, hide or turn the text around it never gets through; where something was
//! taken out, that can be seen. Escaping for HTML is not done here: the templates do it.

/// Stands where a character was taken out.
const REPLACEMENT: char = '\u{FFFD}';

/// Text as a single line of at most `limit` characters; `note` says how many are left out.
pub(crate) fn one_line(text: &str, limit: usize, note: impl Fn(usize) -> String) -> String {
    let (kept, left_out) = cut(text.trim(), limit);
    let mut line = String::with_capacity(kept.len());
    for character in kept.chars() {
        match character {
            '\n' | '\r' | '\t' | '\u{0B}' | '\u{0C}' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
                if !line.ends_with(' ') {
                    line.push(' ');
                }
            }
            other if is_deceptive(other) => line.push(REPLACEMENT),
            other => line.push(other),
        }
    }
    if left_out > 0 {
        line.push(' ');
        line.push_str(&note(left_out));
    }
    line
}

/// Text of several lines, of at most `limit` characters; `note` says how many are left out.
pub(crate) fn paragraph(text: &str, limit: usize, note: impl Fn(usize) -> String) -> String {
    let (kept, left_out) = cut(text.trim(), limit);
    let mut lines = String::with_capacity(kept.len());
    let mut characters = kept.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\r' if characters.peek() == Some(&'\n') => {}
            '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => lines.push('\n'),
            '\t' => lines.push_str("    "),
            other if is_deceptive(other) => lines.push(REPLACEMENT),
            other => lines.push(other),
        }
    }
    if left_out > 0 {
        lines.push('\n');
        lines.push_str(&note(left_out));
    }
    lines
}

/// The note where a text for programs was cut.
pub(crate) fn ellipsis(_: usize) -> String {
    "…".to_owned()
}

/// The first `limit` characters, and how many are left out.
fn cut(text: &str, limit: usize) -> (&str, usize) {
    match text.char_indices().nth(limit) {
        Some((end, _)) => (&text[..end], text[end..].chars().count()),
        None => (text, 0),
    }
}

/// Whether a character is not seen, or changes how those around it are seen.
fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            // Soft hyphen, marks of the reading direction and their overrides, zero-width
            // characters, interlinear notes, invisible tags.
            '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
                | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}'
                | '\u{E0000}'..='\u{E0FFF}'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_stays_a_line_and_shows_what_was_taken_out() {
        let line = |text| one_line(text, 100, ellipsis);
        assert_eq!(
            line("X\nBcc: evil@example.com\r\n"),
            "X Bcc: evil@example.com"
        );
        assert_eq!(
            line("a\u{202E}b\u{200B}c\0d\u{1B}[31m"),
            "a\u{FFFD}b\u{FFFD}c\u{FFFD}d\u{FFFD}[31m"
        );
        assert_eq!(line("Yaoundé 日本"), "Yaoundé 日本");
    }

    #[test]
    fn a_paragraph_keeps_its_lines_and_nothing_else_that_moves() {
        assert_eq!(
            paragraph("one\r\ntwo\rthree\n\tfour\u{2028}five\u{8}", 100, ellipsis),
            "one\ntwo\nthree\n    four\nfive\u{FFFD}"
        );
    }

    #[test]
    fn what_is_too_long_is_cut_with_a_note() {
        let long = "é".repeat(1_000_000);
        let cut = paragraph(&long, 4_000, |left_out| format!("[{left_out} left out]"));
        assert!(cut.ends_with("\n[996000 left out]"), "{}", &cut[7_990..]);
        assert_eq!(
            cut.chars().filter(|&character| character == 'é').count(),
            4_000
        );
    }

    proptest! {
        #[test]
        fn no_line_holds_a_control_character(text: String, limit in 0..50_usize) {
            let line = one_line(&text, limit, ellipsis);
            prop_assert!(!line.chars().any(is_deceptive));
            let lines = paragraph(&text, limit, ellipsis);
            prop_assert!(!lines.chars().any(|character| character != '\n' && is_deceptive(character)));
        }
    }
}
