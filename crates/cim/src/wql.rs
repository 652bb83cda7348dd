//! WQL, the query language of WMI.
