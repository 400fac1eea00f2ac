@echo off
rem What the start menu opens: the tutor in Windows Terminal, or in a console with the title whose font the installer set.
if "%~1"=="run" goto run
where wt.exe >nul 2>nul
if not errorlevel 1 (
    start "" wt.exe --title Soro cmd /c call "%~f0" run
    exit /b
)
start "Soro" cmd /c call "%~f0" run
exit /b
:run
chcp 65001 >nul
"%~dp0soro.exe"
if errorlevel 1 pause
