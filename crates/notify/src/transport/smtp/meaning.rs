//! What it means that a server says no: the one table of codes. Knows no session and no mail.
//!
//! A mail that is given up is an alert that nobody reads, and one that is tried again costs little.
//! So only what is proven to be so for ever, and of this recipient or this mail alone, is permanent.
//! Whatever somebody can put right here (a login, a relay's rules, the sender's address, a filter) is
//! temporary, whatever class the server gives it.
//!
//! Sources: RFC 5321, sections 4.2.2, 4.2.3, 4.3.2 and 4.5.3.1.10; RFC 3463 and the registry that
//! goes on from it; RFC 4954, section 6; RFC 7504; RFC 7505.

use super::problem::ProblemKind;
use super::reply::EnhancedCode;
use super::stage::Stage;

/// What a 4xx or 5xx in this stage says of the next try.
pub(super) fn meaning_of(stage: Stage, code: u16, enhanced: Option<EnhancedCode>) -> ProblemKind {
    match code {
        // In any stage: it closes the connection.
        421 => ProblemKind::Closing,
        // RFC 4954: 530 authentication required, 534 too weak, 535 credentials invalid, 538 encryption
        // required; 524 and 525 stood there before. Each is about who we are.
        524 | 525 | 530 | 534 | 535 | 538 => ProblemKind::LoginNeeded,
        500.. if is_permanent(stage, code, enhanced) => ProblemKind::Permanent,
        _ => ProblemKind::Temporary,
    }
}

fn is_permanent(stage: Stage, code: u16, enhanced: Option<EnhancedCode>) -> bool {
    match (stage, enhanced) {
        (Stage::Recipient, Some(enhanced)) => is_about_recipient(enhanced),
        (Stage::Recipient, None) => is_of_recipient(code),
        (Stage::WholeMail, Some(enhanced)) => {
            is_about_recipient(enhanced) || is_about_content(enhanced)
        }
        (Stage::WholeMail, None) => is_of_content(code),
        // A no to DATA says that nobody was named, which the answer to RCPT has denied, or that the
        // server is in no state to take mails.
        _ => false,
    }
}

/// The finer code wins over the three digits, which say as little as "550" for all of these.
fn is_about_recipient(
    EnhancedCode {
        class,
        subject,
        detail,
    }: EnhancedCode,
) -> bool {
    match (class, subject) {
        // 1 no such mailbox, 2 no such domain, 3 no valid address, 4 several fit, 6 moved away,
        // 10 the domain takes no mail (RFC 7505). Not 0, under which Exchange and Postfix' tables
        // also refuse senders; not 7 and 8, which are the sender's address, told here as Postfix
        // waits for RCPT with all it has to say; not 9, which is about a server further on.
        (5, 1) => matches!(detail, 1..=4 | 6 | 10),
        // 1 switched off, 3 too long for this mailbox. Not 2, a full one, which its owner empties;
        // not 4, a list that can't be expanded now; not 0, which says nothing.
        (5, 2) => matches!(detail, 1 | 3),
        // No such host. Not 1, under which Exchange Online says "Recipient address rejected: Access
        // denied", as much of a domain that its tenant has not set up as of a mailbox; not 6, a loop,
        // nor 0, 2, 3, 5 and 7, which are the network's state.
        (5, 4) => detail == 4,
        // What it is made of can't be taken there: 7 is an address beyond ASCII (RFC 6531).
        (5, 6) => true,
        // 5.0.x says nothing; sendmail's 5.0.0 is "Access denied". 5.3.x is the server's state,
        // 5.5.x our own session, and 5.7.x a policy: mostly that this sender may not relay.
        _ => false,
    }
}

/// RFC 3463: 5.3.4 is a mail too big for the server, which it stays. 5.2.3 and 5.6.x are with the
/// recipient's. 5.7.x is a filter, or the sender's rights: Exchange's 5.7.60.
fn is_about_content(
    EnhancedCode {
        class,
        subject,
        detail,
    }: EnhancedCode,
) -> bool {
    (class, subject, detail) == (5, 3, 4)
}

/// Exim says no finer codes by itself, so that its 550 at RCPT is believed: no such user mostly. 501
/// is the address' syntax here, 551 and 553 another or no mailbox, 556 a domain without mail (RFC
/// 7504). 552 is read as 452 (RFC 5321, section 4.5.3.1.10), 554 is "no" and nothing more, 521 a
/// server that takes no mail at all, 555 a parameter of ours, and 500 to 504 our own session.
fn is_of_recipient(code: u16) -> bool {
    matches!(code, 501 | 550 | 551 | 553 | 556)
}

/// The server has seen the bytes, and they are the same next time: 552 is too big, 550 and 554 are no.
fn is_of_content(code: u16) -> bool {
    matches!(code, 550 | 552 | 554)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::smtp::reply::Reply;

    fn meaning(stage: Stage, text: &str) -> ProblemKind {
        let reply = Reply::parse(text.as_bytes()).unwrap();
        meaning_of(stage, reply.code, reply.enhanced_code())
    }

    fn assert_all(stage: Stage, kind: ProblemKind, replies: &[&str]) {
        for reply in replies {
            assert_eq!(meaning(stage, reply), kind, "{stage:?}: {reply}");
        }
    }

    #[test]
    fn what_is_proven_of_a_recipient_is_permanent() {
        let replies = [
            // Postfix
            "550 5.1.1 <a@example.com>: Recipient address rejected: User unknown in local recipient table",
            "550 5.1.2 <a@example.invalid>: Recipient address rejected: Domain not found",
            "501 5.1.3 Bad recipient address syntax",
            "556 5.1.10 <a@example.com>: Recipient address rejected: Domain does not accept mail (nullMX)",
            "551 5.1.6 <a@example.com>: Recipient address rejected: User has moved to b@example.com",
            // Gmail
            "550-5.1.1 The email account that you tried to reach does not exist.\r\n550 5.1.1 Try again",
            "550 5.2.1 The email account that you tried to reach is inactive.",
            // Exchange
            "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup",
            "550 5.4.4 Unable to route",
            "553 5.6.7 Non-ASCII addresses not permitted",
            // Exim, qmail
            "550 Unrouteable address",
            "550 No Such User Here",
            "550 sorry, no mailbox here by that name. (#5.1.1)",
            "501 a@@b: malformed address",
            "551 User not local",
            "553 mailbox name not allowed",
            "556 domain does not accept mail",
        ];
        assert_all(Stage::Recipient, ProblemKind::Permanent, &replies);
    }

    #[test]
    fn what_somebody_can_put_right_is_temporary() {
        let replies = [
            // Postfix
            "450 4.2.0 <a@example.com>: Recipient address rejected: Greylisted",
            "450 4.1.2 <a@example.com>: Recipient address rejected: Domain not found",
            "454 4.7.1 <a@example.com>: Relay access denied",
            "554 5.7.1 <a@example.com>: Relay access denied",
            "550 5.1.8 <vigie@example.com>: Sender address rejected: Domain not found",
            "553 5.7.1 <vigie@example.com>: Sender address rejected: not owned by user vigie",
            "550 5.1.0 <vigie@example.com>: Sender address rejected: User unknown",
            "550 5.7.27 Sender address has null MX",
            "552 5.2.2 The email account that you tried to reach is over quota.",
            "550 5.2.4 The list can not be expanded",
            // Exchange
            "550 5.7.1 Unable to relay",
            "550 5.4.1 Recipient address rejected: Access denied",
            "554 5.4.6 Hop count exceeded - possible mail loop",
            "550 5.3.2 STOREDRV.Deliver: not accepting messages",
            "503 5.5.1 MAIL first",
            // sendmail, qmail
            "550 5.0.0 Access denied",
            "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)",
            "552 too many recipients",
            "554 no",
            "500 what",
            "502 not implemented",
            "503 bad sequence",
            "504 no such parameter",
            "521 this host takes no mail",
            "555 no such parameter",
            "571 denied",
            "452 4.5.3 too many recipients",
            // Contradictions: neither code alone proves anything.
            "450 5.1.1 who knows",
            "550 4.2.1 who knows",
            "550 2.1.5 who knows",
        ];
        assert_all(Stage::Recipient, ProblemKind::Temporary, &replies);
    }

    #[test]
    fn only_a_content_that_stays_as_it_is_is_given_up() {
        let permanent = [
            "552 5.3.4 Message size exceeds fixed limit",
            "550 5.2.3 the message is larger than this mailbox takes",
            "554 5.6.0 Invalid message content",
            "550 5.6.1 content not supported",
            "550 5.1.1 no such user",
            "552 message too large",
            "554 transaction failed",
            "550 administrative prohibition",
        ];
        assert_all(Stage::WholeMail, ProblemKind::Permanent, &permanent);
        let temporary = [
            "554 5.7.1 Message blocked as spam",
            "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
            "554 5.3.0 queue file write error",
            "552 5.2.2 mailbox full",
            "554 5.5.0 out of order",
            "554 5.0.0 no",
            "452 4.3.1 Insufficient system storage",
            "451 try later",
            "500 what",
            "553 odd here",
        ];
        assert_all(Stage::WholeMail, ProblemKind::Temporary, &temporary);
    }

    #[test]
    fn a_no_to_data_is_temporary() {
        let replies = [
            "554 5.5.1 no valid recipients",
            "550 5.1.1 no such user",
            "550 no",
            "503 first RCPT",
            "451 later",
        ];
        assert_all(Stage::Data, ProblemKind::Temporary, &replies);
    }

    #[test]
    fn a_server_that_leaves_or_asks_who_we_are_says_so_anywhere() {
        for stage in [
            Stage::Sender,
            Stage::Recipient,
            Stage::Data,
            Stage::WholeMail,
        ] {
            let closing = ["421 4.3.2 shutting down", "421 5.1.1 shutting down", "421"];
            assert_all(stage, ProblemKind::Closing, &closing);
            let login = [
                "530 5.7.57 SMTP; Client was not authenticated to send anonymous mail",
                "530 5.7.0 Must issue a STARTTLS command first",
                "535 5.7.3 Authentication unsuccessful",
                "538 encryption required",
                "534 too weak",
            ];
            assert_all(stage, ProblemKind::LoginNeeded, &login);
        }
    }
}
