@echo off
rem {{ s.fqdn }}: restarts the front-end service (P4, P12). Users of this server lose their session meanwhile.
rem One front end at a time, in the maintenance window. Run it as an administrator.
setlocal EnableExtensions DisableDelayedExpansion
rem Programs are found here first, not in the folder that this file lies in.
cd /d "%SystemRoot%\system32"
sc query RTCSRV
if not "%ERRORLEVEL%"=="0" goto no_service
rem net stop waits until the service has stopped.
net stop RTCSRV
if not "%ERRORLEVEL%"=="0" goto failed
net start RTCSRV
if not "%ERRORLEVEL%"=="0" goto failed
netstat -ano | find ":{{ port }} " | find "LISTENING"
if not "%ERRORLEVEL%"=="0" goto silent
exit /b 0

:no_service
echo This server has no front-end service.
exit /b 1
:failed
echo Failed. Is this an administrator's window? See the System log and the Office Communications Server log.
exit /b 1
:silent
echo The service runs, and nothing listens on {{ port }} yet: look again in a minute.
exit /b 1
