//! A WMI service: broker, repository, access control, DCOM adapter.
