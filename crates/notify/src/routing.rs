//! Who is told of a job: those that it names, those that routes name, or else the administrators.
//! Knows no mail and no time.

use lettre::message::Mailbox;
use vigie_domain::ExpectedBackupJob;

use crate::mail::parse_address;
use crate::{AlertSeverity, InvalidAddress, Matchers, Subject};

/// Tells some people of some jobs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Route {
    /// What it is called, for people.
    pub name: Option<String>,
    /// Which jobs, and what of them.
    pub matchers: Matchers,
    /// Who is told, by address.
    pub recipients: Vec<String>,
    /// Whether the routes after it are tried as well when it matches.
    pub continues: bool,
}

/// Who is told of which jobs.
///
/// The recipients that a job names are always told. Routes are tried from the first to the last, and
/// add theirs: the first that matches is the last to be tried, unless it
/// [`continues`](Route::continues). When nobody was found, the administrators are told.
///
/// ```
/// use vigie_notify::{AlertSeverity, Matchers, Route, RoutedBy, Routing, samples};
///
/// let routing = Routing {
///     routes: vec![Route {
///         matchers: Matchers {
///             cities: vec!["Douala".parse()?],
///             ..Matchers::default()
///         },
///         recipients: vec!["douala@example.com".to_owned()],
///         ..Route::default()
///     }],
/// };
/// let mut job = samples::missing_minimal().job;
/// job.city = "Douala".to_owned();
/// let administrators = ["admin@example.com".to_owned()];
///
/// let told = routing.recipients_of(&job, AlertSeverity::Critical, &administrators);
/// assert_eq!(told.recipients[0].address, "douala@example.com");
/// assert_eq!(told.recipients[0].by, RoutedBy::Route(0));
///
/// job.city = "Garoua".to_owned();
/// let told = routing.recipients_of(&job, AlertSeverity::Critical, &administrators);
/// assert_eq!(told.recipients[0].by, RoutedBy::Default);
/// # Ok::<(), vigie_notify::InvalidGlob>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routing {
    /// The routes, in the order in which they are tried.
    pub routes: Vec<Route>,
}

/// Who is told of a job, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routed {
    /// Each person once, in the order in which they were found.
    pub recipients: Vec<RoutedRecipient>,
    /// What was named and is no address; it tells nobody.
    pub unusable: Vec<InvalidAddress>,
}

/// Somebody who is told of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutedRecipient {
    /// The address, as it was first written.
    pub address: String,
    /// What named it first.
    pub by: RoutedBy,
}

/// Why somebody is told of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoutedBy {
    /// The job names them.
    Job,
    /// The route of this index does, counted from 0.
    Route(usize),
    /// They are administrators, and nobody else is told.
    Default,
}

impl Routing {
    /// Who is told of a job as it is now.
    #[must_use]
    pub fn recipients_of(
        &self,
        job: &ExpectedBackupJob,
        severity: AlertSeverity,
        administrators: &[String],
    ) -> Routed {
        let mut found = Found::default();
        found.add(&job.recipients, RoutedBy::Job);
        for index in self.matching(&Subject::of(job, severity)) {
            found.add(&self.routes[index].recipients, RoutedBy::Route(index));
        }
        if found.routed.recipients.is_empty() {
            found.add(administrators, RoutedBy::Default);
        }
        found.routed
    }

    /// The routes that tell of this, by index.
    #[must_use]
    pub fn matching(&self, subject: &Subject<'_>) -> Vec<usize> {
        let mut matching = Vec::new();
        for (index, route) in self.routes.iter().enumerate() {
            if route.matchers.matches(subject) {
                matching.push(index);
                if !route.continues {
                    break;
                }
            }
        }
        matching
    }

    /// An earlier route that ends the search wherever the one of this index would match, so that this
    /// one never does. Not each such route is seen: patterns are compared as they are written.
    #[must_use]
    pub fn hidden_by(&self, index: usize) -> Option<usize> {
        let (earlier, rest) = self.routes.split_at_checked(index)?;
        let matchers = &rest.first()?.matchers;
        earlier
            .iter()
            .position(|route| !route.continues && route.matchers.covers(matchers))
    }
}

/// Who was found so far.
#[derive(Default)]
struct Found {
    routed: Routed,
    mailboxes: Vec<Mailbox>,
}

impl Found {
    fn add(&mut self, addresses: &[String], by: RoutedBy) {
        for address in addresses {
            let mailbox = match parse_address(address) {
                Ok(mailbox) => mailbox,
                Err(invalid) => {
                    self.routed.unusable.push(invalid);
                    continue;
                }
            };
            let email: &str = mailbox.email.as_ref();
            let is_same = |known: &Mailbox| email.eq_ignore_ascii_case(known.email.as_ref());
            if self.mailboxes.iter().any(is_same) {
                continue;
            }
            self.mailboxes.push(mailbox);
            let address = address.clone();
            self.routed.recipients.push(RoutedRecipient { address, by });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::samples;

    const ADMIN: &str = "admin@example.com";

    fn addresses(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    fn route(agent: &str, recipients: &[&str], continues: bool) -> Route {
        Route {
            name: None,
            matchers: Matchers {
                agents: vec![agent.parse().unwrap()],
                ..Matchers::default()
            },
            recipients: addresses(recipients),
            continues,
        }
    }

    fn job(recipients: &[&str]) -> ExpectedBackupJob {
        let mut job = samples::missing_full().job;
        job.recipients = addresses(recipients);
        job
    }

    fn told(routes: &[Route], recipients: &[&str]) -> Vec<(String, RoutedBy)> {
        let routing = Routing {
            routes: routes.to_vec(),
        };
        let administrators = addresses(&[ADMIN]);
        let job = job(recipients);
        let told = routing.recipients_of(&job, AlertSeverity::Critical, &administrators);
        let people = told.recipients.into_iter();
        people.map(|one| (one.address, one.by)).collect()
    }

    fn told_by(told: &[(String, RoutedBy)]) -> Vec<(&str, RoutedBy)> {
        told.iter().map(|(one, by)| (one.as_str(), *by)).collect()
    }

    #[test]
    fn the_first_route_that_matches_is_the_last_to_be_tried() {
        let routes = [
            route("LPG_*", &["lpg@example.com"], false),
            route("SDMC_*", &["sdmc@example.com"], false),
            route("*", &["all@example.com"], false),
        ];
        assert_eq!(
            told_by(&told(&routes, &[])),
            [("sdmc@example.com", RoutedBy::Route(1))]
        );
    }

    #[test]
    fn a_route_that_continues_adds_to_those_after_it() {
        let routes = [
            route("*", &["all@example.com"], true),
            route("LPG_*", &["lpg@example.com"], true),
            route("SDMC_*", &["sdmc@example.com", "ALL@example.com"], true),
        ];
        assert_eq!(
            told_by(&told(&routes, &[])),
            [
                ("all@example.com", RoutedBy::Route(0)),
                ("sdmc@example.com", RoutedBy::Route(2))
            ]
        );
    }

    #[test]
    fn those_that_a_job_names_are_told_beside_those_of_routes() {
        let routes = [route("*", &["all@example.com", "Dba@example.com"], false)];
        assert_eq!(
            told_by(&told(&routes, &["dba@example.com"])),
            [
                ("dba@example.com", RoutedBy::Job),
                ("all@example.com", RoutedBy::Route(0))
            ]
        );
    }

    #[test]
    fn the_administrators_are_told_of_what_nobody_else_is() {
        assert_eq!(told_by(&told(&[], &[])), [(ADMIN, RoutedBy::Default)]);
        let elsewhere = [route("LPG_*", &["lpg@example.com"], false)];
        assert_eq!(
            told_by(&told(&elsewhere, &[])),
            [(ADMIN, RoutedBy::Default)]
        );
        let unusable = [route("*", &["o..ps@example.com"], false)];
        assert_eq!(
            told_by(&told(&unusable, &["nobody"])),
            [(ADMIN, RoutedBy::Default)]
        );
    }

    #[test]
    fn somebody_with_a_name_is_the_same_without_it() {
        let routes = [route("*", &["Ops <OPS@example.com>"], false)];
        assert_eq!(
            told_by(&told(&routes, &["ops@example.com"])),
            [("ops@example.com", RoutedBy::Job)]
        );
    }

    #[test]
    fn a_route_behind_one_that_takes_all_is_hidden() {
        let routing = Routing {
            routes: vec![
                route("LPG_*", &["lpg@example.com"], false),
                route("SDMC_*", &["sdmc@example.com"], true),
                route("SDMC_*", &["again@example.com"], false),
                route("LPG_*", &["again@example.com"], false),
                route("*", &["all@example.com"], false),
                route("TRADEX_*", &["late@example.com"], false),
            ],
        };
        let hidden: Vec<_> = (0..7).map(|index| routing.hidden_by(index)).collect();
        assert_eq!(hidden, [None, None, None, Some(0), None, Some(4), None]);
    }

    fn any_route() -> impl Strategy<Value = Route> {
        let agent = prop::sample::select(vec!["*", "SDMC_*", "LPG_*", "sdmc_douala_akwa", "?"]);
        let people = prop::collection::vec(any_person(), 0..3);
        let statuses = prop::sample::subsequence(statuses(), 0..=2);
        (agent, people, statuses, any::<bool>()).prop_map(
            |(agent, recipients, statuses, continues)| {
                let mut route = route(agent, &[], continues);
                route.matchers.statuses = statuses;
                Route {
                    recipients,
                    ..route
                }
            },
        )
    }

    fn statuses() -> Vec<vigie_domain::JobStatus> {
        vigie_domain::JobStatus::ALL[1..3].to_vec()
    }

    fn any_person() -> impl Strategy<Value = String> {
        prop::sample::select(vec![
            "a@example.com",
            "A@example.com",
            "b@example.com",
            "no address",
        ])
        .prop_map(str::to_owned)
    }

    proptest! {
        #[test]
        fn somebody_is_always_told_and_nobody_twice(
            routes in prop::collection::vec(any_route(), 0..5),
            own in prop::collection::vec(any_person(), 0..3),
        ) {
            let mut job = job(&[]);
            job.recipients.clone_from(&own);
            let routing = Routing { routes };
            let administrators = addresses(&[ADMIN]);
            let routed = routing.recipients_of(&job, AlertSeverity::Critical, &administrators);
            prop_assert!(!routed.recipients.is_empty());
            let mut seen: Vec<String> = Vec::new();
            for told in &routed.recipients {
                let key = told.address.to_lowercase();
                prop_assert!(!seen.contains(&key));
                seen.push(key);
            }
            for named in own.iter().filter(|named| named.contains('@')) {
                prop_assert!(seen.contains(&named.to_lowercase()));
            }
            // What is said to be hidden never tells anybody.
            for index in routing.matching(&Subject::of(&job, AlertSeverity::Critical)) {
                prop_assert_eq!(routing.hidden_by(index), None);
            }
        }
    }
}
