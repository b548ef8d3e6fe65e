//! Names with `*` in them, as somebody picks jobs with them. Knows no job.

use std::convert::Infallible;
use std::str::FromStr;

/// What a name has to look like: `*` stands for anything, or nothing; all else for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    parts: Vec<String>,
}

impl FromStr for Pattern {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self {
            parts: text.split('*').map(str::to_owned).collect(),
        })
    }
}

impl Pattern {
    /// Whether the name looks so, letter by letter.
    pub fn matches(&self, name: &str) -> bool {
        fit(&self.parts, name)
    }

    /// The same whatever the case: of agents, of companies.
    pub fn matches_any_case(&self, name: &str) -> bool {
        let parts: Vec<String> = self.parts.iter().map(|part| part.to_lowercase()).collect();
        fit(&parts, &name.to_lowercase())
    }
}

/// Each part is taken where it first fits, which leaves the most to those after it.
fn fit(parts: &[String], name: &str) -> bool {
    let Some((first, rest)) = parts.split_first() else {
        return name.is_empty();
    };
    let Some(mut left) = name.strip_prefix(first.as_str()) else {
        return false;
    };
    let Some((last, between)) = rest.split_last() else {
        return left.is_empty();
    };
    for part in between {
        match left.find(part.as_str()) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    left.ends_with(last.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything_and_all_else_for_itself() {
        let cases = [
            ("X", "X", true),
            ("X", "XY", false),
            ("X", "x", false),
            ("", "", true),
            ("", "X", false),
            ("*", "", true),
            ("*", "anything", true),
            ("SDMC_*", "SDMC_DOUALA_AKWA", true),
            ("*_AKWA", "SDMC_DOUALA_AKWA", true),
            ("S*_*A", "SDMC_DOUALA_AKWA", true),
            ("*DOUALA*", "SDMC_DOUALA_AKWA", true),
            ("*DOUALA", "SDMC_DOUALA_AKWA", false),
            ("A*A", "A", false),
            ("a*b*b", "ab", false),
            ("a*b*b", "a-bb", true),
            ("X?", "XY", false),
            ("*é*", "Yaoundé", true),
        ];
        for (pattern, name, expected) in cases {
            let pattern: Pattern = pattern.parse().unwrap();
            assert_eq!(pattern.matches(name), expected, "{pattern:?} {name:?}");
        }
    }

    #[test]
    fn an_agent_is_the_same_whatever_the_case() {
        let pattern: Pattern = "sdmc_*_Akwa".parse().unwrap();
        assert!(pattern.matches_any_case("SDMC_DOUALA_AKWA"));
        assert!(!pattern.matches("SDMC_DOUALA_AKWA"));
    }
}
