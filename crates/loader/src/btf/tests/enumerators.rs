use probes_common::field::ABSENT;

use super::ask;
use super::writer::Writer;

probes_common::enumerators! { CLOSE: CloseStates { close = _.TCP_CLOSE; } }
probes_common::enumerators! { NAMED: NamedStates { close = tcp_state.TCP_CLOSE, optional; } }
probes_common::enumerators! { EITHER: EitherStates { close = _.NEWER | _.TCP_CLOSE; } }

#[test]
fn finds_enumerators_of_named_anonymous_and_wide_enums() {
    let mut file = Writer::new();
    file.enumeration("", &[("TCP_OPEN", 1), ("TCP_CLOSE", 7)]);
    file.enumeration("tcp_state", &[("TCP_CLOSE", 9)]);
    assert_eq!((ask(&file, &CLOSE), ask(&file, &NAMED)), (Ok(vec![7]), Ok(vec![9])));
    assert_eq!(ask(&file, &EITHER), Ok(vec![7]));

    let mut file = Writer::new();
    file.enum64("tcp_state", &[("HUGE", 1 << 40), ("TCP_CLOSE", 0xffff_fffe)]);
    assert_eq!((ask(&file, &CLOSE), ask(&file, &NAMED)), (Ok(vec![0xffff_fffe]), Ok(vec![0xffff_fffe])));
}

#[test]
fn leaves_an_optional_one_absent_where_the_enum_has_another_name() {
    let mut file = Writer::new();
    file.enumeration("other", &[("TCP_CLOSE", 7)]);
    assert_eq!(ask(&file, &NAMED), Ok(vec![ABSENT]));
    assert_eq!(
        ask(&Writer::new(), &CLOSE),
        Err("this kernel has no enumerator TCP_CLOSE (wanted for CLOSE.close)".into())
    );
}

#[test]
fn refuses_values_that_a_probe_cannot_hold() {
    let mut negative = Writer::new();
    negative.enumeration("e", &[("TCP_CLOSE", -2)]);
    let mut wide = Writer::new();
    wide.enum64("e", &[("TCP_CLOSE", 1 << 32)]);
    let mut absent = Writer::new();
    absent.enum64("e", &[("TCP_CLOSE", u64::from(ABSENT))]);
    for (file, value) in [(negative, "-2"), (wide, "4294967296"), (absent, "4294967295")] {
        let message = ask(&file, &CLOSE).unwrap_err();
        assert!(
            message.ends_with(&format!("TCP_CLOSE is {value}, probes take 0 to 4294967294")),
            "{message}"
        );
    }
}
