use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, Sender, channel};

use tokio::time::timeout;

use super::*;
use crate::watchdog::pulse::Holds;

/// Long enough for a thread that moves to be seen moving, on a machine that has other work too.
const TIMEOUT: Duration = Duration::from_millis(200);

fn agents(count: usize) -> Vec<AgentId> {
    let names = (0..count).map(|number| AgentId::new(format!("A_B_{number}")).unwrap());
    names.collect()
}

/// A folder that does not answer until the other end of this is dropped.
fn silence() -> (Sender<()>, Mutex<Receiver<()>>) {
    let (answer, silence) = channel();
    (answer, Mutex::new(silence))
}

fn hang(silence: &Mutex<Receiver<()>>) {
    let _ = silence.lock().unwrap().recv();
}

/// Until no thread is lost any more.
async fn all_back(watchdog: &Watchdog) {
    let mut look = tokio::time::interval(Duration::from_millis(5));
    let back = async {
        while watchdog.hung.has_any() {
            look.tick().await;
        }
    };
    timeout(Duration::from_secs(10), back).await.unwrap();
}

#[tokio::test]
async fn one_that_does_not_answer_is_named_and_the_others_are_served_in_order() {
    let watchdog = Watchdog::new(TIMEOUT);
    let (answer, silence) = silence();
    let silent = agents(5)[2].clone();
    let hangs = silent.clone();
    let done = watchdog.each(Span::none(), agents(5), move |agent, _| {
        if *agent == hangs {
            hang(&silence);
        }
        agent.to_string()
    });
    let done = done.await;
    assert_eq!(done[2], Err(Stall::Begun(Silence(TIMEOUT))));
    let served: Vec<String> = done.into_iter().flatten().collect();
    assert_eq!(served, ["A_B_0", "A_B_1", "A_B_3", "A_B_4"]);
    let still = watchdog.one(silent.clone(), |_, _| unreachable!()).await;
    assert!(matches!(still, Err::<(), _>(Stall::Still(_))));
    drop(answer);
    all_back(&watchdog).await;
    assert_eq!(watchdog.one(silent, |_, _| 7).await, Ok(7));
}

#[tokio::test]
async fn however_many_do_not_answer_they_are_waited_for_together() {
    let watchdog = Watchdog::new(TIMEOUT);
    let (answer, silence) = silence();
    // Each waits for the lock of the first.
    let done = watchdog.each(Span::none(), agents(40), move |agent, _| {
        if !agent.as_str().ends_with('7') {
            hang(&silence);
        }
    });
    let started = Instant::now();
    let done = done.await;
    assert!(started.elapsed() < TIMEOUT * 12, "{:?}", started.elapsed());
    assert_eq!(done.iter().filter(|done| done.is_ok()).count(), 4);
    drop(answer);
    all_back(&watchdog).await;
}

#[tokio::test]
async fn one_that_is_slow_is_waited_for() {
    let watchdog = Watchdog::new(TIMEOUT);
    let slow = move |_: &AgentId, pulse: &Pulse| {
        for _ in 0..8 {
            std::thread::sleep(TIMEOUT / 4);
            pulse.beat().unwrap();
        }
    };
    assert_eq!(watchdog.one(agents(1).remove(0), slow).await, Ok(()));
}

#[tokio::test]
async fn a_wait_through_no_fault_of_the_folder_is_no_silence() {
    let watchdog = Watchdog::new(TIMEOUT);
    let waits = move |_: &AgentId, pulse: &Pulse| pulse.wait(|| std::thread::sleep(TIMEOUT * 3));
    assert_eq!(watchdog.one(agents(1).remove(0), waits).await, Ok(Ok(())));
}

struct Held(Arc<AtomicBool>);

impl Holds for Held {
    fn pass_on(&self) {}

    fn write_off(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Tells when it is dropped.
struct Place(Sender<()>);

impl Drop for Place {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

#[tokio::test]
async fn a_place_in_which_nothing_moves_goes_to_the_next_long_before_the_thread_is_given_up() {
    let watchdog = Watchdog::new(Duration::from_secs(4));
    let (answer, silence) = silence();
    let (place, is_free) = channel();
    let hangs = move |_: &AgentId, _: &Pulse| hang(&silence);
    let work = watchdog.one_in_place(agents(1).remove(0), Place(place), hangs);
    let next = tokio::task::spawn_blocking(move || {
        is_free.recv().unwrap();
        drop(answer);
    });
    let (done, next) = tokio::join!(work, next);
    assert_eq!(done, Ok(()));
    next.unwrap();
}

#[tokio::test]
async fn a_thread_that_comes_back_learns_that_it_was_given_up() {
    let watchdog = Watchdog::new(TIMEOUT);
    let (answer, silence) = silence();
    let (tell, told) = channel();
    let is_back = Arc::new(AtomicBool::new(false));
    let held = Arc::new(Held(is_back.clone()));
    let work = move |_: &AgentId, pulse: &Pulse| {
        let _holding = pulse.hold(held);
        hang(&silence);
        tell.send(pulse.wait(|| ()).is_err()).unwrap();
    };
    let done = watchdog.one(agents(1).remove(0), work).await;
    assert!(done.is_err());
    assert!(is_back.load(Ordering::Relaxed));
    drop(answer);
    assert!(told.recv().unwrap());
}

#[tokio::test]
async fn whoever_no_longer_waits_has_the_work_stopped() {
    let watchdog = Watchdog::new(Duration::from_mins(10));
    let (answer, silence) = silence();
    let (at_work, is_at_work) = channel();
    let (tell, told) = channel();
    let work = move |_: &AgentId, pulse: &Pulse| {
        at_work.send(()).unwrap();
        hang(&silence);
        tell.send(pulse.beat().is_err()).unwrap();
    };
    let waiting = {
        let watchdog = watchdog.clone();
        tokio::spawn(async move { watchdog.one(agents(1).remove(0), work).await })
    };
    tokio::task::spawn_blocking(move || is_at_work.recv().unwrap())
        .await
        .unwrap();
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    drop(answer);
    let told = tokio::task::spawn_blocking(move || told.recv().unwrap());
    assert!(told.await.unwrap());
    assert!(!watchdog.hung.has_any());
}

#[tokio::test]
#[should_panic(expected = "of the work")]
async fn a_panic_of_the_work_goes_on_in_who_waits_for_it() {
    let work = |_: &AgentId, _: &Pulse| panic!("of the work");
    // To print where it came from may take long.
    let _ = Watchdog::new(Duration::from_mins(10))
        .each(Span::none(), agents(1), work)
        .await;
}
