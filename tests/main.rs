//! End-to-end tests, on a live kernel: this one's, or that of a virtual machine whose `/init` this program is.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod support;

mod about;
mod failures;

/// `execsnoop;` registers the tests in the file of that name.
macro_rules! tools {
    ($($name:ident;)+) => {
        $(mod $name;)+

        /// The tests of each tool.
        fn tools() -> Vec<support::Test> {
            [$($name::tests()),+].concat()
        }
    };
}

tools! {
    execsnoop;
}

fn main() {
    support::workload::run_if_asked();
    if std::process::id() == 1 {
        support::guest::run(all());
    }
    support::run(all(), &libtest_mimic::Arguments::from_args()).exit();
}

fn all() -> Vec<support::Test> {
    [about::tests(), failures::tests(), tools()].concat()
}
