//! Tells a service such as healthchecks.io that cycles are still done, or why one was not: who does no
//! cycles can't tell that it does none. The protocol: <https://healthchecks.io/docs/http_api/>.
//!
//! The start of a cycle is not told. It would double the requests for a duration that the log has too;
//! a cycle that hangs is missed by its end.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::rustls::crypto::ring;
use tracing::{debug, warn};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::causes::causes;
use crate::config::{Config, PingConfig};
use crate::cycle::CycleResult;
use crate::lock::AnotherCycle;
use crate::printable::printable_within;

/// How often a ping is tried.
const TRIES: u32 = 3;

/// The wait before the second try; it doubles.
const PAUSE: Duration = Duration::from_millis(250);

/// How much is told of a failure, in characters.
const LONGEST: usize = 1_000;

/// Tells of the cycles of one config, or nobody of anything.
#[derive(Debug, Clone)]
pub struct Pinger {
    config: Option<PingConfig>,
}

impl Pinger {
    pub fn new(config: &Config) -> Self {
        Self {
            config: config.ping.clone(),
        }
    }

    /// Tells how a cycle went, within the time that the config gives. What goes wrong with it is logged
    /// and harms nobody. That another program is doing a cycle is nothing to tell: that one does.
    ///
    /// A cycle was good when it scanned, planned and recorded. Single agents that could not be served
    /// are told in its words.
    pub async fn tell(&self, cycle: &anyhow::Result<CycleResult>) {
        match cycle {
            Ok(result) => self.ping(Signal::Good(summary(result))).await,
            Err(error) => self.tell_failure(error).await,
        }
    }

    /// Tells of a cycle that could not even begin.
    pub async fn tell_failure(&self, error: &anyhow::Error) {
        if error.is::<AnotherCycle>() {
            return;
        }
        let why = printable_within(&causes(error), LONGEST);
        self.ping(Signal::Failed(why)).await;
    }

    /// The result of what comes before a cycle. When that fails, so has the cycle.
    pub async fn told<T>(
        &self,
        work: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        let result = work.await;
        if let Err(error) = &result {
            self.tell_failure(error).await;
        }
        result
    }

    async fn ping(&self, signal: Signal) {
        let Some(config) = &self.config else {
            return;
        };
        match send_within(config.clone(), signal).await {
            Ok(()) => debug!(url = %config.url, "pinged"),
            Err(error) => warn!(
                url = %config.url,
                "a ping did not get through: {error}; the next cycle sends the next"
            ),
        }
    }
}

/// Pings beside the cycles that they are about.
#[derive(Debug)]
pub struct PingTask {
    /// The newest cycle: one that a slow server kept from being told is told no more.
    newest: watch::Sender<Option<Arc<Done>>>,
    task: JoinHandle<()>,
}

/// A cycle, and who tells of it.
type Done = (Pinger, anyhow::Result<CycleResult>);

impl PingTask {
    pub fn start() -> Self {
        let (newest, mut cycles) = watch::channel::<Option<Arc<Done>>>(None);
        let task = tokio::spawn(async move {
            while cycles.changed().await.is_ok() {
                let done = cycles.borrow_and_update().clone();
                if let Some(done) = done {
                    done.0.tell(&done.1).await;
                }
            }
        });
        Self { newest, task }
    }

    /// Tells how a cycle went, and lets nobody wait for it.
    pub fn tell(&self, pinger: Pinger, cycle: anyhow::Result<CycleResult>) {
        self.newest.send_replace(Some(Arc::new((pinger, cycle))));
    }

    /// Waits until the newest is told.
    pub async fn stop(self) {
        drop(self.newest);
        let _ = self.task.await;
    }
}

/// What is told, with a few words for people.
#[derive(Debug)]
enum Signal {
    Good(String),
    Failed(String),
}

fn summary(result: &CycleResult) -> String {
    let reports = result.scan.reports;
    let mut words = format!(
        "reports: {} processed, {} rejected, {} pending; events: {}",
        reports.processed,
        reports.rejected,
        reports.pending,
        result.scan.events.len()
    );
    for error in result.scan.errors.iter().take(10) {
        words = format!("{words}\nnot served: {}: {}", error.agent, error.error);
    }
    printable_lines(&words)
}

fn printable_lines(text: &str) -> String {
    let lines: Vec<String> = text
        .lines()
        .map(|line| printable_within(line, LONGEST))
        .collect();
    lines.join("\n")
}

/// Why a ping did not get through.
#[derive(Debug, Error)]
enum PingError {
    /// The server answered with a status that is no success.
    #[error("the server answered {0}")]
    Status(u16),
    /// Nobody answered in time.
    #[error("no answer within {0:?}")]
    Silence(Duration),
    /// The server could not be reached.
    #[error("{0}")]
    Unreachable(String),
}

impl PingError {
    fn is_retryable(&self) -> bool {
        match self {
            Self::Status(status) => *status >= 500 || [408, 429].contains(status),
            Self::Silence(_) | Self::Unreachable(_) => true,
        }
    }
}

/// In a thread of its own: the end of the program waits for those of the runtime, and a look-up of a
/// name can hang for longer than anybody wants to.
async fn send_within(config: PingConfig, signal: Signal) -> Result<(), PingError> {
    let patience = config.timeout;
    let (done, sent) = oneshot::channel();
    let sending = thread::Builder::new().name("ping".to_owned());
    let started = sending.spawn(move || {
        let _ = done.send(send(&config, &signal));
    });
    started.map_err(|error| PingError::Unreachable(error.to_string()))?;
    match timeout(patience, sent).await {
        Ok(Ok(result)) => result,
        _ => Err(PingError::Silence(patience)),
    }
}

/// Tries until it gets through or the time is over. Each try but the last has half of what is left.
fn send(config: &PingConfig, signal: &Signal) -> Result<(), PingError> {
    let (url, words): (SecretString, &str) = match signal {
        Signal::Good(words) => (config.url.good().into(), words),
        Signal::Failed(words) => (config.url.failed(), words),
    };
    let started = Instant::now();
    let left = || config.timeout.saturating_sub(started.elapsed());
    let tls = tls(&url);
    let mut pause = PAUSE;
    for _ in 1..TRIES {
        match post(&url, words, left() / 2, &tls) {
            Err(error) if error.is_retryable() && left() > 2 * pause => thread::sleep(pause),
            result => return result,
        }
        pause *= 2;
    }
    post(&url, words, left(), &tls)
}

/// The system's certificates vouch for the server, and ring proves it, as for mail servers.
fn tls(url: &SecretString) -> TlsConfig {
    let tls = TlsConfig::builder();
    if url.expose_secret().starts_with("http:") {
        return tls.build();
    }
    let certificates: Vec<_> = rustls_native_certs::load_native_certs()
        .certs
        .iter()
        .map(|certificate| Certificate::from_der(certificate).to_owned())
        .collect();
    tls.root_certs(RootCerts::new_with_certs(&certificates))
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
        .build()
}

fn post(
    url: &SecretString,
    words: &str,
    patience: Duration,
    tls: &TlsConfig,
) -> Result<(), PingError> {
    let agent = ureq::Agent::config_builder()
        .timeout_global(Some(patience))
        .http_status_as_error(false)
        .user_agent(concat!("vigie/", env!("CARGO_PKG_VERSION")))
        .tls_config(tls.clone())
        .build()
        .new_agent();
    let answer = agent
        .post(url.expose_secret())
        .content_type("text/plain; charset=utf-8")
        .send(words);
    match answer {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => Err(PingError::Status(answer.status().as_u16())),
        Err(ureq::Error::Timeout(_)) => Err(PingError::Silence(patience)),
        Err(ureq::Error::Io(error)) => Err(PingError::Unreachable(error.to_string())),
        // The words of others could quote the address.
        Err(ureq::Error::HostNotFound) => {
            Err(PingError::Unreachable("its host is not found".to_owned()))
        }
        Err(ureq::Error::Rustls(error)) => Err(PingError::Unreachable(error.to_string())),
        Err(ureq::Error::Protocol(_)) => {
            Err(PingError::Unreachable("the answer is no HTTP".to_owned()))
        }
        Err(_) => Err(PingError::Unreachable("the request failed".to_owned())),
    }
}
