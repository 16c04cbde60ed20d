//! Claims about the solver, on problems drawn from seeds: its plans keep every rule, it never beats
//! an exhaustive search, and on small problems it finds what that finds.

mod brute;
mod claims;
mod draw;
mod flaws;
mod sharing;

pub(super) use draw::Draw;
