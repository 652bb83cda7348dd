//! Connects to WMI on a remote computer: sessions, queries, hints.
