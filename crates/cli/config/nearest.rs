//! What somebody who misspelt a word probably meant. Knows no config.

/// The candidate that is spelled most like `word`, when one is near enough to be meant.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (distance(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= word.chars().count().max(3) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// A word that was only cut short, such as `pass` for `password`, is as good as one wrong letter.
fn distance(word: &str, candidate: &str) -> usize {
    let is_part = word.len() >= 3 && candidate.starts_with(word)
        || word.len() >= 4 && candidate.ends_with(word);
    let distance = strsim::osa_distance(word, candidate);
    if is_part { distance.min(1) } else { distance }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_found_in_any_case_and_when_it_was_cut_short() {
        let keys = ["host", "port", "username", "password", "password_file"];
        let cases = [
            ("prot", Some("port")),
            ("PORT", Some("port")),
            ("pasword", Some("password")),
            ("user", Some("username")),
            ("file", Some("password_file")),
            ("colour", None),
            ("x", None),
        ];
        for (word, meant) in cases {
            assert_eq!(nearest(word, keys), meant, "{word}");
        }
    }
}
