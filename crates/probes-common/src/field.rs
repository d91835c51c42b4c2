//! Kernel struct fields and enum values, found in the running kernel's BTF at load time.
//!
//! rustc emits no CO-RE relocations, so a probe reads each offset from a frozen read-only global. The verifier
//! knows the contents of such a global (since v5.5, commit a23740ec43ba), which makes the offset a constant:
//! loads through BTF-typed pointers pass, and branches on absent fields are removed.

use core::marker::PhantomData;

use crate::Const;

/// Stands for "this kernel does not have it".
pub const ABSENT: u32 = u32::MAX;

/// Where the running kernel keeps a field of type `T`: its byte offset in the outermost struct.
#[repr(transparent)]
pub struct Field<T> {
    offset: Const<u32>,
    marker: PhantomData<fn() -> T>,
}

impl<T> Field<T> {
    /// A field that the loader has not found yet.
    #[must_use]
    pub const fn unresolved() -> Self {
        Self { offset: Const::new(ABSENT), marker: PhantomData }
    }

    /// The byte offset, or `None` where this kernel lacks the field.
    #[inline(always)]
    pub fn offset(&self) -> Option<usize> {
        match self.offset.get() {
            ABSENT => None,
            offset => Some(offset as usize),
        }
    }
}

/// The running kernel's number for an enumerator, such as `TCP_CLOSE`.
#[repr(transparent)]
pub struct Enumerator(Const<u32>);

impl Enumerator {
    /// A value that the loader has not found yet.
    #[must_use]
    pub const fn unresolved() -> Self {
        Self(Const::new(ABSENT))
    }

    /// The value, or `None` where this kernel lacks the enumerator.
    #[inline(always)]
    pub fn value(&self) -> Option<u32> {
        match self.0.get() {
            ABSENT => None,
            value => Some(value),
        }
    }
}

/// What to look up in BTF for one slot of a [`Group`].
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// The field's name in the probe, for messages.
    pub name: &'static str,
    /// What is wanted, in order of preference; the first that the kernel has is taken.
    pub candidates: &'static [Candidate],
    /// The probe can do without it.
    pub optional: bool,
}

/// One place where a kernel may keep the wanted thing.
#[derive(Clone, Copy, Debug)]
pub enum Candidate {
    /// The offset of a member: `["task_struct", "real_parent"]`, of `size` bytes (0: any).
    Member {
        /// The struct or union, then the members on the way.
        path: &'static [&'static str],
        /// What the probe reads there, in bytes. A kernel whose field is wider or narrower does not match.
        size: u32,
        /// The module whose BTF defines the struct, when it is not built in.
        module: Option<&'static str>,
    },
    /// The value of an enumerator, in a named enum or (`_`) in any.
    Enumerator {
        /// The enum's name, or `_`.
        of: &'static str,
        /// The enumerator.
        name: &'static str,
    },
}

/// The fields of one `fields!` block: a global of the probe, one `u32` a spec, in order.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// The symbol in the object file.
    pub global: &'static str,
    /// What fills it.
    pub specs: &'static [Spec],
}

/// Declares kernel fields once for both sides: on the kernel side the global, on the user side the [`Group`] of the
/// same name. `|` separates alternatives, `[module]` names the module whose BTF has the struct, `optional` lets the
/// probe load without the field. The type is what the probe reads: a kernel whose field has another size does not
/// match. `()` stands for any size, for fields of which only the address is taken.
///
/// ```
/// probes_common::fields! {
///     /// Of a task.
///     pub TASK: TaskFields {
///         tgid: u32 = task_struct.tgid;
///         /// `state` until v5.14 (commit 2f064a59a11f).
///         state: u32 = task_struct.__state | task_struct.state;
///         zone: u16 = [nf_conntrack] nf_conn.zone.id, optional;
///     }
/// }
/// assert_eq!(TASK.specs.len(), 3);
/// ```
#[macro_export]
macro_rules! fields {
    ($(#[$doc:meta])* $vis:vis $GLOBAL:ident: $Type:ident {
        $($(#[$field_doc:meta])* $name:ident: $of:ty = $($([$module:ident])? $($step:ident).+)|+ $(, $optional:ident)?;)+
    }) => {
        $(#[$doc])*
        #[cfg(target_arch = "bpf")]
        #[allow(missing_docs, reason = "a slot is what the kernel calls it")]
        #[repr(C)]
        $vis struct $Type { $($(#[$field_doc])* pub $name: $crate::field::Field<$of>),+ }

        $(#[$doc])*
        #[cfg(target_arch = "bpf")]
        #[unsafe(no_mangle)]
        $vis static $GLOBAL: $Type = $Type { $($name: $crate::field::Field::unresolved()),+ };

        $(#[$doc])*
        #[cfg(not(target_arch = "bpf"))]
        $vis const $GLOBAL: $crate::field::Group = $crate::field::Group {
            global: stringify!($GLOBAL),
            specs: &[$($crate::field::Spec {
                name: stringify!($name),
                candidates: &[$($crate::field::Candidate::Member {
                    path: &[$(stringify!($step)),+],
                    size: size_of::<$of>() as u32,
                    module: $crate::field::first(&[$(stringify!($module))?]),
                }),+],
                optional: $crate::field::is_optional(&[$(stringify!($optional))?]),
            }),+],
        };
    };
}

/// Declares enumerators as [`fields!`](crate::fields) declares fields; `_` stands for an enum without a name.
///
/// ```
/// probes_common::enumerators! {
///     pub TCP: TcpStates {
///         close = _.TCP_CLOSE;
///         bound_inactive = _.TCP_BOUND_INACTIVE, optional;
///     }
/// }
/// assert!(TCP.specs[1].optional);
/// ```
#[macro_export]
macro_rules! enumerators {
    ($(#[$doc:meta])* $vis:vis $GLOBAL:ident: $Type:ident {
        $($(#[$value_doc:meta])* $name:ident = $($of:tt.$value:ident)|+ $(, $optional:ident)?;)+
    }) => {
        $(#[$doc])*
        #[cfg(target_arch = "bpf")]
        #[allow(missing_docs, reason = "a slot is what the kernel calls it")]
        #[repr(C)]
        $vis struct $Type { $($(#[$value_doc])* pub $name: $crate::field::Enumerator),+ }

        $(#[$doc])*
        #[cfg(target_arch = "bpf")]
        #[unsafe(no_mangle)]
        $vis static $GLOBAL: $Type = $Type { $($name: $crate::field::Enumerator::unresolved()),+ };

        $(#[$doc])*
        #[cfg(not(target_arch = "bpf"))]
        $vis const $GLOBAL: $crate::field::Group = $crate::field::Group {
            global: stringify!($GLOBAL),
            specs: &[$($crate::field::Spec {
                name: stringify!($name),
                candidates: &[$($crate::field::Candidate::Enumerator {
                    of: stringify!($of),
                    name: stringify!($value),
                }),+],
                optional: $crate::field::is_optional(&[$(stringify!($optional))?]),
            }),+],
        };
    };
}

/// For the macros: the module named in brackets, if any.
#[doc(hidden)]
#[must_use]
pub const fn first(names: &[&'static str]) -> Option<&'static str> {
    match names {
        [] => None,
        [name, ..] => Some(name),
    }
}

/// For the macros: whether the word behind the comma is there, and is `optional`.
#[doc(hidden)]
#[must_use]
pub const fn is_optional(words: &[&str]) -> bool {
    match words {
        [] => false,
        [word, ..] => {
            assert!(
                matches!(word.as_bytes(), b"optional"),
                "the only word allowed behind a comma is `optional`"
            );
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::fields! {
        SAMPLE: SampleFields {
            plain: u32 = task_struct.tgid;
            either: *const u8 = a.b.c | [nf_conntrack] d.e, optional;
        }
    }

    #[test]
    fn declares_paths_sizes_modules_and_optional_fields() {
        assert_eq!(SAMPLE.global, "SAMPLE");
        let [plain, either] = SAMPLE.specs else { panic!("two fields, got {SAMPLE:?}") };
        assert!(!plain.optional && either.optional);
        let Candidate::Member { path, size: 4, module: None } = plain.candidates[0] else {
            panic!("{plain:?}")
        };
        assert_eq!(path, ["task_struct", "tgid"]);
        let Candidate::Member { path, size: 8, module: Some("nf_conntrack") } = either.candidates[1] else {
            panic!("{either:?}")
        };
        assert_eq!(path, ["d", "e"]);
    }
}
