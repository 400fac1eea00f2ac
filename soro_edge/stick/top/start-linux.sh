#!/bin/sh
# What a double click on the stick opens. Where the stick is mounted so that no program may run from
# it (noexec), the program is copied to a temporary folder first.
stick=$(dirname "$(readlink -f "$0")")
program="$stick/soro/linux/soro/soro"
if [ ! -t 0 ] && [ -z "$SORO_TERMINAL" ]; then
    # Started by a double click: a window with a terminal is needed.
    SORO_TERMINAL=1
    export SORO_TERMINAL
    for terminal in x-terminal-emulator gnome-terminal konsole xfce4-terminal mate-terminal lxterminal xterm; do
        if command -v "$terminal" >/dev/null 2>&1; then
            case $terminal in
                gnome-terminal) exec "$terminal" -- sh "$0" "$@" ;;
                *) exec "$terminal" -e sh "$0" "$@" ;;
            esac
        fi
    done
fi
copied=
# Where Soro is installed, that program looks at the stick before any program of the stick runs.
here="$HOME/.local/lib/soro-edge/soro"
if [ -x "$here" ] && "$here" --version >/dev/null 2>&1; then
    program=$here
elif ! "$program" --version >/dev/null 2>&1; then
    copied=$(mktemp -d "${TMPDIR:-/tmp}/soro-XXXXXX") || exit 1
    trap 'rm -rf "$copied"' EXIT
    trap 'exit 130' INT TERM HUP
    mkdir "$copied/linux" && cp -R "$stick/soro/linux/soro" "$copied/linux/" || exit 1
    chmod u+x "$copied/linux/soro/soro"
    # What the program looks for above its own folder stays on the stick.
    for shared in soro-models soro-banks soro-data; do
        ln -s "$stick/soro/$shared" "$copied/$shared"
    done
    program="$copied/linux/soro/soro"
fi
"$program" usb start "$stick"
code=$?
if [ $code -ne 0 ]; then
    case $code in
        [2-9] | 10 | 130) ;; # it started, and said what was wrong
        *) cat "$stick/soro/failed.txt" ;;
    esac
    if [ -t 0 ]; then
        printf '[Enter] '
        read -r _
    fi
fi
exit $code
