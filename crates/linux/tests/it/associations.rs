//! Partitions, and the associations of disks, partitions, file systems and services.

use crate::fake_systemd;
use crate::machine::{Bus, print, recorded, rows, rows_where, tree};
use rwmi_cim::Value;
use rwmi_linux::{LinuxProvider, Source};

#[tokio::test]
async fn partitions_are_told_by_disk_and_place() {
    insta::assert_snapshot!(print(&rows(&recorded(), "Win32_DiskPartition").await), @r#"
    Caption = Disk #0, Partition #0
    Description = Installable File System
    Name = Disk #0, Partition #0
    CreationClassName = Win32_DiskPartition
    DeviceID = Disk #0, Partition #0
    SystemCreationClassName = Win32_ComputerSystem
    SystemName = LX1
    BlockSize = 512
    NumberOfBlocks = 1048576
    Bootable = false
    PrimaryPartition = true
    BootPartition = false
    DiskIndex = 0
    Index = 0
    Size = 536870912
    StartingOffset = 1048576
    Type = Installable File System

    Caption = Disk #0, Partition #1
    Description = Unknown
    Name = Disk #0, Partition #1
    CreationClassName = Win32_DiskPartition
    DeviceID = Disk #0, Partition #1
    SystemCreationClassName = Win32_ComputerSystem
    SystemName = LX1
    BlockSize = 512
    NumberOfBlocks = 467809280
    Bootable = true
    PrimaryPartition = true
    BootPartition = true
    DiskIndex = 0
    Index = 1
    Size = 239518351360
    StartingOffset = 537919488
    Type = Unknown

    Caption = Disk #1, Partition #0
    Description = GPT: Unknown
    Name = Disk #1, Partition #0
    CreationClassName = Win32_DiskPartition
    DeviceID = Disk #1, Partition #0
    SystemCreationClassName = Win32_ComputerSystem
    SystemName = LX1
    BlockSize = 512
    NumberOfBlocks = 1953521664
    Bootable = false
    PrimaryPartition = true
    BootPartition = false
    DiskIndex = 1
    Index = 0
    Size = 1000203091968
    StartingOffset = 1048576
    Type = GPT: Unknown
    "#);
}

#[tokio::test]
async fn disks_have_partitions_and_partitions_hold_file_systems() {
    insta::assert_snapshot!(print(&rows(&recorded(), "Win32_DiskDriveToDiskPartition").await), @r#"
    Antecedent = \\LX1\root\cimv2:Win32_DiskDrive.DeviceID="/dev/sda"
    Dependent = \\LX1\root\cimv2:Win32_DiskPartition.DeviceID="Disk #0, Partition #0"

    Antecedent = \\LX1\root\cimv2:Win32_DiskDrive.DeviceID="/dev/sda"
    Dependent = \\LX1\root\cimv2:Win32_DiskPartition.DeviceID="Disk #0, Partition #1"

    Antecedent = \\LX1\root\cimv2:Win32_DiskDrive.DeviceID="/dev/nvme0n1"
    Dependent = \\LX1\root\cimv2:Win32_DiskPartition.DeviceID="Disk #1, Partition #0"
    "#);
    insta::assert_snapshot!(print(&rows(&recorded(), "Win32_LogicalDiskToPartition").await), @r#"
    Antecedent = \\LX1\root\cimv2:Win32_DiskPartition.DeviceID="Disk #0, Partition #1"
    Dependent = \\LX1\root\cimv2:Win32_LogicalDisk.DeviceID="/"
    StartingAddress = 537919488
    EndingAddress = 240056270847

    Antecedent = \\LX1\root\cimv2:Win32_DiskPartition.DeviceID="Disk #0, Partition #0"
    Dependent = \\LX1\root\cimv2:Win32_LogicalDisk.DeviceID="/boot/efi"
    StartingAddress = 1048576
    EndingAddress = 537919487

    Antecedent = \\LX1\root\cimv2:Win32_DiskPartition.DeviceID="Disk #1, Partition #0"
    Dependent = \\LX1\root\cimv2:Win32_LogicalDisk.DeviceID="/srv/data"
    StartingAddress = 1048576
    EndingAddress = 1000204140543
    "#);
}

#[tokio::test]
async fn what_names_an_object_is_looked_up() {
    let count = async |class: &str, role: &str, path: &str| {
        rows_where(&recorded(), class, &[(role, Value::Reference(path.into()))]).await.unwrap().len()
    };
    assert_eq!(count("Win32_DiskDriveToDiskPartition", "Antecedent", r#"\\LX1\root\cimv2:Win32_DiskDrive.DeviceID="/dev/sda""#).await, 2);
    assert_eq!(count("Win32_DiskDriveToDiskPartition", "Dependent", r#"Win32_DiskPartition="Disk #0, Partition #1""#).await, 1);
    assert_eq!(count("Win32_LogicalDiskToPartition", "Dependent", r#"Win32_LogicalDisk.DeviceID="/srv/data""#).await, 1);
    assert_eq!(count("Win32_LogicalDiskToPartition", "Dependent", r#"Win32_LogicalDisk.DeviceID="/mnt/share""#).await, 0);
    // What is no path is left to the caller.
    assert_eq!(count("Win32_LogicalDiskToPartition", "Dependent", "{").await, 3);
    assert_eq!(rows_where(&recorded(), "Win32_DiskPartition", &[("DeviceID", "disk #0, partition #1".into())]).await.unwrap().len(), 1);
}

#[tokio::test]
async fn services_belong_to_the_computer_and_need_each_other() {
    let bus = Bus::start();
    let _systemd = fake_systemd::serve(&bus.address, &tree().join("systemd.json")).await.unwrap();
    let provider = LinuxProvider::new(Source::at(tree()).with_dbus_address(&bus.address)).unwrap();
    let all = rows(&provider, "Win32_SystemServices").await;
    assert_eq!(all.len(), rows(&provider, "Win32_Service").await.len());
    let of = |role: &'static str, name: &str| [(role, Value::Reference(format!("Win32_Service.Name=\"{name}\"")))];
    let one = rows_where(&provider, "Win32_SystemServices", &of("PartComponent", "SSH")).await.unwrap();
    insta::assert_snapshot!(print(&one), @r#"
    GroupComponent = \\LX1\root\cimv2:Win32_ComputerSystem.Name="LX1"
    PartComponent = \\LX1\root\cimv2:Win32_Service.Name="ssh"
    "#);
    insta::assert_snapshot!(print(&rows(&provider, "Win32_DependentService").await), @r#"
    Antecedent = \\LX1\root\cimv2:Win32_Service.Name="postgresql"
    Dependent = \\LX1\root\cimv2:Win32_Service.Name="backup"

    Antecedent = \\LX1\root\cimv2:Win32_Service.Name="ssh"
    Dependent = \\LX1\root\cimv2:Win32_Service.Name="backup"

    Antecedent = \\LX1\root\cimv2:Win32_Service.Name="dbus"
    Dependent = \\LX1\root\cimv2:Win32_Service.Name="nginx"

    Antecedent = \\LX1\root\cimv2:Win32_Service.Name="dbus"
    Dependent = \\LX1\root\cimv2:Win32_Service.Name="rsync"
    "#);
    assert_eq!(rows_where(&provider, "Win32_DependentService", &of("Antecedent", "dbus")).await.unwrap().len(), 2);
    assert_eq!(rows_where(&provider, "Win32_DependentService", &of("Dependent", "backup")).await.unwrap().len(), 2);
    assert_eq!(rows_where(&provider, "Win32_DependentService", &of("Dependent", "cron")).await.unwrap().len(), 0);
}

#[tokio::test]
async fn without_systemd_no_service_is_told() {
    assert!(rows(&recorded(), "Win32_SystemServices").await.is_empty());
    assert!(rows(&recorded(), "Win32_DependentService").await.is_empty());
}
