//! Files that are written are read back, with their types.

use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use rwmi_cim::mof::{self, PutMode, Target};
use rwmi_cim::{Class, Entity, Instance, WbemStatus};
use rwmi_parquet::{Dates, Error, Summary, Table};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

const MOF: &str = r#"
class Small { string Of; };
class Demo { [key] string Name; sint8 A; uint8 B; sint16 C; uint16 D; sint32 E; uint32 F; sint64 G; uint64 H; real32 I; real64 J; boolean K;
  char16 L; datetime Seen; Demo ref Other; Small Part; uint64 Many[]; string Texts[]; datetime Times[]; };
instance of Demo { Name = "a\nb"; A = -128; B = 255; C = -32768; D = 65535; E = -2147483648; F = 4294967295; G = -9223372036854775808;
  H = 18446744073709551615; I = 0.5; J = -0.25; K = TRUE; L = 65; Seen = "20240229235959.123456+060"; Other = "Demo.Name=\"x\"";
  Part = instance of Small { Of = "it"; }; Many = { 1, 18446744073709551615 }; Texts = { "x", "" }; Times = { "19700101000000.000001+000" }; };
instance of Demo { Name = "null"; };
instance of Demo { Name = "span"; Seen = "00000003040506.000000:000"; Many = {}; };
"#;

#[derive(Default)]
struct Kept {
    classes: Vec<Arc<Class>>,
    instances: Vec<Instance>,
}

impl Target for Kept {
    fn class(&self, _: &str, name: &str) -> Option<Arc<Class>> {
        self.classes.iter().find(|c| c.name.eq_ignore_ascii_case(name)).cloned()
    }
    fn put_class(&mut self, _: &str, class: Arc<Class>, _: PutMode) -> Result<(), WbemStatus> {
        self.classes.push(class);
        Ok(())
    }
    fn put_instance(&mut self, _: &str, instance: Instance, _: PutMode) -> Result<(), WbemStatus> {
        self.instances.push(instance);
        Ok(())
    }
}

fn kept() -> Kept {
    let mut kept = Kept::default();
    mof::compile(&mof::parse_octets("demo.mof", MOF.as_bytes()).unwrap(), &mut kept).unwrap();
    kept
}

/// Writes the rows, so often, and reads them back.
fn written(names: Option<&[&str]>, with_host: bool, dates: Dates, times: usize) -> (Vec<RecordBatch>, Summary) {
    let kept = kept();
    let names: Option<Vec<String>> = names.map(|n| n.iter().map(|n| (*n).to_owned()).collect());
    let mut octets = Vec::new();
    let mut table = Table::new(&mut octets, &kept.class("", "Demo").unwrap(), names.as_deref(), with_host, dates).unwrap();
    for _ in 0..times {
        for instance in &kept.instances {
            table.row("srv01", &Entity::from(instance.clone())).unwrap();
        }
    }
    let summary = table.finish().unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(octets)).unwrap().build().unwrap();
    (reader.map(Result::unwrap).collect(), summary)
}

#[test]
fn every_type_has_its_column() {
    let (batches, summary) = written(None, true, Dates::Timestamp, 1);
    let [batch] = &batches[..] else { panic!("{batches:?}") };
    assert_eq!(summary, Summary { rows: 3, lost: vec![("Seen".into(), 1)] });
    let types: Vec<(String, DataType)> = batch.schema().fields().iter().map(|f| (f.name().clone(), f.data_type().clone())).collect();
    let stamp = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let plain = [
        ("__HOST", DataType::Utf8),
        ("Name", DataType::Utf8),
        ("A", DataType::Int8),
        ("B", DataType::UInt8),
        ("C", DataType::Int16),
        ("D", DataType::UInt16),
        ("E", DataType::Int32),
        ("F", DataType::UInt32),
        ("G", DataType::Int64),
        ("H", DataType::UInt64),
        ("I", DataType::Float32),
        ("J", DataType::Float64),
        ("K", DataType::Boolean),
        ("L", DataType::UInt16),
        ("Seen", stamp.clone()),
        ("Other", DataType::Utf8),
        ("Part", DataType::Utf8),
    ];
    assert_eq!(types[..17], plain.map(|(n, t)| (n.to_owned(), t)));
    let element = |at: usize| if let DataType::List(f) = &types[at].1 { f.data_type().clone() } else { panic!("{:?}", types[at]) };
    assert_eq!((element(17), element(18), element(19)), (DataType::UInt64, DataType::Utf8, stamp));

    let column = |name: &str| batch.column_by_name(name).unwrap().clone();
    assert_eq!(column("__HOST").as_string::<i32>().value(2), "srv01");
    assert_eq!(column("Name").as_string::<i32>().iter().flatten().collect::<Vec<_>>(), ["a\nb", "null", "span"]);
    macro_rules! first {
        ($name:literal, $ty:ty, $value:expr) => {
            let column = column($name);
            let found: Vec<_> = column.as_primitive::<$ty>().iter().collect();
            assert_eq!(found, [Some($value), None, None], $name);
        };
    }
    first!("A", Int8Type, i8::MIN);
    first!("B", UInt8Type, u8::MAX);
    first!("C", Int16Type, i16::MIN);
    first!("D", UInt16Type, u16::MAX);
    first!("E", Int32Type, i32::MIN);
    first!("F", UInt32Type, u32::MAX);
    first!("G", Int64Type, i64::MIN);
    first!("H", UInt64Type, u64::MAX);
    first!("I", Float32Type, 0.5);
    first!("J", Float64Type, -0.25);
    first!("L", UInt16Type, 65);
    // 2024-02-29 22:59:59.123456 UTC; an interval is no point in time.
    first!("Seen", TimestampMicrosecondType, 1_709_247_599_123_456);
    assert_eq!(column("K").as_boolean().iter().collect::<Vec<_>>(), [Some(true), None, None]);
    assert_eq!(column("Other").as_string::<i32>().value(0), "Demo.Name=\"x\"");
    assert!(column("Part").as_string::<i32>().value(0).contains("Of = \"it\""));
    // NULL and an empty array are two things.
    let many = column("Many");
    let many = many.as_list::<i32>();
    assert_eq!((many.is_null(0), many.is_null(1), many.is_null(2)), (false, true, false));
    assert_eq!(many.value(0).as_primitive::<UInt64Type>().values().to_vec(), [1, u64::MAX]);
    assert_eq!(many.value(2).len(), 0);
    assert_eq!(column("Texts").as_list::<i32>().value(0).as_string::<i32>().value(1), "");
    assert_eq!(column("Times").as_list::<i32>().value(0).as_primitive::<TimestampMicrosecondType>().value(0), 1);
}

#[test]
fn columns_are_those_of_the_list_and_dates_may_be_texts() {
    let (batches, summary) = written(Some(&["seen", "__CLASS", "Name", "NAME"]), false, Dates::Text, 1);
    let names: Vec<String> = batches[0].schema().fields().iter().map(|f| f.name().clone()).collect();
    assert_eq!(names, ["Seen", "__CLASS", "Name"]);
    assert_eq!(batches[0].column(0).as_string::<i32>().value(2), "00000003040506.000000:000");
    assert_eq!(batches[0].column(1).as_string::<i32>().value(0), "Demo");
    assert_eq!(summary.lost, []);
    let demo = kept().class("", "Demo").unwrap();
    let unknown = Table::new(Vec::new(), &demo, Some(&["Nothing".to_owned()]), false, Dates::Text);
    assert!(matches!(unknown, Err(Error::Unknown { name, .. }) if name == "Nothing"));
    let mut table = Table::new(Vec::new(), &demo, None, false, Dates::Text).unwrap();
    assert!(matches!(table.row("h", &Entity::Class(demo.clone())), Err(Error::Class)));
}

#[test]
fn many_rows_are_written_in_batches_and_none_at_all_make_a_file() {
    let (batches, summary) = written(Some(&["H"]), false, Dates::Text, 10_000);
    assert_eq!((summary.rows, batches.iter().map(RecordBatch::num_rows).sum::<usize>()), (30_000, 30_000));
    let (batches, summary) = written(None, false, Dates::Text, 0);
    assert_eq!((summary.rows, batches.len()), (0, 0));
}

/// A running server of this repository, of which `$RWMI` is the command: see scripts/test-optional.
struct Serving(Child, String);

impl Serving {
    fn start(dir: &Path, addresses: &[&str]) -> Serving {
        let rwmi = std::env::var_os("RWMI").expect("$RWMI names the command rwmi: run scripts/test-optional");
        let (data, config) = (dir.join("data"), dir.join("rwmi.toml"));
        std::fs::write(&config, "[test]\nrows = 1000\n").unwrap();
        let place = ["--config".as_ref(), config.as_os_str(), "--data-dir".as_ref(), data.as_os_str()];
        std::fs::write(dir.join("pw"), "boss").unwrap();
        let added = Command::new(&rwmi)
            .args(["account", "add", "boss", "--admin", "--password-file"])
            .arg(dir.join("pw"))
            .args(place)
            .stdout(Stdio::null())
            .status();
        assert!(added.unwrap().success());
        let listen = addresses.iter().flat_map(|a| ["--listen", a]);
        let serve = ["serve", "--endpoint-port", "0", "--object-port", "0"];
        let mut child = Command::new(&rwmi).args(serve).args(listen).args(place).stdout(Stdio::piped()).spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        let endpoint = ready.split_whitespace().find_map(|w| w.strip_prefix("endpoint=")).unwrap();
        let port = endpoint.rsplit_once(':').unwrap().1.to_owned();
        Serving(child, port)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_command_writes_what_a_server_says() {
    let dir = tempfile::tempdir().unwrap();
    let server = Serving::start(dir.path(), &["127.0.103.71", "127.0.103.72"]);
    let file = dir.path().join("rows.parquet");
    let run = |hosts: &str, query: &str| {
        let _ = std::fs::remove_file(&file);
        let mut command = Command::new(env!("CARGO_BIN_EXE_rwmi-parquet"));
        command.args(["-c", hosts, "--endpoint-port", &server.1, "-n", r"root\test", "-o", file.to_str().unwrap(), query]);
        let output = command.env("RWMI_USER", "boss").env("RWMI_PASSWORD", "boss").output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let rows = || {
        let octets = Bytes::from(std::fs::read(&file).unwrap());
        ParquetRecordBatchReaderBuilder::try_new(octets).unwrap().build().unwrap().map(|b| b.unwrap().num_rows()).sum::<usize>()
    };
    assert_eq!(run("127.0.103.71", "SELECT * FROM Rwmi_Row"), (Some(0), String::new()));
    assert_eq!(rows(), 1000);
    let (code, said) = run("127.0.103.71,127.0.103.72,127.0.103.73", "SELECT * FROM Rwmi_Row");
    assert_eq!((code, rows()), (Some(3), 2000), "{said}");
    assert!(said.contains("127.0.103.73") && said.contains("connection refused"), "{said}");
    let (code, said) = run("127.0.103.73", "SELECT * FROM Rwmi_Row");
    assert!(code == Some(1) && said.contains("connection refused") && !file.exists());
    let (code, said) = run("127.0.103.71", "SELECT Nothing FROM Rwmi_Row");
    assert!(code == Some(1) && said.starts_with("error: ") && !file.exists(), "{said}");
    assert!(std::fs::read_dir(dir.path()).unwrap().all(|e| !e.unwrap().file_name().to_string_lossy().ends_with(".partial")));
}
