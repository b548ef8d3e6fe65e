//! The name that was probably meant by one that is misspelt. Knows nothing of what is named.

/// The known name that is most like `name`; `None` when none is much like it.
pub(crate) fn nearest<'known>(
    name: &str,
    known: impl Iterator<Item = &'known str>,
) -> Option<&'known str> {
    let name = name.to_lowercase();
    let slips = name.chars().count().max(3) / 3;
    known
        .map(|known| (strsim::osa_distance(&name, &known.to_lowercase()), known))
        .filter(|(distance, _)| *distance <= slips)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_slip_is_found_and_one_that_is_like_none_is_not() {
        let known = || ["database", "agent", "city"].into_iter();
        assert_eq!(nearest("databse", known()), Some("database"));
        assert_eq!(nearest("Agnet", known()), Some("agent"));
        assert_eq!(nearest("ctiy", known()), Some("city"));
        assert_eq!(nearest("zzz", known()), None);
    }
}
