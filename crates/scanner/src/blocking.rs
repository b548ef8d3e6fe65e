//! Runs work on files off the async threads.

use tokio::task::spawn_blocking;

/// Waits for `work` without holding up the runtime. A panic in it goes on here.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // The runtime is shutting down: nobody waits for the answer any more.
        Err(_) => std::future::pending().await,
    }
}
