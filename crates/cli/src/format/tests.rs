//! What each format writes, octet by octet.

use super::*;
use clap::ValueEnum;
use rwmi_cim::{CimType, Class, DateTime, Instance, Property, Qualifier};
use std::sync::Arc;

fn rows() -> Vec<Entity> {
    let class = Arc::new(Class {
        name: "Demo".into(),
        properties: vec![
            Property::new("Name", CimType::String),
            Property::new("Size", CimType::Uint64),
            Property::new("Tags", CimType::String.array()),
            Property::new("When", CimType::DateTime),
        ],
        ..Class::default()
    });
    let mut a = Instance::new(class.clone());
    a.set("Name", "a\u{1b}[31m,\"b\"\nc").unwrap();
    a.set("Size", u64::MAX).unwrap();
    a.set("Tags", vec!["x".to_owned(), "y".to_owned()]).unwrap();
    a.set("When", DateTime::from_text("20240229235959.123456+060")).unwrap();
    vec![Entity::Instance(a.into()), Entity::Instance(Instance::new(class).into())]
}

fn check(format: Format, columns: Columns, expect: &str) {
    let mut out = Vec::new();
    {
        let mut w = format.writer(&mut out, columns, Some(100));
        for entity in &rows() {
            w.row(&Row { host: "h1", entity }).unwrap();
        }
        w.finish().unwrap();
    }
    assert_eq!(String::from_utf8(out).unwrap(), expect);
}

#[test]
fn each_format_writes_null_arrays_and_hostile_text() {
    check(
        Format::Jsonl,
        Columns::default(),
        "{\"Name\":\"a\\u001b[31m,\\\"b\\\"\\nc\",\"Size\":18446744073709551615,\"Tags\":[\"x\",\"y\"],\"When\":\"20240229235959.123456+060\"}\n\
         {\"Name\":null,\"Size\":null,\"Tags\":null,\"When\":null}\n",
    );
    check(
        Format::Csv,
        Columns { names: Some(vec!["size".into(), "Name".into()]), with_host: true, ..Columns::default() },
        "__HOST,Size,Name,Tags,When\nh1,18446744073709551615,\"a\u{1b}[31m,\"\"b\"\"\nc\",\"[\"\"x\"\",\"\"y\"\"]\",20240229235959.123456+060\nh1,,,,\n",
    );
    check(
        Format::List,
        Columns::default(),
        "Name : a\u{fffd}[31m,\"b\" c\nSize : 18446744073709551615\nTags : {x, y}\nWhen : 2024-02-29 23:59:59 +01:00\n\nName :\nSize :\nTags :\nWhen :\n",
    );
    check(
        Format::Table,
        Columns { names: Some(vec!["Size".into()]), with_host: false, ..Columns::default() },
        "Size                  Name          Tags    When\n18446744073709551615  a\u{fffd}[31m,\"b\" c  {x, y}  2024-02-29 23:59:59 +01:00\n\n",
    );
}

#[test]
fn no_rows_are_an_empty_array_and_otherwise_nothing() {
    for (format, expect) in [(Format::Json, "[]\n"), (Format::Jsonl, ""), (Format::Csv, ""), (Format::Table, ""), (Format::List, "")] {
        let mut out = Vec::new();
        format.writer(&mut out, Columns::default(), None).finish().unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), expect);
    }
}

#[test]
fn a_system_property_is_shown_where_it_is_listed_and_a_column_once() {
    let names = ["__class", "Size", "SIZE", "__PATH", "gone"].map(str::to_owned);
    let columns = Columns { names: Some(names.into()), with_host: false, ..Columns::default() };
    let mut out = Vec::new();
    {
        let mut w = Format::Csv.writer(&mut out, columns, None);
        w.row(&Row { host: "", entity: &rows()[1] }).unwrap();
        w.finish().unwrap();
    }
    assert_eq!(String::from_utf8(out).unwrap(), "__CLASS,Size,__PATH,Name,Tags,When\nDemo,,,,,\n");
}

#[test]
fn other_columns_bring_another_header_behind_an_empty_line() {
    let class =
        |name: &str| Arc::new(Class { name: name.into(), properties: vec![Property::new(name, CimType::Uint8)], ..Class::default() });
    let mut out = Vec::new();
    {
        let mut w = Format::Csv.writer(&mut out, Columns::default(), None);
        for name in ["A", "A", "B"] {
            w.row(&Row { host: "", entity: &Entity::Instance(Instance::new(class(name)).into()) }).unwrap();
        }
        w.finish().unwrap();
    }
    assert_eq!(String::from_utf8(out).unwrap(), "A\n\"\"\n\"\"\n\nB\n\"\"\n");
}

#[test]
fn a_class_is_a_row_of_its_names() {
    let class = Class { name: "B".into(), derivation: vec!["A".into()], ..Class::default() };
    let mut out = Vec::new();
    {
        let mut w = Format::Jsonl.writer(&mut out, Columns::default(), None);
        w.row(&Row { host: "", entity: &Entity::Class(Arc::new(class)) }).unwrap();
        w.finish().unwrap();
    }
    assert_eq!(String::from_utf8(out).unwrap(), "{\"__CLASS\":\"B\",\"__SUPERCLASS\":\"A\",\"__DYNASTY\":\"A\"}\n");
}

/// Text that breaks what is not careful: separators of each format, both line ends, a tab, an escape code, NUL, text from right to left with
/// an override of the direction, an emoji, and a backslash at the end.
const HOSTILE: &str = "a|b,c=d \"q\" <&>'\n\r\t\u{1b}[31m\0\u{5d0}\u{202e}\u{1f600}\\";

fn hostile() -> Vec<Entity> {
    let key = Qualifier::flag("key", 0);
    let mut name = Property::new("Name", CimType::String);
    name.qualifiers.set(key);
    let class = Arc::new(Class {
        name: "Demo".into(),
        properties: vec![
            name,
            Property::new("Text", CimType::String),
            Property::new("Size", CimType::Uint64),
            Property::new("Delta", CimType::Sint32),
            Property::new("Ratio", CimType::Real64),
            Property::new("On", CimType::Boolean),
            Property::new("Tags", CimType::String.array()),
            Property::new("When", CimType::DateTime),
            Property::new("Path", CimType::Reference),
            Property::new("Part", CimType::Object),
        ],
        ..Class::default()
    });
    let mut part = Instance::new(Arc::new(Class {
        name: "Part".into(),
        properties: vec![Property::new("N", CimType::Uint8), Property::new("Big", CimType::Uint64)],
        ..Class::default()
    }));
    part.set("N", 1u8).unwrap();
    let mut a = Instance::new(class.clone());
    a.set("Name", "C:\\").unwrap();
    a.set("Text", HOSTILE).unwrap();
    a.set("Size", u64::MAX).unwrap();
    a.set("Delta", -5i32).unwrap();
    a.set("Ratio", 0.5f64).unwrap();
    a.set("On", true).unwrap();
    a.set("Tags", vec!["x<".to_owned(), "y\n".to_owned()]).unwrap();
    a.set("When", DateTime::from_text("20240229235959.123456+060")).unwrap();
    a.set("Path", Value::Reference(r#"\\LX1\root\cimv2:A.K="v<",N=2"#.into())).unwrap();
    a.set("Part", Value::Object(Box::new(part.into()))).unwrap();
    let mut b = Instance::new(class);
    b.set("Name", "b").unwrap();
    b.set("Ratio", f64::NAN).unwrap();
    vec![a.into(), b.into()]
}

fn written(format: Format, columns: Columns, rows: &[Entity], width: Option<u16>) -> String {
    let mut out = Vec::new();
    {
        let mut w = format.writer(&mut out, columns, width);
        for (i, entity) in rows.iter().enumerate() {
            w.row(&Row { host: ["srv1", "srv 2"][i % 2], entity }).unwrap();
        }
        w.finish().unwrap();
    }
    String::from_utf8(out).unwrap()
}

fn golden(format: Format, columns: Columns, expect: &str) {
    assert_eq!(written(format, columns, &hostile(), None), expect, "{format:?}");
}

fn with(style: Style) -> Columns {
    Columns { style, ..Columns::default() }
}

#[test]
fn yaml_quotes_every_text() {
    golden(
        Format::Yaml,
        Columns { with_host: true, ..Columns::default() },
        r#"- __HOST: "srv1"
  Name: "C:\\"
  Text: "a|b,c=d \"q\" <&>'\n\r\t\x1b[31m\0א\u202e😀\\"
  Size: 18446744073709551615
  Delta: -5
  Ratio: 0.5
  "On": true
  Tags: ["x<", "y\n"]
  When: "20240229235959.123456+060"
  Path: "\\\\LX1\\root\\cimv2:A.K=\"v<\",N=2"
  Part: {__CLASS: "Part", "N": 1, Big: null}
- __HOST: "srv 2"
  Name: "b"
  Text: null
  Size: null
  Delta: null
  Ratio: null
  "On": null
  Tags: null
  When: null
  Path: null
  Part: null
"#,
    );
    assert_eq!(written(Format::Yaml, Columns::default(), &[], None), "[]\n");
}

#[test]
fn xml_is_a_declaration_of_cim_xml() {
    let style = Style { namespace: r"root\cimv2".into(), ..Style::default() };
    golden(
        Format::Xml,
        Columns { with_host: true, style, ..Columns::default() },
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>
<CIM CIMVERSION=\"2.0\" DTDVERSION=\"2.0\">
<DECLARATION>
<DECLGROUP>
<NAMESPACEPATH><HOST>srv1</HOST><LOCALNAMESPACEPATH><NAMESPACE NAME=\"root\"/><NAMESPACE NAME=\"cimv2\"/></LOCALNAMESPACEPATH></NAMESPACEPATH>
<VALUE.OBJECT><INSTANCE CLASSNAME=\"Demo\">
<PROPERTY NAME=\"Name\" TYPE=\"string\"><VALUE>C:\\</VALUE></PROPERTY>
<PROPERTY NAME=\"Text\" TYPE=\"string\"><VALUE>a|b,c=d \"q\" &lt;&amp;&gt;'\n&#13;\t\u{fffd}[31m\u{fffd}\u{5d0}\u{202e}\u{1f600}\\</VALUE></PROPERTY>
<PROPERTY NAME=\"Size\" TYPE=\"uint64\"><VALUE>18446744073709551615</VALUE></PROPERTY>
<PROPERTY NAME=\"Delta\" TYPE=\"sint32\"><VALUE>-5</VALUE></PROPERTY>
<PROPERTY NAME=\"Ratio\" TYPE=\"real64\"><VALUE>0.5</VALUE></PROPERTY>
<PROPERTY NAME=\"On\" TYPE=\"boolean\"><VALUE>TRUE</VALUE></PROPERTY>
<PROPERTY.ARRAY NAME=\"Tags\" TYPE=\"string\"><VALUE.ARRAY><VALUE>x&lt;</VALUE><VALUE>y\n</VALUE></VALUE.ARRAY></PROPERTY.ARRAY>
<PROPERTY NAME=\"When\" TYPE=\"datetime\"><VALUE>20240229235959.123456+060</VALUE></PROPERTY>
<PROPERTY.REFERENCE NAME=\"Path\"><VALUE.REFERENCE><INSTANCEPATH><NAMESPACEPATH><HOST>LX1</HOST><LOCALNAMESPACEPATH><NAMESPACE NAME=\"root\"/>\
<NAMESPACE NAME=\"cimv2\"/></LOCALNAMESPACEPATH></NAMESPACEPATH><INSTANCENAME CLASSNAME=\"A\"><KEYBINDING NAME=\"K\"><KEYVALUE VALUETYPE=\"string\">v&lt;\
</KEYVALUE></KEYBINDING><KEYBINDING NAME=\"N\"><KEYVALUE VALUETYPE=\"numeric\">2</KEYVALUE></KEYBINDING></INSTANCENAME></INSTANCEPATH>\
</VALUE.REFERENCE></PROPERTY.REFERENCE>
<PROPERTY NAME=\"Part\" TYPE=\"string\" EmbeddedObject=\"instance\"><VALUE>&lt;INSTANCE CLASSNAME=\"Part\"&gt;
&lt;PROPERTY NAME=\"N\" TYPE=\"uint8\"&gt;&lt;VALUE&gt;1&lt;/VALUE&gt;&lt;/PROPERTY&gt;
&lt;PROPERTY NAME=\"Big\" TYPE=\"uint64\"&gt;&lt;/PROPERTY&gt;
&lt;/INSTANCE&gt;</VALUE></PROPERTY>
</INSTANCE></VALUE.OBJECT>
</DECLGROUP>
<DECLGROUP>
<NAMESPACEPATH><HOST>srv 2</HOST><LOCALNAMESPACEPATH><NAMESPACE NAME=\"root\"/><NAMESPACE NAME=\"cimv2\"/></LOCALNAMESPACEPATH></NAMESPACEPATH>
<VALUE.OBJECT><INSTANCE CLASSNAME=\"Demo\">
<PROPERTY NAME=\"Name\" TYPE=\"string\"><VALUE>b</VALUE></PROPERTY>
<PROPERTY NAME=\"Text\" TYPE=\"string\"></PROPERTY>
<PROPERTY NAME=\"Size\" TYPE=\"uint64\"></PROPERTY>
<PROPERTY NAME=\"Delta\" TYPE=\"sint32\"></PROPERTY>
<PROPERTY NAME=\"Ratio\" TYPE=\"real64\"><VALUE>NaN</VALUE></PROPERTY>
<PROPERTY NAME=\"On\" TYPE=\"boolean\"></PROPERTY>
<PROPERTY.ARRAY NAME=\"Tags\" TYPE=\"string\"></PROPERTY.ARRAY>
<PROPERTY NAME=\"When\" TYPE=\"datetime\"></PROPERTY>
<PROPERTY.REFERENCE NAME=\"Path\"></PROPERTY.REFERENCE>
<PROPERTY NAME=\"Part\" TYPE=\"string\" EmbeddedObject=\"instance\"></PROPERTY>
</INSTANCE></VALUE.OBJECT>
</DECLGROUP>
</DECLARATION>
</CIM>
",
    );
    let empty = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<CIM CIMVERSION=\"2.0\" DTDVERSION=\"2.0\">\n<DECLARATION>\n<DECLGROUP/>\n</DECLARATION>\n</CIM>\n";
    assert_eq!(written(Format::Xml, Columns::default(), &[], None), empty);
    let class = Entity::Class(Arc::new(Class { name: "B".into(), derivation: vec!["A".into()], ..Class::default() }));
    let text = written(Format::Xml, Columns::default(), &[class], None);
    assert!(
        text.contains("<DECLGROUP>\n<VALUE.OBJECT><CLASS NAME=\"B\" SUPERCLASS=\"A\">\n</CLASS></VALUE.OBJECT>\n</DECLGROUP>"),
        "{text}"
    );
}

#[test]
fn mof_escapes_what_a_terminal_obeys() {
    let text = written(Format::Mof, Columns { with_host: true, ..Columns::default() }, &hostile(), None);
    assert!(text.starts_with("// srv1\ninstance of Demo\n{\n  Name = \"C:\\\\\";\n"), "{text}");
    assert!(text.contains("\n// srv 2\ninstance of Demo\n"), "{text}");
    assert!(!text.contains(['\u{1b}', '\0', '\u{202e}']), "{text:?}");
}

#[test]
fn influx_has_tags_fields_and_a_time() {
    let style = Style { stamp: Some(1_763_821_800_000_000_000), ..Style::default() };
    // A row with nothing but its tag is no point: NaN and NULL are no fields.
    golden(
        Format::Influx,
        with(style.clone()),
        "Demo,source=srv1,Name=C: Text=\"a|b,c=d \\\"q\\\" <&>'\\n\\r \u{fffd}[31m\u{fffd}\u{5d0}\u{202e}\u{1f600}\\\\\",\
         Size=18446744073709551615u,Delta=-5i,Ratio=0.5,On=true,Tags=\"[\\\"x<\\\",\\\"y\\\\n\\\"]\",\
         When=\"20240229235959.123456+060\",Path=\"\\\\\\\\LX1\\\\root\\\\cimv2:A.K=\\\"v<\\\",N=2\",\
         Part=\"{\\\"__CLASS\\\":\\\"Part\\\",\\\"N\\\":1,\\\"Big\\\":null}\" 1763821800000000000\n",
    );
    let names = Some(["Text", "Name", "Size"].map(str::to_owned).to_vec());
    let style = Style { tags: vec!["text".into()], prefix: "win wmi_".into(), stamp: None, uint64_as_text: true, ..style };
    let text = written(Format::Influx, Columns { names, style, ..Columns::default() }, &hostile(), None);
    let mut lines = text.lines();
    assert_eq!(
        lines.next().unwrap().split(",Delta=").next().unwrap(),
        "win\\ wmi_Demo,source=srv1,Text=a|b\\,c\\=d\\ \"q\"\\ <&>'\\n\\r\\ \u{fffd}[31m\u{fffd}\u{5d0}\u{202e}\u{1f600} \
         Name=\"C:\\\\\",Size=\"18446744073709551615\""
    );
    assert_eq!(lines.next().unwrap(), "win\\ wmi_Demo,source=srv\\ 2 Name=\"b\"");
}

#[test]
fn the_line_of_telegrafs_own_plug_in_is_given() {
    let properties = ["DriveLetter", "Capacity", "FreeSpace"];
    let types = [CimType::String, CimType::Uint64, CimType::Uint64];
    let properties = properties.iter().zip(types).map(|(n, t)| Property::new(n, t)).collect();
    let mut volume = Instance::new(Arc::new(Class { name: "Win32_Volume".into(), properties, ..Class::default() }));
    volume.set("DriveLetter", "C:").unwrap();
    volume.set("Capacity", 107_267_223_552u64).unwrap();
    volume.set("FreeSpace", 93_233_168_384u64).unwrap();
    let style = Style { tags: vec!["DriveLetter".into()], stamp: Some(1_763_821_800_000_000_000), ..Style::default() };
    assert_eq!(
        written(Format::Influx, with(style), &[volume.into()], None),
        "Win32_Volume,source=srv1,DriveLetter=C: Capacity=107267223552u,FreeSpace=93233168384u 1763821800000000000\n"
    );
}

#[test]
fn prometheus_groups_metrics_and_keeps_series_apart() {
    golden(
        Format::Prometheus,
        Columns::default(),
        "# HELP wmi_demo_delta Demo.Delta\n# TYPE wmi_demo_delta gauge\nwmi_demo_delta{source=\"srv1\",name=\"C:\\\\\"} -5
# HELP wmi_demo_info Texts of Demo\n# TYPE wmi_demo_info gauge\nwmi_demo_info{source=\"srv1\",name=\"C:\\\\\",\
text=\"a|b,c=d \\\"q\\\" <&>'\\n\u{fffd}\t\u{fffd}[31m\u{fffd}\u{5d0}\u{202e}\u{1f600}\\\\\",tags=\"[\\\"x<\\\",\\\"y\\\\n\\\"]\",\
path=\"\\\\\\\\LX1\\\\root\\\\cimv2:A.K=\\\"v<\\\",N=2\",part=\"{\\\"__CLASS\\\":\\\"Part\\\",\\\"N\\\":1,\\\"Big\\\":null}\"} 1
# HELP wmi_demo_on Demo.On\n# TYPE wmi_demo_on gauge\nwmi_demo_on{source=\"srv1\",name=\"C:\\\\\"} 1
# HELP wmi_demo_ratio Demo.Ratio\n# TYPE wmi_demo_ratio gauge\nwmi_demo_ratio{source=\"srv1\",name=\"C:\\\\\"} 0.5\n\
wmi_demo_ratio{source=\"srv 2\",name=\"b\"} NaN
# HELP wmi_demo_size Demo.Size\n# TYPE wmi_demo_size gauge\nwmi_demo_size{source=\"srv1\",name=\"C:\\\\\"} 18446744073709551615
# HELP wmi_demo_when Demo.When\n# TYPE wmi_demo_when gauge\nwmi_demo_when{source=\"srv1\",name=\"C:\\\\\"} 1709247599.123456\n",
    );
    // The same series twice would spoil everything: the second is left out, and that is said.
    let rows: Vec<Entity> = hostile().into_iter().cycle().take(4).collect();
    let text = written(Format::Prometheus, Columns::default(), &rows, None);
    assert!(text.ends_with("# 7 samples were left out: their series was there already; name properties that tell rows apart with --tag\n"));
    assert_eq!(text.matches("\nwmi_demo_ratio{").count(), 2);
}

#[test]
fn zabbix_gets_a_value_rows_and_macros() {
    let names = |list: &[&str]| Columns { names: Some(list.iter().map(|n| (*n).to_owned()).collect()), ..Columns::default() };
    // The key is there but not meant.
    assert_eq!(written(Format::ZabbixGet, names(&["Name", "Size"]), &hostile()[..1], None), "18446744073709551615\n");
    let key = Entity::Instance(
        Instance::new(Arc::new(Class { name: "K".into(), properties: hostile()[0].class().properties[..1].to_vec(), ..Class::default() }))
            .into(),
    );
    let lacks = |rows: &[Entity]| {
        let mut out = Vec::new();
        let mut w = Format::ZabbixGet.writer(&mut out, Columns::default(), None);
        for entity in rows {
            w.row(&Row { host: "h", entity }).unwrap();
        }
        w.finish().unwrap();
        w.lacks()
    };
    assert_eq!((lacks(&[]), lacks(&[key])), (Some("Empty WMI search result."), Some("Empty WMI search result.")));
    assert_eq!(lacks(&hostile()[1..]), Some("Empty WMI search result."));
    assert_eq!(lacks(&hostile()), None);

    let some = |row: &str| row.to_owned();
    let rows = &hostile();
    let all = written(Format::ZabbixGetall, Columns::default(), rows, None);
    assert!(all.starts_with("[{\"Name\":\"C:\\\\\",\"Text\":") && all.ends_with("},{\"Name\":\"b\"}]\n"), "{all}");
    assert!(
        all.contains(&some("\"Size\":18446744073709551615,\"Delta\":-5,\"Ratio\":0.5,\"On\":true,\"Tags\":[\"x<\",\"y\\n\"]")),
        "{all}"
    );
    let strings = written(Format::ZabbixGetall, with(Style { strings: true, ..Style::default() }), rows, None);
    assert!(strings.contains("\"Size\":\"18446744073709551615\",\"Delta\":\"-5\",\"Ratio\":\"0.5\",\"On\":\"True\""), "{strings}");
    let found = written(Format::ZabbixLld, Columns { with_host: true, ..Columns::default() }, &rows[1..], None);
    assert_eq!(found, "[{\"{#__HOST}\":\"srv1\",\"{#NAME}\":\"b\",\"{#RATIO}\":\"NaN\"}]\n");
    let old = written(Format::ZabbixLldOld, Columns::default(), &rows[1..], None);
    assert_eq!(old, "{\"data\":[{\"{#NAME}\":\"b\",\"{#RATIO}\":\"NaN\"}]}\n");
    for (format, empty) in [(Format::ZabbixGetall, "[]\n"), (Format::ZabbixLld, "[]\n"), (Format::ZabbixLldOld, "{\"data\":[]}\n")] {
        assert_eq!(written(format, Columns::default(), &[], None), empty);
    }
}

#[test]
fn no_format_sends_an_escape_code() {
    for format in Format::value_variants() {
        // A spreadsheet takes text as it is; there it stands in quotes, and is nobody's terminal.
        if *format == Format::Csv {
            continue;
        }
        let text = written(*format, Columns { with_host: true, ..Columns::default() }, &hostile(), Some(80));
        assert!(!text.contains(['\u{1b}', '\0', '\u{9b}']), "{format:?}: {text:?}");
    }
}

#[test]
fn a_narrow_terminal_gets_lists_where_columns_have_no_room() {
    let wide = written(Format::Table, Columns::default(), &hostile()[1..], Some(40));
    assert_eq!(wide.lines().count(), 10, "{wide}");
    assert!(wide.starts_with("Name  : b\nText  :\n"), "{wide}");
    // Few columns are wrapped into the width.
    let names = Some(vec!["Name".to_owned()]);
    let properties = vec![Property::new("Name", CimType::String), Property::new("Text", CimType::String)];
    let class = Arc::new(Class { name: "Two".into(), properties, ..Class::default() });
    let mut row = Instance::new(class);
    row.set("Name", "\u{1f600}".repeat(30)).unwrap();
    row.set("Text", "words and more words and yet more of them, until the line is full").unwrap();
    let text = written(Format::Table, Columns { names, ..Columns::default() }, &[row.into()], Some(40));
    assert!(text.starts_with("Name") && text.lines().count() > 2, "{text}");
    assert!(text.lines().all(|l| l.chars().map(|c| if c == '\u{1f600}' { 2 } else { 1 }).sum::<usize>() <= 40), "{text}");
    // Many columns that are narrow are still a table.
    let properties = ["A", "B", "C", "D", "E", "F", "G", "H"].map(|n| Property::new(n, CimType::Uint8)).to_vec();
    let narrow = Instance::new(Arc::new(Class { name: "N".into(), properties, ..Class::default() }));
    assert_eq!(written(Format::Table, Columns::default(), &[narrow.into()], Some(40)), "A  B  C  D  E  F  G  H\n\n");
}
