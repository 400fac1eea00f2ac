@echo off
rem What a double click on the stick opens. Letters beyond ASCII are in the program, not here.
setlocal
chcp 65001 >nul
title Soro
set "SORO_STICK=%~dp0"
set "SORO_FOLDER=%LOCALAPPDATA%\Programs\soro-edge\"
set SORO_VERSION=
rem Where Soro is installed, that program looks at the stick before any program of the stick runs. Not by its
rem soro.cmd: what is running cannot be mended by an update.
if not exist "%SORO_FOLDER%current" goto stick
for /f "usebackq tokens=1,2" %%a in ("%SORO_FOLDER%current") do if "%%a"=="current" set SORO_VERSION=%%b
set "SORO_HERE=%SORO_FOLDER%versions\%SORO_VERSION%\soro\soro.exe"
if not exist "%SORO_HERE%" goto stick
"%SORO_HERE%" --version >nul 2>nul
if not "%errorlevel%"=="0" goto stick
"%SORO_HERE%" usb start "%SORO_STICK%."
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
set SORO_SAID=
for %%c in (2 3 4 5 6 7 8 9 10 130) do if "%SORO_CODE%"=="%%c" set SORO_SAID=yes
if not defined SORO_SAID type "%SORO_STICK%soro\failed.txt"
pause
exit /b %SORO_CODE%
:missing
echo soro\windows\soro\soro.exe ?
type "%SORO_STICK%soro\failed.txt"
pause
exit /b 1
