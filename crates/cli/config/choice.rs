//! A value that is one of a few words. Knows no key.

use super::problem::Complaint;

/// What the word `text` stands for among `choices`.
pub fn one_of<T: Copy>(text: &str, choices: &[(&str, T)]) -> Result<T, Complaint> {
    if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text) {
        return Ok(*value);
    }
    let words = choices.iter().map(|(word, _)| format!("{word:?}"));
    let remedy = format!("write {}", alternatives(&words.collect::<Vec<_>>()));
    Err(Complaint::new(format!("is {text:?}"), remedy))
}

/// `a, b or c`.
fn alternatives(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [word] => word.clone(),
        [others @ .., last] => format!("{} or {last}", others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_no_choice_is_told_all_of_them() {
        let choices = [("one", 1), ("two", 2), ("three", 3)];
        assert_eq!(one_of("two", &choices), Ok(2));
        let complaint = one_of("Two", &choices).unwrap_err();
        assert_eq!(complaint.what, "is \"Two\"");
        assert_eq!(complaint.remedy, "write \"one\", \"two\" or \"three\"");
    }
}
