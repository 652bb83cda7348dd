//! The aliases: short names of classes, with the key by which one instance is named and what BRIEF shows of it.
//!
//! On Windows they are instances of MSFT_CliAlias, which newer versions of Windows have no longer.

/// A short name of a class.
#[derive(Debug, PartialEq)]
pub(super) struct Alias {
    /// In capitals.
    pub(super) name: &'static str,
    pub(super) class: &'static str,
    /// What one word behind the alias is compared with: `#` is the word.
    pub(super) pattern: &'static str,
    /// The properties of LIST BRIEF, with commas between them.
    pub(super) brief: &'static str,
    /// Where the class is, when not in root\cimv2.
    pub(super) namespace: Option<&'static str>,
}

impl Alias {
    /// The properties of LIST STATUS: what the class has of a state, beside its name.
    pub(super) fn status(&self) -> &'static str {
        match self.name {
            "CPU" | "DISKDRIVE" | "PRINTER" | "DESKTOPMONITOR" | "CDROM" | "NIC" | "SOUNDDEV" | "TAPEDRIVE" => {
                "Availability,DeviceID,Status,StatusInfo"
            }
            "LOGICALDISK" | "PARTITION" | "VOLUME" => "Availability,DeviceID,Status,StatusInfo",
            "SERVICE" | "SYSDRIVER" => "Name,Started,State,Status",
            "NICCONFIG" | "STARTUP" | "TIMEZONE" | "CSPRODUCT" | "PRODUCT" | "ENVIRONMENT" | "PAGEFILESET" | "WMISET" => self.brief,
            "QFE" => "Description,HotFixID,Status",
            "USERACCOUNT" => "Disabled,Lockout,Name,PasswordRequired,Status",
            "PROCESS" => "Handle,Name,Status",
            _ => "Name,Status",
        }
    }
}

/// The alias of a word, without regard to case.
pub(super) fn find(word: &str) -> Option<&'static Alias> {
    ALIASES.iter().find(|a| a.name.eq_ignore_ascii_case(word))
}

const fn at(name: &'static str, class: &'static str, pattern: &'static str, brief: &'static str) -> Alias {
    Alias { name, class, pattern, brief, namespace: None }
}

const fn remote(name: &'static str, class: &'static str, pattern: &'static str, brief: &'static str) -> Alias {
    Alias { name, class, pattern, brief, namespace: Some(r"root\cimv2\TerminalServices") }
}

const NAME: &str = "Name='#'";
const DEVICE: &str = "DeviceID='#'";

/// All of them, by name.
pub(super) static ALIASES: [Alias; 80] = [
    at("BASEBOARD", "Win32_BaseBoard", "Tag='#'", "Manufacturer,Model,Name,SerialNumber,SlotLayout"),
    at("BIOS", "Win32_BIOS", NAME, "Manufacturer,Name,SerialNumber,SMBIOSBIOSVersion,Version"),
    at("BOOTCONFIG", "Win32_BootConfiguration", NAME, "BootDirectory,Caption,TempDirectory,LastDrive"),
    at("CDROM", "Win32_CDROMDrive", "Drive='#'", "Caption,Drive,Manufacturer,VolumeName"),
    at("COMPUTERSYSTEM", "Win32_ComputerSystem", NAME, "Domain,Manufacturer,Model,Name,PrimaryOwnerName,TotalPhysicalMemory"),
    at("CPU", "Win32_Processor", DEVICE, "Caption,DeviceID,Manufacturer,MaxClockSpeed,Name,SocketDesignation"),
    at("CSPRODUCT", "Win32_ComputerSystemProduct", NAME, "Caption,IdentifyingNumber,Name,UUID,Vendor,Version"),
    at("DATAFILE", "CIM_DataFile", NAME, "Caption,Compressed,Encrypted,FileSize,Hidden,Name,Readable,System,Version,Writeable"),
    at("DCOMAPP", "Win32_DCOMApplication", NAME, "AppID,InstallDate,Name"),
    at("DESKTOP", "Win32_Desktop", NAME, "BorderWidth,CursorBlinkRate,Name,ScreenSaverActive,Wallpaper"),
    at("DESKTOPMONITOR", "Win32_DesktopMonitor", DEVICE, "DeviceID,DisplayType,MonitorManufacturer,Name,ScreenHeight,ScreenWidth"),
    at("DEVICEMEMORYADDRESS", "Win32_DeviceMemoryAddress", NAME, "EndingAddress,MemoryType,Name,StartingAddress,Status"),
    at("DISKDRIVE", "Win32_DiskDrive", "Index=#", "Caption,DeviceID,Model,Partitions,Size"),
    at("DISKQUOTA", "Win32_DiskQuota", "QuotaVolume='#'", "DiskSpaceUsed,Limit,QuotaVolume,User,WarningLimit"),
    at("DMACHANNEL", "Win32_DMAChannel", "DMAChannel=#", "Availability,DMAChannel,MaxTransferSize,Name,Status"),
    at("ENVIRONMENT", "Win32_Environment", NAME, "Name,UserName,VariableValue"),
    at("FSDIR", "Win32_Directory", NAME, "Caption,Compressed,Encrypted,FileType,Hidden,Name,Readable,System,Writeable"),
    at("GROUP", "Win32_Group", NAME, "Caption,Domain,Name,SID"),
    at("IDECONTROLLER", "Win32_IDEController", DEVICE, "DeviceID,Manufacturer,Name,ProtocolSupported,Status"),
    at("IRQ", "Win32_IRQResource", "IRQNumber=#", "Availability,Hardware,IRQNumber,Name,Status,TriggerLevel,TriggerType"),
    at("JOB", "Win32_ScheduledJob", "JobId=#", "Command,DaysOfMonth,DaysOfWeek,InteractWithDesktop,JobId,RunRepeatedly,StartTime"),
    at("LOADORDER", "Win32_LoadOrderGroup", NAME, "DriverEnabled,GroupOrder,Name,Status"),
    at("LOGICALDISK", "Win32_LogicalDisk", DEVICE, "DeviceID,DriveType,FreeSpace,ProviderName,Size,VolumeName"),
    at("LOGON", "Win32_LogonSession", "LogonId='#'", "AuthenticationPackage,LogonId,LogonType,Name,StartTime,Status"),
    at(
        "MEMCACHE",
        "Win32_CacheMemory",
        DEVICE,
        "BlockSize,CacheSpeed,CacheType,DeviceID,InstalledSize,Level,MaxCacheSize,NumberOfBlocks,Status",
    ),
    at("MEMORYCHIP", "Win32_PhysicalMemory", "Tag='#'", "Capacity,DeviceLocator,MemoryType,Name,Tag,TotalWidth"),
    at("MEMPHYSICAL", "Win32_PhysicalMemoryArray", "Tag='#'", "MaxCapacity,MemoryDevices,MemoryErrorCorrection,Name,Tag"),
    at("NETCLIENT", "Win32_NetworkClient", NAME, "Caption,Manufacturer,Name,Status"),
    at("NETLOGIN", "Win32_NetworkLoginProfile", NAME, "BadPasswordCount,FullName,LastLogon,Name,NumberOfLogons,Privileges"),
    at(
        "NETPROTOCOL",
        "Win32_NetworkProtocol",
        NAME,
        "Caption,GuaranteesDelivery,GuaranteesSequencing,MaximumAddressSize,MaximumMessageSize,Name,SupportsConnectData",
    ),
    at("NETUSE", "Win32_NetworkConnection", "LocalName='#'", "LocalName,RemoteName,ConnectionState,Status"),
    at("NIC", "Win32_NetworkAdapter", DEVICE, "AdapterType,DeviceID,MACAddress,Name,NetConnectionStatus,ServiceName,Speed"),
    at("NICCONFIG", "Win32_NetworkAdapterConfiguration", "Index=#", "DHCPEnabled,Description,DNSDomain,Index,IPAddress,ServiceName"),
    at("NTDOMAIN", "Win32_NTDomain", NAME, "ClientSiteName,DcSiteName,Description,DnsForestName,DomainControllerName,DomainName,Status"),
    at("NTEVENT", "Win32_NTLogEvent", "Logfile='#'", "Category,EventCode,Logfile,Message,RecordNumber,SourceName,TimeGenerated,Type"),
    at("NTEVENTLOG", "Win32_NTEventlogFile", "LogfileName='#'", "FileSize,LogfileName,Name,NumberOfRecords"),
    at("ONBOARDDEVICE", "Win32_OnBoardDevice", "Tag='#'", "Description,DeviceType,Enabled,Tag"),
    at("OS", "Win32_OperatingSystem", NAME, "BuildNumber,Organization,RegisteredUser,SerialNumber,SystemDirectory,Version"),
    at("PAGEFILE", "Win32_PageFileUsage", NAME, "AllocatedBaseSize,CurrentUsage,Name,PeakUsage,TempPageFile"),
    at("PAGEFILESET", "Win32_PageFileSetting", NAME, "InitialSize,MaximumSize,Name"),
    at("PARTITION", "Win32_DiskPartition", DEVICE, "BootPartition,DeviceID,Index,Name,PrimaryPartition,Size,Type"),
    at("PORT", "Win32_PortResource", NAME, "Alias,Caption,EndingAddress,Name,StartingAddress,Status"),
    at(
        "PORTCONNECTOR",
        "Win32_PortConnector",
        "Tag='#'",
        "ConnectorType,ExternalReferenceDesignator,InternalReferenceDesignator,PortType,Tag",
    ),
    at("PRINTER", "Win32_Printer", DEVICE, "DeviceID,DriverName,Name,PortName,PrinterStatus,ServerName"),
    at("PRINTERCONFIG", "Win32_PrinterConfiguration", NAME, "Copies,DriverVersion,Name,Orientation,PaperSize"),
    at("PRINTJOB", "Win32_PrintJob", "JobId=#", "Document,DriverName,JobId,JobStatus,Name,Owner,PagesPrinted,TotalPages"),
    at("PROCESS", "Win32_Process", "ProcessId=#", "HandleCount,Name,Priority,ProcessId,ThreadCount,WorkingSetSize"),
    at("PRODUCT", "Win32_Product", NAME, "Caption,IdentifyingNumber,Name,Vendor,Version"),
    at("QFE", "Win32_QuickFixEngineering", "HotFixID='#'", "Description,FixComments,HotFixID,InstalledBy,InstalledOn,ServicePackInEffect"),
    at("QUOTASETTING", "Win32_QuotaSetting", "VolumePath='#'", "Caption,DefaultLimit,DefaultWarningLimit,SettingID,State,VolumePath"),
    remote("RDACCOUNT", "Win32_TSAccount", "AccountName='#'", "AccountName,PermissionsAllowed,PermissionsDenied,SID,TerminalName"),
    remote("RDNIC", "Win32_TSNetworkAdapterSetting", "TerminalName='#'", "MaximumConnections,NetworkAdapterName,TerminalName"),
    remote(
        "RDPERMISSIONS",
        "Win32_TSPermissionsSetting",
        "TerminalName='#'",
        "DenyAdminPermissionForCustomization,StringSecurityDescriptor,TerminalName",
    ),
    remote("RDTOGGLE", "Win32_TerminalServiceSetting", "ServerName='#'", "AllowTSConnections,ServerName"),
    at(
        "RECOVEROS",
        "Win32_OSRecoveryConfiguration",
        NAME,
        "AutoReboot,DebugFilePath,Description,KernelDumpOnly,Name,OverwriteExistingDebugFile,WriteDebugInfo",
    ),
    at("REGISTRY", "Win32_Registry", NAME, "CurrentSize,MaximumSize,Name,Status"),
    at("SCSICONTROLLER", "Win32_SCSIController", DEVICE, "DeviceID,Manufacturer,Name,ProtocolSupported,Status"),
    at(
        "SERVER",
        "Win32_PerfFormattedData_PerfNet_Server",
        NAME,
        "BytesReceivedPersec,BytesTotalPersec,BytesTransmittedPersec,ErrorsLogon,Name,ServerSessions",
    ),
    at("SERVICE", "Win32_Service", NAME, "ExitCode,Name,ProcessId,StartMode,State,Status"),
    at("SHADOWCOPY", "Win32_ShadowCopy", "ID='#'", "Caption,ID,InstallDate,OriginatingMachine,VolumeName"),
    at("SHADOWSTORAGE", "Win32_ShadowStorage", "Volume='#'", "AllocatedSpace,DiffVolume,MaxSpace,UsedSpace,Volume"),
    at("SHARE", "Win32_Share", NAME, "Name,Path,Status"),
    at("SOFTWAREELEMENT", "Win32_SoftwareElement", NAME, "Manufacturer,Name,Path,SerialNumber,Version"),
    at("SOFTWAREFEATURE", "Win32_SoftwareFeature", NAME, "Caption,IdentifyingNumber,ProductName,Vendor,Version"),
    at("SOUNDDEV", "Win32_SoundDevice", DEVICE, "DeviceID,Manufacturer,Name,ProductName,Status"),
    at("STARTUP", "Win32_StartupCommand", "Caption='#'", "Caption,Command,User"),
    at("SYSACCOUNT", "Win32_SystemAccount", NAME, "Caption,Domain,Name,SID,Status"),
    at("SYSDRIVER", "Win32_SystemDriver", NAME, "DisplayName,Name,ServiceType,StartMode,State,Status"),
    at("SYSTEMENCLOSURE", "Win32_SystemEnclosure", "Tag='#'", "ChassisTypes,Manufacturer,Name,SerialNumber,SMBIOSAssetTag,Tag"),
    at("SYSTEMSLOT", "Win32_SystemSlot", "Tag='#'", "CurrentUsage,Number,SlotDesignation,Status,Tag"),
    at("TAPEDRIVE", "Win32_TapeDrive", DEVICE, "DeviceID,Manufacturer,Name,Status"),
    at("TEMPERATURE", "Win32_TemperatureProbe", DEVICE, "CurrentReading,Description,DeviceID,Status"),
    at("TIMEZONE", "Win32_TimeZone", "StandardName='#'", "Bias,Caption,SettingID"),
    at("UPS", "Win32_UninterruptiblePowerSupply", DEVICE, "BatteryInstalled,CanTurnOffRemotely,DeviceID,Status,UPSPort"),
    at("USERACCOUNT", "Win32_UserAccount", NAME, "AccountType,Caption,Domain,FullName,Name,SID"),
    at("VOLTAGE", "Win32_VoltageProbe", DEVICE, "CurrentReading,Description,DeviceID,Status"),
    at("VOLUME", "Win32_Volume", "DriveLetter='#'", "Capacity,DriveLetter,DriveType,FileSystem,FreeSpace,Label,Name"),
    at("VOLUMEQUOTASETTING", "Win32_VolumeQuotaSetting", "", "Element,Setting"),
    at("VOLUMEUSERQUOTA", "Win32_VolumeUserQuota", "", "Account,DiskSpaceUsed,Limit,Status,Volume,WarningLimit"),
    at("WMISET", "Win32_WMISetting", "", "BuildVersion,Caption,DatabaseDirectory,LoggingDirectory,LoggingLevel"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_is_found_without_case_and_each_has_one_name() {
        assert_eq!(find("os").map(|a| a.class), Some("Win32_OperatingSystem"));
        assert_eq!(find("LogicalDisk").map(|a| a.class), Some("Win32_LogicalDisk"));
        assert!(find("Win32_Process").is_none() && find("").is_none());
        assert!(ALIASES.windows(2).all(|w| w[0].name < w[1].name));
    }

    #[test]
    fn every_select_list_of_an_alias_is_wql() {
        for alias in &ALIASES {
            for columns in [alias.brief, alias.status()] {
                let words = if alias.pattern.is_empty() { String::new() } else { format!(" WHERE {}", alias.pattern.replace('#', "1")) };
                let text = format!("SELECT {columns} FROM {}{words}", alias.class);
                assert!(rwmi_cim::wql::parse(&text).is_ok(), "{text}");
            }
        }
    }
}
