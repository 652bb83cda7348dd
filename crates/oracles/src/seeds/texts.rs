//! Queries and MOF.

use super::named;

pub(super) fn wql() -> Vec<(String, Vec<u8>)> {
    (0..).zip(QUERIES).map(|(at, text)| named(format_args!("query-{at}"), *text)).collect()
}

pub(super) fn mof() -> Vec<(String, Vec<u8>)> {
    let mut out: Vec<_> = (0..).zip(MOF).map(|(at, text)| named(format_args!("text-{at}"), *text)).collect();
    let wide: Vec<u8> = MOF[0].encode_utf16().flat_map(u16::to_le_bytes).collect();
    out.push(named("utf-16", [&[0xff, 0xfe], wide.as_slice()].concat()));
    out
}

const QUERIES: &[&str] = &[
    "SELECT * FROM Win32_LogicalDisk",
    "SELECT Name, DeviceID FROM Win32_LogicalDisk WHERE DriveType = 3",
    "select name from win32_logicaldisk where freespace > 1000 and compressed = true or delta <= -5",
    "SELECT * FROM Win32_LogicalDisk WHERE NOT (Name LIKE '[a-d]%' AND DeviceID <> \"C:\") OR FileSystem IS NULL",
    "SELECT * FROM Win32_LogicalDisk WHERE Installed >= '20240203010000.000000+060'",
    "SELECT * FROM Win32_LogicalDisk WHERE Load < 0.5 AND Ratio = 2.5e0 AND Letter = 'q'",
    "SELECT Inner.Text FROM Win32_LogicalDisk WHERE Inner.P_Uint32 = 0x1117B AND Inner ISA \"Base\"",
    r#"SELECT * FROM Win32_LogicalDisk WHERE Partition = "\\\\LX1\\root\\cimv2:P.A=\"x\",B=2""#,
    "SELECT * FROM Win32_LogicalDisk WHERE __CLASS = 'Win32_LogicalDisk' AND __RELPATH LIKE 'Win32%'",
    "SELECT * FROM meta_class WHERE __this ISA \"CIM_LogicalDisk\" AND __Dynasty = 'X'",
    "SELECT * FROM __InstanceCreationEvent WITHIN 2.5 WHERE TargetInstance ISA 'Win32_Process'",
    "SELECT * FROM X WITHIN 1 GROUP WITHIN 60 BY TargetInstance.Name, b HAVING NumberOfEvents >= 5",
    "ASSOCIATORS OF {Win32_LogicalDisk.DeviceID=\"C:\"} WHERE AssocClass = A ResultClass = B Role = C ResultRole = D",
    "ASSOCIATORS OF {X=1} WHERE ClassDefsOnly RequiredQualifier = q RequiredAssocQualifier = r",
    "REFERENCES OF {\\\\.\\root\\cimv2:X.A=\"}\",B=0x1F} WHERE ResultClass = Y KeysOnly",
    "REFERENCES OF {X=@} WHERE SchemaOnly",
    "SELECT * FROM X WHERE a = 'it''s' AND b = \"\\\"\\\\\" AND 5 < c AND NULL <> d AND TRUE = e",
    "SELECT Größe FROM 名前 WHERE x LIKE '_[^a]%'",
];

const MOF: &[&str] = &[
    r#"#pragma namespace("\\\\.\\root")
[Description("A disk: \"round\"\n") : ToSubclass, Abstract]
class LX_Device { [key, read : ToInstance] string Name; };
[provider("lx")] class LX_Disk : LX_Device as $Alias {
    [Units("Bytes"), Values{"a", "b"} : Amended] uint64 Size = 0x10; boolean Removable = FALSE; string Tags[] = {"x", "y" "z"};
    real64 Ratio = 1.5e3; datetime Installed = "20240101000000.000000+000"; char16 Letter = 'q'; LX_Device ref Holder; uint8 Raw[4];
    [Static, implemented] uint32 Format([in, id(0)] string FileSystem, [out, id(1)] sint16 Code[]);
};
instance of LX_Disk as $Disk { Name = "sda"; Size = 1024; Tags = {"os", "ssd"}; Installed = NULL; };
instance of LX_Disk { Name = "sdb"; Holder = $Disk; Raw = {1, 0x2, 11b, 017}; };
"#,
    "class Derived : Base { sint8 Small = -128; real32 R = .5; object Inner; };\ninstance of Derived { Id = \"1\"; Inner = instance of Base { Id = \"2\"; }; Any = {instance of Base {Id=\"3\";}}; Link = \"Base.Id=\\\"1\\\"\"; };",
    "#pragma classflags(\"updateonly\", \"forceupdate\")\n#pragma instanceflags(\"createonly\")\nclass Base { [key] string Id; uint32 Size = 7; };",
    "#pragma deleteclass(\"Base\", nofail)\n#pragma deleteinstance(\"Base.Id=\\\"x\\\"\", fail)\n#pragma autorecover\n/* a comment */ // another\nclass A { };",
    "qualifier Key : boolean = false, scope(property, reference), flavor(disableoverride, tosubclass);\n[Version(\"2.5\"), Locale(1033), UUID(\"{0}\")] class B { [key] uint32 N; [not_null : disableoverride] string S = \"\\x0041\\t\"; };",
    "[A, Max(5), Min(-5.5), Flag(false), List{1, 2} : restricted] class C : Base { [override(\"Size\")] uint32 Size = 8; void M(); };",
    "class Broken { string Name = 5; uint8 Big = 300; Missing ref X; }; instance of Nobody { A = 1; };",
];
