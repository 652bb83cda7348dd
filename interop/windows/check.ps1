# Exercises an `rwmi serve` from Windows with the four ways that Windows programs connect.
#
# Never run yet: whoever has Windows, run it and send the output; docs/interop.md has a column for it.
#
#   .\check.ps1 -ComputerName 192.0.2.10 -Credential (Get-Credential)
#
# Needs Windows PowerShell 5.1: Get-WmiObject does not exist in later ones.

param(
    [Parameter(Mandatory = $true)] [string] $ComputerName,
    [Parameter(Mandatory = $true)] [System.Management.Automation.PSCredential] $Credential,
    [string] $Namespace = 'root\cimv2'
)

$classes = 'Win32_OperatingSystem', 'Win32_ComputerSystem', 'Win32_Processor', 'Win32_BIOS', 'Win32_Process', 'Win32_Service',
    'Win32_LogicalDisk', 'Win32_DiskDrive', 'Win32_NetworkAdapterConfiguration', 'Win32_UserAccount', 'Win32_TimeZone', 'Win32_Environment'
$failed = 0

function Step([string] $name, [scriptblock] $body) {
    try {
        $count = @(& $body).Count
        '{0,-60} ok, {1} rows' -f $name, $count
    } catch {
        $script:failed++
        '{0,-60} FAILED: {1} (0x{2:X8})' -f $name, $_.Exception.Message.Trim(), $_.Exception.HResult
    }
}

'rwmi from Windows: {0}, PowerShell {1}' -f [Environment]::OSVersion.VersionString, $PSVersionTable.PSVersion

foreach ($class in $classes) {
    Step "Get-WmiObject $class" { Get-WmiObject -Class $class -Namespace $Namespace -ComputerName $ComputerName -Credential $Credential }
}

$session = $null
Step 'New-CimSession -Protocol Dcom' {
    $script:session = New-CimSession -ComputerName $ComputerName -Credential $Credential -SessionOption (New-CimSessionOption -Protocol Dcom)
    $script:session
}
if ($session) {
    foreach ($class in $classes) {
        Step "Get-CimInstance $class" { Get-CimInstance -CimSession $session -Namespace $Namespace -ClassName $class }
    }
    Step 'Get-CimInstance -Query ... LIKE' { Get-CimInstance -CimSession $session -Query "SELECT Name FROM Win32_Service WHERE Name LIKE 's%'" }
    Step 'Get-CimClass Win32_Process' { Get-CimClass -CimSession $session -Namespace $Namespace -ClassName Win32_Process }
    Remove-CimSession $session
}

Step 'System.Management: ManagementObjectSearcher' {
    $options = New-Object System.Management.ConnectionOptions
    $options.Username = $Credential.UserName
    $options.SecurePassword = $Credential.Password
    $options.Authentication = 'PacketPrivacy'
    $scope = New-Object System.Management.ManagementScope "\\$ComputerName\$Namespace", $options
    $scope.Connect()
    $query = New-Object System.Management.ObjectQuery 'SELECT Caption, Version, LastBootUpTime FROM Win32_OperatingSystem'
    (New-Object System.Management.ManagementObjectSearcher $scope, $query).Get()
}

Step 'SWbemLocator.ConnectServer' {
    $locator = New-Object -ComObject WbemScripting.SWbemLocator
    $services = $locator.ConnectServer($ComputerName, $Namespace, $Credential.UserName, $Credential.GetNetworkCredential().Password)
    $services.Security_.ImpersonationLevel = 3
    $services.ExecQuery('SELECT * FROM Win32_LogicalDisk')
}

# A moniker takes no account: it works where the caller's own logon is one that the server knows.
Step 'moniker winmgmts:' {
    $moniker = "winmgmts:{impersonationLevel=impersonate,authenticationLevel=pktPrivacy}!\\$ComputerName\$Namespace"
    [System.Runtime.InteropServices.Marshal]::BindToMoniker($moniker).ExecQuery('SELECT * FROM Win32_TimeZone')
}

''
if ($failed) { "$failed steps failed"; exit 1 } else { 'every step succeeded'; exit 0 }
