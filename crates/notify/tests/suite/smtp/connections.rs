//! How many connections there are, and how often they are waited for.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use vigie_notify::{FallbackTransport, SmtpSecurity, SmtpSettings, SmtpTransport, Transport as _};

use super::{Answers, Server, meaning, missing, to_good};

#[tokio::test]
async fn a_mail_goes_out_encrypted_and_logged_in_over_one_connection() {
    let server = Server::start(Answers::default()).await;
    let transport = SmtpTransport::new(server.settings(SmtpSecurity::Starttls)).unwrap();
    transport.send(&missing()).await.unwrap();
    transport.send(&missing()).await.unwrap();
    for (start, times) in [
        ("AUTH PLAIN", 1),
        ("MAIL FROM:<vigie@example.com>", 2),
        ("RCPT TO:<admin@example.com>", 2),
        ("Subject: [MISSING] XAFRIC_2025 - aucun rapport", 2),
        ("X-Priority: 1", 2),
    ] {
        let lines = server.lines_with(start);
        assert_eq!(lines.len(), times, "{start}");
        assert!(
            lines.iter().all(|(is_encrypted, _)| *is_encrypted),
            "{start}"
        );
    }
}

#[tokio::test]
async fn a_server_that_leaves_after_each_mail_gets_every_mail_once() {
    let server = Server::start(Answers {
        leaves_after_a_mail: true,
        ..Answers::default()
    })
    .await;
    let transport = SmtpTransport::new(server.settings(SmtpSecurity::Starttls)).unwrap();
    for _ in 0..3 {
        transport.send(&missing()).await.unwrap();
    }
    for command in ["AUTH", "MAIL", "DATA"] {
        assert_eq!(server.lines_with(command).len(), 3, "{command}");
    }
}

/// A transport with at most this many connections, without TLS.
fn pooled(server: &Server, connections: u16) -> Arc<SmtpTransport> {
    let settings = SmtpSettings {
        connections: NonZeroU16::new(connections).unwrap(),
        ..server.settings(SmtpSecurity::None)
    };
    Arc::new(SmtpTransport::new(settings).unwrap())
}

fn in_the_clear() -> Answers {
    Answers {
        offers_tls: false,
        ..Answers::default()
    }
}

async fn send_at_once(transport: &Arc<SmtpTransport>, mails: usize) {
    let mut sending = JoinSet::new();
    for _ in 0..mails {
        let transport = transport.clone();
        sending.spawn(async move { transport.send(&missing()).await.map(drop) });
    }
    for sent in sending.join_all().await {
        sent.unwrap();
    }
}

#[tokio::test]
async fn mails_that_are_sent_at_once_share_a_few_connections() {
    let server = Server::start(Answers {
        thinks_for: Duration::from_millis(200),
        ..in_the_clear()
    })
    .await;
    let transport = pooled(&server, 3);
    let start = Instant::now();
    send_at_once(&transport, 9).await;
    // One after the other they would take nine times as long.
    assert!(start.elapsed() < Duration::from_millis(1500));
    send_at_once(&transport, 9).await;
    assert_eq!(server.lines_with("DATA").len(), 18);
    assert_eq!(server.counts.connections(), 3);
    assert_eq!(server.counts.most_open(), 3);
}

#[tokio::test]
async fn there_are_never_more_connections_than_allowed_whoever_leaves() {
    let server = Server::start(Answers {
        leaves_after_a_mail: true,
        ..in_the_clear()
    })
    .await;
    let transport = pooled(&server, 3);
    send_at_once(&transport, 30).await;
    assert_eq!(server.lines_with("DATA").len(), 30);
    assert_eq!(server.counts.connections(), 30);
    assert_eq!(server.counts.most_open(), 3);
}

#[tokio::test]
async fn mails_that_follow_each_other_need_one_connection() {
    let server = Server::start(in_the_clear()).await;
    let transport = pooled(&server, 3);
    for _ in 0..5 {
        transport.send(&missing()).await.unwrap();
    }
    assert_eq!(server.counts.connections(), 1);
}

/// Whoever stops waiting for a mail keeps none of the others from leaving.
#[tokio::test]
async fn a_mail_that_nobody_waits_for_any_more_gives_its_place_back() {
    let server = Server::start(Answers {
        thinks_for: Duration::from_millis(300),
        ..in_the_clear()
    })
    .await;
    let transport = pooled(&server, 1);
    let mail = missing();
    let sending = transport.send(&mail);
    assert!(
        tokio::time::timeout(Duration::from_millis(150), sending)
            .await
            .is_err()
    );
    transport.send(&missing()).await.unwrap();
    assert_eq!(server.counts.connections(), 2);
}

#[tokio::test]
async fn a_transport_at_rest_has_said_goodbye_on_each_connection() {
    let server = Server::start(Answers {
        thinks_for: Duration::from_millis(50),
        ..in_the_clear()
    })
    .await;
    let transport = pooled(&server, 3);
    transport.rest().await;
    send_at_once(&transport, 3).await;
    transport.rest().await;
    assert_eq!(server.lines_with("QUIT").len(), 3);
    transport.send(&missing()).await.unwrap();
    assert_eq!(server.counts.connections(), 4);
}

#[tokio::test]
async fn a_server_that_does_not_say_goodbye_is_left_all_the_same() {
    let server = Server::start(Answers {
        is_silent_to: "QUIT",
        ..in_the_clear()
    })
    .await;
    let transport = pooled(&server, 1);
    transport.send(&missing()).await.unwrap();
    let start = Instant::now();
    transport.rest().await;
    assert!(start.elapsed() < Duration::from_secs(3));
    transport.send(&missing()).await.unwrap();
    assert_eq!(server.counts.connections(), 2);
}

#[tokio::test]
async fn a_refused_mail_costs_no_connection() {
    for offers_pipelining in [false, true] {
        for (recipient, data, content, expected) in [
            ("550 5.1.1 no such user", "354 go", "250 ok", "never"),
            ("450 4.2.0 greylisted", "354 go", "250 ok", "later"),
            ("550 5.1.1 no such user", "554 nobody", "250 ok", "never"),
            ("250 ok", "451 busy", "250 ok", "later"),
            ("250 ok", "354 go", "554 5.6.0 odd", "never"),
            ("250 ok", "354 go", "452 full", "later"),
        ] {
            let server = Server::start(Answers {
                offers_pipelining,
                recipient,
                data,
                content,
                ..in_the_clear()
            })
            .await;
            let transport = pooled(&server, 1);
            for _ in 0..3 {
                let error = transport.send(&missing()).await.unwrap_err();
                assert_eq!(meaning(&error), expected, "{error}");
            }
            assert_eq!(
                server.counts.connections(),
                1,
                "{recipient} {data} {content}"
            );
            assert_eq!(server.lines_with("RSET").len(), 3);
        }
    }
}

#[tokio::test]
async fn a_refused_recipient_keeps_no_other_from_being_told() {
    for offers_pipelining in [false, true] {
        let server = Server::start(Answers {
            recipient: "450 greylisted",
            offers_pipelining,
            ..in_the_clear()
        })
        .await;
        let transport = pooled(&server, 1);
        for _ in 0..2 {
            let error = transport.send(&missing()).await.unwrap_err();
            assert_eq!(meaning(&error), "later", "{error}");
            let receipt = transport.send(&to_good()).await.unwrap();
            assert_eq!(receipt.answer, "250 queued");
        }
        assert_eq!(server.counts.connections(), 1);
        assert_eq!(server.lines_with("Subject:").len(), 2);
    }
}

#[tokio::test]
async fn a_mail_is_four_waits_or_two_when_the_server_takes_commands_at_once() {
    for (offers_pipelining, waits) in [(false, 4), (true, 2)] {
        let server = Server::start(Answers {
            offers_pipelining,
            ..in_the_clear()
        })
        .await;
        let transport = pooled(&server, 1);
        transport.send(&missing()).await.unwrap();
        let before = server.counts.waits();
        for _ in 0..5 {
            transport.send(&missing()).await.unwrap();
        }
        assert_eq!(server.counts.waits() - before, 5 * waits);
        assert_eq!(server.counts.connections(), 1);
    }
}

/// With commands sent ahead, each answer still means what it does at its own step.
#[tokio::test]
async fn an_answer_means_the_same_when_commands_are_sent_at_once() {
    for (sender, recipient, data, expected, words) in [
        (
            "550 not you",
            "503 first MAIL",
            "503 first RCPT",
            "nothing gets through",
            "550 not you",
        ),
        (
            "451 later",
            "250 ok",
            "354 go",
            "nothing gets through",
            "451 later",
        ),
        (
            "250 ok",
            "550 no such user",
            "554 nobody",
            "never",
            "no such user",
        ),
        (
            "250 ok",
            "554 5.7.1 no relay",
            "354 go",
            "later",
            "no relay",
        ),
        (
            "250 ok",
            "421 too many",
            "421 too many",
            "nothing gets through",
            "too many",
        ),
        (
            "250 ok",
            "250 ok",
            "250 ok",
            "later",
            "out of place: 250 ok",
        ),
        (
            "250 ok",
            "354 go",
            "354 go",
            "later",
            "out of place: 354 go",
        ),
        (
            "354 go",
            "250 ok",
            "354 go",
            "nothing gets through",
            "out of place: 354 go",
        ),
    ] {
        let server = Server::start(Answers {
            sender,
            recipient,
            data,
            offers_pipelining: true,
            ..in_the_clear()
        })
        .await;
        let error = pooled(&server, 1).send(&missing()).await.unwrap_err();
        assert_eq!(meaning(&error), expected, "{error}");
        assert!(
            error.to_string().contains(words),
            "{words:?} is not in {error}"
        );
        assert_eq!(server.lines_with("Subject:"), [], "{words}");
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_of_it_is_sent_one_command_after_the_other() {
    let server = Server::start(Answers {
        sender: "550 not you",
        ..in_the_clear()
    })
    .await;
    pooled(&server, 1).send(&missing()).await.unwrap_err();
    assert_eq!(server.lines_with("RCPT"), []);
}

#[tokio::test]
async fn a_second_server_takes_what_the_first_does_not_answer_to() {
    let mute = Server::start(Answers {
        is_silent_to: "connect",
        ..in_the_clear()
    })
    .await;
    let refusing = Server::start(Answers {
        recipient: "550 5.1.1 no such user",
        ..in_the_clear()
    })
    .await;
    let second = Server::start(in_the_clear()).await;
    let first = SmtpSettings {
        timeout: Duration::from_millis(300),
        ..mute.settings(SmtpSecurity::None)
    };
    let both = FallbackTransport::new(SmtpTransport::new(first).unwrap(), pooled(&second, 1));
    for _ in 0..3 {
        let receipt = both.send(&missing()).await.unwrap();
        assert_eq!(receipt.by, format!("localhost:{}", second.port));
    }
    assert_eq!(mute.counts.connections(), 1);

    // What is said of the mail itself is believed.
    let both = FallbackTransport::new(pooled(&refusing, 1), pooled(&second, 1));
    let error = both.send(&missing()).await.unwrap_err();
    assert_eq!(meaning(&error), "never", "{error}");
    assert_eq!(second.lines_with("DATA").len(), 3);
}
