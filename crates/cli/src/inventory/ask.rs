//! What an inventory asks: one query a class, each on its own.

/// A class, what is wanted of it, and which part of the record it belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask {
    /// The part of the record, by its name in GLPI's format.
    pub(super) section: &'static str,
    pub(super) namespace: &'static str,
    pub(super) class: &'static str,
    /// With commas between them.
    pub(super) properties: &'static str,
    /// Behind WHERE; may be empty.
    pub(super) filter: &'static str,
}

impl Ask {
    const fn within(self, namespace: &'static str) -> Ask {
        Ask { namespace, ..self }
    }

    const fn only(self, filter: &'static str) -> Ask {
        Ask { filter, ..self }
    }

    /// The names of the properties.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.properties.split(',').map(str::trim)
    }

    /// The query for some of its properties.
    pub(super) fn wql(&self, names: &[&str]) -> String {
        let mut text = format!("SELECT {} FROM {}", names.join(", "), self.class);
        if !self.filter.is_empty() {
            text += &format!(" WHERE {}", self.filter);
        }
        text
    }
}

const fn ask(section: &'static str, class: &'static str, properties: &'static str) -> Ask {
    Ask { section, namespace: CIMV2, class, properties, filter: "" }
}

const CIMV2: &str = r"root\cimv2";
const STORAGE: &str = r"root\Microsoft\Windows\Storage";
const VIRTUALIZATION: &str = r"root\virtualization\v2";

const CONTROLLER: &str = "Name, Manufacturer, Caption, DeviceID";
const CONNECTOR: &str = "Name, Caption, Description";

/// Everything, in the order of the record. What is in the registry is asked apart: see [`registry`](super::registry).
///
/// Win32_Product is not among them: asking for it checks every installed package, which takes minutes and writes to the event
/// log. Accounts and groups are always those of the computer itself: else a member of a domain walks the whole domain.
pub(super) const ASKS: &[Ask] = &[
    ask(
        "operatingsystem",
        "Win32_OperatingSystem",
        "Caption, Version, CSDVersion, BuildNumber, OSArchitecture, OSLanguage, InstallDate, LastBootUpTime, SerialNumber, \
         Organization, RegisteredUser, TotalSwapSpaceSize, SystemDrive, CurrentTimeZone",
    ),
    ask("operatingsystem", "Win32_TimeZone", "Caption, StandardName, Bias"),
    ask(
        "hardware",
        "Win32_ComputerSystem",
        "Name, DNSHostName, Domain, PartOfDomain, Workgroup, UserName, TotalPhysicalMemory, PrimaryOwnerName, Manufacturer, Model, \
         SystemSKUNumber",
    ),
    ask("hardware", "Win32_ComputerSystemProduct", "UUID, IdentifyingNumber"),
    ask("bios", "Win32_BIOS", "SerialNumber, Version, Manufacturer, SMBIOSBIOSVersion, BIOSVersion, ReleaseDate"),
    ask("bios", "Win32_BaseBoard", "SerialNumber, Product, Manufacturer"),
    ask("bios", "Win32_SystemEnclosure", "SerialNumber, SMBIOSAssetTag, ChassisTypes"),
    ask(
        "cpus",
        "Win32_Processor",
        "Name, Manufacturer, Description, ProcessorId, NumberOfCores, NumberOfLogicalProcessors, MaxClockSpeed, SerialNumber, \
         AddressWidth, Architecture, ExtClock, DeviceID",
    ),
    ask(
        "memories",
        "Win32_PhysicalMemory",
        "Capacity, Caption, Description, FormFactor, Removable, Speed, MemoryType, SMBIOSMemoryType, SerialNumber, Manufacturer, \
         PartNumber, DeviceLocator, Tag",
    ),
    ask("memories", "Win32_PhysicalMemoryArray", "MemoryDevices, MemoryErrorCorrection, Tag"),
    ask(
        "storages",
        "MSFT_PhysicalDisk",
        "BusType, FriendlyName, DeviceId, FirmwareVersion, SerialNumber, Size, MediaType, Manufacturer, Model",
    )
    .within(STORAGE),
    ask(
        "storages",
        "Win32_DiskDrive",
        "Manufacturer, Model, Caption, Name, Index, MediaType, InterfaceType, FirmwareRevision, SerialNumber, Size, SCSIPort, \
         SCSILogicalUnit, SCSITargetId",
    ),
    ask("storages", "Win32_CDROMDrive", "Manufacturer, Caption, Name, MediaType, Drive, SCSIPort, SCSILogicalUnit, SCSITargetId"),
    ask("storages", "Win32_TapeDrive", "Manufacturer, Caption, Name, MediaType, DeviceID"),
    ask(
        "drives",
        "Win32_LogicalDisk",
        "DeviceID, Caption, Description, FreeSpace, Size, VolumeName, FileSystem, DriveType, VolumeSerialNumber, ProviderName",
    ),
    ask("drives", "Win32_Volume", "Capacity, FreeSpace, DeviceID, DriveLetter, DriveType, FileSystem, Label, Name, SerialNumber"),
    ask("drives", "Win32_EncryptableVolume", "DeviceID, DriveLetter, EncryptionMethod, ProtectionStatus")
        .within(r"root\cimv2\Security\MicrosoftVolumeEncryption"),
    ask("drives", "Win32_DiskPartition", "DeviceID, DiskIndex, Index, Size, StartingOffset, Type, Bootable, PrimaryPartition"),
    ask("drives", "Win32_LogicalDiskToPartition", "Antecedent, Dependent"),
    ask("drives", "Win32_MappedLogicalDisk", "DeviceID, ProviderName, FileSystem, FreeSpace, Size"),
    ask(
        "networks",
        "Win32_NetworkAdapterConfiguration",
        "Index, InterfaceIndex, Description, IPEnabled, DHCPEnabled, DHCPServer, MACAddress, MTU, DefaultIPGateway, \
         DNSServerSearchOrder, IPAddress, IPSubnet, DNSDomain, SettingID",
    ),
    ask(
        "networks",
        "Win32_NetworkAdapter",
        "Index, InterfaceIndex, PNPDeviceID, Speed, PhysicalAdapter, GUID, Name, NetConnectionStatus, Manufacturer, AdapterTypeId",
    ),
    ask(
        "networks",
        "MSFT_NetAdapter",
        "InterfaceIndex, PnPDeviceID, Speed, HardwareInterface, InterfaceGuid, InterfaceDescription, InterfaceType",
    )
    .within(r"root\StandardCimv2"),
    ask("softwares", "Win32_QuickFixEngineering", "HotFixID, Description, InstalledOn"),
    ask("local_users", "Win32_UserAccount", "Name, SID, Domain, FullName")
        .only("LocalAccount = TRUE AND Disabled = FALSE AND Lockout = FALSE"),
    ask("local_users", "Win32_UserProfile", "SID, LocalPath, Special, Loaded, LastUseTime"),
    ask("local_groups", "Win32_Group", "Name, SID, Domain").only("LocalAccount = TRUE"),
    ask("users", "Win32_LoggedOnUser", "Antecedent"),
    ask(
        "videos",
        "Win32_VideoController",
        "Name, Caption, Description, VideoProcessor, AdapterRAM, CurrentHorizontalResolution, CurrentVerticalResolution, PNPDeviceID, \
         DeviceID, AdapterCompatibility",
    ),
    ask("monitors", "Win32_DesktopMonitor", "Caption, MonitorManufacturer, MonitorType, PNPDeviceID"),
    ask(
        "monitors",
        "WmiMonitorID",
        "Active, InstanceName, ManufacturerName, ProductCodeID, SerialNumberID, UserFriendlyName, WeekOfManufacture, YearOfManufacture",
    )
    .within(r"root\WMI"),
    ask("sounds", "Win32_SoundDevice", "Name, Manufacturer, Caption, Description"),
    ask("controllers", "Win32_FloppyController", CONTROLLER),
    ask("controllers", "Win32_IDEController", CONTROLLER),
    ask("controllers", "Win32_SCSIController", CONTROLLER),
    ask("controllers", "Win32_USBController", CONTROLLER),
    ask("controllers", "Win32_1394Controller", CONTROLLER),
    ask("controllers", "Win32_PCMCIAController", CONTROLLER),
    ask("controllers", "Win32_InfraredDevice", CONTROLLER),
    ask("inputs", "Win32_Keyboard", "Name, Caption, Description, Layout"),
    ask("inputs", "Win32_PointingDevice", "Name, Caption, Description, Manufacturer, PointingType, DeviceInterface"),
    ask("ports", "Win32_SerialPort", CONNECTOR),
    ask("ports", "Win32_ParallelPort", CONNECTOR),
    ask("ports", "Win32_PortConnector", "Tag, ExternalReferenceDesignator, InternalReferenceDesignator, PortType"),
    ask("slots", "Win32_SystemSlot", "Tag, SlotDesignation, Description, CurrentUsage"),
    ask("usbdevices", "Win32_PnPEntity", "DeviceID, Name, Caption, Manufacturer, PNPClass").only(r"DeviceID LIKE 'USB\\VID%'"),
    ask(
        "printers",
        "Win32_Printer",
        "Name, Comment, DriverName, PortName, Network, Shared, ShareName, ServerName, PrinterStatus, PrintProcessor, \
         HorizontalResolution, VerticalResolution, Default",
    ),
    ask("modems", "Win32_POTSModem", "Name, DeviceType, Model, Description"),
    ask("batteries", "Win32_Battery", "Name, DeviceID, Chemistry, DesignCapacity, FullChargeCapacity, DesignVoltage"),
    ask("antivirus", "AntiVirusProduct", "displayName, instanceGuid, productState, pathToSignedProductExe").within(r"root\SecurityCenter2"),
    ask(
        "antivirus",
        "MSFT_MpComputerStatus",
        "AMProductVersion, AntivirusEnabled, AntivirusSignatureVersion, AntivirusSignatureLastUpdated",
    )
    .within(r"root\Microsoft\Windows\Defender"),
    ask("licenseinfos", "SoftwareLicensingProduct", "ID, Name, Description, PartialProductKey, LicenseStatus, ProductKeyID")
        .only("PartialProductKey IS NOT NULL"),
    ask("envs", "Win32_Environment", "Name, VariableValue, SystemVariable, UserName").only("SystemVariable = TRUE"),
    ask("processes", "Win32_Process", "Handle, ProcessId, ParentProcessId, Name, CommandLine, CreationDate, VirtualSize, WorkingSetSize"),
    ask("virtualmachines", "Msvm_ComputerSystem", "Name, ElementName, EnabledState, InstallDate, Description").within(VIRTUALIZATION),
    ask("virtualmachines", "Msvm_MemorySettingData", "InstanceID, VirtualQuantity").within(VIRTUALIZATION),
    ask("virtualmachines", "Msvm_ProcessorSettingData", "InstanceID, VirtualQuantity").within(VIRTUALIZATION),
    ask("virtualmachines", "Msvm_VirtualSystemSettingData", "InstanceID, BIOSGUID, BIOSSerialNumber, VirtualSystemIdentifier")
        .within(VIRTUALIZATION),
];

/// What is in the registry alone.
pub(super) const FIREWALLS: &str = "firewalls";

/// The sections that can be left out, each once.
pub(super) fn sections() -> Vec<&'static str> {
    let mut names: Vec<&'static str> = Vec::new();
    for name in ASKS.iter().map(|a| a.section).chain([FIREWALLS]) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_query_is_wql_and_is_asked_once() {
        let mut seen = std::collections::HashSet::new();
        for ask in ASKS {
            let names: Vec<&str> = ask.names().collect();
            let text = ask.wql(&names);
            rwmi_cim::wql::parse(&text).unwrap_or_else(|e| panic!("{text}: {}", e.status));
            assert!(seen.insert((ask.namespace, ask.class)), "{} is asked twice", ask.class);
            assert!(names.iter().all(|n| !n.is_empty() && !n.contains(' ')), "{text}");
        }
    }

    #[test]
    fn nobody_walks_a_domain_or_checks_every_package() {
        for ask in ASKS {
            assert_ne!(ask.class, "Win32_Product");
            if matches!(ask.class, "Win32_UserAccount" | "Win32_Group" | "Win32_Account") {
                assert!(ask.filter.starts_with("LocalAccount = TRUE"), "{}", ask.class);
            }
        }
        assert!(ASKS.iter().all(|a| a.class != "Win32_GroupUser"), "members are asked for group by group");
    }
}
