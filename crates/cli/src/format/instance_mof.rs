//! MOF: `instance of Class { ... };`, or a class.

use super::{Row, RowWriter};
use rwmi_cim::{Entity, mof};
use std::io::{self, Write};

pub(super) struct Mof<W> {
    out: W,
    with_host: bool,
    rows: u64,
}

impl<W: Write> Mof<W> {
    pub(super) fn new(out: W, with_host: bool) -> Self {
        Mof { out, with_host, rows: 0 }
    }
}

impl<W: Write> RowWriter for Mof<W> {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        if 0 < self.rows {
            self.out.write_all(b"\n")?;
        }
        self.rows += 1;
        if self.with_host {
            writeln!(self.out, "// {}", super::text::harmless(row.host))?;
        }
        let text = match row.entity {
            Entity::Class(class) => mof::print_class(class),
            Entity::Instance(object) => mof::print_instance(&object.to_instance().map_err(|e| io::Error::other(e.to_string()))?),
        };
        self.out.write_all(text.as_bytes())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
