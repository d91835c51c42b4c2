//! JSON strings that carry any bytes past any terminal.

use std::io::Write as _;

use crate::text::is_unsafe;

/// Appends `bytes` as a JSON string. Controls and invisible characters are written as `\u001b`: the same string to
/// a parser, harmless to a terminal. What is not UTF-8 becomes U+FFFD; [`is_exact`] tells.
pub(super) fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' => out.extend(b"\\\""),
                '\\' => out.extend(b"\\\\"),
                '\n' => out.extend(b"\\n"),
                '\t' => out.extend(b"\\t"),
                c if is_unsafe(c) => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        // Writing to a Vec cannot fail.
                        let _ = write!(out, "\\u{unit:04x}");
                    }
                }
                c => out.extend(c.encode_utf8(&mut [0; 4]).bytes()),
            }
        }
        if !chunk.invalid().is_empty() {
            out.extend("\u{fffd}".bytes());
        }
    }
    out.push(b'"');
}

/// Appends `bytes` as a JSON string of hexadecimal digits.
pub(super) fn hex(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
    out.push(b'"');
}

/// Whether [`string`] keeps every byte.
pub(super) fn is_exact(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok()
}

/// Appends a list, each element by `write`.
pub(super) fn list<T>(out: &mut Vec<u8>, elements: &[T], write: impl Fn(&mut Vec<u8>, &T)) {
    out.push(b'[');
    for (i, element) in elements.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write(out, element);
    }
    out.push(b']');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_survives_a_parser_and_no_terminal_notices(text: String) {
            let mut out = Vec::new();
            string(&mut out, text.as_bytes());
            let line = String::from_utf8(out).unwrap();
            prop_assert!(!line.chars().any(is_unsafe));
            prop_assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
        }

        #[test]
        fn any_bytes_make_a_string(bytes: Vec<u8>) {
            let mut out = Vec::new();
            string(&mut out, &bytes);
            let parsed: String = serde_json::from_slice(&out).unwrap();
            prop_assert_eq!(parsed.as_bytes() == bytes.as_slice(), is_exact(&bytes));
        }
    }
}
