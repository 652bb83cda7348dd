//! API tests of the WMI interfaces.

mod calls;
mod wire_data;
