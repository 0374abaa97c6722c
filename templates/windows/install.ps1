# Installs the certificate of {{ name }} on this server. Run it in Windows PowerShell, as an administrator.
#   .\install-NAME.ps1                    takes NAME.pfx, which lies beside it, and asks for its password
#   .\install-NAME.ps1 -Account ACCOUNT   lets this account read the key instead of the one that is set below
# There is no secret in it. What is there already stays as it is, so that it may be run again.
# For Windows Server 2008 R2 and later; install-NAME.cmd does the same on older ones too.
param([string]$Account = '{{ account | ps }}')

$ErrorActionPreference = 'Stop'
if ($PSVersionTable.PSVersion.Major -gt 5) { throw 'Run this in Windows PowerShell (powershell.exe).' }

# The PFX has the name of this file, whatever that is.
$self = $MyInvocation.MyCommand.Path
$name = [IO.Path]::GetFileNameWithoutExtension($self).Substring(8)
$pfx = [IO.Path]::Combine([IO.Path]::GetDirectoryName($self), $name + '.pfx')
$thumbprint = '{{ sha1 | upper }}'
$authorities = @(
{% for c in stores %}
    @{ Store = '{{ c.store }}'; Name = '{{ c.name }}'; Thumbprint = '{{ c.sha1 | upper }}'; Data = '{{ c.lines | join }}' }
{% endfor %}
)

function Open-MachineStore([string]$Name) {
    $store = New-Object Security.Cryptography.X509Certificates.X509Store($Name, 'LocalMachine')
    $store.Open('ReadWrite')
    $store
}

function Find-Certificate($Store, [string]$Thumbprint) {
    $Store.Certificates | Where-Object { $_.Thumbprint -eq $Thumbprint } | Select-Object -First 1
}

foreach ($authority in $authorities) {
    $store = Open-MachineStore $authority.Store
    try {
        if (Find-Certificate $store $authority.Thumbprint) {
            Write-Output ('{0}: there already: {1}' -f $authority.Store, $authority.Name)
        } else {
            $bytes = [Convert]::FromBase64String($authority.Data)
            $certificate = New-Object Security.Cryptography.X509Certificates.X509Certificate2(, $bytes)
            if ($certificate.Thumbprint -ne $authority.Thumbprint) { throw 'This script is damaged.' }
            $store.Add($certificate)
            Write-Output ('{0}: {1}' -f $authority.Store, $authority.Name)
        }
    } finally {
        $store.Close()
    }
}

$personal = Open-MachineStore 'My'
try {
    $own = Find-Certificate $personal $thumbprint
    if ($own -and $own.HasPrivateKey) {
        Write-Output 'Personal: there already'
    } else {
        if (-not [IO.File]::Exists($pfx)) {
            throw ('{0} is missing. It belongs beside this file.' -f $pfx)
        }
        Write-Output ('Personal: {0}' -f $pfx)
        $password = Read-Host -AsSecureString ('Password of {0}.pfx' -f $name)
        $own = New-Object Security.Cryptography.X509Certificates.X509Certificate2($pfx, $password, 'MachineKeySet,PersistKeySet')
        if ($own.Thumbprint -ne $thumbprint) {
            throw ('{0} holds another certificate: {1}' -f $pfx, $own.Thumbprint)
        }
        $personal.Add($own)
    }
} finally {
    $personal.Close()
}

# The key is a CryptoAPI key, in a file of its own.
$keys = [IO.Path]::Combine([Environment]::GetFolderPath('CommonApplicationData'), 'Microsoft\Crypto\RSA\MachineKeys')
$file = New-Object IO.FileInfo([IO.Path]::Combine($keys, $own.PrivateKey.CspKeyContainerInfo.UniqueKeyContainerName))
if ($Account -eq 'NETWORK SERVICE') {
    # By its number: it has other names in other languages.
    $reader = New-Object Security.Principal.SecurityIdentifier('S-1-5-20')
} else {
    $reader = New-Object Security.Principal.NTAccount($Account)
}
$rights = $file.GetAccessControl('Access')
$rights.AddAccessRule((New-Object Security.AccessControl.FileSystemAccessRule($reader, 'Read', 'Allow')))
$file.SetAccessControl($rights)
Write-Output ('Key: {0}, to be read by {1}' -f $file.FullName, $Account)

Write-Output ''
Write-Output 'Installed: {{ name }}, until {{ until }}'
Write-Output ('  thumbprint     {0}' -f $thumbprint)
Write-Output '  serial number  {{ serial }}'
Write-Output ''
Write-Output 'What is left is for you to do:'
{% if ocs %}
Write-Output '  1. Select this certificate (P11): Properties, Front End Properties, tab Security or'
Write-Output '     Certificates, Select Certificate.'
Write-Output '  2. In the maintenance window, restart the front-end service (P12):'
Write-Output '     net stop RTCSRV, then net start RTCSRV'
{% else %}
Write-Output '  1. Select this certificate (P11), in the management shell:'
Write-Output ('     Set-CsCertificate -Type Default -Thumbprint {0}' -f $thumbprint)
Write-Output '  2. In the maintenance window, restart the front-end service (P12):'
Write-Output '     Stop-CsWindowsService RTCSRV -Graceful, then Start-CsWindowsService RTCSRV'
{% endif %}
Write-Output ('  3. Delete {0}: it holds the private key.' -f $pfx)
