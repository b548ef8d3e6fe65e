//! What a server says to one command: its lines, its code, and the finer code in its words. Knows
//! not what it means; that is in `meaning`.

use std::fmt;

use crate::untrusted::{ellipsis, one_line};

/// How much of a server's words is told.
const TOLD: usize = 300;

/// A reply as RFC 5321, section 4.2 has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) code: u16,
    lines: Vec<String>,
}

/// A code of RFC 3463, such as `5.1.1`, which says more than the three digits before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EnhancedCode {
    pub(super) class: u16,
    pub(super) subject: u16,
    pub(super) detail: u16,
}

impl Reply {
    /// The reply in these bytes, which are all of its lines; `None` when they are none.
    ///
    /// Words in another encoding than UTF-8 are told with marks where letters were lost: what the
    /// server means is in the digits.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(bytes);
        let mut code = None;
        let mut lines = Vec::new();
        for line in text.lines() {
            let (digits, rest) = line.split_at_checked(3)?;
            let is_code = digits.bytes().all(|byte| byte.is_ascii_digit());
            let is_first_of_a_kind = matches!(digits.as_bytes()[0], b'2'..=b'5');
            let words = rest.strip_prefix(['-', ' ']).unwrap_or(rest);
            if !is_code || !is_first_of_a_kind || (words.len() == rest.len() && !rest.is_empty()) {
                return None;
            }
            let digits: u16 = digits.parse().ok()?;
            if *code.get_or_insert(digits) != digits {
                return None;
            }
            lines.push(words.to_owned());
        }
        code.map(|code| Self { code, lines })
    }

    /// Whether this is a yes. A 3xx is none: it asks for more.
    pub(super) fn agrees(&self) -> bool {
        self.code / 100 == 2
    }

    /// Whether this is a no. What is neither this nor a yes asks for more.
    pub(super) fn refuses(&self) -> bool {
        self.code >= 400
    }

    /// The words, line by line, without the code.
    pub(super) fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }

    /// The code of RFC 3463: at the start of the words as RFC 2034 has it, or, as qmail writes it, in
    /// brackets at their end: `sorry, no mailbox here by that name. (#5.1.1)`.
    pub(super) fn enhanced_code(&self) -> Option<EnhancedCode> {
        let at_start = |line: &str| EnhancedCode::parse(line.split_whitespace().next()?);
        let at_end = |line: &str| {
            let (_, code) = line.trim_end().strip_suffix(')')?.rsplit_once("(#")?;
            EnhancedCode::parse(code)
        };
        let lines = || self.lines();
        lines()
            .find_map(at_start)
            .or_else(|| lines().find_map(at_end))
    }
}

impl EnhancedCode {
    fn parse(word: &str) -> Option<Self> {
        let mut numbers = word.split('.').map(|digits| {
            let is_number =
                matches!(digits.len(), 1..=3) && digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse().ok().filter(|_| is_number)
        });
        let mut next = || numbers.next().flatten();
        let (class, subject, detail) = (next()?, next()?, next()?);
        let code = Self {
            class,
            subject,
            detail,
        };
        (numbers.next().is_none() && matches!(class, 2 | 4 | 5)).then_some(code)
    }
}

impl fmt::Display for Reply {
    /// As people are told it, on one line.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = format!("{} {}", self.code, self.lines.join(" "));
        formatter.write_str(&told(&words))
    }
}

/// A server's words as people are told them.
pub(super) fn told(text: &str) -> String {
    one_line(text, TOLD, ellipsis)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(text: &str) -> Reply {
        Reply::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn all_lines_of_a_reply_are_told_on_one() {
        for (text, told) in [
            ("250 ok\r\n", "250 ok"),
            ("250\r\n", "250"),
            ("250-a\r\n250-\r\n250 b\r\n", "250 a  b"),
            ("550 5.1.1 a\tb\r\n", "550 5.1.1 a b"),
            (
                "571 beyond the digits of the RFC\n",
                "571 beyond the digits of the RFC",
            ),
        ] {
            assert_eq!(reply(text).to_string(), told);
        }
        let long = format!("250 {}", "x".repeat(1000));
        assert!(reply(&long).to_string().len() < 320);
    }

    #[test]
    fn what_is_no_reply_is_not_taken_for_one() {
        for text in [
            "",
            "\r\n",
            "25\r\n",
            "2500 ok\r\n",
            "abc ok",
            "150 early",
            "650 late",
            "250-a\r\n251 b",
            "25é ok",
            "é50 ok",
            "250ok",
            "SSH-2.0-OpenSSH_9.9",
        ] {
            assert_eq!(Reply::parse(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn words_in_another_encoding_are_told_with_marks() {
        let reply = Reply::parse(b"550 5.1.1 utilisateur supprim\xE9\r\n").unwrap();
        assert_eq!(reply.to_string(), "550 5.1.1 utilisateur supprim\u{FFFD}");
        assert_eq!(reply.code, 550);
    }

    #[test]
    fn a_finer_code_stands_first_or_as_qmail_writes_it() {
        let code = |text| {
            let code = reply(text).enhanced_code()?;
            Some((code.class, code.subject, code.detail))
        };
        for (text, expected) in [
            ("550 5.1.1 no such user", Some((5, 1, 1))),
            (
                "550-5.1.1 The account\r\n550 5.1.1 does not exist",
                Some((5, 1, 1)),
            ),
            ("556 5.1.10 null MX", Some((5, 1, 10))),
            ("550 sorry, no mailbox here. (#5.1.1)", Some((5, 1, 1))),
            ("550 no such user", None),
            ("550 1.2.3.4 is listed", None),
            ("550 192.0.2 is listed", None),
            ("550 6.1.1 x", None),
            ("550 5.1 x", None),
            ("550 5.+1.1 x", None),
            ("550", None),
        ] {
            assert_eq!(code(text), expected, "{text}");
        }
    }
}
