//! A list in a mail that tells of many: the first of it in full, the rest as a number. Knows no job.

use schemars::JsonSchema;
use serde::Serialize;

/// A list of which a mail shows the start.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ListContext<T> {
    /// How many there are.
    pub count: usize,
    /// Those that are listed.
    pub listed: Vec<T>,
    /// How many more there are than in `listed`.
    pub not_listed: usize,
}

impl<T> ListContext<T> {
    /// The first `most` of all.
    pub(super) fn new(all: impl IntoIterator<Item = T>, most: usize) -> Self {
        let mut all = all.into_iter();
        let listed: Vec<T> = all.by_ref().take(most).collect();
        let not_listed = all.count();
        Self {
            count: listed.len() + not_listed,
            listed,
            not_listed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_listed_is_counted() {
        for (all, listed, not_listed) in [(0, 0, 0), (3, 3, 0), (4, 3, 1)] {
            let list = ListContext::new(0..all, 3);
            assert_eq!(list.listed.len(), listed);
            assert_eq!((list.count, list.not_listed), (all, not_listed));
        }
    }
}
