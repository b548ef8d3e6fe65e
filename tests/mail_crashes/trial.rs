use std::collections::{BTreeMap, BTreeSet};
use std::{fs, thread};

use serde_json::Value;

use super::server::{GREYLISTED, MailServer, TakenMail};
use super::{EXPECTED, config};
use crate::site::{Site, sent_failed_waiting};

/// A site whose mails go to a server of its own, and what is known of each run of the program there.
pub struct Trial {
    pub site: Site,
    pub server: MailServer,
    name: String,
    /// For each run that was killed, the Message-IDs that were recorded as sent after it; `None` for
    /// those that were not.
    runs: Vec<Option<BTreeSet<String>>>,
}

impl Trial {
    /// On a copy of this site. The name is told if the trial fails.
    pub fn on(site: &Site, name: String) -> Self {
        let (site, server) = (site.copy(), MailServer::start());
        fs::write(site.path("vigie.toml"), config(server.port())).unwrap();
        Self {
            site,
            server,
            name,
            runs: Vec::new(),
        }
    }

    pub fn kills(&self) -> usize {
        self.runs.iter().flatten().count()
    }

    /// Looks at what a run left behind.
    pub fn end_run(&mut self, is_killed: bool) {
        self.server.end_run();
        let sent = is_killed.then(|| self.recorded_as_sent());
        self.runs.push(sent);
    }

    fn recorded_as_sent(&self) -> BTreeSet<String> {
        let mails = self.outbox(&["sent"]);
        let sent: BTreeSet<String> = mails.iter().map(|mail| text(mail, "message_id")).collect();
        let taken = self.server.taken();
        let taken: BTreeSet<&str> = taken.iter().map(message_id).collect();
        for id in &sent {
            assert!(
                taken.contains(&**id),
                "{id} was recorded before it was sent"
            );
        }
        for id in self.runs.iter().flatten().flatten() {
            assert!(sent.contains(id), "{id} is sent no more");
        }
        sent
    }

    fn outbox(&self, states: &[&str]) -> Vec<Value> {
        let states = states.iter().flat_map(|state| ["--state", state]);
        let arguments: Vec<&str> = ["outbox", "list", "--limit", "1000"]
            .into_iter()
            .chain(states)
            .collect();
        let list = self.site.json(&arguments);
        list["mails"].as_array().unwrap().clone()
    }

    /// Goes on as the operator would. One scan is enough for all but what the server deferred.
    pub fn recover(&mut self) {
        let mut waiting = self.scan();
        if waiting > 0 {
            let mails = self.outbox(&["waiting"]);
            let to: Vec<String> = mails.iter().map(|mail| text(mail, "recipient")).collect();
            assert_eq!(to, [GREYLISTED]);
            assert!(self.site.run(&["outbox", "retry"]).status.success());
            waiting = self.scan();
        }
        assert_eq!(waiting, 0);
    }

    fn scan(&mut self) -> u64 {
        let [.., waiting] = sent_failed_waiting(&self.site.json(&["scan"]));
        self.end_run(false);
        waiting
    }

    /// Nothing may be lost, and nothing repeated but what was on the line in a kill. Tells how many
    /// mails were.
    pub fn judge(&self) -> usize {
        let taken = self.server.taken();
        let lost = lost(&taken);
        assert!(lost.is_empty(), "{lost:?} were lost");
        self.judge_outbox(&taken);
        let mut latest: BTreeMap<&str, &TakenMail> = BTreeMap::new();
        let mut repeated = 0;
        for mail in &taken {
            if let Some(earlier) = latest.insert(message_id(mail), mail) {
                self.judge_repeat(earlier, mail);
                repeated += 1;
            }
        }
        repeated
    }

    /// The outbox ends as if nothing had happened, and knows each mail by the name that the server
    /// knows it by.
    fn judge_outbox(&self, taken: &[TakenMail]) {
        let mails = self.outbox(&["waiting", "sent", "dead", "dropped"]);
        let ending = |mail: &Value| ["recipient", "subject", "state"].map(|key| text(mail, key));
        let mut endings: Vec<[String; 3]> = mails.iter().map(ending).collect();
        endings.sort();
        assert_eq!(endings, EXPECTED);

        let known = mails.iter().filter(|mail| mail["state"] == "sent");
        let known = known.map(|mail| ["recipient", "message_id"].map(|key| text(mail, key)));
        let known: BTreeSet<[String; 2]> = known.collect();
        let taken = taken.iter();
        let taken = taken.map(|mail| [mail.recipient.clone(), mail.mail.message_id.clone()]);
        assert_eq!(taken.collect::<BTreeSet<_>>(), known);

        let status = self.site.json(&["status"]);
        assert_eq!(status["mails_waiting"], 0);
        assert_eq!(status["mails_dead"], 1);
    }

    /// Only who was killed before it could record that a mail was taken has an excuse.
    fn judge_repeat(&self, earlier: &TakenMail, later: &TakenMail) {
        let id = message_id(later);
        let runs = (earlier.run, later.run);
        assert!(runs.0 < runs.1, "{id} was taken twice in one run");
        let recorded = &self.runs[earlier.run];
        let is_excused = recorded.as_ref().is_some_and(|sent| !sent.contains(id));
        assert!(is_excused, "{id} was taken in runs {runs:?}");
        assert!(earlier.raw == later.raw, "{id} changed");
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        if thread::panicking() {
            println!("the trial that failed: {}", self.name);
        }
    }
}

/// The alerts that reached nobody.
fn lost(taken: &[TakenMail]) -> Vec<[&'static str; 3]> {
    let is_taken = |[recipient, subject, _]: &[&str; 3]| {
        let mut taken = taken.iter();
        taken.any(|mail| mail.recipient == *recipient && mail.mail.subject == *subject)
    };
    let sent = EXPECTED.into_iter().filter(|[.., state]| *state == "sent");
    sent.filter(|alert| !is_taken(alert)).collect()
}

fn message_id(mail: &TakenMail) -> &str {
    &mail.mail.message_id
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap().to_owned()
}
