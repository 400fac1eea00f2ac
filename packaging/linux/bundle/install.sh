#!/bin/sh
# Installs this folder for the person who runs it: no administrator, no network.
# A copy beside the old one, then two renamings; where a run was cut, the next one sets it right.
# `soro-data` in the program's folder is pupils' work (portable mode): it moves along.
set -eu
here=$(dirname "$(readlink -f "$0")")
share=${XDG_DATA_HOME:-$HOME/.local/share}
program=$share/soro-edge-program
entry=$share/applications/soro-edge.desktop
command=$HOME/.local/bin/soro

# settle: the old program is back where no new one stands; otherwise it goes, without pupils' work.
settle() {
    [ -e "$program" ] || [ ! -e "$program.old" ] || mv "$program.old" "$program"
    if [ -e "$program.old/soro-data" ]; then
        if [ -e "$program/soro-data" ]; then
            printf '%s\n' "Корҳои хонандагон / работы учеников / pupils' work: 2" \
                "$program/soro-data" "$program.old/soro-data" \
                "Яктоашро ба ҷои дигар баред. / Перенесите одну в другое место. / Move one of them elsewhere." >&2
            exit 1
        fi
        mv "$program.old/soro-data" "$program/soro-data"
    fi
    rm -rf "$program.old"
}

mkdir -p "$share/applications" "$HOME/.local/bin"
settle
rm -rf "$program.new"
cp -r "$here" "$program.new"
rm -rf "$program.new/soro-data"
chmod +x "$program.new/soro"
"$program.new/soro" --version >/dev/null
trap '' HUP INT TERM
[ ! -e "$program" ] || mv "$program" "$program.old"
mv "$program.new" "$program"
settle

# The menu's entry and the command are of the program that was installed last, this one or a stick's.
# What starts nothing any more is nobody's; what starts a third program stays as it is.
quoted() { # What the desktop's rules want before " ` $ \ in a quoted word, and % doubled.
    printf '"%s"' "$(printf '%s' "$1" | sed 's/[\\"`$]/\\&/g; s/\\/\\\\/g; s/%/%%/g')"
}
stick=$HOME/.local/lib/soro-edge/soro
ours=$(quoted "$program/soro")
case $(readlink "$command" || :) in
    "$program/soro" | "$stick") rm -f "$command" ;;
esac
if [ -e "$command" ]; then
    echo "$command: = (другая программа / another program)" >&2
else
    rm -f "$command"
    ln -s "$program/soro" "$command"
fi
starts=$(sed -n 's/^Exec=//p' "$entry" 2>/dev/null || :)
free=
case $starts in
    '' | "$ours" | "$(quoted "$stick")") free=yes ;;
    *[\\%]*) ;;
    '"/'*'"')
        path=${starts#'"'}
        [ -e "${path%'"'}" ] || free=yes
        ;;
esac
if [ -z "$free" ]; then
    echo "$entry: = (другая программа / another program)" >&2
else
    cat >"$entry" <<ENTRY
[Desktop Entry]
Type=Application
Name=Soro
Comment=An offline tutor in Tajik
Comment[tg]=Омӯзгор дар компютер, бе интернет
Comment[ru]=Учитель в компьютере, без интернета
Exec=$ours
Terminal=true
Categories=Education;
ENTRY
fi
echo "$program"
