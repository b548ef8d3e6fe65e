//! How long something takes: on the clock, and of the processor by all threads of this process. The latter
//! says more where others use the machine too.

use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};

pub(crate) struct Stopwatch {
    started: Instant,
    used: f64,
}

/// In seconds.
#[derive(Clone, Copy)]
pub(crate) struct Took {
    pub(crate) elapsed: f64,
    pub(crate) processor: f64,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self {
            used: used(),
            started: Instant::now(),
        }
    }

    pub(crate) fn stop(&self) -> Took {
        Took {
            elapsed: self.started.elapsed().as_secs_f64(),
            processor: used() - self.used,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn used() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
