//! Learners that read features of a request: rewards are linear in them.

pub mod d_lin_ucb;
pub mod lin_ts;
pub mod lin_ucb;
pub mod lin_ucb_shared;
pub mod ridge;
pub mod square_cb;
