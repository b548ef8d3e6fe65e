//! `[[routes]]`: who is told of which jobs. Knows no mail.

use vigie_notify::{Route, Routing};

use super::document::element;
use super::matching;
use super::problem::Complaint;
use super::raw::RawRoute;
use super::reading::{self, Reading};
use super::recipient::{self, AddressBook};

/// The routes in the order of the file. The book learns what they say of their recipients.
pub fn read(raw: Vec<RawRoute>, book: &mut AddressBook, reading: &mut Reading) -> Routing {
    let mut routing = Routing::default();
    for (index, raw) in raw.into_iter().enumerate() {
        let route = read_one(raw, &element("routes", index), book, reading);
        routing.routes.push(route);
    }
    // What is wrong with matchers left them wider than they were meant.
    if !reading.has_problem_below("routes") {
        complain_of_hidden(&routing, reading);
    }
    routing
}

fn read_one(mut raw: RawRoute, path: &str, book: &mut AddressBook, reading: &mut Reading) -> Route {
    let matchers = matching::read(raw.take_matchers(), path, reading);
    let name = raw.name.as_deref();
    let name = reading.parse(&format!("{path}.name"), name, reading::text);
    let key = format!("{path}.recipients");
    let is_given = raw.recipients.is_some();
    let recipients = recipient::read_each_once(&key, raw.recipients, book, reading);
    if recipients.is_empty() && !reading.has_problem_below(&key) {
        let what = if is_given { "is empty" } else { "is not set" };
        let remedy = "name who is told: recipients = \"ops@example.com\"";
        reading.complain(&key, Complaint::new(what, remedy));
    }
    Route {
        name,
        matchers,
        recipients,
        continues: raw.continues.unwrap_or(false),
    }
}

fn complain_of_hidden(routing: &Routing, reading: &mut Reading) {
    for index in 0..routing.routes.len() {
        let Some(earlier) = routing.hidden_by(index) else {
            continue;
        };
        let earlier = element("routes", earlier);
        let complaint = Complaint::new(
            format!(
                "is never reached: {} takes all that it matches",
                reading.places.told(&earlier)
            ),
            format!("write it before {earlier}, or `continue = true` there"),
        );
        reading.complain(&element("routes", index), complaint);
    }
}

#[cfg(test)]
mod tests {
    use vigie_notify::Locale;

    use crate::config::tests::{config, problems};

    #[test]
    fn a_route_names_people_as_a_job_does() {
        let config = config(
            "
[[routes]]
name = 'Douala'
city = 'Douala'
recipients = ['ops@example.com', { address = 'lea@example.com', locale = 'fr' }]
continue = true
[[routes]]
recipients = 'all@example.com'
",
        );
        let [first, last] = &config.routing.routes[..] else {
            panic!("{:?}", config.routing)
        };
        assert_eq!(first.name.as_deref(), Some("Douala"));
        assert_eq!(first.recipients, ["ops@example.com", "lea@example.com"]);
        assert_eq!((first.continues, last.continues), (true, false));
        assert!(last.matchers.is_empty());
        let [lea] = &config.mail.preferences[..] else {
            panic!("{:?}", config.mail.preferences)
        };
        assert_eq!(lea.locale, Some(Locale::FR));
        assert_eq!(lea.key, "routes[1].recipients[2]");
    }

    #[test]
    fn a_route_that_tells_nobody_is_refused() {
        let remedy = "name who is told: recipients = \"ops@example.com\"";
        assert_eq!(
            problems("[[routes]]\nagent = 'A'\n[[routes]]\nrecipients = []"),
            [
                format!("vigie.toml:2: routes[1].recipients is not set; {remedy}"),
                format!("vigie.toml:5: routes[2].recipients is empty; {remedy}"),
            ]
        );
        assert_eq!(
            problems("[[routes]]\nrecipients = 'ops'"),
            [
                "vigie.toml:3: routes[1].recipients is \"ops\", which is no mail address; write \
                 one such as \"admin@example.com\""
            ]
        );
        assert_eq!(
            problems("[[routes]]\nrecipients = 3"),
            [
                "vigie.toml:3: routes[1].recipients is an integer; write an address in quotes, a \
                 table such as { address = \"ops@example.com\", locale = \"fr\" }, or an array of \
                 these"
            ]
        );
    }

    #[test]
    fn a_route_that_is_never_reached_is_refused() {
        let all = "[[routes]]\nrecipients = 'all@example.com'\n";
        let agent = "[[routes]]\nrecipients = 'a@example.com'\nagent = 'SDMC_*'\n";
        assert_eq!(
            problems(&format!("{all}{agent}")),
            [
                "vigie.toml:4: routes[2] is never reached: routes[1] on line 2 takes all that it \
                 matches; write it before routes[1], or `continue = true` there"
            ]
        );
        assert_eq!(config(&format!("{agent}{all}")).routing.routes.len(), 2);
        config(&format!("{all}continue = true\n{agent}"));
        // Until its pattern is right, nobody knows what the first one takes.
        let wrong = problems(&format!("{all}agent = '['\n{agent}"));
        assert_eq!(wrong.len(), 1, "{wrong:?}");
    }
}
