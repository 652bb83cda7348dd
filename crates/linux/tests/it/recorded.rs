//! The recorded machine, value by value.

use crate::machine::{CLASSES, class, print, recorded, rows, rows_where};
use rwmi_cim::{Class, Enumerate, Value, WbemStatus};
use std::sync::Arc;

#[tokio::test]
async fn the_operating_system() {
    insta::assert_snapshot!(print(&rows(&recorded(), "Win32_OperatingSystem").await), @r#"
    Caption = Debian GNU/Linux 12 (bookworm)
    Description = Test machine lx1
    InstallDate = 20230101130000.000000+060
    Name = Debian GNU/Linux 12 (bookworm)
    Status = OK
    CSCreationClassName = Win32_ComputerSystem
    CSName = LX1
    CreationClassName = Win32_OperatingSystem
    Distributed = false
    FreePhysicalMemory = 9814425
    FreeVirtualMemory = 13914425
    OSType = 36
    Version = 6.1.0-28-amd64
    LocalDateTime = 20240615140000.000000+120
    CurrentTimeZone = 120
    SizeStoredInPagingFiles = 4194300
    FreeSpaceInPagingFiles = 4100000
    LastBootUpTime = 20240610083000.000000+120
    MaxNumberOfProcesses = 4194304
    NumberOfProcesses = 13
    NumberOfUsers = 2
    TotalSwapSpaceSize = 4194300
    TotalVirtualMemorySize = 20551676
    TotalVisibleMemorySize = 16357376
    BootDevice = /dev/sda2
    MUILanguages = {de-DE}
    BuildNumber = 12
    OSArchitecture = 64-bit
    CodeSet = 65001
    CountryCode = 49
    DataExecutionPrevention_Available = true
    Locale = 0407
    OSLanguage = 1031
    Primary = true
    SerialNumber = de405ef2329d1356e785a3281a8f6254
    SystemDevice = /dev/sda2
    SystemDrive = /
    ProductType = 3
    "#);
}

#[tokio::test]
async fn the_computer() {
    insta::assert_snapshot!(print(&rows(&recorded(), "Win32_ComputerSystem").await), @r#"
    Caption = LX1
    Description = Test machine lx1
    Name = LX1
    Status = OK
    CreationClassName = Win32_ComputerSystem
    BootupState = Normal boot
    CurrentTimeZone = 120
    DNSHostName = lx1
    Domain = example.test
    Manufacturer = Example Computers
    Model = Server 200
    SystemType = x64-based PC
    UserName = LX1\alice
    DomainRole = 2
    WakeUpType = 6
    OEMStringArray = {Example OEM 1, Example OEM 2}
    ChassisBootupState = 3
    PowerSupplyState = 3
    ThermalState = 3
    DaylightInEffect = true
    EnableDaylightSavingsTime = true
    NumberOfProcessors = 2
    NumberOfLogicalProcessors = 4
    TotalPhysicalMemory = 16749953024
    PartOfDomain = false
    PCSystemType = 4
    PCSystemTypeEx = 4
    Workgroup = EXAMPLE
    SystemSKUNumber = EX-200-1
    SystemFamily = Server
    ChassisSKUNumber = EX-CH-2U
    HypervisorPresent = false
    "#);
}

#[tokio::test]
async fn its_processors() {
    insta::assert_snapshot!(print(&rows(&recorded(), "Win32_Processor").await), @r#"
    Caption = Intel64 Family 6 Model 85 Stepping 7
    Description = Intel64 Family 6 Model 85 Stepping 7
    Name = Intel(R) Xeon(R) Silver 4208 CPU @ 2.10GHz
    Status = OK
    Availability = 3
    CreationClassName = Win32_Processor
    DeviceID = CPU0
    StatusInfo = 3
    SystemCreationClassName = Win32_ComputerSystem
    SystemName = LX1
    AddressWidth = 64
    CurrentClockSpeed = 1900
    DataWidth = 64
    Family = 179
    LoadPercentage = 25
    MaxClockSpeed = 3200
    Role = CPU
    UpgradeMethod = 60
    Stepping = 7
    Manufacturer = GenuineIntel
    L2CacheSize = 2048
    L3CacheSize = 11264
    Architecture = 9
    Level = 6
    Revision = 21767
    CpuStatus = 1
    CurrentVoltage = 11
    ExtClock = 100
    ProcessorId = BFEBFBFF00050657
    ProcessorType = 3
    NumberOfLogicalProcessors = 2
    NumberOfCores = 2
    SocketDesignation = CPU1
    VMMonitorModeExtensions = true
    SecondLevelAddressTranslationExtensions = true
    VirtualizationFirmwareEnabled = true
    AssetTag = CPU1-TAG
    PartNumber = CD8069504212701
    NumberOfEnabledCore = 2
    ThreadCount = 2
    Characteristics = 252

    Caption = Intel64 Family 6 Model 85 Stepping 7
    Description = Intel64 Family 6 Model 85 Stepping 7
    Name = Intel(R) Xeon(R) Silver 4208 CPU @ 2.10GHz
    Status = OK
    Availability = 3
    CreationClassName = Win32_Processor
    DeviceID = CPU1
    StatusInfo = 3
    SystemCreationClassName = Win32_ComputerSystem
    SystemName = LX1
    AddressWidth = 64
    CurrentClockSpeed = 2000
    DataWidth = 64
    Family = 179
    LoadPercentage = 50
    MaxClockSpeed = 3200
    Role = CPU
    UpgradeMethod = 60
    Stepping = 7
    Manufacturer = GenuineIntel
    L2CacheSize = 2048
    L3CacheSize = 11264
    Architecture = 9
    Level = 6
    Revision = 21767
    CpuStatus = 1
    CurrentVoltage = 11
    ExtClock = 100
    ProcessorId = BFEBFBFF00050657
    ProcessorType = 3
    NumberOfLogicalProcessors = 2
    NumberOfCores = 2
    SocketDesignation = CPU2
    VMMonitorModeExtensions = true
    SecondLevelAddressTranslationExtensions = true
    VirtualizationFirmwareEnabled = true
    AssetTag = CPU2-TAG
    PartNumber = CD8069504212701
    NumberOfEnabledCore = 2
    ThreadCount = 2
    Characteristics = 252
    "#);
}

#[tokio::test]
async fn its_firmware() {
    insta::assert_snapshot!(print(&rows(&recorded(), "Win32_BIOS").await), @r#"
    Caption = 1.4.2
    Description = 1.4.2
    Name = 1.4.2
    Status = OK
    Version = 1.4.2
    SoftwareElementState = 3
    SoftwareElementID = 1.4.2
    TargetOperatingSystem = 0
    Manufacturer = Example Firmware Ltd.
    SerialNumber = EXMPL01
    PrimaryBIOS = true
    ReleaseDate = 20230315000000.000000+000
    BiosCharacteristics = {7, 11, 15, 16, 32, 42, 43}
    InstallableLanguages = 2
    ListOfLanguages = {en|US|iso8859-1, de|DE|iso8859-1}
    CurrentLanguage = en|US|iso8859-1
    SMBIOSPresent = true
    SMBIOSMajorVersion = 3
    SMBIOSMinorVersion = 2
    SMBIOSBIOSVersion = 1.4.2
    BIOSVersion = {1.4.2}
    SystemBiosMajorVersion = 1
    SystemBiosMinorVersion = 4
    EmbeddedControllerMajorVersion = 2
    EmbeddedControllerMinorVersion = 7
    "#);
}

#[tokio::test]
async fn its_processes() {
    insta::assert_snapshot!(print(&rows(&recorded(), "Win32_Process").await), @r#"
    Caption = systemd
    Description = systemd
    Name = systemd
    CSCreationClassName = Win32_ComputerSystem
    CSName = LX1
    CreationClassName = Win32_Process
    CreationDate = 20240610083000.020000+120
    Handle = 1
    KernelModeTime = 41000000
    OSCreationClassName = Win32_OperatingSystem
    OSName = Debian GNU/Linux 12 (bookworm)
    Priority = 8
    ExecutionState = 4
    UserModeTime = 32000000
    WorkingSetSize = 13107200
    ExecutablePath = /usr/lib/systemd/systemd
    PageFaults = 1003
    PageFileUsage = 0
    PeakWorkingSetSize = 12928
    ProcessId = 1
    WindowsVersion = 6.1.0-28-amd64
    ThreadCount = 1
    HandleCount = 6
    ParentProcessId = 0
    SessionId = 0
    PrivatePageCount = 4710400
    PeakVirtualSize = 172556288
    VirtualSize = 172032000
    ReadOperationCount = 10
    WriteOperationCount = 1
    ReadTransferCount = 1000
    WriteTransferCount = 100
    CommandLine = /sbin/init

    Caption = kthreadd
    Description = kthreadd
    Name = kthreadd
    CSCreationClassName = Win32_ComputerSystem
    CSName = LX1
    CreationClassName = Win32_Process
    CreationDate = 20240610083000.020000+120
    Handle = 2
    KernelModeTime = 100000
    OSCreationClassName = Win32_OperatingSystem
    OSName = Debian GNU/Linux 12 (bookworm)
    Priority = 8
    ExecutionState = 4
    UserModeTime = 0
    PageFaults = 1003
    ProcessId = 2
    WindowsVersion = 6.1.0-28-amd64
    ThreadCount = 1
    ParentProcessId = 0
    SessionId = 0
    ReadOperationCount = 20
    WriteOperationCount = 2
    ReadTransferCount = 2000
    WriteTransferCount = 200

    Caption = migration/0
    Description = migration/0
    Name = migration/0
    CSCreationClassName = Win32_ComputerSystem
    CSName = LX1
    CreationClassName = Win32_Process
    CreationDate = 20240610083000.030000+120
    Handle = 15
    KernelModeTime = 2000000
    OSCreationClassName = Win32_OperatingSystem
    OSName = Debian GNU/Linux 12 (bookworm)
    Priority = 24
    ExecutionState = 4
    UserModeTime = 0
    PageFaults = 1003
    ProcessId = 15
    WindowsVersion = 6.1.0-28-amd64
    ThreadCount = 1
    ParentProcessId = 2
    SessionId = 0
    ReadOperationCount = 150
    WriteOperationCount = 15
    ReadTransferCount = 15000
    WriteTransferCount = 1500

    Caption = systemd-journald
    Description = systemd-journald
    Name = systemd-journald
    CSCreationClassName = Win32_ComputerSystem
    CSName = LX1
    CreationClassName = Win32_Process
    CreationDate = 20240610083003.500000+120
    Handle = 245
    KernelModeTime = 6000000
    OSCreationClassName = Win32_OperatingSystem
    OSName = Debian GNU/Linux 12 (bookworm)
    Priority = 8
    ExecutionState = 4
    UserModeTime = 9000000
    WorkingSetSize = 15728640
    ExecutablePath = /usr/lib/systemd/systemd-journald
    PageFaults = 1003
    PageFileUsage = 0
    PeakWorkingSetSize = 15488
    ProcessId = 245
    WindowsVersion = 6.1.0-28-amd64
    ThreadCount = 1
    HandleCount = 4
    ParentProcessId = 1
    SessionId = 0
    PrivatePageCount = 1331200
    PeakVirtualSize = 50700288
    VirtualSize = 50176000
    ReadOperationCount = 2450
    WriteOperationCount = 245
    ReadTransferCount = 245000
    WriteTransferCount = 24500
    CommandLine = /lib/systemd/systemd-journald

    Caption = systemd-networkd
    Description = systemd-networkd
    Name = systemd-networkd
    CSCreationClassName = Win32_ComputerSystem
    CSName = LX1
    CreationClassName = Win32_Process
    CreationDate = 20240610083005.000000+120
    Handle = 480
    KernelModeTime = 500000
    OSCreationClassName = Win32_OperatingSystem
    OSName = Debian GNU/Linux 12 (bookworm)
    Priority = 8
    ExecutionState = 4
    UserModeTime = 1000000
    WorkingSetSize = 8388608
    ExecutablePath = /usr/lib/systemd/systemd-networkd
    PageFaults = 1003
    PageFileUsage = 0
    PeakWorkingSetSize = 8320
    ProcessId = 480
    WindowsVersion = 6.1.0-28-amd64
    ThreadCount = 1
    HandleCount = 2
    ParentProcessId = 1
    SessionId = 0
    PrivatePageCount = 1048576
    PeakVirtualSize = 18956288
    VirtualSize = 18432000
    ReadOperationCount = 4800
    WriteOperationCount = 480
    ReadTransferCount = 480000
    WriteTransferCount = 48000
    CommandLine = /lib/systemd/systemd-networkd

    Caption = dbus-daemon
    Description = dbus-daemon
    Name = dbus-daemon
    CSCreationClassName = Win32_ComputerSystem
    CSName = LX1
    CreationClassName = Win32_Process
    CreationDate = 20240610083005.200000+120
    Handle = 520
    KernelModeTime = 500000
    OSCreationClassName = Win32_OperatingSystem
    OSName = Debian GNU/Linux 12 (bookworm)
    Priority = 10
    ExecutionState = 4
    UserModeTime = 1000000
    WorkingSetSize = 4718592
    ExecutablePath = /usr/bin/dbus-daemon
    PageFaults = 1003
    PageFileUsage = 0
    PeakWorkingSetSize = 4736
    ProcessId = 520
    WindowsVersion = 6.1.0-28-amd64
    ThreadCount = 1
    HandleCount = 2
    ParentProcessId = 1
    SessionId = 0
    PrivatePageCount = 1048576
    PeakVirtualSize = 9945088
    VirtualSize = 9420800
    ReadOperationCount = 5200
    WriteOperationCount = 520
    ReadTransferCount = 520000
    WriteTransferCount = 52000
    CommandLine = /usr/bin/dbus-daemon --system --address=systemd: --nofork --nopidfile --systemd-activation --syslog-only

    Caption = cron
    Description = cron
    Name = cron
    CSCreationClassName = Win32_ComputerSystem
    CSName = LX1
    CreationClassName = Win32_Process
    CreationDate = 20240610083005.600000+120
    Handle = 560
    KernelModeTime = 500000
    OSCreationClassName = Win32_OperatingSystem
    OSName = Debian GNU/Linux 12 (bookworm)
    Priority = 8
    ExecutionState = 4
    UserModeTime = 1000000
    WorkingSetSize = 2883584
    ExecutablePath = /usr/sbin/cron
    PageFaults = 1003
    PageFileUsage = 0
    PeakWorkingSetSize = 2944
    ProcessId = 560
    WindowsVersion = 6.1.0-28-amd64
    ThreadCount = 1
    HandleCount = 2
    ParentProcessId = 1
    SessionId = 0
    PrivatePageCount = 1048576
    PeakVirtualSize = 7282688
    VirtualSize = 6758400
    ReadOperationCount = 5600
    WriteOperationCount = 560
    ReadTransferCount = 560000
    WriteTransferCount = 56000
    CommandLine = /usr/sbin/cron -f

    Caption = sshd
    Description = sshd
    Name = sshd
    CSCreationClassName = Win32_ComputerSystem
    CSName = LX1
    CreationClassName = Win32_Process
    CreationDate = 20240610083006.000000+120
    Handle = 610
    KernelModeTime = 500000
    OSCreationClassName = Win32_OperatingSystem
    OSName = Debian GNU/Linux 12 (bookworm)
    Priority = 8
    ExecutionState = 4
    UserModeTime = 1000000
    WorkingSetSize = 9306112
    ExecutablePath = /usr/sbin/sshd
    PageFaults = 1003
    PageFileUsage = 0
    PeakWorkingSetSize = 9216
    ProcessId = 610
    WindowsVersion = 6.1.0-28-amd64
    ThreadCount = 1
    HandleCount = 2
    ParentProcessId = 1
    SessionId = 0
    PrivatePageCount = 1048576
    PeakVirtualSize = 16334848
    VirtualSize = 15810560
    ReadOperationCount = 6100
    WriteOperationCount = 610
    ReadTransferCount = 610000
    WriteTransferCount = 61000
    CommandLine = sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups

    Caption = nginx
    Description = nginx
    Name = nginx
    CSCreationClassName = Win32_ComputerSystem
    CSName = LX1
    CreationClassName = Win32_Process
    CreationDate = 20240610083006.400000+120
    Handle = 640
    KernelModeTime = 500000
    OSCreationClassName = Win32_OperatingSystem
    OSName = Debian GNU/Linux 12 (bookworm)
    Priority = 8
    ExecutionState = 4
    UserModeTime = 1000000
    WorkingSetSize = 1740800
    ExecutablePath = /usr/sbin/nginx
    PageFaults = 1003
    PageFileUsage = 0
    PeakWorkingSetSize = 1828
    ProcessId = 640
    WindowsVersion = 6.1.0-28-amd64
    ThreadCount = 1
    HandleCount = 2
    ParentProcessId = 1
    SessionId = 0
    PrivatePageCount = 1048576
    PeakVirtualSize = 57049088
    VirtualSize = 56524800
    ReadOperationCount = 6400
    WriteOperationCount = 640
    ReadTransferCount = 640000
    WriteTransferCount = 64000
    CommandLine = nginx: master process /usr/sbin/nginx -g daemon on; master_process on;

    Caption = nginx
    Description = nginx
    Name = nginx
    CSCreationClassName = Win32_ComputerSystem
    CSName = LX1
    CreationClassName = Win32_Process
    CreationDate = 20240610083006.420000+120
    Handle = 641
    KernelModeTime = 90000000
    OSCreationClassName = Win32_OperatingSystem
    OSName = Debian GNU/Linux 12 (bookworm)
    Priority = 8
    ExecutionState = 4
    UserModeTime = 410000000
    WorkingSetSize = 5632000
    ExecutablePath = /usr/sbin/nginx
    PageFaults = 1003
    PageFileUsage = 900
    PeakWorkingSetSize = 5628
    ProcessId = 641
    WindowsVersion = 6.1.0-28-amd64
    ThreadCount = 4
    HandleCount = 2
    ParentProcessId = 640
    SessionId = 0
    PrivatePageCount = 1970176
    PeakVirtualSize = 57663488
    VirtualSize = 57139200
    ReadOperationCount = 6410
    WriteOperationCount = 641
    ReadTransferCount = 641000
    WriteTransferCount = 64100
    CommandLine = nginx: worker process

    Caption = bash
    Description = bash
    Name = bash
    CSCreationClassName = Win32_ComputerSystem
    CSName = LX1
    CreationClassName = Win32_Process
    CreationDate = 20240610084642.000000+120
    Handle = 1190
    KernelModeTime = 500000
    OSCreationClassName = Win32_OperatingSystem
    OSName = Debian GNU/Linux 12 (bookworm)
    Priority = 8
    ExecutionState = 4
    UserModeTime = 1000000
    WorkingSetSize = 5324800
    ExecutablePath = /usr/bin/bash
    PageFaults = 1003
    PageFileUsage = 0
    PeakWorkingSetSize = 5328
    ProcessId = 1190
    WindowsVersion = 6.1.0-28-amd64
    ThreadCount = 1
    HandleCount = 4
    ParentProcessId = 1
    SessionId = 3
    PrivatePageCount = 2150400
    PeakVirtualSize = 8818688
    VirtualSize = 8294400
    ReadOperationCount = 11900
    WriteOperationCount = 1190
    ReadTransferCount = 1190000
    WriteTransferCount = 119000
    CommandLine = -bash

    Caption = unattended-upgrades
    Description = unattended-upgrades
    Name = unattended-upgrades
    CSCreationClassName = Win32_ComputerSystem
    CSName = LX1
    CreationClassName = Win32_Process
    CreationDate = 20240610084820.000000+120
    Handle = 1290
    KernelModeTime = 500000
    OSCreationClassName = Win32_OperatingSystem
    OSName = Debian GNU/Linux 12 (bookworm)
    Priority = 4
    ExecutionState = 4
    UserModeTime = 1000000
    WorkingSetSize = 20971520
    ExecutablePath = /usr/bin/python3.11
    PageFaults = 1003
    PageFileUsage = 0
    PeakWorkingSetSize = 20608
    ProcessId = 1290
    WindowsVersion = 6.1.0-28-amd64
    ThreadCount = 2
    HandleCount = 2
    ParentProcessId = 1
    SessionId = 0
    PrivatePageCount = 12288000
    PeakVirtualSize = 113164288
    VirtualSize = 112640000
    ReadOperationCount = 12900
    WriteOperationCount = 1290
    ReadTransferCount = 1290000
    WriteTransferCount = 129000
    CommandLine = /usr/bin/python3 /usr/share/unattended-upgrades/unattended-upgrades "--wait for signal" "a \"b\""

    Caption = backup
    Description = backup
    Name = backup
    CSCreationClassName = Win32_ComputerSystem
    CSName = LX1
    CreationClassName = Win32_Process
    CreationDate = 20240610085000.000000+120
    Handle = 1311
    KernelModeTime = 250000000
    OSCreationClassName = Win32_OperatingSystem
    OSName = Debian GNU/Linux 12 (bookworm)
    Priority = 8
    ExecutionState = 3
    UserModeTime = 500000000
    WorkingSetSize = 31457280
    ExecutablePath = /home/alice/bin/backup
    PageFaults = 1003
    PageFileUsage = 0
    PeakWorkingSetSize = 30848
    ProcessId = 1311
    WindowsVersion = 6.1.0-28-amd64
    ThreadCount = 1
    HandleCount = 2
    ParentProcessId = 1190
    SessionId = 3
    PrivatePageCount = 28672000
    PeakVirtualSize = 92684288
    VirtualSize = 92160000
    ReadOperationCount = 13110
    WriteOperationCount = 1311
    ReadTransferCount = 1311000
    WriteTransferCount = 131100
    CommandLine = /home/alice/bin/backup --all
    "#);
}

#[tokio::test]
async fn its_file_systems() {
    insta::assert_snapshot!(print(&rows(&recorded(), "Win32_LogicalDisk").await), @r#"
    Caption = /
    Description = Local Fixed Disk
    Name = /
    Status = OK
    CreationClassName = Win32_LogicalDisk
    DeviceID = /
    SystemCreationClassName = Win32_ComputerSystem
    SystemName = LX1
    Access = 3
    BlockSize = 4096
    NumberOfBlocks = 59973376
    FreeSpace = 128849018880
    Size = 245650948096
    DriveType = 3
    FileSystem = ext4
    MaximumComponentLength = 255
    VolumeName = root
    VolumeSerialNumber = 4F6D2B1C
    MediaType = 12

    Caption = /boot/efi
    Description = Local Fixed Disk
    Name = /boot/efi
    Status = OK
    CreationClassName = Win32_LogicalDisk
    DeviceID = /boot/efi
    SystemCreationClassName = Win32_ComputerSystem
    SystemName = LX1
    Access = 3
    BlockSize = 4096
    NumberOfBlocks = 130812
    FreeSpace = 529530880
    Size = 535805952
    DriveType = 3
    FileSystem = vfat
    MaximumComponentLength = 1530
    VolumeSerialNumber = 5A1BC2D3
    MediaType = 12

    Caption = /mnt/share
    Description = Network Connection
    Name = /mnt/share
    Status = OK
    CreationClassName = Win32_LogicalDisk
    DeviceID = /mnt/share
    SystemCreationClassName = Win32_ComputerSystem
    SystemName = LX1
    Access = 3
    BlockSize = 1048576
    NumberOfBlocks = 953674
    FreeSpace = 249999392768
    Size = 999999668224
    DriveType = 4
    FileSystem = nfs4
    MaximumComponentLength = 255
    ProviderName = 192.0.2.20:/export/share

    Caption = /srv/data
    Description = Local Fixed Disk
    Name = /srv/data
    Status = OK
    CreationClassName = Win32_LogicalDisk
    DeviceID = /srv/data
    SystemCreationClassName = Win32_ComputerSystem
    SystemName = LX1
    Access = 1
    BlockSize = 4096
    NumberOfBlocks = 243924480
    FreeSpace = 499557335040
    Size = 999114670080
    DriveType = 3
    FileSystem = xfs
    MaximumComponentLength = 255
    VolumeName = Data Disk
    VolumeSerialNumber = 9A8B7C6D
    MediaType = 12

    Caption = /tmp
    Description = RAM Disk
    Name = /tmp
    Status = OK
    CreationClassName = Win32_LogicalDisk
    DeviceID = /tmp
    SystemCreationClassName = Win32_ComputerSystem
    SystemName = LX1
    Access = 3
    BlockSize = 4096
    NumberOfBlocks = 2044672
    FreeSpace = 8372224000
    Size = 8374976512
    DriveType = 6
    FileSystem = tmpfs
    MaximumComponentLength = 255
    "#);
}

#[tokio::test]
async fn its_disks() {
    insta::assert_snapshot!(print(&rows(&recorded(), "Win32_DiskDrive").await), @r#"
    Caption = Example SSD 240G
    Description = Disk drive
    Name = /dev/sda
    Status = OK
    CreationClassName = Win32_DiskDrive
    DeviceID = /dev/sda
    SystemCreationClassName = Win32_ComputerSystem
    SystemName = LX1
    Capabilities = {3, 4}
    CapabilityDescriptions = {Random Access, Supports Writing}
    BytesPerSector = 512
    InterfaceType = IDE
    Partitions = 2
    TotalSectors = 468862128
    Index = 0
    MediaLoaded = true
    MediaType = Fixed hard disk media
    Model = Example SSD 240G
    SCSIBus = 0
    SCSILogicalUnit = 0
    SCSIPort = 0
    SCSITargetId = 0
    Size = 240057409536
    Signature = 523124044
    SerialNumber = EXSSD0001
    FirmwareRevision = 1B2Q

    Caption = Example NVMe 1TB
    Description = Disk drive
    Name = /dev/nvme0n1
    Status = OK
    CreationClassName = Win32_DiskDrive
    DeviceID = /dev/nvme0n1
    SystemCreationClassName = Win32_ComputerSystem
    SystemName = LX1
    Capabilities = {3, 4}
    CapabilityDescriptions = {Random Access, Supports Writing}
    BytesPerSector = 512
    InterfaceType = SCSI
    Partitions = 1
    TotalSectors = 1953525168
    Index = 1
    MediaLoaded = true
    MediaType = Fixed hard disk media
    Model = Example NVMe 1TB
    Size = 1000204886016
    SerialNumber = EXNV0000000001
    FirmwareRevision = 3B4QEXM7
    "#);
}

#[tokio::test]
async fn its_network_interfaces() {
    insta::assert_snapshot!(print(&rows(&recorded(), "Win32_NetworkAdapterConfiguration").await), @r#"
    SettingID = {FE473B1B-BD1C-8F0B-9BF3-BACA2687EF99}
    Caption = [00000002] Intel Corporation I350 Gigabit Network Connection
    Description = Intel Corporation I350 Gigabit Network Connection
    GatewayCostMetric = {100, 1024}
    DefaultIPGateway = {192.0.2.1, fe80::5054:ff:fe12:3499}
    DHCPEnabled = true
    DHCPLeaseExpires = 20240615200000.000000+120
    DHCPLeaseObtained = 20240615080000.000000+120
    DHCPServer = 192.0.2.1
    Index = 2
    InterfaceIndex = 2
    IPAddress = {192.0.2.10, 2001:db8:1::10, fe80::5054:ff:fe12:3401}
    IPSubnet = {255.255.255.0, 64, 64}
    MACAddress = 52:54:00:12:34:01
    ServiceName = igb
    IPEnabled = true
    IPConnectionMetric = 100
    DatabasePath = /etc
    DefaultTTL = 64
    PMTUDiscoveryEnabled = true
    KeepAliveInterval = 75000
    KeepAliveTime = 7200000
    MTU = 1500
    TcpMaxConnectRetransmissions = 6
    TcpMaxDataRetransmissions = 15
    DNSHostName = lx1
    DNSDomain = example.test
    DNSServerSearchOrder = {192.0.2.53, 2001:db8:1::53}
    DNSDomainSuffixSearchOrder = {example.test, corp.example.test}

    SettingID = {83B56CC2-ECCC-8283-9379-BDFA32E15C1B}
    Caption = [00000003] Intel Corporation I350 Gigabit Network Connection
    Description = Intel Corporation I350 Gigabit Network Connection
    DHCPEnabled = false
    Index = 3
    InterfaceIndex = 3
    IPAddress = {198.51.100.10, 2001:db8:2::10, fe80::5054:ff:fe12:3402}
    IPSubnet = {255.255.255.128, 64, 64}
    MACAddress = 52:54:00:12:34:02
    ServiceName = igb
    IPEnabled = true
    IPConnectionMetric = 200
    DatabasePath = /etc
    DefaultTTL = 64
    PMTUDiscoveryEnabled = true
    KeepAliveInterval = 75000
    KeepAliveTime = 7200000
    MTU = 1500
    TcpMaxConnectRetransmissions = 6
    TcpMaxDataRetransmissions = 15
    DNSHostName = lx1
    DNSDomain = example.test
    DNSServerSearchOrder = {192.0.2.53, 2001:db8:1::53}
    DNSDomainSuffixSearchOrder = {example.test, corp.example.test}

    SettingID = {2A5B64F8-ADDC-862D-B856-8CF29CDBA5A7}
    Caption = [00000004] wg0
    Description = wg0
    Index = 4
    InterfaceIndex = 4
    IPEnabled = false
    MTU = 1500
    "#);
}

#[tokio::test]
async fn its_accounts() {
    insta::assert_snapshot!(print(&rows(&recorded(), "Win32_UserAccount").await), @r#"
    Caption = LX1\root
    Description = root
    Name = root
    Status = Degraded
    Domain = LX1
    SID = S-1-5-21-2748721913-2823674078-1300766281-1000
    SIDType = 1
    LocalAccount = true
    AccountType = 512
    Disabled = true
    FullName = root
    Lockout = false
    PasswordChangeable = true
    PasswordExpires = false
    PasswordRequired = true

    Caption = LX1\daemon
    Description = daemon
    Name = daemon
    Status = Degraded
    Domain = LX1
    SID = S-1-5-21-2748721913-2823674078-1300766281-1002
    SIDType = 1
    LocalAccount = true
    AccountType = 512
    Disabled = true
    FullName = daemon
    Lockout = false
    PasswordChangeable = true
    PasswordExpires = false
    PasswordRequired = true

    Caption = LX1\www-data
    Description = www-data
    Name = www-data
    Status = Degraded
    Domain = LX1
    SID = S-1-5-21-2748721913-2823674078-1300766281-1066
    SIDType = 1
    LocalAccount = true
    AccountType = 512
    Disabled = true
    FullName = www-data
    Lockout = false
    PasswordChangeable = true
    PasswordExpires = false
    PasswordRequired = true

    Caption = LX1\nobody
    Description = nobody
    Name = nobody
    Status = Degraded
    Domain = LX1
    SID = S-1-5-21-2748721913-2823674078-1300766281-132068
    SIDType = 1
    LocalAccount = true
    AccountType = 512
    Disabled = true
    FullName = nobody
    Lockout = false
    PasswordChangeable = true
    PasswordExpires = false
    PasswordRequired = true

    Caption = LX1\alice
    Description = Alice Example,Room 12,,
    Name = alice
    Status = OK
    Domain = LX1
    SID = S-1-5-21-2748721913-2823674078-1300766281-3000
    SIDType = 1
    LocalAccount = true
    AccountType = 512
    Disabled = false
    FullName = Alice Example
    Lockout = false
    PasswordChangeable = true
    PasswordExpires = true
    PasswordRequired = true

    Caption = LX1\bob
    Description = Bob Beispiel,,,
    Name = bob
    Status = Degraded
    Domain = LX1
    SID = S-1-5-21-2748721913-2823674078-1300766281-3002
    SIDType = 1
    LocalAccount = true
    AccountType = 512
    Disabled = true
    FullName = Bob Beispiel
    Lockout = false
    PasswordChangeable = true
    PasswordExpires = false
    PasswordRequired = true
    "#);
}

#[tokio::test]
async fn its_time_zone() {
    insta::assert_snapshot!(print(&rows(&recorded(), "Win32_TimeZone").await), @r#"
    Caption = (UTC+01:00) Europe/Berlin
    Description = (UTC+01:00) Europe/Berlin
    Bias = 60
    DaylightBias = -60
    DaylightDay = 5
    DaylightDayOfWeek = 0
    DaylightHour = 2
    DaylightMillisecond = 0
    DaylightMinute = 0
    DaylightMonth = 3
    DaylightName = CEST
    DaylightSecond = 0
    DaylightYear = 0
    StandardBias = 0
    StandardDay = 5
    StandardDayOfWeek = 0
    StandardHour = 3
    StandardMillisecond = 0
    StandardMinute = 0
    StandardMonth = 10
    StandardName = CET
    StandardSecond = 0
    StandardYear = 0
    "#);
}

#[tokio::test]
async fn its_environment() {
    insta::assert_snapshot!(print(&rows(&recorded(), "Win32_Environment").await), @r#"
    Caption = <SYSTEM>\LANG
    Description = <SYSTEM>\LANG
    Name = LANG
    Status = OK
    SystemVariable = true
    UserName = <SYSTEM>
    VariableValue = de_DE.UTF-8

    Caption = <SYSTEM>\PATH
    Description = <SYSTEM>\PATH
    Name = PATH
    Status = OK
    SystemVariable = true
    UserName = <SYSTEM>
    VariableValue = /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

    Caption = <SYSTEM>\JAVA_HOME
    Description = <SYSTEM>\JAVA_HOME
    Name = JAVA_HOME
    Status = OK
    SystemVariable = true
    UserName = <SYSTEM>
    VariableValue = /opt/java runtime

    Caption = <SYSTEM>\HTTP_PROXY
    Description = <SYSTEM>\HTTP_PROXY
    Name = HTTP_PROXY
    Status = OK
    SystemVariable = true
    UserName = <SYSTEM>
    VariableValue = http://proxy.example.test:3128
    "#);
}

#[tokio::test]
async fn every_value_has_the_type_of_its_property() {
    for name in CLASSES {
        for row in rows(&recorded(), name).await {
            for (property, value) in row.class().properties.iter().zip(row.to_instance().unwrap().values) {
                let found = value.cim_type();
                assert!(found.is_none_or(|t| t == property.ty), "{name}.{}: {found:?}", property.name);
            }
        }
    }
}

#[tokio::test]
async fn a_key_is_looked_up() {
    let provider = recorded();
    let count = async |class: &str, property: &str, value: Value| rows_where(&provider, class, &[(property, value)]).await.unwrap().len();
    assert_eq!(count("Win32_Process", "Handle", "641".into()).await, 1);
    assert_eq!(count("Win32_Process", "handle", "0641x".into()).await, 0);
    assert_eq!(count("Win32_Process", "ProcessId", Value::Uint32(641)).await, 1);
    assert_eq!(count("Win32_Process", "ProcessId", Value::Sint64(-1)).await, 0);
    assert_eq!(count("Win32_Process", "ProcessId", Value::Uint32(99_999)).await, 0);
    // What is of another type is left to the caller, who knows what it means.
    assert_eq!(count("Win32_Process", "ProcessId", "641".into()).await, 13);
    assert_eq!(count("Win32_LogicalDisk", "DeviceID", "/SRV/data".into()).await, 1);
    assert_eq!(count("Win32_LogicalDisk", "DeviceID", "/proc".into()).await, 0);
    assert_eq!(count("Win32_DiskDrive", "DeviceID", "/dev/sda".into()).await, 1);
    assert_eq!(count("Win32_NetworkAdapterConfiguration", "Index", Value::Uint32(3)).await, 1);
    assert_eq!(count("Win32_NetworkAdapterConfiguration", "Index", Value::Uint32(1)).await, 0);
    assert_eq!(count("Win32_UserAccount", "Name", "ALICE".into()).await, 1);
}

#[tokio::test]
async fn a_class_of_others_is_refused() {
    let class = Arc::new(Class { name: "Win32_Share".into(), ..Class::default() });
    let outcome = crate::machine::enumerate(&recorded(), &Enumerate::all(&class)).await;
    assert_eq!(outcome, Err(WbemStatus::PROVIDER_NOT_CAPABLE));
}

#[tokio::test]
async fn a_class_that_lacks_properties_is_served_all_the_same() {
    let full = class("Win32_Process");
    let class = Arc::new(Class {
        name: full.name.clone(),
        properties: vec![full.property("Handle").unwrap().clone(), full.property("Name").unwrap().clone()],
        ..Class::default()
    });
    let rows = crate::machine::enumerate(&recorded(), &Enumerate::all(&class)).await.unwrap();
    assert_eq!(rows.len(), 13);
}

#[tokio::test]
async fn an_empty_tree_has_what_every_machine_has_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let provider = rwmi_linux::LinuxProvider::new(rwmi_linux::Source::at(dir.path())).unwrap();
    let mut counts = Vec::new();
    for name in CLASSES {
        counts.push(rows_where(&provider, name, &[]).await.map(|r| r.len()));
    }
    let fails = Err(WbemStatus::PROVIDER_FAILURE);
    let associations = [Ok(0), fails, Ok(0), Ok(0), Ok(0)];
    let before = [Ok(1), Ok(1), Ok(0), Ok(0), fails, Ok(0), fails, Ok(0)];
    assert_eq!(counts, [&before[..], &associations[..], &[Ok(0), fails, Ok(1), Ok(0)]].concat());
}
