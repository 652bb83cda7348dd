//! The provider against a recorded machine, a private bus and the machine that runs the tests.

mod associations;
mod fake_systemd;
mod live;
mod machine;
mod methods;
mod recorded;
mod services;
mod traces;
