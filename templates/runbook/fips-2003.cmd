@echo off
rem {{ s.fqdn }}, Windows Server 2003: FIPS-compliant algorithms (P5). Run it as an administrator, on that server.
rem   fips-2003.cmd on      switches the policy on and keeps the value it had
rem   fips-2003.cmd undo    puts that value back
rem A domain policy overrides this value at the next refresh: set it there then. Restart the server afterwards.
setlocal
set KEY=HKLM\SYSTEM\CurrentControlSet\Control\Lsa
set WAS=%~dp0fips-before-%COMPUTERNAME%.txt
if /i "%1"=="on" goto on
if /i "%1"=="undo" goto undo
echo usage: %~nx0 on ^| undo& exit /b 2
:on
if exist "%WAS%" echo %WAS% exists already: the policy was switched on before.& exit /b 1
set OLD=none
for /f "tokens=3" %%v in ('reg query "%KEY%" /v FIPSAlgorithmPolicy 2^>nul ^| findstr /i REG_DWORD') do set OLD=%%v
> "%WAS%" echo %OLD%
if not exist "%WAS%" echo The old value could not be kept: nothing was changed.& exit /b 1
reg add "%KEY%" /v FIPSAlgorithmPolicy /t REG_DWORD /d 1 /f || exit /b 1
echo On. Restart the server.
exit /b 0
:undo
if not exist "%WAS%" echo %WAS% is missing: the old value is not known.& exit /b 1
set /p OLD=<"%WAS%"
if "%OLD%"=="none" (reg delete "%KEY%" /v FIPSAlgorithmPolicy /f) else (reg add "%KEY%" /v FIPSAlgorithmPolicy /t REG_DWORD /d %OLD% /f)
if errorlevel 1 exit /b 1
del "%WAS%"
echo As before. Restart the server.
