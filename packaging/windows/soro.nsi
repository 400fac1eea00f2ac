; The installer for one person, without administrator. makensis is given VERSION, BUNDLE (the folder with the
; program) and OUTPUT (what to write): packaging/windows_bundle.py.
Unicode true
; 64 bits as the program itself, so that Wine without its 32-bit half can try it.
Target amd64-unicode
ManifestDPIAware true
!include "MUI2.nsh"
!include "LogicLib.nsh"
; makensis works in the folder of this file.
!cd "../.."

!define KEY "Software\Microsoft\Windows\CurrentVersion\Uninstall\Soro"
; The console of that title, where Windows Terminal is missing. Consolas has all twelve Tajik letters.
!define CONSOLE "Console\Soro"
!define OPEN "Soro кушода аст. Онро пӯшед ва аз нав оғоз кунед.$\nSoro открыт. Закройте его и начните снова.$\nSoro is open. Close it and start again."

Name "Soro ${VERSION}"
OutFile "${OUTPUT}"
RequestExecutionLevel user
InstallDir "$LOCALAPPDATA\Programs\Soro"
InstallDirRegKey HKCU "${KEY}" "InstallLocation"
SetCompressor /SOLID lzma
VIProductVersion "${VERSION}.0"
VIAddVersionKey "ProductName" "Soro Edge"
VIAddVersionKey "FileDescription" "Soro, an offline tutor in Tajik"
VIAddVersionKey "FileVersion" "${VERSION}"
VIAddVersionKey "LegalCopyright" "Apache-2.0"

!define MUI_ICON "packaging/windows/soro.ico"
!define MUI_UNICON "packaging/windows/soro.ico"
!define MUI_FINISHPAGE_RUN "$INSTDIR\soro-start.cmd"
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE "Russian"
!insertmacro MUI_LANGUAGE "English"

Var changed

; Windows opens no running program for writing.
!macro StopIfOpen
    ClearErrors
    ${If} ${FileExists} "$INSTDIR\soro.exe"
        FileOpen $0 "$INSTDIR\soro.exe" a
        FileClose $0
    ${EndIf}
    !insertmacro StopAtErrors
!macroend

!macro StopAtErrors
    ${If} ${Errors}
        MessageBox MB_OK|MB_ICONSTOP "${OPEN}" /SD IDOK
        Abort
    ${EndIf}
!macroend

; soro.exe.old says that the new program is not whole: then the old one comes back, otherwise its rest goes.
!macro Settle
    ${If} ${FileExists} "$INSTDIR\soro.exe.old"
        ${If} ${FileExists} "$INSTDIR\_internal.old\*.*"
            RMDir /r "$INSTDIR\_internal"
            Rename "$INSTDIR\_internal.old" "$INSTDIR\_internal"
        ${EndIf}
        Delete "$INSTDIR\soro.exe"
        Rename "$INSTDIR\soro.exe.old" "$INSTDIR\soro.exe"
    ${EndIf}
    RMDir /r "$INSTDIR\_internal.old"
!macroend

Section "Soro"
    ; An update: the old program is kept until the new one is whole; what a pupil keeps beside it stays.
    !insertmacro StopIfOpen
    !insertmacro Settle
    StrCpy $changed yes
    ClearErrors
    ${If} ${FileExists} "$INSTDIR\soro.exe"
        Rename "$INSTDIR\soro.exe" "$INSTDIR\soro.exe.old"
    ${EndIf}
    ; As a whole or not at all, unlike RMDir.
    ${If} ${FileExists} "$INSTDIR\_internal\*.*"
        Rename "$INSTDIR\_internal" "$INSTDIR\_internal.old"
    ${EndIf}
    !insertmacro StopAtErrors
    SetOutPath "$INSTDIR"
    ClearErrors
    File /r "${BUNDLE}/*.*"
    ${If} ${Errors}
        Abort
    ${EndIf}
    Delete "$INSTDIR\soro.exe.old"
    !insertmacro Settle
    WriteUninstaller "$INSTDIR\uninstall.exe"
    CreateShortcut "$SMPROGRAMS\Soro.lnk" "$INSTDIR\soro-start.cmd" "" "$INSTDIR\soro.exe" 0 SW_SHOWMINIMIZED "" "Soro"
    WriteRegStr HKCU "${CONSOLE}" "FaceName" "Consolas"
    WriteRegDWORD HKCU "${CONSOLE}" "FontFamily" 0x36
    WriteRegDWORD HKCU "${CONSOLE}" "FontWeight" 400
    WriteRegDWORD HKCU "${CONSOLE}" "FontSize" 0x00120000
    WriteRegDWORD HKCU "${CONSOLE}" "CodePage" 65001
    WriteRegDWORD HKCU "${CONSOLE}" "WindowSize" 0x001e0064
    WriteRegDWORD HKCU "${CONSOLE}" "ScreenBufferSize" 0x001e0064
    WriteRegStr HKCU "${KEY}" "DisplayName" "Soro"
    WriteRegStr HKCU "${KEY}" "DisplayVersion" "${VERSION}"
    WriteRegStr HKCU "${KEY}" "DisplayIcon" "$INSTDIR\soro.exe"
    WriteRegStr HKCU "${KEY}" "InstallLocation" "$INSTDIR"
    WriteRegStr HKCU "${KEY}" "UninstallString" '"$INSTDIR\uninstall.exe"'
    WriteRegStr HKCU "${KEY}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
    WriteRegDWORD HKCU "${KEY}" "NoModify" 1
    WriteRegDWORD HKCU "${KEY}" "NoRepair" 1
SectionEnd

; Stopped, or no room: what was there is there again.
Function .onInstFailed
    ${If} $changed == yes
        SetOutPath "$INSTDIR"
        !insertmacro Settle
    ${EndIf}
FunctionEnd

Section "Uninstall"
    !insertmacro StopIfOpen
    ; Only what was installed: the folder itself may hold pupils' work (soro-data).
    RMDir /r "$INSTDIR\_internal"
    RMDir /r "$INSTDIR\_internal.old"
    Delete "$INSTDIR\soro.exe"
    Delete "$INSTDIR\soro.exe.old"
    Delete "$INSTDIR\soro-start.cmd"
    Delete "$INSTDIR\VERSION"
    Delete "$INSTDIR\uninstall.exe"
    Delete "$SMPROGRAMS\Soro.lnk"
    DeleteRegKey HKCU "${CONSOLE}"
    DeleteRegKey HKCU "${KEY}"
    IfFileExists "$LOCALAPPDATA\soro-edge\*.*" work 0
    IfFileExists "$INSTDIR\soro-data\*.*" work done
work:
    ; Asked last and answered No by default; a silent uninstallation keeps it.
    MessageBox MB_YESNO|MB_ICONEXCLAMATION|MB_DEFBUTTON2 "Корҳои хонандагон ҳам нест карда шаванд? Онҳоро баргардондан мумкин нест.$\nУдалить и работы учеников? Вернуть их нельзя.$\nDelete the pupils' work too? It cannot be brought back." /SD IDNO IDNO done
    RMDir /r "$LOCALAPPDATA\soro-edge"
    RMDir /r "$INSTDIR\soro-data"
done:
    RMDir "$INSTDIR"
SectionEnd
