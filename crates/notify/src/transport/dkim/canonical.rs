//! The "relaxed" forms of headers and bodies (RFC 6376, section 3.4): what is signed instead of the
//! bytes themselves, as servers on the way fold lines and trim spaces. Knows no key.

/// A mail's header fields, each with its line ends, and its body.
pub(super) struct Split<'a> {
    pub(super) fields: Vec<&'a [u8]>,
    pub(super) body: &'a [u8],
}

/// Takes a mail apart.
pub(super) fn split(mime: &[u8]) -> Split<'_> {
    let (mut fields, mut rest) = (Vec::new(), mime);
    while !rest.is_empty() {
        let end = end_of_field(rest);
        let (field, behind) = rest.split_at(end);
        rest = behind;
        if field == b"\r\n" {
            break;
        }
        fields.push(field);
    }
    Split { fields, body: rest }
}

/// Where the first field ends, or the empty line that stands in its place.
fn end_of_field(text: &[u8]) -> usize {
    let mut end = 0;
    loop {
        let line = text[end..].windows(2).position(|pair| pair == b"\r\n");
        let Some(length) = line else {
            return text.len();
        };
        let is_empty = end + length == 0;
        end += length + 2;
        let is_continued = matches!(text.get(end), Some(b' ' | b'\t'));
        if is_empty || !is_continued {
            return end;
        }
    }
}

/// The name of a field in small letters.
pub(super) fn name_of(field: &[u8]) -> Vec<u8> {
    let end = field.iter().position(|&byte| byte == b':');
    field[..end.unwrap_or(field.len())]
        .trim_ascii_end()
        .to_ascii_lowercase()
}

/// A field in its relaxed form, without the line end.
pub(super) fn relaxed_field(field: &[u8]) -> Vec<u8> {
    let mut relaxed = name_of(field);
    relaxed.push(b':');
    let value = field.iter().position(|&byte| byte == b':');
    let value = value.map_or(&[][..], |colon| &field[colon + 1..]);
    let is_kept = |byte: &u8| !matches!(byte, b'\r' | b'\n');
    let unfolded: Vec<u8> = value.iter().copied().filter(is_kept).collect();
    relaxed.extend(with_single_spaces(&unfolded).trim_ascii());
    relaxed
}

/// A body in its relaxed form.
pub(super) fn relaxed_body(body: &[u8]) -> Vec<u8> {
    let mut relaxed = Vec::with_capacity(body.len());
    let mut length = 0;
    for line in body.split(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        relaxed.extend(with_single_spaces(line).trim_ascii_end());
        let is_empty = relaxed.last().is_none_or(|&byte| byte == b'\n');
        relaxed.extend(b"\r\n");
        if !is_empty {
            length = relaxed.len();
        }
    }
    // The empty lines at the end are not part of it.
    relaxed.truncate(length);
    relaxed
}

/// Text in which each run of spaces and tabs is one space.
fn with_single_spaces(text: &[u8]) -> Vec<u8> {
    let mut single: Vec<u8> = Vec::with_capacity(text.len());
    for &byte in text {
        let byte = if byte == b'\t' { b' ' } else { byte };
        if byte != b' ' || single.last() != Some(&b' ') {
            single.push(byte);
        }
    }
    single
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 6376, section 3.4.5.
    const EXAMPLE: &[u8] = b"A: X\r\nB : Y\t\r\n\tZ  \r\n\r\n C \r\nD \t E\r\n\r\n\r\n";

    #[test]
    fn the_example_of_the_standard_has_the_form_that_it_gives() {
        let Split { fields, body } = split(EXAMPLE);
        let fields: Vec<Vec<u8>> = fields.into_iter().map(relaxed_field).collect();
        assert_eq!(fields, [b"a:X".to_vec(), b"b:Y Z".to_vec()]);
        assert_eq!(relaxed_body(body), b" C\r\nD E\r\n");
    }

    #[test]
    fn an_empty_body_is_nothing_and_a_last_line_without_end_gets_one() {
        for body in [&b""[..], b"\r\n", b"\r\n\r\n", b" \r\n\t\r\n"] {
            assert_eq!(relaxed_body(body), b"");
        }
        assert_eq!(relaxed_body(b"\r\na\r\n\r\nb"), b"\r\na\r\n\r\nb\r\n");
    }

    #[test]
    fn a_mail_ends_its_headers_at_the_first_empty_line_or_has_no_body() {
        let Split { fields, body } = split(b"A: X\r\n\r\nB: Y\r\n\r\nZ");
        assert_eq!(fields, [b"A: X\r\n"]);
        assert_eq!(body, b"B: Y\r\n\r\nZ");
        let Split { fields, body } = split(b"A: X\r\nB: Y");
        assert_eq!(fields, [&b"A: X\r\n"[..], b"B: Y"]);
        assert_eq!(body, b"");
        assert_eq!(split(b"\r\n\r\nZ").body, b"\r\nZ");
    }
}
