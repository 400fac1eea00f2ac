@echo off
rem What a double click on the stick opens. Letters beyond ASCII are in the program, not here.
setlocal
chcp 65001 >nul
title Soro
set "SORO_STICK=%~dp0"
set "SORO_HERE=%LOCALAPPDATA%\Programs\soro-edge\soro.cmd"
rem Where Soro is installed, that program looks at the stick before any program of the stick runs.
if not exist "%SORO_HERE%" goto stick
call "%SORO_HERE%" --version >nul 2>nul
if not "%errorlevel%"=="0" goto stick
call "%SORO_HERE%" usb start "%SORO_STICK%."
if not "%errorlevel%"=="11" goto ended
rem A person agreed to the removal; what runs cannot delete itself, so the stick's program does it.
"%SORO_STICK%soro\windows\soro\soro.exe" usb remove --yes
if not errorlevel 1 pause
goto ended
:stick
if not exist "%SORO_STICK%soro\windows\soro\soro.exe" goto missing
"%SORO_STICK%soro\windows\soro\soro.exe" usb start "%SORO_STICK%."
:ended
set SORO_CODE=%errorlevel%
if "%SORO_CODE%"=="0" exit /b 0
rem 2 to 10 and 130: it started, and said what was wrong.
if %SORO_CODE% GEQ 2 if %SORO_CODE% LEQ 10 goto end
if "%SORO_CODE%"=="130" goto end
type "%SORO_STICK%soro\failed.txt"
:end
pause
exit /b %SORO_CODE%
:missing
echo soro\windows\soro\soro.exe ?
type "%SORO_STICK%soro\failed.txt"
pause
exit /b 1
