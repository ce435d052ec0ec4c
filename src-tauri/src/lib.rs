//! The desktop shell: one window over the same command list that browsers use.

mod command_line;
mod lifecycle;
mod logs;
mod rpc;
mod saving;
mod single;

pub use lifecycle::run;
