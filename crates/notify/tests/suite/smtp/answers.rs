//! What the answers of a server mean for the mail, and for the next one.

use vigie_notify::{SmtpSecurity, SmtpTransport, Transport as _};

use super::{Answers, Server, meaning, missing, send_to};

/// Whatever this mail is, the next one would get the same answer.
#[tokio::test]
async fn an_answer_to_the_sender_is_about_every_mail() {
    for (auth, sender, words) in [
        (
            "535 bad credentials",
            "250 ok",
            "check username and password",
        ),
        ("235 ok", "550 not you", "check the address in `from`"),
        ("235 ok", "451 later", "451"),
        (
            "235 ok",
            "530 5.7.0 log in first",
            "set username and password",
        ),
        ("235 ok", "421 4.3.2 going down", "nothing needs to be done"),
        ("235 ok", "354 go on", "see whether that server works"),
    ] {
        let answers = Answers {
            auth,
            sender,
            ..Answers::default()
        };
        let error = send_to(answers).await.unwrap_err();
        assert_eq!(meaning(&error), "nothing gets through", "{error}");
        assert!(
            error.to_string().contains(words),
            "{words:?} is not in {error}"
        );
    }
}

#[tokio::test]
async fn an_answer_to_a_recipient_is_about_this_mail_unless_it_says_otherwise() {
    for (recipient, expected, words) in [
        ("550 5.1.1 no such user", "never", "no such user"),
        ("554 5.7.1 relay denied", "later", "relay denied"),
        ("450 greylisted", "later", "greylisted"),
        ("421 going down", "nothing gets through", "going down"),
        ("530 log in first", "nothing gets through", "set username"),
    ] {
        let answers = Answers {
            recipient,
            ..Answers::default()
        };
        let error = send_to(answers).await.unwrap_err();
        assert_eq!(meaning(&error), expected, "{error}");
        assert!(
            error.to_string().contains(words),
            "{words:?} is not in {error}"
        );
    }
}

#[tokio::test]
async fn an_answer_to_the_content_is_about_this_mail() {
    for (content, expected) in [("552 too large", "never"), ("452 disk full", "later")] {
        let answers = Answers {
            content,
            ..Answers::default()
        };
        let error = send_to(answers).await.unwrap_err();
        assert_eq!(meaning(&error), expected, "{error}");
    }
}

/// It would take the lines of the mail for commands.
#[tokio::test]
async fn a_server_that_asks_for_no_content_is_sent_none() {
    for data in ["250 ok", "220 ok", "334 go on"] {
        let server = Server::start(Answers {
            data,
            ..Answers::default()
        })
        .await;
        let transport = SmtpTransport::new(server.settings(SmtpSecurity::Starttls)).unwrap();
        for connections in 1..=2 {
            let error = transport.send(&missing()).await.unwrap_err();
            assert_eq!(meaning(&error), "later", "{error}");
            let text = error.to_string();
            assert!(
                text.contains(&format!("its answer is out of place: {data}")),
                "{text}"
            );
            assert_eq!(server.lines_with("AUTH").len(), connections, "{data}");
        }
        assert_eq!(server.lines_with("Subject:"), []);
    }
}

#[tokio::test]
async fn a_mail_is_handed_over_once_the_server_says_that_it_is() {
    let server = Server::start(Answers {
        content: "354 go on",
        ..Answers::default()
    })
    .await;
    let transport = SmtpTransport::new(server.settings(SmtpSecurity::Starttls)).unwrap();
    for connections in 1..=2 {
        let error = transport.send(&missing()).await.unwrap_err();
        assert_eq!(meaning(&error), "later", "{error}");
        assert!(error.to_string().contains("out of place: 354"), "{error}");
        assert_eq!(server.lines_with("AUTH").len(), connections);
    }
}
