@echo off
rem {{ s.fqdn }}: restarts the front-end service (P4, P12). Users of this server lose their session meanwhile.
rem One front end at a time, in the maintenance window.
sc query RTCSRV | findstr STATE || (echo This server has no front-end service.& exit /b 1)
rem net stop waits until the service has stopped.
net stop RTCSRV || exit /b 1
net start RTCSRV || exit /b 1
netstat -ano | findstr ":{{ port }} " | findstr LISTENING || (echo Nothing listens on {{ port }} yet: look again in a minute.& exit /b 1)
