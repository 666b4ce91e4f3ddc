//! Learners that LLM gateways and routers ship.

pub mod pareto_bandit;
pub mod pilot;
pub mod shares;
pub mod track_and_stop;
