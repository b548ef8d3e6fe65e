//! What people are to be told and are not told yet, as `status` shows it.

use serde::Serialize;
use vigie_notify::HoldCause;
use vigie_store::SqliteStore;

/// How much is held back, by cause.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct HeldBack {
    /// Because of a silence.
    silence: u64,
    /// Because of a maintenance window or a holiday.
    maintenance: u64,
    /// Because the reader has had as many mails in an hour as are allowed.
    limit: u64,
    /// Because mails to the reader do not get through.
    undeliverable: u64,
}

impl HeldBack {
    pub async fn of(store: &SqliteStore) -> anyhow::Result<Self> {
        let mut all = Self::default();
        for (cause, count) in store.held_back().await? {
            *all.of_cause(cause) = count;
        }
        Ok(all)
    }

    fn of_cause(&mut self, cause: HoldCause) -> &mut u64 {
        match cause {
            HoldCause::Silence => &mut self.silence,
            HoldCause::Maintenance => &mut self.maintenance,
            HoldCause::Limit => &mut self.limit,
            HoldCause::Undeliverable => &mut self.undeliverable,
        }
    }

    /// What has to be said of it, if anything.
    pub fn told(mut self) -> Option<String> {
        let counts = HoldCause::ALL.map(|cause| (cause, *self.of_cause(cause)));
        let parts: Vec<String> = counts
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .map(|(cause, count)| format!("{count} {}", reason(cause)))
            .collect();
        let all: u64 = counts.iter().map(|(_, count)| count).sum();
        let noun = if all == 1 {
            "notification is"
        } else {
            "notifications are"
        };
        (all > 0).then(|| format!("{all} {noun} held back: {}", parts.join(", ")))
    }
}

fn reason(cause: HoldCause) -> &'static str {
    match cause {
        HoldCause::Silence => "by silences",
        HoldCause::Maintenance => "by maintenance or holidays",
        HoldCause::Limit => "as their readers had as many mails as an hour may hold",
        HoldCause::Undeliverable => "as mails to their readers do not get through",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_back_is_told_with_its_causes() {
        assert_eq!(HeldBack::default().told(), None);
        let some = HeldBack {
            silence: 3,
            limit: 1,
            ..HeldBack::default()
        };
        assert_eq!(
            some.told().unwrap(),
            "4 notifications are held back: 3 by silences, 1 as their readers had as many mails as \
             an hour may hold"
        );
    }
}
