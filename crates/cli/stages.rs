//! How long the stages of a cycle took, added up from the spans that the scanner opens: there may be one
//! for each agent. Prints nothing unless details are asked for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::span::{Attributes, Id};
use tracing::{Subscriber, debug};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// Whose spans are stages.
const SCANNER: &str = "vigie_scanner";

/// What the stages took since the last time that it was told.
#[derive(Debug, Clone, Default)]
pub struct Stages(Arc<Mutex<BTreeMap<&'static str, Spent>>>);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Spent {
    times: u32,
    /// In all, with what a thread waited for a disk, a core or the rate; what goes on side by side adds up to
    /// more than the cycle took.
    busy: Duration,
    longest: Duration,
}

/// What is kept beside each span.
#[derive(Debug, Default)]
struct Watch {
    entered_at: Option<Instant>,
    busy: Duration,
    is_counted: bool,
}

impl Stages {
    /// Logs it, the longest first, and begins anew.
    pub fn tell(&self) {
        let mut stages: Vec<(&str, Spent)> =
            std::mem::take(&mut *self.lock()).into_iter().collect();
        stages.sort_by_key(|(_, spent)| std::cmp::Reverse(spent.busy));
        // One without is what is left of a stage of the last time.
        let counted = stages.into_iter().filter(|(_, spent)| spent.times > 0);
        for (stage, spent) in counted {
            let Spent {
                times,
                busy,
                longest,
            } = spent;
            debug!(stage, times, ?busy, ?longest, "took");
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Spent>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Stages {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let is_stage = attributes.metadata().target().starts_with(SCANNER);
        if let Some(span) = context.span(id).filter(|_| is_stage) {
            span.extensions_mut().insert(Watch::default());
        }
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        with_watch(id, &context, |watch| {
            watch.entered_at = Some(Instant::now());
        });
    }

    // Not when it is closed: the thread of the database may hold on to a span for a moment longer.
    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        let Some(name) = context.span(id).map(|span| span.name()) else {
            return;
        };
        with_watch(id, &context, |watch| {
            let entered_at = watch.entered_at.take();
            let took = entered_at.map_or(Duration::ZERO, |at| at.elapsed());
            watch.busy += took;
            let mut stages = self.lock();
            let spent = stages.entry(name).or_default();
            if !std::mem::replace(&mut watch.is_counted, true) {
                spent.times = spent.times.saturating_add(1);
            }
            spent.busy += took;
            spent.longest = spent.longest.max(watch.busy);
        });
    }
}

fn with_watch<S: Subscriber + for<'a> LookupSpan<'a>>(
    id: &Id,
    context: &Context<'_, S>,
    change: impl FnOnce(&mut Watch),
) {
    let Some(span) = context.span(id) else {
        return;
    };
    if let Some(watch) = span.extensions_mut().get_mut() {
        change(watch);
    }
}

#[cfg(test)]
mod tests {
    use tracing::{debug_span, info_span};
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[test]
    fn what_spans_of_one_name_took_is_added_up() {
        let stages = Stages::default();
        let subscriber = tracing_subscriber::registry().with(stages.clone());
        tracing::subscriber::with_default(subscriber, || {
            for _ in 0..3 {
                let span = debug_span!(target: "vigie_scanner::workshop", "small files");
                span.in_scope(|| {});
                span.in_scope(|| {});
            }
            info_span!(target: "sqlx", "query").in_scope(|| {});
            let held = debug_span!(target: "vigie_scanner::scan", "deadlines");
            held.in_scope(|| {});
            assert_eq!(stages.lock()["deadlines"].times, 1);
        });
        let told = stages.lock().clone();
        assert_eq!(
            told.keys().collect::<Vec<_>>(),
            [&"deadlines", &"small files"]
        );
        let spent = told["small files"];
        assert_eq!(spent.times, 3);
        assert!(spent.busy >= spent.longest && spent.longest > Duration::ZERO);
        stages.tell();
        assert!(stages.lock().is_empty());
    }
}
