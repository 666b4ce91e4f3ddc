//! Columns in memory, and the macro that declares a table once: its row, its documentation and its Parquet frame.

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
#[derive(Clone, Copy, Debug)]
pub enum Values<'a> {
    /// Text.
    Text(&'a [&'a str]),
    /// Text or null.
    OptText(&'a [Option<&'a str>]),
    /// 32-bit whole numbers.
    U32(&'a [u32]),
    /// 64-bit whole numbers.
    U64(&'a [u64]),
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

impl<'n> Field for &'n str {
    const KIND: Kind = Kind::Text;
    const NULLABLE: bool = false;
    fn values<'a>(column: &'a [&'n str]) -> Values<'a> {
        Values::Text(column)
    }
}

impl<'n> Field for Option<&'n str> {
    const KIND: Kind = Kind::Text;
    const NULLABLE: bool = true;
    fn values<'a>(column: &'a [Option<&'n str>]) -> Values<'a> {
        Values::OptText(column)
    }
}

/// A table's rows, column by column.
pub trait Table: Default {
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

/// Declares a table: `rows` is the type of one row, `columns` holds them column by column.
macro_rules! table {
    (
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
            $($field: Vec<$type>,)+
        }

        impl<'n> $columns<'n> {
            /// Adds a row.
            #[inline]
            pub fn push(&mut self, row: $row<'n>) {
                $(self.$field.push(row.$field);)+
            }
        }

        impl<'n> $crate::results::column::Table for $columns<'n> {
            const DOC: $crate::results::column::TableDoc = $crate::results::column::TableDoc {
                name: $name,
                doc: concat!($($doc),+).trim_ascii(),
                columns: &[$($crate::results::column::ColumnDoc {
                    name: stringify!($field),
                    kind: <$type as $crate::results::column::Field>::KIND,
                    nullable: <$type as $crate::results::column::Field>::NULLABLE,
                    doc: concat!($($field_doc),+).trim_ascii(),
                }),+],
            };

            fn len(&self) -> usize {
                [$(self.$field.len()),+][0]
            }

            fn clear(&mut self) {
                $(self.$field.clear();)+
            }

            fn columns(
                &self,
            ) -> Vec<(
                &'static $crate::results::column::ColumnDoc,
                $crate::results::column::Values<'_>,
            )> {
                let values = [$(<$type as $crate::results::column::Field>::values(&self.$field)),+];
                Self::DOC.columns.iter().zip(values).collect()
            }
        }
    };
}

pub(crate) use table;
