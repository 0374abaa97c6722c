@echo off
rem Installs the certificate of {{ name }} on this server. Run it as an administrator.
rem   install-NAME.cmd           takes NAME.pfx, which lies beside it, and asks for its password
rem   install-NAME.cmd ACCOUNT   lets this account read the key instead of the one that is set below
rem There is no secret in it. What is there already stays as it is, so that it may be run again.
rem It needs what Windows Server 2003 came with and no more: no PowerShell, no icacls. certutil's exit codes may be
rem negative, which "if errorlevel 1" takes for success: so they are compared with 0.
setlocal EnableExtensions DisableDelayedExpansion
rem The PFX has the name of this file, whatever that is: no name is written down here, in any code page.
set "SELF=%~f0"
set "NAME=%~n0"
set "PFX=%~dp0%NAME:~8%.pfx"
set "THUMBPRINT={{ sha1 }}"
set "ACCOUNT={{ account | cmd }}"
if not "%~1"=="" set "ACCOUNT=%~1"
set "CER=%TEMP%\ocscert-%RANDOM%.cer"
rem Programs are found here first, not in the folder that this file lies in.
cd /d "%SystemRoot%\system32"
call :key_folder
if not "%ERRORLEVEL%"=="0" goto failed

{% for c in stores %}
call :add {{ c.store }} {{ c.sha1 }} "{{ c.name }}"
if not "%ERRORLEVEL%"=="0" goto failed
{% endfor %}

call :find_key
if defined KEY echo Personal: there already
if defined KEY goto grant
if not exist "%PFX%" goto no_pfx
call :newest_key BEFORE
echo Personal: "%PFX%"
certutil -importpfx "%PFX%"
if not "%ERRORLEVEL%"=="0" goto failed
call :find_key
if defined KEY goto grant
rem Where certutil does not name the file of the key, it is the one that has just come to be.
call :newest_key AFTER
if not "%AFTER%"=="%BEFORE%" set "KEY=%AFTER%"
if not defined KEY goto no_key
:grant
call :let_read
if not "%ERRORLEVEL%"=="0" goto failed

echo.
echo Installed: {{ name }}, until {{ until }}
echo   thumbprint     %THUMBPRINT%
echo   serial number  {{ serial }}
echo.
echo What is left is for you to do:
{% if ocs %}
echo   1. Select this certificate (P11): Properties, Front End Properties, tab Security or
echo      Certificates, Select Certificate.
echo   2. In the maintenance window, restart the front-end service (P12):
echo      net stop RTCSRV, then net start RTCSRV
{% else %}
echo   1. Select this certificate (P11), in the management shell:
echo      Set-CsCertificate -Type Default -Thumbprint %THUMBPRINT%
echo   2. In the maintenance window, restart the front-end service (P12):
echo      Stop-CsWindowsService RTCSRV -Graceful, then Start-CsWindowsService RTCSRV
{% endif %}
echo   3. Delete "%PFX%": it holds the private key.
exit /b 0

:no_pfx
echo "%PFX%" is missing. It belongs beside this file; this file's name is install- and the name of the PFX.
exit /b 2

:no_key
echo The certificate is in the store, but the file of its key was not found. Let "%ACCOUNT%" read it by hand:
echo in Windows Server 2008 and later mmc, Certificates, Computer account, Personal, the certificate,
echo All Tasks, Manage Private Keys.
exit /b 1

:failed
echo Failed. Is this an administrator's window? What is done stays done; run it again.
exit /b 1

:add
rem store, thumbprint, name
certutil -store %1 %2 >nul 2>&1
if "%ERRORLEVEL%"=="0" echo %1: there already: %3
if "%ERRORLEVEL%"=="0" exit /b 0
rem It stands at the end of this file.
find "::%2" <"%SELF%" >"%CER%.txt"
>"%CER%" echo -----BEGIN CERTIFICATE-----
for /f "usebackq tokens=2" %%l in ("%CER%.txt") do >>"%CER%" echo %%l
>>"%CER%" echo -----END CERTIFICATE-----
echo %1: %3
certutil -addstore %1 "%CER%"
set "RESULT=%ERRORLEVEL%"
del "%CER%" "%CER%.txt"
exit /b %RESULT%

:find_key
rem The words before the file's name are in the language of Windows, so every word is tried: the one that is a file
rem among the keys is it.
set "KEY="
for /f "tokens=1-6 delims=: " %%a in ('certutil -v -store My %THUMBPRINT%') do (
if exist "%KEYS%\%%a" set "KEY=%%a"
{% for token in "bcdef" %}
if not "%%{{ token }}"=="" if exist "%KEYS%\%%{{ token }}" set "KEY=%%{{ token }}"
{% endfor %}
)
exit /b 0

{% include "key.cmd" %}

rem The CA certificates, each by its thumbprint.
{% for c in stores %}
{% for line in c.lines %}
::{{ c.sha1 }} {{ line }}
{% endfor %}
{% endfor %}
