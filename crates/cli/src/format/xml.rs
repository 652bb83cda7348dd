//! CIM-XML (DSP0201): a declaration of objects, `CIM/DECLARATION/DECLGROUP/VALUE.OBJECT/INSTANCE`. Of several computers, each change of
//! the computer begins a group with its path.

use super::{Columns, Place, Row, RowWriter};
use rwmi_cim::{CimType, Entity};
use rwmi_client::xml::{self, Dtd, attribute, escaped, local_path};
use std::fmt::Write as _;
use std::io::{self, Write};

pub(super) struct Xml<W> {
    out: W,
    columns: Columns,
    begun: bool,
    /// The computer of the open group.
    host: Option<String>,
}

impl<W: Write> Xml<W> {
    pub(super) fn new(out: W, columns: Columns) -> Self {
        Xml { out, columns, begun: false, host: None }
    }

    /// Everything before the first object.
    fn begin(&mut self) -> io::Result<()> {
        self.begun = true;
        self.out.write_all(b"<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<CIM CIMVERSION=\"2.0\" DTDVERSION=\"2.0\">\n<DECLARATION>\n")
    }

    /// Opens the group of a computer, where it is not open.
    fn group(&mut self, host: &str) -> io::Result<()> {
        if self.host.is_some() && (!self.columns.with_host || self.host.as_deref() == Some(host)) {
            return Ok(());
        }
        let mut text = String::new();
        if self.host.is_some() {
            text.push_str("</DECLGROUP>\n");
        }
        text.push_str("<DECLGROUP>\n");
        if self.columns.with_host {
            let _ = write!(text, "<NAMESPACEPATH><HOST>{}</HOST>", escaped(host));
            local_path(&mut text, &self.columns.style.namespace);
            text.push_str("</NAMESPACEPATH>\n");
        }
        self.host = Some(host.to_owned());
        self.out.write_all(text.as_bytes())
    }
}

impl<W: Write> RowWriter for Xml<W> {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        if !self.begun {
            self.begin()?;
        }
        self.group(row.host)?;
        let mut text = String::from("<VALUE.OBJECT>");
        let places = self.columns.of(row.entity);
        match row.entity {
            Entity::Instance(object) => {
                let _ = writeln!(text, "<INSTANCE CLASSNAME=\"{}\">", attribute(&object.class().name));
                properties(&mut text, row.entity, &places);
                text.push_str("</INSTANCE>");
            }
            Entity::Class(_) => text.push_str(&xml::text(row.entity, Dtd::Cim20)),
        }
        text.push_str("</VALUE.OBJECT>\n");
        self.out.write_all(text.as_bytes())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        if !self.begun {
            self.begin()?;
        }
        self.out.write_all(if self.host.is_some() { b"</DECLGROUP>\n" } else { b"<DECLGROUP/>\n" })?;
        self.out.write_all(b"</DECLARATION>\n</CIM>\n")?;
        self.out.flush()
    }
}

fn properties(out: &mut String, entity: &Entity, places: &[Place]) {
    for place in places {
        let value = place.value(entity);
        let ty = match *place {
            Place::Property(i) => entity.class().properties[i].ty,
            Place::System(_) => value.cim_type().unwrap_or(CimType::String.into()),
        };
        xml::property(out, place.name(entity), ty, &value);
    }
}
