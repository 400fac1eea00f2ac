#!/bin/sh
# Removes what install.sh made. Pupils' work stays, beside the program too, unless `yes` is typed in full.
set -eu
share=${XDG_DATA_HOME:-$HOME/.local/share}
program=$share/soro-edge-program
entry=$share/applications/soro-edge.desktop
command=$HOME/.local/bin/soro
stick=$HOME/.local/lib/soro-edge/soro
quoted() {
    printf '"%s"' "$(printf '%s' "$1" | sed 's/[\\"`$]/\\&/g; s/\\/\\\\/g; s/%/%%/g')"
}
# What starts this program goes; where a stick's installation is here too, it takes both over.
if [ "$(readlink "$command" || :)" = "$program/soro" ]; then
    rm -f "$command"
    [ ! -x "$stick" ] || ln -s "$stick" "$command"
fi
if [ -e "$entry" ] && grep -Fqx "Exec=$(quoted "$program/soro")" "$entry"; then
    if [ -x "$stick" ]; then
        { grep -v '^Exec=' "$entry"; printf 'Exec=%s\n' "$(quoted "$stick")"; } >"$entry.new"
        mv "$entry.new" "$entry"
    else
        rm -f "$entry"
    fi
fi
rm -rf "$program.new"
for folder in "$program" "$program.old"; do
    [ -d "$folder" ] || continue
    find "$folder" -mindepth 1 -maxdepth 1 ! -name soro-data -exec rm -rf {} +
    rmdir "$folder" 2>/dev/null || :
done

set --
for work in "$share/soro-edge" "$program/soro-data" "$program.old/soro-data"; do
    [ ! -d "$work" ] || set -- "$@" "$work"
done
[ $# -gt 0 ] || exit 0
for work; do
    printf '%s\n' "Корҳои хонандагон / работы учеников / pupils' work: $work"
done
printf '%s' "Нест карда шавад? / Удалить? / Delete it? (yes / no) "
read -r answer || answer=no
if [ "$answer" = yes ]; then
    rm -rf "$@"
    rmdir "$program" "$program.old" 2>/dev/null || :
fi
