@echo off
rem {{ s.fqdn }}: what is set before anything is changed. Changes nothing. Run it as an administrator, on that server.
setlocal EnableExtensions DisableDelayedExpansion
set "OUT=%~dp0before-%COMPUTERNAME%.txt"
rem Programs are found here first, not in the folder that this file lies in.
cd /d "%SystemRoot%\system32"
if exist "%OUT%" echo "%OUT%" exists already: move it away first.
if exist "%OUT%" exit /b 1
echo {{ s.fqdn }} %DATE% %TIME% > "%OUT%"
echo == FIPS policy >> "%OUT%"
reg query HKLM\SYSTEM\CurrentControlSet\Control\Lsa /v FIPSAlgorithmPolicy >> "%OUT%" 2>&1
reg query HKLM\SYSTEM\CurrentControlSet\Control\Lsa\FIPSAlgorithmPolicy >> "%OUT%" 2>&1
echo == Listening ports >> "%OUT%"
netstat -ano | find ":506" >> "%OUT%"
echo == Front-end service >> "%OUT%"
sc query RTCSRV >> "%OUT%"
echo == Personal store >> "%OUT%"
certutil -store My >> "%OUT%"
echo == Trusted Root Certification Authorities >> "%OUT%"
certutil -store Root >> "%OUT%"
echo == Intermediate Certification Authorities >> "%OUT%"
certutil -store CA >> "%OUT%"
echo Written: "%OUT%"
exit /b 0
