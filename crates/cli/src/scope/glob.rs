//! Shell patterns for command names, compiled for the kernel.

use std::str::FromStr;

use probes_common::{Const, filter::Glob as Compiled};

/// Bytes of a name that the kernel keeps (`TASK_COMM_LEN` without its NUL).
const LONGEST: usize = 15;

/// A pattern of literal bytes, `?`, `[a-z]`, `[!a-z]` and `*`; `\` takes the next byte as it is.
#[derive(Clone, Debug)]
pub struct Glob {
    /// For each element, which bytes it takes.
    elements: Vec<[bool; 256]>,
    /// Bit `i`: a `*` stands in front of element `i`.
    stars: u32,
}

impl Glob {
    /// The tables that the kernel side runs.
    pub fn compiled(&self) -> Compiled {
        let mut steps = [0_u32; 256];
        for (i, element) in self.elements.iter().enumerate() {
            for (step, takes) in steps.iter_mut().zip(element) {
                *step |= u32::from(*takes) << i;
            }
        }
        Compiled {
            accept: Const::new(1 << self.elements.len()),
            stays: Const::new(self.stars),
            steps: steps.map(Const::new),
        }
    }
}

impl FromStr for Glob {
    type Err = String;

    fn from_str(pattern: &str) -> Result<Self, String> {
        let mut glob = Self { elements: Vec::new(), stars: 0 };
        let mut bytes = pattern.bytes();
        while let Some(byte) = bytes.next() {
            let element = match byte {
                b'*' => {
                    glob.stars |= 1 << glob.elements.len();
                    continue;
                }
                b'?' => [true; 256],
                b'[' => class(&mut bytes)?,
                b'\\' => only(bytes.next().ok_or("ends with a `\\`")?),
                byte => only(byte),
            };
            glob.elements.push(element);
            if glob.elements.len() > LONGEST {
                return Err(format!("longer than a command name, which the kernel cuts to {LONGEST} bytes"));
            }
        }
        if pattern.is_empty() {
            return Err("is empty".to_owned());
        }
        Ok(glob)
    }
}

fn only(byte: u8) -> [bool; 256] {
    let mut element = [false; 256];
    element[usize::from(byte)] = true;
    element
}

/// The part of a class behind its `[`.
fn class(bytes: &mut std::str::Bytes<'_>) -> Result<[bool; 256], String> {
    let mut members = Vec::new();
    loop {
        match bytes.next().ok_or("has a `[` without a `]`")? {
            b']' if !members.is_empty() && members != [b'!'] => break,
            byte => members.push(byte),
        }
    }
    let (negated, members) = match members.as_slice() {
        [b'!' | b'^', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let mut element = [negated; 256];
    let mut rest = members;
    loop {
        let (range, tail) = match rest {
            [] => return Ok(element),
            [first, b'-', last, tail @ ..] => (*first..=*last, tail),
            [byte, tail @ ..] => (*byte..=*byte, tail),
        };
        for byte in range {
            element[usize::from(byte)] = !negated;
        }
        rest = tail;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        let mut padded = [0; 16];
        padded[..name.len()].copy_from_slice(name.as_bytes());
        pattern.parse::<Glob>().unwrap().compiled().matches(&padded)
    }

    #[test]
    fn matches_as_a_shell_does() {
        for (pattern, name, expected) in [
            ("bash", "bash", true),
            ("bash", "bas", false),
            ("bash", "bashx", false),
            ("*", "", true),
            ("*", "anything", true),
            ("b*h", "bash", true),
            ("b*h", "bh", true),
            ("b*h", "bhx", false),
            ("*sh", "bash", true),
            ("*a*a*", "banana", true),
            ("*a*a*a*a*", "banana", false),
            ("?ash", "dash", true),
            ("?ash", "ash", false),
            ("kworker/[0-9]*", "kworker/3:1", true),
            ("[!a-c]x", "dx", true),
            ("[!a-c]x", "bx", false),
            ("[]x]", "]", true),
            ("[a-]", "-", true),
            ("\\*", "*", true),
            ("\\*", "x", false),
            ("fifteen-bytes-x", "fifteen-bytes-x", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn refuses_what_can_never_match() {
        for pattern in ["", "[a", "a\\", "sixteen-bytes-xx"] {
            assert!(pattern.parse::<Glob>().is_err(), "{pattern}");
        }
    }
}
