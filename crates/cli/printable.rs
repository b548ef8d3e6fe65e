//! Text from agents made harmless for a terminal.

/// The text with everything that could move the cursor, start a line or turn the reading direction
/// replaced, so that what an agent wrote can't pass for what this program says.
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|character| {
            let is_hidden = matches!(
                character,
                // As in mails: soft hyphen, marks of the reading direction, zero-width characters,
                // interlinear notes, invisible tags.
                '\u{AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}'..='\u{200F}'
                    | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}'
                    | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}'
            );
            if character.is_control() || is_hidden {
                '\u{FFFD}'
            } else {
                character
            }
        })
        .collect()
}

/// The same, cut where it would push everything else off the screen.
pub fn printable_within(text: &str, widest: usize) -> String {
    let text = printable(text);
    match text.char_indices().nth(widest) {
        None => text,
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_but_text() {
        assert_eq!(printable("É_2025"), "É_2025");
        assert_eq!(
            printable("a\u{1b}[2Jb\nc\u{202e}d"),
            "a\u{FFFD}[2Jb\u{FFFD}c\u{FFFD}d"
        );
    }

    #[test]
    fn what_is_too_long_is_cut_and_says_so() {
        assert_eq!(printable_within("DATABASE", 8), "DATABASE");
        assert_eq!(printable_within("DATABASE", 4), "DATA…");
    }
}
