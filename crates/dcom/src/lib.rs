//! DCOM without sockets: object references, activation, the object exporter and its client tables.
