@echo off
rem The request of {{ name }}, with a key that is born on this server. Run it as an administrator, in this order:
rem   request-NAME.cmd new              makes the key, and the request NAME.csr, as NAME.inf says
rem   request-NAME.cmd submit CA        sends it to the CA, named HOST\CA NAME; what is issued becomes NAME.cer
rem   request-NAME.cmd retrieve ID CA   fetches it, where an administrator of the CA had to issue it first
rem   request-NAME.cmd accept           joins certificate and key
rem Instead of submit: hand NAME.csr in at any CA, and put what it returns beside this file as NAME.cer.
rem Before accept the CA's root must be in Trusted Root Certification Authorities of the computer account.
rem It needs what Windows Server 2003 came with and no more.
setlocal EnableExtensions DisableDelayedExpansion
set "NAME=%~n0"
set "BASE=%~dp0%NAME:~8%"
set "ACCOUNT={{ account | cmd }}"
set "FIRST=%~2"
set "SECOND=%~3"
rem Programs are found here first, not in the folder that this file lies in.
cd /d "%SystemRoot%\system32"
if /i "%~1"=="new" goto new
if /i "%~1"=="submit" goto submit
if /i "%~1"=="retrieve" goto retrieve
if /i "%~1"=="accept" goto accept
echo usage: "%~nx0" new ^| submit CA ^| retrieve ID CA ^| accept
exit /b 2

:new
if not exist "%BASE%.inf" goto no_inf
rem A second request would have a second key, and the answer to the first would be of no use.
if exist "%BASE%.csr" goto has_request
call :key_folder
if not "%ERRORLEVEL%"=="0" goto failed
call :newest_key BEFORE
certreq -new "%BASE%.inf" "%BASE%.csr"
if not "%ERRORLEVEL%"=="0" goto failed
rem The key is the one that has just come to be.
set "KEY="
call :newest_key AFTER
if not "%AFTER%"=="%BEFORE%" set "KEY=%AFTER%"
if not defined KEY goto no_key
call :let_read
if not "%ERRORLEVEL%"=="0" goto failed
echo Next: submit, or hand in "%BASE%.csr". Check it first: ocscert csr --check
exit /b 0

:submit
if "%FIRST%"=="" goto no_ca
certreq -submit -config "%FIRST%" "%BASE%.csr" "%BASE%.cer"
if not "%ERRORLEVEL%"=="0" goto failed
if exist "%BASE%.cer" goto has_certificate
echo Pending: have the CA's administrator issue it, then retrieve with the request's number.
exit /b 3

:retrieve
if "%SECOND%"=="" goto no_ca
certreq -retrieve -config "%SECOND%" "%FIRST%" "%BASE%.cer"
if not "%ERRORLEVEL%"=="0" goto failed
if not exist "%BASE%.cer" exit /b 3
:has_certificate
echo Next: accept
exit /b 0

:accept
if not exist "%BASE%.cer" goto no_certificate
certreq -accept "%BASE%.cer"
if not "%ERRORLEVEL%"=="0" goto failed
echo Accepted. Select the certificate (P11), then restart the front-end service in the window (P12).
exit /b 0

:no_inf
echo "%BASE%.inf" is missing. It belongs beside this file; this file's name is request- and its name.
exit /b 2
:has_request
echo "%BASE%.csr" exists already: its key is in this machine. Move it away only to begin anew.
exit /b 2
:no_ca
echo Name the CA as HOST\CA NAME, in quotes where it has a space: certutil lists those that it knows.
exit /b 2
:no_certificate
echo "%BASE%.cer" is missing: put there what the CA returned.
exit /b 2
:no_key
echo The request is made, but the file of its key was not found. Let "%ACCOUNT%" read it by hand:
echo in Windows Server 2008 and later mmc, Certificates, Computer account, Personal, the certificate,
echo All Tasks, Manage Private Keys.
exit /b 1
:failed
echo Failed. Is this an administrator's window? What is done stays done.
exit /b 1

{% include "key.cmd" %}
