//! The MS-WMI interfaces and their flags, contexts and object arrays.
