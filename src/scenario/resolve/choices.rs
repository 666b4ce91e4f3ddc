//! Blocks that are run for every choice of models that a fault may hit.

use std::sync::Arc;

use super::Resolver;
use crate::registry::Registry;
use crate::scenario::resolved::{Block, Choice, Variant};
use crate::scenario::source::Span;
use crate::scenario::tree::{Node, Path as TreePath};
use crate::units::ModelId;
use crate::world::WorldSpec;
use crate::world::fault::Target;

/// The most choices of one block.
const MOST_CHOICES: u64 = 1000;

/// A fault that hits every choice of so many models.
pub(super) struct ToChoose {
    /// Its position among the faults.
    fault: usize,
    /// How many models it hits.
    n: usize,
}

impl Resolver<'_> {
    /// Notes a fault of the block at hand that hits every choice of `n` models.
    pub(super) fn note_choice(&mut self, fault: usize, n: u64, span: Span, registry: &Registry) {
        let of = registry.models.len();
        let n = usize::try_from(n).unwrap_or(usize::MAX);
        if n > of {
            return;
        }
        if !self.to_choose.is_empty() {
            let message = "two faults of a block hit every choice of so many models";
            self.problems().add(
                span,
                message,
                "write `every_choice_of` once, and `draw` in the others",
            );
        }
        let choices = binomial(of as u64, n as u64);
        if choices.is_none_or(|choices| choices > MOST_CHOICES) {
            let number = choices.map_or("more than can be counted".to_owned(), |n| n.to_string());
            let message = format!("there are {number} choices of {n} of {of} models");
            let cure =
                format!("{MOST_CHOICES} are the most; write `draw`, which each seed draws anew");
            self.problems().add(span, message, cure);
            return;
        }
        self.to_choose.push(ToChoose { fault, n });
    }

    /// The block for each choice of its fault, or itself if it has none such.
    pub(super) fn chosen(&mut self, block: Block) -> Vec<Block> {
        let Some(ToChoose { fault, n }) = self.to_choose.pop() else { return vec![block] };
        // Faults that could not be read are missing, and then nothing is run.
        let models: Vec<ModelId> = block.registry.ids().collect();
        let named = |hit: &[ModelId]| {
            let names: Vec<&str> =
                hit.iter().map(|m| block.registry.models[m.index()].name.as_str()).collect();
            names.join(", ")
        };
        let hit = |world: &WorldSpec, models: &[ModelId]| {
            let mut world = world.clone();
            if let Some(fault) = world.faults.get_mut(fault) {
                fault.target = Target::Models(models.to_vec());
            }
            Arc::new(world)
        };
        let each = |chosen: Vec<ModelId>| Block {
            name: format!("{}: {}", block.name, named(&chosen)),
            world: hit(&block.world, &chosen),
            training_world: block.training_world.as_ref().map(|world| hit(world, &chosen)),
            choice: Some(Choice { of: block.name.clone(), fault, models: chosen }),
            ..block.clone()
        };
        choices(&models, n).into_iter().map(each).collect()
    }

    /// Reports what chooses by looking, in a study whose blocks are run for every choice.
    pub(super) fn without_selection(&mut self, blocks: &[Block], variants: &[Variant]) {
        if blocks.iter().all(|block| block.choice.is_none()) {
            return;
        }
        let tree = self.loaded.tree.clone();
        for key in ["criteria", "compare.selection_seeds", "parameter_studies"] {
            if tree.at(&TreePath::of(key)).is_some() {
                let message = format!(
                    "`{key}` chooses in every block, and here every choice of models is one"
                );
                let cure = "leave it out, or write `draw` in the place of `every_choice_of`";
                self.problems().add(tree.span_at(&TreePath::of(key)), message, cure);
            }
        }
        let nodes = tree.child("variants").map_or(&[][..], Node::items);
        for (at, variant) in variants.iter().enumerate().filter(|(_, v)| v.best_fixed.is_some()) {
            let span = nodes.get(at).map_or(Span::default(), |node| node.span);
            let message = format!(
                "the variant `{}` has its model chosen in every block, and here every choice of models is one",
                variant.name
            );
            self.problems().add(span, message, "name the model with `order.always`");
        }
    }
}

/// All choices of `n` of these, in lexicographic order.
fn choices(models: &[ModelId], n: usize) -> Vec<Vec<ModelId>> {
    let Some(left) = n.checked_sub(1) else { return vec![Vec::new()] };
    let mut all = Vec::new();
    for (at, first) in models.iter().enumerate() {
        for rest in choices(&models[at + 1..], left) {
            all.push([&[*first], &rest[..]].concat());
        }
    }
    all
}

/// The number of choices of `k` of `n`, if it can be counted.
fn binomial(n: u64, k: u64) -> Option<u64> {
    let k = k.min(n.checked_sub(k)?);
    // After i steps the number is that of choices of i of n, a whole number.
    (0..k).try_fold(1_u64, |number, i| Some(number.checked_mul(n - i)? / (i + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_choices_come_once_and_in_order() {
        let models: Vec<ModelId> = (0..10).map(ModelId).collect();
        let all = choices(&models, 5);
        assert_eq!((all.len(), binomial(10, 5)), (252, Some(252)));
        assert!(all.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(all.iter().all(|choice| choice.windows(2).all(|pair| pair[0] < pair[1])));
        assert_eq!(all[0], models[..5]);
        assert_eq!((binomial(128, 64), binomial(3, 5), binomial(4, 0)), (None, None, Some(1)));
    }
}
