//! Age and size of files and folders.

use super::mode::{Input, Mode, Plan, Wish, literal, plan};
use super::number::{Number, octets};
use super::outcome::Item;
use super::row::Row;

/// Files that are told by their names.
const TOLD_MAX: usize = 100;

/// The query of a mode for its path; an error where the path is none.
pub(super) fn plans(mode: Mode, wish: &Wish) -> Result<Vec<Plan>, String> {
    let path = native(&wish.path);
    let file = format!("FROM CIM_DataFile WHERE Name = {}", literal(&path));
    Ok(vec![match mode {
        Mode::Fileage => plan(&format!("SELECT Name, LastModified {file}"), age),
        Mode::Filesize => plan(&format!("SELECT Name, FileSize {file}"), file_size),
        Mode::Foldersize => plan(&format!("SELECT Name, FileSize FROM CIM_DataFile WHERE {}", folder(&path, wish.recursive)?), folder_size),
        _ => plan(&format!("SELECT Name, LastModified FROM CIM_DataFile WHERE {}", folder(&path, wish.recursive)?), ages),
    }])
}

/// A path as that computer writes it: a slash is easier to type, and means the same.
fn native(path: &str) -> String {
    let has_drive = path.as_bytes().get(1) == Some(&b':') || path.starts_with(r"\\");
    if has_drive { path.replace('/', r"\") } else { path.to_owned() }
}

/// The condition for the files of a folder. Drive and path are properties of their own, and what Windows finds quickly.
fn folder(path: &str, recursive: bool) -> Result<String, String> {
    let wrong = || format!("{path:?} is not the path of a folder: write it with its drive, C:/TEMP");
    let (drive, rest) = path.split_once(':').ok_or_else(wrong)?;
    if drive.len() != 1 || !drive.as_bytes()[0].is_ascii_alphabetic() || rest.is_empty() {
        return Err(wrong());
    }
    let rest = if rest.ends_with('\\') { rest.to_owned() } else { format!(r"{rest}\") };
    let drive = literal(&format!("{drive}:"));
    Ok(match recursive {
        false => format!("Drive = {drive} AND Path = {}", literal(&rest)),
        true => {
            // What has a meaning in LIKE stands for itself in brackets.
            let plain: String = rest.chars().map(|c| if matches!(c, '%' | '_' | '[') { format!("[{c}]") } else { c.to_string() }).collect();
            format!("Drive = {drive} AND Path LIKE {}", literal(&format!("{plain}%")))
        }
    })
}

/// A length of time as people read it.
fn long(seconds: i128) -> String {
    let s = seconds.unsigned_abs();
    format!("{}{} day(s) {:02}:{:02}:{:02}", if seconds < 0 { "-" } else { "" }, s / 86_400, s / 3_600 % 24, s / 60 % 60, s % 60)
}

fn seconds_old(input: &Input<'_>, row: &Row) -> Option<Number> {
    let modified = row.number("LastModified")?;
    Some(Number::Int(i128::from(input.now.millis / 1000)).minus(modified).nearest())
}

fn told(age: Option<Number>) -> String {
    age.map_or("unknown".into(), |a| long(a.as_f64() as i128))
}

fn age(input: &Input<'_>) -> Vec<Item> {
    let Some(row) = input.rows().first() else { return Vec::new() };
    let age = seconds_old(input, row);
    let path = &input.wish.path;
    let mut item = Item::new(format!("Age of File {path} is {}", told(age)));
    item.field("_FileAge", age).perf(format!("{path} Age"), "_FileAge", "s");
    vec![item]
}

fn ages(input: &Input<'_>) -> Vec<Item> {
    let rows: Vec<&Row> = input.rows().iter().filter(|r| !input.excludes(&[r.text("Name")])).collect();
    let mut all = Item::new(format!("Number of Files {}", rows.len()));
    all.field("_ItemCount", Some(Number::Int(rows.len() as i128))).perf("_ItemCount", "_ItemCount", "");
    let file = |row: &&Row| {
        let age = seconds_old(input, row);
        let mut item = Item::new(format!("{} {}", row.text("Name"), told(age)));
        item.field("_FileAge", age);
        item
    };
    let mut items = vec![all];
    items.extend(rows.iter().map(file));
    items
}

fn file_size(input: &Input<'_>) -> Vec<Item> {
    let path = &input.wish.path;
    let size = input.rows().first().and_then(|r| r.number("FileSize"));
    let mut item = match input.rows() {
        [] => Item::new(format!("File {path} is not there")),
        [_, ..] => Item::new(format!("File {path} is {}. Found 1 instance(s)", size.map_or("unknown".into(), octets))),
    };
    if !input.rows().is_empty() {
        item.field("FileSize", size).perf(format!("{path} Size"), "FileSize", "B");
    }
    item.field("_ItemCount", Some(Number::Int(input.rows().len() as i128))).perf("File Count", "_ItemCount", "");
    vec![item]
}

fn folder_size(input: &Input<'_>) -> Vec<Item> {
    let path = &input.wish.path;
    let rows: Vec<&Row> = input.rows().iter().filter(|r| !input.excludes(&[r.text("Name")])).collect();
    let total =
        rows.iter().try_fold(Number::Int(0), |sum, row| Some(Number::Int(whole(sum)?.checked_add(whole(row.number("FileSize")?)?)?)));
    let mut item = Item::new(format!("Folder {path} is {}. Found {} file(s)", total.map_or("unknown".into(), octets), rows.len()));
    if !rows.is_empty() {
        item.field("_FolderSize", total).perf(format!("{path} Size"), "_FolderSize", "B");
    }
    item.field("_ItemCount", Some(Number::Int(rows.len() as i128))).perf("File Count", "_ItemCount", "");
    item.details = rows.iter().take(TOLD_MAX).map(|r| r.text("Name").to_owned()).collect();
    vec![item]
}

fn whole(n: Number) -> Option<i128> {
    match n {
        Number::Int(n) => Some(n),
        Number::Real(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Found, NOW, n, row, t};
    use super::*;

    fn wish(path: &str, recursive: bool) -> Wish {
        Wish { path: path.into(), recursive, ..Wish::default() }
    }

    #[test]
    fn a_path_becomes_the_query_of_the_plug_in() {
        let check = |mode: Mode, path: &str, recursive: bool, expect: &str| {
            assert_eq!(plans(mode, &wish(path, recursive)).unwrap()[0].query, expect, "{path}");
        };
        check(Mode::Fileage, "c:/pagefile.sys", false, r#"SELECT Name, LastModified FROM CIM_DataFile WHERE Name = "c:\\pagefile.sys""#);
        check(Mode::Filesize, r"c:\a b.txt", false, r#"SELECT Name, FileSize FROM CIM_DataFile WHERE Name = "c:\\a b.txt""#);
        // A path of another kind of computer stays as it is.
        check(Mode::Filesize, "/etc/passwd", false, r#"SELECT Name, FileSize FROM CIM_DataFile WHERE Name = "/etc/passwd""#);
        check(Mode::Foldersize, "c:/temp", false, r#"SELECT Name, FileSize FROM CIM_DataFile WHERE Drive = "c:" AND Path = "\\temp\\""#);
        check(
            Mode::Folderfileage,
            r"c:\my_dir\",
            true,
            r#"SELECT Name, LastModified FROM CIM_DataFile WHERE Drive = "c:" AND Path LIKE "\\my[_]dir\\%""#,
        );
        for path in ["", "temp", "/temp/", "c:", "cc:/x", "1:/x", ":/x", r"\\srv\share"] {
            assert!(plans(Mode::Foldersize, &wish(path, false)).is_err(), "{path}");
        }
    }

    #[test]
    fn files_have_an_age_and_a_size() {
        let now = i128::from(NOW / 1000);
        let of = |rows: Vec<Row>, path: &str| Found { now: rows, wish: wish(path, false), ..Found::default() };
        let old = |seconds: i128| row("f", &[("Name", t(r"c:\f")), ("LastModified", n(now - seconds)), ("FileSize", n(1 << 20))]);
        assert_eq!(
            of(vec![old(90_061)], "c:/f").said(Mode::Fileage, 0, &["1day"]),
            "CRITICAL - [Triggered by _FileAge>86400] - Age of File c:/f is 1 day(s) 01:01:01|'c:/f Age'=90061s;;86400; \n"
        );
        // Its clock is ahead of ours.
        assert!(
            of(vec![old(-5)], "c:/f")
                .said(Mode::Fileage, 0, &["1day"])
                .starts_with("CRITICAL - [Triggered by _FileAge<0] - Age of File c:/f is -0 day(s) 00:00:05|")
        );
        assert_eq!(
            of(vec![old(0)], "c:/f").said(Mode::Filesize, 0, &["2m"]),
            "OK - File c:/f is 1.00MB. Found 1 instance(s)|'c:/f Size'=1048576B;;2097152; 'File Count'=1; \n"
        );
        assert_eq!(
            of(Vec::new(), "c:/f").said(Mode::Filesize, 0, &["_ItemCount=1:"]),
            "CRITICAL - [Triggered by _ItemCount<1] - File c:/f is not there|'File Count'=0;;1:; \n"
        );
        assert_eq!(
            of(vec![old(0), old(0)], "c:/d").said(Mode::Foldersize, 0, &["1m"]),
            "CRITICAL - [Triggered by _FolderSize>1048576] - Folder c:/d is 2.00MB. Found 2 file(s)|'c:/d Size'=2097152B;;1048576; 'File Count'=2; \n\
             c:\\f\nc:\\f\n"
        );
        assert_eq!(
            of(vec![old(5), old(50)], "c:/d").said(Mode::Folderfileage, 0, &["_FileAge=10"]),
            "CRITICAL - [Triggered by _FileAge>10] - c:\\f 0 day(s) 00:00:50|'_ItemCount'=2; \n\
             OK: Number of Files 2\nOK: c:\\f 0 day(s) 00:00:05\nCRITICAL: c:\\f 0 day(s) 00:00:50\n"
        );
    }

    #[test]
    fn a_size_that_is_not_known_makes_the_sum_unknown() {
        let rows = vec![row("a", &[("Name", t("a")), ("FileSize", n(1))]), row("b", &[("Name", t("b"))])];
        let found = Found { now: rows, wish: wish("c:/d", false), ..Found::default() };
        assert!(
            found
                .said(Mode::Foldersize, 0, &["1m"])
                .starts_with("UNKNOWN - Folder c:/d is unknown. Found 2 file(s)|'c:/d Size'=U;;1048576; ")
        );
    }
}
