//! Names of models and providers, each kept once.

use std::collections::BTreeSet;

use super::{Name, given};

/// Different names that one log may hold: beyond it, the column holds something else than names.
const MOST: usize = 65_536;

/// Names, each kept once.
#[derive(Clone, Debug, Default)]
pub(super) struct Names(BTreeSet<Name>);

impl Names {
    /// The shared copy of a name; none for the empty text.
    ///
    /// # Errors
    /// If there are too many different ones, saying so.
    pub(super) fn share(&mut self, name: &str) -> Result<Option<Name>, String> {
        let Some(name) = given(name) else { return Ok(None) };
        if let Some(known) = self.0.get(name) {
            return Ok(Some(known.clone()));
        }
        if self.0.len() == MOST {
            return Err(format!("is the {}th different name", MOST + 1));
        }
        let new = Name::from(name);
        self.0.insert(new.clone());
        Ok(Some(new))
    }
}
