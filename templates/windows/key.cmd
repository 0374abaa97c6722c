:key_folder
rem The registry knows where Windows keeps machine keys, in every language and version.
set "KEYS="
for /f "tokens=3*" %%a in ('reg query "HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Explorer\Shell Folders" /v "Common AppData"') do if "%%a"=="REG_SZ" set "KEYS=%%b\Microsoft\Crypto\RSA\MachineKeys"
if exist "%KEYS%\" exit /b 0
echo The folder of the machine keys was not found: "%KEYS%"
exit /b 1

:newest_key
set "%1="
for /f "delims=" %%n in ('dir /b /a-d /o:d /t:c "%KEYS%" 2^>nul') do set "%1=%%n"
exit /b 0

:let_read
rem icacls came with Server 2003 SP2; cacls was there before. The account of Lync has another name in other
rem languages, which icacls takes by its number. Rights that are there already are no fault.
echo Key: "%KEYS%\%KEY%", to be read by "%ACCOUNT%"
if not exist icacls.exe goto let_read_2003
set "WHO=%ACCOUNT%"
if /i "%ACCOUNT%"=="NETWORK SERVICE" set "WHO=*S-1-5-20"
icacls "%KEYS%\%KEY%" /grant "%WHO%:R"
exit /b %ERRORLEVEL%
:let_read_2003
cacls "%KEYS%\%KEY%" /E /G "%ACCOUNT%:R"
exit /b %ERRORLEVEL%
