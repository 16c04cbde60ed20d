//! The ticket's rules as data: given events, when a command comes, then events or a refusal.

mod awards;
mod deliveries;
mod experts;
mod life;
mod matrix;
mod properties;
mod scene;
