//! Who may do the next piece of work, when only so many pieces are done at once: agents take turns,
//! so that one with much to do keeps no other waiting for all of it. Knows no file.

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// A gate that lets so many through at once.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    queue: Arc<Mutex<Queue>>,
}

/// Held while a piece of work is done; the next one begins when it is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    /// `None` once it was passed on.
    queue: Option<Arc<Mutex<Queue>>>,
}

#[derive(Debug)]
struct Queue {
    free: usize,
    /// Those who wait, by agent.
    waiting: HashMap<String, VecDeque<oneshot::Sender<Permit>>>,
    /// The agents who wait, in the order of their turns; each stands there once.
    agents: VecDeque<String>,
}

impl Gate {
    pub(crate) fn new(at_once: NonZeroUsize) -> Self {
        let queue = Queue {
            free: at_once.get(),
            waiting: HashMap::new(),
            agents: VecDeque::new(),
        };
        Self {
            queue: Arc::new(Mutex::new(queue)),
        }
    }

    /// Waits for a turn of this agent.
    pub(crate) async fn pass(&self, agent: &str) -> Permit {
        let queue = self.queue.clone();
        let waiting = {
            let mut state = lock(&queue);
            if state.free > 0 {
                state.free -= 1;
                None
            } else {
                Some(state.join(agent))
            }
        };
        let Some(waiting) = waiting else {
            return Permit { queue: Some(queue) };
        };
        match waiting.await {
            Ok(permit) => permit,
            // Only a queue that is gone drops those who wait in it, and this one is held here.
            Err(_) => std::future::pending().await,
        }
    }
}

impl Queue {
    fn join(&mut self, agent: &str) -> oneshot::Receiver<Permit> {
        let (sender, receiver) = oneshot::channel();
        let waiting = self.waiting.entry(agent.to_owned()).or_default();
        if waiting.is_empty() {
            self.agents.push_back(agent.to_owned());
        }
        waiting.push_back(sender);
        receiver
    }

    /// The next one, whose agent then goes to the end.
    fn next(&mut self) -> Option<oneshot::Sender<Permit>> {
        let agent = self.agents.pop_front()?;
        let waiting = self.waiting.get_mut(&agent)?;
        let next = waiting.pop_front();
        if waiting.is_empty() {
            self.waiting.remove(&agent);
        } else {
            self.agents.push_back(agent);
        }
        next
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Some(queue) = self.queue.take() else {
            return;
        };
        loop {
            let next = {
                let mut state = lock(&queue);
                let next = state.next();
                if next.is_none() {
                    state.free += 1;
                }
                next
            };
            let Some(next) = next else {
                return;
            };
            let permit = Self {
                queue: Some(queue.clone()),
            };
            match next.send(permit) {
                Ok(()) => return,
                // From one who no longer waits: the one after that is to have it.
                Err(mut permit) => permit.queue = None,
            }
        }
    }
}

fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::task::yield_now;

    fn one_at_once() -> Gate {
        Gate::new(NonZeroUsize::MIN)
    }

    #[tokio::test]
    async fn agents_take_turns_however_much_one_of_them_has_to_do() {
        let gate = one_at_once();
        let first = gate.pass("busy").await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for agent in ["busy", "busy", "busy", "busy", "calm", "rare"] {
            let (gate, order) = (gate.clone(), order.clone());
            tasks.push(tokio::spawn(async move {
                let _permit = gate.pass(agent).await;
                order.lock().unwrap().push(agent);
            }));
            yield_now().await;
        }
        drop(first);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(
            *order.lock().unwrap(),
            ["busy", "calm", "rare", "busy", "busy", "busy"]
        );
    }

    #[tokio::test]
    async fn however_many_give_up_waiting_a_turn_reaches_the_next() {
        let gate = one_at_once();
        let first = gate.pass("a").await;
        let many: Vec<_> = (0..50_000)
            .map(|_| {
                let gate = gate.clone();
                tokio::spawn(async move { gate.pass("b").await })
            })
            .collect();
        yield_now().await;
        for waiting in &many {
            waiting.abort();
        }
        yield_now().await;
        drop(first);
        drop(gate.pass("c").await);
    }

    #[tokio::test]
    async fn one_who_gives_up_waiting_keeps_nobody_from_a_turn() {
        let gate = one_at_once();
        let first = gate.pass("a").await;
        let other = gate.clone();
        let waiting = tokio::spawn(async move { other.pass("b").await });
        yield_now().await;
        waiting.abort();
        assert!(waiting.await.unwrap_err().is_cancelled());
        drop(first);
        drop(gate.pass("c").await);
        drop(gate.pass("d").await);
    }
}
