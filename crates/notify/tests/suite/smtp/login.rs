//! How a session logs in, and what nobody gets to see of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use vigie_notify::{
    SecretString, SmtpSecurity, SmtpSettings, SmtpTokens, SmtpTransport, Transport as _,
    async_trait,
};

use super::{Answers, PASSWORD, Server, meaning, missing};

/// Gives `token-1`, `token-2` and so on.
#[derive(Debug, Default)]
struct Tokens(AtomicU32);

#[async_trait]
impl SmtpTokens for Tokens {
    async fn token(&self) -> Result<SecretString, String> {
        let number = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        Ok(SecretString::from(format!("token-{number}")))
    }
}

#[derive(Debug)]
struct NoTokens;

#[async_trait]
impl SmtpTokens for NoTokens {
    async fn token(&self) -> Result<SecretString, String> {
        Err("the token file is empty".to_owned())
    }
}

fn with_tokens(server: &Server, tokens: impl SmtpTokens + 'static) -> SmtpSettings {
    SmtpSettings {
        password: None,
        tokens: Some(Arc::new(tokens)),
        ..server.settings(SmtpSecurity::Starttls)
    }
}

#[tokio::test]
async fn each_login_is_made_with_a_new_token() {
    let answers = Answers {
        logins: "PLAIN XOAUTH2",
        leaves_after_a_mail: true,
        ..Answers::default()
    };
    let server = Server::start(answers).await;
    let transport = SmtpTransport::new(with_tokens(&server, Tokens::default())).unwrap();
    for _ in 0..2 {
        transport.send(&missing()).await.unwrap();
    }
    // `user=vigie`, `auth=Bearer token-1` and `token-2`, with 0x01 behind each and at the end.
    let login = |text| (true, format!("AUTH XOAUTH2 {text}"));
    assert_eq!(
        server.lines_with("AUTH"),
        [
            login("dXNlcj12aWdpZQFhdXRoPUJlYXJlciB0b2tlbi0xAQE="),
            login("dXNlcj12aWdpZQFhdXRoPUJlYXJlciB0b2tlbi0yAQE="),
        ]
    );
}

#[tokio::test]
async fn a_token_that_is_not_taken_is_told_in_the_words_of_the_server() {
    // What a server says with 334 is for programs; the refusal comes after it.
    for (logins, auth, words) in [
        (
            "XOAUTH2",
            "334 eyJzdGF0dXMiOiI0MDEifQ==",
            "the token has expired",
        ),
        ("XOAUTH2", "535 no tokens here", "no tokens here"),
        (
            "PLAIN LOGIN",
            "235 welcome",
            "it offers no login with XOAUTH2",
        ),
    ] {
        let answers = Answers {
            logins,
            auth,
            ..Answers::default()
        };
        let server = Server::start(answers).await;
        let settings = with_tokens(&server, Tokens::default());
        let error = SmtpTransport::new(settings).unwrap().send(&missing()).await;
        let error = error.unwrap_err();
        assert_eq!(meaning(&error), "nothing gets through");
        let text = error.to_string();
        assert!(text.contains(words), "{words:?} is not in {text}");
        assert!(text.contains("check username and token"), "{text}");
        assert!(
            !text.contains("token-1") && !text.contains("dXNlcj12"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn only_a_welcome_is_a_login() {
    for (auth, empty, told) in [
        ("334 e30=", "334 e30=", "334 e30="),
        ("334 e30=", "250 ok", "250 ok"),
        ("250 ok", "250 ok", "250 ok"),
    ] {
        let server = Server::start(Answers {
            logins: "PLAIN XOAUTH2",
            auth,
            empty,
            ..Answers::default()
        })
        .await;
        let mut every = vec![with_tokens(&server, Tokens::default())];
        if auth == "250 ok" {
            every.push(server.settings(SmtpSecurity::Starttls));
        }
        for settings in every {
            let error = SmtpTransport::new(settings).unwrap().send(&missing()).await;
            let text = error.unwrap_err().to_string();
            assert!(text.contains("log in to"), "{text}");
            assert!(
                text.contains(&format!("its answer is out of place: {told}")),
                "{text}"
            );
        }
        assert_eq!(server.lines_with("MAIL"), []);
    }
}

/// What is told of this refusal of a login.
async fn told_of(auth: &'static str, logins: &'static str, is_token: bool) -> String {
    let server = Server::start(Answers {
        logins,
        auth,
        ..Answers::default()
    })
    .await;
    let settings = if is_token {
        with_tokens(&server, Tokens::default())
    } else {
        server.settings(SmtpSecurity::Starttls)
    };
    let error = SmtpTransport::new(settings).unwrap().send(&missing()).await;
    let error = error.unwrap_err();
    assert_eq!(meaning(&error), "nothing gets through", "{error}");
    error.to_string()
}

#[tokio::test]
async fn a_server_that_quotes_the_login_is_not_quoted() {
    for (auth, is_token, code) in [
        ("535 correct horse is no password", false, "535"),
        ("535-correct\r\n535 horse", false, "535"),
        ("535 Y29ycmVjdCBob3JzZQ== again", false, "535"),
        (
            "500 too long: AUTH PLAIN AHZpZ2llAGNvcnJlY3QgaG9yc2U=",
            false,
            "500",
        ),
        ("500 too long: AUTH PLAIN AHZpZ2llAGNvcn", false, "500"),
        ("250 hello, correct horse", false, "250"),
        ("correct horse", false, "its answer quotes the login"),
        ("535 token-1 has expired", true, "535"),
        (
            "500 AUTH XOAUTH2 dXNlcj12aWdpZQFhdXRoPUJlYXJlciB0b2tlbi0xAQE=",
            true,
            "500",
        ),
    ] {
        let logins = if is_token { "XOAUTH2" } else { "PLAIN" };
        let text = told_of(auth, logins, is_token).await;
        assert!(text.contains(&format!(": {code}")), "{auth}: {text}");
        for secret in [
            "correct", "horse", "Y29ycm", "AHZpZ2", "token-1", "dXNlcj12",
        ] {
            assert!(!text.contains(secret), "{auth}: {text}");
        }
    }
    let text = told_of("535 bad credentials", "PLAIN", false).await;
    assert!(text.contains("bad credentials"), "{text}");
}

#[tokio::test]
async fn a_login_without_a_token_says_why_there_is_none() {
    let server = Server::start(Answers::default()).await;
    let settings = with_tokens(&server, NoTokens);
    let error = SmtpTransport::new(settings).unwrap().send(&missing()).await;
    let text = error.unwrap_err().to_string();
    assert!(text.contains("the token file is empty"), "{text}");
    assert_eq!(server.lines_with("AUTH"), []);
}

#[tokio::test]
async fn the_password_is_nowhere_to_be_read() {
    let answers = Answers {
        auth: "535 bad credentials",
        ..Answers::default()
    };
    let server = Server::start(answers).await;
    let settings = server.settings(SmtpSecurity::Starttls);
    let transport = SmtpTransport::new(settings.clone()).unwrap();
    let error = transport.send(&missing()).await.unwrap_err();
    let texts = format!("{settings:?} {transport:?} {error:?} {error}");
    assert!(!texts.contains(PASSWORD), "{texts}");
}

#[test]
fn settings_that_contradict_themselves_are_refused() {
    let settings = || SmtpSettings::new("localhost", SmtpSecurity::default());
    let error = |settings| SmtpTransport::new(settings).unwrap_err().to_string();
    let username = Some("vigie".to_owned());
    assert!(
        error(SmtpSettings {
            username,
            ..settings()
        })
        .contains("go together")
    );
    assert!(
        error(SmtpSettings {
            host: " ".to_owned(),
            ..settings()
        })
        .contains("no host")
    );
    let both = SmtpSettings {
        username: Some("vigie".to_owned()),
        password: Some(SecretString::from(PASSWORD)),
        tokens: Some(Arc::new(NoTokens)),
        ..settings()
    };
    assert!(error(both).contains("too many"));
    let extra_root_certificates =
        b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n".to_vec();
    let broken = SmtpSettings {
        extra_root_certificates,
        ..settings()
    };
    assert!(error(broken).contains("certificates"));
    assert_eq!(settings().port, 587);
}
