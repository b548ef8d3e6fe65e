//! The outbox on a real database file, beside the one in memory: whatever is done to both, they agree.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use tempfile::TempDir;
use vigie_domain::{
    AgentId, DomainEvent, EventKind, ExpectedBackupJob, JobDeclaration, JobId, JobStatus, Schedule,
    Transition,
};
use vigie_notify::{
    Acknowledgement, AskedNotification, Attempt, Backlog, Delivery, DeliveryId, EventId,
    FaultRecord, Hold, HoldCause, Incident, Lease, Ledger, Mail, MemoryOutbox, NotificationId,
    NotificationKind, NotificationSubject, OpenIncident, Outbox, Outcome, PendingNotification,
    Plan, PlannedMail, Receipt, StatusChange, SystemFault,
};
use vigie_scanner::Store;
use vigie_store::{DeliveryState, SqliteStore, Which};

const START: &str = "2025-06-20T00:00:00Z";

fn at(minutes: i64) -> Timestamp {
    let start: Timestamp = START.parse().unwrap();
    start
        .checked_add(SignedDuration::from_mins(minutes))
        .unwrap()
}

fn mail(name: &str, to: &str) -> Mail {
    Mail {
        message_id: format!("<{name}@example.com>"),
        date: at(0),
        from: "vigie@example.com".to_owned(),
        to: to.to_owned(),
        subject: name.to_owned(),
        text: "text".to_owned(),
        html: "html".to_owned(),
        urgent: false,
        threads: Vec::new(),
    }
}

fn lease(holder: &str, until: Timestamp) -> Lease {
    Lease {
        holder: holder.to_owned(),
        until,
    }
}

/// A store in which there are this many events, of a job each.
async fn store_with_events(count: usize) -> (TempDir, SqliteStore, Vec<DomainEvent>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vigie.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let declaration = |number| JobDeclaration {
        agent: AgentId::new("A_B_C").unwrap(),
        database: format!("X{number}"),
        company: None,
        city: None,
        neighborhood: None,
        year: None,
        schedule: Schedule::every(Duration::from_hours(24), Duration::ZERO).unwrap(),
        recipients: Vec::new(),
        active: true,
        warnings: None,
        verify: None,
    };
    let declarations: Vec<JobDeclaration> = (0..count).map(declaration).collect();
    store.declare_jobs(&declarations, at(0)).await.unwrap();
    let jobs = store.jobs_after(JobId(0), u32::MAX).await.unwrap();
    let moves: Vec<Transition> = jobs.into_iter().map(missing).collect();
    store.commit_deadlines(&moves).await.unwrap();
    let events = moves.into_iter().flat_map(|moved| moved.events).collect();
    (folder, store, events)
}

fn missing(job: ExpectedBackupJob) -> Transition {
    let kind = EventKind::JobMissing {
        job: Box::new(job.clone()),
        from: job.current_status,
        expected_at: at(0),
        deadline_at: at(0),
    };
    let events = vec![DomainEvent { at: at(0), kind }];
    Transition { job, events }
}

fn plan_of(up_to: i64, mails: Vec<PlannedMail>, planned_at: Timestamp) -> Plan {
    Plan {
        up_to: Some(EventId(up_to)),
        mails,
        planned_at,
        ..Plan::default()
    }
}

async fn planned(names: &[(&str, &str)]) -> (TempDir, SqliteStore) {
    let (folder, store, _) = store_with_events(1).await;
    let mails = names.iter().map(|(name, to)| PlannedMail {
        event: Some(EventId(1)),
        tells: Vec::new(),
        mail: mail(name, to),
    });
    store
        .plan(&plan_of(1, mails.collect(), at(0)))
        .await
        .unwrap();
    (folder, store)
}

fn attempt(delivery: i64, minutes: i64, outcome: Outcome) -> Attempt {
    Attempt {
        delivery: DeliveryId(delivery),
        at: at(minutes),
        outcome,
    }
}

fn sent() -> Outcome {
    Outcome::Sent(Receipt {
        by: "mail.example.com:587".to_owned(),
        answer: "250 queued".to_owned(),
    })
}

fn dead() -> Outcome {
    Outcome::Dead {
        error: "550 nobody".to_owned(),
    }
}

#[tokio::test]
async fn what_became_of_a_mail_is_kept_with_it() {
    let (_folder, store) = planned(&[("one", "A@example.com"), ("two", "B <b@example.com>")]).await;
    let claimed = store
        .claim(at(1), &lease("me", at(2)), &[], 10)
        .await
        .unwrap();
    assert_eq!(claimed[1].mail, mail("two", "B <b@example.com>"));
    let deferred = Outcome::Deferred {
        error: "451 later".to_owned(),
        due_at: at(5),
    };
    let attempts = [attempt(1, 1, sent()), attempt(2, 1, deferred)];
    store.record("me", &attempts).await.unwrap();

    let one = store.delivery(DeliveryId(1)).await.unwrap().unwrap();
    assert_eq!((one.state, one.attempts), (DeliveryState::Sent, 1));
    assert_eq!(one.taken_by.as_deref(), Some("mail.example.com:587"));
    assert_eq!(one.answer.as_deref(), Some("250 queued"));
    assert_eq!(one.last_attempt_at, Some(at(1)));
    let two = store.delivery(DeliveryId(2)).await.unwrap().unwrap();
    assert_eq!((two.state, two.due_at), (DeliveryState::Waiting, at(5)));
    assert_eq!(two.last_error.as_deref(), Some("451 later"));
    assert_eq!(two.lease_holder, None);

    let listed = store
        .deliveries(&[DeliveryState::Waiting], 10)
        .await
        .unwrap();
    assert_eq!(listed, [two]);
    assert_eq!(store.count_dead().await.unwrap(), 0);
}

#[tokio::test]
async fn a_dead_mail_can_be_tried_again_or_given_up() {
    let (_folder, store) = planned(&[("one", "a@example.com"), ("two", "b@example.com")]).await;
    store
        .claim(at(1), &lease("me", at(2)), &[], 10)
        .await
        .unwrap();
    let which = Which::One(DeliveryId(1));
    assert_eq!(store.retry_deliveries(which, at(1)).await.unwrap(), []);
    store
        .record("me", &[attempt(1, 1, dead()), attempt(2, 1, dead())])
        .await
        .unwrap();
    assert_eq!(store.untold_dead(at(0), at(2), 10).await.unwrap().len(), 2);

    assert!(drops(&store, 2).await);
    assert!(!drops(&store, 2).await);
    assert_eq!(
        store.retry_deliveries(Which::Dead, at(3)).await.unwrap(),
        [DeliveryId(1)]
    );
    assert_eq!(
        store.backlog().await.unwrap(),
        Backlog {
            waiting: 1,
            oldest_planned_at: Some(at(0))
        }
    );
    let claimed = store
        .claim(at(3), &lease("me", at(4)), &[], 10)
        .await
        .unwrap();
    assert_eq!(claimed.len(), 1);
    store.record("me", &[attempt(1, 3, sent())]).await.unwrap();
    assert_eq!(
        store
            .retry_deliveries(Which::One(DeliveryId(1)), at(4))
            .await
            .unwrap(),
        []
    );
    assert!(!drops(&store, 1).await);
    assert!(!drops(&store, 99).await);
    let given_up = Which::One(DeliveryId(2));
    assert_eq!(
        store.retry_deliveries(given_up, at(4)).await.unwrap(),
        [DeliveryId(2)]
    );
}

async fn drops(store: &SqliteStore, id: i64) -> bool {
    let which = Which::One(DeliveryId(id));
    !store.drop_deliveries(which).await.unwrap().is_empty()
}

#[tokio::test]
async fn what_is_on_its_way_is_neither_retried_nor_given_up() {
    let (_folder, store) = planned(&[("one", "a@example.com"), ("two", "b@example.com")]).await;
    assert_eq!(store.last_retry().await.unwrap(), None);
    store
        .claim(
            at(1),
            &lease("me", at(2)),
            &["b@example.com".to_owned()],
            10,
        )
        .await
        .unwrap();
    assert!(!drops(&store, 1).await);
    let waiting = Which::Waiting;
    assert_eq!(
        store.retry_deliveries(waiting, at(1)).await.unwrap(),
        [DeliveryId(2)]
    );
    assert_eq!(store.last_retry().await.unwrap(), Some(at(1)));
    assert_eq!(
        store.drop_deliveries(waiting).await.unwrap(),
        [DeliveryId(2)]
    );
}

#[tokio::test]
async fn an_incident_that_was_taken_on_is_so_until_it_becomes_something_else() {
    let (_folder, store, events) = store_with_events(1).await;
    let job = events[0].job().unwrap().clone();
    let by_ops = Acknowledgement {
        at: at(2),
        by: "ops".to_owned(),
    };
    assert!(!store.acknowledge(&job, &by_ops).await.unwrap());
    let change = |minutes| StatusChange {
        at: at(minutes),
        status: JobStatus::Failed,
    };
    let mut incident = Incident {
        job: job.id,
        opened_at: at(1),
        good_until: at(0),
        last_good: None,
        changes: vec![change(1)],
        reminders: 0,
        remind_at: Some(at(5)),
        acknowledged: None,
        closed_at: None,
    };
    let keep = async |incident: &Incident| {
        let mut plan = plan_of(1, Vec::new(), at(1));
        plan.incidents.push((incident.clone(), EventId(1)));
        store.plan(&plan).await.unwrap();
        let open = store.open_incidents(&[job.id]).await.unwrap();
        let due = store.incidents_to_remind(at(9), 10).await.unwrap();
        (open.into_iter().next().map(|open| open.incident), due.len())
    };
    assert_eq!(keep(&incident).await, (Some(incident.clone()), 1));
    assert!(store.acknowledge(&job, &by_ops).await.unwrap());
    // Whoever writes what they read before does not undo it.
    incident.reminders = 1;
    let taken_on = Incident {
        acknowledged: Some(by_ops.clone()),
        ..incident.clone()
    };
    assert_eq!(keep(&incident).await, (Some(taken_on), 0));
    incident.changes.push(change(3));
    assert_eq!(keep(&incident).await, (Some(incident.clone()), 1));
    incident.closed_at = Some(at(4));
    assert_eq!(keep(&incident).await, (None, 0));
    assert!(!store.acknowledge(&job, &by_ops).await.unwrap());
}

#[tokio::test]
async fn who_knows_that_nobody_sends_need_not_wait_for_leases() {
    let (_folder, store) = planned(&[("one", "a@example.com")]).await;
    store
        .claim(at(1), &lease("dead", at(60)), &[], 10)
        .await
        .unwrap();
    assert_eq!(
        store
            .claim(at(2), &lease("me", at(3)), &[], 10)
            .await
            .unwrap(),
        []
    );
    store.release_leases().await.unwrap();
    assert_eq!(
        store
            .claim(at(2), &lease("me", at(3)), &[], 10)
            .await
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn a_mail_that_can_not_be_read_keeps_no_other_from_being_sent() {
    let (folder, store) = planned(&[("one", "a@example.com"), ("two", "b@example.com")]).await;
    let url = format!("sqlite://{}", folder.path().join("vigie.db").display());
    let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
    sqlx::query("UPDATE mails SET mail = '{' WHERE delivery_id = 1")
        .execute(&pool)
        .await
        .unwrap();
    let claimed = store
        .claim(at(1), &lease("me", at(2)), &[], 10)
        .await
        .unwrap();
    let ids: Vec<DeliveryId> = claimed.iter().map(|delivery| delivery.id).collect();
    assert_eq!(ids, [DeliveryId(2)]);
}

/// What may be done to an outbox.
#[derive(Debug, Clone)]
enum Step {
    Plan(Vec<usize>),
    Claim {
        holder: usize,
        except: Vec<usize>,
        limit: u32,
        minutes: i64,
    },
    Renew {
        holder: usize,
        minutes: i64,
    },
    Record {
        holder: usize,
        ended: Vec<(usize, usize)>,
    },
    Tell {
        since: i64,
        recipient: usize,
    },
    Say {
        how: usize,
        minutes: i64,
    },
    Fault(bool),
    Pass {
        minutes: i64,
    },
}

const HOLDERS: [&str; 2] = ["first", "second"];
const PEOPLE: [&str; 4] = [
    "a@example.com",
    "B <b@example.com>",
    "C@Example.com",
    "d@example.com",
];

fn step() -> impl Strategy<Value = Step> {
    let some = |most| prop::collection::vec(0..PEOPLE.len(), 0..most);
    prop_oneof![
        some(5).prop_map(Step::Plan),
        (0..2_usize, some(3), 0..6_u32, 1..10_i64).prop_map(|(holder, except, limit, minutes)| {
            Step::Claim {
                holder,
                except,
                limit,
                minutes,
            }
        }),
        (0..2_usize, 1..10_i64).prop_map(|(holder, minutes)| Step::Renew { holder, minutes }),
        (
            0..2_usize,
            prop::collection::vec((0..8_usize, 0..5_usize), 0..6)
        )
            .prop_map(|(holder, ended)| Step::Record { holder, ended }),
        (0..300_i64, 0..PEOPLE.len())
            .prop_map(|(since, recipient)| Step::Tell { since, recipient }),
        (0..8_usize, -5..200_i64).prop_map(|(how, minutes)| Step::Say { how, minutes }),
        any::<bool>().prop_map(Step::Fault),
        prop_oneof![3 => 0..20_i64, 1 => -400..0_i64].prop_map(|minutes| Step::Pass { minutes }),
    ]
}

/// Two outboxes to which the same is done.
struct Both {
    incidents: BTreeMap<JobId, Incident>,
    memory: MemoryOutbox,
    store: SqliteStore,
    now: i64,
    planned: i64,
    events: i64,
    faults: i64,
}

impl Both {
    async fn step(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Plan(people) => self.plan(&people).await,
            Step::Claim {
                holder,
                except,
                limit,
                minutes,
            } => {
                let lease = lease(HOLDERS[holder], at(self.now + minutes));
                let except: Vec<String> = except
                    .iter()
                    .map(|&person| mail("", PEOPLE[person]).recipient())
                    .collect();
                let now = at(self.now);
                let one = self
                    .memory
                    .claim(now, &lease, &except, limit)
                    .await
                    .unwrap();
                let other = self.store.claim(now, &lease, &except, limit).await.unwrap();
                prop_assert_eq!(sorted(one), sorted(other));
            }
            Step::Renew { holder, minutes } => {
                let lease = lease(HOLDERS[holder], at(self.now + minutes));
                self.memory.renew(&lease).await.unwrap();
                self.store.renew(&lease).await.unwrap();
            }
            Step::Record { holder, ended } => {
                // One mail ends once in a call.
                let ended: BTreeMap<usize, usize> = ended.into_iter().collect();
                let ended: Vec<Attempt> = ended
                    .iter()
                    .map(|(&back, &how)| self.attempt(back, how))
                    .collect();
                self.memory.record(HOLDERS[holder], &ended).await.unwrap();
                self.store.record(HOLDERS[holder], &ended).await.unwrap();
            }
            Step::Tell { since, recipient } => self.tell(since, recipient).await?,
            Step::Say { how, minutes } => self.say(how, minutes).await?,
            Step::Fault(closes) => self.fault(closes).await,
            Step::Pass { minutes } => self.now += minutes,
        }
        self.agree().await
    }

    /// An event: its incident as it becomes, and what is asked for.
    async fn plan(&mut self, people: &[usize]) {
        self.events += 1;
        let event = EventId(self.events);
        let incident = self.incident(event, person_of(people));
        let kind = match (incident.closed_at, self.events % 3) {
            (Some(_), _) => NotificationKind::Recovery,
            (None, 0) => NotificationKind::Reminder,
            (None, _) => NotificationKind::Alert,
        };
        let mut plan = plan_of(event.0, Vec::new(), at(self.now));
        for &person in people {
            let reader = PEOPLE[person].to_owned();
            let is_warning = self.events % 5 == 0;
            plan.asked.push(AskedNotification {
                job: incident.job,
                incident: (!is_warning).then_some(incident.key()),
                event,
                kind: if is_warning {
                    NotificationKind::Warning
                } else {
                    kind
                },
                reader,
            });
        }
        let key = |asked: &AskedNotification| (asked.incident, asked.recipient());
        let mut known = BTreeSet::new();
        plan.asked.retain(|asked| known.insert(key(asked)));
        plan.incidents.push((incident, event));
        self.keep(&plan).await;
    }

    async fn keep(&self, plan: &Plan) {
        self.memory.plan(plan).await.unwrap();
        self.store.plan(plan).await.unwrap();
    }

    /// What is to be told is told by one mail to each reader, or held back, or dropped.
    async fn say(&mut self, how: usize, minutes: i64) -> Result<(), TestCaseError> {
        let now = at(self.now);
        let one = self.memory.pending_notifications(now, 100).await.unwrap();
        let other = self.store.pending_notifications(now, 100).await.unwrap();
        prop_assert_eq!(described(&one), described(&other));
        let (mut of_memory, mut of_store) = (self.saying(), self.saying());
        for (plan, pending) in [(&mut of_memory, &one), (&mut of_store, &other)] {
            let until = at(self.now + minutes);
            let cause = HoldCause::ALL[how % HoldCause::ALL.len()];
            match how {
                0..4 => {
                    let held = pending
                        .iter()
                        .map(|pending| (pending.id, Hold { until, cause }));
                    plan.held = held.collect();
                }
                4 => plan.dropped = pending.iter().map(|pending| pending.id).collect(),
                _ => plan.mails = self.mails_of(pending),
            }
        }
        self.planned += i64::try_from(of_store.mails.len()).unwrap();
        self.memory.plan(&of_memory).await.unwrap();
        self.store.plan(&of_store).await.unwrap();
        Ok(())
    }

    fn saying(&self) -> Plan {
        Plan {
            planned_at: at(self.now),
            ..Plan::default()
        }
    }

    fn mails_of(&self, pending: &[PendingNotification]) -> Vec<PlannedMail> {
        let mut readers: BTreeMap<String, Vec<&PendingNotification>> = BTreeMap::new();
        for pending in pending {
            let key = mail("", &pending.reader).recipient();
            readers.entry(key).or_default().push(pending);
        }
        let numbered = readers.into_values().enumerate();
        let mails = numbered.map(|(index, pending)| {
            let number = self.planned + 1 + i64::try_from(index).unwrap();
            let event = pending.iter().find_map(|pending| match pending.subject {
                NotificationSubject::Event(event) => Some(event),
                NotificationSubject::Incident(_) => None,
            });
            let mail = Mail {
                date: at(self.now),
                ..mail(&number.to_string(), &pending[0].reader)
            };
            PlannedMail {
                event: Some(event.unwrap_or(EventId(1))),
                tells: pending.iter().map(|pending| pending.id).collect(),
                mail,
            }
        });
        mails.collect()
    }

    /// The deposit can't be read, or can again.
    async fn fault(&mut self, closes: bool) {
        let open = self.store.faults_since(Timestamp::MAX).await.unwrap();
        let mut record = open.into_iter().next().unwrap_or(FaultRecord {
            is_told: closes,
            fault: SystemFault::DepositUnreachable {
                error: "no such folder".to_owned(),
            },
            // No two open at the same instant.
            opened_at: at(self.now + self.faults * 10_000),
            reminders: 0,
            remind_at: Some(at(self.now + 60)),
            closed_at: None,
        });
        self.faults += 1;
        record.reminders += 1;
        record.closed_at = closes.then_some(at(self.now));
        let faults = vec![record];
        let plan = Plan {
            faults,
            ..self.saying()
        };
        self.keep(&plan).await;
    }

    /// What becomes of the incident of the event's job: it opens, changes, or closes.
    fn incident(&mut self, event: EventId, how: usize) -> Incident {
        // Two events each are about one job.
        let job = JobId((event.0 + 1) / 2);
        let known = self
            .incidents
            .get(&job)
            .filter(|known| known.closed_at.is_none());
        let mut incident = known.cloned().unwrap_or_else(|| Incident {
            job,
            opened_at: at(self.now + event.0 * 10_000),
            good_until: at(0),
            last_good: None,
            changes: Vec::new(),
            reminders: 0,
            remind_at: None,
            acknowledged: None,
            closed_at: None,
        });
        incident.changes.push(StatusChange {
            at: at(self.now),
            status: JobStatus::Failed,
        });
        match how {
            0 => incident.closed_at = Some(at(self.now)),
            1 => incident.remind_at = Some(at(self.now + 5)),
            2 => incident.reminders += 1,
            _ => incident.changes.truncate(1),
        }
        self.incidents.insert(job, incident.clone());
        incident
    }

    fn attempt(&self, back: usize, how: usize) -> Attempt {
        let id = self.planned - i64::try_from(back).unwrap();
        let error = "451 later".to_owned();
        let due_at = at(self.now + 7);
        let outcomes = [
            sent(),
            dead(),
            Outcome::Deferred {
                error: error.clone(),
                due_at,
            },
            Outcome::Unreached { error },
            Outcome::Released,
        ];
        attempt(id, self.now, outcomes[how].clone())
    }

    async fn tell(&mut self, since: i64, recipient: usize) -> Result<(), TestCaseError> {
        let since = at(self.now - since);
        let one = self
            .memory
            .untold_dead(since, at(self.now), 3)
            .await
            .unwrap();
        let other = self
            .store
            .untold_dead(since, at(self.now), 3)
            .await
            .unwrap();
        prop_assert_eq!(&one, &other);
        let told: Vec<DeliveryId> = one.iter().map(|dead| dead.id).collect();
        if told.is_empty() {
            return Ok(());
        }
        self.planned += 1;
        let notices = [mail(&self.planned.to_string(), PEOPLE[recipient])];
        self.memory
            .plan_notices(&told, &notices, at(self.now))
            .await
            .unwrap();
        self.store
            .plan_notices(&told, &notices, at(self.now))
            .await
            .unwrap();
        Ok(())
    }

    async fn agree(&self) -> Result<(), TestCaseError> {
        let jobs: Vec<JobId> = self.incidents.keys().copied().collect();
        let one = self.memory.open_incidents(&jobs).await.unwrap();
        let other = self.store.open_incidents(&jobs).await.unwrap();
        prop_assert_eq!(one.len(), other.len());
        for (one, other) in one.iter().zip(&other) {
            prop_assert_eq!(&one.incident, &other.incident);
            let told =
                |open: &OpenIncident| -> BTreeSet<String> { open.told.iter().cloned().collect() };
            prop_assert_eq!(told(one), told(other));
            let whom = |addresses: &[String]| addresses.iter().cloned().collect::<BTreeSet<_>>();
            prop_assert_eq!(whom(&one.waiting), whom(&other.waiting));
            prop_assert_eq!(&one.event, &other.event);
        }
        let now = at(self.now);
        let one = self.memory.incidents_to_remind(now, 2).await.unwrap();
        let other = self.store.incidents_to_remind(now, 2).await.unwrap();
        let keys = |open: Vec<OpenIncident>| -> Vec<_> {
            open.into_iter().map(|open| open.incident.key()).collect()
        };
        prop_assert_eq!(keys(one), keys(other));
        let one = self.memory.pending_notifications(now, 100).await.unwrap();
        let other = self.store.pending_notifications(now, 100).await.unwrap();
        prop_assert_eq!(described(&one), described(&other));
        let ids = |pending: &[PendingNotification]| -> Vec<NotificationId> {
            pending.iter().map(|pending| pending.id).collect()
        };
        let one = self.memory.notification_details(&ids(&one)).await.unwrap();
        let other = self.store.notification_details(&ids(&other)).await.unwrap();
        prop_assert_eq!(one.len(), other.len());
        let whole =
            |detail: &vigie_notify::NotificationDetail| (detail.incident.clone(), detail.event.0);
        let mut one: Vec<_> = one.iter().map(whole).collect();
        let mut other: Vec<_> = other.iter().map(whole).collect();
        for details in [&mut one, &mut other] {
            details.sort_by_key(|(incident, event)| (incident.as_ref().map(Incident::key), *event));
        }
        prop_assert_eq!(one, other);
        let everybody: Vec<String> = PEOPLE.iter().map(|to| mail("", to).recipient()).collect();
        let one = self.memory.reader_states(&everybody, now).await.unwrap();
        let other = self.store.reader_states(&everybody, now).await.unwrap();
        prop_assert_eq!(one, other);
        let since = at(self.now - 30);
        let one = self.memory.faults_since(since).await.unwrap();
        let other = self.store.faults_since(since).await.unwrap();
        prop_assert_eq!(one, other);
        let (one, other) = (
            self.memory.backlog().await.unwrap(),
            self.store.backlog().await.unwrap(),
        );
        prop_assert_eq!(one, other);
        let one = self.memory.count_sent_since(since).await.unwrap();
        let other = self.store.count_sent_since(since).await.unwrap();
        prop_assert_eq!(one, other);
        let one = self.memory.unplanned_events(1).await.unwrap();
        let other = self.store.unplanned_events(1).await.unwrap();
        prop_assert_eq!(one, other);
        Ok(())
    }
}

type Described = (
    NotificationSubject,
    NotificationKind,
    String,
    Timestamp,
    bool,
    Option<HoldCause>,
    JobStatus,
);

/// All but the numbers, which each outbox gives out itself.
fn described(pending: &[PendingNotification]) -> BTreeSet<String> {
    let described = pending.iter().map(|pending| -> Described {
        (
            pending.subject,
            pending.kind,
            pending.reader.clone(),
            pending.asked_at,
            pending.acknowledged,
            pending.held_by,
            pending.job.status,
        )
    });
    described
        .map(|described| format!("{described:?}"))
        .collect()
}

fn person_of(people: &[usize]) -> usize {
    people.first().copied().unwrap_or(3)
}

fn sorted(mut deliveries: Vec<Delivery>) -> Vec<Delivery> {
    deliveries.sort_by_key(|delivery| delivery.id);
    deliveries
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_outbox_on_disk_does_what_the_one_in_memory_does(
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (_folder, store, events) = store_with_events(steps.len()).await;
            let memory = MemoryOutbox::new();
            for event in events {
                memory.push(event);
            }
            let mut both = Both {
                incidents: BTreeMap::new(), memory, store, now: 1000, planned: 0, events: 0, faults: 0 };
            for step in steps {
                both.step(step).await?;
            }
            Ok::<(), TestCaseError>(())
        })?;
    }
}
