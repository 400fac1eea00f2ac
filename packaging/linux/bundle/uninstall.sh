#!/bin/sh
# Removes what install.sh made. Pupils' work stays, unless `yes` is typed in full.
set -eu
share=${XDG_DATA_HOME:-$HOME/.local/share}
rm -rf "$share/soro-edge-program" "$share/soro-edge-program.new" "$share/soro-edge-program.old"
rm -f "$share/applications/soro-edge.desktop" "$HOME/.local/bin/soro"
work=$share/soro-edge
[ -d "$work" ] || exit 0
printf '%s\n' "Корҳои хонандагон / работы учеников / pupils' work: $work"
printf '%s' "Нест карда шавад? / Удалить? / Delete it? (yes / no) "
read -r answer || answer=no
if [ "$answer" = yes ]; then
    rm -rf "$work"
fi
