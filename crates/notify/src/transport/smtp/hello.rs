//! What a server offers in its answer to EHLO. Knows no mail.

use lettre::transport::smtp::authentication::Mechanism;
use lettre::transport::smtp::commands::Ehlo;
use lettre::transport::smtp::extension::ClientId;

use super::reply::Reply;

/// What is asked for of what a server offers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Offers {
    /// RFC 3207.
    pub(super) starttls: bool,
    /// RFC 2920: several commands at once.
    pub(super) pipelining: bool,
    /// RFC 6531: addresses with letters beyond ASCII.
    pub(super) any_letters: bool,
    /// RFC 4954: the logins that are known here.
    pub(super) logins: Vec<Mechanism>,
}

/// The question that is answered by these offers.
pub(super) fn hello() -> Ehlo {
    Ehlo::new(ClientId::default())
}

impl Offers {
    /// The offers in a reply: one in each line after the first, which is the server's name.
    pub(super) fn of(reply: &Reply) -> Self {
        let mut offers = Self::default();
        for line in reply.lines().skip(1) {
            let line = line.to_ascii_uppercase();
            let mut words = line.split_whitespace();
            match words.next() {
                Some("STARTTLS") => offers.starttls = true,
                Some("PIPELINING") => offers.pipelining = true,
                Some("SMTPUTF8") => offers.any_letters = true,
                Some("AUTH") => offers.logins.extend(words.filter_map(login)),
                _ => {}
            }
        }
        offers
    }
}

fn login(word: &str) -> Option<Mechanism> {
    match word {
        "PLAIN" => Some(Mechanism::Plain),
        "LOGIN" => Some(Mechanism::Login),
        "XOAUTH2" => Some(Mechanism::Xoauth2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offers(text: &str) -> Offers {
        Offers::of(&Reply::parse(text.as_bytes()).unwrap())
    }

    #[test]
    fn offers_are_read_whatever_their_case() {
        let all = "250-mail.example.com greets\r\n250-PIPELINING\r\n250-SIZE 1000\r\n\
                   250-auth GSSAPI plain XOAUTH2 LOGIN\r\n250-StartTLS\r\n250 SMTPUTF8\r\n";
        let expected = Offers {
            starttls: true,
            pipelining: true,
            any_letters: true,
            logins: vec![Mechanism::Plain, Mechanism::Xoauth2, Mechanism::Login],
        };
        assert_eq!(offers(all), expected);
    }

    #[test]
    fn a_server_is_not_taken_for_what_it_is_called() {
        assert_eq!(offers("250 STARTTLS"), Offers::default());
        assert_eq!(
            offers("250-a\r\n250 XSTARTTLS PIPELINING"),
            Offers::default()
        );
    }
}
