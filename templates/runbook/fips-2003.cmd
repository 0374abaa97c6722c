@echo off
rem {{ s.fqdn }}, Windows Server 2003: FIPS-compliant algorithms (P5). Run it as an administrator, on that server.
rem   NAME.cmd on      switches the policy on and keeps the value it had
rem   NAME.cmd undo    puts that value back
rem A domain policy overrides this value at the next refresh: set it there then. Restart the server afterwards.
setlocal EnableExtensions DisableDelayedExpansion
set "KEY=HKLM\SYSTEM\CurrentControlSet\Control\Lsa"
set "WAS=%~dp0fips-before-%COMPUTERNAME%.txt"
set "DO=%~1"
rem Programs are found here first, not in the folder that this file lies in.
cd /d "%SystemRoot%\system32"
if /i "%DO%"=="on" goto on
if /i "%DO%"=="undo" goto undo
echo usage: "%~nx0" on ^| undo
exit /b 2

:on
if exist "%WAS%" goto was_on
set "OLD=none"
for /f "tokens=1-3" %%a in ('reg query "%KEY%" /v FIPSAlgorithmPolicy 2^>nul') do if "%%b"=="REG_DWORD" set "OLD=%%c"
>"%WAS%" echo %OLD%
if not exist "%WAS%" goto not_kept
reg add "%KEY%" /v FIPSAlgorithmPolicy /t REG_DWORD /d 1 /f
if not "%ERRORLEVEL%"=="0" goto not_set
echo On. Restart the server.
exit /b 0

:undo
if not exist "%WAS%" goto not_known
set /p OLD=<"%WAS%"
if "%OLD%"=="none" reg delete "%KEY%" /v FIPSAlgorithmPolicy /f
if not "%OLD%"=="none" reg add "%KEY%" /v FIPSAlgorithmPolicy /t REG_DWORD /d %OLD% /f
if not "%ERRORLEVEL%"=="0" goto not_set
del "%WAS%"
echo As before. Restart the server.
exit /b 0

:was_on
echo "%WAS%" exists already: the policy was switched on before.
exit /b 1
:not_kept
echo The old value could not be kept: nothing was changed.
exit /b 1
:not_set
echo Failed. Is this an administrator's window? What it was is kept in "%WAS%".
exit /b 1
:not_known
echo "%WAS%" is missing: the old value is not known.
exit /b 1
