//! An error with its causes as one text.

/// The error and each cause under it, without those that the error above quotes already.
pub fn causes(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn a_cause_that_was_quoted_is_not_told_again() {
        let error = anyhow!("disk full");
        assert_eq!(causes(&error), "disk full");
        let error = error
            .context("could not write r.json: disk full")
            .context("not served");
        assert_eq!(
            causes(&error),
            "not served: could not write r.json: disk full"
        );
    }
}
