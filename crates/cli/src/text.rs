//! Bytes from the kernel, made safe to show.
//!
//! Command names, paths and arguments are whatever their owner made them: terminal escapes, newlines that fake
//! rows, marks that turn the line around. A terminal must see none of that; a program must get every byte.

use std::fmt::Write as _;

/// Appends `bytes` so that no terminal obeys them and no row breaks: controls as `\n` or `\x1b`, bytes that are
/// not UTF-8 as `\xff`, invisible and direction-changing characters as `\u{202e}`.
pub fn escape_into(out: &mut String, bytes: &[u8]) {
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                c if !is_unsafe(c) => out.push(c),
                // Writing to a String cannot fail.
                c if c.is_ascii() => drop(write!(out, "\\x{:02x}", u32::from(c))),
                c => drop(write!(out, "\\u{{{:x}}}", u32::from(c))),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
}

/// [`escape_into`] a new string.
pub fn escape(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    escape_into(&mut out, bytes);
    out
}

/// A command line for people: `words` escaped and separated by spaces, in quotation marks if `quote`, with `…` at
/// the end if it is `cut`.
pub fn command_line<'a>(words: impl Iterator<Item = &'a [u8]>, quote: bool, cut: bool) -> String {
    let mut line = String::new();
    for word in words {
        if !line.is_empty() {
            line.push(' ');
        }
        if quote {
            line.push('"');
            line.push_str(&escape(word).replace('"', "\\\""));
            line.push('"');
        } else {
            escape_into(&mut line, word);
        }
    }
    if cut {
        line.push('…');
    }
    line
}

/// Whether a terminal may obey the character, or hide it, or let it move its neighbours: C0, DEL and C1 controls,
/// format characters (bidi, zero width, tags), line and paragraph separators.
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// A name as the kernel stores it, without its padding.
pub fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn shows_what_cannot_be_seen() {
        for (bytes, shown) in [
            (&b"plain \xc3\xa9"[..], "plain é"),
            (b"\x1b[2J", "\\x1b[2J"),
            (b"a\nb\tc\r", "a\\nb\\tc\\r"),
            (b"\x7f\xc2\x9b1m", "\\x7f\\u{9b}1m"),
            (b"\xff\xfe", "\\xff\\xfe"),
            ("\u{202e}gpj".as_bytes(), "\\u{202e}gpj"),
            ("e\u{301}".as_bytes(), "e\u{301}"),
        ] {
            assert_eq!(escape(bytes), shown);
        }
    }

    #[test]
    fn joins_words() {
        let words = || [&b"a b"[..], b"", b"c\"\n"].into_iter();
        assert_eq!(command_line(words(), false, false), "a b  c\"\\n");
        assert_eq!(command_line(words(), true, true), r#""a b" "" "c\"\n"…"#);
    }

    #[test]
    fn cuts_at_the_first_nul() {
        assert_eq!(until_nul(b"sh\0junk"), b"sh");
        assert_eq!(until_nul(b"full"), b"full");
        assert_eq!(until_nul(b""), b"");
    }

    proptest! {
        #[test]
        fn no_bytes_get_through(bytes: Vec<u8>) {
            prop_assert!(!escape(&bytes).chars().any(is_unsafe));
        }
    }
}
