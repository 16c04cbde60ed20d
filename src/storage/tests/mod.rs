//! The store as a whole: what it promises, and every way it may be interrupted.

mod audits;
mod backups;
mod bed;
mod codec;
mod commits;
mod crashes;
mod faults;
mod histories;
mod lists;
mod samples;
