//! Which mails tell what, whatever there is to tell.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::{EventId, IncidentKey, Matchers, Silence, SilenceId};

const READERS: [&str; 3] = ["Ann <Ann@example.com>", "bob@example.com", "c@example.com"];

fn now() -> Timestamp {
    "2025-06-20T05:20:00Z".parse().unwrap()
}

fn ago(minutes: i64) -> Timestamp {
    later(now(), SignedDuration::from_mins(-minutes))
}

/// An alert on a job that is missing. Of each agent there are ten.
fn missing(job: i64, reader: &str) -> PendingNotification {
    let agent = job / 10;
    PendingNotification {
        id: NotificationId(job),
        subject: NotificationSubject::Incident(IncidentKey {
            job: vigie_domain::JobId(job),
            opened_at: ago(60),
        }),
        kind: NotificationKind::Alert,
        reader: reader.to_owned(),
        asked_at: ago(5),
        acknowledged: false,
        held_by: None,
        job: PendingJob {
            id: vigie_domain::JobId(job),
            agent: format!("C{}_B_{agent}", agent % 2),
            database: format!("X{job}"),
            company: format!("C{}", agent % 2),
            city: "B".to_owned(),
            year: None,
            status: JobStatus::Missing,
        },
    }
}

fn of_kind(kind: NotificationKind, pending: PendingNotification) -> PendingNotification {
    PendingNotification { kind, ..pending }
}

fn held(cause: HoldCause, pending: PendingNotification) -> PendingNotification {
    PendingNotification {
        held_by: Some(cause),
        ..pending
    }
}

fn silence(agents: &str) -> Quiet {
    let silence = Silence {
        id: SilenceId(1),
        matchers: Matchers {
            agents: vec![agents.parse().unwrap()],
            ..Matchers::default()
        },
        starts_at: ago(60),
        ends_at: later(now(), HOUR * 5),
        reason: "new disks".to_owned(),
        author: "ops".to_owned(),
        created_at: ago(60),
    };
    Quiet {
        silences: vec![silence],
        windows: Vec::new(),
    }
}

/// What becomes of these, told to readers of whom this is known.
#[derive(Debug)]
struct Case {
    grouping: Grouping,
    quiet: Quiet,
    state: ReaderState,
    watched: u64,
    idle_since: Option<Timestamp>,
    administrators: BTreeSet<String>,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            grouping: Grouping::default(),
            quiet: Quiet::default(),
            state: ReaderState::default(),
            watched: 1_000,
            idle_since: None,
            administrators: READERS.map(recipient_of).into(),
        }
    }
}

impl Case {
    fn arrange(&self, pending: Vec<PendingNotification>) -> Arrangement {
        let readers = READERS.map(|reader| (recipient_of(reader), self.state.clone()));
        let around = Circumstances {
            now: now(),
            quiet: &self.quiet,
            administrators: &self.administrators,
            readers: &readers.into(),
            watched: self.watched,
            idle_since: self.idle_since,
        };
        let may_be_outage = may_be_outage(&pending);
        let arrangement = arrange(pending, &self.grouping, &around);
        let is_outage = |letter: &Letter| matches!(letter.form, Form::Outage { .. });
        assert!(may_be_outage || !arrangement.letters.iter().any(is_outage));
        arrangement
    }

    /// The forms of the letters, and how much each tells.
    fn forms(&self, pending: Vec<PendingNotification>) -> Vec<(Form, usize)> {
        let letters = self.arrange(pending).letters.into_iter();
        letters
            .map(|letter| (letter.form, letter.tells.len()))
            .collect()
    }
}

fn outage_of(kind: NotificationKind, percent: u8) -> Form {
    Form::Outage { kind, percent }
}

fn group(by: GroupBy, name: &str) -> Form {
    let name = name.to_owned();
    Form::Group(GroupScope { by, name })
}

/// Missing jobs of the first agents, told to the first reader.
fn many(jobs: std::ops::Range<i64>) -> Vec<PendingNotification> {
    jobs.map(|job| missing(job, READERS[0])).collect()
}

#[test]
fn there_are_groups_above_the_threshold_and_mails_of_their_own_up_to_it() {
    let case = Case::default();
    assert_eq!(case.forms(many(0..3)), vec![(Form::Single, 1); 3]);
    let agent = group(GroupBy::Agent, "C0_B_0");
    assert_eq!(case.forms(many(0..4)), [(agent.clone(), 4)]);
    // Another agent's are not counted with them.
    let forms = case.forms(many(6..12));
    assert_eq!(forms[0], (agent, 4));
    assert_eq!(forms[1..], [(Form::Single, 1), (Form::Single, 1)]);
    // What is wrong and what is well again are no group.
    let mut mixed = many(0..2);
    mixed.extend(
        many(2..4)
            .into_iter()
            .map(|one| of_kind(NotificationKind::Recovery, one)),
    );
    assert_eq!(case.forms(mixed).len(), 4);
}

#[test]
fn a_group_is_what_the_config_says() {
    let by = |by| Case {
        grouping: Grouping {
            by,
            ..Grouping::default()
        },
        ..Case::default()
    };
    let two_agents = || [many(0..2), many(20..22)].concat();
    let company = by(Some(GroupBy::Company)).forms(two_agents());
    assert_eq!(company, [(group(GroupBy::Company, "C0"), 4)]);
    let city = by(Some(GroupBy::City)).forms(two_agents());
    assert_eq!(city, [(group(GroupBy::City, "B"), 4)]);
    let none = by(None).forms(two_agents());
    assert_eq!(none, vec![(Form::Single, 1); 4]);
}

#[test]
fn an_outage_is_more_than_so_many_percent_of_what_is_watched_at_three_agents() {
    let with = |watched, outage_above| Case {
        grouping: Grouping {
            outage_above,
            ..Grouping::default()
        },
        watched,
        ..Case::default()
    };
    let outage = |percent, jobs| vec![(outage_of(NotificationKind::Alert, percent), jobs)];
    assert_eq!(with(48, 50).forms(many(0..25)), outage(52, 25));
    assert_eq!(with(25, 99).forms(many(0..25)), outage(100, 25));
    // Half of it is no more than half, two agents are few, and above all there is nothing.
    for (case, jobs) in [(with(50, 50), 25), (with(20, 50), 20), (with(25, 100), 25)] {
        let forms = case.forms(many(0..jobs));
        let is_outage = |(form, _): &(Form, usize)| matches!(form, Form::Outage { .. });
        assert!(!forms.iter().any(is_outage), "{forms:?}");
    }
    // What a silence held back comes back as one mail, and so do reminders and recoveries of it.
    let known = many(0..25)
        .into_iter()
        .map(|one| held(HoldCause::Silence, one));
    assert_eq!(with(25, 50).forms(known.collect()), outage(100, 25));
    for kind in [NotificationKind::Reminder, NotificationKind::Recovery] {
        let again = many(0..25)
            .into_iter()
            .map(|one| PendingNotification { kind, ..one });
        let forms = with(25, 50).forms(again.collect());
        assert_eq!(forms, [(outage_of(kind, 100), 25)]);
    }
    // A job counts once, however many are told of it.
    let twice = [many(0..25), many(0..25)].concat().into_iter().enumerate();
    let twice = twice.map(|(index, mut one)| {
        one.id = NotificationId(i64::try_from(index).unwrap());
        one.reader = READERS[index / 25].to_owned();
        one
    });
    let arranged = with(60, 50).arrange(twice.collect());
    assert!(
        arranged
            .letters
            .iter()
            .all(|letter| matches!(letter.form, Form::Group(_)))
    );
}

#[test]
fn in_an_outage_who_reads_of_few_jobs_reads_of_these() {
    let case = Case {
        watched: 25,
        ..Case::default()
    };
    let mut pending = many(0..25);
    for one in &mut pending[23..] {
        one.reader = READERS[1].to_owned();
    }
    let letters = case.arrange(pending).letters;
    let forms: Vec<_> = letters
        .iter()
        .map(|letter| (&letter.reader, &letter.form))
        .collect();
    let (ann, bob) = (READERS[0].to_owned(), READERS[1].to_owned());
    let outage = outage_of(NotificationKind::Alert, 100);
    assert_eq!(
        forms,
        [
            (&ann, &outage),
            (&bob, &Form::Single),
            (&bob, &Form::Single)
        ]
    );
}

#[test]
fn after_a_hold_one_mail_sums_up() {
    let case = Case::default();
    let since = ago(5);
    for (cause, told) in [
        (
            HoldCause::Undeliverable,
            Some(SummaryCause::Undeliverable { since }),
        ),
        (HoldCause::Limit, Some(SummaryCause::Limit { per_hour: 20 })),
        (HoldCause::Silence, None),
        (HoldCause::Maintenance, None),
    ] {
        // One is enough, whatever is new.
        let mut pending = many(0..2);
        pending[0].held_by = Some(cause);
        let summary = told.map(|cause| vec![(Form::Summary(cause), 2)]);
        let singles = || vec![(Form::Single, 1); 2];
        assert_eq!(
            case.forms(pending),
            summary.unwrap_or_else(singles),
            "{cause}"
        );
        // A summary of one is the mail of that one.
        let one = held(cause, missing(1, READERS[0]));
        assert_eq!(case.forms(vec![one]), [(Form::Single, 1)], "{cause}");
    }
}

#[test]
fn a_summary_counts_what_came_and_went_and_nobody_is_told_of_that_alone() {
    let case = Case::default();
    let passed = |job| {
        let pending = of_kind(NotificationKind::Passed, missing(job, READERS[0]));
        held(HoldCause::Limit, pending)
    };
    let arranged = case.arrange(vec![missing(1, READERS[0]), passed(2), passed(3)]);
    let [letter] = &arranged.letters[..] else {
        panic!("{:?}", arranged.letters);
    };
    assert_eq!(
        letter.form,
        Form::Summary(SummaryCause::Limit { per_hour: 20 })
    );
    assert_eq!(letter.passed, [NotificationId(2), NotificationId(3)]);
    assert_eq!(letter.tells.len(), 1);

    let alone = case.arrange(vec![passed(2), passed(3)]);
    assert!(alone.letters.is_empty() && alone.held.is_empty());
    assert_eq!(alone.dropped, [NotificationId(2), NotificationId(3)]);
}

#[test]
fn after_a_downtime_one_mail_sums_up_what_would_be_many() {
    let from = ago(600);
    let case = Case {
        idle_since: Some(from),
        ..Case::default()
    };
    let until = now();
    assert_eq!(case.forms(many(0..3)), vec![(Form::Single, 1); 3]);
    let summary = Form::Summary(SummaryCause::Downtime { from, until });
    assert_eq!(case.forms(many(8..12)), [(summary, 4)]);
}

#[test]
fn the_last_mail_of_an_hour_tells_all_that_is_left() {
    let written = |written| Case {
        state: ReaderState {
            written,
            first_written_at: Some(ago(20)),
            ..ReaderState::default()
        },
        grouping: Grouping {
            by: None,
            max_per_hour: 5,
            ..Grouping::default()
        },
        ..Case::default()
    };
    assert_eq!(written(0).forms(many(0..5)), vec![(Form::Single, 1); 5]);
    let forms = written(3).forms(many(0..5));
    let sum = Form::Summary(SummaryCause::Limit { per_hour: 5 });
    assert_eq!(forms, [(Form::Single, 1), (sum, 4)]);
    for full in [5, 6, u32::MAX] {
        let arranged = written(full).arrange(many(0..5));
        assert!(arranged.letters.is_empty() && arranged.dropped.is_empty());
        let until = later(now(), SignedDuration::from_mins(40));
        let cause = HoldCause::Limit;
        let hold = Hold { until, cause };
        assert!(arranged.held.iter().all(|(_, held)| *held == hold));
        assert_eq!(arranged.held.len(), 5);
    }
}

#[test]
fn who_gets_no_mail_through_is_written_none() {
    let waiting = |oldest, newest| Case {
        state: ReaderState {
            stuck_since: Some(ago(oldest)),
            last_written_at: Some(ago(newest)),
            ..ReaderState::default()
        },
        ..Case::default()
    };
    assert_eq!(waiting(30, 1).arrange(many(0..1)).letters.len(), 1);
    let arranged = waiting(31, 1).arrange(many(0..1));
    assert_eq!(arranged.letters, []);
    assert_eq!(arranged.held[0].1.cause, HoldCause::Undeliverable);
    // A mail of the future: a clock was put back.
    assert_eq!(waiting(-600, -600).arrange(many(0..1)).letters.len(), 1);
    // That one mail is not taken does not mean that none is: one tries, after waits that double.
    assert_eq!(waiting(180, 89).arrange(many(0..5)).letters, []);
    let since = ago(180);
    let tries = [(Form::Summary(SummaryCause::Undeliverable { since }), 5)];
    assert_eq!(waiting(180, 91).forms(many(0..5)), tries);
}

#[test]
fn what_is_quiet_waits_and_others_read_how_much_that_is() {
    let case = Case {
        quiet: silence("C0_B_0"),
        ..Case::default()
    };
    let arranged = case.arrange(many(8..12));
    let held: Vec<_> = arranged
        .held
        .iter()
        .map(|(id, hold)| (id.0, hold.cause))
        .collect();
    assert_eq!(held, [(8, HoldCause::Silence), (9, HoldCause::Silence)]);
    let letters = arranged.letters.iter();
    let letters: Vec<_> = letters
        .map(|letter| (letter.tells[0].0.0, letter.held_back))
        .collect();
    assert_eq!(letters, [(10, 2), (11, 2)]);
    // Whoever asked for silence may think again, so it is looked at before its end.
    let until = later(now(), HOUR);
    assert!(arranged.held.iter().all(|(_, hold)| hold.until == until));
}

#[test]
fn reminders_of_what_was_taken_on_fall_away_and_the_news_do_not() {
    let taken_on = |kind| {
        let mut pending = of_kind(kind, missing(1, READERS[0]));
        pending.acknowledged = true;
        Case::default().arrange(vec![pending])
    };
    let reminder = taken_on(NotificationKind::Reminder);
    assert_eq!(
        (reminder.letters, reminder.dropped),
        (vec![], vec![NotificationId(1)])
    );
    for kind in [NotificationKind::Alert, NotificationKind::Recovery] {
        assert_eq!(taken_on(kind).letters.len(), 1);
    }
}

#[test]
fn the_worst_stands_first_and_what_is_well_last() {
    let mut pending = many(1..4);
    pending[0].kind = NotificationKind::Recovery;
    pending[1].job.status = JobStatus::Failed;
    let letters = Case::default().arrange(pending).letters;
    let order: Vec<i64> = letters.iter().map(|letter| letter.tells[0].0.0).collect();
    assert_eq!(order, [3, 2, 1]);
}

fn kinds() -> impl Strategy<Value = NotificationKind> {
    use NotificationKind as Kind;
    select(vec![
        Kind::Alert,
        Kind::Alert,
        Kind::Reminder,
        Kind::Recovery,
        Kind::Damage,
        Kind::Warning,
        Kind::Passed,
    ])
}

fn causes() -> impl Strategy<Value = Option<HoldCause>> {
    let mut causes: Vec<Option<HoldCause>> = HoldCause::ALL.into_iter().map(Some).collect();
    causes.extend([None; 8]);
    select(causes)
}

/// Each about something of its own, or about what another reader is told too.
fn pendings() -> impl Strategy<Value = Vec<PendingNotification>> {
    let one = (
        (0..40_i64, 0..READERS.len(), kinds(), causes()),
        (any::<bool>(), select(&JobStatus::ALL[..]), 0..600_i64),
    );
    prop::collection::vec(one, 0..60).prop_map(|all| {
        let all = all.into_iter().enumerate();
        let pending = all.map(
            |(id, ((job, reader, kind, held_by), (taken_on, status, minutes)))| {
                let mut pending = missing(job, READERS[reader]);
                pending.id = NotificationId(i64::try_from(id).unwrap());
                pending.kind = kind;
                pending.held_by = held_by;
                pending.acknowledged = taken_on;
                pending.asked_at = ago(minutes);
                if [NotificationKind::Damage, NotificationKind::Warning].contains(&kind) {
                    pending.subject = NotificationSubject::Event(EventId(job));
                }
                pending.job.status = status;
                pending
            },
        );
        pending.collect()
    })
}

fn groupings() -> impl Strategy<Value = Grouping> {
    let by = select(vec![
        None,
        Some(GroupBy::Agent),
        Some(GroupBy::Company),
        Some(GroupBy::City),
    ]);
    (by, 0..5_usize, 0..=100_u8, 0..8_u32).prop_map(|(by, above, outage_above, max_per_hour)| {
        Grouping {
            by,
            above,
            outage_above,
            max_per_hour,
        }
    })
}

fn states() -> impl Strategy<Value = ReaderState> {
    let waits = prop::option::weighted(0.2, -100..100_i64);
    (0..10_u32, 0..60_i64, waits).prop_map(|(written, first, waits)| ReaderState {
        written,
        first_written_at: (written > 0).then(|| ago(first)),
        stuck_since: waits.map(ago),
        last_written_at: waits.map(|waits| ago(waits / 2)),
        held_back: 0,
    })
}

fn cases() -> impl Strategy<Value = Case> {
    let quiet = select(vec![None, Some("C0_*"), Some("C?_B_[12]")]);
    let idle = prop::option::weighted(0.2, 60..6_000_i64);
    (groupings(), states(), quiet, 0..60_u64, idle).prop_map(
        |(grouping, state, quiet, watched, idle)| Case {
            grouping,
            quiet: quiet.map(silence).unwrap_or_default(),
            state,
            watched,
            idle_since: idle.map(ago),
            ..Case::default()
        },
    )
}

#[test]
fn what_fails_again_is_not_told_to_be_well() {
    let again = missing(1, READERS[0]);
    let mut end = of_kind(NotificationKind::Recovery, missing(1, READERS[0]));
    end.id = NotificationId(7);
    end.subject = NotificationSubject::Incident(IncidentKey {
        job: vigie_domain::JobId(1),
        opened_at: ago(600),
    });
    let others = PendingNotification {
        id: NotificationId(8),
        reader: READERS[1].to_owned(),
        ..end.clone()
    };
    let arranged = Case::default().arrange(vec![again, end, others]);
    let letters = arranged.letters.iter();
    let told: Vec<i64> = letters.map(|letter| letter.tells[0].0.0).collect();
    // Who reads nothing of the new incident reads of the end of the old one.
    assert_eq!(
        (told, arranged.dropped),
        (vec![1, 8], vec![NotificationId(7)])
    );
}

#[test]
fn a_job_whose_kept_backup_is_damaged_is_told_to_be_well_again_all_the_same() {
    let mut damage = of_kind(NotificationKind::Damage, missing(1, READERS[0]));
    damage.subject = NotificationSubject::Event(EventId(4));
    damage.job.status = JobStatus::Ok;
    let mut end = of_kind(NotificationKind::Recovery, missing(1, READERS[0]));
    end.id = NotificationId(7);
    let alert = PendingNotification {
        id: NotificationId(8),
        ..missing(2, READERS[0])
    };
    let arranged = Case::default().arrange(vec![end, alert, damage]);
    let letters = arranged.letters.iter();
    let told: Vec<i64> = letters.map(|letter| letter.tells[0].0.0).collect();
    // What can't be had again comes first.
    assert_eq!((told, arranged.dropped), (vec![1, 8, 7], vec![]));
}

proptest! {
    #[test]
    fn each_is_told_by_one_letter_or_held_or_falls_away(case in cases(), pending in pendings()) {
        let arranged = case.arrange(pending.clone());
        let told = arranged.letters.iter().flat_map(|letter| {
            letter.tells.iter().map(|(id, ..)| *id).chain(letter.passed.iter().copied())
        });
        let mut all: Vec<NotificationId> = told.collect();
        all.extend(arranged.held.iter().map(|(id, _)| *id));
        all.extend(&arranged.dropped);
        all.sort();
        let given: Vec<NotificationId> = pending.iter().map(|one| one.id).collect();
        prop_assert_eq!(all, given);
        // Nothing is dropped that somebody has to know.
        for id in arranged.dropped {
            let dropped = &pending[usize::try_from(id.0).unwrap()];
            let is_outdated = |news: &PendingNotification| {
                [NotificationKind::Alert, NotificationKind::Reminder].contains(&news.kind)
                    && news.reader == dropped.reader
                    && news.job.id == dropped.job.id
            };
            prop_assert!(
                match dropped.kind {
                    NotificationKind::Reminder => dropped.acknowledged,
                    NotificationKind::Recovery => pending.iter().any(is_outdated),
                    NotificationKind::Passed => true,
                    NotificationKind::Alert
                    | NotificationKind::Damage
                    | NotificationKind::Warning => false,
                },
                "{:?}",
                dropped
            );
        }
    }

    #[test]
    fn a_letter_tells_its_reader_what_is_theirs_and_not_quiet(
        case in cases(),
        pending in pendings(),
    ) {
        for letter in case.arrange(pending.clone()).letters {
            prop_assert!(!letter.tells.is_empty());
            for (id, subject, kind) in &letter.tells {
                let one = &pending[usize::try_from(id.0).unwrap()];
                prop_assert_eq!(recipient_of(&one.reader), recipient_of(&letter.reader));
                prop_assert_eq!((one.subject, one.kind), (*subject, *kind));
                prop_assert!(*kind != NotificationKind::Passed);
                prop_assert_eq!(case.quiet.until(&subject_of(one), now()), None);
            }
        }
    }

    #[test]
    fn no_reader_gets_more_than_is_allowed(case in cases(), pending in pendings()) {
        let mut letters: BTreeMap<String, u32> = BTreeMap::new();
        for letter in case.arrange(pending).letters {
            *letters.entry(recipient_of(&letter.reader)).or_default() += 1;
        }
        let left = case.grouping.max_per_hour.saturating_sub(case.state.written);
        prop_assert!(letters.values().all(|count| *count <= left), "{:?}", letters);
    }

    #[test]
    fn what_is_held_is_looked_at_again_within_two_hours(case in cases(), pending in pendings()) {
        for (_, hold) in case.arrange(pending).held {
            prop_assert!(hold.until > now());
            prop_assert!(hold.until <= later(now(), crate::LONGEST_DELAY), "{:?}", hold);
        }
    }

    #[test]
    fn the_order_does_not_matter(
        case in cases(),
        (pending, shuffled) in pendings()
            .prop_flat_map(|pending| (Just(pending.clone()), Just(pending).prop_shuffle())),
    ) {
        let (one, other) = (case.arrange(pending), case.arrange(shuffled));
        prop_assert_eq!(one.letters, other.letters);
        let sorted = |mut held: Vec<(NotificationId, Hold)>| {
            held.sort_by_key(|(id, _)| *id);
            held
        };
        prop_assert_eq!(sorted(one.held), sorted(other.held));
    }

    #[test]
    fn forms_are_what_the_config_allows(case in cases(), pending in pendings()) {
        let grouping = &case.grouping;
        for letter in case.arrange(pending.clone()).letters {
            let told = letter.tells.iter();
            let told: Vec<&PendingNotification> =
                told.map(|(id, ..)| &pending[usize::try_from(id.0).unwrap()]).collect();
            match &letter.form {
                Form::Single => prop_assert_eq!(told.len(), 1),
                Form::Group(scope) => {
                    prop_assert_eq!(grouping.by, Some(scope.by));
                    prop_assert!(told.len() > grouping.above.max(1));
                    for one in &told {
                        prop_assert_eq!(&scope_of(scope.by, &one.job), scope);
                        prop_assert_eq!(one.kind.class(), told[0].kind.class());
                    }
                }
                Form::Outage { kind, percent } => {
                    prop_assert!(*percent > grouping.outage_above);
                    prop_assert!(told.len() > grouping.above);
                    prop_assert!(told.iter().all(|one| is_of_outage(*kind, one)));
                }
                Form::Summary(_) => prop_assert!(told.len() + letter.passed.len() > 1),
            }
            prop_assert!(letter.passed.is_empty() || matches!(letter.form, Form::Summary(_)));
        }
    }
}
