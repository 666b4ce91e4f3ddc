//! Scenarios: files that describe a study.
//!
//! [`load`] reads a file with its bases and checks it part by part. [`layer`] puts blocks and variants together,
//! [`decode`] reads the merged trees. All that is wrong is collected in [`Problems`] and printed at once.

mod compare;
mod decode;
mod folder;
pub mod layer;
pub mod lint;
mod load;
mod problem;
mod reader;
mod resolve;
pub mod resolved;
pub mod schema;
mod shape;
pub mod shipped;
mod source;
pub mod tree;
pub mod values;
pub mod written;

pub use decode::{Decoded, Dropped, check, decode};
pub use folder::{Folder, read_text};
pub use load::{Loaded, load, load_kept};
pub use problem::{Problem, Problems, Refusal, Report, closest, name_cure, one_of, quoted, ticked};
pub use resolve::{Declared, read, read_kept, read_with_variants, shipped_registry};
pub use shape::{Field, Form, Kind, Shape};
pub use source::{Place, SourceMap, Span, Spanned};
