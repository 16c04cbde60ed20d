//! The running tree: the only place that spawns. Doors talk to it through [`Service`], one handle.

mod clock;
mod device;
mod service;

pub use clock::Clock;
pub use device::{Device, Push};
pub use service::{Caller, ExpertDraft, Failure, Opened, Readiness, RegionDraft, Service, ServiceOptions, Unready};
