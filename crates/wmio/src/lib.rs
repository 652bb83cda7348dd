//! The MS-WMIO object encoding.
