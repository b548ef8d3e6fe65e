//! `vigie run`: a cycle at each interval until it is told to stop, and beside it the mails.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Interval, MissedTickBehavior, interval};
use tracing::{debug, error, info};
use vigie_notify::{Clock, SystemClock};

use crate::arrivals::Arrivals;
use crate::causes::causes;
use crate::cycle::{CycleResult, cycle};
use crate::delivery::DeliveryTask;
use crate::lock::CycleLock;
use crate::ping::{PingTask, Pinger};
use crate::progress::Showing;
use crate::reload::{TemplateWatch, reload};
use crate::scrubbing::ScrubTask;
use crate::vigie::{Vigie, load_config};
use crate::watch::{ClockWatch, since_boot};

/// A cycle that fails is logged and made up for by the next. A signal lets the cycle in hand
/// finish; a second one ends it at once, which is safe, as a cycle can be cut off at any point.
/// SIGHUP takes the config and the templates over anew, if nothing is wrong with them.
pub async fn run(path: Option<&Path>, showing: &Showing) -> anyhow::Result<ExitCode> {
    let mut hangup = signal(SignalKind::hangup())?;
    let mut stop = StopSignals::new()?;
    let config = load_config(path)?;
    let pinger = Pinger::new(&config);
    let mut vigie = pinger.told(Box::pin(Vigie::open(config))).await?;
    let pings = PingTask::start();
    let mut watch = TemplateWatch::new(&vigie);
    let mut mails = DeliveryTask::start(&vigie);
    let mut scrubs = ScrubTask::start(&vigie);
    let mut has_declared = false;
    let mut clock_watch = ClockWatch::default();
    let mut tick = tick_of(&vigie);
    let mut arrivals = arrivals_at(&vigie);
    loop {
        let is_hangup = tokio::select! {
            _ = tick.tick() => false,
            () = arrivals.due() => {
                debug!("something has arrived, so a cycle begins early");
                tick.reset();
                false
            }
            _ = hangup.recv() => true,
            () = stop.recv() => break,
        };
        if is_hangup {
            match reload(path).await {
                Err(error) => error!("nothing was taken over: {}", causes(&error)),
                Ok(mut anew) => {
                    anew.scanner.inherit_stalls(&vigie.scanner);
                    let old = std::mem::replace(&mut vigie, anew);
                    watch = TemplateWatch::new(&vigie);
                    // Cycles go on while the mails of before arrive; those of now wait for that.
                    let old_mails = std::mem::replace(&mut mails, DeliveryTask::start(&vigie));
                    let old_scrubs = std::mem::replace(&mut scrubs, ScrubTask::start(&vigie));
                    tokio::spawn(async move {
                        tokio::join!(old_mails.stop(), stop_scrubs(old_scrubs));
                        old.store.close().await;
                    });
                    has_declared = false;
                    tick = tick_of(&vigie);
                    arrivals = arrivals_at(&vigie);
                    info!("config and templates were taken over");
                }
            }
            continue;
        }
        if mails.has_ended() {
            error!("sending mails has ended and is begun anew");
            std::mem::replace(&mut mails, DeliveryTask::start(&vigie))
                .stop()
                .await;
        }
        watch.look(&mut vigie).await;
        arrivals.cycle_begins().await;
        let mut is_stopping = false;
        let mut work = std::pin::pin!(one_cycle(
            &vigie,
            showing,
            &mails,
            &pings,
            &mut has_declared,
            &mut clock_watch
        ));
        loop {
            tokio::select! {
                () = &mut work => break,
                () = stop.recv() => {}
            }
            if is_stopping {
                return Ok(ExitCode::SUCCESS);
            }
            info!("stopping after this cycle");
            is_stopping = true;
        }
        arrivals.cycle_ended();
        if is_stopping {
            break;
        }
    }
    // What is on its way arrives; all else waits for the next start.
    tokio::select! {
        _ = async { tokio::join!(mails.stop(), pings.stop(), stop_scrubs(scrubs)) } => {}
        () = stop.recv() => return Ok(ExitCode::SUCCESS),
    }
    info!("stopped");
    vigie.store.close().await;
    Ok(ExitCode::SUCCESS)
}

async fn stop_scrubs(scrubs: Option<ScrubTask>) {
    if let Some(scrubs) = scrubs {
        scrubs.stop().await;
    }
}

/// The signals that end the program.
struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for one of them.
    async fn recv(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

fn tick_of(vigie: &Vigie) -> Interval {
    let scan = &vigie.config.scan;
    info!(
        deposit = %vigie.config.deposit.root.display(),
        interval = ?scan.interval,
        "watching"
    );
    let mut tick = interval(scan.interval);
    // A cycle that took longer than the interval is followed by one, not by all that it missed.
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tick
}

fn arrivals_at(vigie: &Vigie) -> Arrivals {
    Arrivals::start(&vigie.config.deposit.root, vigie.config.scan.watch)
}

/// Tells how a cycle went. The jobs of the config are made known in the first that gets the lock.
async fn one_cycle(
    vigie: &Vigie,
    showing: &Showing,
    mails: &DeliveryTask,
    pings: &PingTask,
    has_declared: &mut bool,
    clock_watch: &mut ClockWatch,
) {
    let cycle = try_cycle(vigie, showing, has_declared, clock_watch).await;
    match &cycle {
        Err(failure) => error!(
            "the cycle failed: {}; the next one tries again",
            causes(failure)
        ),
        Ok(result) => {
            mails.wake();
            let (reports, work) = (result.scan.reports, result.scan.work);
            for failure in &result.scan.errors {
                error!(agent = %failure.agent, "not served: {}", failure.error);
            }
            for failure in &result.pruned.errors {
                error!("{failure}; the next cycle tries again");
            }
            info!(
                found = reports.found,
                processed = reports.processed,
                rejected = reports.rejected,
                pending = reports.pending,
                events = result.scan.events.len(),
                mails = result.planned.mails,
                agents = work.agents,
                visited = work.agents_visited,
                files_read = work.files_read,
                bytes_read = work.bytes_read,
                files_known = work.files_known,
                copies_removed = result.pruned.removed,
                "cycle done"
            );
        }
    }
    pings.tell(Pinger::new(&vigie.config), cycle);
}

async fn try_cycle(
    vigie: &Vigie,
    showing: &Showing,
    has_declared: &mut bool,
    clock_watch: &mut ClockWatch,
) -> anyhow::Result<CycleResult> {
    let now = SystemClock.now();
    let clock_jump = clock_watch.look(now, since_boot());
    let lock = CycleLock::take(&vigie.config.database.path)?;
    if !*has_declared {
        vigie.declare_jobs(&lock, now).await?;
        *has_declared = true;
    }
    cycle(vigie, &lock, now, clock_jump, showing).await
}
