//! What an event consists of, said once for every face: tables, NDJSON, CSV, man pages and schemas.

use std::borrow::Cow;

/// One fact about an event of type `E`, for a tool with the options `O`.
pub struct Column<E: 'static, O: 'static> {
    /// Its name in NDJSON and CSV: lower snake case, stable. Empty for what only tables show.
    pub field: &'static str,
    /// What kind of value programs get.
    pub kind: Kind,
    /// What it means, for the man page and the schema.
    pub help: &'static str,
    /// How tables show it; `None` for what only programs get.
    pub cell: Option<Cell<O>>,
    /// Takes it out of an event.
    pub value: fn(&E) -> Value<'_>,
}

/// A column of a table.
pub struct Cell<O: 'static> {
    /// The heading, as in bcc.
    pub header: &'static str,
    /// Terminal cells it takes at least; wider values push what follows. 0 for the last column.
    pub width: usize,
    /// Where a narrower value stands.
    pub align: Align,
    /// Whether these options ask for it.
    pub shown: fn(&O) -> bool,
}

/// Which side of a cell a value keeps to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// The left one.
    Left,
    /// The right one.
    Right,
}

/// The type of a column, as programs see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// RFC 3339, UTC, microseconds.
    Time,
    /// A whole number, or null.
    Integer,
    /// A string; `NAME_hex` beside it has the bytes when they are not UTF-8.
    Text,
    /// A list of strings, likewise.
    TextList,
    /// True or false.
    Flag,
}

/// The value of a column in one event.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// The kernel does not tell.
    Unknown,
    /// A number.
    Integer(i64),
    /// Yes or no.
    Flag(bool),
    /// Bytes of whatever origin.
    Text(&'a [u8]),
    /// Several of these.
    TextList(Vec<&'a [u8]>),
    /// A line for people, already escaped.
    Line(Cow<'a, str>),
    /// `CLOCK_MONOTONIC` in ns, shown as a date (tables: as local time of day).
    Time(u64),
    /// `CLOCK_MONOTONIC` in ns, shown as seconds since the start.
    Elapsed(u64),
}

/// A column without its types: what schemas and man pages say of it.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// [`Column::field`].
    pub name: &'static str,
    /// [`Column::kind`].
    pub kind: Kind,
    /// [`Column::help`].
    pub help: &'static str,
    /// The heading in tables, or empty.
    pub header: &'static str,
}

impl<E: 'static, O: 'static> Column<E, O> {
    /// What is said of it.
    pub fn describe(&self) -> Field {
        let header = self.cell.as_ref().map_or("", |cell| cell.header);
        Field { name: self.field, kind: self.kind, help: self.help, header }
    }

    /// A column for programs; [`Column::cell`] makes tables show it too.
    pub const fn new(
        field: &'static str,
        kind: Kind,
        help: &'static str,
        value: fn(&E) -> Value<'_>,
    ) -> Self {
        Self { field, kind, help, cell: None, value }
    }

    /// A column that only tables have.
    pub const fn for_tables(help: &'static str, value: fn(&E) -> Value<'_>) -> Self {
        Self::new("", Kind::Text, help, value)
    }

    /// Shows it in tables under `header`.
    #[must_use]
    pub const fn cell(mut self, header: &'static str, width: usize) -> Self {
        self.cell = Some(Cell { header, width, align: Align::Left, shown: |_| true });
        self
    }

    /// Shows it in tables on the right side of its column.
    #[must_use]
    pub const fn right_cell(mut self, header: &'static str, width: usize) -> Self {
        self.cell = Some(Cell { header, width, align: Align::Right, shown: |_| true });
        self
    }

    /// Shows it in tables only when the options ask for it.
    #[must_use]
    pub const fn when(mut self, shown: fn(&O) -> bool) -> Self {
        if let Some(cell) = &mut self.cell {
            cell.shown = shown;
        }
        self
    }
}
