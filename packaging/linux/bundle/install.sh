#!/bin/sh
# Installs this folder for the person who runs it: no administrator, no network.
# A copy beside the old one, then one renaming: an interrupted run leaves the old program whole.
set -eu
here=$(dirname "$(readlink -f "$0")")
share=${XDG_DATA_HOME:-$HOME/.local/share}
program=$share/soro-edge-program
mkdir -p "$share/applications" "$HOME/.local/bin"
rm -rf "$program.new"
cp -r "$here" "$program.new"
rm -rf "$program.new/soro-data"
chmod +x "$program.new/soro"
"$program.new/soro" --version >/dev/null
rm -rf "$program.old"
[ ! -e "$program" ] || mv "$program" "$program.old"
mv "$program.new" "$program"
rm -rf "$program.old"
ln -sf "$program/soro" "$HOME/.local/bin/soro"
# What the desktop's rules want before " ` $ \ in a quoted word, and % doubled.
quoted=$(printf '%s' "$program/soro" | sed 's/[\\"`$]/\\\\&/g; s/%/%%/g')
cat >"$share/applications/soro-edge.desktop" <<ENTRY
[Desktop Entry]
Type=Application
Name=Soro
Comment=An offline tutor in Tajik
Comment[tg]=Омӯзгор дар компютер, бе интернет
Comment[ru]=Учитель в компьютере, без интернета
Exec="$quoted"
Terminal=true
Categories=Education;
ENTRY
echo "$program"
