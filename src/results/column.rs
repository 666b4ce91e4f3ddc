//! Columns in memory, and the macro that declares a table once: its row, its documentation and its Parquet frame.

use crate::analysis::work::WorkPhase;
use crate::domain::{
    AnomalyKind, BreakerState, ChosenBy, FallbackReason, NoTarget, Outcome, PerformanceClass,
    PolicyDecision, PolicyReason, Priority, Role, Slot,
};
use crate::units::Level;

/// Type of a column's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// Whole number, 32 bits.
    U32,
    /// Whole number, 64 bits.
    U64,
    /// Real number.
    F64,
    /// Yes or no.
    Bool,
}

impl Kind {
    /// The name in the documentation.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::U32 => "u32",
            Self::U64 => "u64",
            Self::F64 => "f64",
            Self::Bool => "bool",
        }
    }
}

/// Documentation of one column.
#[derive(Clone, Copy, Debug)]
pub struct ColumnDoc {
    /// Name, unit last.
    pub name: &'static str,
    /// Type.
    pub kind: Kind,
    /// May be null.
    pub nullable: bool,
    /// Meaning.
    pub doc: &'static str,
}

/// Documentation of one table.
#[derive(Clone, Copy, Debug)]
pub struct TableDoc {
    /// Name: the folder of its parts.
    pub name: &'static str,
    /// What one row is.
    pub doc: &'static str,
    /// Its columns, in order.
    pub columns: &'static [ColumnDoc],
}

/// Values of one column, borrowed for writing.
#[derive(Clone, Debug)]
pub enum Values<'a> {
    /// Text.
    Text(&'a [&'a str]),
    /// Text or null.
    OptText(&'a [Option<&'a str>]),
    /// Names of what is kept as something smaller.
    Names(Vec<&'a str>),
    /// Such names or null.
    OptNames(Vec<Option<&'a str>>),
    /// 32-bit whole numbers.
    U32(&'a [u32]),
    /// 64-bit whole numbers.
    U64(&'a [u64]),
    /// The same 64-bit whole number in every row.
    SameU64(u64, usize),
    /// 64-bit whole numbers or null.
    OptU64(&'a [Option<u64>]),
    /// Real numbers.
    F64(&'a [f64]),
    /// Real numbers or null.
    OptF64(&'a [Option<f64>]),
    /// Yes or no.
    Bool(&'a [bool]),
}

/// A type that may stand in a column.
pub trait Field: Sized {
    /// Its kind.
    const KIND: Kind;
    /// Whether it may be null.
    const NULLABLE: bool;
    /// A column of it.
    fn values(column: &[Self]) -> Values<'_>;
}

macro_rules! fields {
    ($($field:ty = $kind:ident, $nullable:literal, $values:ident;)+) => {
        $(impl Field for $field {
            const KIND: Kind = Kind::$kind;
            const NULLABLE: bool = $nullable;
            fn values(column: &[Self]) -> Values<'_> { Values::$values(column) }
        })+
    };
}

fields! {
    u32 = U32, false, U32;
    u64 = U64, false, U64;
    Option<u64> = U64, true, OptU64;
    f64 = F64, false, F64;
    Option<f64> = F64, true, OptF64;
    bool = Bool, false, Bool;
}

/// Lets an enumeration stand in a column by its name, at the memory of the enumeration.
macro_rules! named_fields {
    ($($field:ty)+) => {
        $(impl Field for $field {
            const KIND: Kind = Kind::Text;
            const NULLABLE: bool = false;
            fn values(column: &[Self]) -> Values<'_> {
                Values::Names(column.iter().map(|value| value.name()).collect())
            }
        }

        impl Field for Option<$field> {
            const KIND: Kind = Kind::Text;
            const NULLABLE: bool = true;
            fn values(column: &[Self]) -> Values<'_> {
                Values::OptNames(column.iter().map(|value| value.map(|v| v.name())).collect())
            }
        })+
    };
}

named_fields! {
    Level Priority Outcome Role ChosenBy FallbackReason NoTarget BreakerState
    AnomalyKind PerformanceClass Slot WorkPhase PolicyDecision PolicyReason
}

impl<'n> Field for &'n str {
    const KIND: Kind = Kind::Text;
    const NULLABLE: bool = false;
    fn values<'a>(column: &'a [&'n str]) -> Values<'a> {
        Values::Text(column)
    }
}

impl Field for String {
    const KIND: Kind = Kind::Text;
    const NULLABLE: bool = false;
    fn values(column: &[Self]) -> Values<'_> {
        Values::Names(column.iter().map(String::as_str).collect())
    }
}

impl<'n> Field for Option<&'n str> {
    const KIND: Kind = Kind::Text;
    const NULLABLE: bool = true;
    fn values<'a>(column: &'a [Option<&'n str>]) -> Values<'a> {
        Values::OptText(column)
    }
}

/// What all rows of one run share.
#[derive(Clone, Copy, Debug, Default)]
pub struct Run<'n> {
    /// The block.
    pub block: &'n str,
    /// The variant.
    pub variant: &'n str,
    /// The seed.
    pub seed: u64,
}

impl<'n> Run<'n> {
    /// Documentation of the columns that it fills, the first ones of a table.
    pub const COLUMNS: [ColumnDoc; 3] = [
        ColumnDoc {
            name: "block",
            kind: Kind::Text,
            nullable: false,
            doc: "Block of the scenario.",
        },
        ColumnDoc {
            name: "variant",
            kind: Kind::Text,
            nullable: false,
            doc: "Variant of the stack.",
        },
        ColumnDoc { name: "seed", kind: Kind::U64, nullable: false, doc: "Seed of the world." },
    ];

    /// Its columns in a table of `n` rows.
    #[must_use]
    pub fn values(&self, n: usize) -> [Values<'n>; 3] {
        [
            Values::Names(vec![self.block; n]),
            Values::Names(vec![self.variant; n]),
            Values::SameU64(self.seed, n),
        ]
    }
}

/// A table's rows, column by column.
pub trait Table {
    /// Its documentation.
    const DOC: TableDoc;
    /// Number of rows.
    fn len(&self) -> usize;
    /// Whether there is no row.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Drops all rows and keeps the memory.
    fn clear(&mut self);
    /// All columns in order.
    fn columns(&self) -> Vec<(&'static ColumnDoc, Values<'_>)>;
}

/// Declares a table: the type of one row, and the type that holds rows column by column. `of every run` puts the columns
/// of [`Run`] first and keeps them once instead of in every row.
macro_rules! table {
    (
        $(#[doc = $doc:literal])+
        $columns:ident of $row:ident, $name:literal of every run {
            $($(#[doc = $field_doc:literal])+ $field:ident: $type:ty,)+
        }
    ) => {
        $crate::results::column::table! { @types (run: $crate::results::column::Run<'n>,)
            $(#[doc = $doc])+
            $columns of $row, $name {
                $($(#[doc = $field_doc])+ $field: $type,)+
            }
        }

        impl<'n> $columns<'n> {
            /// An empty table of a run.
            #[must_use]
            pub fn of(run: $crate::results::column::Run<'n>) -> Self {
                Self { run, ..Self::default() }
            }
        }

        impl<'n> $crate::results::column::Table for $columns<'n> {
            const DOC: $crate::results::column::TableDoc = $crate::results::column::TableDoc {
                name: $name,
                doc: concat!($($doc),+).trim_ascii(),
                columns: &[
                    $crate::results::column::Run::COLUMNS[0],
                    $crate::results::column::Run::COLUMNS[1],
                    $crate::results::column::Run::COLUMNS[2],
                    $($crate::results::column::table!(@doc $(#[doc = $field_doc])+ $field: $type)),+
                ],
            };
            $crate::results::column::table! { @rows $($field)+ }

            fn columns(
                &self,
            ) -> Vec<(&'static $crate::results::column::ColumnDoc, $crate::results::column::Values<'_>)>
            {
                let run = self.run.values(self.len());
                let own = [$(<$type as $crate::results::column::Field>::values(&self.$field)),+];
                Self::DOC.columns.iter().zip(run.into_iter().chain(own)).collect()
            }
        }
    };
    (
        $(#[doc = $doc:literal])+
        $columns:ident of $row:ident, $name:literal {
            $($(#[doc = $field_doc:literal])+ $field:ident: $type:ty,)+
        }
    ) => {
        $crate::results::column::table! { @types ()
            $(#[doc = $doc])+
            $columns of $row, $name {
                $($(#[doc = $field_doc])+ $field: $type,)+
            }
        }

        impl<'n> $crate::results::column::Table for $columns<'n> {
            const DOC: $crate::results::column::TableDoc = $crate::results::column::TableDoc {
                name: $name,
                doc: concat!($($doc),+).trim_ascii(),
                columns: &[
                    $($crate::results::column::table!(@doc $(#[doc = $field_doc])+ $field: $type)),+
                ],
            };
            $crate::results::column::table! { @rows $($field)+ }

            fn columns(
                &self,
            ) -> Vec<(&'static $crate::results::column::ColumnDoc, $crate::results::column::Values<'_>)>
            {
                let own = [$(<$type as $crate::results::column::Field>::values(&self.$field)),+];
                Self::DOC.columns.iter().zip(own).collect()
            }
        }
    };
    (@doc $(#[doc = $field_doc:literal])+ $field:ident: $type:ty) => {
        $crate::results::column::ColumnDoc {
            name: stringify!($field),
            kind: <$type as $crate::results::column::Field>::KIND,
            nullable: <$type as $crate::results::column::Field>::NULLABLE,
            doc: concat!($($field_doc),+).trim_ascii(),
        }
    };
    (@rows $($field:ident)+) => {
        fn len(&self) -> usize {
            [$(self.$field.len()),+][0]
        }

        fn clear(&mut self) {
            $(self.$field.clear();)+
        }
    };
    (@types ($($extra:tt)*)
        $(#[doc = $doc:literal])+
        $columns:ident of $row:ident, $name:literal {
            $($(#[doc = $field_doc:literal])+ $field:ident: $type:ty,)+
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug)]
        pub struct $row<'n> {
            $($(#[doc = $field_doc])+ pub $field: $type,)+
        }

        #[doc = concat!("Rows of the table `", $name, "`, column by column.")]
        #[derive(Clone, Debug, Default)]
        pub struct $columns<'n> {
            $($extra)*
            $($field: Vec<$type>,)+
        }

        impl<'n> $columns<'n> {
            /// Adds a row.
            #[inline]
            pub fn push(&mut self, row: $row<'n>) {
                $(self.$field.push(row.$field);)+
            }
        }
    };
}

pub(crate) use table;
